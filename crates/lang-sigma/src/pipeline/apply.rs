//! Applies pipelines to rules.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use shikra_syntax::Span;

use super::{
    Case, Draft, FieldCondition, HashFields, ItemCondition, Pipeline, RuleCondition, Step, Transformation,
};
use crate::condition::{Cond, Quantity};
use crate::item::{Det, Item, Lit, Literal, Selection, field_name};
use crate::rule::Sink;
use crate::selections::glob;

/// What the steps so far have left behind.
#[derive(Default)]
struct Progress {
    applied: HashSet<String>,
    state: BTreeMap<String, String>,
}

/// Applies all pipelines in order of priority.
pub(crate) fn apply(draft: &mut Draft, sink: &mut Sink) {
    for pipeline in sorted(&sink.options.pipelines) {
        let mut progress = Progress::default();
        for (at, step) in pipeline.steps.iter().enumerate() {
            if step.rule.hold(&|c| progress.rule(c, draft)) {
                progress.step(pipeline, step, at, draft, sink);
            }
        }
    }
}

fn sorted(pipelines: &[Pipeline]) -> Vec<&Pipeline> {
    let mut all: Vec<&Pipeline> = pipelines.iter().collect();
    all.sort_by_key(|p| p.priority);
    all
}

/// The field that pipelines map another to, for fields outside of selections (aggregations): the first where
/// there are several. `source` is the rule's log source.
pub(crate) fn map_field(name: &str, draft: &Draft, pipelines: &[Pipeline]) -> String {
    let mut name = name.to_owned();
    for pipeline in sorted(pipelines) {
        let progress = Progress::default();
        for step in &pipeline.steps {
            let holds = step.rule.hold(&|c| progress.rule(c, draft))
                && step.field.hold(&|c| progress.field(c, Some(&name), &[]))
                && step.item.list.is_empty();
            if let (true, Some(first)) =
                (holds, renamed(&step.what, &name).and_then(|v| v.into_iter().next()))
            {
                name = first;
            }
        }
    }
    name
}

/// What a step calls a field.
fn renamed(what: &Transformation, name: &str) -> Option<Vec<String>> {
    match what {
        Transformation::FieldMapping(map) => {
            map.iter().find(|(from, _)| field_name(from) == name).map(|(_, to)| to.clone())
        }
        Transformation::PrefixMapping(map) => map.iter().find_map(|(from, to)| {
            let rest = name.strip_prefix(from.as_str())?;
            Some(to.iter().map(|t| format!("{t}{rest}")).collect())
        }),
        Transformation::Prefix(p) => Some(vec![format!("{p}{name}")]),
        Transformation::Suffix(s) => Some(vec![format!("{name}{s}")]),
        _ => None,
    }
}

impl Progress {
    fn rule(&self, c: &RuleCondition, draft: &Draft) -> bool {
        let has = |test: &dyn Fn(&Item) -> bool| draft.selections.iter().any(|s| any_item(&s.det, test));
        match c {
            RuleCondition::LogSource(keys) => keys.iter().all(|(k, v)| draft.source.keys.get(k) == Some(v)),
            RuleCondition::HasField(f) => has(&|i| i.field.as_deref() == Some(f)),
            RuleCondition::HasItem(f, value) => has(&|i| {
                let wanted = |l: &Literal| value.is_none() || l.value.text().as_deref() == value.as_deref();
                i.field.as_deref() == Some(f) && i.values.iter().any(wanted)
            }),
            RuleCondition::Applied(id) => self.applied.contains(id),
            RuleCondition::State(k, v) => self.state.get(k) == Some(v),
            RuleCondition::Attribute(k, v) => draft.attributes.iter().any(|(n, is)| n == k && is == v),
            RuleCondition::Tag(t) => draft.tags.iter().any(|is| is.eq_ignore_ascii_case(t)),
            RuleCondition::Always(b) => *b,
        }
    }

    fn item(&self, c: &ItemCondition, i: &Item) -> bool {
        let values = |all: bool, test: &dyn Fn(&Literal) -> bool| {
            if all { i.values.iter().all(test) } else { i.values.iter().any(test) }
        };
        match c {
            ItemCondition::MatchString { all, regex, negated } => {
                values(*all, &|l| l.value.text().is_some_and(|t| regex.is_match(&t))) != *negated
            }
            ItemCondition::MatchValue { all, value } => {
                values(*all, &|l| l.value.text().as_deref() == Some(value))
            }
            ItemCondition::ContainsWildcard { all } => values(
                *all,
                &|l| matches!(&l.value, Lit::Text(t) if crate::text::pattern(t).literal().is_none()),
            ),
            ItemCondition::IsNull { all } => values(*all, &|l| l.value == Lit::Null),
            ItemCondition::Applied(id) => i.applied.contains(id),
            ItemCondition::State(k, v) => self.state.get(k) == Some(v),
        }
    }

    fn field(&self, c: &FieldCondition, field: Option<&str>, applied: &[String]) -> bool {
        match c {
            FieldCondition::Include(v) => field.is_some_and(|f| v.iter().any(|m| m.is(f))),
            FieldCondition::Exclude(v) => !field.is_some_and(|f| v.iter().any(|m| m.is(f))),
            FieldCondition::Applied(id) => applied.contains(id),
            FieldCondition::State(k, v) => self.state.get(k) == Some(v),
        }
    }

    fn wants(&self, step: &Step, i: &Item) -> bool {
        step.item.hold(&|c| self.item(c, i))
            && step.field.hold(&|c| self.field(c, i.field.as_deref(), &i.applied))
    }

    fn step(&mut self, pipeline: &Pipeline, step: &Step, at: usize, draft: &mut Draft, sink: &mut Sink) {
        match &step.what {
            Transformation::ChangeLogSource(keys) => draft.source.keys = keys.iter().cloned().collect(),
            Transformation::SetState(k, v) => drop(self.state.insert(k.clone(), v.clone())),
            Transformation::FailRule(message) => {
                sink.reject("pipeline", format!("{}: {message}", pipeline.name), sink.head, None);
            }
            Transformation::AddCondition { name, entries, negated } => {
                let name = name.clone().unwrap_or_else(|| format!("_{}_{at}", pipeline.name));
                add_condition(draft, name, entries, *negated, sink.head);
            }
            Transformation::ValuePlaceholders(names) => {
                let known = pipeline.vars.iter().filter(|(n, _)| names.has(n));
                sink.placeholders.to_mut().extend(known.map(|(n, v)| (n.clone(), v.clone())));
            }
            Transformation::WildcardPlaceholders(names) => {
                sink.wildcards = Some((names.include.clone(), names.exclude.clone()));
            }
            Transformation::Nothing => {}
            what => self.items(what, step, draft, sink),
        }
        self.applied.extend(step.id.clone());
    }

    /// A step that changes items: those that its conditions want.
    fn items(&self, what: &Transformation, step: &Step, draft: &mut Draft, sink: &mut Sink) {
        let mut dropped = Vec::new();
        for s in std::mem::take(&mut draft.selections) {
            let changed = s.det.clone().rewrite(&mut |i| {
                if !self.wants(step, &i) {
                    return Some(Det::Item(i));
                }
                change(what, i, step)
            });
            match changed {
                Some(det) => draft.selections.push(Selection { det, ..s }),
                None => dropped.push(s.name.into_owned()),
            }
        }
        if !dropped.is_empty() {
            for c in &mut draft.conditions {
                match without(&c.cond, &dropped, &draft.selections) {
                    Some(kept) => c.cond = kept,
                    None => {
                        sink.reject("pipeline", "a pipeline drops all that the rule asks", sink.head, None)
                    }
                }
            }
        }
    }
}

fn any_item(det: &Det, test: &dyn Fn(&Item) -> bool) -> bool {
    match det {
        Det::Item(i) => test(i),
        Det::All(v) | Det::Any(v) => v.iter().any(|d| any_item(d, test)),
    }
}

/// What becomes of an item; none where it is dropped.
fn change<'a>(what: &Transformation, mut item: Item<'a>, step: &Step) -> Option<Det<'a>> {
    item.applied.extend(step.id.clone());
    if let Some(names) = item.field.as_ref().and_then(|f| renamed(what, f)) {
        let mut named: Vec<Det> = names
            .into_iter()
            .map(|n| Det::Item(Item { field: Some(Cow::Owned(n)), ..item.clone() }))
            .collect();
        return Some(if named.len() == 1 { named.remove(0) } else { Det::Any(named) });
    }
    match what {
        Transformation::DropItem => return None,
        Transformation::FailItem(message) => item.fault = Some(("pipeline", message.clone(), item.span)),
        Transformation::ReplaceString { regex, replacement } => {
            each_text(&mut item, |t| vec![regex.replace_all(t, replacement.as_str()).into_owned()]);
        }
        Transformation::MapString(map) => each_text(&mut item, |t| {
            map.iter().find(|(from, _)| from == t).map_or_else(|| vec![t.to_owned()], |(_, to)| to.clone())
        }),
        Transformation::Case(case) => each_text(&mut item, |t| {
            vec![if *case == Case::Lower { t.to_lowercase() } else { t.to_uppercase() }]
        }),
        Transformation::Cased if item.modifiers.iter().all(|(m, _)| !matches!(&**m, "cased" | "re")) => {
            item.modifiers.push((Cow::Borrowed("cased"), item.span));
        }
        Transformation::HashFields(fields) => return Some(hashes(fields, item)),
        Transformation::SetValue(value) => {
            item.values = vec![Literal { value: value.value.clone(), span: item.span }];
        }
        _ => {}
    }
    Some(Det::Item(item))
}

/// What an item asks of `Hashes`, asked of a field for each algorithm.
fn hashes<'a>(fields: &HashFields, mut item: Item<'a>) -> Det<'a> {
    if !matches!(item.field.as_deref(), Some("Hashes" | "Hash")) {
        return Det::Item(item);
    }
    let mut by_field: BTreeMap<String, Vec<Literal<'a>>> = BTreeMap::new();
    for l in &item.values {
        let text = l.value.text().unwrap_or_default();
        let Some((algorithm, digits)) = hash(&text).filter(|(a, _)| fields.algorithms.contains(a)) else {
            continue;
        };
        let name = if fields.bare { fields.prefix.clone() } else { format!("{}{algorithm}", fields.prefix) };
        let value = Lit::Text(Cow::Owned(digits));
        by_field.entry(name).or_default().push(Literal { value, span: l.span });
    }
    if by_field.is_empty() {
        let message = format!("no hash of the kinds {}", fields.algorithms.join(", "));
        item.fault = Some(("pipeline", message, item.span));
        return Det::Item(item);
    }
    // None of several hashes is not the first and not the second.
    let every = item.modifiers.iter().any(|(m, _)| matches!(&**m, "all" | "neq"));
    item.modifiers.retain(|(m, _)| matches!(&**m, "all" | "neq"));
    let named = by_field.into_iter();
    let named =
        named.map(|(name, values)| Det::Item(Item { field: Some(Cow::Owned(name)), values, ..item.clone() }));
    if every { Det::All(named.collect()) } else { Det::Any(named.collect()) }
}

/// Algorithm and digits of `*MD5=…*`, or of digits whose number tells the algorithm.
fn hash(text: &str) -> Option<(String, String)> {
    let text = text.trim_matches('*');
    if let Some((algorithm, digits)) = text.split_once(['=', '|']) {
        return Some((algorithm.to_uppercase(), digits.to_owned()));
    }
    let algorithm = match text.len() {
        32 => "MD5",
        40 => "SHA1",
        64 => "SHA256",
        128 => "SHA512",
        _ => return None,
    };
    Some((algorithm.to_owned(), text.to_owned()))
}

fn each_text<'a>(item: &mut Item<'a>, f: impl Fn(&str) -> Vec<String>) {
    let one = |l: Literal<'a>| -> Vec<Literal<'a>> {
        let text = |t: String| Literal { value: Lit::Text(t.into()), span: l.span };
        match &l.value {
            Lit::Text(t) => f(t).into_iter().map(text).collect(),
            _ => vec![l],
        }
    };
    item.values = std::mem::take(&mut item.values).into_iter().flat_map(one).collect();
}

/// Joins a selection to every condition of a rule.
fn add_condition(
    draft: &mut Draft,
    name: String,
    entries: &[(String, Vec<Literal<'static>>)],
    negated: bool,
    at: Span,
) {
    // The place in the pipeline is of another file: messages point at the rule.
    let items = entries.iter().map(|(key, values)| {
        let mut parts = key.split('|');
        let field = field_name(parts.next().unwrap_or_default()).into_owned();
        let values = values.iter().map(|l| Literal { value: l.value.clone(), span: at }).collect();
        Det::Item(Item {
            field: Some(field).filter(|f| !f.is_empty()).map(Cow::Owned),
            modifiers: parts.map(|m| (Cow::Owned(m.to_owned()), at)).collect(),
            values,
            span: at,
            fault: None,
            applied: Vec::new(),
        })
    });
    let det = Det::All(items.collect());
    draft.selections.push(Selection {
        name: Cow::Owned(name.clone()),
        name_span: at,
        det,
        is_list: false,
        added: true,
    });
    for c in &mut draft.conditions {
        let own = Cond::Name(name.clone(), at);
        let own = if negated { Cond::Not(Box::new(own)) } else { own };
        let cond = std::mem::replace(&mut c.cond, Cond::And(Vec::new()));
        c.cond = Cond::And(vec![own, cond]);
    }
}

/// A condition without selections that are no longer there; none where nothing is left.
fn without(cond: &Cond, dropped: &[String], left: &[Selection]) -> Option<Cond> {
    let many = |v: &[Cond]| v.iter().filter_map(|c| without(c, dropped, left)).collect::<Vec<_>>();
    match cond {
        Cond::Name(n, _) => (!dropped.contains(n)).then(|| cond.clone()),
        Cond::Of(q, pattern, _) => {
            let matches = |name: &str| pattern.as_ref().is_none_or(|p| glob(p, name));
            let gone = dropped.iter().any(|n| matches(n)) && !left.iter().any(|s| matches(&s.name));
            let fewer = matches!(q, Quantity::AtLeast(n) if *n > 1);
            (!gone || fewer).then(|| cond.clone())
        }
        Cond::Not(c) => without(c, dropped, left).map(|c| Cond::Not(Box::new(c))),
        Cond::And(v) => Some(many(v)).filter(|v| !v.is_empty()).map(Cond::And),
        Cond::Or(v) => Some(many(v)).filter(|v| !v.is_empty()).map(Cond::Or),
    }
}
