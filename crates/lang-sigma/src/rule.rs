//! A detection rule: selections and conditions to a plan.

use std::sync::Arc;

use shikra_ir::{Expr, LoadStatus, LogSource, Names, Opaque, Plan, Rule, RuleMeta, Truth};
use shikra_syntax::{Diagnostic, Severity, Source, Span};

use crate::aggregate;
use crate::condition::{self, Condition};
use crate::item::{self, Selection};
use crate::meta::{self, Place};
use crate::pipeline::{self, Draft};
use crate::selections::Selections;
use crate::{Options, Quantifiers};
use shikra_syntax::yaml::Node;

/// Where lowering reports to, and what it needs to know.
pub(crate) struct Sink<'o> {
    pub source: &'o Source,
    pub options: &'o Options,
    /// Scheme of the rule's field names.
    pub names: Names,
    pub diagnostics: Vec<Diagnostic>,
    /// Patterns made so far, against [`crate::selections::MAX_PATTERNS`].
    pub patterns: usize,
    /// The rule cannot run at all.
    pub rejected: bool,
    /// Values of placeholders, those of pipelines among them.
    pub placeholders: std::borrow::Cow<'o, Placeholders>,
    /// Placeholders without values are any text: those included (none: all), but not those excluded.
    pub wildcards: Option<(Option<Vec<String>>, Vec<String>)>,
    /// Where messages about the whole rule point.
    pub head: Span,
}

/// Values of placeholders by name.
pub(crate) type Placeholders = std::collections::BTreeMap<String, Vec<String>>;

impl<'o> Sink<'o> {
    pub fn new(source: &'o Source, options: &'o Options) -> Sink<'o> {
        Sink {
            source,
            options,
            names: Names::Sigma,
            diagnostics: Vec::new(),
            patterns: 0,
            rejected: false,
            placeholders: std::borrow::Cow::Borrowed(&options.placeholders),
            wildcards: None,
            head: Span::default(),
        }
    }
    /// The same for another rule of the same document.
    fn fork(&self) -> Sink<'o> {
        Sink {
            names: self.names,
            diagnostics: self.diagnostics.clone(),
            head: self.head,
            ..Sink::new(self.source, self.options)
        }
    }
    pub fn slice(&self, span: Span) -> &str {
        self.source.slice(span)
    }
    pub fn warn(&mut self, code: &'static str, message: impl Into<String>, span: Span) {
        self.diagnostics.push(Diagnostic::warning(code, message, span));
    }
    /// A clause that is not supported: an error, and an expression that never holds.
    pub fn opaque(&mut self, code: &'static str, message: String, span: Span, help: Option<String>) -> Expr {
        let mut d = Diagnostic::error(code, message.clone(), span);
        d.help = help;
        self.diagnostics.push(d);
        Expr::Opaque(Opaque { reason: message, span })
    }
    /// Something without which the rule means nothing.
    pub fn reject(
        &mut self,
        code: &'static str,
        message: impl Into<String>,
        span: Span,
        help: Option<String>,
    ) {
        let mut d = Diagnostic::error(code, message, span);
        d.help = help;
        self.diagnostics.push(d);
        self.rejected = true;
    }
}

/// A rule that cannot run, for the first error among its diagnostics.
pub(crate) fn rejected(meta: RuleMeta, diagnostics: Vec<Diagnostic>) -> Rule {
    let first = diagnostics.iter().find(|d| d.severity == Severity::Error);
    let opaque = Opaque {
        reason: first.map_or_else(|| "rejected".to_owned(), |d| d.message.clone()),
        span: first.map_or(meta.span, |d| d.span),
    };
    let plan = Plan::Opaque(None, opaque);
    Rule { meta: Arc::new(meta), plan, reports: true, status: LoadStatus::Rejected, diagnostics }
}

/// A rule with its plan, unless something made it unusable.
pub(crate) fn finish(meta: RuleMeta, plan: Plan, sink: Sink) -> Rule {
    let (opaque, alive) = prospects(&plan);
    if sink.rejected || (opaque && !alive) {
        return rejected(meta, sink.diagnostics);
    }
    let status = if opaque { LoadStatus::Partial } else { LoadStatus::Ok };
    Rule { meta: Arc::new(meta), plan, reports: true, status, diagnostics: sink.diagnostics }
}

/// Whether a plan has unsupported parts, and whether it can hold all the same.
fn prospects(plan: &Plan) -> (bool, bool) {
    let mut opaque = matches!(plan, Plan::Opaque(..));
    let mut alive = !opaque;
    if let Plan::Filter(input, e) = plan {
        e.opaques(&mut |_| opaque = true);
        alive = can_be(e).0;
        if matches!(**input, Plan::Scan(_)) {
            return (opaque, alive);
        }
    }
    let below: Vec<(bool, bool)> = plan.children().into_iter().map(prospects).collect();
    opaque |= below.iter().any(|b| b.0);
    let below_alive = match plan {
        Plan::Union(_) => below.iter().any(|b| b.1),
        _ => below.iter().all(|b| b.1),
    };
    (opaque, alive && below_alive)
}

/// Whether an expression can be true, and whether it can be false.
fn can_be(e: &Expr) -> (bool, bool) {
    let all = |v: &[Expr], pick: fn((bool, bool)) -> bool| v.iter().all(|e| pick(can_be(e)));
    let any = |v: &[Expr], pick: fn((bool, bool)) -> bool| v.iter().any(|e| pick(can_be(e)));
    match e {
        Expr::Const(t) => (*t == Truth::True, *t == Truth::False),
        Expr::And(v) => (all(v, |c| c.0), any(v, |c| c.1)),
        Expr::Or(v) => (any(v, |c| c.0), all(v, |c| c.1)),
        Expr::Not(e) => {
            let (t, f) = can_be(e);
            (f, t)
        }
        Expr::Named(_, e) => can_be(e),
        Expr::Test(_) => (true, true),
        Expr::Opaque(_) => (false, false),
    }
}

/// The selections of a `detection` or `filter` section; `skip` names keys that are none.
pub(crate) fn selections<'a>(section: &'a Node, skip: &[&str], sink: &Sink) -> Vec<Selection<'a>> {
    let named = section.entries().iter().filter_map(|(k, v)| Some((k.text()?, k.span, v)));
    let wanted = named.filter(|(name, ..)| !skip.contains(name));
    let mut all = Vec::with_capacity(section.entries().len());
    all.extend(wanted.map(|(n, at, v)| item::selection(n, at, v, sink)));
    all
}

/// The conditions of a section: one, or several of which any may hold.
pub(crate) fn conditions(section: &Node, place: &Place, sink: &mut Sink) -> Vec<Condition> {
    let Some(node) = section.get("condition").filter(|c| !c.is_null()) else {
        sink.reject("missing-condition", "no condition", meta::head(place), None);
        return Vec::new();
    };
    let mut out = Vec::with_capacity(node.items().len());
    for c in node.items() {
        let Some(text) = c.text() else {
            sink.reject("condition", "a condition must be text", c.span, None);
            continue;
        };
        let written = sink.slice(c.span);
        let within = if written.starts_with(text) { Some(0) } else { written.find(text) };
        let exact = within.map(|at| c.span.start + at);
        match condition::parse(text, exact, c.span) {
            Ok(c) => out.push(c),
            Err(d) => {
                sink.diagnostics.push(d);
                sink.rejected = true;
            }
        }
    }
    if out.is_empty() && !sink.rejected {
        sink.reject("missing-condition", "no condition", node.span, None);
    }
    out
}

/// Most log sources that the lists of one `logsource` section may stand for.
const MAX_SOURCES: usize = 16;

/// Reads a `logsource` section. Where a part of it is a list, which the specification does not know, there is a
/// log source for each item.
pub(crate) fn log_sources(root: &Node, place: &Place, sink: &mut Sink) -> Vec<LogSource> {
    let mut sources = vec![LogSource::any(Names::Sigma)];
    let Some(node) = root.get("logsource").filter(|n| !n.is_null()) else {
        sink.warn("missing-logsource", "no log source: the rule looks at every event", meta::head(place));
        return sources;
    };
    if !node.is_map() {
        sink.reject("logsource", "a log source must be a map", node.span, None);
    }
    for (key, value) in node.entries() {
        let name = key.text().unwrap_or_default();
        match name {
            "definition" | "description" => {}
            "product" | "category" | "service" => add_key(&mut sources, name, value, sink),
            _ => {
                let message = format!("`{name}` is no part of a log source: ignored");
                sink.diagnostics.push(Diagnostic::note("logsource-key", message, key.span));
            }
        }
    }
    sources
}

fn add_key(sources: &mut Vec<LogSource>, name: &str, value: &Node, sink: &mut Sink) {
    let mut texts: Vec<String> = Vec::with_capacity(value.items().len());
    texts.extend(value.items().iter().filter_map(Node::text).map(|t| t.trim().to_lowercase()));
    if texts.len() != value.items().len() || sources.len() * texts.len() > MAX_SOURCES {
        sink.reject("logsource", format!("`{name}` must be text"), value.span, None);
        return;
    }
    if texts.len() > 1 {
        let message = format!("a list under `{name}` is no standard Sigma: taken as a rule for each item");
        sink.warn("logsource-list", message, value.span);
    }
    if let ([source], 1) = (sources.as_mut_slice(), texts.len()) {
        texts.pop().into_iter().for_each(|text| source.keys.insert(name.to_owned(), text));
        return;
    }
    if texts.is_empty() {
        return;
    }
    let with = |s: &LogSource, t: &String| {
        let mut s = s.clone();
        s.keys.insert(name.to_owned(), t.clone());
        s
    };
    *sources = sources.iter().flat_map(|s| texts.iter().map(move |t| with(s, t))).collect();
}

/// The scheme that a rule's `taxonomy` names; Sigma's own where it names none.
fn taxonomy(root: &Node, sink: &mut Sink) -> Names {
    let Some(node) = root.get("taxonomy") else { return Names::Sigma };
    let name = node.text().unwrap_or_default().trim().to_lowercase();
    let known = Names::ALL.iter().find(|n| n.as_str() == name && **n != Names::Column);
    known.copied().unwrap_or_else(|| {
        let message = format!("unknown taxonomy `{name}`: field names are taken as they stand in the event");
        sink.warn("unknown-taxonomy", message, node.span);
        Names::Raw
    })
}

/// Lowers a detection rule: a rule for each of its log sources. `legacy`: it comes of a collection, hence of
/// version 1.
pub(crate) fn lower(root: &Node, place: &Place, legacy: bool, mut sink: Sink) -> Vec<Rule> {
    sink.head = meta::head(place);
    let mut meta = meta::named(root, place, &mut sink.diagnostics);
    match sink.options.digest {
        // Pipelines may ask for what is remarked of a rule.
        Some(digest) if sink.options.pipelines.is_empty() => meta.condense(digest),
        _ => meta::remarks(root, &mut meta),
    }
    sink.names = taxonomy(root, &mut sink);
    let mut sources = log_sources(root, place, &mut sink);
    let Some(section) = root.get("detection").filter(|d| d.is_map()) else {
        sink.reject("missing-detection", "no detection section", sink.head, None);
        return vec![rejected(meta, sink.diagnostics)];
    };
    let conditions = conditions(section, place, &mut sink);
    let timeframe = aggregate::timeframe(section.get("timeframe"), &mut sink);
    let selections = selections(section, &["condition", "timeframe"], &sink);
    let v1 = match sink.options.quantifiers {
        Quantifiers::V1 => true,
        Quantifiers::V2 => false,
        Quantifiers::Auto => legacy || is_v1(root, &conditions),
    };
    let (false, Some(source)) = (sink.rejected, sources.pop()) else {
        return vec![rejected(meta, sink.diagnostics)];
    };
    // Only pipelines ask for these.
    let (tags, attributes) = match sink.options.pipelines.is_empty() {
        true => (Vec::new(), Vec::new()),
        false => (meta.tags.clone(), attributes(&meta)),
    };
    let draft = Draft { source, selections, conditions, tags, attributes };
    let mut rules = Vec::with_capacity(sources.len() + 1);
    for source in sources {
        let draft = Draft { source, ..draft.clone() };
        rules.push(finish_draft(meta.clone(), draft, timeframe, v1, sink.fork()));
    }
    rules.push(finish_draft(meta, draft, timeframe, v1, sink));
    rules
}

fn finish_draft(
    meta: RuleMeta,
    mut draft: Draft,
    timeframe: Option<(shikra_ir::Duration, Span)>,
    v1: bool,
    mut sink: Sink,
) -> Rule {
    if !sink.options.pipelines.is_empty() {
        let before = draft.clone();
        pipeline::apply(&mut draft, &mut sink);
        let map = |f: &str| pipeline::map_field(f, &before, &sink.options.pipelines);
        draft.conditions.iter_mut().filter_map(|c| c.aggregation.as_mut()).for_each(|a| a.map_fields(&map));
    }
    let mut selections = Selections::new(draft.selections, v1);
    let plan = aggregate::plan(draft.source, &draft.conditions, timeframe, &mut selections, &mut sink);
    selections.report_unused(&mut sink);
    finish(meta, plan, sink)
}

/// What pipeline conditions may ask of a rule.
fn attributes(meta: &RuleMeta) -> Vec<(&'static str, String)> {
    let mut out = vec![
        ("level", meta.level.as_str().to_owned()),
        ("id", meta.id.clone()),
        ("title", meta.title.clone()),
    ];
    out.extend(meta.status.clone().map(|s| ("status", s)));
    out.extend(meta.name.clone().map(|n| ("name", n)));
    out.extend(meta.author.clone().map(|a| ("author", a)));
    out
}

/// Whether a rule is of version 1: it aggregates in its condition, or writes its dates with slashes.
fn is_v1(root: &Node, conditions: &[Condition]) -> bool {
    let slashes = |key| root.text_of(key).is_some_and(|d| d.contains('/'));
    conditions.iter().any(|c| c.aggregation.is_some()) || slashes("date") || slashes("modified")
}
