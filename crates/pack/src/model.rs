//! What a pack says: the types of `pack.toml`, as `docs/pack.md` describes them.

use shikra_ir::Level;
use shikra_syntax::Span;

/// The schema that this program reads.
pub const SCHEMA: &str = "shikra.pack/1";

/// Everything that `pack.toml` says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pack {
    /// ATT&CK id of the technique, `T1218.003`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Ids that it had before, oldest first.
    pub formerly: Vec<String>,
    /// The technique that it is a part of.
    pub parent: Option<Named>,
    /// Tactics it serves.
    pub tactics: Vec<Named>,
    /// Platforms it is found on.
    pub platforms: Vec<String>,
    /// Rights it needs.
    pub permissions: Vec<String>,
    /// Defences it gets around.
    pub bypasses: Vec<String>,
    /// How bad a finding is, all in all.
    pub severity: Level,
    /// 0 to 100, where a SIEM wants a number.
    pub risk_score: u32,
    /// How sure a finding is: `low`, `medium`, `high`.
    pub confidence: String,
    /// Version of the pack.
    pub version: u32,
    /// Who wrote it.
    pub authors: Vec<String>,
    /// First written, `YYYY-MM-DD`.
    pub created: String,
    /// Last changed, `YYYY-MM-DD`.
    pub modified: String,
    /// What a hunter sets out to show or refute.
    pub hypothesis: String,
    /// What the technique is.
    pub description: String,
    /// Ids of references that the description rests on.
    pub cites: Vec<String>,
    /// Who has used it and how.
    pub procedures: Vec<Procedure>,
    /// Techniques that go with it.
    pub related: Vec<Related>,
    /// Data components and the logs that fill them.
    pub data: Vec<DataComponent>,
    /// Which field of which event shows what.
    pub events: Vec<EventField>,
    /// Published analytics of the same technique, and what of ours says the same.
    pub analytics: Vec<Analytic>,
    /// D3FEND countermeasures.
    pub countermeasures: Vec<Countermeasure>,
    /// Ordinary things that look like it, with tuning.
    pub false_positives: Vec<FalsePositive>,
    /// What prevents it.
    pub mitigations: Vec<Mitigation>,
    /// What to switch on to see it.
    pub configuration: Vec<Configuration>,
    /// What to look at when a detection has fired, in order.
    pub investigation: Vec<Step>,
    /// What to do about it, in order.
    pub response: Vec<Step>,
    /// Notes for hunters.
    pub hunting: Hunting,
    /// How to try it out, and what must then be seen.
    pub tests: Vec<TestPlan>,
    /// What was written about it.
    pub references: Vec<Reference>,
}

/// An id with its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// The id, as its publisher writes it.
    pub id: String,
    /// The name.
    pub name: String,
}

/// A group, malware or tool that used the technique.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Procedure {
    /// ATT&CK id (`G0080`, `S0223`).
    pub id: String,
    /// Name.
    pub name: String,
    /// `group`, `software` or `campaign`.
    pub kind: String,
    /// What they did.
    pub what: String,
    /// A command line that was seen.
    pub command: String,
    /// Other groups and software that had a part in it, by ATT&CK id.
    pub with: Vec<String>,
    /// Ids of references.
    pub references: Vec<String>,
    /// Where it stands.
    pub span: Span,
}

/// A technique that goes with this one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Related {
    /// ATT&CK id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Ids that it had before.
    pub formerly: Vec<String>,
    /// What it has to do with this one.
    pub why: String,
}

/// A data component of ATT&CK.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DataComponent {
    /// ATT&CK id (`DC0032`).
    pub id: String,
    /// Name.
    pub name: String,
    /// Older name of the data source ("Process monitoring").
    pub source: String,
    /// Logs and products that fill it.
    pub logs: Vec<String>,
    /// Index patterns or tables it is searched in.
    pub tables: Vec<String>,
    /// What it shows.
    pub shows: String,
}

/// What a field of an event shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventField {
    /// Provider, as the event names it.
    pub provider: String,
    /// Event id.
    pub event_id: u32,
    /// Field.
    pub field: String,
    /// The value to look for.
    pub value: String,
    /// What that shows.
    pub shows: String,
    /// Ids of references.
    pub references: Vec<String>,
    /// Where it stands.
    pub span: Span,
}

/// An analytic that somebody else has published.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Analytic {
    /// Its id (`CAR-2020-11-010`, a UUID).
    pub id: String,
    /// Its title.
    pub name: String,
    /// Publisher (`MITRE CAR`, `SigmaHQ`, `Elastic`, `ThreatHunter-Playbook`).
    pub publisher: String,
    /// Languages it is written in.
    pub languages: Vec<String>,
    /// Its authors and contributors.
    pub authors: Vec<String>,
    /// First published.
    pub created: String,
    /// Last changed.
    pub modified: String,
    /// Its status, kind or coverage, as `key = value` words.
    pub facts: Vec<(String, String)>,
    /// Objects, actions and fields of a data model that it reads: `process/create/exe`.
    pub data_model: Vec<String>,
    /// What it looks for, in our words.
    pub looks_for: String,
    /// What is to be known before trusting it.
    pub caveat: String,
    /// Our detections that say the same, by rule id.
    pub ours: Vec<String>,
    /// Ids of references.
    pub references: Vec<String>,
    /// Where it stands.
    pub span: Span,
}

/// A countermeasure of D3FEND.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Countermeasure {
    /// Id (`D3-PSA`).
    pub id: String,
    /// Name.
    pub name: String,
    /// What it does here.
    pub what: String,
    /// Ids of references.
    pub references: Vec<String>,
    /// Where it stands.
    pub span: Span,
}

/// Something ordinary that looks like the technique.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FalsePositive {
    /// Short name, for messages.
    pub id: String,
    /// What it is.
    pub what: String,
    /// Detections it makes fire, by rule id.
    pub rules: Vec<String>,
    /// How to tune for it.
    pub tuning: String,
    /// A Sigma filter that excludes it; empty: nothing to exclude.
    pub exclusion: String,
    /// Events that show what the exclusion does.
    pub tests: Vec<ExclusionTest>,
    /// Where it stands.
    pub span: Span,
}

/// An event for an exclusion.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExclusionTest {
    /// What the event is.
    pub name: String,
    /// Whether the exclusion must silence the rules on it; otherwise they must fire with it as without.
    pub excluded: bool,
    /// The rules asked; empty: any of the false positive's.
    pub rules: Vec<String>,
    /// Fields of the event, with `Provider` and `EventID`.
    pub event: Vec<(String, String)>,
    /// Where it stands.
    pub span: Span,
}

/// Something that prevents the technique.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mitigation {
    /// ATT&CK id (`M1038`).
    pub id: String,
    /// Name.
    pub name: String,
    /// What to do here.
    pub what: String,
    /// A file of `mitigations/` that does it.
    pub artefact: String,
    /// Ids of references.
    pub references: Vec<String>,
    /// Where it stands.
    pub span: Span,
}

/// Something to switch on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Configuration {
    /// What it is called.
    pub title: String,
    /// What to set, and what it gives.
    pub what: String,
    /// The setting or configuration text.
    pub setting: String,
    /// Ids of references.
    pub references: Vec<String>,
    /// Where it stands.
    pub span: Span,
}

/// A step of an investigation or a response.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// Phase (`scope`, `contain`, `eradicate` …) or the short name of a question.
    pub phase: String,
    /// What to do.
    pub what: String,
    /// What to look at: provider, event id, field.
    pub look_at: Vec<String>,
    /// What it means.
    pub means: String,
}

/// Notes for hunters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hunting {
    /// What experience says.
    pub notes: Vec<String>,
    /// Analytics, each a filter or query with what it shows.
    pub ideas: Vec<Idea>,
    /// Hunting techniques: which serve here, which do not, and why.
    pub techniques: Vec<Technique>,
}

/// A query worth running.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Idea {
    /// What sort of analytic it is (`anomaly`, `situational awareness`, `ttp`).
    pub kind: String,
    /// Language of the query.
    pub language: String,
    /// The query.
    pub query: String,
    /// The data object it reads.
    pub object: String,
    /// What it shows.
    pub shows: String,
    /// Ids of references.
    pub references: Vec<String>,
}

/// A hunting technique.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Technique {
    /// Its name.
    pub name: String,
    /// Whether it serves here.
    pub serves: bool,
    /// Why, or why not.
    pub why: String,
}

/// A way to try the technique out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TestPlan {
    /// Its name.
    pub name: String,
    /// What is done.
    pub what: String,
    /// Who has published it.
    pub publisher: String,
    /// The file of `simulations/` that does it; empty where it has none.
    pub simulation: String,
    /// Events that must then be there.
    pub expect: Vec<Signal>,
    /// Ids of references.
    pub references: Vec<String>,
    /// Where it stands.
    pub span: Span,
}

/// An event that a test must leave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Signal {
    /// Provider, as the event names it.
    pub provider: String,
    /// Event id.
    pub event_id: u32,
    /// What is in it.
    pub what: String,
}

/// Something that was written about the technique.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reference {
    /// Short name that other parts refer to it by.
    pub id: String,
    /// Author.
    pub author: String,
    /// Title.
    pub title: String,
    /// Published.
    pub date: String,
    /// Last seen by those who cite it.
    pub retrieved: String,
    /// Address.
    pub url: String,
    /// Where it stands.
    pub span: Span,
}
