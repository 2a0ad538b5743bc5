//! A rule: what is known of it, and its plan.

use std::sync::Arc;

use shikra_syntax::{Diagnostic, Span};

use crate::Plan;

/// Severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[allow(missing_docs)]
pub enum Level {
    #[default]
    Informational,
    Low,
    Medium,
    High,
    Critical,
}

/// What rule sets call them.
const NAMES: &[(&str, Level)] = &[
    ("informational", Level::Informational),
    ("low", Level::Low),
    ("medium", Level::Medium),
    ("high", Level::High),
    ("critical", Level::Critical),
    ("info", Level::Informational),
    ("information", Level::Informational),
    ("undefined", Level::Informational),
    ("moderate", Level::Medium),
    ("crit", Level::Critical),
];

impl Level {
    /// Lower-case name.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Informational => "informational",
            Level::Low => "low",
            Level::Medium => "medium",
            Level::High => "high",
            Level::Critical => "critical",
        }
    }
    /// From the names that rule sets use, in any case.
    pub fn parse(text: &str) -> Option<Level> {
        let known = NAMES.iter().find(|(name, _)| text.trim().eq_ignore_ascii_case(name));
        known.map(|(_, level)| *level)
    }
    /// All levels, least first.
    pub const ALL: &[Level] =
        &[Level::Informational, Level::Low, Level::Medium, Level::High, Level::Critical];
}

/// How well a rule loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LoadStatus {
    /// All of it runs.
    Ok,
    /// Some clause is unsupported (see the diagnostics); the rest runs.
    Partial,
    /// It cannot run.
    Rejected,
}

impl LoadStatus {
    /// `ok`, `partial`, `rejected`.
    pub fn as_str(self) -> &'static str {
        match self {
            LoadStatus::Ok => "ok",
            LoadStatus::Partial => "partial",
            LoadStatus::Rejected => "rejected",
        }
    }
}

/// What is known of a rule beside its logic. Texts are as written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleMeta {
    /// The author's id; where there is none, a hash of path and position, prefixed `x-`.
    pub id: String,
    /// Name by which other rules may refer to it (Sigma `name`).
    pub name: Option<String>,
    /// Title.
    pub title: String,
    /// Language, as in findings: `sigma`, `eql`, `kql`, `esql`, `spl`, `logpoint`, `car`, `sql`.
    pub language: &'static str,
    /// Severity of its findings.
    pub level: Level,
    /// `stable`, `test`, `experimental`, `deprecated`, …
    pub status: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// Author.
    pub author: Option<String>,
    /// Date of creation, as written.
    pub date: Option<String>,
    /// Date of last change, as written.
    pub modified: Option<String>,
    /// Tags in the form `attack.t1218.003`, lower-case.
    pub tags: Vec<String>,
    /// References.
    pub references: Vec<String>,
    /// Known false positives.
    pub false_positives: Vec<String>,
    /// Fields an analyst wants to see.
    pub fields: Vec<String>,
    /// File it came from, as the user named it.
    pub path: String,
    /// Where it stands in that file.
    pub span: Span,
    /// The rule's own text; empty where [`RuleMeta::digest`] stands for it.
    pub text: Arc<str>,
    /// What findings' identities need of the text, of rules that nothing but findings is asked of.
    pub digest: Option<[u8; 32]>,
}

/// Makes a [`RuleMeta::digest`] of what is known of a rule, its text included.
pub type Digest = fn(&RuleMeta) -> [u8; 32];

impl RuleMeta {
    /// Has the digest stand for the text: of thousands of rules that nothing but findings is asked of, texts are most
    /// of what they hold.
    pub fn condense(&mut self, digest: Digest) {
        self.digest = Some(digest(self));
        self.text = Arc::default();
    }

    /// ATT&CK technique ids named by the tags, upper-case, in order, once each.
    pub fn techniques(&self) -> Vec<String> {
        let mut out: Vec<String> = Vec::new();
        for tag in &self.tags {
            let Some(id) = tag.strip_prefix("attack.t") else { continue };
            let digits = id.bytes().all(|b| b.is_ascii_digit() || b == b'.');
            let id = format!("T{id}");
            if digits && id.len() >= 5 && !out.contains(&id) {
                out.push(id);
            }
        }
        out
    }
}

/// A rule that can be planned.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Metadata.
    pub meta: Arc<RuleMeta>,
    /// Logic.
    pub plan: Plan,
    /// Whether its own matches are reported: false for a rule that only feeds a correlation.
    pub reports: bool,
    /// How well it loaded.
    pub status: LoadStatus,
    /// What there is to say of it.
    pub diagnostics: Vec<Diagnostic>,
}
