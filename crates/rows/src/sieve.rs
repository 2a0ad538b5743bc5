//! What can be told early: a row or a group that comes to nothing, whatever else comes, is not kept. Asked are the
//! operators that look at one row alone and come first; of a group what its keys alone decide.

use std::sync::Arc;

use shikra_event::{Timestamp, Value};
use shikra_ir::{Agg, Expr, FieldRef, Scalar};

use crate::compile::{Operator, Program};
use crate::decided::Decisive;
use crate::more;
use crate::operate;
use crate::push::{is_known_scalar, possible_of};
use crate::row::Row;

/// Operators of which the last is a filter.
#[derive(Debug)]
pub(crate) struct Sieve {
    reads: Vec<Scalar>,
    operators: Vec<Operator>,
    /// Of groups: the names of the keys.
    keys: Vec<Arc<str>>,
}

impl Sieve {
    /// For rows of single events.
    pub fn of_rows(program: &Program) -> Option<Arc<Sieve>> {
        let operators = decided(&program.operators).cloned().collect();
        Sieve::new(program.reads.clone(), operators, Vec::new())
    }

    /// For groups, `after` which come these operators.
    pub fn of_groups(a: &Agg, after: &[Operator]) -> Option<Arc<Sieve>> {
        let mut known = Known { unknown: a.columns.iter().map(|(n, _)| n.clone()).collect() };
        let mut operators = Vec::new();
        for o in decided(after) {
            if !known.through(o, &mut operators) {
                break;
            }
        }
        Sieve::new(Vec::new(), operators, a.keys.iter().map(|k| k.name.clone()).collect())
    }

    fn new(reads: Vec<Scalar>, mut operators: Vec<Operator>, keys: Vec<Arc<str>>) -> Option<Arc<Sieve>> {
        let last = operators.iter().rposition(|o| matches!(o, Operator::Filter(_)))?;
        operators.truncate(last + 1);
        Some(Arc::new(Sieve { reads, operators, keys }))
    }

    /// Which of the values decide that are read of an event, or of the keys of a group, where those are few.
    pub fn decisive(&self) -> Option<Arc<Decisive>> {
        let place = |s: &Scalar| match s {
            Scalar::Field(f) if !self.keys.is_empty() => {
                (0..).zip(&self.keys).filter(|(_, name)| **name == f.name).map(|(i, _)| i).collect()
            }
            s => self.reads.iter().position(|r| r == s).into_iter().collect(),
        };
        Decisive::of(&self.operators, std::iter::empty(), place)
    }

    /// Whether anything may come of a row.
    pub fn lets_through(&self, row: Row) -> bool {
        !operate::all(&self.reads, &self.operators, vec![row]).is_empty()
    }

    /// Whether anything may come of a group with these keys.
    pub fn lets_group_through(&self, keys: &[Value]) -> bool {
        let columns = self.keys.iter().cloned().zip(keys.iter().cloned()).collect();
        self.lets_through(Row::of_columns(Timestamp(0), columns))
    }
}

/// The first operators, as far as each looks at one row alone and none asks for the time of the search, which is not
/// known before the end.
fn decided(operators: &[Operator]) -> impl Iterator<Item = &Operator> {
    operators.iter().take_while(|o| operate::is_of_each_row(o) && !more::asks_time(o))
}

/// Which columns of a group are not known by its keys.
struct Known {
    unknown: Vec<Arc<str>>,
}

impl Known {
    /// Adds what is known of an operator; false where nothing is known behind it.
    fn through(&mut self, o: &Operator, out: &mut Vec<Operator>) -> bool {
        match o {
            Operator::Filter(e) => match possible_of(e, &|f| self.has(f)) {
                Expr::TRUE => {}
                e => out.push(Operator::Filter(e)),
            },
            Operator::Eval(columns) => {
                for (name, s) in columns {
                    let known = self.tells(s);
                    self.made(name, known);
                    if known {
                        out.push(Operator::Eval(vec![(name.clone(), s.clone())]));
                    }
                }
            }
            Operator::Project(columns) => {
                let (known, unknown): (Vec<_>, Vec<_>) =
                    columns.iter().cloned().partition(|(_, s)| self.tells(s));
                self.unknown = unknown.into_iter().map(|(name, _)| name).collect();
                out.push(Operator::Project(known));
            }
            Operator::Drop(patterns) => {
                self.unknown.retain(|name| !operate::drops(patterns, name));
                out.push(o.clone());
            }
            Operator::Unnest(field) => {
                if self.has(field) {
                    out.push(o.clone());
                }
            }
            Operator::More(m) => {
                if m.asks().all(|s| self.tells(s)) {
                    out.push(o.clone());
                } else {
                    m.makes().for_each(|name| self.made(name, false));
                }
            }
            _ => return false,
        }
        true
    }

    fn has(&self, f: &FieldRef) -> bool {
        !self.unknown.contains(&f.name)
    }

    fn tells(&self, s: &Scalar) -> bool {
        is_known_scalar(s, &|f| self.has(f))
    }

    fn made(&mut self, name: &Arc<str>, known: bool) {
        if known {
            self.unknown.retain(|n| n != name);
        } else {
            self.unknown.push(name.clone());
        }
    }
}
