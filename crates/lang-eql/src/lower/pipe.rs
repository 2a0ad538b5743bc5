//! Pipes.

use std::sync::Arc;

use shikra_event::Value;
use shikra_ir::{Agg, AggFn, Dedup, Key, Names, Plan, Scalar, Sort, SortKey, Window};

use super::Lower;
use crate::ast::{Kind, Pipe};

/// Results of `head` and `tail` without a number.
const DEFAULT: u64 = 50;

impl Lower<'_> {
    pub(super) fn pipe(&mut self, pipe: &Pipe, input: Plan) -> Plan {
        let input = Box::new(input);
        match pipe.name.as_str() {
            "head" => Plan::Limit(input, self.number(pipe)),
            "tail" => Plan::Tail(input, self.number(pipe)),
            "filter" => {
                let mut parts: Vec<_> = pipe.args.iter().map(|e| self.truth(e)).collect();
                match *input {
                    Plan::Filter(input, before) => {
                        parts.insert(0, before);
                        Plan::Filter(input, super::and(parts))
                    }
                    input => Plan::Filter(Box::new(input), super::and(parts)),
                }
            }
            "unique" => {
                self.some_arguments(pipe);
                Plan::Dedup(Dedup { input, keys: self.scalars(pipe), keep: 1 })
            }
            "sort" => {
                self.some_arguments(pipe);
                let key = |value| SortKey { value, descending: false, nulls_first: true };
                Plan::Sort(Sort { input, keys: self.scalars(pipe).into_iter().map(key).collect() })
            }
            "count" => self.count(pipe, input),
            "unique_count" => {
                self.some_arguments(pipe);
                let (keys, scalars) = (self.group(pipe), self.scalars(pipe));
                let columns = counts();
                let agg = Plan::WindowAgg(Agg { input, keys, columns, window: Window::None });
                self.columns = &["count", "percent"];
                Plan::Dedup(Dedup { input: Box::new(agg), keys: scalars, keep: 1 })
            }
            other => {
                self.error("unknown-pipe", format!("no pipe `{other}`"), pipe.span);
                *input
            }
        }
    }

    fn some_arguments(&mut self, pipe: &Pipe) {
        if pipe.args.is_empty() {
            self.error("arguments", format!("pipe `{}` needs an argument", pipe.name), pipe.span);
        }
    }

    fn number(&mut self, pipe: &Pipe) -> u64 {
        match pipe.args.as_slice() {
            [] => DEFAULT,
            [one] => match one.kind {
                Kind::Int(n) if n >= 0 => n as u64,
                _ => {
                    self.error("arguments", format!("`{}` takes a whole number", pipe.name), one.span);
                    0
                }
            },
            _ => {
                self.error("arguments", format!("`{}` takes one number", pipe.name), pipe.span);
                0
            }
        }
    }

    fn scalars(&mut self, pipe: &Pipe) -> Vec<Scalar> {
        pipe.args.iter().map(|e| self.key_value(e)).collect()
    }

    fn group(&mut self, pipe: &Pipe) -> Vec<Key> {
        let scalars = self.scalars(pipe);
        let key = |(i, value)| Key { name: Arc::from(format!("key.{i}")), value, optional: true };
        scalars.into_iter().enumerate().map(key).collect()
    }

    /// Groups with `key`, `count` and `percent`, the most frequent first; without arguments, the number of all.
    fn count(&mut self, pipe: &Pipe, input: Box<Plan>) -> Plan {
        self.columns = &["key", "count", "percent"];
        let column = |name: &str| Scalar::field(Names::Column, name);
        if pipe.args.is_empty() {
            let columns = vec![(Arc::from("count"), AggFn::Count)];
            let agg = Plan::Agg(Agg { input, keys: vec![], columns, window: Window::None });
            let totals = Scalar::Lit(Value::str("totals"));
            return project(agg, vec![("count", column("count")), ("key", totals)]);
        }
        let keys = self.group(pipe);
        let parts: Vec<Scalar> = keys.iter().map(|k| column(&k.name)).collect();
        let agg = Plan::Agg(Agg { input, keys, columns: counts(), window: Window::None });
        let key = |value, descending| SortKey { value, descending, nulls_first: true };
        let mut order = vec![key(column("count"), true)];
        order.extend(parts.iter().map(|p| key(p.clone(), false)));
        let sorted = Plan::Sort(Sort { input: Box::new(agg), keys: order });
        let mut parts = parts;
        let value = match parts.len() {
            1 => parts.remove(0),
            _ => self.function("list", parts, false, pipe.span),
        };
        project(sorted, vec![("count", column("count")), ("key", value), ("percent", column("percent"))])
    }
}

fn project(input: Plan, columns: Vec<(&str, Scalar)>) -> Plan {
    Plan::Project(Box::new(input), columns.into_iter().map(|(n, s)| (Arc::from(n), s)).collect())
}

/// The size of a group, and its share of all rows.
fn counts() -> Vec<(Arc<str>, AggFn)> {
    vec![(Arc::from("count"), AggFn::Count), (Arc::from("percent"), AggFn::Other("percent".into(), vec![]))]
}
