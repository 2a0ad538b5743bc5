//! Texts that nobody meant well: every one ends in a plan or in errors, and what can be printed reads the same.

use proptest::prelude::*;
use shikra_ir::text;
use shikra_lang_eql::{Dialect, Options, load, print};
use shikra_syntax::Severity;

const DIALECTS: &[Dialect] = &[Dialect::Elastic, Dialect::Endpoint, Dialect::Endgame];

fn options(dialect: Dialect) -> Options {
    Options { dialect, ..Options::default() }
}

fn ends(query: &str) {
    for dialect in DIALECTS {
        let loaded = load(query, &options(*dialect));
        let failed = loaded.diagnostics.iter().any(|d| d.severity == Severity::Error);
        assert_eq!(loaded.plan.is_none(), failed, "{query:?}");
        for d in &loaded.diagnostics {
            assert!(d.span.start <= d.span.end && d.span.end <= query.len(), "{d:?} in {query:?}");
        }
    }
}

#[test]
fn deep_texts_end() {
    for (open, middle, close) in [
        ("(", "a", ")"),
        ("not ", "a", ""),
        ("- ", "1", ""),
        ("length(", "a", ")"),
        ("a and (", "a", ")"),
        ("a:length(", "1", ")"),
        ("descendant of [process where ", "true", "]"),
        ("arraySearch(a, x, ", "x == 1", ")"),
        ("((((((a + 1) + 1) + 1) : \"x\") ", "", ""),
    ] {
        for n in [90, 3_000, 100_000] {
            ends(&format!("process where {}{middle}{}", open.repeat(n), close.repeat(n)));
        }
    }
    for link in [" + 1", " : \"x\"", " or b", " and b", ":length()", " in (1)", ".b", "[0]"] {
        ends(&format!("process where a{}", link.repeat(20_000)));
    }
    ends(&format!("sequence {}", "[a where b] ".repeat(5_000)));
    ends(&format!("process where a in ({})", "\"x\", ".repeat(50_000)));
    ends(&format!("process where true {}", "| head 1 ".repeat(5_000)));
}

/// Pieces that queries are made of.
fn piece() -> impl Strategy<Value = String> {
    let pieces = [
        "process",
        "any",
        "where",
        "a",
        "b.c",
        "?d",
        "x[0]",
        "`e f`",
        "==",
        "!=",
        "=",
        "<",
        ":",
        "like",
        "like~",
        "regex~",
        "in",
        "in~",
        "not",
        "and",
        "or",
        "(",
        ")",
        "[",
        "]",
        ",",
        "\"s*\"",
        "'t'",
        "\"\"\"r\"\"\"",
        "1",
        "-2.5",
        "null",
        "true",
        "length(",
        "startsWith~(",
        "between(",
        "arraySearch(",
        "+",
        "*",
        "%",
        "sequence",
        "by",
        "with",
        "maxspan=1m",
        "until",
        "![",
        "runs=2",
        "fork=true",
        "as e",
        "sample",
        "join",
        "|",
        "head 1",
        "unique",
        "sort",
        "count",
        "filter",
        "child of [",
        "descendant of [",
        "/*",
        "*/",
        "//",
        "\n",
        "\"",
    ];
    prop_oneof![
        8 => prop::sample::select(pieces.to_vec()).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

/// A condition that is well-formed in every dialect.
fn condition() -> impl Strategy<Value = String> {
    let field = prop::sample::select(vec!["a", "b.c", "`d e`", "x[1]", "?f"]);
    let text = prop::sample::select(vec!["v", "v*", "*v?", "*", "", "C:\\\\x", "\\n", "\u{e9}"]);
    let leaf = (field, prop::sample::select(vec![":", "==", "!=", "like", "like~", "<="]), text)
        .prop_map(|(f, op, t)| format!("{f} {op} \"{t}\""));
    let number =
        prop::sample::select(vec!["length(a) > 3", "b.c + 1 == 2", "a in (1, 2)", "a == null", "c == true"]);
    let call = prop::sample::select(vec![
        "startsWith(a, \"x*\")",
        "stringContains(a, b.c)",
        "cidrMatch(a, \"10.0.0.0/8\")",
        "concat(a, \"-\", 1) : \"x*\"",
        "substring(a, -3) == \"exe\"",
    ]);
    let leaves =
        prop_oneof![4 => leaf, 2 => number.prop_map(str::to_owned), 1 => call.prop_map(str::to_owned)];
    leaves.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(|v| format!("({})", v.join(" and "))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|v| format!("({})", v.join(" or "))),
            inner.prop_map(|e| format!("not ({e})")),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_ends(pieces in prop::collection::vec(piece(), 0..40)) {
        ends(&pieces.join(" "));
        ends(&pieces.concat());
    }

    #[test]
    fn what_is_printed_reads_the_same(condition in condition(), dialect in prop::sample::select(DIALECTS.to_vec())) {
        let o = options(dialect);
        let query = format!("process where {condition}");
        let loaded = load(&query, &o);
        let plan = loaded.plan.unwrap_or_else(|| panic!("{query}: {:?}", loaded.diagnostics));
        if let Ok(printed) = print(&plan, dialect) {
            let again = load(&printed, &o).plan.map(|p| text::plan(&p));
            prop_assert_eq!(again, Some(text::plan(&plan)), "{}", printed);
        }
    }
}

#[test]
fn what_can_never_be_equal_is_refused_however_it_is_asked() {
    for test in ["== 1", ": 1", "in (1)"] {
        let said = load(&format!("process where (a : \"b\") {test}"), &Options::default());
        assert!(said.plan.is_none(), "{test}");
        assert!(said.diagnostics.iter().any(|d| d.message == "a truth is never equal to a number"), "{test}");
    }
}
