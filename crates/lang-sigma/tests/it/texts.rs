//! The canonical text of a few rules: what frontends and executors agree on.

use shikra_ir::text;
use shikra_lang_sigma::{Options, assemble, parse, placeholders};
use shikra_syntax::{Source, Span};

fn load(text: &str, options: &Options) -> Vec<shikra_ir::Rule> {
    assemble(vec![parse(&Source::new("r.yml", text), Span::new(0, text.len()), options)])
}

fn check(rule: &str, want: &str) {
    let rules = load(rule.trim_start(), &Options::default());
    let plan =
        |r: &shikra_ir::Rule| format!("{}{}", if r.reports { "" } else { "(quiet) " }, text::plan(&r.plan));
    let got: String = rules.iter().map(plan).collect();
    assert_eq!(got.trim(), want.trim(), "{:?}", rules.iter().map(|r| &r.diagnostics).collect::<Vec<_>>());
}

#[test]
fn values_of_one_field_are_one_test() {
    check(
        "
logsource: { product: Windows, category: Process_Creation, definition: audit it }
detection:
  sel:
    EventID: [1, 4688]
    CommandLine|contains|all: [a, b]
    User: [null, '']
    Image|re|i: ['x', 'y']
  condition: sel
",
        r#"
filter (sigma:EventID like ["1", "4688"] and sigma:CommandLine like ["*a*"] and sigma:CommandLine like ["*b*"] and (sigma:User like [""] or sigma:User is-null) and sigma:Image regex ["x", "y"])
  scan sigma{category=process_creation, product=windows}
"#,
    );
}

#[test]
fn aggregations_and_near() {
    check(
        "
detection:
  sel: { A: 1 }
  timeframe: 30s
  condition: sel | sum(Bytes) by Host > 1.5
",
        r#"
filter column:sum > 1.5
  agg by [Host=sigma:Host] sum=sum(number(sigma:Bytes)) sliding=30000000000
    filter sigma:A like ["1"]
      scan sigma{}
"#,
    );
    check(
        "
detection:
  a: { A: 1 }
  b: { B: 1 }
  c: { C: 1 }
  timeframe: 1s
  condition: a | near b and not c
",
        r#"
set span=1000000000 anchor=0 when (0 and (1 and not 2))
  filter sigma:A like ["1"]
    scan sigma{}
  filter sigma:B like ["1"]
    scan sigma{}
  filter sigma:C like ["1"]
    scan sigma{}
"#,
    );
}

#[test]
fn correlations() {
    check(
        "
title: C
correlation:
  type: value_count
  rules: [a, 11111111-1111-1111-1111-111111111111]
  group-by: [ip]
  timespan: 1m
  condition: { field: User, gte: 3 }
  aliases: { ip: { a: SourceIp } }
---
title: A
name: a
id: a1
detection: { s: { A: 1 }, condition: s }
---
title: B
id: 11111111-1111-1111-1111-111111111111
detection: { s: { B: 1 }, condition: s }
",
        r#"
filter column:value_count >= 3
  agg by [ip=column:ip] value_count=distinct(column:User) sliding=60000000000
    union
      eval ip=sigma:SourceIp, User=sigma:User
        rule a1
      eval ip=sigma:ip, User=sigma:User
        rule 11111111-1111-1111-1111-111111111111
(quiet) filter sigma:A like ["1"]
  scan sigma{}
(quiet) filter sigma:B like ["1"]
  scan sigma{}
"#,
    );
    check(
        "
title: C
id: c
correlation: { type: temporal_ordered, rules: [a, b], group-by: [Host], timespan: 5m, generate: true }
---
title: A
id: a
detection: { s: { A: 1 }, condition: s }
---
title: B
id: b
detection: { s: { B: 1 }, condition: s }
",
        r#"
seq any by [] maxspan=300000000000 [Host=sigma:Host]x1, [Host=sigma:Host]x1
  rule a
  rule b
filter sigma:A like ["1"]
  scan sigma{}
filter sigma:B like ["1"]
  scan sigma{}
"#,
    );
}

#[test]
fn placeholder_files() {
    let values = placeholders(&Source::new("p.yml", "admins: [alice, 'adm_*']\n'%dc%': dc1\n")).unwrap();
    let options = Options { placeholders: values, ..Options::default() };
    let rule =
        "detection:\n  a: { User|expand: '%admins%', Host|expand|contains: 'x%dc%' }\n  condition: a\n";
    let rules = load(rule, &options);
    let (_, expr) = rules[0].plan.single_event().unwrap();
    assert_eq!(text::expr(&expr), r#"(sigma:User like ["alice", "adm_*"] and sigma:Host like ["*xdc1*"])"#);
    assert!(placeholders(&Source::new("p.yml", "- a\n")).is_err());
    assert!(placeholders(&Source::new("p.yml", "a: { b: c }\n")).is_err());
}

#[test]
fn a_taxonomy_names_its_fields() {
    check(
        "
taxonomy: ecs
detection: { s: { process.name: a }, condition: s }
",
        "filter ecs:process.name like [\"a\"]\n  scan sigma{}",
    );
}
