//! Texts with odd characters, by what is usual in the others; the odd parts are marked.

use std::collections::BTreeMap;
use std::ops::Range;

use shikra_event::Value;

use crate::grams::{Grams, odder_half};
use crate::params::Params;
use crate::rare::{bars, too_few};
use crate::read::NONE;
use crate::result::{ColumnKind, HuntResult, Reason, ResultRow};
use crate::stacks::Stacks;
use crate::stats::{median, short, sorted, spread};

/// Parts of a text marked at most.
const MARKS: usize = 12;

/// See [`crate::rare`].
pub(crate) fn run(params: &Params, stacks: &Stacks) -> HuntResult {
    let own = [("events", ColumnKind::Count), ("hosts", ColumnKind::Count)];
    let mut result = stacks.result(params.list("text"), &own);
    let grams = Grams::of_column(stacks, 0);
    result.refused = too_few("different texts", grams.texts(), params.whole("least"));
    if result.refused.is_some() {
        return result;
    }
    let mut places: BTreeMap<u32, usize> = BTreeMap::new();
    for (p, _) in stacks.iter().filter(|(p, _)| stacks.id(*p, 0) != NONE) {
        places.entry(stacks.id(p, 0)).or_insert(p);
    }
    let mut scored: Vec<(f64, usize)> =
        places.values().map(|p| (grams.mean(&stacks.text(*p, 0)), *p)).collect();
    let all = sorted(scored.iter().map(|s| s.0));
    let (usual, width) = (median(&all), spread(&all));
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| stacks.text(a.1, 0).cmp(&stacks.text(b.1, 0))));
    result.rows_total = scored.len() as u64;
    let row = |(score, p): &(f64, usize)| {
        let (s, text) = (stacks.get(*p), stacks.text(*p, 0));
        let surprises = grams.surprises(&text);
        debug_assert!((odder_half(&surprises) - score).abs() < 1e-9);
        let away = if width > 0.0 {
            format!(", {} deviations above", short((score - usual) / width))
        } else {
            String::new()
        };
        ResultRow {
            score: Some(*score),
            cells: vec![Value::Str(text), Value::I64(s.count as i64), Value::I64(s.hosts.len() as i64)],
            reasons: vec![Reason::only(
                "ngram",
                format!("{} bits at each odd character; usual are {}{away}", short(*score), short(usual)),
            )],
            events: stacks.points(*p),
            events_total: s.count,
            marks: marks(&surprises).into_iter().map(|(r, n)| (0, r, n)).collect(),
        }
    };
    result.rows = scored.iter().take(params.most("top")).map(row).collect();
    result.plots.push(bars(&result, 1));
    result
}

/// The oddest runs of characters: those of more than twice the text's own mean, and of 4 bits at least.
fn marks(surprises: &[(f64, Range<usize>)]) -> Vec<(Range<usize>, f32)> {
    let mean = surprises.iter().map(|s| s.0).sum::<f64>() / surprises.len().max(1) as f64;
    let cut = (mean * 1.5).max(4.0);
    let mut runs: Vec<(Range<usize>, f64)> = Vec::new();
    for (bits, range) in surprises.iter().filter(|s| s.0 >= cut) {
        match runs.last_mut() {
            Some((run, most)) if run.end == range.start => {
                run.end = range.end;
                *most = most.max(*bits);
            }
            _ => runs.push((range.clone(), *bits)),
        }
    }
    runs.sort_by(|a, b| b.1.total_cmp(&a.1));
    runs.truncate(MARKS);
    runs.sort_by_key(|r| r.0.start);
    // Sixteen bits are as odd as it gets.
    runs.into_iter().map(|(r, bits)| (r, (bits / 16.0).min(1.0) as f32)).collect()
}
