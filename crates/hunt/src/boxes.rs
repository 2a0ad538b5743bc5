//! Box plots: the distribution of a number in each group, with whiskers and named outliers.
//!
//! Quartiles and Tukey's whiskers at 1.5 times the distance between quartiles. Numbers that spread over powers
//! of ten (lengths, counts) are judged on a logarithmic scale, where their long tail is no outlier. The score is
//! the distance from the median in robust standard deviations (median absolute deviation).

use shikra_event::Value;

use crate::analytic::{Analytic, Ask, Data, Needs};
use crate::feature::{self, Feature, Frame};
use crate::params::{Kind, Parameter, Params};
use crate::result::{Axis, BoxGroup, ColumnKind, HuntResult, Plot, Reason, ResultRow};
use crate::stats::{median, quantile, short, sorted, spread};
use crate::things::Things;

/// `box`.
pub static ANALYTIC: Analytic = Analytic {
    name: "box",
    about: "Distributions of a number by group: quartiles, whiskers, named outliers",
    long: "One box for each group; what lies beyond its whiskers is listed, farthest first. Judged are different \
        values, however often each occurs.\n\n\
        Examples:\n  \
        shikra hunt box --of CommandLine --feature 'length(CommandLine)' --group 'name(Image)' \
        --category process_creation logs/\n  \
        shikra hunt box --of host --feature 'distinct(Image)' --category process_creation logs/",
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
        name: "feature",
        value: "FEATURE",
        kind: Kind::Features,
        default: "length(CommandLine)",
        help: "What is measured of it (`hunt outlier --help` lists features)",
    },
    Parameter {
        name: "group",
        value: "COLUMNS",
        kind: Kind::Columns,
        default: "",
        help: "One box for each value of these; none: one box",
    },
    Parameter {
        name: "scale",
        value: "SCALE",
        kind: Kind::OneOf(&["auto", "linear", "log"]),
        default: "auto",
        help: "Scale on which distances are judged",
    },
    Parameter {
        name: "whisker",
        value: "N",
        kind: Kind::Number,
        default: "1.5",
        help: "Length of whiskers, in distances between quartiles",
    },
    Parameter {
        name: "side",
        value: "SIDE",
        kind: Kind::OneOf(&["both", "high", "low"]),
        default: "high",
        help: "Which outliers are listed",
    },
    Parameter {
        name: "least",
        value: "N",
        kind: Kind::Whole,
        default: "10",
        help: "Things in a group without which it is not judged",
    },
];

/// Boxes drawn.
const DRAWN: usize = 24;

fn ask(params: &Params) -> Result<Ask, String> {
    let entity = [params.columns("group")?, params.columns("of")?].concat();
    let columns = feature::columns(&entity, &[feature(params)?]);
    Ok(Ask { columns, needs: Needs::Stacks { bucket: None }, filters: 1, lacking: false })
}

fn feature(params: &Params) -> Result<Feature, String> {
    match params.list("feature").as_slice() {
        [one] => Feature::parse(one),
        _ => Err("--feature takes one feature".to_owned()),
    }
}

/// An outlier: entity, number, group, how far out.
struct Far {
    entity: usize,
    value: f64,
    group: usize,
    score: f64,
}

/// A scale on which distances are judged.
fn on(log: bool, n: f64) -> f64 {
    if log { n.max(0.0).ln_1p() } else { n }
}

fn back(log: bool, n: f64) -> f64 {
    if log { n.exp_m1() } else { n }
}

/// A group's distribution on the scale of judgement.
struct Judge {
    low: f64,
    high: f64,
    middle: f64,
    width: f64,
}

impl Judge {
    fn new(numbers: &[f64], log: bool, whisker: f64) -> Judge {
        let scaled: Vec<f64> = numbers.iter().map(|n| on(log, *n)).collect();
        let (q1, q3) = (quantile(&scaled, 0.25), quantile(&scaled, 0.75));
        // Where the middle half is all the same, the robust deviation stands in for the box.
        let width = spread(&scaled);
        let reach = whisker * if q3 > q1 { q3 - q1 } else { width * 1.349 };
        Judge { low: q1 - reach, high: q3 + reach, middle: median(&scaled), width }
    }

    fn outside(&self, n: f64, side: &str) -> bool {
        (side != "low" && n > self.high) || (side != "high" && n < self.low)
    }
}

fn run(params: &Params, data: &Data) -> HuntResult {
    let Data::Stacks(stacks) = data else { return HuntResult::default() };
    let (Ok(groups_by), Ok(of), Ok(feature)) =
        (params.columns("group"), params.columns("of"), feature(params))
    else {
        return HuntResult::default();
    };
    let things = Things::new(stacks, [groups_by.clone(), of].concat(), vec![feature.clone()]);
    let (frame, columns) = (&things.frame, things.of.len());
    let mut result = things.result(&[
        (feature.text.as_str(), ColumnKind::Number),
        ("threshold", ColumnKind::Number),
        ("events", ColumnKind::Count),
        ("hosts", ColumnKind::Count),
    ]);
    let log = match params.word("scale") {
        "auto" => feature.is_wide(),
        scale => scale == "log",
    };
    // Entities come sorted by text: those of one group stand side by side.
    let group_of = |e: &usize| {
        let first = things.first(*e);
        (0..groups_by.len()).map(|c| stacks.id(first, c)).collect::<Vec<_>>()
    };
    let measured: Vec<usize> = (0..frame.entities.len()).filter(|e| frame.get(*e, 0).is_finite()).collect();
    let groups: Vec<&[usize]> = measured.chunk_by(|a, b| group_of(a) == group_of(b)).collect();
    let least = params.whole("least").max(2) as usize;
    let small = groups.iter().filter(|g| g.len() < least).count();
    if groups.len() == small {
        result.refused = Some(format!(
            "no group has the {least} different things without which an outlier cannot be told from chance"
        ));
        return result;
    }
    if small > 0 {
        result.notes.push(format!(
            "{small} of {} groups have fewer than {least} different things and were not judged",
            groups.len()
        ));
    }
    let large: Vec<&[usize]> = groups.into_iter().filter(|g| g.len() >= least).collect();
    let name = |e: usize| {
        let texts: Vec<String> = (0..groups_by.len()).map(|c| things.text(e, c)).collect();
        if texts.is_empty() { "all".to_owned() } else { texts.join(" · ") }
    };
    let Judged { mut far, mut boxes, judges } = judge(params, frame, &large, log, &name);
    far.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.entity.cmp(&b.entity)));
    result.rows_total = far.len() as u64;
    far.truncate(params.most("top"));
    for (i, f) in far.iter().enumerate() {
        let row = row(&things, f, &boxes[f.group], &judges[f.group], log);
        let name = (groups_by.len()..columns).filter_map(|c| row.cells.get(c)?.to_text());
        boxes[f.group].outliers.push((f.value, name.collect::<Vec<_>>().join(" · "), Some(i)));
        result.rows.push(row);
    }
    // Those with outliers first, then the fullest.
    boxes.sort_by_key(|b| std::cmp::Reverse((b.outliers.len(), b.count)));
    boxes.truncate(DRAWN);
    result.plots.push(Plot::Boxes {
        title: format!("{} by group", feature.text),
        axis: Axis { name: feature.text.clone(), log },
        groups: boxes,
    });
    result
}

/// Groups judged: what lies outside, the boxes, and what they were judged by.
#[derive(Default)]
struct Judged {
    far: Vec<Far>,
    boxes: Vec<BoxGroup>,
    judges: Vec<Judge>,
}

fn judge(
    params: &Params,
    frame: &Frame,
    groups: &[&[usize]],
    log: bool,
    name: &dyn Fn(usize) -> String,
) -> Judged {
    let whisker = params.number("whisker").unwrap_or(1.5);
    let mut out = Judged::default();
    for members in groups {
        let Some(first) = members.first() else { continue };
        let numbers = sorted(members.iter().map(|e| frame.get(*e, 0)));
        let judge = Judge::new(&numbers, log, whisker);
        out.boxes.push(a_box(name(*first), &numbers, &judge, log));
        for entity in members.iter().copied() {
            let value = frame.get(entity, 0);
            if judge.outside(on(log, value), params.word("side")) && judge.width > 0.0 {
                let score = (on(log, value) - judge.middle).abs() / judge.width;
                out.far.push(Far { entity, value, group: out.boxes.len() - 1, score });
            }
        }
        out.judges.push(judge);
    }
    out
}

fn a_box(name: String, numbers: &[f64], judge: &Judge, log: bool) -> BoxGroup {
    let inside = || numbers.iter().copied().filter(|n| !judge.outside(on(log, *n), "both"));
    let low = inside().fold(f64::MAX, f64::min);
    let high = inside().fold(f64::MIN, f64::max);
    let q = |p| quantile(numbers, p);
    BoxGroup {
        name,
        count: numbers.len() as u64,
        five: [low.min(q(0.25)), q(0.25), q(0.5), q(0.75), high.max(q(0.75))],
        outliers: Vec::new(),
    }
}

fn row(things: &Things<'_>, far: &Far, group: &BoxGroup, judge: &Judge, log: bool) -> ResultRow {
    let feature = things.features.first().map_or("", |f| &f.text);
    let high = on(log, far.value) > judge.middle;
    let threshold = back(log, if high { judge.high } else { judge.low });
    let words = format!(
        "{feature} is {}; of {} in {} the median is {} and the whisker ends at {}: {} robust deviations {}",
        short(far.value),
        group.count,
        group.name,
        short(group.five[2]),
        short(threshold),
        short(far.score),
        if high { "above" } else { "below" },
    );
    things.row(far.entity, far.score, vec![Reason::only(feature, words)], |seen| {
        let numbers = [far.value, threshold].map(Value::F64);
        let counts = [seen.events, seen.hosts].map(|n| Value::I64(n as i64));
        numbers.into_iter().chain(counts).collect()
    })
}
