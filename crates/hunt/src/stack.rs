//! Stack counting: how often each value or combination of values occurs, rarest first.
//!
//! Few hosts are rarer than few events: rows are ordered by hosts, then by events. The score of a row is
//! −log₁₀ of the share of all events whose value is as rare as this one or rarer, in that order.

use shikra_event::{Timestamp, Value};

use crate::analytic::{Analytic, Ask, Data, Needs};
use crate::params::{Kind, Parameter, Params};
use crate::result::{Column, ColumnKind, HuntResult, Plot, Reason, ResultRow};
use crate::stacks::{Stack, Stacks};
use crate::stats::{percent, thousands};

/// `stack`.
pub static ANALYTIC: Analytic = Analytic {
    name: "stack",
    about: "Count values or combinations, rarest first, with the hosts and users that have them",
    long: "Rows are ordered by hosts, then by events: what few hosts have is rarer than what has few events.\n\n\
        Examples:\n  \
        shikra hunt stack --by Image --category process_creation logs/\n  \
        shikra hunt stack --by 'name(ParentImage),name(Image)' --category process_creation --tail 5% logs/\n  \
        shikra hunt stack --by process.name,process.args --where 'process.name : \"cmstp.exe\"' \
        --language kql --bucket 1d logs/",
    parameters: PARAMETERS,
    ask,
    run,
};

const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "by",
        value: "COLUMNS",
        kind: Kind::Columns,
        default: "",
        help: "What is counted: a field, or several as one combination",
    },
    Parameter {
        name: "order",
        value: "ORDER",
        kind: Kind::OneOf(&["rarest", "commonest", "newest"]),
        default: "rarest",
        help: "What comes first",
    },
    Parameter {
        name: "tail",
        value: "SHARE",
        kind: Kind::Share,
        default: "",
        help: "Only the long tail: the rarest values that together make this share of the events",
    },
    Parameter {
        name: "most-hosts",
        value: "N",
        kind: Kind::Whole,
        default: "0",
        help: "Only values that no more hosts than this have; 0: all",
    },
    Parameter {
        name: "most-events",
        value: "N",
        kind: Kind::Whole,
        default: "0",
        help: "Only values with no more events than this; 0: all",
    },
    Parameter {
        name: "bucket",
        value: "SPAN",
        kind: Kind::Span,
        default: "",
        help: "Count by time as well, e.g. 1h or 1d",
    },
    Parameter {
        name: "least",
        value: "N",
        kind: Kind::Whole,
        default: "20",
        help: "Events without which nothing is scored",
    },
];

/// Buckets drawn at most; more are drawn together.
const MOST_BUCKETS: usize = 400;
/// Values in pictures.
const DRAWN: usize = 20;
/// Columns after the values.
const COLUMNS: &[(&str, ColumnKind)] = &[
    ("events", ColumnKind::Count),
    ("share", ColumnKind::Share),
    ("hosts", ColumnKind::Count),
    ("users", ColumnKind::Count),
    ("first_seen", ColumnKind::Time),
    ("last_seen", ColumnKind::Time),
];

fn ask(params: &Params) -> Result<Ask, String> {
    let columns = params.columns("by")?;
    if columns.is_empty() {
        return Err("say with --by what is to be counted".to_owned());
    }
    Ok(Ask { columns, needs: Needs::Stacks { bucket: params.span("bucket") }, filters: 1, lacking: false })
}

fn run(params: &Params, data: &Data) -> HuntResult {
    let Data::Stacks(stacks) = data else { return HuntResult::default() };
    let names = params.list("by");
    let mut result = stacks.result(&names, COLUMNS);
    if params.span("bucket").is_some() {
        result.columns.push(Column::new("over_time", ColumnKind::Series));
    }
    let events = result.population.events;
    let scored = events >= params.whole("least");
    if !scored {
        result.notes.push(format!(
            "{events} events are fewer than the {} without which nothing is scored: counts only",
            params.whole("least")
        ));
    }
    let order = Order::new(stacks);
    let mut rows = order.chosen(stacks, params);
    result.rows_total = rows.len() as u64;
    rows.truncate(params.most("top"));
    let bucket = Buckets::new(stacks, params.span("bucket"));
    result.rows = rows.iter().map(|p| order.row(stacks, *p, names.len(), &bucket, scored)).collect();
    result.plots.push(bars(&result, names.len()));
    result.plots.extend(bucket.map(|b| b.plot(&result, names.len(), stacks, &rows)));
    result
}

/// Places from the rarest to the commonest, with the share of events up to each, equals included.
struct Order {
    places: Vec<usize>,
    /// By place: events whose value is as rare or rarer.
    tail: Vec<u64>,
    events: u64,
    hosts: u64,
}

fn rarity(s: &Stack) -> (u64, u64) {
    (s.hosts.len(), s.count)
}

impl Order {
    fn new(stacks: &Stacks) -> Order {
        let mut places: Vec<usize> = (0..stacks.len()).collect();
        // Ties by first seen, then by text: nothing that depends on the order of input.
        let ranks = stacks.ranks();
        let rank = |p: usize, c: usize| ranks.get(stacks.id(p, c) as usize).copied();
        let texts = |p: usize| (0..stacks.columns()).map(move |c| rank(p, c));
        let key = |p: usize| (rarity(stacks.get(p)), stacks.get(p).span.map(|s| s.0));
        places.sort_by(|a, b| key(*a).cmp(&key(*b)).then_with(|| texts(*a).cmp(texts(*b))));
        let mut tail = vec![0; stacks.len()];
        let mut sum = 0;
        for equal in places.chunk_by(|a, b| rarity(stacks.get(*a)) == rarity(stacks.get(*b))) {
            sum += equal.iter().map(|p| stacks.get(*p).count).sum::<u64>();
            equal.iter().for_each(|p| tail[*p] = sum);
        }
        Order { places, tail, events: sum, hosts: stacks.population().hosts }
    }

    fn chosen(&self, stacks: &Stacks, params: &Params) -> Vec<usize> {
        let most_hosts = params.most("most-hosts") as u64;
        let most_events = params.most("most-events") as u64;
        let tail = params.number("tail").unwrap_or(1.0) * self.events as f64;
        let fits = |p: &usize| {
            let s = stacks.get(*p);
            s.hosts.len() <= most_hosts && s.count <= most_events && self.tail[*p] as f64 <= tail
        };
        let mut rows: Vec<usize> = self.places.iter().copied().filter(fits).collect();
        match params.word("order") {
            "commonest" => rows.reverse(),
            "newest" => rows.sort_by_key(|p| std::cmp::Reverse(stacks.get(*p).span.map(|s| s.0))),
            _ => {}
        }
        rows
    }

    fn row(
        &self,
        stacks: &Stacks,
        place: usize,
        columns: usize,
        buckets: &Option<Buckets>,
        scored: bool,
    ) -> ResultRow {
        let s = stacks.get(place);
        let events = self.events.max(1) as f64;
        let share = self.tail[place] as f64 / events;
        let mut cells: Vec<Value> = (0..columns).map(|c| Value::Str(stacks.text(place, c))).collect();
        let time = |t: Option<Timestamp>| t.map_or(Value::Null, Value::Time);
        cells.extend([
            Value::I64(s.count as i64),
            Value::F64(s.count as f64 / events),
            Value::I64(s.hosts.len() as i64),
            Value::I64(s.users.len() as i64),
            time(s.span.map(|s| s.0)),
            time(s.span.map(|s| s.1)),
        ]);
        if let Some(b) = buckets {
            cells.push(Value::List(b.series(s).into_iter().map(Value::F64).collect()));
        }
        let words = format!(
            "on {} of {} hosts, {} of {} events; {} of all events have a value as rare or rarer",
            thousands(s.hosts.len()),
            thousands(self.hosts),
            thousands(s.count),
            thousands(self.events),
            percent(share),
        );
        ResultRow {
            score: scored.then(|| -share.max(f64::MIN_POSITIVE).log10() + 0.0),
            cells,
            reasons: vec![Reason::only("rarity", words)],
            events: stacks.points(place),
            events_total: s.count,
            marks: Vec::new(),
        }
    }
}

fn bars(result: &HuntResult, columns: usize) -> Plot {
    let bar = |(i, r): (usize, &ResultRow)| {
        let n = if let Some(Value::I64(n)) = r.cells.get(columns) { *n as f64 } else { 0.0 };
        (label(r, columns), n, Some(i))
    };
    Plot::Bars {
        title: "events by value".into(),
        unit: "events".into(),
        bars: result.rows.iter().enumerate().take(DRAWN).map(bar).collect(),
    }
}

/// The values of a row as one name.
pub(crate) fn label(row: &ResultRow, columns: usize) -> String {
    let texts: Vec<String> = row.cells.iter().take(columns).filter_map(Value::to_text).collect();
    texts.join(" · ")
}

/// The buckets of time that are drawn.
struct Buckets {
    first: i64,
    count: usize,
    /// Buckets counted that are drawn as one.
    together: i64,
    width: i64,
}

impl Buckets {
    fn new(stacks: &Stacks, width: Option<i64>) -> Option<Buckets> {
        let width = width?;
        let (a, b) = stacks.population().span?;
        let (first, last) = (a.0.div_euclid(width), b.0.div_euclid(width));
        let all = usize::try_from(last - first).unwrap_or(usize::MAX).saturating_add(1);
        let together = all.div_ceil(MOST_BUCKETS).max(1);
        Some(Buckets { first, count: all.div_ceil(together), together: together as i64, width })
    }

    fn series(&self, s: &Stack) -> Vec<f64> {
        let mut out = vec![0.0; self.count];
        for (at, n) in &s.buckets {
            if let Some(to) = out.get_mut(((at - self.first) / self.together) as usize) {
                *to += *n as f64;
            }
        }
        out
    }

    fn plot(&self, result: &HuntResult, columns: usize, stacks: &Stacks, rows: &[usize]) -> Plot {
        let of = |(i, p): (usize, &usize)| {
            let name = result.rows.get(i).map(|r| label(r, columns)).unwrap_or_default();
            (name, self.series(stacks.get(*p)), Some(i))
        };
        Plot::Timeline {
            title: "events over time".into(),
            start: Timestamp(self.first.saturating_mul(self.width)),
            bucket: self.width.saturating_mul(self.together),
            series: rows.iter().enumerate().take(DRAWN).map(of).collect(),
        }
    }
}
