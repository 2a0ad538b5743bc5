//! What only one kind of entity has.

/// What only one kind of entity has.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Details {
    /// Nothing.
    #[default]
    None,
    /// Of an ATT&CK analytic or data component.
    Telemetry(Telemetry),
    /// Of a D3FEND countermeasure.
    Countermeasure(Countermeasure),
    /// Of a CAR analytic.
    Car(Car),
    /// Of an object of CAR's data model.
    CarObject(CarObject),
    /// Of a sensor in CAR.
    CarSensor(Vec<SensorMapping>),
    /// Of an atomic test.
    Atomic(AtomicTest),
    /// Of a LOLBAS entry.
    Lolbas(Lolbas),
}

/// Where ATT&CK says that something can be seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Telemetry {
    /// Log sources.
    pub sources: Vec<LogSource>,
    /// What an analyst is to set: name and what it is for.
    pub tunable: Vec<(String, String)>,
}

/// A log source as ATT&CK writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogSource {
    /// Id of the data component; empty where the log source stands in one.
    pub component: String,
    /// `WinEventLog:Sysmon`.
    pub name: String,
    /// `EventCode=1`.
    pub channel: String,
}

/// What D3FEND says of a countermeasure.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Countermeasure {
    /// `Detect`, `Isolate`, `Harden`, `Evict`, `Deceive`, `Model`, `Restore`.
    pub tactic: String,
    /// More general countermeasures, by name.
    pub parents: Vec<String>,
    /// What it does to which artefacts: `analyzes:Process`.
    pub artifacts: Vec<String>,
}

/// What CAR says of an analytic.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Car {
    /// Date of submission, as written.
    pub date: String,
    /// Ids of tactics.
    pub tactics: Vec<String>,
    /// Fields of the data model that it reads: `process/create/exe`.
    pub reads: Vec<String>,
    /// Language and code of each implementation.
    pub implementations: Vec<(String, String)>,
}

/// An object of CAR's data model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CarObject {
    /// Name and description of each action.
    pub actions: Vec<(String, String)>,
    /// Name and description of each field.
    pub fields: Vec<(String, String)>,
}

/// What a sensor sees of CAR's data model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SensorMapping {
    /// Object.
    pub object: String,
    /// Action.
    pub action: String,
    /// Fields.
    pub fields: Vec<String>,
    /// Notes; may be empty.
    pub notes: String,
}

/// A test of Atomic Red Team.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AtomicTest {
    /// Technique it tests.
    pub technique: String,
    /// 1-based place in its file.
    pub number: usize,
    /// `command_prompt`, `powershell`, `sh`, `manual`, …
    pub executor: String,
    /// Whether it needs administrator's rights.
    pub elevated: bool,
    /// What it runs; of manual tests, the steps.
    pub command: String,
    /// What it runs afterwards; may be empty.
    pub cleanup: String,
    /// Arguments, for which `#{name}` stands in the commands.
    pub inputs: Vec<Input>,
    /// What must be there: description, how to see whether it is, how to get it.
    pub needs: Vec<Need>,
}

/// An argument of an atomic test.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Input {
    /// Name.
    pub name: String,
    /// What it is.
    pub description: String,
    /// `path`, `string`, `url`, `integer`, …
    pub kind: String,
    /// Value where none is given.
    pub default: String,
}

/// What an atomic test needs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Need {
    /// In words.
    pub description: String,
    /// Command that succeeds where it is there.
    pub check: String,
    /// Command that gets it.
    pub get: String,
}

/// What LOLBAS says of a program.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lolbas {
    /// Where it lies.
    pub paths: Vec<String>,
    /// What it can be abused for.
    pub commands: Vec<LolbasCommand>,
    /// Kind and text of what gives it away: `IOC`, `Sigma`, `Elastic`, ….
    pub detections: Vec<(String, String)>,
}

/// One abuse of a program.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LolbasCommand {
    /// Command line, with `{PATH_ABSOLUTE:.inf}` and such.
    pub command: String,
    /// What it does.
    pub description: String,
    /// What for.
    pub usecase: String,
    /// `Execute`, `AWL Bypass`, `UAC Bypass`, ….
    pub category: String,
    /// Rights that it needs.
    pub privileges: String,
    /// ATT&CK id.
    pub technique: String,
}
