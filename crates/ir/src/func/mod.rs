//! Scalar functions: one table for all languages. A language lowers its `length`, `len` or `strlen` to the
//! one entry that means it; where two languages differ in meaning there are two entries.
//!
//! A new function is one entry in a table of [`FUNCS`], in the file of its theme. Arguments arrive evaluated; unless an entry says otherwise, a
//! null argument has already made the result null.

use shikra_event::Value;

use crate::{Fold, Scalar, Words};

mod arith;
pub mod calendar;
mod digest;
mod esql;
mod fields;
mod lists;
mod many;
mod math;
mod pieces;
mod printf;
mod spl;
mod sql;
mod strings;
mod times;
mod values;

pub use many::several;
pub use spl::plain_text;

/// An entry of [`FUNCS`].
pub struct FuncDef {
    /// Canonical name.
    pub name: &'static str,
    /// Least and greatest number of arguments.
    pub arity: (usize, usize),
    /// Called even where an argument is null or missing.
    pub takes_null: bool,
    /// The function. The number of arguments has been checked; wrong types answer `Value::Null`.
    pub eval: fn(&[Value], &Words) -> Value,
}

/// A function, by reference to its table entry.
#[derive(Clone, Copy)]
pub struct Func(pub &'static FuncDef);

impl Func {
    /// The function of that canonical name.
    pub fn named(name: &str) -> Option<Func> {
        FUNCS.iter().flat_map(|t| t.iter()).find(|f| f.name == name).map(Func)
    }
}

impl PartialEq for Func {
    fn eq(&self, other: &Func) -> bool {
        self.0.name == other.0.name
    }
}

impl std::fmt::Debug for Func {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.name)
    }
}

/// A call of a function.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// What is called.
    pub func: Func,
    /// With what.
    pub args: Vec<Scalar>,
    /// Dialect, for functions that compare text.
    pub words: Words,
}

impl Call {
    /// Applies the function to evaluated arguments.
    pub fn apply(&self, args: &[Value]) -> Value {
        let def = self.func.0;
        if args.len() < def.arity.0 || args.len() > def.arity.1 {
            return Value::Null;
        }
        if !def.takes_null && args.iter().any(Value::is_null) {
            return Value::Null;
        }
        (def.eval)(args, &self.words)
    }
}

/// All functions, in tables by theme.
pub static FUNCS: &[&[FuncDef]] = &[
    CORE,
    arith::TABLE,
    strings::TABLE,
    lists::TABLE,
    fields::TABLE,
    spl::TABLE,
    many::TABLE,
    times::TABLE,
    pieces::TABLE,
    sql::TABLE,
    esql::TABLE,
    values::TABLE,
    math::TABLE,
    printf::TABLE,
    calendar::TABLE,
    digest::TABLE,
];

const CORE: &[FuncDef] = &[
    FuncDef { name: "length", arity: (1, 1), takes_null: false, eval: length },
    FuncDef { name: "lower", arity: (1, 1), takes_null: false, eval: lower },
    FuncDef { name: "upper", arity: (1, 1), takes_null: false, eval: upper },
];

fn length(args: &[Value], _: &Words) -> Value {
    match &args[0] {
        Value::List(v) => Value::I64(v.len() as i64),
        v => v.to_text().map_or(Value::Null, |t| Value::I64(t.chars().count() as i64)),
    }
}

fn lower(args: &[Value], _: &Words) -> Value {
    args[0].to_text().map_or(Value::Null, |t| Value::str(t.to_lowercase()))
}

fn upper(args: &[Value], _: &Words) -> Value {
    args[0].to_text().map_or(Value::Null, |t| Value::str(t.to_uppercase()))
}

/// A function of one value over each value of a list.
fn each(value: &Value, f: impl Fn(&Value) -> Value) -> Value {
    match value {
        Value::List(v) => Value::List(v.iter().map(f).collect()),
        one => f(one),
    }
}

/// A function of two values over each pair of values of two lists.
fn pairwise(left: &Value, right: &Value, f: impl Fn(&Value, &Value) -> Value) -> Value {
    match (left, right) {
        (Value::List(l), r) => {
            let pairs = l.iter().flat_map(|a| r.elements().iter().map(move |b| (a, b)));
            Value::List(pairs.map(|(a, b)| f(a, b)).collect())
        }
        (l, Value::List(r)) => Value::List(r.iter().map(|b| f(l, b)).collect()),
        (l, r) => f(l, r),
    }
}

/// `text` under a case folding: what both sides of every folded comparison pass through.
pub fn fold(text: &str, fold: Fold) -> String {
    match fold {
        Fold::None => text.to_owned(),
        Fold::Unicode if text.is_ascii() => text.to_ascii_lowercase(),
        Fold::Unicode => text.chars().flat_map(char::to_lowercase).collect(),
    }
}
