//! Arithmetic on numbers. Whole numbers stay whole; what leaves the range of `i64`, divides by zero or is no
//! number is null. Lists are computed value by value.

use shikra_event::Value;

use super::{FuncDef, pairwise};
use crate::Words;

pub(super) const TABLE: &[FuncDef] = &[
    FuncDef { name: "add", arity: (2, 2), takes_null: false, eval: add },
    FuncDef { name: "subtract", arity: (2, 2), takes_null: false, eval: subtract },
    FuncDef { name: "multiply", arity: (2, 2), takes_null: false, eval: multiply },
    FuncDef { name: "divide-trunc", arity: (2, 2), takes_null: false, eval: divide },
    FuncDef { name: "modulo", arity: (2, 2), takes_null: false, eval: modulo },
];

fn add(args: &[Value], _: &Words) -> Value {
    numbers(args, i64::checked_add, |a, b| a + b)
}

fn subtract(args: &[Value], _: &Words) -> Value {
    numbers(args, i64::checked_sub, |a, b| a - b)
}

fn multiply(args: &[Value], _: &Words) -> Value {
    numbers(args, i64::checked_mul, |a, b| a * b)
}

/// The quotient of whole numbers is whole: what is left of it is cut off.
fn divide(args: &[Value], _: &Words) -> Value {
    numbers(args, i64::checked_div, |a, b| a / b)
}

/// The remainder, with the sign of the dividend.
fn modulo(args: &[Value], _: &Words) -> Value {
    numbers(args, i64::checked_rem, |a, b| a % b)
}

fn numbers(args: &[Value], whole: fn(i64, i64) -> Option<i64>, real: fn(f64, f64) -> f64) -> Value {
    pairwise(&args[0], &args[1], |a, b| match (a, b) {
        (Value::I64(a), Value::I64(b)) => whole(*a, *b).map_or(Value::Null, Value::I64),
        _ => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => Some(real(a, b)).filter(|n| n.is_finite()).map_or(Value::Null, Value::F64),
            _ => Value::Null,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_stay_whole() {
        let call = |f: fn(&[Value], &Words) -> Value, a: Value, b: Value| f(&[a, b], &Words::default());
        assert_eq!(call(divide, 83.into(), 2.into()), Value::I64(41));
        assert_eq!(call(divide, (-7).into(), 2.into()), Value::I64(-3));
        assert_eq!(call(divide, 30.into(), Value::F64(4.0)), Value::F64(7.5));
        assert_eq!(call(divide, 1.into(), 0.into()), Value::Null);
        assert_eq!(call(modulo, (-7).into(), 3.into()), Value::I64(-1));
        assert_eq!(call(add, i64::MAX.into(), 1.into()), Value::Null);
        assert_eq!(call(add, "a".into(), 1.into()), Value::Null);
        let list = Value::List(vec![1.into(), 2.into()]);
        assert_eq!(call(multiply, list, 3.into()), Value::List(vec![3.into(), 6.into()]));
    }
}
