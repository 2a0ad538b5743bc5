//! Simulation definitions: what happens, what it should leave behind, what should find it.
//!
//! The format is TOML, described in `docs/simulation.md`. [`Simulation::parse`] reads a file and checks what the
//! types cannot say. What the steps leave behind is [`crate::scenario`]'s business.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;

/// The only format there is.
pub const SCHEMA: &str = "shikra.simulation/1";
/// Most steps of a test.
const MAX_STEPS: usize = 2000;
/// Longest time between two steps, in seconds.
const MAX_AFTER: f64 = 86_400.0;

/// A file of tests.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Simulation {
    /// [`SCHEMA`].
    pub schema: String,
    /// ATT&CK technique, `T1218.003`.
    pub technique: String,
    /// Title.
    pub title: String,
    /// In words.
    #[serde(default)]
    pub description: String,
    /// Where its facts are from.
    #[serde(default)]
    pub references: Vec<String>,
    /// What an attacker does.
    #[serde(default, rename = "test")]
    pub tests: Vec<Test>,
    /// What looks like it and is not.
    #[serde(default, rename = "near-miss")]
    pub near_misses: Vec<Test>,
}

/// A test or near miss: steps, expected signals, expected detections.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Test {
    /// Names it in reports and folders: letters, digits, `.`, `_`, `-`.
    pub id: String,
    /// Title.
    pub name: String,
    /// In words.
    #[serde(default)]
    pub description: String,
    /// How a real run is made; none where nobody should.
    pub run: Option<Run>,
    /// What happens, in order.
    #[serde(default, rename = "step")]
    pub steps: Vec<Step>,
    /// What has to be in the log.
    #[serde(default, rename = "expect")]
    pub expects: Vec<Expect>,
    /// What rules have to say of it.
    #[serde(default, rename = "detection")]
    pub detections: Vec<Detection>,
    /// What could not be known of it, in words.
    #[serde(default)]
    pub unknown: Vec<String>,
}

/// How the test is run for real.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Run {
    /// Id of the Atomic Red Team test that does it.
    pub atomic: Option<String>,
    /// `powershell` or `command_prompt`.
    #[serde(default)]
    pub executor: String,
    /// What to run where it is no Atomic test.
    #[serde(default)]
    pub command: String,
    /// What undoes it.
    #[serde(default)]
    pub cleanup: String,
    /// Whether it needs an elevated prompt.
    #[serde(default)]
    pub elevated: bool,
}

/// One step: who does what, when.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Step {
    /// Names the step, and the process that it starts, for later steps.
    #[serde(default)]
    pub id: String,
    /// Who does it: a process of an earlier step, or one that always runs (`explorer`, `services`, …).
    #[serde(default)]
    pub by: String,
    /// Seconds since the step before.
    pub after: Option<f64>,
    /// What is done.
    #[serde(flatten)]
    pub deed: Deed,
}

/// What is done.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum Deed {
    /// A process starts.
    Process(Process),
    /// A process ends.
    End(End),
    /// A connection.
    Network(Network),
    /// A name is asked for.
    Dns(Dns),
    /// A registry key or value is written.
    Registry(Registry),
    /// A file is created, or deleted.
    File(File),
    /// A module is loaded.
    Load(Load),
    /// A process is opened.
    Access(Access),
    /// A thread is started in another process.
    Thread(Thread),
    /// A named pipe is created, or connected to.
    Pipe(Pipe),
    /// PowerShell runs a script block.
    Script(Script),
    /// A service is installed.
    Service(Service),
    /// A scheduled task is registered.
    Task(Task),
    /// An account is created, or put into a group.
    Account(Account),
    /// Somebody logs on.
    Logon(Logon),
    /// Any other event, field by field.
    Event(RawEvent),
}

impl Default for Deed {
    fn default() -> Deed {
        Deed::Process(Process::default())
    }
}

macro_rules! deed {
    ($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident : $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, Deserialize, PartialEq)]
        #[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
        pub struct $name { $($(#[$fdoc])* pub $field: $type,)* }
    };
}

deed! {
    /// A process starts; its parent is the step's `by`.
    Process {
        /// Path of the program; a bare name of a known program is looked up.
        image: String,
        /// Command line; empty: the image, in quotes.
        command: String,
        /// Account: `user`, `admin`, `system`, `local-service`, `network-service`; empty: as the parent.
        user: String,
        /// `Low`, `Medium`, `High`, `System`; empty: as the parent.
        integrity: String,
        /// Working folder; empty: as the parent.
        folder: String,
        /// Name that the program was compiled as, where `image` has another.
        original_name: String,
        /// Seconds until it ends; none: within a few seconds, 0: it stays.
        lives: Option<f64>,
    }
}
deed! {
    /// A process ends.
    End {
        /// Exit status.
        status: u32,
    }
}
deed! {
    /// A connection.
    Network {
        /// Address at the other end.
        ip: String,
        /// Its port.
        port: u16,
        /// Its name.
        host: String,
        /// `tcp` or `udp`; empty: tcp.
        protocol: String,
        /// Whether the other end has opened it.
        incoming: bool,
    }
}
deed! {
    /// A name is asked for.
    Dns {
        /// The name.
        name: String,
        /// Addresses that come back; none: no such name.
        answers: Vec<String>,
    }
}
deed! {
    /// A registry key is created, a value set, or either deleted.
    Registry {
        /// Key, from `HKLM`, `HKCU` (the acting user's) or `HKU` on.
        key: String,
        /// Name of the value; none: the key itself is created.
        value: Option<String>,
        /// Data of the value, as Sysmon shows it.
        data: String,
        /// Whether it is deleted.
        delete: bool,
    }
}
deed! {
    /// A file is created, or deleted.
    File {
        /// Path.
        path: String,
        /// Whether it is deleted.
        delete: bool,
        /// Whether a mark of the web is put on it, and from where.
        from_url: String,
    }
}
deed! {
    /// A module is loaded.
    Load {
        /// Path of the module.
        image: String,
        /// Who signed it; empty: nobody.
        signer: String,
    }
}
deed! {
    /// A process is opened.
    Access {
        /// Step or process that is opened.
        target: String,
        /// Rights, `0x1410`.
        granted: String,
        /// Call trace; empty: a plain one.
        trace: String,
    }
}
deed! {
    /// A thread is started in another process.
    Thread {
        /// Step or process that it is started in.
        target: String,
        /// Module that it starts in.
        module: String,
        /// Function that it starts in.
        function: String,
    }
}
deed! {
    /// A named pipe is created, or connected to.
    Pipe {
        /// Name, `\name`.
        name: String,
        /// Whether it is connected to.
        connect: bool,
    }
}
deed! {
    /// PowerShell runs a script block, and logs it.
    Script {
        /// Its text.
        text: String,
        /// File that it is from.
        path: String,
    }
}
deed! {
    /// A service is installed.
    Service {
        /// Its name.
        name: String,
        /// What it runs.
        image: String,
        /// Account that it runs as; empty: LocalSystem.
        account: String,
    }
}
deed! {
    /// A scheduled task is registered.
    Task {
        /// Its name, `\name`.
        name: String,
        /// What it runs.
        command: String,
        /// With these arguments.
        arguments: String,
    }
}
deed! {
    /// An account is created, or put into a local group.
    Account {
        /// Its name.
        name: String,
        /// Group that it is put into; empty: it is created.
        group: String,
    }
}
deed! {
    /// Somebody logs on.
    Logon {
        /// Account: as of a process.
        user: String,
        /// Windows' number of the kind: 2 interactive, 3 network, 4 batch, 5 service, 10 remote desktop.
        kind: u32,
        /// Where from; empty: here.
        ip: String,
    }
}
deed! {
    /// Any other event.
    RawEvent {
        /// Provider.
        provider: String,
        /// Channel.
        channel: String,
        /// Event id.
        id: u16,
        /// Version.
        version: u8,
        /// Fields, sorted by name.
        fields: BTreeMap<String, String>,
    }
}

/// A signal that has to be in the log.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Expect {
    /// In words.
    pub what: String,
    /// `sysmon:1`, `security:4688`, or `CHANNEL:ID`.
    pub event: String,
    /// Sigma field names, with modifiers where wanted, and Sigma patterns. All have to hold, of a list one.
    #[serde(default)]
    pub fields: BTreeMap<String, Patterns>,
}

/// One pattern or several.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(untagged)]
pub enum Patterns {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl Patterns {
    /// As a list.
    pub fn all(&self) -> &[String] {
        match self {
            Patterns::One(p) => std::slice::from_ref(p),
            Patterns::Many(p) => p,
        }
    }
}

/// What a rule has to say of a test.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Detection {
    /// Id or title of the rule.
    pub rule: String,
    /// Whether it stays silent, or fires; on a near miss, `fires` excuses it.
    #[serde(default)]
    pub outcome: Outcome,
    /// Why: needed where a rule stays silent on a test, or fires on a near miss.
    #[serde(default)]
    pub why: String,
}

/// What a rule does.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It fires.
    #[default]
    Fires,
    /// It does not.
    Silent,
}

impl Simulation {
    /// Reads a definition.
    ///
    /// # Errors
    /// Where it is not one: the message names line and key.
    pub fn parse(text: &str) -> Result<Simulation, String> {
        let read: Simulation = toml::from_str(text).map_err(|e| e.to_string().trim_end().to_owned())?;
        if read.schema != SCHEMA {
            return Err(format!("schema is `{}`: this program reads `{SCHEMA}`", read.schema));
        }
        let mut ids = HashSet::new();
        for test in read.all() {
            test.check().map_err(|e| format!("test `{}`: {e}", test.id))?;
            if !ids.insert(&test.id) {
                return Err(format!("test `{}` is there twice", test.id));
            }
        }
        for near in &read.near_misses {
            if let Some(d) = near.detections.iter().find(|d| d.outcome == Outcome::Fires && d.why.is_empty())
            {
                return Err(format!("near miss `{}`: say why `{}` fires on it", near.id, d.rule));
            }
        }
        Ok(read)
    }

    /// Tests, then near misses.
    pub fn all(&self) -> impl Iterator<Item = &Test> {
        self.tests.iter().chain(&self.near_misses)
    }
}

impl Test {
    /// What the types cannot say.
    fn check(&self) -> Result<(), String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if self.id.is_empty()
            || self.id.len() > 100
            || !self.id.chars().all(plain)
            || self.id.starts_with('.')
        {
            return Err("an id is made of letters, digits, `.`, `_` and `-`".to_owned());
        }
        if self.steps.len() > MAX_STEPS {
            return Err(format!("more than {MAX_STEPS} steps"));
        }
        let mut known: HashSet<&str> = HashSet::new();
        for (n, step) in self.steps.iter().enumerate() {
            let told = |e: String| {
                format!(
                    "step {}: {e}",
                    if step.id.is_empty() { (n + 1).to_string() } else { step.id.clone() }
                )
            };
            step.check(&known).map_err(told)?;
            if matches!(step.deed, Deed::Process(_)) && !step.id.is_empty() && !known.insert(&step.id) {
                return Err(told("another step has that id".to_owned()));
            }
        }
        self.expects.iter().try_for_each(|e| e.source().map(|_| ()))
    }
}

impl Step {
    fn check(&self, known: &HashSet<&str>) -> Result<(), String> {
        if self.after.is_some_and(|s| !(0.0..=MAX_AFTER).contains(&s)) {
            return Err(format!("`after` is a number of seconds up to {MAX_AFTER}"));
        }
        let there = |name: &str| {
            if name.is_empty() || known.contains(name) || crate::world::is_standing(name) {
                return Ok(());
            }
            Err(format!("there is no process `{name}` before it"))
        };
        there(&self.by)?;
        let need = |what: &str, text: &str| {
            if text.is_empty() { Err(format!("`{what}` is missing")) } else { Ok(()) }
        };
        match &self.deed {
            Deed::Process(p) => need("image", &p.image),
            Deed::Network(n) => n.ip.parse::<std::net::IpAddr>().map(|_| ()).map_err(|e| format!("ip: {e}")),
            Deed::Dns(d) => need("name", &d.name),
            Deed::Registry(r) => need("key", &r.key),
            Deed::File(f) => need("path", &f.path),
            Deed::Load(l) => need("image", &l.image),
            Deed::Access(a) => need("target", &a.target).and_then(|()| there(&a.target)),
            Deed::Thread(t) => need("target", &t.target).and_then(|()| there(&t.target)),
            Deed::Pipe(p) => need("name", &p.name),
            Deed::Script(s) => need("text", &s.text),
            Deed::Service(s) => need("name", &s.name),
            Deed::Task(t) => need("name", &t.name),
            Deed::Account(a) => need("name", &a.name),
            Deed::Event(e) => need("channel", &e.channel),
            Deed::End(_) | Deed::Logon(_) => Ok(()),
        }
    }
}

/// Short names of channels.
const CHANNELS: &[(&str, &str)] = &[
    ("sysmon", "Microsoft-Windows-Sysmon/Operational"),
    ("security", "Security"),
    ("system", "System"),
    ("powershell", "Microsoft-Windows-PowerShell/Operational"),
];

impl Expect {
    /// Channel and event id.
    ///
    /// # Errors
    /// Where `event` names none.
    pub fn source(&self) -> Result<(&str, u32), String> {
        let wrong = || format!("`{}` is no event: write `sysmon:1` or `CHANNEL:ID`", self.event);
        let (channel, id) = self.event.rsplit_once(':').ok_or_else(wrong)?;
        let id = id.parse().map_err(|_| wrong())?;
        let known = CHANNELS.iter().find(|(short, _)| short.eq_ignore_ascii_case(channel));
        Ok((known.map_or(channel, |(_, full)| full), id))
    }
}

impl Deed {
    /// In a line.
    pub fn summary(&self) -> String {
        let or = |a: &str, b: &str| if a.is_empty() { b.to_owned() } else { a.to_owned() };
        match self {
            Deed::Process(p) => format!("process {}", or(&p.command, &p.image)),
            Deed::End(_) => "process ends".to_owned(),
            Deed::Network(n) => format!("connection {}:{}", n.ip, n.port),
            Deed::Dns(d) => format!("name {}", d.name),
            Deed::Registry(r) => {
                let name = r.value.as_ref().map(|v| format!("\\{v}")).unwrap_or_default();
                format!("registry {}{name}{}", r.key, if r.delete { " (deleted)" } else { "" })
            }
            Deed::File(f) => format!("file {}{}", f.path, if f.delete { " (deleted)" } else { "" }),
            Deed::Load(l) => format!("module {}", l.image),
            Deed::Access(a) => format!("access to {}", a.target),
            Deed::Thread(t) => format!("thread in {}", t.target),
            Deed::Pipe(p) => format!("pipe {}", p.name),
            Deed::Script(s) => format!("script {}", s.text),
            Deed::Service(s) => format!("service {}: {}", s.name, s.image),
            Deed::Task(t) => format!("task {}: {} {}", t.name, t.command, t.arguments),
            Deed::Account(a) if a.group.is_empty() => format!("account {}", a.name),
            Deed::Account(a) => format!("account {} into {}", a.name, a.group),
            Deed::Logon(l) => format!("logon of {}", or(&l.user, "user")),
            Deed::Event(e) => format!("event {} of {}", e.id, e.channel),
        }
    }
}
