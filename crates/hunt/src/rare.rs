//! Rarity given something else: a child beside its parent, the next in a sequence, characters of a text.
//!
//! Pairs are here; [`crate::follow`] has sequences, [`crate::odd`] texts.

use shikra_event::Value;

use crate::analytic::{Analytic, Ask, Data, Needs};
use crate::conditional::{Conditional, key};
use crate::feature::{by_hosts, times};
use crate::params::{Kind, Parameter, Params};
use crate::result::{ColumnKind, HuntResult, Plot, Reason, ResultRow};
use crate::stacks::Stacks;
use crate::stats::{short, thousands};
use crate::text::TextId;
use crate::{follow, odd};

/// `rare`.
pub static ANALYTIC: Analytic = Analytic {
    name: "rare",
    about: "What is rare beside something else: child and parent, what follows what, odd characters",
    long: "Three ways, by what is named:\n  \
        --of COL --given COLS   a value beside others, e.g. a program beside its parent\n  \
        --sequence COL --key COLS   a value after the one before it, for each key\n  \
        --text COL   the characters of a text; the odd ones are marked\n\n\
        The score is the surprise in bits, −log2 of the smoothed probability, with what is judged left out of \
        the counts. With ten hosts or more, values are counted by hosts.\n\n\
        Examples:\n  \
        shikra hunt rare --of 'name(Image)' --given 'name(ParentImage)' --category process_creation logs/\n  \
        shikra hunt rare --text CommandLine --category process_creation logs/\n  \
        shikra hunt rare --sequence 'name(Image)' --key host --category process_creation logs/",
    parameters: PARAMETERS,
    ask,
    run,
};

const PARAMETERS: &[Parameter] = &[
    Parameter { name: "of", value: "COLUMN", kind: Kind::Columns, default: "", help: "What is judged" },
    Parameter {
        name: "given",
        value: "COLUMNS",
        kind: Kind::Columns,
        default: "",
        help: "Beside what it is judged",
    },
    Parameter {
        name: "sequence",
        value: "COLUMN",
        kind: Kind::Columns,
        default: "",
        help: "What is judged by what came before it",
    },
    Parameter {
        name: "key",
        value: "COLUMNS",
        kind: Kind::Columns,
        default: "host",
        help: "What has a sequence of its own",
    },
    Parameter {
        name: "within",
        value: "SPAN",
        kind: Kind::Span,
        default: "10m",
        help: "Longer silence begins a new sequence",
    },
    Parameter {
        name: "text",
        value: "COLUMN",
        kind: Kind::Columns,
        default: "",
        help: "Text whose characters are judged",
    },
    Parameter {
        name: "least",
        value: "N",
        kind: Kind::Whole,
        default: "50",
        help: "Events (texts: different ones) without which nothing is scored",
    },
];

fn ask(params: &Params) -> Result<Ask, String> {
    let set = |name: &str| !params.list(name).is_empty();
    let stacks =
        |columns| Ok(Ask { columns, needs: Needs::Stacks { bucket: None }, filters: 1, lacking: false });
    let one = |name: &str| {
        let columns = params.columns(name)?;
        if columns.len() == 1 { Ok(columns) } else { Err(format!("--{name} takes one column")) }
    };
    match (set("of"), set("sequence"), set("text")) {
        (true, false, false) if set("given") => stacks([one("of")?, params.columns("given")?].concat()),
        (false, true, false) => Ok(Ask {
            columns: [one("sequence")?, params.columns("key")?].concat(),
            needs: Needs::Events,
            filters: 1,
            lacking: false,
        }),
        (false, false, true) => stacks(one("text")?),
        _ => Err("name --of with --given, or --sequence, or --text".to_owned()),
    }
}

fn run(params: &Params, data: &Data) -> HuntResult {
    match data {
        Data::Stacks(stacks) if params.list("text").is_empty() => pairs(params, stacks),
        Data::Stacks(stacks) => odd::run(params, stacks),
        Data::Events(events) => follow::run(params, events),
    }
}

/// Why a result of few things is not scored.
pub(crate) fn too_few(what: &str, have: u64, least: u64) -> Option<String> {
    (have < least).then(|| {
        format!(
            "{} {what} are fewer than the {least} without which rare and common cannot be told apart",
            thousands(have)
        )
    })
}

fn pairs(params: &Params, stacks: &Stacks) -> HuntResult {
    let names = [params.list("of"), params.list("given")].concat();
    let own = [("events", ColumnKind::Count), ("hosts", ColumnKind::Count), ("first_seen", ColumnKind::Time)];
    let mut result = stacks.result(&names, &own);
    result.refused = too_few("events", result.population.events, params.whole("least"));
    if result.refused.is_some() {
        return result;
    }
    let by_hosts = by_hosts(stacks);
    let given = |p: usize| key(&(1..names.len()).map(|c| stacks.id(p, c)).collect::<Vec<TextId>>());
    let mut model = Conditional::default();
    for p in 0..stacks.len() {
        model.add(given(p), stacks.id(p, 0), times(stacks, by_hosts, p));
    }
    let hosts = result.population.hosts as f64;
    // Few hosts are rarer than few events: bits for each halving of the hosts that have the pair.
    let prevalence = |p: usize| {
        let h = stacks.get(p).hosts.len() as f64;
        if hosts >= 2.0 { -((h + 0.5) / (hosts + 1.0)).log2() } else { 0.0 }
    };
    let mut scored: Vec<(f64, usize)> =
        (0..stacks.len()).map(|p| (model.surprise(given(p), stacks.id(p, 0)) + prevalence(p), p)).collect();
    let texts = |p: usize| (0..names.len()).map(move |c| stacks.text(p, c));
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| texts(a.1).cmp(texts(b.1))));
    result.rows_total = scored.len() as u64;
    let unit = if by_hosts { "hosts" } else { "events" };
    let row = |(score, p): &(f64, usize)| {
        let s = stacks.get(*p);
        let (of_given, of_pair) = model.counts(given(*p), stacks.id(*p, 0));
        let mut cells: Vec<Value> = texts(*p).map(Value::Str).collect();
        cells.extend([
            Value::I64(s.count as i64),
            Value::I64(s.hosts.len() as i64),
            s.span.map_or(Value::Null, |s| Value::Time(s.0)),
        ]);
        let bits = model.surprise(given(*p), stacks.id(*p, 0));
        let beside = format!(
            "{} of the {} {unit} counted beside {} have it: {} bits of surprise",
            short(of_pair),
            short(of_given),
            texts(*p).skip(1).map(|t| t.to_string()).collect::<Vec<_>>().join(", "),
            short(bits),
        );
        let spread =
            format!("on {} of {} hosts: {} bits", s.hosts.len(), short(hosts), short(prevalence(*p)));
        let part = |n: f64| n / score.max(f64::MIN_POSITIVE);
        ResultRow {
            score: Some(*score),
            cells,
            reasons: vec![
                Reason { feature: "surprise".into(), weight: part(bits), words: beside },
                Reason { feature: "prevalence".into(), weight: part(prevalence(*p)), words: spread },
            ],
            events: stacks.points(*p),
            events_total: s.count,
            marks: Vec::new(),
        }
    };
    result.rows = scored.iter().take(params.most("top")).map(row).collect();
    result.plots.push(bars(&result, names.len()));
    result
}

/// Bits of the listed rows.
pub(crate) fn bars(result: &HuntResult, columns: usize) -> Plot {
    let bar =
        |(i, r): (usize, &ResultRow)| (crate::stack::label(r, columns), r.score.unwrap_or(0.0), Some(i));
    Plot::Bars {
        title: "surprise".into(),
        unit: "bits".into(),
        bars: result.rows.iter().enumerate().take(20).map(bar).collect(),
    }
}
