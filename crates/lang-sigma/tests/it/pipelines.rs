//! Pipelines: what they make of a rule, as canonical text, and what they refuse.

use shikra_ir::text;
use shikra_lang_sigma::{Options, Pipeline, assemble, parse};
use shikra_syntax::{Source, Span};

const RULE: &str = "
title: T
logsource: { product: windows, category: process_creation }
detection:
  sel:
    Image|endswith: '\\cmd.exe'
    CommandLine|contains: foo
  filter: { User: root }
  condition: sel and not filter
";

fn check(pipeline: &str, want: &str) {
    check_rule(RULE, pipeline, want);
}

fn check_rule(rule: &str, pipeline: &str, want: &str) {
    let pipeline = match Pipeline::parse(&Source::new("p.yml", pipeline)) {
        Ok(p) => p,
        Err(d) => {
            assert_eq!(d.iter().map(|d| d.message.as_str()).collect::<Vec<_>>().join("; "), want);
            return;
        }
    };
    let options = Options { pipelines: vec![pipeline], ..Options::default() };
    let rules = assemble(vec![parse(&Source::new("r.yml", rule), Span::new(0, rule.len()), &options)]);
    let text: Vec<String> = rules.iter().map(|r| text::plan(&r.plan)).collect();
    assert_eq!(text.join("").trim(), want.trim(), "{:?}", rules[0].diagnostics);
}

#[test]
fn fields_are_mapped_and_prefixed() {
    check(
        "
name: p
transformations:
  - type: field_name_mapping
    mapping: { CommandLine: cmd, Image: [exe, path] }
    rule_conditions: [{ type: logsource, category: process_creation }]
  - type: field_name_prefix
    prefix: win.
    field_name_conditions: [{ type: exclude_fields, fields: ['ex.'], mode: re }]
",
        r#"
filter ((sigma:exe like ["*\\\\cmd.exe"] or sigma:win.path like ["*\\\\cmd.exe"]) and sigma:win.cmd like ["*foo*"] and not sigma:win.User like ["root"])
  scan sigma{category=process_creation, product=windows}
"#,
    );
}

#[test]
fn nested_steps_stand_in_place_and_shown_fields_change_nothing() {
    check(
        "
transformations:
  - type: nest
    items:
      - { type: field_name_prefix, prefix: a. }
      - { type: nest, items: [{ type: field_name_prefix, prefix: b. }] }
  - { type: add_field, field: x }
  - { type: remove_field, field: x }
  - { type: set_field, fields: [x] }
  - { type: convert_type, target_type: str }
",
        r#"
filter (sigma:b.a.Image like ["*\\\\cmd.exe"] and sigma:b.a.CommandLine like ["*foo*"] and not sigma:b.a.User like ["root"])
  scan sigma{category=process_creation, product=windows}
"#,
    );
}

#[test]
fn steps_may_not_concern_a_rule() {
    check(
        "
transformations:
  - type: field_name_prefix
    prefix: x
    rule_conditions: [{ type: logsource, service: sysmon }]
  - id: marked
    type: set_state
    key: k
    val: v
  - type: change_logsource
    service: security
    rule_cond_op: or
    rule_conditions:
      - { type: processing_item_applied, processing_item_id: none }
      - { type: processing_state, key: k, val: v }
  - type: drop_detection_item
    rule_cond_expr: a and not b
    rule_conditions:
      a: { type: contains_field, field: Image }
      b: { type: tag, tag: attack.t1 }
    field_name_conditions: [{ type: include_fields, fields: [User, CommandLine] }]
",
        r#"
filter sigma:Image like ["*\\\\cmd.exe"]
  scan sigma{service=security}
"#,
    );
}

#[test]
fn conditions_are_added_and_values_changed() {
    check(
        r"
transformations:
  - type: add_condition
    name: channel
    conditions: { Channel: [Security, 'x*'] }
  - type: replace_string
    regex: '^(r)oot$'
    replacement: '\1educed'
  - type: map_string
    mapping: { foo: [bar, baz] }
    detection_item_conditions: [{ type: match_string, cond: any, pattern: fo }]
",
        r#"
filter (sigma:Channel like ["Security", "x*"] and sigma:Image like ["*\\\\cmd.exe"] and sigma:CommandLine like ["*bar*", "*baz*"] and not sigma:User like ["reduced"])
  scan sigma{category=process_creation, product=windows}
"#,
    );
}

#[test]
fn placeholders_and_aggregations() {
    check_rule(
        "
title: T
logsource: { product: windows }
detection:
  sel: { User|expand: ['%admins%', '%other%x'] }
  condition: sel | count(Image) by Host > 5
",
        "
vars: { admins: [a, b*] }
transformations:
  - type: value_placeholders
    include: [admins]
  - type: wildcard_placeholders
  - type: field_name_mapping
    mapping: { Image: exe, Host: host.name }
",
        r#"
filter column:count > 5
  agg by [host.name=sigma:host.name] count=distinct(sigma:exe)
    filter sigma:User like ["a", "b*", "*x"]
      scan sigma{product=windows}
"#,
    );
}

#[test]
fn hashes_get_fields_of_their_own() {
    check_rule(
        "
title: T
logsource: { product: windows }
detection:
  sel:
    Hashes|contains: ['MD5=0123456789abcdef0123456789abcdef', 'IMPHASH=ab', 'SHA1=cd', 'SHA1=ef']
    Image|endswith: X.exe
  other: { Hashes|contains: 0123456789abcdef0123456789abcdef }
  condition: sel and not other
",
        "
transformations:
  - type: hashes_fields
    valid_hash_algos: [md5, SHA1]
    field_prefix: file.
  - type: regex
    method: plain
    field_name_conditions: [{ type: include_fields, fields: [Image] }]
",
        r#"
filter ((sigma:file.MD5 like ["0123456789abcdef0123456789abcdef"] or sigma:file.SHA1 like ["cd", "ef"]) and sigma:Image like{cased} ["*X.exe"] and not sigma:file.MD5 like ["0123456789abcdef0123456789abcdef"])
  scan sigma{product=windows}
"#,
    );
}

#[test]
fn what_is_not_supported_is_named() {
    check(
        "
transformations:
  - type: field_name_maping
  - type: nest
    rule_conditions: [{ type: is_sigma_rule }]
  - type: query_expression_placeholders
  - type: set_value
  - type: field_name_prefix
    prefix: a
    rule_conditions: [{ type: whatever }]
",
        "transformation `field_name_maping` is not supported; `nest` does not support conditions of its own; \
         transformation `query_expression_placeholders` is not supported; `set_value` needs `value`; rule condition `whatever` is not supported",
    );
}

#[test]
fn a_rule_may_be_refused() {
    check(
        "
name: p
transformations:
  - type: rule_failure
    message: no such data
    rule_conditions: [{ type: logsource, product: windows }]
",
        "opaque \"p: no such data\"",
    );
}
