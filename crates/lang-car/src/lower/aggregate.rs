//! Groups, aggregates and what is computed of them.

use std::sync::Arc;

use shikra_event::Value as Constant;
use shikra_ir::{
    Agg, AggFn, CmpOp, Dedup, Expr as Pred, FieldRef, Key, Names, Op, Plan, Scalar, Sort, SortKey, Test,
    Window, Words,
};
use shikra_syntax::Span;

use super::{Derived, Lower, Relation, cond, nearest};
use crate::ast::{Name, Operand, Select};

/// Column of a group that no aggregate was asked of.
const COUNT: &str = "count";

impl Lower<'_> {
    pub(super) fn group(&mut self, target: &Name, sources: &[Name], by: &[Name], pause: Option<i64>) {
        let mut found: Vec<Relation> = sources.iter().map(|s| self.resolve(s).1).collect();
        let mut relation = match found.len() {
            0 => {
                let last = self.last.clone().unwrap_or_default();
                self.resolve(&Name { text: last, span: target.span }).1
            }
            1 => found.remove(0),
            _ => Relation::of(Plan::Union(found.into_iter().map(|r| r.plan).collect())),
        };
        relation.group = Some((by.to_vec(), pause));
        self.define(target, relation);
    }

    /// A relation whose group, if no aggregate has used it, is one of two events or more.
    pub(super) fn settled(&mut self, mut relation: Relation) -> Relation {
        let Some((by, pause)) = relation.group.take() else { return relation };
        let span = by.first().map_or(Span::new(0, 0), |n| n.span);
        self.recovered("a group is put out as it is: taken for two events or more", span);
        let keys: Vec<Key> = by.iter().map(|n| self.key(n, &relation, "")).collect();
        let columns = vec![(Arc::from(COUNT), AggFn::Count)];
        let window = pause.map_or(Window::None, |gap| Window::Session { gap, max: None });
        let names = keys.iter().map(|k| k.name.to_string()).chain([COUNT.to_owned()]).collect();
        let agg = Plan::Agg(Agg { input: Box::new(relation.plan), keys, columns, window });
        let several = Pred::Test(Test {
            subject: Scalar::field(Names::Column, COUNT),
            op: Op::Compare(CmpOp::Gt, Scalar::Lit(Constant::I64(1))),
            words: Words::default(),
            span,
        });
        let mut out = Relation::of(Plan::Filter(Box::new(agg), several));
        out.columns = Some(names);
        out
    }

    /// `from x select …`: aggregates of the groups of x, else fields of it.
    pub(super) fn select(&mut self, target: &Name, source: &Name, columns: &[Select]) {
        let (own, mut relation) = self.resolve(source);
        if columns.iter().all(|c| c.function.is_none()) {
            relation.selected = columns.iter().map(|c| c.field.text.clone()).collect();
            self.define(target, relation);
            return;
        }
        let (by, pause) = relation.group.take().unwrap_or_default();
        let keys: Vec<Key> = by.iter().map(|n| self.key(n, &relation, &own)).collect();
        let mut made = Vec::new();
        for c in columns {
            let function = c.function.as_deref().unwrap_or("first");
            match self.function(function, &c.field, &relation, &own) {
                Some(f) => made.push((Arc::from(c.name.as_str()), f)),
                None => {
                    self.opaque(format!("the function {function:?}"), c.field.span);
                }
            }
        }
        let mut names: Vec<String> = keys.iter().map(|k| k.name.to_string()).collect();
        names.extend(made.iter().map(|(n, _): &(Arc<str>, AggFn)| n.to_string()));
        let window = pause.map_or(Window::None, |gap| Window::Session { gap, max: None });
        let mut out =
            Relation::of(Plan::Agg(Agg { input: Box::new(relation.plan), keys, columns: made, window }));
        out.columns = Some(names);
        self.define(target, out);
    }

    /// An aggregate of a field; times as nanoseconds.
    fn function(&mut self, name: &str, field: &Name, r: &Relation, own: &str) -> Option<AggFn> {
        let operand = Operand::Path(field.clone());
        let value = self.operand(&operand, true, own, r)?;
        match name {
            "count" if field.text == own || self.relations.contains_key(&field.text) => Some(AggFn::Count),
            "unique" | "distinct" => Some(AggFn::Values(value)),
            "first" => Some(AggFn::First(value)),
            _ => number(name, value),
        }
    }

    pub(super) fn is_variable(&self, name: &str) -> bool {
        self.derived.iter().any(|d| d.columns.iter().any(|c| c == name))
    }

    /// `x = count(y) by f`, `x = average(n)` of a variable, `x = max(y.f)`.
    pub(super) fn aggregate(&mut self, target: &Name, function: &Name, of: &Name, by: &[Name]) {
        let name = function.text.to_lowercase();
        if let Some(at) = self.derived.iter().position(|d| d.columns.contains(&of.text)) {
            return self.over_groups(at, target, &name, of);
        }
        let (base, field) = match of.text.split_once('.') {
            Some((head, rest)) if self.relations.contains_key(head) => (head.to_owned(), rest.to_owned()),
            _ => (of.text.clone(), of.text.clone()),
        };
        let (base, relation) = self.resolve(&Name { text: base, span: of.span });
        if matches!(name.as_str(), "unique" | "distinct") {
            let keys = vec![self.field(&field, &relation, &base)];
            let plan = Plan::Dedup(Dedup { input: Box::new(relation.plan.clone()), keys, keep: 1 });
            return self.define(target, Relation { plan, ..relation });
        }
        let field = Name { text: field, span: of.span };
        let Some(f) = self.function(&name, &field, &relation, &base) else {
            self.opaque(format!("the function {name:?}"), function.span);
            return;
        };
        let mut keys = Vec::new();
        for n in by {
            let n = match n.text.as_str() {
                "process" => {
                    self.recovered("`process` is no field: taken for `exe`", n.span);
                    Name { text: "exe".into(), span: n.span }
                }
                _ => n.clone(),
            };
            keys.push(self.key(&n, &relation, &base));
        }
        let mut columns: Vec<String> = keys.iter().map(|k| k.name.to_string()).collect();
        columns.push(target.text.clone());
        let made = vec![(Arc::from(target.text.as_str()), f)];
        let input = Box::new(relation.plan);
        let plan = Plan::Agg(Agg { input, keys, columns: made, window: Window::None });
        let plan = self.weighed(plan, target.span);
        self.derived.push(Derived { base, plan, columns });
    }

    /// An aggregate of a variable: over all groups, beside each of them.
    fn over_groups(&mut self, at: usize, target: &Name, name: &str, of: &Name) {
        let value = Scalar::Field(FieldRef::new(Names::Column, &of.text));
        let Some(f) = number(name, value) else {
            self.opaque(format!("the function {name:?}"), of.span);
            return;
        };
        let Some(d) = self.derived.get_mut(at) else { return };
        let input = Box::new(std::mem::replace(&mut d.plan, Plan::Union(vec![])));
        let columns = vec![(Arc::from(target.text.as_str()), f)];
        d.plan = Plan::WindowAgg(Agg { input, keys: vec![], columns, window: Window::None });
        d.columns.push(target.text.clone());
    }

    /// `x = a + b * 2` of variables.
    pub(super) fn compute(&mut self, target: &Name, value: &Operand, span: Span) {
        let value = self.known_variables(value);
        let mut read = Vec::new();
        let chain = crate::ast::Cond::Chain { operands: vec![value.clone()], ops: vec![], span };
        cond::paths(&chain, &mut read);
        let Some(at) = self.derived.iter().position(|d| read.iter().any(|n| d.columns.contains(n))) else {
            self.opaque("what is assigned here", span);
            return;
        };
        let Some(d) = self.derived.get(at).cloned() else { return };
        let mut relation = Relation::of(d.plan);
        relation.columns = Some(d.columns);
        let Some(scalar) = self.operand(&value, false, "", &relation) else {
            self.opaque("arithmetic on what was not given", span);
            return;
        };
        if let Some(d) = self.derived.get_mut(at) {
            d.plan = Plan::Eval(Box::new(relation.plan), vec![(Arc::from(target.text.as_str()), scalar)]);
            d.columns.push(target.text.clone());
        }
    }

    /// Names that are no variables are taken for those most like them.
    fn known_variables(&mut self, o: &Operand) -> Operand {
        match o {
            Operand::Path(n) if !self.is_variable(&n.text) => {
                let known: Vec<String> = self.derived.iter().flat_map(|d| d.columns.clone()).collect();
                match nearest(&n.text, known.iter()) {
                    Some(text) => {
                        self.recovered(format!("{:?} is not defined: taken for {text:?}", n.text), n.span);
                        Operand::Path(Name { text, span: n.span })
                    }
                    None => o.clone(),
                }
            }
            Operand::Arith(sign, a, b) => {
                let (a, b) = (self.known_variables(a), self.known_variables(b));
                Operand::Arith(*sign, Box::new(a), Box::new(b))
            }
            other => other.clone(),
        }
    }

    /// `TOP30 y by f`: the most frequent values of fields, else the first rows.
    pub(super) fn top(&mut self, target: &Name, count: u64, source: &Name, by: &[Name]) {
        let (own, relation) = self.resolve(source);
        let relation = self.settled(relation);
        let field = Name { text: source.text.clone(), span: source.span };
        let by: Vec<Name> = match (by, own == source.text) {
            ([], false) => vec![field],
            (by, _) => by.to_vec(),
        };
        if by.is_empty() {
            let plan = Plan::Limit(Box::new(relation.plan.clone()), count);
            return self.define(target, Relation { plan, ..relation });
        }
        let keys: Vec<Key> = by.iter().map(|n| self.key(n, &relation, &own)).collect();
        let names = keys.iter().map(|k| k.name.to_string()).chain([COUNT.to_owned()]).collect();
        let columns = vec![(Arc::from(COUNT), AggFn::Count)];
        let agg = Plan::Agg(Agg { input: Box::new(relation.plan), keys, columns, window: Window::None });
        let most =
            SortKey { value: Scalar::field(Names::Column, COUNT), descending: true, nulls_first: false };
        let sorted = Plan::Sort(Sort { input: Box::new(agg), keys: vec![most] });
        let mut out = Relation::of(Plan::Limit(Box::new(sorted), count));
        out.columns = Some(names);
        self.define(target, out);
    }
}

/// An aggregate that gives a number.
fn number(function: &str, value: Scalar) -> Option<AggFn> {
    let make = match function {
        "count" => AggFn::CountOf,
        "min" => AggFn::Min,
        "max" => AggFn::Max,
        "sum" => AggFn::Sum,
        "avg" | "average" => AggFn::Avg,
        "stdev" | "standard_deviation" => AggFn::StdDev,
        _ => return None,
    };
    Some(make(value))
}
