//! What `rules check`, `list` and `show` say of rules: one line of JSON per rule, or text for people.

use std::collections::BTreeMap;

use shikra_ir::{LoadStatus, Rule, RuleMeta};
use shikra_syntax::{Diagnostic, Severity, Source};

use crate::escape::for_terminal;
use crate::json::{Json, Members};
use crate::paint::thousands;
use crate::{Paint, Style};

/// Why a rule is not simply `ok`, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Stable kebab-case name.
    pub code: &'static str,
    /// One sentence.
    pub message: String,
    /// 1-based line in the file.
    pub line: usize,
    /// 1-based column, in characters.
    pub column: usize,
    /// How bad it is.
    pub severity: Severity,
    /// What to do.
    pub help: Option<String>,
}

/// How one rule loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleCheck {
    /// File, as the user named it.
    pub path: String,
    /// Id.
    pub id: String,
    /// Title.
    pub title: String,
    /// Language.
    pub language: &'static str,
    /// How well it loaded.
    pub status: LoadStatus,
    /// What there is to say, worst first.
    pub reasons: Vec<Reason>,
}

impl RuleCheck {
    /// From what a frontend said of a rule; `source` is the whole file that the spans point into.
    pub fn new(
        meta: &RuleMeta,
        status: LoadStatus,
        diagnostics: &[Diagnostic],
        source: &Source,
    ) -> RuleCheck {
        let mut reasons: Vec<Reason> = diagnostics.iter().map(|d| Reason::new(d, source)).collect();
        reasons.sort_by_key(|r| std::cmp::Reverse(r.severity));
        RuleCheck {
            path: meta.path.clone(),
            id: meta.id.clone(),
            title: meta.title.clone(),
            language: meta.language,
            status,
            reasons,
        }
    }

    /// As one line of JSON, without the line end.
    pub fn to_json(&self) -> String {
        let mut out = Vec::new();
        Json::new(&mut out).object(|o| self.write(o));
        String::from_utf8(out).unwrap_or_default()
    }

    fn write(&self, o: &mut Members<'_>) {
        o.key("path").string(&self.path);
        o.key("id").string(&self.id);
        o.key("title").string(&self.title);
        o.key("language").string(self.language);
        o.key("status").string(self.status.as_str());
        o.key("reasons").array(|a| {
            for r in &self.reasons {
                a.item().object(|o| {
                    o.key("code").string(r.code);
                    o.key("message").string(&r.message);
                    o.key("line").number(r.line as u64);
                    o.key("column").number(r.column as u64);
                    o.key("severity").string(r.severity.as_str());
                    o.key("help").string_or_null(r.help.as_deref());
                });
            }
        });
    }

    /// For people: the rule, then `path:line:column: severity[code]: message` per reason. Empty for a rule
    /// that is `ok` without remark, unless the style is verbose.
    pub fn render(&self, style: &Style) -> String {
        if self.reasons.is_empty() && self.status == LoadStatus::Ok && !style.verbose {
            return String::new();
        }
        let path = for_terminal(&self.path);
        let status = style.paint(status_paint(self.status), self.status.as_str());
        let title = style.paint(Paint::Strong, &for_terminal(&self.title));
        let mut out = format!("{status} {title}");
        if self.reasons.is_empty() {
            out.push_str(&format!("  {}", style.paint(Paint::Faint, &path)));
        }
        out.push('\n');
        for r in &self.reasons {
            let paint = match r.severity {
                Severity::Error => Paint::Bad,
                Severity::Warning => Paint::Warn,
                Severity::Note => Paint::Faint,
            };
            let kind = style.paint(paint, &format!("{}[{}]", r.severity.as_str(), r.code));
            let message = for_terminal(&r.message);
            out.push_str(&format!("  {path}:{}:{}: {kind}: {message}\n", r.line, r.column));
            if let Some(help) = &r.help {
                out.push_str(&format!("    help: {}\n", for_terminal(help)));
            }
        }
        out
    }
}

impl Reason {
    /// With the place worked out from its span.
    pub fn new(d: &Diagnostic, source: &Source) -> Reason {
        let (line, column) = source.position(d.span.start);
        Reason {
            code: d.code,
            message: d.message.clone(),
            line,
            column,
            severity: d.severity,
            help: d.help.clone(),
        }
    }
}

fn status_paint(status: LoadStatus) -> Paint {
    match status {
        LoadStatus::Ok => Paint::Good,
        LoadStatus::Partial => Paint::Warn,
        LoadStatus::Rejected => Paint::Bad,
    }
}

/// A rule on one line: for people in a style, else as JSON.
pub fn rule_line(rule: &Rule, style: Option<&Style>) -> String {
    let m = &rule.meta;
    if let Some(style) = style {
        let level = style.paint(Paint::Level(m.level), &format!("{:13}", m.level.as_str()));
        let (title, path) = (for_terminal(&m.title), style.paint(Paint::Faint, &for_terminal(&m.path)));
        return format!("{level} {:8} {title}  {path}", m.language);
    }
    let mut out = Vec::new();
    Json::new(&mut out).object(|o| {
        o.key("id").string(&m.id);
        o.key("title").string(&m.title);
        o.key("language").string(m.language);
        o.key("level").string(m.level.as_str());
        o.key("status").string(rule.status.as_str());
        o.key("path").string(&m.path);
        o.key("techniques").strings(&m.techniques());
        o.key("tags").strings(&m.tags);
    });
    String::from_utf8(out).unwrap_or_default()
}

/// All that is known of a rule, for people, then `body`: its text or its plan.
pub fn rule_page(rule: &Rule, body: &str, style: &Style) -> String {
    let m = &rule.meta;
    let mut out = format!("{}\n", style.paint(Paint::Strong, &for_terminal(&m.title)));
    let level = style.paint(Paint::Level(m.level), m.level.as_str());
    let loads = style.paint(status_paint(rule.status), rule.status.as_str());
    let techniques = m.techniques().join(", ");
    let text = |t: &Option<String>| t.clone().unwrap_or_default();
    let facts = [
        ("id", for_terminal(&m.id)),
        ("language", m.language.to_owned()),
        ("level", level),
        ("loads", loads),
        ("status", for_terminal(&text(&m.status))),
        ("author", for_terminal(&text(&m.author))),
        ("date", for_terminal(&text(&m.date))),
        ("modified", for_terminal(&text(&m.modified))),
        ("techniques", for_terminal(&techniques)),
        ("file", for_terminal(&m.path)),
    ];
    for (name, value) in facts.iter().filter(|(_, v)| !v.is_empty()) {
        out.push_str(&format!("  {name:10} {value}\n"));
    }
    for d in &rule.diagnostics {
        let message = for_terminal(&d.message);
        out.push_str(&format!("  {}[{}]: {message}\n", d.severity.as_str(), d.code));
    }
    out.push('\n');
    crate::escape::terminal_lines(body.trim_end(), &mut out);
    out.push_str("\n\n");
    out
}

/// Counts over all rules checked, and the most frequent reasons.
#[derive(Clone, Debug, Default)]
pub struct RuleSummary {
    by: BTreeMap<(&'static str, LoadStatus), u64>,
    reasons: BTreeMap<(Severity, &'static str), u64>,
}

impl RuleSummary {
    /// Counts one rule.
    pub fn add(&mut self, check: &RuleCheck) {
        *self.by.entry((check.language, check.status)).or_insert(0) += 1;
        for r in &check.reasons {
            *self.reasons.entry((r.severity, r.code)).or_insert(0) += 1;
        }
    }

    /// Rules of a status, over all languages.
    pub fn count(&self, status: LoadStatus) -> u64 {
        self.by.iter().filter(|((_, s), _)| *s == status).map(|(_, n)| n).sum()
    }

    /// For people: one line per language, then how often each reason was given.
    pub fn render(&self, style: &Style) -> String {
        let mut out = String::new();
        let mut languages: Vec<&str> = self.by.keys().map(|(l, _)| *l).collect();
        languages.dedup();
        for language in languages {
            let of = |status| self.by.get(&(language, status)).copied().unwrap_or(0);
            let statuses = [LoadStatus::Ok, LoadStatus::Partial, LoadStatus::Rejected];
            let parts: Vec<String> = statuses
                .into_iter()
                .filter(|s| of(*s) > 0)
                .map(|s| format!("{} {}", thousands(of(s)), style.paint(status_paint(s), s.as_str())))
                .collect();
            out.push_str(&format!(
                "{} {}\n",
                style.paint(Paint::Strong, &format!("{language:8}")),
                parts.join(", ")
            ));
        }
        if self.by.is_empty() {
            out.push_str("no rules found\n");
        }
        let mut reasons: Vec<_> = self.reasons.iter().collect();
        reasons.sort_by(|a, b| b.0.0.cmp(&a.0.0).then(b.1.cmp(a.1)));
        for ((severity, code), n) in reasons {
            out.push_str(&format!("  {:>7} × {}[{code}]\n", thousands(*n), severity.as_str()));
        }
        out
    }
}
