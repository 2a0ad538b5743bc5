//! Clusters of texts after masking, or of things by their features; what belongs to none is listed.
//!
//! Masked texts that are the same are one point with the weight of its members, so that hundreds of thousands
//! of command lines become a few thousand points.

use std::collections::BTreeMap;

use shikra_event::Value;

use crate::analytic::{Analytic, Ask, Data, Needs};
use crate::density::{self, Clusters, Dense};
use crate::feature::{self, Feature, Frame};
use crate::mask::mask;
use crate::near::{NEAR_POINT, NEAR_TEXT, point_edges, text_edges, vectors, words};
use crate::params::{Kind, Parameter, Params};
use crate::prevalence::Members;
use crate::result::{Column, ColumnKind, HuntResult, Plot, Reason, ResultRow};
use crate::stacks::Stacks;
use crate::stats::{median, short, sorted, spread, thousands};
use crate::things::Seen;

/// `cluster`.
pub static ANALYTIC: Analytic = Analytic {
    name: "cluster",
    about: "Density clusters of command lines and other texts, or of features; what fits into none comes first",
    long: "Texts are masked (GUIDs, numbers, user folders, encoded blocks), equal ones are one point, and points \
        are compared by words and runs of characters. With --features, things are compared by these numbers \
        instead.\n\n\
        Examples:\n  \
        shikra hunt cluster --of CommandLine --category process_creation logs/\n  \
        shikra hunt cluster --of CommandLine --list clusters --category process_creation logs/\n  \
        shikra hunt cluster --of host --features 'count,distinct(Image)' --category process_creation logs/",
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
        help: "What is clustered",
    },
    Parameter {
        name: "features",
        value: "FEATURES",
        kind: Kind::Features,
        default: "",
        help: "Numbers to compare by, instead of text (`hunt outlier --help` lists features)",
    },
    Parameter {
        name: "list",
        value: "WHAT",
        kind: Kind::OneOf(&["outliers", "clusters"]),
        default: "outliers",
        help: "What the rows are",
    },
    Parameter {
        name: "size",
        value: "N",
        kind: Kind::Whole,
        default: "5",
        help: "Different things that make a cluster",
    },
    Parameter {
        name: "neighbours",
        value: "N",
        kind: Kind::Whole,
        default: "3",
        help: "Different things that make a place dense",
    },
    Parameter {
        name: "least",
        value: "N",
        kind: Kind::Whole,
        default: "30",
        help: "Different things without which nothing is clustered",
    },
];

/// Points clustered at most; the rarest are kept.
const MOST: usize = 30_000;
/// Words in the label of a cluster.
const LABEL: usize = 6;

fn ask(params: &Params) -> Result<Ask, String> {
    let features = Feature::parse_all(&params.list("features"))?;
    let columns = feature::columns(&params.columns("of")?, &features);
    Ok(Ask { columns, needs: Needs::Stacks { bucket: None }, filters: 1, lacking: false })
}

/// A point: a masked text, or a thing.
struct Thing {
    text: String,
    places: Vec<usize>,
    events: u64,
    hosts: u64,
    /// Different things that it stands for.
    weight: f64,
}

impl Thing {
    fn new(stacks: &Stacks, text: String, places: Vec<usize>, weight: f64) -> Thing {
        let Seen { events, hosts } = Seen::of(stacks, &places);
        Thing { text, places, events, hosts, weight }
    }
}

fn run(params: &Params, data: &Data) -> HuntResult {
    let Data::Stacks(stacks) = data else { return HuntResult::default() };
    let (Ok(of), Ok(features)) = (params.columns("of"), Feature::parse_all(&params.list("features"))) else {
        return HuntResult::default();
    };
    let mut result = stacks.result([""; 0], &[]);
    let different = stacks.len() as u64;
    if different < params.whole("least") {
        result.refused = Some(format!(
            "{different} different things are fewer than the {} without which there is nothing to cluster",
            params.whole("least")
        ));
        return result;
    }
    let (things, edges) = if features.is_empty() {
        texts(stacks, of.len(), &mut result.notes)
    } else {
        points(stacks, of.len(), &feature::columns(&of, &features), &features)
    };
    let weights: Vec<f64> = things.iter().map(|t| t.weight).collect();
    let dense = Dense {
        size: params.whole("size").max(2) as f64,
        neighbours: params.whole("neighbours").max(1) as f64,
        near: if features.is_empty() { NEAR_TEXT } else { NEAR_POINT },
    };
    let found = density::clusters(&weights, &edges, dense);
    let labels = labels(&things, &found);
    let name = of.iter().map(|c| c.text.as_str()).collect::<Vec<_>>().join(" · ");
    let mut sizes = vec![(0u64, 0u64); found.count];
    for (t, c) in things.iter().zip(&found.of) {
        if let Some(s) = c.and_then(|c| sizes.get_mut(c)) {
            *s = (s.0 + t.weight as u64, s.1 + t.events);
        }
    }
    let alone = found.of.iter().filter(|c| c.is_none()).count();
    result.notes.push(format!(
        "{} different things are {} points after masking: {} clusters, {} points in none",
        thousands(different),
        thousands(things.len() as u64),
        found.count,
        thousands(alone as u64)
    ));
    match params.word("list") {
        "clusters" => clusters(&mut result, stacks, &things, &found, &labels, &sizes, params),
        _ => outliers(&mut result, stacks, &things, &found, &labels, &edges, (&name, params)),
    }
    let mut order: Vec<usize> = (0..found.count).collect();
    order.sort_by_key(|c| std::cmp::Reverse(sizes[*c]));
    result.plots.push(Plot::Bars {
        title: "clusters".into(),
        unit: "different things".into(),
        bars: order.iter().take(25).map(|c| (labels[*c].clone(), sizes[*c].0 as f64, None)).collect(),
    });
    result
}

fn texts(stacks: &Stacks, columns: usize, notes: &mut Vec<String>) -> (Vec<Thing>, Vec<density::Edge>) {
    let mut masked: BTreeMap<String, (String, Vec<usize>)> = BTreeMap::new();
    for p in 0..stacks.len() {
        let texts: Vec<String> = (0..columns).map(|c| mask(&stacks.text(p, c))).collect();
        let text = texts.join(" · ");
        masked.entry(text.to_lowercase()).or_insert_with(|| (text, Vec::new())).1.push(p);
    }
    let thing = |(text, places): (String, Vec<usize>)| {
        let weight = places.len() as f64;
        Thing::new(stacks, text, places, weight)
    };
    let mut things: Vec<Thing> = masked.into_values().map(thing).collect();
    if things.len() > MOST {
        notes.push(format!(
            "of {} points only the {MOST} rarest were clustered",
            thousands(things.len() as u64)
        ));
        things
            .sort_by(|a, b| (a.hosts, a.events).cmp(&(b.hosts, b.events)).then_with(|| a.text.cmp(&b.text)));
        things.truncate(MOST);
    }
    let texts: Vec<String> = things.iter().map(|t| t.text.clone()).collect();
    let edges = text_edges(&vectors(&texts));
    (things, edges)
}

fn points(
    stacks: &Stacks,
    columns: usize,
    all: &[crate::ColumnSpec],
    features: &[Feature],
) -> (Vec<Thing>, Vec<density::Edge>) {
    let frame = Frame::new(stacks, columns, all, features);
    let scaled: Vec<Vec<f64>> = (0..features.len())
        .map(|f| {
            let on = |n: &f64| if features[f].is_wide() { n.max(0.0).ln_1p() } else { *n };
            let numbers: Vec<f64> = frame.feature(f).iter().map(on).collect();
            let order = sorted(numbers.iter().copied());
            let (middle, width) = (median(&order), spread(&order).max(1e-9));
            numbers.iter().map(|n| if n.is_finite() { (n - middle) / width } else { 0.0 }).collect()
        })
        .collect();
    let point = |e: usize| scaled.iter().map(|f| f[e]).collect::<Vec<f64>>();
    let points: Vec<Vec<f64>> = (0..frame.entities.len()).map(point).collect();
    let thing = |places: &Vec<usize>| {
        let first = places.first().copied().unwrap_or(0);
        let text: Vec<String> = (0..columns).map(|c| stacks.text(first, c).to_string()).collect();
        Thing::new(stacks, text.join(" · "), places.clone(), 1.0)
    };
    // Six robust deviations in every feature are far.
    let edges = point_edges(&points, 6.0 * (features.len() as f64).sqrt());
    (frame.entities.iter().map(thing).collect(), edges)
}

/// Words that most of a cluster have and few others do, in the order in which they stand.
fn labels(things: &[Thing], found: &Clusters) -> Vec<String> {
    let mut everywhere: BTreeMap<String, f64> = BTreeMap::new();
    let mut inside: Vec<BTreeMap<String, f64>> = vec![BTreeMap::new(); found.count];
    let mut sizes = vec![0.0; found.count];
    let mut exemplar: Vec<Option<usize>> = vec![None; found.count];
    for (i, t) in things.iter().enumerate() {
        let mut seen = words(&t.text);
        seen.retain(|w| w.len() > 1 && !w.starts_with('<'));
        seen.sort();
        seen.dedup();
        for w in seen {
            if let Some(c) = found.of[i] {
                *inside[c].entry(w.clone()).or_insert(0.0) += t.weight;
            }
            *everywhere.entry(w).or_insert(0.0) += t.weight;
        }
        if let Some(c) = found.of[i] {
            sizes[c] += t.weight;
            let better = exemplar[c].is_none_or(|e| things[e].weight < t.weight);
            exemplar[c] = if better { Some(i) } else { exemplar[c] };
        }
    }
    let label = |c: usize| {
        let lift = |w: &str, n: f64| n / sizes[c] * (n / everywhere.get(w).copied().unwrap_or(n));
        let most = inside[c].iter().filter(|(_, n)| **n >= 0.6 * sizes[c]);
        let mut common: Vec<(&String, f64)> = most.map(|(w, n)| (w, lift(w, *n))).collect();
        common.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
        common.truncate(LABEL);
        let text = exemplar[c].map_or("", |e| things[e].text.as_str());
        let mut order = words(text);
        order.retain(|w| common.iter().any(|(c, _)| *c == w));
        let mut said = Vec::new();
        order.into_iter().for_each(|w| {
            if !said.contains(&w) {
                said.push(w)
            }
        });
        if said.is_empty() { text.to_owned() } else { said.join(" ") }
    };
    (0..found.count).map(label).collect()
}

#[allow(clippy::too_many_arguments)] // all of it is the state of one run
fn clusters(
    result: &mut HuntResult,
    stacks: &Stacks,
    things: &[Thing],
    found: &Clusters,
    labels: &[String],
    sizes: &[(u64, u64)],
    params: &Params,
) {
    let own = [
        ("cluster", ColumnKind::Text),
        ("example", ColumnKind::Text),
        ("things", ColumnKind::Count),
        ("events", ColumnKind::Count),
        ("hosts", ColumnKind::Count),
    ];
    result.columns = own.map(|(n, k)| Column::new(n, k)).into();
    let mut order: Vec<usize> = (0..found.count).collect();
    order.sort_by_key(|c| sizes[*c]);
    result.rows_total = order.len() as u64;
    for c in order.into_iter().take(params.most("top")) {
        let members: Vec<&Thing> =
            things.iter().zip(&found.of).filter(|(_, of)| **of == Some(c)).map(|m| m.0).collect();
        let Some(heaviest) = members.iter().max_by(|a, b| a.weight.total_cmp(&b.weight)) else { continue };
        let places = members.iter().flat_map(|m| &m.places);
        let hosts = Members::union(places.map(|p| &stacks.get(*p).hosts));
        result.rows.push(ResultRow {
            score: None,
            cells: vec![
                Value::str(&labels[c]),
                Value::str(&heaviest.text),
                Value::I64(sizes[c].0 as i64),
                Value::I64(sizes[c].1 as i64),
                Value::I64(hosts.len() as i64),
            ],
            reasons: Vec::new(),
            events: heaviest.places.first().map_or_else(Vec::new, |p| stacks.points(*p)),
            events_total: sizes[c].1,
            marks: Vec::new(),
        });
    }
}

#[allow(clippy::too_many_arguments)] // all of it is the state of one run
fn outliers(
    result: &mut HuntResult,
    stacks: &Stacks,
    things: &[Thing],
    found: &Clusters,
    labels: &[String],
    edges: &[density::Edge],
    (name, params): (&str, &Params),
) {
    let own = [
        (name, ColumnKind::Text),
        ("things", ColumnKind::Count),
        ("events", ColumnKind::Count),
        ("hosts", ColumnKind::Count),
    ];
    result.columns = own.map(|(n, k)| Column::new(n, k)).into();
    // The nearest other point, and the cluster it belongs to.
    let mut nearest: Vec<(f64, Option<usize>)> = vec![(density::FAR, None); things.len()];
    for (a, b, d) in edges {
        for (x, y) in [(*a as usize, *b as usize), (*b as usize, *a as usize)] {
            if *d < nearest[x].0 {
                nearest[x] = (*d, found.of[y]);
            }
        }
    }
    let mut order: Vec<usize> =
        (0..things.len()).filter(|i| found.of[*i].is_none() || found.scores[*i] > 0.0).collect();
    // Alone first; then how far from dense, and how rare.
    let score = |i: usize| {
        found.scores[i] * 0.5 + nearest[i].0 * 0.25 + if found.of[i].is_none() { 0.25 } else { 0.0 }
    };
    order.sort_by(|a, b| {
        let rare = |i: usize| (things[i].hosts, things[i].events);
        score(*b)
            .total_cmp(&score(*a))
            .then(rare(*a).cmp(&rare(*b)))
            .then(things[*a].text.cmp(&things[*b].text))
    });
    result.rows_total = order.len() as u64;
    for i in order.into_iter().take(params.most("top")) {
        let (t, first) = (&things[i], things[i].places.first().copied().unwrap_or(0));
        let texts: Vec<String> = (0..stacks.columns()).map(|c| stacks.text(first, c).to_string()).collect();
        let shown = if t.places.len() == 1 && params.list("features").is_empty() {
            texts.join(" · ")
        } else {
            t.text.clone()
        };
        let near = match nearest[i] {
            (d, Some(c)) => format!("nearest, {} away: cluster {:?}", short(d), labels[c]),
            (d, None) if d < density::FAR => format!("nearest, {} away, is in no cluster either", short(d)),
            _ => "nothing else is like it".to_owned(),
        };
        let place = if found.of[i].is_none() { "in no cluster" } else { "at the edge of its cluster" };
        result.rows.push(ResultRow {
            score: Some(score(i)),
            cells: vec![
                Value::str(shown),
                Value::I64(t.weight as i64),
                Value::I64(t.events as i64),
                Value::I64(t.hosts as i64),
            ],
            reasons: vec![Reason::only("density", format!("{place}; {near}"))],
            events: stacks.points(first),
            events_total: t.events,
            marks: Vec::new(),
        });
    }
}
