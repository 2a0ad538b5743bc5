//! Scatter plots: two numbers for each thing, a robust line through them, and what lies far off it.
//!
//! The line is that of Theil and Sen: the median of the slopes through pairs of points, which a quarter of the
//! points can be wrong about. Things are judged by their distance from the line in robust standard deviations.

use shikra_event::Value;

use crate::analytic::{Analytic, Ask, Data, Needs};
use crate::feature::{self, Feature};
use crate::params::{Kind, Parameter, Params, SEED};
use crate::result::{Axis, ColumnKind, HuntResult, Plot, Point, Reason, ResultRow};
use crate::stats::{Chance, median, short, sorted, spread};
use crate::things::{Seen, Things};

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
    let things = Things::new(stacks, of, features);
    let mut own: Vec<(&str, ColumnKind)> =
        things.features.iter().map(|f| (f.text.as_str(), ColumnKind::Number)).collect();
    own.extend([("expected", ColumnKind::Number), ("events", ColumnKind::Count)]);
    let mut result = things.result(&own);
    let fitted = Fitted::new(&things, params.whole("seed"));
    let (measured, least) = (fitted.entities.len(), params.whole("least").max(3));
    if (measured as u64) < least {
        result.refused = Some(format!(
            "{measured} different things are fewer than the {least} without which a line says nothing"
        ));
        return result;
    }
    let mut order: Vec<usize> = (0..measured).collect();
    order.sort_by(|a, b| fitted.away(*b).total_cmp(&fitted.away(*a)));
    let cut = params.number("cut").unwrap_or(3.5);
    let far = order.iter().filter(|i| fitted.width > 0.0 && fitted.away(**i) >= cut);
    let listed: Vec<usize> = far.copied().collect();
    result.rows_total = listed.len() as u64;
    let rows = listed.iter().take(params.most("top"));
    result.rows = rows.map(|i| fitted.row(*i)).collect();
    result.plots.push(fitted.plot(&order, result.rows.len()));
    result
}

/// Things with their place on the scales of judgement, the line, and how far off it each is.
struct Fitted<'a> {
    things: &'a Things<'a>,
    entities: Vec<usize>,
    points: Vec<(f64, f64)>,
    line: Line,
    off: Vec<f64>,
    width: f64,
    log: [bool; 2],
}

impl<'a> Fitted<'a> {
    fn new(things: &'a Things<'a>, seed: u64) -> Fitted<'a> {
        let frame = &things.frame;
        let log = [0, 1].map(|f| things.features.get(f).is_some_and(Feature::is_wide));
        let on = |f: usize, n: f64| if log[f] { n.max(0.0).ln_1p() } else { n };
        let measured = |e: &usize| frame.get(*e, 0).is_finite() && frame.get(*e, 1).is_finite();
        let entities: Vec<usize> = (0..frame.entities.len()).filter(measured).collect();
        let place = |e: &usize| (on(0, frame.get(*e, 0)), on(1, frame.get(*e, 1)));
        let points: Vec<(f64, f64)> = entities.iter().map(place).collect();
        let line = line(&points, seed);
        let off: Vec<f64> = points.iter().map(|p| p.1 - (line.start + line.slope * p.0)).collect();
        let width = spread(&sorted(off.iter().copied()));
        Fitted { things, entities, points, line, off, width, log }
    }

    /// Robust deviations from the line.
    fn away(&self, i: usize) -> f64 {
        self.off[i].abs() / self.width.max(f64::MIN_POSITIVE)
    }

    fn back(&self, f: usize, n: f64) -> f64 {
        if self.log[f] { n.exp_m1() } else { n }
    }

    fn on_line(&self, x: f64) -> f64 {
        self.back(1, self.line.start + self.line.slope * x)
    }

    fn row(&self, i: usize) -> ResultRow {
        let (thing, features) = (self.entities[i], &self.things.features);
        let [x, y] = [0, 1].map(|f| self.things.frame.get(thing, f));
        let expected = self.on_line(self.points[i].0);
        let words = format!(
            "{} is {} where {} {} lets expect {}: {} robust deviations {}",
            features[1].text,
            short(y),
            features[0].text,
            short(x),
            short(expected),
            short(self.away(i)),
            if self.off[i] > 0.0 { "above" } else { "below" }
        );
        let reasons = vec![Reason::only(&features[1].text, words)];
        let numbers = [x, y, expected].map(Value::F64);
        let own = |seen: Seen| [&numbers[..], &[Value::I64(seen.events as i64)]].concat();
        self.things.row(thing, self.away(i), reasons, own)
    }

    /// `order`: things, farthest first; `rows`: how many of them are listed.
    fn plot(&self, order: &[usize], rows: usize) -> Plot {
        let (frame, features) = (&self.things.frame, &self.things.features);
        let axis = |f: usize| Axis { name: features[f].text.clone(), log: self.log[f] };
        let point = |(rank, i): (usize, &usize)| {
            let entity = self.entities[*i];
            Point {
                x: frame.get(entity, 0),
                y: frame.get(entity, 1),
                name: self.things.text(entity, 0),
                group: -1,
                weight: 1.0,
                row: (rank < rows).then_some(rank),
            }
        };
        let ends = self.points.iter().fold((f64::MAX, f64::MIN), |(a, b), p| (a.min(p.0), b.max(p.0)));
        let step = |i: usize| {
            let x = ends.0 + (ends.1 - ends.0) * i as f64 / 40.0;
            (self.back(0, x), self.on_line(x))
        };
        Plot::Scatter {
            title: format!("{} by {}", features[1].text, features[0].text),
            x: axis(0),
            y: axis(1),
            points: order.iter().enumerate().take(DRAWN).map(point).collect(),
            lines: vec![("fit".into(), (0..=40).map(step).collect())],
        }
    }
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
