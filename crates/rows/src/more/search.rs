//! Rows that satisfy, or do not, one of the rows of another program taken as conditions: a subsearch. Values of
//! the other side compare as the literals of a search do: any case, `*` for any text, numbers as numbers,
//! networks hold addresses.

use hashbrown::HashSet;
use ipnet::IpNet;
use shikra_event::Value;
use shikra_ir::{Fold, Join, JoinKind, Pattern, Scalar, eval, func};

use super::lookup::pattern;
use crate::row::{Row, View};

/// The conditions, one pair of values each.
#[derive(Clone, Debug)]
pub(crate) struct Search {
    pub keys: Vec<(Scalar, Scalar)>,
    pub negated: bool,
}

/// Whether a join is one of these: its right values are marked.
pub(crate) fn is_search(j: &Join) -> bool {
    let marked = |s: &Scalar| matches!(s, Scalar::Call(c) if c.func.0.name == "search-value");
    matches!(j.kind, JoinKind::Semi | JoinKind::Anti)
        && !j.keys.is_empty()
        && j.keys.iter().all(|(_, r)| marked(r))
}

/// A literal.
enum Literal {
    /// Nothing is asked.
    Free,
    Text(String),
    Pattern(Pattern),
    Number(f64),
    Net(IpNet, String),
}

impl Literal {
    fn of(v: &Value) -> Vec<Literal> {
        v.elements().iter().filter_map(func::plain_text).map(|t| Literal::read(&t)).collect()
    }

    fn read(text: &str) -> Literal {
        let folded = func::fold(text, Fold::Unicode);
        if folded.contains('*') {
            return Literal::Pattern(pattern(&folded));
        }
        match (text.trim().parse::<f64>(), text.trim().parse::<IpNet>()) {
            (Ok(n), _) if n.is_finite() => Literal::Number(n),
            (_, Ok(net)) if text.contains('/') => Literal::Net(net, folded),
            _ => Literal::Text(folded),
        }
    }

    fn holds(&self, v: &Value) -> bool {
        let text = || func::plain_text(v).map(|t| func::fold(&t, Fold::Unicode));
        match self {
            Literal::Free => true,
            Literal::Text(t) => text().is_some_and(|own| own == *t),
            Literal::Pattern(p) => text().is_some_and(|own| p.matches(&own)),
            Literal::Number(n) => eval::number(v) == Some(*n),
            Literal::Net(net, t) => {
                eval::as_ip(v).is_some_and(|ip| net.contains(&ip)) || text().is_some_and(|own| own == *t)
            }
        }
    }
}

impl Search {
    pub fn of(j: &Join) -> Search {
        Search { keys: j.keys.clone(), negated: j.kind == JoinKind::Anti }
    }

    /// What is looked at of a left row.
    pub fn asks(&self) -> impl Iterator<Item = &Scalar> {
        self.keys.iter().map(|(left, _)| left)
    }

    /// The left rows that stay.
    pub fn rows(
        &self,
        left_reads: &[Scalar],
        left: Vec<Row>,
        right_reads: &[Scalar],
        right: &[Row],
    ) -> Vec<Row> {
        let search = self.prepared(right_reads, right);
        left.into_iter().filter(|r| search.stays(left_reads, r)).collect()
    }

    /// The search for what these rows ask.
    pub fn prepared(&self, reads: &[Scalar], rows: &[Row]) -> Prepared {
        // Conditions on one value that is plain text are told by looking it up.
        let (mut known, mut others) = (HashSet::new(), Vec::new());
        for condition in rows.iter().filter_map(|r| self.condition(reads, r)) {
            match condition.as_slice() {
                [values] => match values.as_slice() {
                    [Literal::Text(t)] => drop(known.insert(t.clone())),
                    _ => others.push(condition),
                },
                _ => others.push(condition),
            }
        }
        Prepared { search: self.clone(), known, others }
    }

    /// What a row asks; none where it asks nothing.
    fn condition(&self, reads: &[Scalar], row: &Row) -> Option<Vec<Vec<Literal>>> {
        let view = View { reads, cells: &row.cells, columns: &row.columns };
        let values: Vec<Value> = self.keys.iter().map(|(_, r)| eval::scalar(r, &view)).collect();
        if values.iter().all(Value::is_null) {
            return None;
        }
        let one = |v: &Value| if v.is_null() { vec![Literal::Free] } else { Literal::of(v) };
        Some(values.iter().map(one).collect())
    }
}

/// A search with its conditions.
pub(crate) struct Prepared {
    search: Search,
    known: HashSet<String>,
    others: Vec<Vec<Vec<Literal>>>,
}

impl Prepared {
    /// Whether no left row stays.
    pub fn finds_nothing(&self) -> bool {
        !self.search.negated && self.known.is_empty() && self.others.is_empty()
    }

    /// Whether a left row stays.
    pub fn stays(&self, reads: &[Scalar], row: &Row) -> bool {
        self.satisfied(reads, row) != self.search.negated
    }

    fn satisfied(&self, reads: &[Scalar], row: &Row) -> bool {
        let view = View { reads, cells: &row.cells, columns: &row.columns };
        let values: Vec<Value> = self.search.keys.iter().map(|(l, _)| eval::scalar(l, &view)).collect();
        let first = values.first().map_or(&[] as &[Value], Value::elements);
        let text = |v: &Value| func::plain_text(v).map(|t| func::fold(&t, Fold::Unicode));
        let one = |any: &[Literal], v: &Value| {
            any.iter().any(|l| matches!(l, Literal::Free) || v.elements().iter().any(|v| l.holds(v)))
        };
        first.iter().filter_map(text).any(|t| self.known.contains(&t))
            || self.others.iter().any(|c| c.iter().zip(&values).all(|(any, v)| one(any, v)))
    }
}
