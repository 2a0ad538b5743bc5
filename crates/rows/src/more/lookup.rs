//! Look-up tables: rows found by equal text, by patterns in the table, by networks in the table.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use hashbrown::HashMap;
use ipnet::IpNet;
use shikra_event::Value;
use shikra_ir::{Fold, Lookup as Plan, MatchKind, Part, Pattern, Scalar, Table, eval, func};

use crate::row::{Row, View};

/// Most table rows that make values of one row.
const MOST: usize = 1000;

/// A table ready to be asked.
#[derive(Clone, Debug)]
pub(crate) struct Lookup {
    pub on: Vec<(String, Scalar)>,
    table: Arc<Table>,
    /// Column of the table, name of the new column.
    pub output: Vec<(Option<usize>, Arc<str>)>,
    only_new: bool,
    fold: Fold,
    most: usize,
    default: Option<Value>,
    /// Which of the values must be equal, and how the others are compared.
    equal: Vec<usize>,
    others: Vec<(usize, MatchKind)>,
    /// Made when a row asks for the first time: most rules with look-ups have no rows.
    index: Arc<OnceLock<Index>>,
}

/// The rows of the table, to be found.
#[derive(Debug)]
struct Index {
    /// By what must be equal.
    equal: HashMap<String, Vec<usize>>,
    /// Of the other values, what each row asks of them.
    others: Vec<(usize, Vec<Test>)>,
}

/// What the value of a row must satisfy, by table row.
#[derive(Clone, Debug)]
enum Test {
    Any,
    Like(Pattern),
    In(IpNet),
    Never,
}

impl Lookup {
    pub fn new(plan: &Plan, table: &Arc<Table>) -> Lookup {
        let fold = plan.matching.fold;
        let kind = |name: &str| {
            plan.matching.kinds.iter().find(|(n, _)| n == name).map_or(MatchKind::Equal, |(_, k)| *k)
        };
        let (mut equal, mut others) = (Vec::new(), Vec::new());
        for (at, (name, _)) in plan.on.iter().enumerate() {
            match kind(name) {
                MatchKind::Equal => equal.push(at),
                how => others.push((at, how)),
            }
        }
        let output = plan.output.iter().map(|(c, n)| (table.column(c), n.clone())).collect();
        let most = if plan.matching.most == 0 { MOST } else { plan.matching.most };
        let default = plan.matching.default.clone();
        let (on, only_new, table) = (plan.on.clone(), plan.only_new, table.clone());
        Lookup { on, table, output, only_new, fold, most, default, equal, others, index: Arc::default() }
    }

    fn index(&self) -> &Index {
        self.index.get_or_init(|| {
            let name = |at: usize| self.on.get(at).map(|(name, _)| name.as_str());
            let others = self.others.iter();
            let others =
                others.filter_map(|(at, how)| Some((*at, tests(&self.table, name(*at)?, *how, self.fold))));
            let places: Vec<Option<usize>> =
                self.equal.iter().filter_map(|at| name(*at)).map(|n| self.table.column(n)).collect();
            let mut equal: HashMap<String, Vec<usize>> = HashMap::new();
            for (i, row) in self.table.rows.iter().enumerate() {
                let part = |p: &Option<usize>| p.and_then(|p| row.get(p)).and_then(func::plain_text);
                let parts: Option<Vec<String>> = places.iter().map(part).collect();
                if let Some(parts) = parts {
                    equal.entry(key(&parts, self.fold)).or_default().push(i);
                }
            }
            Index { equal, others: others.collect() }
        })
    }

    pub fn apply(&self, reads: &[Scalar], row: &mut Row) {
        let view = View { reads, cells: &row.cells, columns: &row.columns };
        let values: Vec<Value> = self.on.iter().map(|(_, s)| eval::scalar(s, &view)).collect();
        let found = self.find(&values);
        for (column, name) in &self.output {
            let known = row.columns.iter().any(|(n, v)| n == name && !v.is_null());
            if self.only_new && known {
                continue;
            }
            let value =
                |i: &usize| self.table.rows.get(*i)?.get((*column)?).filter(|v| !v.is_null()).cloned();
            let made = match found.as_slice() {
                [] => self.default.clone().unwrap_or(Value::Null),
                some => func::several(some.iter().filter_map(value).collect()),
            };
            row.set(name, made);
        }
    }

    /// The table rows for these values, in the table's order.
    fn find(&self, values: &[Value]) -> Vec<usize> {
        let texts: Vec<Vec<String>> =
            values.iter().map(|v| v.elements().iter().filter_map(func::plain_text).collect()).collect();
        if texts.iter().any(Vec::is_empty) {
            return Vec::new();
        }
        let index = self.index();
        let others: Vec<(&Vec<Test>, Vec<Asked>)> = index
            .others
            .iter()
            .filter_map(|(at, tests)| Some((tests, texts.get(*at)?.iter().map(|t| self.asked(t)).collect())))
            .collect();
        let fits = |row: &usize| {
            others
                .iter()
                .all(|(tests, asked)| tests.get(*row).is_some_and(|t| asked.iter().any(|a| t.holds(a))))
        };
        let mut found: Vec<usize> = self
            .keys(&texts)
            .iter()
            .filter_map(|k| index.equal.get(k))
            .flatten()
            .copied()
            .filter(fits)
            .collect();
        found.sort_unstable();
        found.dedup();
        found.truncate(self.most);
        found
    }

    /// The keys of what must be equal: one for each choice of values.
    fn keys(&self, texts: &[Vec<String>]) -> Vec<String> {
        let parts = self.equal.iter().filter_map(|at| texts.get(*at));
        let choices = parts.fold(vec![Vec::new()], |before: Vec<Vec<String>>, part| {
            let pairs = before.iter().flat_map(|b| {
                part.iter().map(move |t| b.iter().cloned().chain([t.clone()]).collect::<Vec<String>>())
            });
            pairs.take(MOST).collect()
        });
        choices.iter().map(|c| key(c, self.fold)).collect()
    }

    fn asked(&self, text: &str) -> Asked {
        Asked { text: func::fold(text, self.fold), ip: text.trim().parse().ok() }
    }
}

/// A value of a row.
struct Asked {
    text: String,
    ip: Option<IpAddr>,
}

impl Test {
    fn holds(&self, asked: &Asked) -> bool {
        match self {
            Test::Any => true,
            Test::Never => false,
            Test::In(net) => asked.ip.is_some_and(|ip| net.contains(&ip)),
            Test::Like(p) => p.literals().all(|l| asked.text.contains(l)) && p.matches(&asked.text),
        }
    }
}

fn tests(table: &Table, column: &str, kind: MatchKind, fold: Fold) -> Vec<Test> {
    let place = table.column(column);
    let one = |row: &Vec<Value>| {
        let Some(text) = place.and_then(|p| row.get(p)).and_then(func::plain_text) else {
            return Test::Never;
        };
        match kind {
            MatchKind::Cidr => {
                let net = text.trim().parse().ok();
                let address = || text.trim().parse::<IpAddr>().ok().map(IpNet::from);
                net.or_else(address).map_or(Test::Never, Test::In)
            }
            _ if text == "*" => Test::Any,
            _ => Test::Like(pattern(&func::fold(&text, fold))),
        }
    };
    table.rows.iter().map(one).collect()
}

/// A pattern with `*`.
pub(super) fn pattern(text: &str) -> Pattern {
    let mut p = Pattern::default();
    for (i, part) in text.split('*').enumerate() {
        if i > 0 {
            p.push(Part::Any);
        }
        p.push(Part::Lit(part.to_owned()));
    }
    p
}

fn key(parts: &[String], fold: Fold) -> String {
    parts.iter().map(|p| func::fold(p, fold)).collect::<Vec<_>>().join("\u{1f}")
}
