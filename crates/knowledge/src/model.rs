//! What is known: entities, and relations between them.
//!
//! Loaders answer [`Part`]s, in which relations name entities by id; [`crate::Knowledge`] joins them.

use std::fmt;

use crate::details::Details;

/// What an entity is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// ATT&CK tactic: `TA0005`.
    Tactic,
    /// ATT&CK technique or sub-technique: `T1218.003`.
    Technique,
    /// Group of adversaries: `G0080`.
    Group,
    /// Malware or tool: `S0154`.
    Software,
    /// Campaign: `C0022`.
    Campaign,
    /// ATT&CK mitigation: `M1042`.
    Mitigation,
    /// ATT&CK data source: `DS0009`.
    DataSource,
    /// ATT&CK data component: `DC0032`.
    DataComponent,
    /// ATT&CK detection strategy: `DET0103`.
    Strategy,
    /// ATT&CK analytic of a detection strategy: `AN0110`.
    Analytic,
    /// D3FEND technique: `D3-PSA`.
    Countermeasure,
    /// Analytic of the Cyber Analytics Repository: `CAR-2013-10-002`.
    CarAnalytic,
    /// Object of CAR's data model: `process`.
    CarObject,
    /// Sensor that CAR has a mapping of: `sysmon 13`.
    CarSensor,
    /// Test of Atomic Red Team, by its GUID.
    Atomic,
    /// Entry of LOLBAS, by its name: `Cmstp.exe`.
    Lolbas,
    /// Event of a sensor, by log and id: `Security 4688`.
    SensorEvent,
}

/// Kind, name in tables, name for people, name of several.
const KINDS: &[(Kind, &str, &str, &str)] = &[
    (Kind::Tactic, "tactic", "tactic", "tactics"),
    (Kind::Technique, "technique", "technique", "techniques"),
    (Kind::Group, "group", "group", "groups"),
    (Kind::Software, "software", "software", "software"),
    (Kind::Campaign, "campaign", "campaign", "campaigns"),
    (Kind::Mitigation, "mitigation", "mitigation", "mitigations"),
    (Kind::DataSource, "data-source", "data source", "data sources"),
    (Kind::DataComponent, "data-component", "data component", "data components"),
    (Kind::Strategy, "detection-strategy", "detection strategy", "detection strategies"),
    (Kind::Analytic, "analytic", "analytic", "analytics"),
    (Kind::Countermeasure, "countermeasure", "D3FEND countermeasure", "D3FEND countermeasures"),
    (Kind::CarAnalytic, "car-analytic", "CAR analytic", "CAR analytics"),
    (Kind::CarObject, "car-object", "object of CAR's data model", "objects of CAR's data model"),
    (Kind::CarSensor, "car-sensor", "sensor in CAR", "sensors in CAR"),
    (Kind::Atomic, "atomic", "atomic test", "atomic tests"),
    (Kind::Lolbas, "lolbas", "LOLBAS entry", "LOLBAS entries"),
    (Kind::SensorEvent, "sensor-event", "event of a sensor", "events of sensors"),
];

impl Kind {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Kind> {
        KINDS.iter().map(|k| k.0)
    }

    fn row(self) -> &'static (Kind, &'static str, &'static str, &'static str) {
        KINDS.iter().find(|k| k.0 == self).unwrap_or(&KINDS[0])
    }

    /// Kebab-case name, as in tables and JSON.
    pub fn as_str(self) -> &'static str {
        self.row().1
    }

    /// Name for people.
    pub fn title(self) -> &'static str {
        self.row().2
    }

    /// Name for people of several.
    pub fn plural(self) -> &'static str {
        self.row().3
    }

    /// From [`Kind::as_str`].
    pub fn named(name: &str) -> Option<Kind> {
        KINDS.iter().find(|k| k.1 == name).map(|k| k.0)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())
    }
}

/// Whether an entity still stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// It does.
    #[default]
    Current,
    /// Its makers gave it up and name no successor.
    Deprecated,
    /// Another one stands in its place, where its makers say which.
    Revoked(Option<String>),
}

impl State {
    /// `current`, `deprecated`, `revoked`.
    pub fn as_str(&self) -> &'static str {
        match self {
            State::Current => "current",
            State::Deprecated => "deprecated",
            State::Revoked(_) => "revoked",
        }
    }
}

/// Where something is written down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reference {
    /// Name by which texts cite it: `(Citation: NAME)`.
    pub name: String,
    /// What it is.
    pub text: String,
    /// Address; may be empty.
    pub url: String,
}

/// Something that is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Entity {
    /// Public id as its makers write it.
    pub id: String,
    /// What it is.
    pub kind: Kind,
    /// Name.
    pub name: String,
    /// Other names, its own left out.
    pub aliases: Vec<String>,
    /// Whether it still stands.
    pub state: State,
    /// Prose, as its makers wrote it (ATT&CK: Markdown with `(Citation: …)`). Empty where only facts are known.
    pub description: String,
    /// Platforms, as its makers name them.
    pub platforms: Vec<String>,
    /// Of techniques: short names of tactics (`defense-evasion`); of a tactic: its own.
    pub tactics: Vec<String>,
    /// Its page; may be empty.
    pub url: String,
    /// What its texts cite.
    pub references: Vec<Reference>,
    /// What only its kind has.
    pub details: Details,
}

impl Entity {
    /// With nothing known but this.
    pub fn new(kind: Kind, id: impl Into<String>, name: impl Into<String>) -> Entity {
        Entity {
            id: id.into(),
            kind,
            name: name.into(),
            aliases: Vec::new(),
            state: State::Current,
            description: String::new(),
            platforms: Vec::new(),
            tactics: Vec::new(),
            url: String::new(),
            references: Vec::new(),
            details: Details::None,
        }
    }

    /// Takes over what `other` knows of the same entity. What it does not know stays.
    pub(crate) fn absorb(&mut self, other: Entity) {
        fn text(mine: &mut String, theirs: String) {
            if !theirs.is_empty() {
                *mine = theirs;
            }
        }
        fn list<T>(mine: &mut Vec<T>, theirs: Vec<T>) {
            if !theirs.is_empty() {
                *mine = theirs;
            }
        }
        text(&mut self.name, other.name);
        text(&mut self.description, other.description);
        text(&mut self.url, other.url);
        list(&mut self.aliases, other.aliases);
        list(&mut self.platforms, other.platforms);
        list(&mut self.tactics, other.tactics);
        list(&mut self.references, other.references);
        // A successor that is known is not forgotten.
        if !matches!((&self.state, &other.state), (State::Revoked(Some(_)), State::Revoked(None))) {
            self.state = other.state;
        }
        if !matches!(other.details, Details::None) {
            self.details = other.details;
        }
    }
}

/// What one entity has to do with another: it reads from the first to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Relates {
    /// Sub-technique of a technique.
    Within,
    /// Group, software or campaign uses a technique; group or campaign uses software.
    Uses,
    /// Campaign of a group.
    AttributedTo,
    /// Mitigation against a technique.
    Mitigates,
    /// Detection strategy for a technique.
    Detects,
    /// Detection strategy has an analytic.
    HasAnalytic,
    /// Analytic reads a data component.
    Reads,
    /// Data component of a data source.
    OfSource,
    /// D3FEND countermeasure against a technique.
    Counters,
    /// CAR analytic covers a technique.
    Covers,
    /// CAR analytic is an instance of a D3FEND countermeasure.
    Implements,
    /// Atomic test of a technique.
    Tests,
    /// LOLBAS entry serves a technique.
    Serves,
    /// Event of a sensor shows a data component, which the link names by its name.
    Shows,
}

/// Relation, name in tables and JSON.
const RELATIONS: &[(Relates, &str)] = &[
    (Relates::Within, "within"),
    (Relates::Uses, "uses"),
    (Relates::AttributedTo, "attributed-to"),
    (Relates::Mitigates, "mitigates"),
    (Relates::Detects, "detects"),
    (Relates::HasAnalytic, "has-analytic"),
    (Relates::Reads, "reads"),
    (Relates::OfSource, "of-source"),
    (Relates::Counters, "counters"),
    (Relates::Covers, "covers"),
    (Relates::Implements, "implements"),
    (Relates::Tests, "tests"),
    (Relates::Serves, "serves"),
    (Relates::Shows, "shows"),
];

impl Relates {
    /// Kebab-case name, as in tables and JSON.
    pub fn as_str(self) -> &'static str {
        RELATIONS.iter().find(|r| r.0 == self).map_or("", |r| r.1)
    }

    /// From [`Relates::as_str`].
    pub fn named(name: &str) -> Option<Relates> {
        RELATIONS.iter().find(|r| r.1 == name).map(|r| r.0)
    }
}

/// A relation between two entities, by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// From this one.
    pub from: String,
    /// What it does.
    pub how: Relates,
    /// To this one.
    pub to: String,
    /// What its makers say of it; may be empty. Of a CAR analytic: how much it covers; of D3FEND: the artefacts.
    pub text: String,
    /// What the text cites.
    pub references: Vec<Reference>,
}

impl Link {
    /// Without text.
    pub fn new(from: impl Into<String>, how: Relates, to: impl Into<String>) -> Link {
        Link { from: from.into(), how, to: to.into(), text: String::new(), references: Vec::new() }
    }
}

/// What a loader got out of one file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Part {
    /// What the file is, for people: `ATT&CK 18.1`.
    pub title: String,
    /// Version of ATT&CK, where it is told.
    pub attack_version: Option<String>,
    /// Entities.
    pub entities: Vec<Entity>,
    /// Relations; of entities that may stand in other parts.
    pub links: Vec<Link>,
    /// Successors of ids from one version of ATT&CK to the next.
    pub moves: Vec<crate::versions::Move>,
    /// Techniques that were of `defense-evasion` and are not of `stealth` from version 19 on: the technique, and the
    /// tactic that it has in its place, which may be none.
    pub divided: Vec<(String, Option<String>)>,
    /// What could not be used, one sentence each, at most [`MAX_TROUBLES`].
    pub troubles: Vec<String>,
}

/// Most troubles told of one file.
pub const MAX_TROUBLES: usize = 20;

impl Part {
    pub(crate) fn trouble(&mut self, what: impl Into<String>) {
        if self.troubles.len() < MAX_TROUBLES {
            self.troubles.push(what.into());
        }
    }
}
