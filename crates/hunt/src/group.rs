//! Grouping: a given set of artefacts that appear together, for one key, within a span of time.
//!
//! Each artefact is a filter. The score is how many bits of coincidence it would take: −log2 of the share of
//! spans in which each artefact appears, added up as if they had nothing to do with each other, and of the
//! share of keys that have the same set.

use std::collections::{BTreeMap, BTreeSet};

use shikra_event::Value;

use crate::analytic::{Analytic, Ask, Data, Needs};
use crate::conditional::key;
use crate::events::Events;
use crate::params::{Kind, Parameter, Params};
use crate::result::{Column, ColumnKind, HuntResult, Plot, Reason, ResultRow};
use crate::stats::short;
use crate::text::TextId;

/// `group`.
pub static ANALYTIC: Analytic = Analytic {
    name: "group",
    about: "Sets of artefacts that appear together by key within a span of time",
    long: "Each --where is an artefact; --names gives them names.\n\n\
        Example:\n  \
        shikra hunt group --key host --within 5m --names cmstp,child,registry \\\n    \
        --where 'process.name : \"cmstp.exe\"' --where 'process.parent.name : \"dllhost.exe\"' \\\n    \
        --where 'registry.path : *cmmgr32.exe*' --language kql logs/",
    parameters: PARAMETERS,
    ask,
    run,
};

const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "key",
        value: "COLUMNS",
        kind: Kind::Columns,
        default: "host",
        help: "By what they belong together",
    },
    Parameter {
        name: "within",
        value: "SPAN",
        kind: Kind::Span,
        default: "10m",
        help: "Span of time in which they must appear",
    },
    Parameter {
        name: "together",
        value: "N",
        kind: Kind::Whole,
        default: "2",
        help: "Different artefacts that make a set",
    },
    Parameter {
        name: "names",
        value: "NAMES",
        kind: Kind::Texts,
        default: "",
        help: "Names of the artefacts, in order",
    },
];

/// Most filters that can be told apart.
pub const MOST: usize = 64;
/// Events kept of a set.
const KEPT: usize = 8;

fn ask(params: &Params) -> Result<Ask, String> {
    let columns = params.columns("key")?;
    if columns.is_empty() {
        return Err("say with --key by what artefacts belong together".to_owned());
    }
    Ok(Ask { columns, needs: Needs::Events, filters: MOST, lacking: false })
}

/// A set found: its places in order of time, and artefacts.
struct Set {
    key: u64,
    places: Vec<usize>,
    artefacts: u64,
}

fn run(params: &Params, data: &Data) -> HuntResult {
    let Data::Events(events) = data else { return HuntResult::default() };
    let keys = params.list("key");
    let within = params.span("within").unwrap_or(i64::MAX);
    let mut result =
        HuntResult { population: events.population(), notes: events.notes(), ..HuntResult::default() };
    result.columns = keys.iter().map(|n| Column::new(n, ColumnKind::Text)).collect();
    let own = [
        ("artefacts", ColumnKind::Text),
        ("different", ColumnKind::Count),
        ("events", ColumnKind::Count),
        ("keys_with_set", ColumnKind::Count),
        ("first_seen", ColumnKind::Time),
        ("seconds", ColumnKind::Number),
    ];
    result.columns.extend(own.map(|(n, k)| Column::new(n, k)));
    let names = params.list("names");
    let name = |i: usize| names.get(i).cloned().unwrap_or_else(|| format!("artefact {}", i + 1));
    let by_key = by_key(events, keys.len());
    let sets: Vec<Set> = by_key
        .iter()
        .flat_map(|(k, places)| sets(events, *k, places, within, params.whole("together").max(1) as u32))
        .collect();
    let spans = Spans::new(events, &by_key, within);
    let mut having: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for s in &sets {
        let keys = having.entry(s.artefacts).or_default();
        if !keys.contains(&s.key) {
            keys.push(s.key);
        }
    }
    let all_keys = by_key.len() as f64;
    let row = |s: &Set| {
        let same = having.get(&s.artefacts).map_or(1, Vec::len) as f64;
        let rare = -((same + 0.5) / (all_keys + 1.0)).log2();
        let bits: Vec<(usize, f64)> = ones(s.artefacts).map(|i| (i, spans.bits(i))).collect();
        let score = bits.iter().map(|b| b.1).sum::<f64>() + rare;
        let mut reasons: Vec<Reason> = bits
            .iter()
            .map(|(i, b)| Reason {
                feature: name(*i),
                weight: b / score.max(f64::MIN_POSITIVE),
                words: format!(
                    "{} is in {} of {} spans: {} bits",
                    name(*i),
                    spans.having[*i],
                    short(spans.all),
                    short(*b)
                ),
            })
            .collect();
        reasons.push(Reason {
            feature: "set".into(),
            weight: rare / score.max(f64::MIN_POSITIVE),
            words: format!("{} of {} keys have this set: {} bits", short(same), short(all_keys), short(rare)),
        });
        reasons.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        let first = s.places.first().copied().unwrap_or(0);
        let time = |p: usize| events.head(p).time;
        let last = s.places.last().and_then(|p| time(*p));
        let seconds = time(first).zip(last).map(|(a, b)| b.0.saturating_sub(a.0) as f64 / 1e9);
        let mut cells: Vec<Value> =
            (0..keys.len()).map(|c| Value::Str(events.shown(events.id(first, c)))).collect();
        cells.extend([
            Value::str(ones(s.artefacts).map(name).collect::<Vec<_>>().join(" + ")),
            Value::I64(i64::from(s.artefacts.count_ones())),
            Value::I64(s.places.len() as i64),
            Value::I64(same as i64),
            time(first).map_or(Value::Null, Value::Time),
            seconds.map_or(Value::Null, Value::F64),
        ]);
        ResultRow {
            score: Some(score),
            cells,
            reasons,
            events: kept(events, s).into_iter().map(|p| events.point(p)).collect(),
            events_total: s.places.len() as u64,
            marks: Vec::new(),
        }
    };
    result.rows = sets.iter().map(row).collect();
    result.rows.sort_by(|a, b| {
        b.score.unwrap_or(0.0).total_cmp(&a.score.unwrap_or(0.0)).then_with(|| {
            let order = |r: &ResultRow| r.events.first().map(|e| (e.time, e.record));
            order(a).cmp(&order(b))
        })
    });
    result.rows_total = result.rows.len() as u64;
    result.rows.truncate(params.most("top"));
    if result.rows.is_empty() {
        let seen: Vec<String> = (0..64)
            .filter(|i| spans.having[*i] > 0)
            .map(|i| format!("{} in {} spans", name(i), spans.having[i]))
            .collect();
        let seen = if seen.is_empty() { "no artefact was seen".to_owned() } else { seen.join(", ") };
        result.notes.push(format!(
            "no set of {} within {}: {seen}",
            params.whole("together"),
            params.word("within")
        ));
    }
    let bar = |(i, r): (usize, &ResultRow)| {
        (crate::stack::label(r, keys.len() + 1), r.score.unwrap_or(0.0), Some(i))
    };
    result.plots.push(Plot::Bars {
        title: "sets".into(),
        unit: "bits".into(),
        bars: result.rows.iter().enumerate().take(20).map(bar).collect(),
    });
    result
}

fn ones(bits: u64) -> impl Iterator<Item = usize> {
    (0..64).filter(move |i| bits >> i & 1 == 1)
}

/// Places by key, each in order of time.
fn by_key(events: &Events, columns: usize) -> BTreeMap<u64, Vec<usize>> {
    let mut out: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for p in events.ordered() {
        let ids: Vec<TextId> = (0..columns).map(|c| events.id(p, c)).collect();
        out.entry(key(&ids)).or_default().push(p);
    }
    out
}

/// Spans in which each artefact appears, of all there are.
struct Spans {
    having: [u64; 64],
    all: f64,
}

impl Spans {
    fn new(events: &Events, by_key: &BTreeMap<u64, Vec<usize>>, within: i64) -> Spans {
        let mut having = [0; 64];
        for places in by_key.values() {
            let mut seen: BTreeMap<i64, u64> = BTreeMap::new();
            for p in places {
                let h = events.head(*p);
                *seen.entry(h.time.map_or(0, |t| t.0.div_euclid(within))).or_default() |= h.passed;
            }
            seen.values().flat_map(|bits| ones(*bits)).for_each(|i| having[i] += 1);
        }
        let span = events.whole().map_or(0, |(a, b)| b.0.saturating_sub(a.0));
        Spans { having, all: (span.div_euclid(within) + 1) as f64 * by_key.len() as f64 }
    }

    fn bits(&self, artefact: usize) -> f64 {
        -((self.having[artefact] as f64 + 0.5) / (self.all + 1.0)).min(1.0).log2()
    }
}

/// The sets of one key: spans that begin at an event and hold as many different artefacts as any that overlaps.
fn sets(events: &Events, key: u64, places: &[usize], within: i64, least: u32) -> Vec<Set> {
    let spans = spans(events, places, within);
    let (mut out, mut at) = (Vec::new(), 0);
    while let Some((mut to, mut bits)) = spans.get(at).copied() {
        // A later beginning may hold more.
        let mut next = at + 1;
        while next < to {
            match spans.get(next) {
                Some((further, more)) if more.count_ones() > bits.count_ones() => {
                    (at, to, bits) = (next, *further, *more);
                }
                _ => {}
            }
            next += 1;
        }
        if bits.count_ones() >= least {
            out.push(Set { key, places: places.get(at..to).unwrap_or_default().to_vec(), artefacts: bits });
        }
        at = to;
    }
    out
}

/// For each event, where the span ends that begins with it, and the artefacts in that span.
fn spans(events: &Events, places: &[usize], within: i64) -> Vec<(usize, u64)> {
    let time = |i: usize| events.head(places[i]).time.map_or(0, |t| t.0);
    let mut counts = [0u32; 64];
    let (mut out, mut to) = (Vec::with_capacity(places.len()), 0);
    for from in 0..places.len() {
        while to < places.len() && time(to).saturating_sub(time(from)) <= within {
            ones(events.head(places[to]).passed).for_each(|i| counts[i] += 1);
            to += 1;
        }
        out.push((to, (0..64).fold(0, |bits, i| bits | u64::from(counts[i] > 0) << i)));
        ones(events.head(places[from]).passed).for_each(|i| counts[i] = counts[i].saturating_sub(1));
    }
    out
}

/// The first event of each artefact, then more.
fn kept(events: &Events, set: &Set) -> Vec<usize> {
    let has = |p: &usize, i: usize| events.head(*p).passed >> i & 1 == 1;
    let mut at: BTreeSet<usize> =
        ones(set.artefacts).filter_map(|i| set.places.iter().position(|p| has(p, i))).collect();
    let room = KEPT.max(at.len());
    for i in 0..set.places.len().min(room) {
        if at.len() < room {
            at.insert(i);
        }
    }
    at.into_iter().filter_map(|i| set.places.get(i).copied()).collect()
}
