//! Generated filters over generated events: every strategy answers what the reference answers.

use std::sync::Arc;

use proptest::prelude::*;
use shikra_event::{Kind, Value};
use shikra_ir::{
    Call, CmpOp, Coerce, Expr, Flavor, Fold, Func, Multi, Names, Nulls, Op, Part, Pattern, Regex, Scalar,
    Truth, Words,
};
use shikra_matcher::{Filter, Matcher, STRATEGIES};
use shikra_taxonomy::{Alternative, Selector, Taxonomy};

use crate::build::{Fields, field, test};

const NAMES: &[&str] = &["A", "B", "C", "a.x", "a.y"];
/// With what folding finds hard: sharp s, dotted capital I, Kelvin sign, long s, final sigma.
const TEXTS: &[&str] = &[
    "", "a", "A", "ab", "aB", "b", "abc", "c:\\x", "12", "3", "3.0", "true", "ß", "İ", "i̇", "K", "kk", "ſs",
    "ss", "Σς", "aXb", "a\nb", "ab\n", "10.1.2.3", "*", "ca", "bca",
];
const REGEXES: &[&str] = &[
    "a.b", "^ab?c?$", "ss", "[kK]+", "(ab|ca)", "\\d+", "(?i)AB", "s{2}", "(?<!a)b", "c:\\\\", "b$", "ſ",
    "bc?a",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => proptest::sample::select(TEXTS).prop_map(str::to_owned),
        1 => (proptest::sample::select(TEXTS), proptest::sample::select(TEXTS)).prop_map(|(a, b)| format!("{a}{b}")),
    ]
}

fn wide(s: &str) -> Vec<u8> {
    s.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn raw() -> impl Strategy<Value = (Kind, Vec<u8>)> {
    let array = proptest::collection::vec(text(), 0..4).prop_map(|v| {
        let quoted: Vec<String> = v
            .iter()
            .map(|s| match s.as_str() {
                "12" | "3" | "true" => s.clone(),
                "" => "null".into(),
                _ => format!("{:?}", s.replace(['\\', '\u{307}'], "")),
            })
            .collect();
        (Kind::JSON_ARRAY, format!("[{}]", quoted.join(",")).into_bytes())
    });
    prop_oneof![
        6 => text().prop_map(|s| (Kind::UTF8, s.into_bytes())),
        4 => text().prop_map(|s| (Kind::UTF16, wide(&s))),
        1 => text().prop_map(|s| (Kind::array_of(Kind::UTF16), wide(&format!("{s}\0ab\0")))),
        2 => (0u32..20).prop_map(|n| (Kind::U32, n.to_le_bytes().to_vec())),
        1 => (0u32..2).prop_map(|n| (Kind::BOOL, n.to_le_bytes().to_vec())),
        1 => proptest::sample::select(&["3", "3.0", "12", "1e1"][..]).prop_map(|s| (Kind::JSON_NUMBER, s.into())),
        1 => Just((Kind::JSON_NULL, b"null".to_vec())),
        1 => Just((Kind::NULL, Vec::new())),
        1 => Just((Kind::MISSING, Vec::new())),
        1 => Just((Kind::FILETIME, 132_000_000_000_000_000u64.to_le_bytes().to_vec())),
        1 => Just((Kind::GUID, vec![7; 16])),
        1 => Just((Kind::U32, vec![])),
        2 => array,
    ]
}

fn event() -> impl Strategy<Value = Fields> {
    let one = (proptest::sample::select(NAMES), raw()).prop_map(|(n, (k, d))| (n.to_owned(), k, d));
    proptest::collection::vec(one, 0..7).prop_map(Fields)
}

fn words() -> impl Strategy<Value = Words> {
    let fold = prop_oneof![3 => Just(Fold::Unicode), 1 => Just(Fold::None)];
    let null = prop_oneof![2 => Just(Nulls::Two), 1 => Just(Nulls::Three)];
    let multi = prop_oneof![3 => Just(Multi::Any), 1 => Just(Multi::Null), 1 => Just(Multi::All)];
    let coerce =
        prop_oneof![2 => Just(Coerce::Stringify), 1 => Just(Coerce::None), 1 => Just(Coerce::NumericIfBoth)];
    (fold, null, multi, coerce).prop_map(|(fold, null, multi, coerce)| Words {
        fold,
        null,
        multi,
        coerce,
        regex: Flavor::Pcre,
    })
}

fn pattern() -> impl Strategy<Value = Pattern> {
    let part = prop_oneof![
        3 => text().prop_map(Part::Lit),
        2 => Just(Part::Any),
        1 => Just(Part::One),
    ];
    proptest::collection::vec(part, 0..4).prop_map(Pattern::new)
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => text().prop_map(Value::str),
        2 => (0i64..20).prop_map(Value::I64),
        1 => Just(Value::F64(3.0)),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => Just(Value::Null),
        1 => Just(Value::List(vec![Value::I64(3), Value::str("ab")])),
    ]
}

fn subject() -> impl Strategy<Value = Scalar> {
    let name = || proptest::sample::select(NAMES).prop_map(field);
    let call = |f: &'static str| {
        move |arg: Scalar| {
            Scalar::Call(Call { func: Func::named(f).unwrap(), args: vec![arg], words: Words::default() })
        }
    };
    prop_oneof![
        10 => name(),
        1 => name().prop_map(call("length")),
        1 => name().prop_map(call("upper")),
        1 => Just(Scalar::AnyField),
        1 => Just(Scalar::FieldGlob(Names::Raw, Pattern::new([Part::Lit("a.".into()), Part::Any]))),
        1 => value().prop_map(Scalar::Lit),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let cmp =
        proptest::sample::select(&[CmpOp::Eq, CmpOp::Ne, CmpOp::Lt, CmpOp::Le, CmpOp::Gt, CmpOp::Ge][..]);
    let regex = (proptest::sample::select(REGEXES), any::<bool>(), any::<bool>())
        .prop_map(|(s, whole, flag)| Regex { source: s.into(), multi_line: flag, dot_all: flag, whole });
    prop_oneof![
        6 => proptest::collection::vec(pattern(), 0..4).prop_map(Op::Like),
        2 => proptest::collection::vec(regex, 1..3).prop_map(Op::Regex),
        3 => (cmp, prop_oneof![5 => value().prop_map(Scalar::Lit), 1 => subject()])
            .prop_map(|(o, r)| Op::Compare(o, r)),
        2 => proptest::collection::vec(value(), 0..4).prop_map(Op::In),
        1 => Just(Op::Cidr(vec!["10.0.0.0/8".parse().unwrap()])),
        1 => Just(Op::Exists),
        1 => Just(Op::IsNull),
        1 => Just(Op::IsTrue),
    ]
}

fn expr() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        12 => (subject(), op(), words()).prop_map(|(s, o, w)| test(s, o, w)),
        1 => proptest::sample::select(&[Truth::True, Truth::False, Truth::Unknown][..]).prop_map(Expr::Const),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Expr::And),
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Expr::Or),
            inner.clone().prop_map(Expr::negate),
            inner.clone().prop_map(|e| Expr::Named("n".into(), Box::new(e))),
            inner.prop_map(|e| test(Scalar::Truth(Box::new(e)), Op::IsTrue, Words::default())),
        ]
    })
}

fn filter() -> impl Strategy<Value = Filter> {
    let alternative = prop_oneof![
        2 => Just(None),
        1 => expr().prop_map(Some),
    ]
    .prop_map(|when| Alternative { when, ..Alternative::default() });
    (proptest::collection::vec(alternative, 1..3), expr())
        .prop_map(|(any_of, expr)| Filter { selector: Selector::of(any_of), expr })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn strategies_agree(
        filters in proptest::collection::vec(filter(), 1..8),
        events in proptest::collection::vec(event(), 1..8),
    ) {
        let m = Matcher::new(filters, Arc::new(Taxonomy::embedded()));
        let shapes: Vec<_> = events.iter().map(Fields::shape).collect();
        let mut scratches: Vec<_> = STRATEGIES.iter().map(|s| s.scratch(&m)).collect();
        // Two that tell each other, each with shapes of its own, as threads have.
        let team = m.team(2);
        let mut pair = [(); 2].map(|()| (m.scratch_in(&team), events.iter().map(Fields::shape).collect::<Vec<_>>()));
        // Twice, so that the second round finds everything remembered.
        for _ in 0..2 {
            for (n, (e, shape)) in events.iter().zip(&shapes).enumerate() {
                let mut want: Option<Vec<u32>> = None;
                for (s, scratch) in STRATEGIES.iter().zip(&mut scratches) {
                    let mut hits = Vec::new();
                    e.with(shape, |e| s.run(&m, scratch, e, &mut hits));
                    let want = want.get_or_insert_with(|| hits.clone());
                    prop_assert_eq!(want, &hits, "{} on {:?}", s.name, e);
                }
                pair.reverse();
                for (scratch, shapes) in &mut pair {
                    let mut hits = Vec::new();
                    e.with(&shapes[n], |e| m.run(scratch, e, &mut hits));
                    prop_assert_eq!(want.as_ref(), Some(&hits), "one of two, on {:?}", e);
                }
            }
        }
        // What is said to be unable has not held.
        let seen = scratches[1].seen();
        for (f, _) in m.unable(seen) {
            prop_assert_eq!(seen.hits[f as usize], 0);
        }
    }
}
