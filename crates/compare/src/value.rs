//! Made-up values: one for a field of which some atoms must hold and others must not.

use shikra_event::Value;
use shikra_ir::{CmpOp, Op, Part, Pattern, Scalar};
use shikra_taxonomy::Derive;

use crate::atom::{Atom, Kind, addresses};
use crate::automaton::Automaton;
use crate::product::{self, Found};
use crate::world::World;

/// What became of looking for a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Made {
    Value(Value),
    /// There is none: proved.
    None,
    /// None was found, and there may be one.
    Unknown,
}

/// Parts of field names and what such fields usually hold.
const USUAL: &[(&str, &str)] = &[
    ("parentimage", r"C:\Windows\explorer.exe"),
    ("imageloaded", r"C:\Windows\System32\example.dll"),
    ("image", r"C:\Windows\System32\example.exe"),
    ("processname", r"C:\Windows\System32\example.exe"),
    ("executable", r"C:\Windows\System32\example.exe"),
    ("commandline", "example.exe readme.txt"),
    ("command_line", "example.exe readme.txt"),
    ("targetfilename", r"C:\Users\alice\Documents\report.docx"),
    ("targetobject", r"HKLM\Software\Example\Value"),
    ("directory", r"C:\Users\alice\"),
    ("destinationip", "203.0.113.7"),
    ("sourceip", "10.1.2.3"),
    ("ipaddress", "10.1.2.3"),
    ("port", "49731"),
    ("user", r"EXAMPLE\alice"),
    ("processid", "4242"),
];

/// A value of field `var` for which all of `holds` and none of `fails` hold.
pub(crate) fn make(world: &World<'_>, var: u32, holds: &[u32], fails: &[u32]) -> Made {
    let atoms = |list: &[u32]| -> Vec<&Atom> { list.iter().filter_map(|a| world.atom(*a)).collect() };
    let (wanted, unwanted) = (atoms(holds), atoms(fails));
    let Some(field) = world.vars.get(var as usize) else { return Made::Unknown };
    if field.several && field.slot.is_none() {
        return keyword(world, holds, fails, &wanted);
    }
    let among = world.among(var);
    let fits = |v: &Value| {
        among.is_none_or(|a| v.to_text().is_none_or(|t| product::contains(a, &t)))
            && holds.iter().all(|a| world.holds(*a, v))
            && !fails.iter().any(|a| world.holds(*a, v))
    };
    let name = field.name.to_ascii_lowercase();
    let mut all = candidates(&name, &wanted, &unwanted);
    all.push(Value::Missing);
    if let Some(v) = all.into_iter().find(|v| fits(v)) {
        return Made::Value(v);
    }
    if world.effort == 0 {
        return Made::Unknown;
    }
    let mut sets: Vec<(&Automaton, bool)> = among.map(|a| (a, true)).into_iter().collect();
    for (list, want) in [(&wanted, true), (&unwanted, false)] {
        sets.extend(list.iter().filter_map(|a| Some((a.automaton()?, want))));
    }
    // Only what is told by an automaton is a proof, and only of a field with one value.
    let told = !field.several && wanted.iter().any(|a| a.automaton().is_some());
    let mut left = world.effort;
    let found = product::find(&sets, &mut left);
    world.charge(world.effort - left);
    match found {
        Found::Nothing if told => Made::None,
        Found::Text(t) if fits(&Value::str(&t)) => Made::Value(Value::str(t)),
        _ => Made::Unknown,
    }
}

/// A text with all that keywords ask for.
fn keyword(world: &World<'_>, holds: &[u32], fails: &[u32], wanted: &[&Atom]) -> Made {
    let all: Vec<String> = wanted.iter().flat_map(|a| literals(a)).collect();
    let value = if all.is_empty() { Value::Missing } else { Value::str(all.join(" ")) };
    let fits =
        holds.iter().all(|a| world.holds(*a, &value)) && !fails.iter().any(|a| world.holds(*a, &value));
    if fits { Made::Value(value) } else { Made::Unknown }
}

/// Values worth trying, the most telling first.
fn candidates(name: &str, wanted: &[&Atom], unwanted: &[&Atom]) -> Vec<Value> {
    let mut out: Vec<Value> = Vec::new();
    for a in wanted {
        out.extend(asked(a));
    }
    if !wanted.is_empty() {
        out.extend(composed(name, wanted).into_iter().map(Value::str));
    }
    out.extend(USUAL.iter().filter(|(part, _)| name.contains(part)).map(|(_, v)| Value::str(v)).take(1));
    for a in unwanted {
        if let Kind::Number(_, n) = &a.kind {
            out.extend(around(*n));
        }
    }
    if wanted.iter().chain(unwanted).any(|a| matches!(a.kind, Kind::Net(_))) {
        let far = ["203.0.113.7", "10.1.2.3", "192.168.1.10", "172.16.4.5", "127.0.0.1", "2001:db8::7"];
        out.extend(far.map(Value::str));
    }
    out.extend(["example", "1", "0", "true", "false", "x", ""].map(Value::str));
    out.extend([Value::I64(1), Value::I64(0), Value::Bool(true), Value::Bool(false)]);
    out
}

/// Values that an atom itself names.
fn asked(a: &Atom) -> Vec<Value> {
    match &a.kind {
        Kind::Net(nets) => addresses(nets).into_iter().map(Value::str).collect(),
        Kind::Number(_, n) => around(*n),
        _ => match &a.test.op {
            Op::Compare(_, Scalar::Lit(v)) => {
                let near = v.as_f64().map(around).unwrap_or_default();
                std::iter::once(v.clone()).chain(near).collect()
            }
            Op::In(all) => all.clone(),
            // As written, not as folded.
            _ if a.exact().is_some() => literals(a).into_iter().map(Value::str).collect(),
            _ => Vec::new(),
        },
    }
}

fn around(n: f64) -> Vec<Value> {
    let n = n as i64;
    let all = [n, n.saturating_add(1), n.saturating_sub(1)];
    all.iter().map(|n| Value::str(n.to_string())).chain(all.iter().map(|n| Value::I64(*n))).collect()
}

/// What a text must begin with, end with and hold.
#[derive(Default)]
struct Pieces {
    head: String,
    tail: String,
    inside: Vec<String>,
}

impl Pieces {
    fn head(&mut self, text: &str) {
        if text.len() > self.head.len() {
            self.head = text.to_owned();
        }
    }
    fn tail(&mut self, text: &str) {
        if text.len() > self.tail.len() {
            self.tail = text.to_owned();
        }
    }
    fn inside(&mut self, text: &str) {
        if !text.is_empty() && !self.inside.iter().any(|i| i.contains(text)) {
            self.inside.push(text.to_owned());
        }
    }

    fn pattern(&mut self, p: &Pattern, derive: &[Derive]) {
        let (first, last) = match derive.first() {
            None | Some(Derive::Lower) => ("", ""),
            Some(Derive::BaseName | Derive::User) => ("\\", ""),
            Some(Derive::Domain) => ("", "\\"),
            Some(Derive::Args) => (" ", " "),
            Some(Derive::Extension) => (".", ""),
            Some(Derive::Hash(name)) => return self.inside(&format!("{name}={}", filled(p))),
            Some(Derive::Line(name)) => return self.inside(&format!("\n{name}={}\n", filled(p))),
            _ => ("", ""),
        };
        let parts = p.parts();
        for (i, part) in parts.iter().enumerate() {
            let Part::Lit(text) = part else { continue };
            let starts = i == 0;
            let ends = i + 1 == parts.len();
            match (derive.first(), starts, ends) {
                (None | Some(Derive::Lower), true, true) => self.inside(text),
                (None | Some(Derive::Lower), true, false) => self.head(text),
                (
                    None | Some(Derive::Lower | Derive::BaseName | Derive::Extension | Derive::User),
                    false,
                    true,
                ) => {
                    self.tail(text);
                }
                (Some(Derive::BaseName | Derive::User | Derive::Extension), true, true) => {
                    self.tail(&format!("{first}{text}"));
                }
                (Some(Derive::Domain), true, true) => self.head(&format!("{text}{last}")),
                _ => self.inside(&format!(
                    "{}{text}{}",
                    if starts { first } else { "" },
                    if ends { last } else { "" }
                )),
            }
        }
    }
}

/// A text that a pattern matches, as plain as can be.
fn filled(p: &Pattern) -> String {
    p.parts()
        .iter()
        .map(|p| match p {
            Part::Lit(s) => s,
            Part::Any => "",
            Part::One => "x",
        })
        .collect()
}

/// Literal texts that an atom asks for.
fn literals(a: &Atom) -> Vec<String> {
    match &a.test.op {
        Op::Like(patterns) => patterns.iter().map(filled).collect(),
        Op::Compare(CmpOp::Eq, Scalar::Lit(v)) => v.to_text().into_iter().collect(),
        _ => Vec::new(),
    }
}

/// Texts put together from what is asked for, dressed as the field usually is.
fn composed(name: &str, wanted: &[&Atom]) -> Vec<String> {
    let mut pieces = Pieces::default();
    for a in wanted {
        match &a.test.op {
            // As written, not as folded.
            Op::Like(patterns) => patterns.iter().for_each(|p| pieces.pattern(p, &a.derive)),
            _ => literals(a).iter().for_each(|l| pieces.pattern(&Pattern::exact(l), &a.derive)),
        }
        if let Scalar::Call(c) = &a.test.subject {
            c.args.iter().for_each(|s| {
                if let Scalar::Lit(v) = s {
                    v.to_text().iter().for_each(|t| pieces.inside(t));
                }
            });
        }
        if let Some(text) = Some(a).filter(|a| matches!(a.kind, Kind::Regex)).and_then(|a| a.sample()) {
            pieces.inside(text);
        }
    }
    let Pieces { head, tail, inside } = pieces;
    let usual = USUAL.iter().find(|(part, _)| name.contains(part)).map_or("", |(_, v)| *v);
    let folder = usual.rsplit_once('\\').map_or("", |(f, _)| f);
    let program = if name.contains("line") { "example.exe " } else { "" };
    let mut out = Vec::new();
    let elsewhere = if folder.is_empty() { "" } else { r"C:\Users\alice\Downloads" };
    for front in [folder, elsewhere, program] {
        let front = if head.is_empty() { front } else { head.as_str() };
        let middle = inside.join(" ");
        out.push(format!("{front}{middle}{tail}"));
        out.push(format!("{front}\\{middle}{tail}"));
    }
    for front in if program.is_empty() { [folder, ""] } else { [program, ""] } {
        let front = if head.is_empty() { front } else { head.as_str() };
        for between in [" ", "", "\\", "x"] {
            let middle = inside.join(between);
            let slash =
                if tail.starts_with('\\') || tail.is_empty() || front.is_empty() { "" } else { "\\x" };
            out.push(format!("{front}{middle}{tail}"));
            out.push(format!("{front}{between}{middle}{between}{tail}"));
            out.push(format!("{front}{between}{middle}{slash}{tail}"));
            out.push(format!("{front}\\{middle}{tail}"));
            out.push(format!("{front}{middle}\\example.exe{tail}"));
        }
    }
    let tidy: Vec<String> = out.iter().map(|t| t.trim().replace("  ", " ")).collect();
    tidy.into_iter().chain(out).filter(|t| !t.is_empty()).collect()
}
