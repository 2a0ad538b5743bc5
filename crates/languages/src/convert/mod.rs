//! Rules of one language in another, where meaning is kept.
//!
//! A rule is taken as its plan. Its log source becomes a condition on channels and event ids, the names of its fields
//! those of the target that mean the same in every event in question (both told by the taxonomy), and the target's
//! printer writes what comes of it. What has no counterpart is refused, with the place of the clause in the rule.
//! Nothing is rounded: a converted rule finds what the original finds. Only conditions on single events are
//! converted.

mod container;
mod inverse;
mod logic;
mod names;
mod places;
mod sources;
mod speech;

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use shikra_event::{Name, Shape};
use shikra_ir::{Expr, FieldRef, LoadStatus, LogSource, Names, Plan, Rule, text};
use shikra_syntax::{Source, Span};
use shikra_taxonomy::Taxonomy;

use crate::elastic;
pub(crate) use container::toml;
use logic::{Manner, Renamer};
use names::Lexicon;
use places::{Place, Where, World};
pub use speech::{TARGETS, Target};

/// Why a clause cannot be said, and where it stands in the rule's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The clause as written; empty for the rule as a whole.
    pub clause: String,
    /// What has no counterpart.
    pub reason: String,
    /// Its place.
    pub span: Span,
}

/// A rule in another language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Converted {
    /// The query, or the rule's text where the language has rules of its own.
    pub query: String,
    /// The file that holds it, as rules of that language are kept.
    pub file: String,
    /// Ending of that file's name.
    pub extension: &'static str,
    /// The new rule's id: made of the old one's, always the same.
    pub id: String,
    /// What to know of it.
    pub notes: Vec<String>,
}

/// A clause that cannot be converted; an empty place means the rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub span: Span,
    pub reason: String,
}

impl Problem {
    fn whole(reason: impl Into<String>) -> Problem {
        Problem { span: Span::default(), reason: reason.into() }
    }
}

/// Events, and what is asked of them.
struct Part {
    events: Vec<(Where, Option<Expr>)>,
    condition: Expr,
}

/// Converts rules; remembers what names mean.
pub struct Converter<'t> {
    names: Lexicon<'t>,
    world: World,
    sources: sources::Catalogue,
}

impl<'t> Converter<'t> {
    /// With the taxonomy that says what names mean.
    pub fn new(taxonomy: &'t Taxonomy) -> Converter<'t> {
        let document = taxonomy.document_fields().iter().map(|n| Name::from(n.as_str())).collect();
        let mut world = World::new(known_events(taxonomy), document);
        let sources = sources::Catalogue::new(taxonomy, &mut world);
        Converter { names: Lexicon::new(taxonomy), world, sources }
    }

    /// A rule in the target's language. `source` is the file that it stands in.
    ///
    /// # Errors
    /// The clauses that have no counterpart.
    pub fn convert(
        &mut self,
        rule: &Rule,
        source: &Source,
        target: &Target,
    ) -> Result<Converted, Vec<Refusal>> {
        self.translated(rule, target).map_err(|problems| {
            let refusal = |p: Problem| {
                let span = if p.span == Span::default() { rule.meta.span } else { p.span };
                let clause = if span == rule.meta.span { "" } else { source.slice(span) };
                Refusal { clause: clause.to_owned(), reason: p.reason, span }
            };
            problems.into_iter().map(refusal).collect()
        })
    }

    fn translated(&mut self, rule: &Rule, target: &Target) -> Result<Converted, Vec<Problem>> {
        let one = |p: Problem| vec![p];
        if rule.status != LoadStatus::Ok {
            let why = rule.diagnostics.first().map_or("it does not load", |d| d.message.as_str());
            return Err(vec![Problem::whole(format!("not all of the rule is understood: {why}"))]);
        }
        if rule.meta.language == target.name {
            let written = elastic::written(&rule.plan);
            if let Some(said) = (target.again)(written.input) {
                let query = said.map_err(|reason| vec![Problem::whole(reason)])?;
                return Ok(container::whole(rule, target, query, vec![], Some(&written)));
            }
        }
        let alternatives =
            rule.plan.single_events().ok_or_else(|| vec![Problem::whole(beyond(&rule.plan))])?;
        let mut notes = Vec::new();
        let (source, condition) = self.events(alternatives, target, &mut notes).map_err(one)?;
        let query = self.said(target, &source, &condition, rule)?;
        Ok(container::whole(rule, target, query, notes, None))
    }

    /// The query of a rule of the target's language, narrowed to the events that another rule finds.
    ///
    /// # Errors
    /// Why the other rule cannot be said, or the first one is no condition on events of one log source.
    pub fn narrowed(&mut self, rule: &Rule, filter: &Rule, target: &Target) -> Result<String, Vec<String>> {
        let whole = |plan: &Plan| vec![beyond(plan)];
        let reasons = |all: Vec<Problem>| all.into_iter().map(|p| p.reason).collect::<Vec<String>>();
        let own = rule.plan.single_events().ok_or_else(|| whole(&rule.plan))?;
        let [(own, condition)] = own.as_slice() else { return Err(whole(&rule.plan)) };
        let alternatives = filter.plan.single_events().ok_or_else(|| whole(&filter.plan))?;
        let (source, narrow) =
            self.events(alternatives, target, &mut Vec::new()).map_err(|p| reasons(vec![p]))?;
        // Whichever names more.
        let source = if source.keys.len() > own.keys.len() { &source } else { *own };
        let both = logic::and(vec![narrow, condition.clone()]);
        self.said(target, source, &both, rule).map_err(reasons)
    }

    /// Log sources with conditions as one of each, in the names of the target.
    fn events(
        &mut self,
        alternatives: Vec<(&LogSource, Expr)>,
        target: &Target,
        notes: &mut Vec<String>,
    ) -> Result<(LogSource, Expr), Problem> {
        let mut parts = Vec::new();
        for (source, e) in alternatives {
            parts.extend(self.parts(source, &e, target, notes)?);
        }
        notes.dedup();
        Ok(self.joined(parts, target))
    }

    /// The events of a log source and the condition on them, in the names of the target.
    fn parts(
        &mut self,
        source: &LogSource,
        e: &Expr,
        target: &Target,
        notes: &mut Vec<String>,
    ) -> Result<Vec<Part>, Problem> {
        let e = logic::plain(e)?;
        let selector = self.names.taxonomy.select(source).map_err(|u| Problem::whole(u.to_string()))?;
        let (own, ids) = places::mentioned(&e);
        let documents = target.manner.names == Names::Ecs;
        let places = self.world.places(&selector, &own, &ids, documents);
        if places.is_empty() {
            let what = text::log_source(source);
            return Err(Problem::whole(format!("the log source {what} means no event of a Windows log")));
        }
        let from = scheme(source, &e);
        let same = from == target.manner.names;
        let (mut out, mut rest): (Vec<Part>, Vec<&Place>) = (Vec::new(), places.iter().collect());
        let logs: Vec<&Place> = places.iter().filter(|p| p.which != Where::Documents).collect();
        if !same
            && logs.len() > 1
            && let Ok(part) = self.together(&logs, &e, from, target.manner)
        {
            out.push(part);
            rest.retain(|p| p.which == Where::Documents);
        }
        for place in rest {
            match self.placed(place, &e, from, target) {
                Ok(parts) => out.extend(parts),
                // Documents of Elastic Endpoint have fewer fields than the events of a log.
                Err(p) if place.which == Where::Documents && !same && places.len() > 1 => {
                    notes.push(format!("documents without a channel are left out: {}", p.reason));
                }
                Err(p) => return Err(p),
            }
        }
        Ok(out)
    }

    /// One condition on the events of several logs, where fields have names that fit all of them.
    fn together(&mut self, logs: &[&Place], e: &Expr, from: Names, manner: Manner) -> Result<Part, Problem> {
        if !is_open(from) {
            return Err(Problem::whole("constants differ from log to log"));
        }
        let live = |p: &&Place| -> Vec<Arc<Shape>> {
            let holds = |s: &&Arc<Shape>| logic::on_shape(e, s, &self.names, &|_| false) != Expr::FALSE;
            p.shapes.iter().filter(holds).cloned().collect()
        };
        let shapes: Vec<Vec<Arc<Shape>>> = logs.iter().map(live).collect();
        let all: Vec<Arc<Shape>> = shapes.iter().flatten().cloned().collect();
        let condition = self.renamed(e, &all, from, manner)?;
        let mut events = Vec::new();
        for (place, shapes) in logs.iter().zip(&shapes).filter(|(_, s)| !s.is_empty()) {
            events.push((place.which.clone(), self.guard(place, shapes, from, manner)?));
        }
        if events.is_empty() {
            return Ok(Part { events, condition: Expr::FALSE });
        }
        Ok(Part { events, condition })
    }

    /// The condition on the events of one place.
    fn placed(
        &mut self,
        place: &Place,
        e: &Expr,
        from: Names,
        target: &Target,
    ) -> Result<Vec<Part>, Problem> {
        let manner = target.manner;
        if from == manner.names {
            // The names stay; whether the target can ask for one value of several is still to be seen.
            let checked =
                if manner.single { Some(self.renamed(e, &place.shapes, from, manner)?) } else { None };
            let e = checked.as_ref().unwrap_or(e);
            let events = vec![(place.which.clone(), place.when.clone())];
            return Ok(vec![Part { events, condition: e.clone() }]);
        }
        let open = is_open(from);
        let absent = |f: &FieldRef| !open && !f.name.starts_with("winlog.event_data.");
        // What the log source asks of an event in such names is a condition like any other.
        let whole = match &place.when {
            Some(when) if !open => logic::and(vec![logic::plain(when)?, e.clone()]),
            _ => e.clone(),
        };
        let e = &whole;
        let live: Vec<(Arc<Shape>, Expr)> = place
            .shapes
            .iter()
            .map(|s| (s.clone(), logic::on_shape(e, s, &self.names, &absent)))
            .filter(|(_, e)| *e != Expr::FALSE)
            .collect();
        let shapes: Vec<Arc<Shape>> = live.iter().map(|(s, _)| s.clone()).collect();
        if shapes.is_empty() {
            return Ok(vec![]);
        }
        let when = if open { self.guard(place, &shapes, from, manner)? } else { None };
        if open || place.which == Where::Documents {
            match self.renamed(e, &shapes, from, manner) {
                Ok(condition) => {
                    return Ok(vec![Part { events: vec![(place.which.clone(), when)], condition }]);
                }
                Err(p) if place.which == Where::Documents => return Err(p),
                Err(_) => {}
            }
        }
        self.grouped(place, live, when, from, manner)
    }

    /// Events that come to the same condition together.
    fn grouped(
        &mut self,
        place: &Place,
        live: Vec<(Arc<Shape>, Expr)>,
        when: Option<Expr>,
        from: Names,
        manner: Manner,
    ) -> Result<Vec<Part>, Problem> {
        let mut groups: Vec<(Vec<Arc<Shape>>, Expr)> = Vec::new();
        let mut known: HashMap<String, usize> = HashMap::new();
        for (s, e) in live {
            match known.entry(text::expr(&e)) {
                Entry::Occupied(at) => groups[*at.get()].0.push(s),
                Entry::Vacant(new) => {
                    new.insert(groups.len());
                    groups.push((vec![s], e));
                }
            }
        }
        let mut out = Vec::new();
        for (shapes, e) in groups {
            let condition = self.renamed(&e, &shapes, from, manner)?;
            let events = places::remaining(place, &shapes)
                .ok_or_else(|| Problem::whole("which events it means hangs on logs that are not known"))?;
            let events = events.into_iter().map(|w| (w, when.clone())).collect();
            out.push(Part { events, condition });
        }
        Ok(out)
    }

    fn guard(
        &mut self,
        place: &Place,
        shapes: &[Arc<Shape>],
        from: Names,
        manner: Manner,
    ) -> Result<Option<Expr>, Problem> {
        let Some(when) = &place.when else { return Ok(None) };
        let when = logic::plain(when)?;
        self.renamed(&when, shapes, from, manner).map(Some)
    }

    fn renamed(
        &mut self,
        e: &Expr,
        shapes: &[Arc<Shape>],
        from: Names,
        manner: Manner,
    ) -> Result<Expr, Problem> {
        let renamed = Renamer { names: &mut self.names, shapes, manner, from }.expr(e);
        // What is made up to stand for unlisted events may have no name where the listed ones do.
        renamed.or_else(|p| {
            let known: Vec<Arc<Shape>> = shapes.iter().filter(|s| !places::is_other(s)).cloned().collect();
            if known.is_empty() || known.len() == shapes.len() {
                return Err(p);
            }
            Renamer { names: &mut self.names, shapes: &known, manner, from }.expr(e)
        })
    }

    /// All parts as one log source and one condition.
    fn joined(&self, mut parts: Vec<Part>, target: &Target) -> (LogSource, Expr) {
        merge(&mut parts);
        if target.manner.names == Names::Sigma
            && let [only] = parts.as_mut_slice()
            && let Some(found) = self.sources.named(&only.events)
        {
            return (found, std::mem::replace(&mut only.condition, Expr::TRUE));
        }
        let mut source = LogSource::any(target.manner.names);
        if target.manner.names == Names::Sigma {
            source = LogSource::with_keys(Names::Sigma, [("product", "windows")]);
        }
        let each = parts.into_iter().map(|p| {
            let events = p.events.iter().map(|(which, when)| {
                logic::and([Some(speech::place(which, target)), when.clone()].into_iter().flatten().collect())
            });
            logic::and(vec![logic::or(events.collect()), p.condition])
        });
        (source, logic::or(each.collect()))
    }

    /// The text, or each clause that the printer does not take.
    fn said(
        &self,
        target: &Target,
        source: &LogSource,
        e: &Expr,
        rule: &Rule,
    ) -> Result<String, Vec<Problem>> {
        let why = match (target.print)(source, e, &rule.meta) {
            Ok(text) => return Ok(text),
            Err(why) => why,
        };
        let mut found: Vec<Problem> = Vec::new();
        let mut seen = BTreeSet::new();
        clauses(e, &mut |clause, span| {
            if let Err(reason) = (target.print)(source, clause, &rule.meta)
                && seen.insert((span.start, reason.clone()))
            {
                found.push(Problem { span, reason });
            }
        });
        if found.is_empty() { Err(vec![Problem::whole(why)]) } else { Err(found) }
    }
}

/// The scheme whose names a condition uses: that of its log source, unless all its fields are of another.
fn scheme(source: &LogSource, e: &Expr) -> Names {
    let mut used = Vec::new();
    e.fields(&mut |f| used.push(f.names));
    match used.first() {
        Some(first) if !used.contains(&source.names) => *first,
        _ => source.names,
    }
}

/// Schemes whose names may also be those of the event itself, whatever the tables know of it: nothing is worked out
/// of a field that a listed event does not have.
fn is_open(names: Names) -> bool {
    matches!(names, Names::Sigma | Names::Raw | Names::Splunk | Names::LogPoint | Names::Ossem)
}

/// The events that the tables list, but for those that carry the id of another event under the same name.
fn known_events(taxonomy: &Taxonomy) -> Vec<Arc<Shape>> {
    let mut known = taxonomy.known_events();
    known.retain(|s| s.positions(shikra_event::system::EVENT_ID).len() == 1);
    known
}

/// Calls `f` on every test with its negation.
fn clauses(e: &Expr, f: &mut dyn FnMut(&Expr, Span)) {
    match e {
        Expr::And(v) | Expr::Or(v) => v.iter().for_each(|e| clauses(e, f)),
        Expr::Test(t) => f(e, t.span),
        Expr::Not(inner) => {
            if let Expr::Test(t) = &**inner {
                f(e, t.span);
            }
        }
        _ => {}
    }
}

/// Parts with one condition are one part; those that never hold are none.
fn merge(parts: &mut Vec<Part>) {
    let mut out: Vec<Part> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for p in parts.drain(..).filter(|p| p.condition != Expr::FALSE) {
        match known.entry(text::expr(&p.condition)) {
            Entry::Occupied(at) => out[*at.get()].events.extend(p.events),
            Entry::Vacant(new) => {
                new.insert(out.len());
                out.push(p);
            }
        }
    }
    *parts = out;
}

/// What a plan is beyond conditions on single events.
fn beyond(plan: &Plan) -> String {
    let mut open = vec![plan];
    while let Some(p) = open.pop() {
        let what = match p {
            Plan::Seq(_) => "a sequence of events",
            Plan::Set(_) => "several events together",
            Plan::Agg(_) | Plan::WindowAgg(_) => "an aggregation",
            Plan::Join(_) | Plan::Except(..) => "a join",
            Plan::Rule(_) => "other rules",
            Plan::Lineage(..) | Plan::Mark(_) => "the descent of processes",
            Plan::Lookup(_) | Plan::Table(_) | Plan::Values(_) => "a table",
            Plan::Eval(..) | Plan::Extract(..) | Plan::Unnest(..) | Plan::Bucket(..) => "computed columns",
            Plan::Limit(..) | Plan::Tail(..) | Plan::Sort(_) | Plan::Dedup(_) => {
                "an order or number of results"
            }
            Plan::Project(..) | Plan::Drop(..) => "a choice of columns",
            _ => "",
        };
        if !what.is_empty() {
            return format!("{what}: only conditions on single events are converted");
        }
        open.extend(p.children());
    }
    "more than a condition on single events".into()
}
