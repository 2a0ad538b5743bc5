//! Conditions over texts and names that printers and parsers are apt to trip over (quotes, escapes, wildcards,
//! comments, macros, reserved words, numbers, networks), said in each language and read again: they mean the same.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{TestError, TestRunner};
use shikra_event::Value;
use shikra_ir::eval::{self, Row};
use shikra_ir::{
    CmpOp, Coerce, Expr, FieldRef, Flavor, Fold, LoadStatus, LogSource, Multi, Names, Nulls, Op, Part,
    Pattern, Plan, Scalar, Test, Words, text,
};
use shikra_syntax::Span;

use crate::printed::{CASES, Case, bare};

/// What texts are made of.
const PIECES: &[&str] = &[
    "a",
    "b",
    "A",
    "\"",
    "'",
    "`",
    "\\",
    "*",
    "?",
    "%",
    "_",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "|",
    ",",
    ":",
    ";",
    "/",
    "//",
    "/*",
    "*/",
    "--",
    "#",
    " ",
    "\n",
    "\t",
    "\r",
    "\0",
    " and ",
    " OR ",
    " not ",
    " in (",
    "1",
    ".",
    "-",
    "+",
    "=",
    "!=",
    "==",
    "<",
    ">",
    "&",
    "~",
    "^",
    "$",
    "$x$",
    "<<FIELD>>",
    "```",
    "\"\"\"",
    "`m`",
    "@",
    "10.0.0.0/8",
    "1.0",
    "01",
    "5",
    "ä",
    "Ω",
    "null",
    "true",
    "| head 1",
    "\\n",
    "\\\"",
    "\\u0041",
    "%4",
    "u{41}",
];

/// Names of fields: plain ones, words of the languages, and such as need quotes.
const FIELDS: &[&str] = &[
    "f", "g", "x.y", "a_b", "and", "OR", "not", "in", "like", "is", "null", "true", "where", "by", "from",
    "as", "any", "of", "them", "select", "between", "index", "earliest", "a b", "f-g", "1a", "ä", "a'b",
    "a\"b", "a`b", "a\\b", "[x]", "x{}", "a:b", "a|b", "$f", "*", "a*", "",
];

fn nasty() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES), 0..4).prop_map(|v| v.concat())
}

fn field() -> impl Strategy<Value = &'static str> {
    prop_oneof![2 => prop::sample::select(&["f", "g", "x.y"][..]), 1 => prop::sample::select(FIELDS)]
}

fn pattern() -> impl Strategy<Value = Pattern> {
    let part = prop_oneof![4 => nasty().prop_map(Part::Lit), 2 => Just(Part::Any), 1 => Just(Part::One)];
    let any = prop_oneof![
        1 => nasty().prop_map(|t| Pattern::exact(&t)),
        2 => prop::collection::vec(part, 1..4).prop_map(Pattern::new),
    ];
    // Whole numbers are taken to be written plainly in events: SPL compares them as numbers.
    any.prop_map(|p| match p.literal().is_some_and(|t| t.parse::<i64>().is_ok()) {
        true => p.any_after(),
        false => p,
    })
}

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        (-3..9i64).prop_map(Value::I64),
        prop::sample::select(vec![i64::MAX, i64::MIN]).prop_map(Value::I64),
        prop::sample::select(vec![0.5, -1.0, 1e30, 1e-9, 5.0]).prop_map(Value::F64),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let order = prop::sample::select(vec![CmpOp::Lt, CmpOp::Le, CmpOp::Gt, CmpOp::Ge, CmpOp::Eq]);
    let value = prop_oneof![number(), nasty().prop_map(|t| Value::str(&*t))];
    let nets = prop::sample::select(vec!["10.0.0.0/8", "fe80::/10", "192.168.1.1/32"]);
    prop_oneof![
        6 => prop::collection::vec(pattern(), 1..3).prop_map(Op::Like),
        1 => prop::collection::vec(number(), 1..3).prop_map(Op::In),
        2 => (order, value).prop_map(|(op, v)| Op::Compare(op, Scalar::Lit(v))),
        1 => Just(Op::IsNull),
        1 => nets.prop_map(|n| Op::Cidr(n.parse().into_iter().collect())),
    ]
}

/// Words as the languages use them.
fn words() -> impl Strategy<Value = Words> {
    let fold = prop_oneof![2 => Just(Fold::Unicode), 1 => Just(Fold::None)];
    let null = prop_oneof![2 => Just(Nulls::Two), 1 => Just(Nulls::Three)];
    let coerce = prop::sample::select(vec![Coerce::Stringify, Coerce::NumericIfBoth, Coerce::None]);
    (fold, null, coerce).prop_map(|(fold, null, coerce)| Words {
        fold,
        null,
        coerce,
        multi: Multi::Any,
        regex: Flavor::Pcre,
    })
}

fn leaf() -> impl Strategy<Value = Expr> {
    let anywhere = (nasty(), Just(Words::default())).prop_map(|(t, words)| {
        // Text that every event has is asked for otherwise.
        let t = if t.is_empty() { "a".to_owned() } else { t };
        let op = Op::Like(vec![Pattern::exact(&t).any_before().any_after()]);
        Expr::Test(Test { subject: Scalar::AnyField, op, words, span: Span::default() })
    });
    let tested = (field(), op(), words()).prop_map(|(f, op, words)| {
        Expr::Test(Test { subject: Scalar::field(Names::Raw, f), op, words, span: Span::default() })
    });
    prop_oneof![8 => tested, 1 => anywhere]
}

fn expression() -> impl Strategy<Value = Expr> {
    leaf().prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Expr::And),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Expr::Or),
            inner.prop_map(Expr::negate),
        ]
    })
}

/// An event: names and values.
struct Fields(Vec<(String, Value)>);

impl Row for Fields {
    fn field(&self, field: &FieldRef) -> Value {
        self.0.iter().find(|(n, _)| **n == *field.name).map_or(Value::Missing, |(_, v)| v.clone())
    }
    fn all_fields(&self) -> Vec<Value> {
        self.0.iter().map(|(_, v)| v.clone()).collect()
    }
    fn fields_like(&self, _: Names, pattern: &Pattern) -> Vec<Value> {
        self.0.iter().filter(|(n, _)| pattern.matches(n)).map(|(_, v)| v.clone()).collect()
    }
}

/// Texts near what an expression asks for: they match, or just do not.
fn probes(e: &Expr) -> Vec<Fields> {
    let (mut names, mut values) = (BTreeSet::new(), BTreeSet::from([String::from("zz"), String::new()]));
    e.tests(&mut |t| {
        if let Scalar::Field(f) = &t.subject {
            names.insert(f.name.to_string());
        }
        match &t.op {
            Op::Like(all) => all.iter().for_each(|p| near(p, &mut values)),
            Op::In(all) => values.extend(all.iter().filter_map(Value::to_text)),
            Op::Compare(_, Scalar::Lit(v)) => values.extend(v.to_text()),
            Op::Cidr(nets) => values.extend(nets.iter().map(|n| n.addr().to_string())),
            _ => {}
        }
    });
    let mut rows = vec![Fields(vec![])];
    for v in &values {
        rows.push(Fields(names.iter().map(|n| (n.clone(), Value::str(&**v))).collect()));
    }
    for n in &names {
        rows.extend(values.iter().map(|v| Fields(vec![(n.clone(), Value::str(&**v))])));
    }
    rows
}

fn near(p: &Pattern, out: &mut BTreeSet<String>) {
    for any in ["", "zz"] {
        let one = |part: &Part<&str>| match part {
            Part::Lit(l) => (*l).to_owned(),
            Part::Any => any.to_owned(),
            Part::One => "q".to_owned(),
        };
        let text: String = p.parts().iter().map(one).collect();
        out.insert(text.replace('\\', "\\\\"));
        out.insert(text.to_uppercase());
        out.insert(format!("{text}z"));
        out.insert(text);
    }
}

/// The same condition in a language's names, types compared as it does.
fn in_names(e: &Expr, names: Names, coerce: Coerce) -> Expr {
    let all = |v: &[Expr]| v.iter().map(|e| in_names(e, names, coerce)).collect();
    match e {
        Expr::And(v) => Expr::And(all(v)),
        Expr::Or(v) => Expr::Or(all(v)),
        Expr::Not(e) => in_names(e, names, coerce).negate(),
        Expr::Test(t) => {
            let subject = match &t.subject {
                Scalar::Field(f) => Scalar::field(names, &f.name),
                other => other.clone(),
            };
            Expr::Test(Test { subject, words: Words { coerce, ..t.words }, ..t.clone() })
        }
        other => other.clone(),
    }
}

/// A language, how it names fields, and how it compares values of different types.
const NAMED: &[(&str, Names, Coerce)] = &[
    ("eql", Names::Ecs, Coerce::NumericIfBoth),
    ("kql", Names::Ecs, Coerce::NumericIfBoth),
    ("esql", Names::Ecs, Coerce::NumericIfBoth),
    ("spl", Names::Splunk, Coerce::NumericIfBoth),
    ("sigma", Names::Sigma, Coerce::Stringify),
    ("logpoint", Names::LogPoint, Coerce::NumericIfBoth),
    ("sql", Names::Raw, Coerce::NumericIfBoth),
];

/// What is wrong with how a condition is said, if it is said.
fn wrong(case: &Case, names: Names, e: &Expr) -> Option<String> {
    let mut source = LogSource::any(names);
    if case.language == "sigma" {
        source.keys.insert("product".into(), "windows".into());
    }
    let plan = Plan::Filter(Box::new(Plan::Scan(source)), e.clone());
    let said = (case.print)(&plan).ok()?;
    let what = |problem: &str, is: &Plan| {
        Some(format!("{}: {problem}: {said:?}\n{}\n{}", case.language, text::expr(e), text::plan(is)))
    };
    let Some(again) = case.read(&said) else { return what("not read", &plan) };
    let Some((_, is)) = again.plan.single_event().filter(|_| again.status == LoadStatus::Ok) else {
        return what("read as something else", &again.plan);
    };
    for row in probes(e) {
        if eval::truth(e, &row).holds() != eval::truth(&is, &row).holds() {
            return what(&format!("differs on {:?}", row.0), &again.plan);
        }
    }
    let Ok(twice) = (case.print)(&again.plan) else { return None };
    let same = case.read(&twice).is_some_and(|r| bare(r.plan) == bare(again.plan.clone()));
    if same {
        None
    } else {
        what(&format!("its own text differs when it is read again: {twice}"), &again.plan)
    }
}

#[test]
fn what_is_said_means_the_same() {
    let mut faults = Vec::new();
    for (language, names, coerce) in NAMED {
        let Some(case) = CASES.iter().find(|c| c.language == *language) else { continue };
        let mut runner =
            TestRunner::new(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() });
        let ran = runner.run(&expression(), |e| match wrong(case, *names, &in_names(&e, *names, *coerce)) {
            Some(fault) => Err(TestCaseError::fail(fault)),
            None => Ok(()),
        });
        if let Err(TestError::Fail(fault, _)) = ran {
            faults.push(fault.to_string());
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
