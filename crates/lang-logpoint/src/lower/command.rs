//! What follows a pipe.

use std::sync::Arc;

use shikra_event::Value as Constant;
use shikra_ir::{Agg, AggFn, Key, Names, Plan, Scalar, Sort, SortKey, Window};

use super::{Lower, filter};
use crate::ast::{Argument, Chart, Column, Command, Name};

impl Lower<'_, '_> {
    pub(super) fn command(&mut self, command: &Command, input: Plan, last: bool) -> Plan {
        match command {
            Command::Search(e) => {
                let condition = self.truth(e);
                filter(input, condition)
            }
            Command::Chart(c) => self.chart(c, input),
            // Which fields are shown changes nothing of what is found.
            Command::Fields(names) if !last && self.columns.only => self.project(names, input),
            Command::Fields(_) => input,
            Command::Rename(pairs) => {
                let columns = pairs.iter().map(|(old, new)| (Arc::from(&*new.text), self.field(&old.text)));
                let plan = Plan::Eval(Box::new(input), columns.collect());
                self.columns.made.extend(pairs.iter().map(|(_, new)| new.text.clone()));
                plan
            }
            Command::Order(keys) => self.sorted(keys, input),
            Command::Limit(n) => Plan::Limit(Box::new(input), *n),
            Command::Unsupported(what, span) => {
                let opaque = self.opaque(what.clone(), *span);
                Plan::Opaque(Some(Box::new(input)), opaque)
            }
        }
    }

    fn project(&mut self, names: &[Name], input: Plan) -> Plan {
        let columns = names.iter().map(|n| (Arc::from(&*n.text), self.field(&n.text))).collect();
        Plan::Project(Box::new(input), columns)
    }

    fn sorted(&mut self, keys: &[(Name, bool)], input: Plan) -> Plan {
        let key = |(name, descending): &(Name, bool)| SortKey {
            value: self.field(&name.text),
            descending: *descending,
            nulls_first: false,
        };
        let keys: Vec<SortKey> = keys.iter().map(key).collect();
        if keys.is_empty() { input } else { Plan::Sort(Sort { input: Box::new(input), keys }) }
    }

    fn chart(&mut self, c: &Chart, input: Plan) -> Plan {
        let keys = c.by.iter().map(|n| Key {
            name: Arc::from(&*n.text),
            value: self.field(&n.text),
            optional: false,
        });
        let keys: Vec<Key> = keys.collect();
        let mut columns = Vec::new();
        for column in &c.columns {
            match self.aggregate(column) {
                Some(f) => columns.push((Arc::from(&*column.name), f)),
                None => {
                    let opaque = self.opaque(format!("aggregator {:?}", column.function), column.span);
                    return Plan::Opaque(Some(Box::new(input)), opaque);
                }
            }
        }
        let window = c.every.map_or(Window::None, Window::Tumbling);
        self.columns.made = c.by.iter().map(|n| n.text.clone()).collect();
        self.columns.made.extend(c.columns.iter().map(|c| c.name.clone()));
        self.columns.only = true;
        let plan = Plan::Agg(Agg { input: Box::new(input), keys, columns, window });
        let plan = self.sorted(&c.order, plan);
        match c.limit {
            Some(n) => Plan::Limit(Box::new(plan), n),
            None => plan,
        }
    }

    fn aggregate(&mut self, c: &Column) -> Option<AggFn> {
        let value = match &c.argument {
            None if c.function == "count" => return Some(AggFn::Count),
            None => return None,
            Some(Argument::Condition(e)) => {
                let one = Scalar::Lit(Constant::I64(1));
                Scalar::Case(vec![(self.truth(e), one)], None)
            }
            Some(Argument::Field(name)) => self.field(&name.text),
        };
        Some(match c.function.as_str() {
            "count" => AggFn::CountOf(value),
            "distinct_count" => AggFn::CountDistinct(value),
            "distinct_list" => AggFn::Values(value),
            "list" => AggFn::List(value),
            "sum" => AggFn::Sum(number(value)),
            "avg" => AggFn::Avg(number(value)),
            "min" => AggFn::Min(number(value)),
            "max" => AggFn::Max(number(value)),
            "var" => AggFn::Var(number(value)),
            _ => return None,
        })
    }
}

/// A field as a number: logs hold numbers as text. A column has its type.
fn number(value: Scalar) -> Scalar {
    let func = shikra_ir::Func::named("number").filter(|_| match &value {
        Scalar::Field(f) => f.names != Names::Column,
        _ => false,
    });
    match func {
        Some(func) => Scalar::Call(shikra_ir::Call { func, args: vec![value], words: Default::default() }),
        None => value,
    }
}
