//! Functions of angles and roots over numbers; those of SPL answer a whole number where the result is one. What has no
//! finite result is null.

use shikra_event::Value;

use super::{FuncDef, each, pairwise, spl::number};
use crate::{Words, eval};

pub(super) const TABLE: &[FuncDef] = &[
    FuncDef { name: "sine", arity: (1, 1), takes_null: false, eval: |a, _| real(a, f64::sin) },
    FuncDef { name: "cosine", arity: (1, 1), takes_null: false, eval: |a, _| real(a, f64::cos) },
    FuncDef { name: "tangent", arity: (1, 1), takes_null: false, eval: |a, _| real(a, f64::tan) },
    FuncDef { name: "arc-sine", arity: (1, 1), takes_null: false, eval: |a, _| real(a, f64::asin) },
    FuncDef { name: "arc-cosine", arity: (1, 1), takes_null: false, eval: |a, _| real(a, f64::acos) },
    FuncDef { name: "arc-tangent", arity: (1, 1), takes_null: false, eval: |a, _| real(a, f64::atan) },
    FuncDef { name: "hyperbolic-sine", arity: (1, 1), takes_null: false, eval: |a, _| real(a, f64::sinh) },
    FuncDef { name: "hyperbolic-cosine", arity: (1, 1), takes_null: false, eval: |a, _| real(a, f64::cosh) },
    FuncDef { name: "hyperbolic-tangent", arity: (1, 1), takes_null: false, eval: |a, _| real(a, f64::tanh) },
    FuncDef { name: "area-sine", arity: (1, 1), takes_null: false, eval: |a, _| real(a, f64::asinh) },
    FuncDef { name: "area-cosine", arity: (1, 1), takes_null: false, eval: |a, _| real(a, f64::acosh) },
    FuncDef { name: "area-tangent", arity: (1, 1), takes_null: false, eval: |a, _| real(a, f64::atanh) },
    FuncDef { name: "cube-root", arity: (1, 1), takes_null: false, eval: |a, _| real(a, f64::cbrt) },
    FuncDef { name: "degrees", arity: (1, 1), takes_null: false, eval: |a, _| real(a, f64::to_degrees) },
    FuncDef { name: "radians", arity: (1, 1), takes_null: false, eval: |a, _| real(a, f64::to_radians) },
    FuncDef { name: "arc-tangent-of", arity: (2, 2), takes_null: false, eval: |a, _| reals(a, f64::atan2) },
    FuncDef { name: "hypotenuse", arity: (2, 2), takes_null: false, eval: |a, _| reals(a, f64::hypot) },
    FuncDef { name: "sign-of-other", arity: (2, 2), takes_null: false, eval: |a, _| reals(a, f64::copysign) },
    FuncDef {
        name: "times-power-of-two",
        arity: (2, 2),
        takes_null: false,
        eval: |a, _| reals(a, |n, by| n * by.exp2()),
    },
    FuncDef { name: "spl-sine", arity: (1, 1), takes_null: false, eval: |a, _| spl(real(a, f64::sin)) },
    FuncDef { name: "spl-cosine", arity: (1, 1), takes_null: false, eval: |a, _| spl(real(a, f64::cos)) },
    FuncDef { name: "spl-tangent", arity: (1, 1), takes_null: false, eval: |a, _| spl(real(a, f64::tan)) },
    FuncDef { name: "spl-arc-sine", arity: (1, 1), takes_null: false, eval: |a, _| spl(real(a, f64::asin)) },
    FuncDef {
        name: "spl-arc-cosine",
        arity: (1, 1),
        takes_null: false,
        eval: |a, _| spl(real(a, f64::acos)),
    },
    FuncDef {
        name: "spl-arc-tangent",
        arity: (1, 1),
        takes_null: false,
        eval: |a, _| spl(real(a, f64::atan)),
    },
    FuncDef {
        name: "spl-hyperbolic-sine",
        arity: (1, 1),
        takes_null: false,
        eval: |a, _| spl(real(a, f64::sinh)),
    },
    FuncDef {
        name: "spl-hyperbolic-cosine",
        arity: (1, 1),
        takes_null: false,
        eval: |a, _| spl(real(a, f64::cosh)),
    },
    FuncDef {
        name: "spl-hyperbolic-tangent",
        arity: (1, 1),
        takes_null: false,
        eval: |a, _| spl(real(a, f64::tanh)),
    },
    FuncDef {
        name: "spl-area-sine",
        arity: (1, 1),
        takes_null: false,
        eval: |a, _| spl(real(a, f64::asinh)),
    },
    FuncDef {
        name: "spl-area-cosine",
        arity: (1, 1),
        takes_null: false,
        eval: |a, _| spl(real(a, f64::acosh)),
    },
    FuncDef {
        name: "spl-area-tangent",
        arity: (1, 1),
        takes_null: false,
        eval: |a, _| spl(real(a, f64::atanh)),
    },
    FuncDef {
        name: "spl-arc-tangent-of",
        arity: (2, 2),
        takes_null: false,
        eval: |a, _| spl(reals(a, f64::atan2)),
    },
    FuncDef {
        name: "spl-hypotenuse",
        arity: (2, 2),
        takes_null: false,
        eval: |a, _| spl(reals(a, f64::hypot)),
    },
    FuncDef { name: "round-to", arity: (2, usize::MAX), takes_null: false, eval: round_to },
];

fn finite(n: f64) -> Value {
    if n.is_finite() { Value::F64(n) } else { Value::Null }
}

fn real(args: &[Value], f: fn(f64) -> f64) -> Value {
    each(&args[0], |v| eval::number(v).map_or(Value::Null, |n| finite(f(n))))
}

fn reals(args: &[Value], f: fn(f64, f64) -> f64) -> Value {
    pairwise(&args[0], &args[1], |a, b| match (eval::number(a), eval::number(b)) {
        (Some(a), Some(b)) => finite(f(a, b)),
        _ => Value::Null,
    })
}

fn spl(v: Value) -> Value {
    each(&v, |v| v.as_f64().map_or(Value::Null, number))
}

/// The greatest of the points that is not above the value; the least where all are.
fn round_to(args: &[Value], _: &Words) -> Value {
    let Some((value, points)) = args.split_first() else { return Value::Null };
    let below = points.iter().filter(|p| eval::order(p, value).is_le()).max_by(|a, b| eval::order(a, b));
    below.or_else(|| points.iter().min_by(|a, b| eval::order(a, b))).cloned().unwrap_or(Value::Null)
}
