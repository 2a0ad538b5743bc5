//! Predicates of other languages, as KQL and Lucene.

use proptest::prelude::*;
use shikra_ir::{CmpOp, Expr, Fold, Names, Nulls, Op, Part, Pattern, Scalar, Test, Truth, Words, eval, text};
use shikra_lang_kql::{Options, Syntax, Types, print};
use shikra_syntax::Span;

use crate::document::Document;
use crate::read;

const KEPT: Words = Words {
    fold: Fold::None,
    null: Nulls::Two,
    multi: shikra_ir::Multi::Any,
    coerce: shikra_ir::Coerce::Stringify,
    regex: shikra_ir::Flavor::Lucene,
};

fn like(field: &str, p: Pattern, words: Words) -> Expr {
    let subject = Scalar::field(Names::Ecs, field);
    Expr::Test(Test { subject, op: Op::Like(vec![p]), words, span: Span::default() })
}

fn said(e: &Expr, syntax: Syntax) -> String {
    let options = Options { syntax, types: Types::ecs(), ..Options::default() };
    print(e, &options).unwrap_or_else(|e| format!("refused: {e}"))
}

#[test]
fn what_can_be_said_and_what_not() {
    let exact = |words| like("process.name", Pattern::exact("a.exe"), words);
    let three = Words { null: Nulls::Three, ..KEPT };
    for (e, kql, lucene) in [
        (exact(KEPT), "process.name:\"a.exe\"", "process.name:\"a.exe\""),
        (
            exact(Words { fold: Fold::Unicode, ..KEPT }),
            "refused: a comparison that ignores case",
            "refused: a comparison that ignores case",
        ),
        (
            like("process.name.caseless", Pattern::exact("a"), Words { fold: Fold::Unicode, ..KEPT }),
            "process.name.caseless:\"a\"",
            "process.name.caseless:\"a\"",
        ),
        (
            exact(three).negate(),
            "process.name:* and not process.name:\"a.exe\"",
            "process.name:* AND NOT process.name:\"a.exe\"",
        ),
        (
            Expr::and([exact(three), Expr::or([exact(KEPT), exact(three).negate()])]),
            "process.name:\"a.exe\" and (process.name:\"a.exe\" or process.name:* and not process.name:\"a.exe\")",
            "process.name:\"a.exe\" AND (process.name:\"a.exe\" OR (process.name:* AND NOT process.name:\"a.exe\"))",
        ),
        (
            like("file.path", Pattern::new([Part::Lit("C:\\a or b (x)".into()), Part::Any]), KEPT),
            "file.path:C\\:\\\\a \\or b \\(x\\)*",
            "file.path:C\\:\\\\a\\u0020or\\u0020b\\u0020\\(x\\)*",
        ),
        (
            like("file.path", Pattern::new([Part::Lit("a".into()), Part::One]), KEPT),
            "refused: a wildcard for one character (a?)",
            "file.path:a?",
        ),
        (Expr::TRUE, "*", "*"),
    ] {
        assert_eq!(said(&e, Syntax::Kql), kql);
        assert_eq!(said(&e, Syntax::Lucene), lucene);
    }
}

fn leaf() -> impl Strategy<Value = Expr> {
    let field = prop::sample::select(vec!["f", "process.name", "a b.c", "not", "g"]);
    let text = "[a-zA-Z ]{0,3}( or |and|\\\\|\\*|:|\"|\\(|\n| not )?[a-z* ]{0,3}";
    let pattern =
        prop::collection::vec(prop_oneof![text.prop_map(Part::Lit), Just(Part::Any), Just(Part::Any)], 1..4);
    let op = prop_oneof![
        4 => pattern.prop_map(|p| Op::Like(vec![Pattern::new(p)])),
        1 => Just(Op::IsNull),
        1 => (0..3i64).prop_map(|n| Op::Compare(CmpOp::Gt, Scalar::Lit(n.into()))),
    ];
    (field, op, any::<bool>()).prop_map(|(f, op, three)| {
        let null = if three { Nulls::Three } else { Nulls::Two };
        let words = Words { null, ..KEPT };
        Expr::Test(Test { subject: Scalar::field(Names::Ecs, f), op, words, span: Span::default() })
    })
}

fn expression() -> impl Strategy<Value = Expr> {
    leaf().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Expr::And),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Expr::Or),
            inner.prop_map(Expr::negate),
        ]
    })
}

fn document() -> impl Strategy<Value = serde_json::Value> {
    let value = prop_oneof![
        "[a-c ]{0,3}( or |\\\\|\\*|:)?[a-c]{0,2}".prop_map(serde_json::Value::from),
        (0..4i64).prop_map(serde_json::Value::from),
        Just(serde_json::Value::Null),
        Just(serde_json::json!(["a", 2])),
    ];
    prop::collection::vec((prop::sample::select(vec!["f", "g", "not", "a b.c"]), value), 0..4)
        .prop_map(|v| serde_json::Value::Object(v.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()))
}

proptest! {
    #[test]
    fn printing_keeps_the_meaning(e in expression(), documents in prop::collection::vec(document(), 1..6)) {
        for syntax in [Syntax::Kql, Syntax::Lucene] {
            let options = Options { syntax, ..Options::default() };
            let printed = print(&e, &options).unwrap();
            let again = read(&printed, &options);
            for d in &documents {
                let (was, is) = (eval::truth(&e, &Document(d)), eval::truth(&again, &Document(d)));
                prop_assert_eq!(was == Truth::True, is == Truth::True, "{} of {}\n{}", printed, d, text::expr(&e));
            }
            // What was read once prints and reads as itself.
            let twice = read(&print(&again, &options).unwrap(), &options);
            prop_assert_eq!(text::expr(&again), text::expr(&twice), "{}", printed);
        }
    }

    #[test]
    fn nothing_breaks_the_readers(text in "[a-z:()\\[\\]{}\"*\\\\ /<>~^+!&|-]{0,40}") {
        for syntax in [Syntax::Kql, Syntax::Lucene] {
            shikra_lang_kql::load(&text, &Options { syntax, ..Options::default() });
        }
    }
}
