//! LogPoint searches: from text to tree to IR, and from IR back to text.
//!
//! [`load`] reads a search and answers its plan with what there is to say of it; [`print`] writes a plan as a
//! search where LogPoint can say it. `norm_id` is a log source, not a field; fields are LogPoint's names or those
//! of the event ([`Names::LogPoint`](shikra_ir::Names)). `docs/logpoint.md` tells what is supported.

mod ast;
mod lower;
mod parse;
mod print;

use std::collections::BTreeMap;

use shikra_ir::{LoadStatus, Plan};
use shikra_syntax::{Diagnostic, Severity};

pub use print::print;

/// How searches are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Lists kept on the server, by name: texts with wildcards, addresses and networks.
    pub lists: BTreeMap<String, Vec<String>>,
}

impl Default for Options {
    /// `HOMENET` is the private addresses of RFC 1918.
    fn default() -> Options {
        let private = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"].map(str::to_owned).to_vec();
        Options { lists: BTreeMap::from([("HOMENET".to_owned(), private)]) }
    }
}

/// A search as far as it could be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// What it does; none where it cannot be used.
    pub plan: Option<Plan>,
    /// Places are bytes of the search's text.
    pub diagnostics: Vec<Diagnostic>,
    /// [`LoadStatus::Partial`] where a condition is unsupported, [`LoadStatus::Rejected`] where a command is.
    pub status: LoadStatus,
}

/// Reads a search.
pub fn load(text: &str, options: &Options) -> Loaded {
    let mut diagnostics = Vec::new();
    let tree = parse::search(text, &mut diagnostics);
    let failed = |d: &[Diagnostic]| d.iter().any(|d| d.severity == Severity::Error);
    if failed(&diagnostics) {
        return Loaded { plan: None, diagnostics, status: LoadStatus::Rejected };
    }
    let (plan, unsupported) = lower::search(&tree, options, &mut diagnostics);
    let status = match (cannot_run(&plan), unsupported) {
        (true, _) => LoadStatus::Rejected,
        (_, true) => LoadStatus::Partial,
        _ => LoadStatus::Ok,
    };
    Loaded { plan: (status != LoadStatus::Rejected).then_some(plan), diagnostics, status }
}

fn cannot_run(plan: &Plan) -> bool {
    matches!(plan, Plan::Opaque(..)) || plan.children().into_iter().any(cannot_run)
}

/// Commands, words between searches and aggregates that are supported.
pub fn vocabulary() -> Vec<&'static str> {
    const COMMANDS: &[&str] = &[
        "chart",
        "timechart",
        "search",
        "filter",
        "fields",
        "rename",
        "order by",
        "limit",
        "followed by",
        "join",
    ];
    const AGGREGATES: &[&str] =
        &["count", "distinct_count", "distinct_list", "list", "sum", "avg", "min", "max", "var"];
    COMMANDS.iter().chain(AGGREGATES).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use shikra_ir::text;

    fn plan(search: &str) -> Plan {
        let loaded = load(search, &Options::default());
        loaded.plan.unwrap_or_else(|| panic!("{search}: {:?}", loaded.diagnostics))
    }

    fn placeless(mut plan: Plan) -> Plan {
        plan.each_span(&mut |s| *s = Default::default());
        plan
    }

    fn check(search: &str, want: &str) {
        assert_eq!(text::plan(&plan(search)).trim(), want, "{search}");
    }

    #[test]
    fn or_binds_before_and() {
        check("a=1 OR b=2 AND c=3", text::plan(&plan("(a=1 OR b=2) c=3")).trim());
        check("-a=1 b=2", text::plan(&plan("(NOT a=1) AND b=2")).trim());
    }

    #[test]
    fn norm_id_is_a_log_source() {
        let lines = text::plan(&plan("norm_id=WindowsSysmon event_id=1"));
        assert!(lines.contains("scan logpoint{norm_id=windowssysmon}"), "{lines}");
        let loaded = load("norm_id IN HOMENET event_id=1", &Options::default());
        assert!(loaded.diagnostics.iter().any(|d| d.message.contains("norm_id of the list HOMENET")));
        let loaded = load("event_id=1 (a=1 OR norm_id=x)", &Options::default());
        assert_eq!(loaded.status, LoadStatus::Partial);
    }

    #[test]
    fn what_was_recovered_is_told() {
        for (search, code) in [
            ("(a=1 OR b=2", "recovered"),
            ("a=1) b=2", "recovered"),
            ("a IN [1, 2) b=1", "recovered"),
            ("a=\"x", "recovered"),
            ("a=C:\\\\x\\\\y", "doubled-backslash"),
            ("a IN NOSUCH", "unsupported"),
            ("a=1 | process eval(\"x=1\")", "unsupported"),
            ("lower(a)=x", "unsupported"),
            ("a=", "syntax"),
            ("() a=1", "syntax"),
            ("label=Logon label=Fail", "label"),
        ] {
            let loaded = load(search, &Options::default());
            assert!(loaded.diagnostics.iter().any(|d| d.code == code), "{search}: {:?}", loaded.diagnostics);
        }
        assert_eq!(load("a=1 | rex x", &Options::default()).status, LoadStatus::Rejected);
        assert_eq!(load("lower(a)=x b=1", &Options::default()).status, LoadStatus::Partial);
    }

    #[test]
    fn printed_and_read_again_it_is_the_same() {
        let pages = [
            include_str!("../../../tests/cases/logpoint/search.md"),
            include_str!("../../../tests/cases/logpoint/relations.md"),
        ];
        let (mut said, mut refused) = (0, Vec::new());
        for search in pages.iter().flat_map(|p| p.split("```logpoint\n").skip(1)) {
            let search = search.split("```").next().unwrap_or_default();
            let first = plan(search);
            match print(&first) {
                Ok(text) => {
                    said += 1;
                    assert_eq!(placeless(plan(&text)), placeless(first), "{search}\n{text}");
                }
                Err(e) => refused.push(e.reason),
            }
        }
        assert!(said >= 20, "{said}, refused: {refused:?}");
    }

    #[test]
    fn commands_behind_a_counting_stream_see_what_it_counted() {
        let text = "[3 a=1 having same user] | chart count(other) as g, count(user) as u | search g > 1";
        let first = plan(text);
        let said = shikra_ir::text::plan(&first);
        assert!(said.contains("g=count(column:other), u=count(column:user)"), "{said}");
        assert_eq!(placeless(plan(&print(&first).unwrap())), placeless(first));
    }

    #[test]
    fn other_languages_are_refused() {
        let scan = Plan::Scan(shikra_ir::LogSource::any(shikra_ir::Names::Sigma));
        assert!(print(&scan).is_err());
        for unsayable in ["", "-x", "a (b", "a|b"] {
            let mut source = shikra_ir::LogSource::any(shikra_ir::Names::LogPoint);
            source.keys.insert("norm_id".into(), unsayable.into());
            assert!(print(&Plan::Scan(source)).is_err(), "{unsayable}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
        #[test]
        fn any_text_is_read(text in "\\PC*") {
            load(&text, &Options::default());
        }
        #[test]
        fn any_tokens_are_read(parts in prop::collection::vec(prop::sample::select(vec![
            "a", "=", "\"x\"", "(", ")", "[", "]", "|", "-", "OR", "and", "NOT", "IN", ",", "chart", "count()", "by",
            "as", "s1", "followed", "join", "on", "s1.a", "within", "5 minutes", "*", "HOMENET", "norm_id", "search",
            "\"a b\"", "'x\"'", "10.0.0.0/8", "timechart", "sum(a)", "count(", "every", ">", "1", "C:\\x", "`", "order by", "limit 1",
        ]), 0..40)) {
            let text = parts.join(" ");
            let loaded = load(&text, &Options::default());
            for d in &loaded.diagnostics {
                prop_assert!(d.span.start <= d.span.end);
            }
            let sound = loaded.status == LoadStatus::Ok;
            if let Some(first) = loaded.plan.filter(|_| sound) && let Ok(said) = print(&first) {
                prop_assert_eq!(text::plan(&plan(&said)), text::plan(&first), "{} from {}", said, text);
            }
        }
    }

    #[test]
    fn deep_nesting_is_bounded() {
        for text in ["(".repeat(100_000), "-".repeat(100_000), "[".repeat(100_000), "NOT ".repeat(50_000)] {
            load(&text, &Options::default());
        }
    }

    #[test]
    fn commands_are_counted() {
        for command in ["| chart count() by a ", "| search b=1 ", "| order by a "] {
            let few = load(&format!("a=1 {}", command.repeat(100)), &Options::default());
            assert_eq!(few.status, LoadStatus::Ok, "{command} {:?}", few.diagnostics);
            let many = load(&format!("a=1 {}", command.repeat(30_000)), &Options::default());
            assert_eq!(many.status, LoadStatus::Rejected, "{command}");
            assert!(many.diagnostics.iter().any(|d| d.message == "more than 200 commands"));
        }
    }
}
