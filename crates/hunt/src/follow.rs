//! Sequences: what is rare after what came before it, for each key by itself.

use std::collections::{BTreeMap, BTreeSet};

use shikra_event::{Timestamp, Value};

use crate::conditional::{Conditional, key};
use crate::events::Events;
use crate::params::Params;
use crate::rare::{bars, too_few};
use crate::read::NONE;
use crate::result::{ColumnKind, HuntResult, Reason, ResultRow};
use crate::stats::short;
use crate::text::TextId;

/// A step from one value to the next.
struct Step {
    from: TextId,
    to: TextId,
    /// The first of them.
    events: Vec<(usize, usize)>,
    times: u64,
    keys: BTreeSet<u64>,
}

/// Pairs of events kept of a step.
const KEPT: usize = 3;

/// See [`crate::rare`].
pub(crate) fn run(params: &Params, events: &Events) -> HuntResult {
    let name = params.list("sequence").join(",");
    let own = [("times", ColumnKind::Count), ("keys", ColumnKind::Count)];
    let mut result = events.result([format!("before: {name}"), name], &own);
    result.refused = too_few("events", events.len() as u64, params.whole("least"));
    if result.refused.is_some() {
        return result;
    }
    let keys = params.list("key").len();
    let steps = steps(events, keys, params.span("within").unwrap_or(i64::MAX));
    let mut model = Conditional::default();
    for s in steps.values() {
        // A key counts once for each step: what one host does a hundred times is one habit.
        model.add(key(&[s.from]), s.to, s.keys.len() as f64);
    }
    let mut scored: Vec<(f64, &Step, u64)> =
        steps.values().map(|s| (model.surprise(key(&[s.from]), s.to), s, s.keys.len() as u64)).collect();
    let texts = |s: &Step| (events.shown(s.from), events.shown(s.to));
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| texts(a.1).cmp(&texts(b.1))));
    result.rows_total = scored.len() as u64;
    let row = |(score, s, many): &(f64, &Step, u64)| {
        let (before, pair) = model.counts(key(&[s.from]), s.to);
        let first = s.events.iter().flat_map(|(a, b)| [events.point(*a), events.point(*b)]);
        ResultRow {
            score: Some(*score),
            cells: vec![
                Value::Str(events.shown(s.from)),
                Value::Str(events.shown(s.to)),
                Value::I64(s.times as i64),
                Value::I64(*many as i64),
            ],
            reasons: vec![Reason::only(
                "sequence",
                format!(
                    "of {} steps from there, {} led here: {} bits",
                    short(before),
                    short(pair),
                    short(*score)
                ),
            )],
            events: first.collect(),
            events_total: 2 * s.times,
            marks: Vec::new(),
        }
    };
    result.rows = scored.iter().take(params.most("top")).map(row).collect();
    result.plots.push(bars(&result, 2));
    result
}

/// All steps, by the values' numbers.
fn steps(events: &Events, keys: usize, within: i64) -> BTreeMap<(TextId, TextId), Step> {
    let mut last: BTreeMap<u64, (usize, Option<Timestamp>)> = BTreeMap::new();
    let mut steps: BTreeMap<(TextId, TextId), Step> = BTreeMap::new();
    for place in events.ordered() {
        let ids: Vec<TextId> = (1..=keys).map(|c| events.id(place, c)).collect();
        let (to, time) = (events.id(place, 0), events.head(place).time);
        if to == NONE {
            continue;
        }
        let of = key(&ids);
        let Some((before, at)) = last.insert(of, (place, time)) else { continue };
        let near = match (at, time) {
            (Some(a), Some(b)) => b.0.saturating_sub(a.0) <= within,
            _ => true,
        };
        let from = events.id(before, 0);
        // The same again is no step.
        if near && from != to {
            let step = steps.entry((from, to)).or_insert(Step {
                from,
                to,
                events: Vec::new(),
                times: 0,
                keys: BTreeSet::new(),
            });
            step.times += 1;
            step.keys.insert(of);
            if step.events.len() < KEPT {
                step.events.push((before, place));
            }
        }
    }
    steps
}
