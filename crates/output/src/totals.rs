//! The end of a run: what was read, what was not, which rules ran, what was found.

use std::collections::BTreeMap;

use shikra_input::{Trouble, TroubleKind};
use shikra_ir::Level;

use crate::escape::for_terminal;
use crate::json::{Json, Members};
use crate::paint::{bytes, count, thousands};
use crate::{Paint, Style};

/// How many rules of each kind there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleCounts {
    /// Loaded whole.
    pub ok: u64,
    /// Loaded with an unsupported clause.
    pub partial: u64,
    /// Not loaded.
    pub rejected: u64,
}

/// A rule that could not fire on this data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InertRule {
    /// Id.
    pub id: String,
    /// Title.
    pub title: String,
    /// File, as the user named it.
    pub path: String,
    /// Why: no event of its log source, or a field that no event has.
    pub reason: String,
}

/// What a run did. Troubles and inert rules are all counted; the lists hold as many as the run kept.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Files, archive members and streams read.
    pub sources: u64,
    /// Bytes read, before decompression.
    pub bytes: u64,
    /// Events read.
    pub events: u64,
    /// Troubles by kind.
    pub troubles: BTreeMap<TroubleKind, u64>,
    /// The first of them.
    pub trouble_list: Vec<Trouble>,
    /// Rules by how they loaded.
    pub rules: RuleCounts,
    /// Number of loaded rules that could not fire on this data.
    pub inert: u64,
    /// The first of them.
    pub inert_list: Vec<InertRule>,
    /// Findings by level, least severe first (the order of [`Level::ALL`]).
    pub findings: [u64; 5],
    /// Whether the user ended the run before all was read.
    pub interrupted: bool,
}

impl Totals {
    /// Most troubles and inert rules worth keeping by name.
    pub const KEEP: usize = 1000;

    /// Counts a trouble, and keeps it while there is room.
    pub fn add_trouble(&mut self, trouble: Trouble) {
        *self.troubles.entry(trouble.kind).or_insert(0) += 1;
        if self.trouble_list.len() < Totals::KEEP {
            self.trouble_list.push(trouble);
        }
    }

    /// Counts a rule that could not fire, and keeps it while there is room.
    pub fn add_inert(&mut self, rule: InertRule) {
        self.inert += 1;
        if self.inert_list.len() < Totals::KEEP {
            self.inert_list.push(rule);
        }
    }

    /// Counts a finding.
    pub fn add_finding(&mut self, level: Level) {
        if let Some(n) = self.findings.get_mut(level as usize) {
            *n += 1;
        }
    }

    /// Findings at or above a level.
    pub fn findings_from(&self, level: Level) -> u64 {
        self.findings.iter().skip(level as usize).sum()
    }

    /// Pieces of input that could not be read.
    pub fn unreadable(&self) -> u64 {
        self.troubles.values().sum()
    }

    /// For people: a few lines, the troubles and inert rules by name where the style is verbose.
    pub fn render(&self, style: &Style, seconds: Option<f64>) -> String {
        let mut out = String::new();
        self.render_input(style, seconds, &mut out);
        self.render_rules(style, &mut out);
        self.render_findings(style, &mut out);
        if self.interrupted {
            out.push_str(&style.paint(Paint::Warn, "interrupted: the rest of the input was not read"));
            out.push('\n');
        }
        out
    }

    fn render_input(&self, style: &Style, seconds: Option<f64>, out: &mut String) {
        let mut line = format!(
            "{} in {}, {}",
            count(self.events, "event"),
            count(self.sources, "file"),
            bytes(self.bytes)
        );
        if let Some(s) = seconds.filter(|s| *s > 0.0) {
            let rate = thousands((self.events as f64 / s) as u64);
            line.push_str(&format!(", {s:.1} s ({rate} events/s)"));
        }
        out.push_str(&format!("{} {line}\n", style.paint(Paint::Strong, "read    ")));
        if self.troubles.is_empty() {
            return;
        }
        let kinds: Vec<String> =
            self.troubles.iter().map(|(k, n)| format!("{} {}", thousands(*n), k.as_str())).collect();
        let label = style.paint(Paint::Warn, "not read");
        out.push_str(&format!("{label} {}\n", kinds.join(", ")));
        let shown = if style.verbose { usize::MAX } else { 3 };
        for t in self.trouble_list.iter().take(shown) {
            out.push_str(&format!("           {}\n", trouble_line(t)));
        }
        let shown = self.trouble_list.len().min(shown) as u64;
        self.render_more(self.unreadable() - shown.min(self.unreadable()), style, out);
    }

    fn render_rules(&self, style: &Style, out: &mut String) {
        let RuleCounts { ok, partial, rejected } = self.rules;
        let mut parts = vec![format!("{} loaded", thousands(ok + partial))];
        if partial > 0 {
            parts.push(style.paint(Paint::Warn, &format!("{} of them partial", thousands(partial))));
        }
        if rejected > 0 {
            parts.push(style.paint(Paint::Bad, &format!("{} rejected", thousands(rejected))));
        }
        if self.inert > 0 {
            parts.push(format!("{} unable to fire on this data", thousands(self.inert)));
        }
        out.push_str(&format!("{} {}\n", style.paint(Paint::Strong, "rules   "), parts.join(", ")));
        if style.verbose {
            for r in &self.inert_list {
                let (title, path) = (for_terminal(&r.title), for_terminal(&r.path));
                out.push_str(&format!("           {title} ({path}): {}\n", for_terminal(&r.reason)));
            }
            self.render_more(self.inert - (self.inert_list.len() as u64).min(self.inert), style, out);
        }
    }

    fn render_findings(&self, style: &Style, out: &mut String) {
        let all: u64 = self.findings.iter().sum();
        let levels: Vec<String> = Level::ALL
            .iter()
            .zip(self.findings)
            .rev()
            .filter(|(_, n)| *n > 0)
            .map(|(l, n)| format!("{} {}", thousands(n), style.paint(Paint::Level(*l), l.as_str())))
            .collect();
        let tail = if levels.is_empty() { String::new() } else { format!(": {}", levels.join(", ")) };
        let label = style.paint(Paint::Strong, "findings");
        out.push_str(&format!("{label} {}{tail}\n", thousands(all)));
    }

    fn render_more(&self, hidden: u64, style: &Style, out: &mut String) {
        if hidden > 0 {
            let hint = if style.verbose { "" } else { " (-v names them)" };
            out.push_str(&format!("           … and {} more{hint}\n", thousands(hidden)));
        }
    }

    /// As one JSON object.
    pub fn to_json(&self) -> String {
        let mut out = Vec::new();
        Json::new(&mut out).object(|o| self.write(o));
        String::from_utf8(out).unwrap_or_default()
    }

    fn write(&self, o: &mut Members<'_>) {
        o.key("schema").string("shikra.totals/1");
        o.key("sources").number(self.sources);
        o.key("bytes").number(self.bytes);
        o.key("events").number(self.events);
        o.key("unreadable").object(|o| {
            for (kind, n) in &self.troubles {
                o.key(kind.as_str()).number(*n);
            }
        });
        o.key("troubles").array(|a| {
            for t in &self.trouble_list {
                a.item().object(|o| write_trouble(t, o));
            }
        });
        o.key("rules").object(|o| {
            o.key("ok").number(self.rules.ok);
            o.key("partial").number(self.rules.partial);
            o.key("rejected").number(self.rules.rejected);
            o.key("inert").number(self.inert);
        });
        o.key("inert").array(|a| {
            for r in &self.inert_list {
                a.item().object(|o| {
                    o.key("id").string(&r.id);
                    o.key("title").string(&r.title);
                    o.key("path").string(&r.path);
                    o.key("reason").string(&r.reason);
                });
            }
        });
        o.key("findings").object(|o| {
            for (level, n) in Level::ALL.iter().zip(self.findings) {
                o.key(level.as_str()).number(n);
            }
        });
        o.key("interrupted").bool(self.interrupted);
    }
}

/// `file: corrupt-block at byte 4096: message`, safe for a terminal.
pub(crate) fn trouble_line(t: &Trouble) -> String {
    let mut out = format!("{}: {}", for_terminal(&t.source), t.kind.as_str());
    if let Some(offset) = t.offset {
        out.push_str(&format!(" at byte {offset}"));
    }
    if let Some(record) = t.record {
        out.push_str(&format!(" record {record}"));
    }
    out.push_str(": ");
    out.push_str(&for_terminal(&t.message));
    out
}

pub(crate) fn write_trouble(t: &Trouble, o: &mut Members<'_>) {
    o.key("source").string(&t.source);
    o.key("kind").string(t.kind.as_str());
    match t.offset {
        Some(n) => o.key("offset").number(n),
        None => o.key("offset").null(),
    }
    match t.record {
        Some(n) => o.key("record").number(n),
        None => o.key("record").null(),
    }
    o.key("message").string(&t.message);
}
