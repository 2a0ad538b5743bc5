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
use crate::result::{ColumnKind, HuntResult, Plot, Reason, ResultRow};
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
/// Columns after the key.
const COLUMNS: &[(&str, ColumnKind)] = &[
    ("artefacts", ColumnKind::Text),
    ("different", ColumnKind::Count),
    ("events", ColumnKind::Count),
    ("keys_with_set", ColumnKind::Count),
    ("first_seen", ColumnKind::Time),
    ("seconds", ColumnKind::Number),
];

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
    let mut result = events.result(&keys, COLUMNS);
    let by_key = by_key(events, keys.len());
    let least = params.whole("together").max(1) as u32;
    let found = by_key.iter().flat_map(|(k, places)| sets(events, *k, places, within, least));
    let found: Vec<Set> = found.collect();
    let names = Names(params.list("names"));
    let judge = Judge {
        events,
        names: &names,
        columns: keys.len(),
        spans: Spans::new(events, &by_key, within),
        having: having(&found),
        keys: by_key.len() as f64,
    };
    result.rows = found.iter().map(|s| judge.row(s)).collect();
    let order = |r: &ResultRow| r.events.first().map(|e| (e.time, e.record));
    let score = |r: &ResultRow| r.score.unwrap_or(0.0);
    result.rows.sort_by(|a, b| score(b).total_cmp(&score(a)).then_with(|| order(a).cmp(&order(b))));
    result.rows_total = result.rows.len() as u64;
    result.rows.truncate(params.most("top"));
    if result.rows.is_empty() {
        let seen = judge.spans.told(&names);
        result.notes.push(format!("no set of {least} within {}: {seen}", params.word("within")));
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

/// Names of artefacts.
struct Names(Vec<String>);

impl Names {
    fn of(&self, artefact: usize) -> String {
        self.0.get(artefact).cloned().unwrap_or_else(|| format!("artefact {}", artefact + 1))
    }
}

/// Keys that have each set of artefacts.
fn having(sets: &[Set]) -> BTreeMap<u64, usize> {
    let mut keys: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
    for s in sets {
        keys.entry(s.artefacts).or_default().insert(s.key);
    }
    keys.into_iter().map(|(set, keys)| (set, keys.len())).collect()
}

/// What sets are judged by.
struct Judge<'a> {
    events: &'a Events,
    names: &'a Names,
    columns: usize,
    spans: Spans,
    having: BTreeMap<u64, usize>,
    keys: f64,
}

impl Judge<'_> {
    fn row(&self, s: &Set) -> ResultRow {
        let same = self.having.get(&s.artefacts).copied().unwrap_or(1);
        let rare = -((same as f64 + 0.5) / (self.keys + 1.0)).log2();
        let score = ones(s.artefacts).map(|i| self.spans.bits(i)).sum::<f64>() + rare;
        let time = |p: usize| self.events.head(p).time;
        let first = s.places.first().copied().unwrap_or(0);
        let last = s.places.last().and_then(|p| time(*p));
        let seconds = time(first).zip(last).map(|(a, b)| b.0.saturating_sub(a.0) as f64 / 1e9);
        let shown = |c| Value::Str(self.events.shown(self.events.id(first, c)));
        let mut cells: Vec<Value> = (0..self.columns).map(shown).collect();
        let names: Vec<String> = ones(s.artefacts).map(|i| self.names.of(i)).collect();
        cells.extend([
            Value::str(names.join(" + ")),
            Value::I64(i64::from(s.artefacts.count_ones())),
            Value::I64(s.places.len() as i64),
            Value::I64(same as i64),
            time(first).map_or(Value::Null, Value::Time),
            seconds.map_or(Value::Null, Value::F64),
        ]);
        ResultRow {
            score: Some(score),
            cells,
            reasons: self.reasons(s, same, rare, score),
            events: kept(self.events, s).into_iter().map(|p| self.events.point(p)).collect(),
            events_total: s.places.len() as u64,
            marks: Vec::new(),
        }
    }

    fn reasons(&self, s: &Set, same: usize, rare: f64, score: f64) -> Vec<Reason> {
        let part = |bits: f64| bits / score.max(f64::MIN_POSITIVE);
        let of = |i: usize| {
            let (name, bits) = (self.names.of(i), self.spans.bits(i));
            let (having, all) = (self.spans.having[i], short(self.spans.all));
            let words = format!("{name} is in {having} of {all} spans: {} bits", short(bits));
            Reason { feature: name, weight: part(bits), words }
        };
        let mut reasons: Vec<Reason> = ones(s.artefacts).map(of).collect();
        let words = format!("{same} of {} keys have this set: {} bits", short(self.keys), short(rare));
        reasons.push(Reason { feature: "set".into(), weight: part(rare), words });
        reasons.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        reasons
    }
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

    /// What was seen of the artefacts, in words.
    fn told(&self, names: &Names) -> String {
        let of = |i: usize| format!("{} in {} spans", names.of(i), self.having[i]);
        let seen: Vec<String> = (0..64).filter(|i| self.having[*i] > 0).map(of).collect();
        if seen.is_empty() { "no artefact was seen".to_owned() } else { seen.join(", ") }
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
