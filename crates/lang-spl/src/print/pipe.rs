//! A whole pipeline, by trying: the commands that could have made the next operators of the plan are read as a search
//! would read them, on what flows through the pipe so far, and the one that makes most of the plan is taken. So what
//! is printed reads as the plan by construction, and what no command makes is refused.
//!
//! Which commands could be meant is [`super::command`]'s.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use shikra_ir::said::{Said, refuse};
use shikra_ir::{LoadStatus, Plan};
use shikra_syntax::Span;

use super::command;
use crate::lower::{Lower, Stream};
use crate::{LookupTable, Options, macros, parse};

/// Subsearches within subsearches.
const MAX_DEPTH: usize = 8;

/// The commands of a plan, with pipes between them.
pub(super) fn print(plan: &Plan) -> Said {
    let mut plan = plan.clone();
    plan.each_span(&mut |s| *s = Span::default());
    let whole = Whole {
        options: Options { tables: tables(&plan), ..Options::default() },
        subsearches: RefCell::default(),
    };
    pipe(&plan, 0, &whole)
}

/// What is the same for all parts of the plan that is printed.
struct Whole {
    options: Options,
    /// Subsearches said before, by the place of their plan and their depth: each command that may be meant asks for
    /// those it stands before, and within them it is the same again.
    subsearches: RefCell<HashMap<(*const Plan, usize), Said>>,
}

fn pipe(plan: &Plan, depth: usize, whole: &Whole) -> Said {
    if depth > MAX_DEPTH {
        return refuse("subsearches nested too deeply");
    }
    // Searches side by side only where they are not behind one another.
    let one = |unions| Pipe { spine: spine(plan), whole, at: (0, 0), depth, unions }.run();
    one(false).or_else(|e| one(true).map_err(|_| e))
}

/// Commands with pipes; `eval`s that follow one another are one.
fn together(said: Vec<String>) -> String {
    let mut out: Vec<String> = Vec::new();
    for text in said {
        match (out.last_mut(), text.strip_prefix("eval ")) {
            (Some(last), Some(more)) if last.starts_with("eval ") => {
                last.push_str(", ");
                last.push_str(more);
            }
            _ => out.push(text),
        }
    }
    let pipe = if out.first().is_some_and(|f| f.starts_with("search ")) { "" } else { "| " };
    format!("{pipe}{}", out.join(" | "))
}

/// The operators from the leaf that rows come from to the top.
fn spine(plan: &Plan) -> Vec<&Plan> {
    let mut out = vec![plan];
    let mut at = plan;
    while let Some(next) = at.children().first().copied() {
        out.push(next);
        at = next;
    }
    out.reverse();
    out
}

/// The tables that a plan brings with it, by name: what its text must be read with.
pub fn tables(plan: &Plan) -> BTreeMap<String, LookupTable> {
    let mut out = BTreeMap::new();
    let mut open = vec![plan];
    while let Some(p) = open.pop() {
        let found = match p {
            Plan::Values(t) => Some((t.clone(), Default::default())),
            Plan::Lookup(l) => l.data.clone().map(|t| (t, l.matching.clone())),
            _ => None,
        };
        if let Some((table, matching)) = found {
            let known = out.entry(table.name.clone()).or_insert_with(LookupTable::default);
            known.table = table;
            if matches!(p, Plan::Lookup(_)) {
                known.matching = matching;
            }
        }
        open.extend(p.children());
    }
    out
}

/// A plan, and how much of it has been said.
pub(super) struct Pipe<'p> {
    pub spine: Vec<&'p Plan>,
    whole: &'p Whole,
    /// The operator that is next, and how many of its columns are said already.
    pub at: (usize, usize),
    depth: usize,
    /// Several searches may stand at the beginning.
    pub unions: bool,
}

/// How far a command reaches, its text, and what it makes.
type Made = ((usize, usize), String, Stream);

impl Pipe<'_> {
    /// A plan as a subsearch.
    pub(super) fn bracketed(&self, plan: &Plan) -> Said {
        let place = (std::ptr::from_ref(plan), self.depth + 1);
        let before = self.whole.subsearches.borrow().get(&place).cloned();
        before.unwrap_or_else(|| {
            let said = pipe(plan, self.depth + 1, self.whole).map(|text| format!("[{text}]"));
            self.whole.subsearches.borrow_mut().insert(place, said.clone());
            said
        })
    }

    /// Command by command.
    fn run(mut self) -> Said {
        let mut stream: Option<Stream> = None;
        let mut said: Vec<String> = Vec::new();
        while self.at.0 < self.spine.len() {
            let candidates = command::candidates(&self);
            let best = self.best(stream.as_ref(), candidates.iter().cloned()).or_else(|| {
                let opened = command::openings(&self);
                let both = opened.iter().flat_map(|o| candidates.iter().map(move |c| format!("{o} | {c}")));
                self.best(stream.as_ref(), both)
            });
            let Some((at, text, next)) = best else { return refuse(self.stuck()) };
            self.at = at;
            stream = Some(next);
            said.push(text);
        }
        Ok(together(said))
    }

    /// The command that makes most of what is next.
    fn best(&self, stream: Option<&Stream>, all: impl Iterator<Item = String>) -> Option<Made> {
        let mut best: Option<Made> = None;
        for text in all {
            let Some(next) = self.applied(stream, &text) else { continue };
            let Some(at) = self.reached(&next.plan).filter(|at| *at > self.at) else { continue };
            if best.as_ref().is_none_or(|(b, ..)| at > *b) {
                best = Some((at, text, next));
            }
        }
        best
    }

    /// What a command makes of what flows so far; none where it is not to be had.
    fn applied(&self, stream: Option<&Stream>, text: &str) -> Option<Stream> {
        let mut said = Vec::new();
        let expanded = macros::Expanded::whole(text, Span::new(0, text.len()));
        let tree = match stream {
            None => parse::pipeline(text, &mut said),
            Some(_) => parse::body(text, &mut said),
        };
        let mut lower = Lower {
            options: &self.whole.options,
            text: &expanded,
            said: &mut said,
            rejected: false,
            partial: false,
            depth: 0,
            commands: 0,
        };
        let mut out = match stream {
            None => lower.pipeline(&tree),
            Some(s) => tree.commands.iter().fold(s.clone(), |s, c| lower.command(s, c)),
        };
        let fails = lower.rejected || lower.partial || crate::failed(&said);
        out.plan.each_span(&mut |s| *s = Span::default());
        (!fails).then_some(out)
    }

    /// How far a plan is the beginning of this one.
    fn reached(&self, plan: &Plan) -> Option<(usize, usize)> {
        let n = spine(plan).len();
        let there = self.spine.get(n.checked_sub(1)?)?;
        match (plan, *there) {
            (a, b) if a == b => Some((n, 0)),
            (Plan::Eval(a, made), Plan::Eval(b, all)) if a == b && all.starts_with(made) => {
                Some((n - 1, made.len()))
            }
            _ => None,
        }
    }

    /// What could not be said.
    fn stuck(&self) -> String {
        let Some(plan) = self.spine.get(self.at.0) else { return String::new() };
        let text = shikra_ir::text::plan(plan);
        let line = text.lines().next().unwrap_or("");
        let word = line.split(' ').next().unwrap_or("");
        format!("{word}, which no command makes here: {line}")
    }
}

/// Whether a search reads as this plan.
pub(super) fn reads_as(text: &str, plan: &Plan) -> bool {
    let options = Options { tables: tables(plan), ..Options::default() };
    let again = crate::load(text, &options);
    again.status == LoadStatus::Ok && {
        let (mut a, mut b) = (again.plan, plan.clone());
        [&mut a, &mut b].into_iter().for_each(|p| p.each_span(&mut |s| *s = Span::default()));
        a == b
    }
}
