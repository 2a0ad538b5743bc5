//! What KQL means, beside the suites.

use serde_json::json;
use shikra_ir::{LoadStatus, text};
use shikra_lang_kql::{Options, Types, load};

use crate::{matches, read};

fn check(query: &str, want: &str) {
    assert_eq!(text::expr(&read(query, &typed())), want, "{query}");
}

fn typed() -> Options<'static> {
    Options { types: Types::ecs(), ..Options::default() }
}

#[test]
fn alternatives_are_one_test() {
    let want = r#"ecs:process.name like{cased,lucene} ["a.exe", "b*.exe", "c\\*"]"#;
    check("process.name:(a.exe or b*.exe or \"c*\")", want);
    check("process.name:a.exe or process.name:b*.exe or process.name:\"c*\"", want);
    let want =
        r#"(ecs:process.name like{cased,lucene} ["b"] and not ecs:process.name like{cased,lucene} ["a"])"#;
    check("process.name:(b and not a)", want);
}

#[test]
fn texts_are_words() {
    let documents = [
        json!({"message": "Process killed: out of memory"}),
        json!({"message": "memory out of bounds"}),
        json!({"message": "OUT OF MEMORY."}),
    ];
    let of = |q| matches(q, &typed(), &documents);
    assert_eq!(of("message:\"out of memory\""), [0, 2]);
    assert_eq!(of("message:(killed or bounds)"), [0, 1]);
    assert_eq!(of("message:killed bounds"), [0, 1]);
    assert_eq!(of("message:mem*"), [0, 1, 2]);
    assert_eq!(of("message:*emor"), Vec::<usize>::new());
    assert_eq!(matches("message:\"out of memory\"", &Options::default(), &documents), Vec::<usize>::new());
}

#[test]
fn nested_objects_keep_together() {
    let documents = [
        json!({"r": [{"n": "a", "s": "x"}, {"n": "b", "s": "y"}]}),
        json!({"r": [{"n": "a", "s": "y"}]}),
        json!({"r": {"in": {"n": "a"}}}),
    ];
    let of = |q| matches(q, &Options::default(), &documents);
    assert_eq!(of("r:{ n:a and s:y }"), [1]);
    assert_eq!(of("r.n:a and r.s:y"), [0, 1]);
    assert_eq!(of("r:{ in:{ n:a } }"), [2]);
    assert_eq!(of("not r:{ n:* }"), [2]);
}

#[test]
fn points_in_time() {
    let documents =
        [json!({"@timestamp": "2024-05-01T10:00:00Z"}), json!({"@timestamp": "2024-05-02T00:00:00.5Z"})];
    for options in [Options::default(), typed()] {
        let of = |q| matches(q, &options, &documents);
        assert_eq!(of("@timestamp >= \"2024-05-01T10:00:00.000Z\""), [0, 1]);
        assert_eq!(of("@timestamp > \"2024-05-01T12:00:00+02:00\""), [1]);
        assert_eq!(of("@timestamp < 2024-05-02"), [0]);
    }
    let since = load("@timestamp >= \"now-30d/d\" and a:b", &Options { relative_time: true, ..typed() });
    assert_eq!(since.since, Some(30 * 86_400_000_000_000));
    assert_eq!(text::expr(&since.predicate.unwrap()), text::expr(&read("a:b", &typed())));
    let alone = load("@timestamp >= now-1h", &typed());
    assert_eq!(alone.status, LoadStatus::Partial);
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let loaded = load("a:(b or ) and c:\\q or d > \"", &Options::default());
    let codes: Vec<&str> = loaded.diagnostics.iter().map(|d| d.code).collect();
    assert_eq!(codes, ["value", "escape", "unclosed"]);
}

#[test]
fn deep_nesting_is_refused() {
    for open in ["(", "not (", "a:(", "a:{"] {
        let loaded = load(&open.repeat(100_000), &Options::default());
        assert_eq!(loaded.status, LoadStatus::Rejected, "{open}");
    }
    let nots = format!("{}a:b", "not ".repeat(100_000));
    assert_eq!(load(&nots, &Options::default()).status, LoadStatus::Ok);
}
