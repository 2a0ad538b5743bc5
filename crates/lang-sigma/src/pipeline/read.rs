//! YAML to pipelines: tables of transformations and conditions by their type.

use std::collections::BTreeMap;

use shikra_syntax::{Diagnostic, Severity, Source, Span};

use super::{
    Case, Conditions, FieldCondition, HashFields, ItemCondition, Join, Matcher, Names, Pipeline,
    RuleCondition, Step, Transformation,
};
use crate::condition;
use crate::item::{self, field_name};
use crate::near_name::nearest;
use shikra_syntax::yaml::{self, Core, Node};

type Read<T> = fn(&Node) -> Result<T, String>;

const TRANSFORMATIONS: &[(&str, Read<Transformation>)] = &[
    ("field_name_mapping", |n| mapping(n).map(Transformation::FieldMapping)),
    ("field_name_prefix_mapping", |n| mapping(n).map(Transformation::PrefixMapping)),
    ("field_name_prefix", |n| text(n, "prefix").map(Transformation::Prefix)),
    ("field_name_suffix", |n| text(n, "suffix").map(Transformation::Suffix)),
    ("drop_detection_item", |_| Ok(Transformation::DropItem)),
    ("detection_item_failure", |n| text(n, "message").map(Transformation::FailItem)),
    ("rule_failure", |n| text(n, "message").map(Transformation::FailRule)),
    ("add_condition", add_condition),
    ("change_logsource", |n| Ok(Transformation::ChangeLogSource(log_source(n)))),
    ("replace_string", replace_string),
    ("map_string", |n| mapping(n).map(Transformation::MapString)),
    ("set_value", |n| match n.get("value").map(item::literal) {
        Some(value) => Ok(Transformation::SetValue(value.owned())),
        None => Err("needs `value`".into()),
    }),
    ("case", |n| match n.text_of("method") {
        Some("lower") | None => Ok(Transformation::Case(Case::Lower)),
        Some("upper") => Ok(Transformation::Case(Case::Upper)),
        Some(other) => Err(format!("no method `{other}`: there are lower, upper")),
    }),
    ("hashes_fields", |n| {
        let algorithms: Vec<String> =
            n.texts_of("valid_hash_algos").into_iter().map(str::to_uppercase).collect();
        let prefix = n.text_of("field_prefix").unwrap_or_default().to_owned();
        let bare = n.get("drop_algo_prefix").is_some_and(|v| v.core() == Core::Bool(true));
        match algorithms.is_empty() {
            true => Err("needs `valid_hash_algos`".into()),
            false => Ok(Transformation::HashFields(HashFields { algorithms, prefix, bare })),
        }
    }),
    // Text is compared without its case anyway, and what a regular expression would match is the same.
    ("regex", |n| match n.text_of("method") {
        None | Some("ignore_case_flag" | "ignore_case_brackets") => Ok(Transformation::Nothing),
        Some("plain") => Ok(Transformation::Cased),
        Some(other) => Err(format!("no method `{other}`")),
    }),
    ("value_placeholders", |n| Ok(Transformation::ValuePlaceholders(names(n)))),
    ("wildcard_placeholders", |n| Ok(Transformation::WildcardPlaceholders(names(n)))),
    ("set_state", |n| Ok(Transformation::SetState(text(n, "key")?, text(n, "val")?))),
    ("set_custom_attribute", |_| Ok(Transformation::Nothing)),
    // What a rule shows, and how other systems type its values, changes nothing that it finds.
    ("add_field", |_| Ok(Transformation::Nothing)),
    ("remove_field", |_| Ok(Transformation::Nothing)),
    ("set_field", |_| Ok(Transformation::Nothing)),
    ("convert_type", |_| Ok(Transformation::Nothing)),
];

const RULE_CONDITIONS: &[(&str, Read<RuleCondition>)] = &[
    ("logsource", |n| Ok(RuleCondition::LogSource(log_source(n)))),
    ("contains_field", |n| text(n, "field").map(RuleCondition::HasField)),
    ("contains_detection_item", |n| {
        Ok(RuleCondition::HasItem(text(n, "field")?, n.text_of("value").map(str::to_owned)))
    }),
    ("processing_item_applied", |n| text(n, "processing_item_id").map(RuleCondition::Applied)),
    ("processing_state", |n| state(n).map(|(k, v)| RuleCondition::State(k, v))),
    ("rule_attribute", |n| match n.text_of("op") {
        None | Some("eq") => Ok(RuleCondition::Attribute(text(n, "attribute")?, text(n, "value")?)),
        Some(other) => Err(format!("does not support `op: {other}`")),
    }),
    ("tag", |n| text(n, "tag").map(RuleCondition::Tag)),
    ("is_sigma_rule", |_| Ok(RuleCondition::Always(true))),
    ("is_sigma_correlation_rule", |_| Ok(RuleCondition::Always(false))),
];

const ITEM_CONDITIONS: &[(&str, Read<ItemCondition>)] = &[
    ("match_string", |n| {
        let negated = n.get("negate").is_some_and(|v| v.core() == Core::Bool(true));
        Ok(ItemCondition::MatchString { all: all(n), regex: regex(n, "pattern")?, negated })
    }),
    ("match_value", |n| Ok(ItemCondition::MatchValue { all: all(n), value: text(n, "value")? })),
    ("contains_wildcard", |n| Ok(ItemCondition::ContainsWildcard { all: all(n) })),
    ("is_null", |n| Ok(ItemCondition::IsNull { all: all(n) })),
    ("processing_item_applied", |n| text(n, "processing_item_id").map(ItemCondition::Applied)),
    ("processing_state", |n| state(n).map(|(k, v)| ItemCondition::State(k, v))),
];

const FIELD_CONDITIONS: &[(&str, Read<FieldCondition>)] = &[
    ("include_fields", |n| matchers(n).map(FieldCondition::Include)),
    ("exclude_fields", |n| matchers(n).map(FieldCondition::Exclude)),
    ("processing_item_applied", |n| text(n, "processing_item_id").map(FieldCondition::Applied)),
    ("processing_state", |n| state(n).map(|(k, v)| FieldCondition::State(k, v))),
];

pub(super) fn pipeline(source: &Source) -> Result<Pipeline, Vec<Diagnostic>> {
    let mut documents = yaml::documents(&source.text, Span::new(0, source.text.len())).into_iter();
    let Some(doc) = documents.next() else {
        return Err(vec![Diagnostic::error("pipeline", "an empty pipeline", Span::new(0, 0))]);
    };
    let mut errors = doc.diagnostics;
    let Some(root) = doc.root.filter(Node::is_map) else {
        errors.push(Diagnostic::error("pipeline", "a pipeline must be a map", doc.span));
        return Err(errors);
    };
    let mut steps = Vec::new();
    for node in root.get("transformations").map_or(&[] as &[Node], Node::items) {
        add_steps(node, &mut steps, &mut errors, 0);
    }
    if errors.iter().any(|d| d.severity == Severity::Error) {
        return Err(errors);
    }
    let priority = match root.get("priority").map(Node::core) {
        Some(Core::Int(n)) => n,
        _ => 0,
    };
    let vars = root.get("vars").map_or(&[] as &[_], Node::entries);
    let texts = |v: &Node| v.items().iter().filter_map(Node::text).map(str::to_owned).collect();
    let vars: BTreeMap<String, Vec<String>> =
        vars.iter().filter_map(|(k, v)| Some((k.text()?.to_owned(), texts(v)))).collect();
    Ok(Pipeline { name: root.text_of("name").unwrap_or_default().to_owned(), priority, vars, steps })
}

/// How deep transformations may be nested.
const MAX_NESTED: usize = 8;

/// The step of a transformation; those of a `nest` in its place.
fn add_steps(node: &Node, steps: &mut Vec<Step>, errors: &mut Vec<Diagnostic>, depth: usize) {
    if node.text_of("type") != Some("nest") || depth >= MAX_NESTED {
        return steps.extend(step(node, errors));
    }
    let conditioned = |(key, _): &(Node, Node)| key.text().is_some_and(|k| k.ends_with("_conditions"));
    if node.entries().iter().any(conditioned) {
        errors.push(Diagnostic::error(
            "pipeline",
            "`nest` does not support conditions of its own",
            node.span,
        ));
    }
    for item in node.get("items").map_or(&[] as &[Node], Node::items) {
        add_steps(item, steps, errors, depth + 1);
    }
}

fn step(node: &Node, errors: &mut Vec<Diagnostic>) -> Option<Step> {
    let what = by_type(node, TRANSFORMATIONS, "transformation", errors);
    let rule = conditions(node, "rule", RULE_CONDITIONS, errors);
    let item = conditions(node, "detection_item", ITEM_CONDITIONS, errors);
    let field = conditions(node, "field_name", FIELD_CONDITIONS, errors);
    let id = node.text_of("id").map(str::to_owned);
    Some(Step { id, what: what?, rule: rule?, item: item?, field: field? })
}

fn by_type<T>(node: &Node, table: &[(&str, Read<T>)], what: &str, errors: &mut Vec<Diagnostic>) -> Option<T> {
    let name = node.text_of("type").unwrap_or_default();
    let span = node.get("type").map_or(node.span, |n| n.span);
    let Some((_, read)) = table.iter().find(|(n, _)| *n == name) else {
        let help = nearest(name, table.iter().map(|t| t.0)).map(|n| format!("did you mean `{n}`?"));
        let mut d = Diagnostic::error("pipeline", format!("{what} `{name}` is not supported"), span);
        d.help = help;
        errors.push(d);
        return None;
    };
    read(node).map_err(|why| errors.push(Diagnostic::error("pipeline", format!("`{name}` {why}"), span))).ok()
}

/// The conditions under `KIND_conditions`, a list or a map of names, joined as `KIND_cond_op`, `KIND_cond_not` and
/// `KIND_cond_expr` say.
fn conditions<C>(
    node: &Node,
    kind: &str,
    table: &[(&str, Read<C>)],
    errors: &mut Vec<Diagnostic>,
) -> Option<Conditions<C>> {
    let of = |suffix: &str| node.get(&format!("{kind}_{suffix}"));
    let section = of("conditions");
    let mut list = Vec::new();
    let named = section.map_or(&[] as &[_], Node::entries).iter();
    let named = named.map(|(k, v)| (k.text().unwrap_or_default().to_owned(), v));
    let plain = section.filter(|s| !s.is_map()).map_or(&[] as &[Node], Node::items).iter();
    for (name, c) in named.chain(plain.map(|c| (String::new(), c))) {
        list.push((name, by_type(c, table, &format!("{kind} condition"), errors)?));
    }
    let expression = of("cond_expr").or_else(|| of("condition_expression"));
    let join = match (expression, of("cond_op").and_then(Node::text)) {
        (Some(e), _) => match condition::parse(e.text().unwrap_or_default(), None, e.span) {
            Ok(c) => Join::Expression(c.cond),
            Err(d) => {
                errors.push(d);
                return None;
            }
        },
        (None, Some("or")) => Join::Any,
        _ => Join::All,
    };
    let negated = of("cond_not").is_some_and(|n| n.core() == Core::Bool(true));
    Some(Conditions { list, join, negated })
}

fn text(node: &Node, key: &str) -> Result<String, String> {
    node.text_of(key).map(str::to_owned).ok_or_else(|| format!("needs `{key}`"))
}

fn state(node: &Node) -> Result<(String, String), String> {
    match node.text_of("op") {
        None | Some("eq") => Ok((text(node, "key")?, text(node, "val")?)),
        Some(other) => Err(format!("does not support `op: {other}`")),
    }
}

fn regex(node: &Node, key: &str) -> Result<regex::Regex, String> {
    build(&text(node, key)?)
}

fn build(pattern: &str) -> Result<regex::Regex, String> {
    let built = regex::RegexBuilder::new(pattern).size_limit(1 << 20).build();
    built.map_err(|_| format!("has a regular expression that does not compile: {pattern}"))
}

fn all(node: &Node) -> bool {
    node.text_of("cond") == Some("all")
}

fn mapping(node: &Node) -> Result<Vec<(String, Vec<String>)>, String> {
    let map = node.get("mapping").filter(|m| m.is_map()).ok_or("needs `mapping`")?;
    let entries = map.entries().iter();
    let entries = entries.filter_map(|(k, v)| {
        let to: Vec<String> = v.items().iter().filter_map(Node::text).map(str::to_owned).collect();
        Some((k.text()?.to_owned(), to))
    });
    let entries: Vec<(String, Vec<String>)> = entries.collect();
    if entries.iter().any(|(_, to)| to.is_empty()) {
        return Err("maps to nothing".into());
    }
    Ok(entries)
}

fn log_source(node: &Node) -> Vec<(String, String)> {
    let keys = ["category", "product", "service"].into_iter();
    keys.filter_map(|k| Some((k.to_owned(), node.text_of(k)?.to_lowercase()))).collect()
}

fn names(node: &Node) -> Names {
    let list = |key| node.get(key).map(|_| node.texts_of(key).into_iter().map(str::to_owned).collect());
    Names { include: list("include"), exclude: list("exclude").unwrap_or_default() }
}

fn matchers(node: &Node) -> Result<Vec<Matcher>, String> {
    let mode = node.text_of("mode").or_else(|| node.text_of("match_type")).unwrap_or("plain");
    let fields = node.texts_of("fields").into_iter();
    match mode {
        "plain" => Ok(fields.map(|f| Matcher::Plain(field_name(f).into_owned())).collect()),
        // As Python's `match`: at the start.
        "re" | "regex" => fields.map(|f| build(&format!("^(?:{f})")).map(Matcher::Regex)).collect(),
        other => Err(format!("does not support `mode: {other}`")),
    }
}

fn add_condition(node: &Node) -> Result<Transformation, String> {
    let map = node.get("conditions").filter(|m| m.is_map()).ok_or("needs `conditions`")?;
    if node.get("template").is_some_and(|t| t.core() == Core::Bool(true)) {
        return Err("does not support templates".into());
    }
    let entries = map.entries().iter();
    let entries = entries.filter_map(|(k, v)| {
        let key = k.text()?.to_owned();
        Some((key, v.items().iter().map(|v| item::literal(v).owned()).collect()))
    });
    let negated = node.get("negated").is_some_and(|n| n.core() == Core::Bool(true));
    let name = node.text_of("name").map(str::to_owned);
    Ok(Transformation::AddCondition { name, entries: entries.collect(), negated })
}

fn replace_string(node: &Node) -> Result<Transformation, String> {
    let replacement = text(node, "replacement")?;
    // Python writes groups as `\1` and `\g<name>`.
    let groups = build(r"\\(?:(\d+)|g<(\w+)>)")?;
    let replacement = replacement.replace('$', "$$");
    let replacement = groups.replace_all(&replacement, "$${${1}${2}}").into_owned();
    Ok(Transformation::ReplaceString { regex: regex(node, "regex")?, replacement })
}
