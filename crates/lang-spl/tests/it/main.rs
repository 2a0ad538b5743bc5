//! Searches that mean harm, or are broken: read without a panic, in bounded time, with something said.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use proptest::prelude::*;
use shikra_ir::{LoadStatus, text::plan};
use shikra_lang_spl::{Macro, Macros, Options, load, print};
use shikra_syntax::Severity;

/// Reads a text on a small stack.
fn read(text: String) -> LoadStatus {
    let thread = std::thread::Builder::new().stack_size(2 << 20);
    thread.spawn(move || load(&text, &Options::default()).status).unwrap().join().unwrap()
}

#[test]
fn depth_is_bounded() {
    let many = 20_000;
    for text in [
        "(".repeat(many) + "a=1",
        "NOT ".repeat(many) + "a=1",
        "a=1 ".to_owned() + &"[search b=1 ".repeat(many),
        "* | where ".to_owned() + &"(".repeat(many),
        "* | where ".to_owned() + &"NOT ".repeat(many) + "x",
        "* | where ".to_owned() + &"!".repeat(many) + "x",
        "* | eval x=".to_owned() + &"-".repeat(many) + "1",
        "* | eval x=".to_owned() + &"if(a,".repeat(many),
        "* | foreach a ".to_owned() + &"[foreach a ".repeat(many),
        "a=1 ".to_owned() + &"| head 1 ".repeat(many),
        "a=1 ".to_owned() + &"| top a | transaction a | reverse ".repeat(80),
        "* | eval a=1".to_owned() + &",a=a+1".repeat(many),
        "* | where a".to_owned() + &" XOR a".repeat(many),
        "* | where ".to_owned() + &"a OR ".repeat(many) + "b",
        "* | eval x=".to_owned() + &"1+".repeat(many) + "1",
    ] {
        read(text);
    }
}

/// Looked at twice for each, values within values would take as long as 2 to the power of their depth.
#[test]
fn printing_takes_one_look_at_values_within_values() {
    let deep = |wrap: &str| format!("* | eval x={}a{}", wrap.repeat(22), ")".repeat(22));
    let joined = format!("| makeresults | strcat {} c", "a \"b\" ".repeat(40));
    for text in [deep("lower("), deep("coalesce("), joined] {
        let loaded = load(&text, &Options::default());
        assert_eq!(loaded.status, LoadStatus::Ok, "{text}");
        // Rows from nowhere and what is made of them are not said, which takes no longer.
        let Ok(said) = print(&loaded.plan) else { continue };
        assert_eq!(plan(&load(&said, &Options::default()).plan), plan(&loaded.plan), "{said}");
    }
}

/// What appendpipe makes of rows, it makes of all that was before it.
/// Each command that may be meant prints the subsearches it stands before: once each, however deep they are.
#[test]
fn printing_takes_one_look_at_subsearches_within_subsearches() {
    let text = (0..8).fold("a=1".to_owned(), |inner, n| format!("b={n} | append [{inner}] | append [c={n}]"));
    let loaded = load(&text, &Options::default());
    let printed = shikra_lang_spl::print(&loaded.plan).unwrap();
    assert_eq!(printed.matches("append [").count(), 16, "{printed}");
}

#[test]
fn repeated_searches_do_not_grow_without_measure() {
    let repeated = |times: usize| "index=a".to_owned() + &" | appendpipe [ stats count by b ]".repeat(times);
    assert_eq!(load(&repeated(6), &Options::default()).status, LoadStatus::Ok);
    let loaded = load(&repeated(60), &Options::default());
    assert_eq!(loaded.status, LoadStatus::Rejected);
    assert!(loaded.diagnostics.iter().any(|d| d.message.contains("appendpipe")), "{:?}", loaded.diagnostics);
}

#[test]
fn macros_do_not_grow_without_measure() {
    let mut macros = Macros::default();
    for i in 0..20 {
        let definition = format!("`m{}` `m{}`", i + 1, i + 1);
        macros.add(&format!("m{i}"), Macro { arguments: vec![], definition });
    }
    macros.add("m20", Macro { arguments: vec![], definition: "wide ".repeat(100) });
    let loaded = load("`m0`", &Options { macros, ..Options::default() });
    assert_eq!(loaded.status, LoadStatus::Rejected);
}

#[test]
fn texts_to_read_from_do_not_grow_without_measure() {
    for command in ["| xmlkv a ", "| spath input=a ", "| extract ", "| fromjson a "] {
        let few = load(&format!("* {} | where b=1", command.repeat(6)), &Options::default());
        assert_ne!(few.status, LoadStatus::Rejected, "{command}");
        let many = load(&format!("* {} | where b=1", command.repeat(190)), &Options::default());
        assert_eq!(many.status, LoadStatus::Rejected, "{command}");
    }
}

#[test]
fn what_is_not_supported_is_named() {
    for (text, name) in [
        ("* | apply model", "apply"),
        ("| mstats avg(x) where index=y", "mstats"),
        ("* | nosuchcommand", "nosuchcommand"),
        ("* | eval x=nosuch(1)", "nosuch"),
        ("* | stats nosuch(x)", "nosuch"),
        ("`nosuch`", "nosuch"),
        ("* | bin size", "bin without span"),
        ("a=1 OR [search b=1 | fields b]", "subsearch"),
    ] {
        let loaded = load(text, &Options::default());
        assert_eq!(loaded.status, LoadStatus::Rejected, "{text}");
        let error = loaded.diagnostics.iter().find(|d| d.severity == Severity::Error).unwrap();
        assert!(error.message.contains(name), "{text}: {}", error.message);
    }
}

/// Pieces that searches are made of.
fn searches() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "=",
        "\"x\"",
        "\"",
        "'",
        "(",
        ")",
        "[",
        "]",
        "|",
        "`",
        "```",
        " ",
        ",",
        "AND",
        "OR",
        "NOT",
        "IN",
        "!=",
        "\\",
        "*",
        "stats",
        "count",
        "by",
        "eval",
        "where",
        "if(",
        "rex",
        "field=",
        "(?<n>.)",
        "tstats",
        "from",
        "datamodel=E.P",
        "as",
        "search",
        "lookup",
        "join",
        "foreach",
        "<<FIELD>>",
        "1",
        ".5",
        "-",
        "$x$",
        "ä",
        "map",
        "search=",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|v| v.join(" "))
}

/// Conditions whose names and values need care when they are printed.
fn conditions() -> impl Strategy<Value = String> {
    let names =
        ["a", "b", "a b", "NOT", "and", "from", "x{}", "a-b", "index", "source", "_time", "a\\\"b", "1", "*"];
    let values = [
        "x",
        "*",
        "x*",
        "1",
        "1.0",
        "10.0.0.0/8",
        "a`m`",
        "|",
        "\\\\",
        "\\\"",
        "[x]",
        "(",
        "",
        " ",
        "$x$",
        "AND",
        "'",
        "#",
    ];
    let name = prop::sample::select(names.to_vec()).prop_map(|n| format!("\"{n}\""));
    let value = prop::sample::select(values.to_vec()).prop_map(|v| format!("\"{v}\""));
    let values = prop::collection::vec(value.clone(), 1..4).prop_map(|v| format!(" IN ({})", v.join(", ")));
    let sign = prop::sample::select(vec!["=", "!=", "<", ">="]);
    let leaf = prop_oneof![
        3 => (name.clone(), sign, value.clone()).prop_map(|(n, s, v)| format!("{n}{s}{v}")),
        2 => (name, values).prop_map(|(n, v)| format!("{n}{v}")),
        1 => value,
    ];
    let all = leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(|v| format!("({})", v.join(" "))),
            prop::collection::vec(inner.clone(), 1..4).prop_map(|v| format!("({})", v.join(" OR "))),
            inner.prop_map(|e| format!("NOT {e}")),
        ]
    });
    let after = prop::sample::select(vec!["", " | head 1", " | stats count BY a", " | search b=1 NOT c=*"]);
    (all, after).prop_map(|(c, a)| c + a)
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_time: Duration::from_secs(5).as_millis() as u32, ..ProptestConfig::default() })]

    /// Any text is read, places lie within it, and what prints reads again.
    #[test]
    fn any_text_is_read(text in prop_oneof![3 => searches(), 4 => conditions(), 1 => ".{0,80}"]) {
        let loaded = load(&text, &Options::default());
        for d in &loaded.diagnostics {
            prop_assert!(d.span.end <= text.len(), "{:?}", d);
        }
        if loaded.status == LoadStatus::Ok && let Ok(printed) = print(&loaded.plan) {
            let again = load(&printed, &Options::default());
            prop_assert_eq!(again.status, LoadStatus::Ok, "{} from {}", printed, text);
            prop_assert_eq!(plan(&again.plan), plan(&loaded.plan), "{} from {}", printed, text);
        }
    }
}
