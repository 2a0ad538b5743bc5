//! Scatter plots: two numbers for each thing, a robust line through them, and what lies far off it.
//!
//! The line is that of Theil and Sen: the median of the slopes through pairs of points, which a quarter of the
//! points can be wrong about. Things are judged by their distance from the line in robust standard deviations.

use shikra_event::Value;

use crate::analytic::{Analytic, Ask, Data, Needs};
use crate::feature::{self, Feature, Frame};
use crate::params::{Kind, Parameter, Params, SEED};
use crate::result::{Axis, Column, ColumnKind, HuntResult, Plot, Point, Reason, ResultRow};
use crate::stats::{Chance, median, short, sorted, spread};

/// `scatter`.
pub static ANALYTIC: Analytic = Analytic {
    name: "scatter",
    about: "Two numbers for each thing, a robust line through them, and what lies off it",
    long: "Wide numbers (counts, lengths) are judged on logarithmic scales. `hunt outlier --help` lists features.\n\n\
        Examples:\n  \
        shikra hunt scatter --of host --x count --y 'distinct(Image)' --category process_creation logs/\n  \
        shikra hunt scatter --of CommandLine --x 'length(CommandLine)' --y 'entropy(CommandLine)' \
        --category process_creation logs/",
    parameters: PARAMETERS,
    ask,
    run,
};

const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "of",
        value: "COLUMNS",
        kind: Kind::Columns,
        default: "CommandLine",
        help: "What is judged",
    },
    Parameter {
        name: "x",
        value: "FEATURE",
        kind: Kind::Features,
        default: "length(CommandLine)",
        help: "What is measured across",
    },
    Parameter {
        name: "y",
        value: "FEATURE",
        kind: Kind::Features,
        default: "entropy(CommandLine)",
        help: "What is measured up",
    },
    Parameter {
        name: "cut",
        value: "N",
        kind: Kind::Number,
        default: "3.5",
        help: "Robust deviations from the line from which a thing is listed",
    },
    SEED,
    Parameter {
        name: "least",
        value: "N",
        kind: Kind::Whole,
        default: "20",
        help: "Different things without which nothing is scored",
    },
];

/// Pairs of points that slopes are taken of.
const PAIRS: usize = 200_000;
/// Points drawn.
const DRAWN: usize = 4000;

fn ask(params: &Params) -> Result<Ask, String> {
    let columns = feature::columns(&params.columns("of")?, &features(params)?);
    Ok(Ask { columns, needs: Needs::Stacks { bucket: None }, filters: 1, lacking: false })
}

fn features(params: &Params) -> Result<Vec<Feature>, String> {
    let features = Feature::parse_all(&[params.list("x"), params.list("y")].concat())?;
    if features.len() == 2 { Ok(features) } else { Err("--x and --y take one feature each".to_owned()) }
}

/// A line, on the scales of judgement.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// Up for each step across.
    pub slope: f64,
    /// At zero.
    pub start: f64,
}

/// The line of Theil and Sen; slopes of all pairs, or of a seeded sample where there are many.
pub fn line(points: &[(f64, f64)], seed: u64) -> Line {
    let n = points.len();
    let slope = |a: usize, b: usize| {
        let (p, q) = (points.get(a)?, points.get(b)?);
        (p.0 != q.0).then(|| (q.1 - p.1) / (q.0 - p.0))
    };
    let slopes = if n * n.saturating_sub(1) / 2 <= PAIRS {
        sorted((0..n).flat_map(|a| (a + 1..n).filter_map(move |b| slope(a, b))))
    } else {
        let mut chance = Chance::new(seed, 0x5ca7);
        sorted((0..PAIRS).filter_map(|_| slope(chance.below(n), chance.below(n))))
    };
    let slope = median(&slopes);
    Line { slope, start: median(&sorted(points.iter().map(|p| p.1 - slope * p.0))) }
}

fn run(params: &Params, data: &Data) -> HuntResult {
    let Data::Stacks(stacks) = data else { return HuntResult::default() };
    let (Ok(of), Ok(features)) = (params.columns("of"), features(params)) else {
        return HuntResult::default();
    };
    let all = feature::columns(&of, &features);
    let frame = Frame::new(stacks, of.len(), &all, &features);
    let mut result = HuntResult {
        population: stacks.population(),
        notes: stacks.notes(),
        columns: of.iter().map(|c| Column::new(&c.text, ColumnKind::Text)).collect(),
        ..HuntResult::default()
    };
    let numbers = features.iter().map(|f| Column::new(&f.text, ColumnKind::Number));
    result.columns.extend(numbers);
    result.columns.push(Column::new("expected", ColumnKind::Number));
    result.columns.push(Column::new("events", ColumnKind::Count));
    let log = |f: usize| features.get(f).is_some_and(Feature::is_wide);
    let on = |f: usize, n: f64| if log(f) { n.max(0.0).ln_1p() } else { n };
    let back = |f: usize, n: f64| if log(f) { n.exp_m1() } else { n };
    let entities: Vec<usize> = (0..frame.entities.len())
        .filter(|e| frame.get(*e, 0).is_finite() && frame.get(*e, 1).is_finite())
        .collect();
    if (entities.len() as u64) < params.whole("least").max(3) {
        result.refused = Some(format!(
            "{} different things are fewer than the {} without which a line says nothing",
            entities.len(),
            params.whole("least").max(3)
        ));
        return result;
    }
    let points: Vec<(f64, f64)> =
        entities.iter().map(|e| (on(0, frame.get(*e, 0)), on(1, frame.get(*e, 1)))).collect();
    let fit = line(&points, params.whole("seed"));
    let off: Vec<f64> = points.iter().map(|p| p.1 - (fit.start + fit.slope * p.0)).collect();
    let width = spread(&sorted(off.iter().copied()));
    let mut order: Vec<usize> = (0..entities.len()).collect();
    order.sort_by(|a, b| off[*b].abs().total_cmp(&off[*a].abs()));
    let far = |i: &usize| width > 0.0 && off[*i].abs() / width >= params.number("cut").unwrap_or(3.5);
    let listed: Vec<usize> = order.iter().copied().filter(far).collect();
    result.rows_total = listed.len() as u64;
    let row = |i: &usize| {
        let places = &frame.entities[entities[*i]];
        let first = places.first().copied().unwrap_or(0);
        let (x, y) = (frame.get(entities[*i], 0), frame.get(entities[*i], 1));
        let expected = back(1, fit.start + fit.slope * points[*i].0);
        let mut cells: Vec<Value> = (0..of.len()).map(|c| Value::Str(stacks.text(first, c))).collect();
        let events: u64 = places.iter().map(|p| stacks.get(*p).count).sum();
        cells.extend([Value::F64(x), Value::F64(y), Value::F64(expected), Value::I64(events as i64)]);
        let words = format!(
            "{} is {} where {} {} lets expect {}: {} robust deviations {}",
            features[1].text,
            short(y),
            features[0].text,
            short(x),
            short(expected),
            short(off[*i].abs() / width),
            if off[*i] > 0.0 { "above" } else { "below" }
        );
        ResultRow {
            score: Some(off[*i].abs() / width),
            cells,
            reasons: vec![Reason::only(&features[1].text, words)],
            events: stacks.points(first),
            events_total: events,
            marks: Vec::new(),
        }
    };
    result.rows = listed.iter().take(params.most("top")).map(row).collect();
    let axis = |f: usize| Axis { name: features[f].text.clone(), log: log(f) };
    let point = |(rank, i): (usize, &usize)| Point {
        x: frame.get(entities[*i], 0),
        y: frame.get(entities[*i], 1),
        name: frame.entities[entities[*i]]
            .first()
            .map(|p| stacks.text(*p, 0).to_string())
            .unwrap_or_default(),
        group: -1,
        weight: 1.0,
        row: (rank < result.rows.len()).then_some(rank),
    };
    let (low, high) = points.iter().fold((f64::MAX, f64::MIN), |(a, b), p| (a.min(p.0), b.max(p.0)));
    let on_line = |i: usize| {
        let x = low + (high - low) * i as f64 / 40.0;
        (back(0, x), back(1, fit.start + fit.slope * x))
    };
    let drawn = order.iter().enumerate().take(DRAWN).map(point).collect();
    result.plots.push(Plot::Scatter {
        title: format!("{} by {}", features[1].text, features[0].text),
        x: axis(0),
        y: axis(1),
        points: drawn,
        lines: vec![("fit".into(), (0..=40).map(on_line).collect())],
    });
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_may_be_wrong() {
        let mut points: Vec<(f64, f64)> =
            (0..100).map(|i| (f64::from(i), 3.0 + 2.0 * f64::from(i))).collect();
        points.iter_mut().skip(60).take(24).for_each(|p| p.1 = 1e6);
        let l = line(&points, 1);
        assert!((l.slope - 2.0).abs() < 0.3 && (l.start - 3.0).abs() < 20.0, "{l:?}");
        let many: Vec<(f64, f64)> = (0..2000).map(|i| (f64::from(i), -f64::from(i))).collect();
        assert_eq!(line(&many, 1).slope, -1.0);
        assert_eq!(line(&[(1.0, 1.0), (1.0, 2.0)], 1).slope, 0.0);
    }
}
