//! CAR pseudocode: what MITRE's Cyber Analytics Repository writes its analytics in, from text to IR.
//!
//! The notation was never defined and much of it is broken, so the parser recovers: it reads what the author can
//! only have meant and says what it assumed. Objects, actions and fields are those of CAR's data model
//! ([`Names::Car`](shikra_ir::Names)); which sensors' events they are, the taxonomy knows. Analytics that cannot
//! be read so that they mean something have a [`repair`](overlay::repair) of ours. `docs/car.md` tells more.

mod ast;
mod lower;
pub mod overlay;
mod parse;
mod print;

pub use print::print;
use shikra_ir::{LoadStatus, Plan};
use shikra_syntax::{Diagnostic, Severity, Span};

/// How an analytic was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// As it stands.
    Verbatim,
    /// With assumptions, which diagnostics `recovered` and `full-path` tell.
    Recovered,
    /// A repair of ours took its place.
    Overlay,
}

impl Reading {
    /// `verbatim`, `recovered`, `overlay`.
    pub fn as_str(self) -> &'static str {
        match self {
            Reading::Verbatim => "verbatim",
            Reading::Recovered => "recovered",
            Reading::Overlay => "overlay",
        }
    }
}

/// An analytic as far as it could be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// What it does; none where it cannot be used.
    pub plan: Option<Plan>,
    /// Places are bytes of the text.
    pub diagnostics: Vec<Diagnostic>,
    /// [`LoadStatus::Partial`] where some condition is unsupported.
    pub status: LoadStatus,
    /// How it was read.
    pub reading: Reading,
}

/// Reads an analytic; `id` is CAR's (`CAR-2020-11-010`), by which a repair is looked for.
pub fn load(text: &str, id: Option<&str>) -> Loaded {
    let repair = id.and_then(|id| overlay::repair(id, text));
    let (plan, mut diagnostics, unsupported) = match &repair {
        Some(r) => repaired(text, r),
        None => read(text),
    };
    let failed = diagnostics.iter().any(|d| d.severity == Severity::Error);
    let status = match (&plan, unsupported) {
        _ if failed => LoadStatus::Rejected,
        (None, _) => LoadStatus::Rejected,
        (Some(p), _) if cannot_run(p) => LoadStatus::Rejected,
        (_, true) => LoadStatus::Partial,
        _ => LoadStatus::Ok,
    };
    let assumed = diagnostics.iter().filter(|d| matches!(d.code, "recovered" | "full-path")).count();
    let (reading, said) = match (repair, assumed) {
        (Some(_), _) => (Reading::Overlay, "overlay: our repair of it runs".to_owned()),
        (None, 0) => (Reading::Verbatim, "verbatim: runs as it stands".to_owned()),
        (None, n) => (Reading::Recovered, format!("recovered: {n} assumptions were made")),
    };
    let line = text.trim_end().lines().next().map_or(0, str::len);
    diagnostics.push(Diagnostic::note("reading", said, Span::new(0, line)));
    if plan.is_none() && !failed {
        diagnostics.push(Diagnostic::error("syntax", "nothing here that could run", Span::new(0, line)));
    }
    Loaded { plan: plan.filter(|_| status != LoadStatus::Rejected), diagnostics, status, reading }
}

fn repaired(text: &str, repair: &overlay::Repair<'_>) -> (Option<Plan>, Vec<Diagnostic>, bool) {
    let (mut plan, mut diagnostics, unsupported) = read(repair.code);
    let all = Span::new(0, text.trim_end().len());
    if let Some(plan) = &mut plan {
        plan.each_span(&mut |s| *s = all);
    }
    diagnostics.iter_mut().for_each(|d| d.span = all);
    diagnostics.push(Diagnostic::note("overlay", repair.why, all));
    (plan, diagnostics, unsupported)
}

fn read(text: &str) -> (Option<Plan>, Vec<Diagnostic>, bool) {
    let mut diagnostics = Vec::new();
    let statements = parse::statements(text, &mut diagnostics);
    let (plan, unsupported) = lower::analytic(&statements, &mut diagnostics);
    (plan, diagnostics, unsupported)
}

fn cannot_run(plan: &Plan) -> bool {
    matches!(plan, Plan::Opaque(..)) || plan.children().into_iter().any(cannot_run)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use shikra_ir::text;

    #[test]
    fn relations_do_not_grow_without_measure() {
        let doubled = |n: usize| {
            let join = |i: usize| format!("a{} = join (a{i}, a{i}) where (a{i}.pid == a{i}.ppid)\n", i + 1);
            let less = |i: usize| format!("b{} = a{i} - a{i}\na{} = group b{} by pid\n", i + 1, i + 1, i + 1);
            let lines: String = (0..n).map(if n > 30 { less } else { join }).collect();
            format!("a0 = search Process:Create\n{lines}output a{n}\n")
        };
        assert_eq!(
            load(&doubled(2), None).diagnostics.iter().filter(|d| d.message.contains("more than")).count(),
            0
        );
        for n in [30, 200] {
            let loaded = load(&doubled(n), None);
            let said = loaded.diagnostics.iter().any(|d| d.message.contains("an analytic of more than"));
            assert!(said, "{n}: {:?}", loaded.diagnostics);
        }
    }

    #[test]
    fn how_it_was_read_is_told() {
        let verbatim = "p = search Process:Create\nx = filter p where (exe == \"a.exe\")\noutput x\n";
        for (code, reading, told) in [
            (verbatim, Reading::Verbatim, "verbatim: runs as it stands"),
            ("p = search Process:Create", Reading::Recovered, "recovered: 1 assumptions were made"),
        ] {
            let loaded = load(code, None);
            assert_eq!(
                (loaded.reading, loaded.status),
                (reading, LoadStatus::Ok),
                "{:?}",
                loaded.diagnostics
            );
            assert!(loaded.diagnostics.iter().any(|d| d.code == "reading" && d.message == told), "{code}");
        }
    }

    #[test]
    fn what_cannot_be_had_is_named() {
        let placeholder = load(
            "p = search Process:Create\nx = filter p where (command_line.matches(\"__re__\"))\noutput x",
            None,
        );
        assert_eq!(placeholder.status, LoadStatus::Partial);
        let input =
            load("input h\np = search Process:Create\nx = filter p where (hostname == h)\noutput x", None);
        assert_eq!(input.status, LoadStatus::Partial);
        assert!(input.diagnostics.iter().any(|d| d.code == "unsupported" && d.message.contains("\"h\"")));
        assert_eq!(load("", None).status, LoadStatus::Rejected);
    }

    #[test]
    fn statements_and_their_plans() {
        let plan = |code: &str| text::plan(&load(code, None).plan.unwrap_or(Plan::Union(vec![])));
        let run = plan("a = run Analytic:CAR-2013-05-003\noutput a");
        assert_eq!(run.trim(), "rule CAR-2013-05-003/car");
        let top = plan("p = search Process:Create\nt = TOP30 p by exe\noutput t");
        assert!(top.starts_with("limit 30\n  sort column:count desc\n    agg "), "{top}");
        let object = plan("p = search Process:*\noutput p");
        assert_eq!(object.trim(), "scan car{object=process}");
        let between = plan(
            "a = search Flow:Start\nb = search Process:Create\nj = join (a, b) where (a.pid == b.pid and b.time > a.time and \
             b.time <= a.time + 2 minutes)\noutput j",
        );
        assert!(between.contains("time=1..120000000000"), "{between}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
        #[test]
        fn any_text_is_read(text in "\\PC*") {
            load(&text, None);
        }
        #[test]
        fn any_tokens_are_read(parts in prop::collection::vec(prop::sample::select(vec![
            "x", " = ", "search ", "filter ", "where ", "(", ")", "Process:Create", "\n", "exe", "== ", "\"a", "\"", "”",
            "and ", "or ", "not ", "in ", "[", "]", ",", "join ", "group ", "by ", "from ", "select ", "count(", "- ",
            "now ", "1 day ", "output ", "match ", "x.time ", "< ", "TOP30 ", "exists ", "\\",
        ]), 0..60)) {
            let text = parts.concat();
            let loaded = load(&text, None);
            for d in &loaded.diagnostics {
                prop_assert!(d.span.start <= d.span.end && d.span.start <= text.len());
            }
        }
    }

    #[test]
    fn deep_nesting_is_bounded() {
        for text in ["(".repeat(100_000), "not ".repeat(50_000), format!("a < b{}", " + c".repeat(50_000))] {
            load(&text, None);
        }
    }
}
