//! What is said of rules that do not load, or not as their authors meant: status, code, place and message.

use shikra_ir::Rule;
use shikra_lang_sigma::{Options, assemble, parse};
use shikra_syntax::{Source, Span};

/// One line a rule: its status, and each message at its place.
fn check(text: &str, want: &[&str]) {
    let text = text.trim_start();
    let source = Source::new("r.yml", text);
    let read = |options: &Options| assemble(vec![parse(&source, Span::new(0, text.len()), options)]);
    let rules = read(&Options::default());
    let condensed = read(&Options { digest: Some(|_| [7; 32]), ..Options::default() });
    let said = |rules: &[Rule]| -> Vec<_> {
        rules.iter().map(|r| (r.meta.title.clone(), r.status, r.reports, r.diagnostics.clone())).collect()
    };
    assert_eq!(said(&condensed), said(&rules), "the same is said of rules that keep less: {text}");
    let got: Vec<String> = rules
        .iter()
        .map(|r| {
            let told =
                r.diagnostics.iter().filter(|d| !matches!(d.code, "missing-level" | "missing-logsource"));
            let told = told.map(|d| {
                let help = d.help.as_ref().map_or(String::new(), |h| format!(" ({h})"));
                format!("; {} at `{}`: {}{help}", d.code, source.slice(d.span).replace('\n', "⏎"), d.message)
            });
            format!("{}{}", r.status.as_str(), told.collect::<String>())
        })
        .collect();
    assert_eq!(got, want, "{text}");
}

fn check_detection(detection: &str, want: &str) {
    check(&format!("title: T\ndetection:\n{detection}"), &[want]);
}

#[test]
fn modifiers() {
    check_detection(
        "  sel: { A|conatins: x }\n  condition: sel\n",
        "rejected; unknown-modifier at `conatins`: no modifier `conatins` (did you mean `contains`?)",
    );
    check_detection(
        "  a: { A|conatins: x }\n  b: { B: 1 }\n  condition: a or b\n",
        "partial; unknown-modifier at `conatins`: no modifier `conatins` (did you mean `contains`?)",
    );
    check_detection(
        "  a: { A|cidr: 10.0.0.0/99 }\n  condition: a\n",
        "rejected; modifier at `cidr`: `cidr` \"10.0.0.0/99\" is not a network",
    );
    check_detection(
        "  a: { A|cidr: 10.0.0.1/8 }\n  condition: a\n",
        "ok; cidr-host-bits at `10.0.0.1/8`: the address has bits beyond the network's prefix: they are ignored",
    );
    check_detection(
        "  a: { A|base64: 'x*' }\n  condition: a\n",
        "rejected; modifier at `base64`: `base64` cannot encode a wildcard",
    );
    check_detection(
        "  a: { A|gt: many }\n  condition: a\n",
        "rejected; modifier at `gt`: `gt` takes a number, not \"many\"",
    );
    check_detection(
        "  a: { A|contains: null }\n  condition: a\n",
        "rejected; modifier at `contains`: `contains` takes text",
    );
    check_detection(
        "  a: { A|expand: '%who%' }\n  condition: a\n",
        "rejected; unresolved-placeholder at `'%who%'`: no values for the placeholder `%who%` (give its values with \
         a placeholder file or a pipeline)",
    );
    check_detection(
        "  a: { A|re: '(' }\n  condition: a\n",
        "rejected; regex at `A|re: '('`: regular expression: unclosed group",
    );
    check_detection(
        "  a: { A|i: x }\n  condition: a\n",
        "rejected; modifier at `i`: `i` goes with `re` only",
    );
}

#[test]
fn selections() {
    check_detection(
        "  selection: { A: 1 }\n  condition: selektion\n",
        "rejected; undefined-selection at `selektion`: no selection `selektion` (did you mean `selection`?)",
    );
    check_detection(
        "  a: { A: 1 }\n  b: { B: 1 }\n  condition: a\n",
        "ok; dead-selection at `b`: no condition uses selection `b`",
    );
    check_detection(
        "  a: { A: 1 }\n  condition: a and not 1 of filter_*\n",
        "ok; unmatched-pattern at `1 of filter_*`: no selection matches `filter_*`: this part never holds",
    );
    check_detection(
        "  a: { A: { B: 1 } }\n  condition: a\n",
        "rejected; nested-value at `{ B: 1 }`: a field cannot hold a map: name the inner field with dots",
    );
    check_detection("  a: {}\n  condition: a\n", "rejected; empty-selection at `{}`: nothing is asked here");
    check_detection(
        "  a: { A: 1, A: 2 }\n  condition: a\n",
        "ok; duplicate-key at `A`: key `A` is given twice: the last one counts",
    );
    check_detection(
        "  a: [x, y]\n  condition: all of a\n",
        "ok; all-of-list at `all of a`: `all of a` means selection `a` as it is: any item of its list (write the \
         list under the key '|all' to ask for all its items)",
    );
}

#[test]
fn documents() {
    check(
        "title: T\nlogsource: { product: windows }\n",
        &["rejected; missing-detection at `title: T`: no detection section"],
    );
    check(
        "title: T\ndetection: { a: { A: 1 } }\n",
        &["rejected; missing-condition at `title: T`: no condition"],
    );
    check(
        "title: one\ndetection: { a: [ }\n---\ntitle: two\ndetection: { a: { A: 1 }, condition: a }\n",
        &["rejected; yaml at `}`: not YAML: while parsing a node, did not find expected node content", "ok"],
    );
    check(
        "action: global\ntitle: T\n",
        &["rejected; collection at `action: global`: no rule follows this collection document"],
    );
    check(
        "action: repaet\ntitle: T\n",
        &["rejected; collection at `repaet`: no action `repaet` (did you mean `repeat`?)"],
    );
    check(
        "title: T\nlogsource: { category: [a, b] }\ndetection: { a: { A: 1 }, condition: a }\n",
        &[
            "ok; logsource-list at `[a, b]`: a list under `category` is no standard Sigma: taken as a rule for each item",
            "ok; logsource-list at `[a, b]`: a list under `category` is no standard Sigma: taken as a rule for each item",
        ],
    );
    check_detection(
        "  a: { A: 1 }\n  timeframe: 5m\n  condition: a\n",
        "ok; unused-timeframe at `5m`: a timeframe without an aggregation: it has no effect",
    );
}

#[test]
fn correlations_and_filters() {
    check(
        "title: C\ncorrelation: { type: evnt_count, rules: [a], timespan: 1m, condition: { gte: 1 } }\n",
        &[
            "rejected; correlation at `evnt_count`: no correlation type `evnt_count` (did you mean `event_count`?); \
         unknown-rule at `a`: no rule `a`",
        ],
    );
    check(
        "title: C\ncorrelation: { type: temporal, rules: [a], timespan: soon }\n",
        &[
            "rejected; timespan at `soon`: not a span of time (write a number and s, m, h or d, e.g. 15m); unknown-rule at \
         `a`: no rule `a`",
        ],
    );
    check(
        "title: C\nname: c\ncorrelation: { type: temporal, rules: [c], timespan: 1m }\n",
        &["rejected; unknown-rule at `c`: `c` watches itself, directly or by others"],
    );
    check(
        "title: F\nfilter: { rules: [nobody], x: { A: 1 }, condition: x }\n",
        &[
            "ok; filter-without-not at `x`: the filter's condition is added to the rules with `and`: without a `not` \
          they match only what the filter describes (write `not` before the selection to leave its events out); \
          unknown-rule at `nobody`: no rule `nobody` to filter",
        ],
    );
}
