//! Fields: rows that say what a name of a scheme means, and their resolution on a shape.

use std::collections::HashMap;
use std::sync::Arc;

use shikra_event::{Form, Shape, Value, system};
use shikra_ir::Names;

use crate::events::{EventKey, EventRef, Logs};
use crate::table::{Row, TableErrorKind as Kind, split_outside};
use crate::{Binding, Derive};

/// Field rows of all schemes.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    schemes: HashMap<Names, Scheme>,
}

#[derive(Debug, Default)]
struct Scheme {
    /// By name, see [`key_of`].
    rows: HashMap<String, Vec<Meaning>>,
    /// Prefix before the names of the event's own fields: `winlog.event_data.`.
    prefixes: Vec<String>,
}

/// One row.
#[derive(Debug)]
struct Meaning {
    scope: Scope,
    overrides: bool,
    name: String,
    source: Source,
}

/// Where a row holds. The order is that of precedence.
#[derive(Clone, Debug, PartialEq)]
enum Scope {
    Events(Vec<EventRef>),
    Form(Form),
    Any,
}

/// Right side of a row.
#[derive(Clone, Debug, PartialEq)]
enum Source {
    Field(String, Vec<Derive>),
    Const(Value),
    /// The first that the shape has.
    First(Vec<Source>),
    /// All that the shape has.
    All(Vec<Source>),
    Joined {
        separator: Arc<str>,
        parts: Vec<(Arc<str>, Source)>,
        derive: Vec<Derive>,
    },
}

/// A shape, with which event it is.
#[derive(Clone, Copy)]
pub(crate) struct Of<'s> {
    pub shape: &'s Shape,
    pub key: EventKey,
}

impl Fields {
    /// Takes in a row: section `scheme any`, `scheme ecs`, `scheme windows` or `scheme events…`.
    pub fn add(&mut self, row: &Row<'_>, logs: &Logs) -> Result<(), Kind> {
        let (names, scope) = row.section.split_once(' ').unwrap_or((row.section, "any"));
        let names = Names::ALL.iter().find(|n| n.as_str() == names);
        let Some(names) = names else { return Err(Kind::Section(row.section.to_owned())) };
        let scope = match scope.trim() {
            "any" => Scope::Any,
            "ecs" => Scope::Form(Form::Ecs),
            "windows" => Scope::Form(Form::Windows),
            "other" => Scope::Form(Form::Other),
            events => Scope::Events(logs.refs(events)?),
        };
        let scheme = self.schemes.entry(*names).or_default();
        if let Some(prefix) = row.key.strip_suffix('*') {
            scheme.prefixes.push(prefix.to_owned());
            return Ok(());
        }
        let (overrides, source) = (row.overrides, Source::parse(&row.value)?);
        for name in row.key.split(',').map(str::trim) {
            let meanings = scheme.rows.entry(key_of(*names, name)).or_default();
            if meanings.iter().any(|m| m.scope == scope) {
                return Err(Kind::Duplicate(name.to_owned()));
            }
            let at = meanings.partition_point(|m| m.scope.rank() <= scope.rank());
            let (scope, source) = (scope.clone(), source.clone());
            meanings.insert(at, Meaning { scope, overrides, name: name.to_owned(), source });
        }
        Ok(())
    }

    /// What a name of a scheme means on a shape.
    pub fn bind(&self, of: Of<'_>, names: Names, name: &str) -> Binding {
        if matches!(names, Names::Raw | Names::Column) {
            return self.as_exported(of, name);
        }
        let scheme = self.schemes.get(&names);
        let rows = |name: &str| scheme.and_then(|s| s.rows.get(&key_of(names, name)));
        // A CIM field may be named without its data set, and in the tables mostly is.
        let bare = || name.rsplit_once('.').filter(|_| names == Names::Cim).and_then(|(_, bare)| rows(bare));
        let meanings = rows(name).or_else(bare).map_or(&[][..], Vec::as_slice);
        let here = || meanings.iter().filter(|m| m.scope.holds(of));
        let instead = here().filter(|m| m.overrides).map(|m| self.resolve(of, names, &m.source));
        let own = std::iter::once_with(|| identity(of.shape, names, name));
        let prefixed =
            scheme.into_iter().flat_map(|s| &s.prefixes).filter_map(|p| name.strip_prefix(p.as_str()));
        let meant = here().map(|m| self.resolve(of, names, &m.source));
        let prefixed = prefixed.map(|rest| exact(of.shape, rest));
        let mut all = instead.chain(own).chain(prefixed).chain(meant);
        all.find(|b| !b.is_absent()).unwrap_or(Binding::Absent)
    }

    /// A name as it stands in the event, or as an exporter writes it whose names the readers have brought to one
    /// form.
    fn as_exported(&self, of: Of<'_>, name: &str) -> Binding {
        let own = exact(of.shape, name);
        let rows = self.schemes.get(&Names::Raw).and_then(|s| s.rows.get(&key_of(Names::Raw, name)));
        let meant = rows.into_iter().flatten().filter(|m| m.scope.holds(of));
        let mut all = std::iter::once(own).chain(meant.map(|m| self.resolve(of, Names::Raw, &m.source)));
        all.find(|b| !b.is_absent()).unwrap_or(Binding::Absent)
    }

    /// Every name of a scheme that the shape can answer by its rows or prefixes; identities are left out.
    pub fn answers(&self, of: Of<'_>, names: Names) -> Vec<(String, Binding)> {
        let Some(scheme) = self.schemes.get(&names) else { return Vec::new() };
        let mut all: Vec<(String, Binding)> = Vec::new();
        for meanings in scheme.rows.values() {
            let Some(first) = meanings.iter().find(|m| m.scope.holds(of)) else { continue };
            all.push((first.name.clone(), self.bind(of, names, &first.name)));
        }
        for prefix in &scheme.prefixes {
            let own = of.shape.fields().iter().filter(|n| !n.contains('.'));
            all.extend(own.map(|n| (format!("{prefix}{n}"), exact(of.shape, n))));
        }
        all.retain(|(_, b)| !b.is_absent());
        all
    }

    /// The fields of ECS documents that Sigma's names mean.
    pub fn of_documents(&self) -> Vec<String> {
        let rows = self.schemes.get(&Names::Sigma).into_iter().flat_map(|s| s.rows.values().flatten());
        let mut out = Vec::new();
        rows.filter(|m| m.scope == Scope::Form(Form::Ecs)).for_each(|m| m.source.fields(&mut out));
        out.sort();
        out.dedup();
        out
    }

    /// Right sides name fields as events do where the scheme is Sigma's (the tables' common tongue), and in
    /// Sigma's words elsewhere; so this goes at most one step deep.
    fn resolve(&self, of: Of<'_>, names: Names, source: &Source) -> Binding {
        match source {
            Source::Const(v) => Binding::Const(v.clone()),
            Source::Field(name, derive) if !derive.is_empty() && constant(of, name).is_some() => {
                match Derive::apply_all(derive, constant(of, name).unwrap_or_default()) {
                    v if v.is_null() => Binding::Absent,
                    v => Binding::Const(v),
                }
            }
            Source::Field(name, derive) => match names {
                Names::Sigma => exact(of.shape, name),
                _ => self.bind(of, Names::Sigma, name),
            }
            .then(derive),
            Source::First(all) => {
                let found = all.iter().map(|s| self.resolve(of, names, s)).find(|b| !b.is_absent());
                found.unwrap_or(Binding::Absent)
            }
            Source::All(all) => {
                let mut found: Vec<Binding> = all.iter().map(|s| self.resolve(of, names, s)).collect();
                found.retain(|b| !b.is_absent());
                match found.len() {
                    0 => Binding::Absent,
                    1 => found.remove(0),
                    _ => constants(&found).unwrap_or(Binding::All(found)),
                }
            }
            Source::Joined { separator, parts, derive } => {
                let part = |s: &Source| match s {
                    Source::Field(name, derive) if derive.is_empty() => {
                        constant(of, name).map(Binding::Const).unwrap_or_else(|| self.resolve(of, names, s))
                    }
                    other => self.resolve(of, names, other),
                };
                let found = parts.iter().map(|(prefix, s)| (prefix.clone(), part(s)));
                join(separator, found.filter(|(_, b)| !b.is_absent()).collect(), derive)
            }
        }
    }
}

/// The parts that are there as one text; of constants, a constant.
fn join(separator: &Arc<str>, parts: Vec<(Arc<str>, Binding)>, derive: &[Derive]) -> Binding {
    let constant = |(prefix, b): &(Arc<str>, Binding)| match b {
        Binding::Const(v) => v.to_text().map(|v| format!("{prefix}{v}")),
        _ => None,
    };
    if parts.is_empty() {
        return Binding::Absent;
    }
    match parts.iter().map(constant).collect::<Option<Vec<String>>>() {
        Some(texts) => Binding::Const(Derive::apply_all(derive, Value::str(texts.join(separator)))),
        None => Binding::Joined { separator: separator.clone(), parts, derive: derive.to_vec() },
    }
}

/// What the shape itself tells: these fields have one value in all events of a shape.
fn constant(of: Of<'_>, name: &str) -> Option<Value> {
    let text = |t: &str| Some(t).filter(|t| !t.is_empty()).map(Value::from);
    match name {
        system::EVENT_ID => of.key.id.map(|id| Value::I64(id.into())),
        system::CHANNEL => text(of.shape.channel()),
        system::PROVIDER => text(of.shape.provider()),
        _ => None,
    }
}

/// Several constants are one list.
fn constants(all: &[Binding]) -> Option<Binding> {
    let value = |b: &Binding| match b {
        Binding::Const(v) => Some(v.elements().to_vec()),
        _ => None,
    };
    let values: Option<Vec<Vec<Value>>> = all.iter().map(value).collect();
    Some(Binding::Const(Value::List(values?.into_iter().flatten().collect())))
}

/// The name under which rows are kept. Splunk's, ECS's and Endgame's names are compared as they are, OSSEM's
/// without regard to case and underscores (`ProcessFilePath`, `process_file_path`), the others in any case.
fn key_of(names: Names, name: &str) -> String {
    match names {
        Names::Sigma | Names::Cim | Names::Car | Names::LogPoint => name.to_ascii_lowercase(),
        Names::Ossem => letters(name).map(char::from).collect(),
        _ => name.to_owned(),
    }
}

fn exact(shape: &Shape, name: &str) -> Binding {
    match shape.positions(name) {
        // The document says it under another name, which its reader knew.
        [] if name == system::CHANNEL && !shape.channel().is_empty() => {
            Binding::Const(Value::from(shape.channel()))
        }
        [] => Binding::Absent,
        slots => Binding::Slots { slots: slots.to_vec(), derive: Vec::new() },
    }
}

/// The field of that very name. For Sigma, else in another case, else but for blanks and underscores; for Splunk, else
/// the one that it calls so when it takes fields out of events.
fn identity(shape: &Shape, names: Names, name: &str) -> Binding {
    let own = exact(shape, name);
    if !own.is_absent() {
        return own;
    }
    let like = |same: fn(&str, &str) -> bool| shape.fields().iter().find(|n| same(n, name));
    let found = match names {
        Names::Sigma => like(str::eq_ignore_ascii_case).or_else(|| like(|a, b| letters(a).eq(letters(b)))),
        Names::Splunk if name.contains('_') => like(|own, name| cleaned(own).eq(name.chars())),
        _ => None,
    };
    found.map_or(Binding::Absent, |n| exact(shape, n))
}

/// A name as Splunk takes it: what is neither a letter nor a digit is an underscore. Nested fields keep their dots.
fn cleaned(name: &str) -> impl Iterator<Item = char> {
    name.chars().map(|c| if c.is_alphanumeric() || c == '.' { c } else { '_' })
}

/// A name without blanks and underscores, in lower case.
fn letters(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().filter(|b| !matches!(b, b' ' | b'_')).map(|b| b.to_ascii_lowercase())
}

impl Scope {
    fn rank(&self) -> u8 {
        match self {
            Scope::Events(refs) if refs.iter().all(|r| !r.ids.is_empty()) => 0,
            Scope::Events(_) => 1,
            Scope::Form(_) => 2,
            Scope::Any => 3,
        }
    }

    fn holds(&self, of: Of<'_>) -> bool {
        match self {
            Scope::Events(refs) => refs.iter().any(|r| r.means(of.key)),
            // A document with a channel is an event of a Windows log, however it is wrapped.
            Scope::Form(Form::Windows) => of.shape.form() == Form::Windows || !of.shape.channel().is_empty(),
            Scope::Form(form) => of.shape.form() == *form,
            Scope::Any => of.shape.form() != Form::Other,
        }
    }
}

impl Source {
    /// The fields that it is made of.
    fn fields(&self, out: &mut Vec<String>) {
        match self {
            Source::Field(name, _) => out.push(name.clone()),
            Source::Const(_) => {}
            Source::First(all) | Source::All(all) => all.iter().for_each(|s| s.fields(out)),
            Source::Joined { parts, .. } => parts.iter().for_each(|(_, s)| s.fields(out)),
        }
    }

    /// Reads `A|derive / B + "constant"`: ` / ` is the first that is there, ` + ` all that are.
    fn parse(text: &str) -> Result<Source, Kind> {
        let mut parts: Vec<Source> =
            split_outside(text, " / ").into_iter().map(Source::parse_all).collect::<Result<_, Kind>>()?;
        Ok(if parts.len() == 1 { parts.remove(0) } else { Source::First(parts) })
    }

    fn parse_all(text: &str) -> Result<Source, Kind> {
        let mut parts: Vec<Source> =
            split_outside(text, " + ").into_iter().map(Source::parse_one).collect::<Result<_, Kind>>()?;
        Ok(if parts.len() == 1 { parts.remove(0) } else { Source::All(parts) })
    }

    fn parse_one(text: &str) -> Result<Source, Kind> {
        let bad = || Kind::Value(text.to_owned());
        let mut pieces = split_outside(text, "|").into_iter();
        let name = pieces.next().filter(|n| !n.is_empty()).ok_or_else(bad)?;
        let derive: Vec<Derive> = pieces.map(derivation).collect::<Result<_, Kind>>()?;
        if let Some(constant) = name.strip_prefix('"') {
            return Ok(Source::Const(Value::str(constant.strip_suffix('"').ok_or_else(bad)?)));
        }
        if let Ok(number) = name.parse::<i64>() {
            return Ok(Source::Const(Value::I64(number)));
        }
        match name.strip_prefix("join(").map(|inner| inner.strip_suffix(')')) {
            Some(inner) => Source::parse_join(inner.ok_or_else(bad)?, derive),
            None => Ok(Source::Field(name.to_owned(), derive)),
        }
    }

    /// `separator; "prefix" field; field`.
    fn parse_join(text: &str, derive: Vec<Derive>) -> Result<Source, Kind> {
        let mut items = split_outside(text, ";").into_iter();
        let separator = items.next().unwrap_or("").into();
        let part = |item: &str| -> Result<(Arc<str>, Source), Kind> {
            let prefixed = item.strip_prefix('"').and_then(|i| i.split_once('"'));
            let (prefix, field) = prefixed.unwrap_or(("", item));
            Ok((prefix.into(), Source::parse(field.trim())?))
        };
        let parts = items.map(part).collect::<Result<_, Kind>>()?;
        Ok(Source::Joined { separator, parts, derive })
    }
}

/// Reads `basename`, `hash(md5)`, `map(a: b, c: d)`.
fn derivation(text: &str) -> Result<Derive, Kind> {
    let (name, argument) = match text.split_once('(') {
        Some((name, rest)) => (name.trim(), rest.strip_suffix(')').unwrap_or(rest).trim()),
        None => (text, ""),
    };
    Ok(match name {
        "basename" => Derive::BaseName,
        "dirname" => Derive::DirName,
        "extension" => Derive::Extension,
        "argscount" => Derive::ArgsCount,
        "bool" => Derive::Bool,
        "regnumber" => Derive::RegistryNumber,
        "args" => Derive::Args,
        "hash" => Derive::Hash(argument.into()),
        "user" => Derive::User,
        "domain" => Derive::Domain,
        "lower" => Derive::Lower,
        "hex" => Derive::HexNumber,
        "number" => Derive::Number,
        "nobraces" => Derive::NoBraces,
        "trim" => Derive::Trim,
        "map" => Derive::Map(pairs(argument)?),
        "hive" => Derive::RegistryHive,
        "key" => Derive::RegistryKey,
        "value" => Derive::RegistryValue,
        "regpath" => Derive::RegistryPath,
        "regdata" => Derive::RegistryData,
        "regtype" => Derive::RegistryType,
        "dword" => Derive::Dword,
        "line" => Derive::Line(argument.into()),
        "split" => Derive::Split(argument.into()),
        "address" => Derive::Address,
        other => return Err(Kind::UnknownDerive(other.to_owned())),
    })
}

fn pairs(text: &str) -> Result<Arc<[(String, String)]>, Kind> {
    let pair = |p: &str| {
        let (k, v) = p.split_once(": ").ok_or_else(|| Kind::Value(p.to_owned()))?;
        Ok((k.trim().to_owned(), v.trim().to_owned()))
    };
    text.split(',').map(pair).collect::<Result<Vec<_>, Kind>>().map(Arc::from)
}
