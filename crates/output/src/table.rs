//! Findings for people: grouped by level and rule, with counts, hosts, first and last seen and examples.
//!
//! Keeps one bounded summary per rule, never the findings.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;

use shikra_engine::finding::{Rarity, Totals};
use shikra_event::{Name, Timestamp};
use shikra_ir::Level;

use crate::escape::for_terminal;
use crate::finding::Item;
use crate::paint::{clip, count, pad, thousands, width};
use crate::{Output, Paint, RuleView, Settings, Sink, Style, telling};

/// `table`.
pub static OUTPUT: Output = Output {
    name: "table",
    about: "For people: grouped by level and rule",
    streams: false,
    extension: "txt",
    open: |out, settings| Box::new(Table { out, settings, groups: HashMap::new(), order: Vec::new() }),
};

/// Examples kept per rule where nobody says otherwise, and with `-v`.
const EXAMPLES: usize = 3;
const EXAMPLES_VERBOSE: usize = 20;
/// Hosts counted by name per rule; further ones are counted together.
const MAX_HOSTS: usize = 256;
/// Longest details kept of an example, in characters.
const MAX_DETAILS: usize = 600;

struct Table {
    out: Box<dyn Write + Send>,
    settings: Settings,
    /// By address of the rule: every finding of a rule shares one.
    groups: HashMap<usize, usize>,
    order: Vec<Group>,
}

/// What is kept of one rule's findings.
struct Group {
    rule: Arc<RuleView>,
    count: u64,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    hosts: BTreeMap<Name, u64>,
    other_hosts: u64,
    examples: Vec<Example>,
    /// That of the most unusual finding.
    rarity: Option<Rarity>,
}

/// Findings that look the same: one host, one text.
struct Example {
    time: Option<Timestamp>,
    host: Name,
    what: String,
    details: String,
    count: u64,
}

impl Sink for Table {
    fn finding(&mut self, item: Item<'_>) -> io::Result<()> {
        let limit = match self.settings.examples {
            0 if self.settings.style.verbose => EXAMPLES_VERBOSE,
            0 => EXAMPLES,
            n => n,
        };
        let key = Arc::as_ptr(item.rule) as usize;
        let at = *self.groups.entry(key).or_insert_with(|| {
            self.order.push(Group::new(item.rule.clone()));
            self.order.len() - 1
        });
        if let Some(group) = self.order.get_mut(at) {
            group.add(item, limit);
        }
        Ok(())
    }

    fn finish(&mut self, _: &Totals) -> io::Result<()> {
        // Most severe first; then the rare before the frequent, since rare things are looked at first.
        self.order.sort_by(|a, b| {
            let key = |g: &Group| (std::cmp::Reverse(g.rule.meta.level), g.count);
            key(a).cmp(&key(b)).then_with(|| a.rule.meta.title.cmp(&b.rule.meta.title))
        });
        let style = self.settings.style;
        let mut text = String::new();
        let mut level = None;
        for group in &self.order {
            if level.replace(group.rule.meta.level) != Some(group.rule.meta.level) {
                heading(&self.order, group.rule.meta.level, &style, &mut text);
            }
            group.render(&style, &mut text);
            self.out.write_all(text.as_bytes())?;
            text.clear();
        }
        self.out.flush()
    }
}

fn heading(groups: &[Group], level: Level, style: &Style, out: &mut String) {
    let of_level = || groups.iter().filter(|g| g.rule.meta.level == level);
    let findings = of_level().map(|g| g.count).sum();
    let name = format!(" {} ", level.as_str().to_uppercase());
    let what = format!("{}, {}", count(findings, "finding"), count(of_level().count() as u64, "rule"));
    let name = style.paint(Paint::Level(level), &name);
    out.push_str(&format!("{name} {}\n\n", style.paint(Paint::Faint, &what)));
}

impl Group {
    fn new(rule: Arc<RuleView>) -> Group {
        Group {
            rule,
            count: 0,
            first: None,
            last: None,
            hosts: BTreeMap::new(),
            other_hosts: 0,
            examples: Vec::new(),
            rarity: None,
        }
    }

    fn add(&mut self, f: Item<'_>, limit: usize) {
        self.count += 1;
        if let Some(t) = f.time {
            self.first = Some(self.first.map_or(t, |first| first.min(t)));
            self.last = Some(self.last.map_or(t, |last| last.max(t)));
        }
        let host: Name = if f.host.is_empty() { "-".into() } else { f.host.clone() };
        if self.hosts.contains_key(&host) || self.hosts.len() < MAX_HOSTS {
            *self.hosts.entry(host.clone()).or_insert(0) += 1;
        } else {
            self.other_hosts += 1;
        }
        if let Some(r) = &f.rarity
            && self.rarity.as_ref().is_none_or(|most| r.score > most.score)
        {
            self.rarity = Some(r.clone());
        }
        let details = clip(&telling::details(&f), MAX_DETAILS);
        if let Some(same) = self.examples.iter_mut().find(|e| e.host == host && e.details == details) {
            same.count += 1;
        } else if self.examples.len() < limit {
            let what = match f.events.as_slice() {
                [one] => telling::label(one),
                [first, ..] if f.twins => telling::label(first),
                _ => String::new(),
            };
            self.examples.push(Example { time: f.time, host, what, details, count: 1 });
        }
    }

    fn render(&self, style: &Style, out: &mut String) {
        self.render_title(style, out);
        self.render_facts(style, out);
        self.render_rarity(style, out);
        let mut examples: Vec<&Example> = self.examples.iter().collect();
        examples.sort_by_key(|e| (e.time.is_none(), e.time));
        let what_room = examples.iter().map(|e| width(&e.what)).max().unwrap_or(0).min(28);
        let host_room = match self.hosts.len() {
            0 | 1 => 0,
            _ => examples.iter().map(|e| width(&for_terminal(&e.host))).max().unwrap_or(0).min(24),
        };
        for example in &examples {
            example.render(style, what_room, host_room, out);
        }
        let shown: u64 = examples.iter().map(|e| e.count).sum();
        if self.count > shown {
            let more = format!("    … and {} more\n", thousands(self.count - shown));
            out.push_str(&style.paint(Paint::Faint, &more));
        }
        out.push('\n');
    }

    fn render_title(&self, style: &Style, out: &mut String) {
        let techniques = self.rule.techniques.join(" ");
        let number = format!("{} × ", thousands(self.count));
        let room = style.width.unwrap_or(0).saturating_sub(width(&number) + width(&techniques) + 4);
        let title = style.clip(&for_terminal(&self.rule.meta.title), room.max(20));
        out.push_str(&format!(
            "  {number}{}  {}\n",
            style.paint(Paint::Strong, &title),
            style.paint(Paint::Faint, &for_terminal(&techniques))
        ));
    }

    /// First and last seen, hosts, file of the rule.
    fn render_facts(&self, style: &Style, out: &mut String) {
        let mut facts = Vec::new();
        match (self.first, self.last) {
            (Some(a), Some(b)) => facts.push(between(&seconds(a), &seconds(b))),
            _ => facts.push("no time".to_owned()),
        }
        facts.push(self.host_list(if style.verbose { 20 } else { 4 }));
        let path = for_terminal(&self.rule.meta.path);
        if style.verbose {
            facts.extend([path, for_terminal(&self.rule.meta.id)]);
        } else {
            facts.push(path.rsplit(['/', '\\']).next().unwrap_or("").to_owned());
        }
        let line = style.clip(&facts.join(" · "), style.width.unwrap_or(0).saturating_sub(4));
        out.push_str(&format!("    {}\n", style.paint(Paint::Faint, &line)));
    }

    /// How unusual the most unusual finding is.
    fn render_rarity(&self, style: &Style, out: &mut String) {
        let Some(r) = &self.rarity else { return };
        let seen = match r.seen {
            None => "the program was never seen before".to_owned(),
            Some((events, hosts)) => {
                format!("the program was seen {} times on {}", thousands(events), count(hosts, "host"))
            }
        };
        let shown = if style.verbose { usize::MAX } else { 4 };
        let new: Vec<String> = r.new.iter().take(shown).map(|n| for_terminal(n)).collect();
        let new = if new.is_empty() { String::new() } else { format!(" · new: {}", new.join(", ")) };
        let line = format!("unusual {:.1} · {seen}{new}", r.score);
        let line = style.clip(&line, style.width.unwrap_or(0).saturating_sub(4));
        out.push_str(&format!("    {}\n", style.paint(Paint::Warn, &line)));
    }

    fn host_list(&self, max: usize) -> String {
        let mut hosts: Vec<(&Name, u64)> = self.hosts.iter().map(|(n, c)| (n, *c)).collect();
        if let [(only, _)] = hosts[..] {
            return for_terminal(only);
        }
        hosts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        let mut parts: Vec<String> =
            hosts.iter().take(max).map(|(n, c)| format!("{} ({})", for_terminal(n), thousands(*c))).collect();
        let hidden = hosts.len().saturating_sub(max);
        match (hidden, self.other_hosts) {
            (0, 0) => {}
            (n, 0) => parts.push(format!("{} more hosts", thousands(n as u64))),
            (n, _) => parts.push(format!("more than {} more hosts", thousands(n as u64))),
        }
        parts.join(", ")
    }
}

impl Example {
    fn render(&self, style: &Style, what_room: usize, host_room: usize, out: &mut String) {
        let mut head = pad(&self.time.map_or_else(|| "no time".to_owned(), millis), 23);
        if host_room > 0 {
            head.push_str("  ");
            head.push_str(&pad(&clip(&for_terminal(&self.host), host_room), host_room));
        }
        if what_room > 0 {
            head.push_str("  ");
            head.push_str(&pad(&clip(&self.what, what_room), what_room));
        }
        let times = if self.count > 1 { format!("  ×{}", thousands(self.count)) } else { String::new() };
        let faint = style.paint(Paint::Faint, &head);
        let times_painted = style.paint(Paint::Strong, &times);
        let columns = style.width.unwrap_or(usize::MAX);
        if 6 + width(&head) + width(&self.details) + width(&times) <= columns {
            out.push_str(&format!("    {faint}  {}{times_painted}\n", self.details));
            return;
        }
        let details = if style.verbose {
            wrap(&self.details, columns, 8)
        } else {
            clip(&self.details, columns.saturating_sub(8).max(30))
        };
        out.push_str(&format!("    {faint}{times_painted}\n        {details}\n"));
    }
}

/// Breaks text at the width of the terminal, indented, wherever it comes to the end of a line.
fn wrap(text: &str, columns: usize, indent: usize) -> String {
    let room = columns.saturating_sub(indent).max(30);
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let w = unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        if used + w > room {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent));
            used = 0;
        }
        used += w;
        out.push(c);
    }
    out
}

/// From one [`seconds`] to another; what they share is said once.
fn between(first: &str, last: &str) -> String {
    match (first.split_once(' '), last.split_once(' ')) {
        _ if first == last => first.to_owned(),
        (Some((a, _)), Some((b, time))) if a == b => format!("{first} to {time}"),
        _ => format!("{first} to {last}"),
    }
}

/// `2020-10-22 01:54:25`.
fn seconds(t: Timestamp) -> String {
    let (y, mo, d, h, mi, s, _) = t.civil();
    format!("{y:04}-{mo:02}-{d:02} {h:02}:{mi:02}:{s:02}")
}

/// `2020-10-22 01:54:25.123`.
fn millis(t: Timestamp) -> String {
    format!("{}.{:03}", seconds(t), t.civil().6 / 1_000_000)
}
