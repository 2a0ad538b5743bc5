//! What an event tells of programs: a table of kinds of events, read by the names of one scheme, so that every
//! document of the same event tells the same.

use std::collections::HashMap;
use std::sync::Arc;

use shikra_event::{Event, Form, Shape, ShapeId, Value, system};
use shikra_ir::{Expr, FieldRef, LogSource, Names, eval};
use shikra_matcher::EventRow;
use shikra_taxonomy::{Binding, Taxonomy};

use crate::hash::hash;
use crate::hosts::host_number;
use crate::table::{EVERYWHERE, Stat};
use crate::{Baseline, Dimension};

/// Longest value kept, in bytes; the rest of a longer one is told apart by its hash.
const LONGEST: usize = 240;
/// Most arguments of a command line.
const ARGUMENTS: usize = 64;
/// Most shapes remembered.
const SHAPES: usize = 4096;

/// One fact: a program did, or was, this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// File name of the image, lower-case; empty: of no program in particular.
    pub program: String,
    /// What kind of fact.
    pub dimension: Dimension,
    /// The value as it is counted: masked, lower-case.
    pub value: String,
    /// The value as it stands in the event.
    pub raw: String,
}

/// How the value of a fact is read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Read {
    /// The folder of a path.
    Folder(&'static str),
    /// The file name of a path.
    Name(&'static str),
    /// The original file name, where it is not that of the image.
    Original,
    /// The arguments of a command line, one by one and together.
    Arguments,
    /// An account.
    User(&'static str),
    /// Masked text.
    Text(&'static str),
    /// Text in lower case.
    Lower(&'static str),
    /// A loaded file with its signer.
    Module,
    /// Where a connection goes.
    Destination,
    /// A process opened, with the access asked for.
    Access,
    /// A process in which a thread was started.
    Thread,
}

/// What a kind of event tells.
struct Kind {
    /// Categories of Sigma's log sources.
    categories: &'static [&'static str],
    /// Event of the Security log beside, 0: none.
    security: u32,
    /// Field with the image of the program.
    program: &'static str,
    facts: &'static [(Dimension, Read)],
}

const KINDS: &[Kind] = &[
    Kind {
        categories: &["process_creation"],
        security: 0,
        program: "Image",
        facts: &[
            (Dimension::Folder, Read::Folder("Image")),
            (Dimension::OriginalName, Read::Original),
            (Dimension::Argument, Read::Arguments),
            (Dimension::Parent, Read::Name("ParentImage")),
            (Dimension::User, Read::User("User")),
        ],
    },
    Kind {
        categories: &["process_creation"],
        security: 0,
        program: "ParentImage",
        facts: &[(Dimension::Child, Read::Name("Image"))],
    },
    Kind {
        categories: &["image_load"],
        security: 0,
        program: "Image",
        facts: &[(Dimension::Module, Read::Module)],
    },
    Kind {
        categories: &["network_connection"],
        security: 5156,
        program: "Image",
        facts: &[(Dimension::Destination, Read::Destination)],
    },
    Kind {
        categories: &["dns_query"],
        security: 0,
        program: "Image",
        facts: &[(Dimension::Destination, Read::Text("QueryName"))],
    },
    Kind {
        categories: &["registry_event"],
        security: 0,
        program: "Image",
        facts: &[(Dimension::Registry, Read::Text("TargetObject"))],
    },
    Kind {
        categories: &["file_event", "file_delete", "create_stream_hash"],
        security: 0,
        program: "Image",
        facts: &[(Dimension::File, Read::Text("TargetFilename"))],
    },
    Kind {
        categories: &["pipe_created"],
        security: 0,
        program: "Image",
        facts: &[(Dimension::Pipe, Read::Text("PipeName"))],
    },
    Kind {
        categories: &["process_access"],
        security: 0,
        program: "SourceImage",
        facts: &[(Dimension::Access, Read::Access)],
    },
    Kind {
        categories: &["create_remote_thread"],
        security: 0,
        program: "SourceImage",
        facts: &[(Dimension::Access, Read::Thread)],
    },
];

/// Reads events. One per thread; it remembers what it found out of shapes.
pub struct Observer {
    taxonomy: Arc<Taxonomy>,
    shapes: HashMap<ShapeId, Arc<Plan>>,
}

/// What a shape tells.
#[derive(Default)]
struct Plan {
    kinds: Vec<(&'static Kind, Option<Expr>)>,
    bindings: HashMap<&'static str, Binding>,
}

impl Observer {
    /// An observer that resolves names with this taxonomy.
    pub fn new(taxonomy: Arc<Taxonomy>) -> Observer {
        Observer { taxonomy, shapes: HashMap::new() }
    }

    /// Calls `tell` on every fact of an event; answers whether there was one.
    pub fn observe(&mut self, event: &Event<'_>, tell: &mut dyn FnMut(Observation)) -> bool {
        let plan = self.plan(event.shape);
        if plan.kinds.is_empty() {
            return false;
        }
        let row = EventRow { event, taxonomy: &self.taxonomy };
        let value = |field: &str| plan.bindings.get(field).map_or(Value::Missing, |b| b.value(event));
        let reader = Reader { value: &value };
        let mut told = None;
        for (kind, when) in &plan.kinds {
            if when.as_ref().is_some_and(|w| !eval::truth(w, &row).holds()) {
                continue;
            }
            let Some(program) = reader.text(kind.program).map(|p| name(&p)).filter(|p| !p.is_empty()) else {
                continue;
            };
            for (dimension, read) in kind.facts {
                reader.fact(&program, *dimension, *read, tell);
            }
            told.get_or_insert(program);
        }
        let Some(program) = told else { return false };
        circumstances(event, &program, tell);
        true
    }

    fn plan(&mut self, shape: &Shape) -> Arc<Plan> {
        if let Some(plan) = self.shapes.get(&shape.id()) {
            return plan.clone();
        }
        if self.shapes.len() >= SHAPES {
            self.shapes.clear();
        }
        let plan = Arc::new(plan_of(&self.taxonomy, shape));
        self.shapes.insert(shape.id(), plan.clone());
        plan
    }
}

fn plan_of(taxonomy: &Taxonomy, shape: &Shape) -> Plan {
    let mut plan = Plan::default();
    for kind in KINDS {
        let selected = kind.categories.iter().find_map(|c| {
            let keys = [("category", *c), ("product", "windows")];
            let keys = keys.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            let source = LogSource { keys, ..LogSource::any(Names::Sigma) };
            taxonomy.select(&source).ok()?.admits(shape)
        });
        let security = kind.security != 0
            && shape.event_id() == Some(kind.security)
            && shape.channel().eq_ignore_ascii_case("Security");
        match selected {
            Some(when) => plan.kinds.push((kind, when)),
            None if security => plan.kinds.push((kind, None)),
            None => {}
        }
    }
    if !plan.kinds.is_empty() {
        for field in FIELDS {
            let binding = taxonomy.bind(shape, &FieldRef::new(Names::Sigma, field));
            if !binding.is_absent() {
                plan.bindings.insert(field, binding);
            }
        }
    }
    plan
}

/// Every field that is read.
const FIELDS: &[&str] = &[
    "Image",
    "ParentImage",
    "SourceImage",
    "TargetImage",
    "OriginalFileName",
    "CommandLine",
    "User",
    "ImageLoaded",
    "Signed",
    "Signature",
    "SignatureStatus",
    "DestinationIp",
    "DestinationHostname",
    "DestinationPort",
    "Initiated",
    "Direction",
    "QueryName",
    "TargetObject",
    "TargetFilename",
    "PipeName",
    "GrantedAccess",
];

/// Reads facts from whatever has fields.
pub(crate) struct Reader<'a> {
    /// The value of a field.
    pub value: &'a dyn Fn(&str) -> Value,
}

impl Reader<'_> {
    /// The text of a field, where it says something.
    pub fn text(&self, field: &str) -> Option<String> {
        let value = (self.value)(field);
        let text = value.elements().iter().find_map(Value::to_text)?;
        let said = text.trim();
        (!said.is_empty() && said != "-").then(|| said.to_owned())
    }

    pub fn fact(&self, program: &str, dimension: Dimension, read: Read, tell: &mut dyn FnMut(Observation)) {
        let mut one = |value: String, raw: String| {
            if !value.is_empty() {
                tell(Observation { program: program.into(), dimension, value: bounded(value), raw });
            }
        };
        match read {
            Read::Folder(field) => {
                let folder = self.text(field).and_then(|p| p.rfind(['\\', '/']).map(|n| p[..n].to_owned()));
                folder.into_iter().for_each(|f| one(mask(&f), f));
            }
            Read::Name(field) => self.text(field).into_iter().for_each(|p| one(name(&p), p)),
            Read::Original => {
                let original = self.text("OriginalFileName").filter(|o| original_name(o) != program);
                original.into_iter().for_each(|o| one(original_name(&o), o));
            }
            Read::Arguments => self.arguments(program, tell),
            Read::User(field) => self.text(field).into_iter().for_each(|u| one(user(&u), u)),
            Read::Text(field) => self.text(field).into_iter().for_each(|t| one(mask(&t), t)),
            Read::Lower(field) => self.text(field).into_iter().for_each(|t| one(t.to_lowercase(), t)),
            Read::Module => self.module(program).into_iter().for_each(|(m, raw)| one(m, raw)),
            Read::Destination => self.destination().into_iter().for_each(|(d, raw)| one(d, raw)),
            Read::Access => {
                let Some(target) = self.text("TargetImage") else { return };
                let access = self.text("GrantedAccess").unwrap_or_default().to_lowercase();
                one(format!("{} {access}", name(&target)), format!("{target} {access}"));
            }
            Read::Thread => {
                let Some(target) = self.text("TargetImage") else { return };
                one(format!("{} thread", name(&target)), format!("{target} (thread)"));
            }
        }
    }

    fn arguments(&self, program: &str, tell: &mut dyn FnMut(Observation)) {
        let Some(line) = self.text("CommandLine") else { return };
        let args = shikra_taxonomy::Derive::Args.apply(Value::str(&line));
        let mut all = Vec::new();
        for arg in args.elements().iter().skip(1).take(ARGUMENTS).filter_map(Value::to_text) {
            let value = mask(&arg);
            if !value.is_empty() {
                all.push(value.clone());
                let (value, dimension) = (bounded(value), Dimension::Argument);
                tell(Observation { program: program.into(), dimension, value, raw: arg });
            }
        }
        let value = bounded(if all.is_empty() { "(none)".to_owned() } else { all.join(" ") });
        tell(Observation { program: program.into(), dimension: Dimension::Command, value, raw: line });
    }

    /// None for the image itself, which every program loads.
    fn module(&self, program: &str) -> Option<(String, String)> {
        let path = self.text("ImageLoaded").filter(|p| name(p) != program)?;
        let signed = self.text("Signed").is_none_or(|s| s.eq_ignore_ascii_case("true"));
        let valid = self.text("SignatureStatus").is_none_or(|s| s.eq_ignore_ascii_case("valid"));
        let signer = match self.text("Signature") {
            Some(s) if signed && valid => s,
            Some(s) => format!("{s}, not valid"),
            None => "not signed".to_owned(),
        };
        let value = format!("{} [{}]", mask(&path), signer.to_lowercase());
        Some((value, format!("{path} [{signer}]")))
    }

    /// Outgoing connections only: of an incoming one the destination is this computer.
    fn destination(&self) -> Option<(String, String)> {
        let incoming = self.text("Initiated").is_some_and(|i| i.eq_ignore_ascii_case("false"))
            || self.text("Direction").is_some_and(|d| d == "%%14592" || d.eq_ignore_ascii_case("inbound"));
        if incoming {
            return None;
        }
        let to = self.text("DestinationHostname").or_else(|| self.text("DestinationIp"))?.to_lowercase();
        let port = self.text("DestinationPort").unwrap_or_default();
        let passing = port.parse().is_ok_and(|p: u32| p >= 49_152);
        let value = format!("{to}:{}", if passing { "<high>" } else { &port });
        Some((value, format!("{to}:{port}")))
    }
}

/// Program, host and hour, told of every event.
fn circumstances(event: &Event<'_>, program: &str, tell: &mut dyn FnMut(Observation)) {
    let mut one = |program: &str, dimension, value: String| {
        tell(Observation { program: program.into(), dimension, raw: value.clone(), value: bounded(value) });
    };
    one(EVERYWHERE, Dimension::Program, program.to_owned());
    if let Some(host) = host(event) {
        one(program, Dimension::Host, host);
    }
    if let Some(time) = event.time {
        one(program, Dimension::Hour, format!("{:02}", time.civil().3));
    }
}

/// The computer, lower-case.
fn host(event: &Event<'_>) -> Option<String> {
    let computer = match event.text_of(system::COMPUTER) {
        None if event.shape.form() != Form::Windows => event.text_of("host.name"),
        c => c,
    };
    computer.map(|c| c.to_lowercase()).filter(|c| !c.is_empty())
}

/// Masked text, lower-case.
fn mask(text: &str) -> String {
    shikra_hunt::mask::mask(text).to_lowercase()
}

/// The file name of a path, lower-case.
pub(crate) fn name(path: &str) -> String {
    let name = path.rsplit(['\\', '/']).next().unwrap_or("").trim().trim_matches('"');
    bounded(name.to_lowercase())
}

/// `CMSTP.EXE`, `CMSTP.EXE.MUI` and `CMSTP` are `cmstp.exe`.
fn original_name(name: &str) -> String {
    let name = name.to_lowercase();
    let name = name.strip_suffix(".mui").unwrap_or(&name);
    if name.contains('.') { name.to_owned() } else { format!("{name}.exe") }
}

/// An account without its domain; accounts of computers are one.
fn user(account: &str) -> String {
    let user = account.rsplit('\\').next().unwrap_or(account).to_lowercase();
    if user.ends_with('$') { "<computer>$".to_owned() } else { user }
}

/// A value cut to [`LONGEST`] bytes, what was cut told apart by its hash.
fn bounded(mut value: String) -> String {
    if value.len() <= LONGEST {
        return value;
    }
    let mut end = LONGEST;
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    let rest = hash(0, &value[end..]);
    value.truncate(end);
    value.push_str(&format!("…{rest:016x}"));
    value
}

impl Baseline {
    /// Takes in an event.
    pub fn observe(&mut self, observer: &mut Observer, event: &Event<'_>) {
        self.events += 1;
        let mut stat = Stat { count: 1, span: None, ..Stat::default() };
        if let Some(t) = event.time {
            let seconds = t.0.div_euclid(1_000_000_000);
            stat.span = Some((seconds, seconds));
        }
        if let Some(host) = host(event) {
            stat.hosts.add(host_number(&host));
        }
        let told = observer.observe(event, &mut |o| {
            self.add(&o.program, o.dimension, &o.value, &stat);
            if o.dimension.about().everywhere && !o.program.is_empty() {
                self.add(EVERYWHERE, o.dimension, &o.value, &stat);
            }
        });
        if told {
            self.observed += 1;
            self.span = crate::table::joined(self.span, stat.span);
        }
    }
}
