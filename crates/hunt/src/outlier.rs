//! Outliers by isolation forest over features of combinations, with the features that parted each.

use shikra_event::Value;

use crate::analytic::{Analytic, Ask, Data, Needs};
use crate::column::ColumnSpec;
use crate::feature::{self, Feature, Frame};
use crate::forest::{Forest, Options, Points};
use crate::params::{Kind, Parameter, Params, SEED};
use crate::result::{Axis, ColumnKind, HuntResult, Plot, Point, Reason};
use crate::stats::{median, sorted};
use crate::things::{Seen, Things};

/// `outlier`.
pub static ANALYTIC: Analytic = Analytic {
    name: "outlier",
    about: "Outliers by isolation forest, with the features that parted each from the rest",
    long: "Features: count, hosts, users, days; distinct(COL), length(COL), entropy(COL), depth(COL), \
        tokens(COL), odd(COL), digits(COL), upper(COL), number(COL); rarity(COL), prevalence(COL), \
        surprise(COL|GIVEN), ngram(COL). Over several values of one thing: the median, or max(…), min(…), mean(…).\n\n\
        Examples:\n  \
        shikra hunt outlier --of Image,CommandLine --category process_creation logs/\n  \
        shikra hunt outlier --of host --features 'distinct(Image),count,max(length(CommandLine))' \
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
        default: "Image,ParentImage,CommandLine",
        help: "What is judged: a field, or several as one combination",
    },
    Parameter {
        name: "features",
        value: "FEATURES",
        kind: Kind::Features,
        default: "",
        help: "What is measured of it [default: what suits the columns]",
    },
    Parameter { name: "trees", value: "N", kind: Kind::Whole, default: "200", help: "Trees of the forest" },
    Parameter {
        name: "sample",
        value: "N",
        kind: Kind::Whole,
        default: "256",
        help: "Things that each tree sees",
    },
    Parameter {
        name: "extension",
        value: "N",
        kind: Kind::Whole,
        default: "0",
        help: "Further features in each cut; 0: cuts along one feature",
    },
    SEED,
    Parameter {
        name: "least",
        value: "N",
        kind: Kind::Whole,
        default: "64",
        help: "Different things without which nothing is scored",
    },
];

/// Points drawn.
const DRAWN: usize = 2000;
/// Features named in reasons: those with at least this part.
const WEIGHTY: f64 = 0.08;

/// Features that suit columns: text gets its looks, programs their rarity beside their parent.
fn usual(of: &[ColumnSpec]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let like = |c: &ColumnSpec, words: &[&str]| {
        let name = c.text.to_lowercase();
        words.iter().any(|w| name.contains(w))
    };
    let parent = of.iter().find(|c| like(c, &["parentimage", "parent.", "parent_"]));
    for c in of {
        let t = &c.text;
        if like(c, &["command", "args", "script", "query", "url"]) {
            let texts = ["length", "entropy", "odd", "tokens", "ngram"];
            out.extend(texts.iter().map(|f| format!("{f}({t})")));
        } else if like(c, &["image", "executable", "path", "process", "file", "exe"])
            && c.change == crate::column::Change::None
        {
            out.push(format!("depth({t})"));
            out.push(format!("rarity(folder({t}))"));
            out.push(format!("prevalence(name({t}))"));
            if let Some(p) = parent.filter(|p| p.text != *t) {
                out.push(format!("surprise(name({t})|name({}))", p.text));
            }
        } else {
            out.push(format!("rarity({t})"));
        }
    }
    out.extend(["hosts".to_owned(), "count".to_owned()]);
    out
}

fn features(params: &Params) -> Result<Vec<Feature>, String> {
    match params.list("features") {
        none if none.is_empty() => Feature::parse_all(&usual(&params.columns("of")?)),
        some => Feature::parse_all(&some),
    }
}

fn ask(params: &Params) -> Result<Ask, String> {
    let columns = feature::columns(&params.columns("of")?, &features(params)?);
    Ok(Ask { columns, needs: Needs::Stacks { bucket: None }, filters: 1, lacking: false })
}

fn run(params: &Params, data: &Data) -> HuntResult {
    let Data::Stacks(stacks) = data else { return HuntResult::default() };
    let (Ok(of), Ok(features)) = (params.columns("of"), features(params)) else {
        return HuntResult::default();
    };
    let judged = Things::new(stacks, of, features);
    let (features, frame) = (&judged.features, &judged.frame);
    let mut result = judged.result(&[("events", ColumnKind::Count), ("hosts", ColumnKind::Count)]);
    let things = frame.entities.len();
    if (things as u64) < params.whole("least") {
        result.refused = Some(format!(
            "{things} different things are fewer than the {} without which an outlier cannot be told from chance",
            params.whole("least")
        ));
        return result;
    }
    let numbers = ready(frame, features);
    let points = Points { numbers: &numbers, width: features.len() };
    let options = Options {
        trees: params.most("trees").min(10_000),
        sample: params.most("sample"),
        extension: params.whole("extension") as usize,
        seed: params.whole("seed"),
    };
    let forest = Forest::new(points, &options);
    let scores = forest.scores(points);
    let mut order: Vec<usize> = (0..things).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    result.rows_total = things as u64;
    let usual: Vec<f64> = (0..features.len()).map(|f| median(&sorted(frame.feature(f)))).collect();
    let row = |e: &usize| {
        let reasons = reasons(&forest.blame(points.get(*e)), features, frame, *e, &usual);
        let own = |seen: Seen| vec![Value::I64(seen.events as i64), Value::I64(seen.hosts as i64)];
        judged.row(*e, scores[*e], reasons, own)
    };
    result.rows = order.iter().take(params.most("top")).map(row).collect();
    result.plots = plots(&result, features, frame, &order, &scores);
    result
}

/// Numbers fit for cutting: wide ones on a logarithmic scale, what is missing as the median.
fn ready(frame: &Frame, features: &[Feature]) -> Vec<f64> {
    let mut numbers = frame.numbers.clone();
    for (i, f) in features.iter().enumerate() {
        let usual = median(&sorted(frame.feature(i)));
        for n in numbers.iter_mut().skip(i).step_by(frame.width.max(1)) {
            *n = if n.is_finite() { *n } else { usual };
            if f.is_wide() {
                *n = n.max(0.0).ln_1p();
            }
        }
    }
    numbers
}

fn reasons(blame: &[f64], features: &[Feature], frame: &Frame, entity: usize, usual: &[f64]) -> Vec<Reason> {
    let mut order: Vec<usize> = (0..features.len()).filter(|f| blame[*f] >= WEIGHTY).collect();
    order.sort_by(|a, b| blame[*b].total_cmp(&blame[*a]));
    let reason = |f: &usize| Reason {
        feature: features[*f].text.clone(),
        weight: blame[*f],
        words: feature::told(&features[*f], frame.get(entity, *f), usual[*f]),
    };
    order.iter().take(5).map(reason).collect()
}

/// The scores, and the two features that parted the listed rows most.
fn plots(
    result: &HuntResult,
    features: &[Feature],
    frame: &Frame,
    order: &[usize],
    scores: &[f64],
) -> Vec<Plot> {
    let mut plots = vec![scores_plot(scores, result)];
    let mut weight = vec![0.0; features.len()];
    for reason in result.rows.iter().flat_map(|r| &r.reasons) {
        if let Some(f) = features.iter().position(|f| f.text == reason.feature) {
            weight[f] += reason.weight;
        }
    }
    let mut best: Vec<usize> = (0..features.len()).collect();
    best.sort_by(|a, b| weight[*b].total_cmp(&weight[*a]));
    let [x, y, ..] = best.as_slice() else { return plots };
    let axis = |f: usize| Axis { name: features[f].text.clone(), log: features[f].is_wide() };
    let point = |(rank, e): (usize, &usize)| Point {
        x: frame.get(*e, *x),
        y: frame.get(*e, *y),
        name: result
            .rows
            .get(rank)
            .map(|r| crate::stack::label(r, result.columns.len() - 2))
            .unwrap_or_default(),
        group: -1,
        weight: 1.0,
        row: (rank < result.rows.len()).then_some(rank),
    };
    plots.push(Plot::Scatter {
        title: "the two features that parted the listed rows most".into(),
        x: axis(*x),
        y: axis(*y),
        points: order.iter().enumerate().take(DRAWN).map(point).collect(),
        lines: Vec::new(),
    });
    plots
}

fn scores_plot(scores: &[f64], result: &HuntResult) -> Plot {
    const STEPS: usize = 14;
    let (low, high) = scores.iter().fold((1.0f64, 0.0f64), |(a, b), s| (a.min(*s), b.max(*s)));
    let step = ((high - low) / STEPS as f64).max(f64::MIN_POSITIVE);
    let mut counts = vec![0; STEPS];
    for s in scores {
        counts[(((s - low) / step) as usize).min(STEPS - 1)] += 1;
    }
    Plot::Histogram {
        title: "scores".into(),
        axis: Axis { name: "score".into(), log: false },
        bounds: (0..=STEPS).map(|i| low + step * i as f64).collect(),
        counts,
        threshold: result.rows.last().and_then(|r| r.score),
    }
}
