//! Elastic's rule files: detection rules (`[rule]` with `rule_id`), Elastic Endpoint's behaviour rules (`[rule]`
//! with `id` and `os_list`) and hunts (`[hunt]`), all TOML.
//!
//! A rule is a query and a type that says what becomes of its hits: a plan around the query's plan, see `types`.
//! The index patterns bind every scan of it; the filters beside the query (`filters`) narrow it.

mod filters;
mod known;
mod node;
mod types;
mod written;

use shikra_ir::{LoadStatus, Opaque, Plan, Rule, RuleMeta};
use shikra_syntax::{Diagnostic, Source, Span};

use crate::Options;
use crate::query::{Query, Text, rule};
use node::Node;
pub(crate) use written::{Written, ago, indices, written};

/// The rules of a file; none where it is not of these kinds.
pub(crate) fn rules(source: &Source, options: &Options) -> Vec<Rule> {
    if !is_one(source) {
        return Vec::new();
    }
    let document = match toml::de::DeTable::parse(&source.text) {
        Ok(document) => document,
        Err(e) => return vec![unreadable(source, e.message(), e.span())],
    };
    let root = Node::table(document.get_ref());
    match (root.get("rule"), root.get("hunt")) {
        (Some(rule), _) if rule.get("os_list").is_some() => vec![endpoint(source, &root, &rule, options)],
        (Some(rule), _) if rule.get("type").is_some() => vec![detection(source, &root, &rule, options)],
        (_, Some(hunt)) => hunts(source, &hunt, options),
        _ => Vec::new(),
    }
}

/// Whether a page is made of a hunt's file, whose queries are read from there.
pub(crate) fn is_page_of_hunt(text: &str) -> bool {
    let has = |start: &str| text.lines().take(40).any(|l| l.starts_with(start));
    has("- **Source File:** [") && has("- **Language:** `[")
}

/// A TOML file with one of the tables that rules stand in.
fn is_one(source: &Source) -> bool {
    let has = |header: &str| source.text.lines().any(|l| l.trim_end() == header);
    crate::detect::is_called(source, &[".toml"]) && (has("[rule]") || has("[hunt]"))
}

fn unreadable(source: &Source, message: &str, at: Option<std::ops::Range<usize>>) -> Rule {
    let span = at.map_or(Span::new(0, 0), |r| Span::new(r.start, r.end));
    let meta = RuleMeta { id: crate::query::made_id(source, span), ..RuleMeta::default() };
    let message = message.lines().next().unwrap_or_default();
    rejected(source, meta, "unknown", Diagnostic::error("toml", format!("no TOML: {message}"), span))
}

/// A rule that cannot run.
fn rejected(source: &Source, meta: RuleMeta, language: &'static str, why: Diagnostic) -> Rule {
    let opaque = Opaque { reason: why.message.clone(), span: why.span };
    let meta = RuleMeta { language, path: source.name.to_string(), span: why.span, ..meta };
    Rule {
        meta: meta.into(),
        plan: Plan::Opaque(None, opaque),
        reports: true,
        status: LoadStatus::Rejected,
        diagnostics: vec![why],
    }
}

/// Languages as `language` names them: ours, with the dialect.
const LANGUAGES: &[(&str, &str, Option<&str>)] = &[
    ("kuery", "kql", Some("ecs")),
    ("lucene", "kql", Some("lucene")),
    ("eql", "eql", Some("elastic")),
    ("esql", "esql", None),
];

/// A rule of the detection engine.
fn detection(source: &Source, root: &Node<'_>, table: &Node<'_>, options: &Options) -> Rule {
    let meta = known::detection(root, table);
    let kind = table.get("type").unwrap_or_default();
    if kind.text() == Some("machine_learning") {
        let job = table.get("machine_learning_job_id").unwrap_or_default();
        let message =
            format!("a machine learning job ({}): its model is not in the rule", job.texts().join(", "));
        return rejected(source, meta, "ml", Diagnostic::error("machine-learning", message, kind.span()));
    }
    let Some((query, text)) = table.get("query").and_then(|q| q.text().map(|t| (q, t))) else {
        return rejected(source, meta, "unknown", Diagnostic::error("query", "no query", table.span()));
    };
    let written = table.get("language").and_then(|l| l.text()).unwrap_or("kuery");
    let known = LANGUAGES.iter().find(|(name, ..)| *name == written);
    let (language, dialect) = known.map_or(("", None), |(_, language, dialect)| (*language, *dialect));
    let text = Text::of_lines(source, query.span(), text);
    let mut made = rule(Query { language, dialect, text, meta }, source, options);
    if made.status == LoadStatus::Rejected {
        return made;
    }
    let indices = table.texts_of("index");
    // ES|QL names its indices itself.
    if !indices.is_empty() {
        types::each_source(&mut made.plan, &mut |s| s.indices.clone_from(&indices));
    }
    let narrow = filters::all(table.get("filters"), &mut made.diagnostics);
    made.plan = types::narrowed(made.plan, narrow);
    types::of(table, &kind, &mut made, source, options);
    settle(&mut made);
    made
}

/// What the parts added since say of the rule as a whole.
fn settle(rule: &mut Rule) {
    if rule.diagnostics.iter().any(|d| d.severity == shikra_syntax::Severity::Error) {
        rule.status = LoadStatus::Rejected;
    } else if rule.diagnostics.iter().any(|d| d.code == "unsupported") {
        rule.status = LoadStatus::Partial;
    }
}

/// A behaviour rule of Elastic Endpoint. It runs on the machine that it protects: on events of its systems.
fn endpoint(source: &Source, root: &Node<'_>, table: &Node<'_>, options: &Options) -> Rule {
    let meta = known::endpoint(root, table);
    let Some((query, text)) = table.get("query").and_then(|q| q.text().map(|t| (q, t))) else {
        return rejected(source, meta, "eql", Diagnostic::error("query", "no query", table.span()));
    };
    let text = Text::of_lines(source, query.span(), text);
    let mut made = rule(Query { language: "eql", dialect: Some("endpoint"), text, meta }, source, options);
    if made.status != LoadStatus::Rejected {
        types::on_systems(&mut made.plan, &table.texts_of("os_list"), table.span_of("os_list"));
    }
    made
}

/// The queries of a hunt, each a rule of its own.
fn hunts(source: &Source, table: &Node<'_>, options: &Options) -> Vec<Rule> {
    let languages = table.texts_of("language");
    let queries = table.get("query").map_or_else(Vec::new, |q| q.items());
    let mut out = Vec::new();
    for (at, query) in queries.iter().enumerate() {
        let Some(text) = query.text().map(without_fence) else { continue };
        let named = if languages.len() == queries.len() { languages.get(at) } else { languages.first() };
        let language = hunt_language(named.map_or("", String::as_str), text);
        let mut meta = known::hunt(table);
        if queries.len() > 1 {
            meta.id = format!("{}/{}", meta.id, at + 1);
        }
        let text = Text::of_lines(source, query.span(), text);
        let dialect = (language == "kql").then_some("ecs");
        out.push(rule(Query { language, dialect, text, meta }, source, options));
    }
    out
}

/// A query without the info string of a fence, which some hunts have left before it.
fn without_fence(text: &str) -> &str {
    let trimmed = text.trim_start();
    match trimmed.split_once('\n') {
        Some((first, rest)) if matches!(first.trim(), "sql" | "esql" | "eql" | "kql") => rest,
        _ => text,
    }
}

/// A hunt names its languages, not always that of each query.
fn hunt_language(named: &str, text: &str) -> &'static str {
    let mut lines =
        text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with("/*") && !l.starts_with("//"));
    let first = lines.next().and_then(|l| l.split_whitespace().next()).unwrap_or("").to_ascii_lowercase();
    match (first.as_str(), named.to_ascii_lowercase().as_str()) {
        ("from", _) => "esql",
        ("select", _) => "osquery",
        (_, "es|ql" | "esql") => "esql",
        (_, "eql") => "eql",
        (_, "kql" | "kuery") => "kql",
        (_, "sql") => "osquery",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shikra_ir::{Level, text};

    fn load(toml: &str) -> Vec<Rule> {
        rules(&Source::new("r.toml", toml), &Options::default())
    }

    /// A detection rule with these further lines.
    fn detection_with(kind: &str, more: &str) -> Rule {
        let head = "[metadata]\ncreation_date = \"2024/01/02\"\nmaturity = \"production\"\n\n[rule]\n\
            author = [\"A\", \"B\"]\nrule_id = \"r-1\"\nname = \"A rule\"\nseverity = \"high\"\nrisk_score = 73\n\
            index = [\"logs-endpoint.events.process-*\", \"winlogbeat-*\"]\nfrom = \"now-9m\"\n";
        let mut all = load(&format!("{head}type = \"{kind}\"\n{more}"));
        assert_eq!(all.len(), 1);
        all.remove(0)
    }

    fn check(kind: &str, more: &str, want: &str) {
        let rule = detection_with(kind, more);
        assert_eq!(rule.status, LoadStatus::Ok, "{:?}", rule.diagnostics);
        assert_eq!(text::plan(&rule.plan), want);
    }

    #[test]
    fn what_is_known_of_a_rule() {
        let rule = detection_with(
            "query",
            "language = \"kuery\"\nquery = \'\'\'\nprocess.name:a\n\'\'\'\nbuilding_block_type = \"default\"\n\
            [[rule.threat]]\nframework = \"MITRE ATT&CK\"\n[[rule.threat.technique]]\nid = \"T1218\"\nname = \"x\"\n\
            [[rule.threat.technique.subtechnique]]\nid = \"T1218.003\"\nname = \"y\"\n[rule.threat.tactic]\n\
            id = \"TA0005\"\nname = \"Defense Evasion\"\n",
        );
        let meta = &rule.meta;
        assert_eq!((meta.id.as_str(), meta.title.as_str(), meta.language), ("r-1", "A rule", "kql"));
        assert_eq!(meta.level, Level::High);
        assert_eq!(meta.techniques(), ["T1218", "T1218.003"]);
        assert!(meta.tags.contains(&"attack.defense-evasion".to_owned()));
        assert!(meta.tags.contains(&"elastic.building-block".to_owned()));
        assert_eq!(meta.author.as_deref(), Some("A, B"));
    }

    #[test]
    fn queries_are_bound_to_their_indices() {
        check(
            "query",
            "language = \"kuery\"\nquery = \"process.name:a\"\n",
            r#"filter ecs:process.name like{cased,lucene} ["a"]
  scan ecs{; logs-endpoint.events.process-* winlogbeat-*}
"#,
        );
        check(
            "eql",
            "language = \"eql\"\nquery = \"process where process.name == \\\"a\\\"\"\n",
            r#"filter ecs:process.name like{cased,3vl} ["a"]
  scan ecs{category=process; logs-endpoint.events.process-* winlogbeat-*}
"#,
        );
    }

    #[test]
    fn filters_narrow_every_scan() {
        check(
            "query",
            "query = \"a:b\"\n[[rule.filters]]\n[rule.filters.meta]\nnegate = true\n[rule.filters.query.wildcard.c]\n\
            case_insensitive = true\nvalue = \"?:\\\\\\\\x*\"\n",
            r#"filter (ecs:a like{cased,lucene} ["b"] and not ecs:c like{lucene} ["?:\\\\x*"])
  scan ecs{; logs-endpoint.events.process-* winlogbeat-*}
"#,
        );
    }

    #[test]
    fn thresholds_are_groups() {
        check(
            "threshold",
            "query = \"a:b\"\n[rule.threshold]\nfield = [\"host.id\"]\nvalue = 2\n[[rule.threshold.cardinality]]\n\
            field = \"user.name\"\nvalue = 3\n",
            r#"filter (column:count >= 2 and column:distinct_user.name >= 3)
  agg by [host.id=ecs:host.id] count=count, distinct_user.name=distinct(ecs:user.name) held=540000000000
    filter ecs:a like{cased,lucene} ["b"]
      scan ecs{; logs-endpoint.events.process-* winlogbeat-*}
"#,
        );
    }

    #[test]
    fn new_terms_are_an_anti_join_with_the_past() {
        check(
            "new_terms",
            "query = \"a:b\"\n[rule.new_terms]\nfield = \"new_terms_fields\"\nvalue = [\"host.id\", \"user.id\"]\n\
            [[rule.new_terms.history_window_start]]\nfield = \"history_window_start\"\nvalue = \"now-7d\"\n",
            r#"join anti (new, known) by [ecs:host.id=ecs:host.id, ecs:user.id=ecs:user.id] time=-604800000000000..-1
  filter ecs:a like{cased,lucene} ["b"]
    scan ecs{; logs-endpoint.events.process-* winlogbeat-*}
  filter ecs:a like{cased,lucene} ["b"]
    scan ecs{; logs-endpoint.events.process-* winlogbeat-*}
"#,
        );
    }

    #[test]
    fn threats_are_a_semi_join_with_a_table() {
        check(
            "threat_match",
            "query = \"a:*\"\nthreat_index = [\"ti_*\"]\nthreat_query = \'@timestamp >= \"now-30d\" and t.ip:*\'\n\
            [[rule.threat_mapping]]\n[[rule.threat_mapping.entries]]\nfield = \"source.ip\"\ntype = \"mapping\"\nvalue = \"t.ip\"\n\
            [[rule.threat_mapping]]\n[[rule.threat_mapping.entries]]\nfield = \"url.full\"\ntype = \"mapping\"\nvalue = \"t.url\"\n",
            r#"join semi (event, indicator) by [list(concat("t.ip=", ecs:source.ip, " "), concat("t.url=", ecs:url.full, " "))=list(concat("t.ip=", ecs:t.ip, " "), concat("t.url=", ecs:t.url, " "))]
  filter not ecs:a is-null
    scan ecs{; logs-endpoint.events.process-* winlogbeat-*}
  filter not ecs:t.ip is-null
    table ti_*
"#,
        );
    }

    #[test]
    fn what_cannot_run_says_why() {
        let rule = detection_with("machine_learning", "machine_learning_job_id = [\"j\"]\n");
        assert_eq!(rule.status, LoadStatus::Rejected);
        assert_eq!(rule.diagnostics[0].code, "machine-learning");
        let rule = detection_with("query", "query = \'a:(b\'\n");
        assert_eq!(rule.status, LoadStatus::Rejected);
        let rule = detection_with(
            "query",
            "query = \'a:b\'\n[[rule.filters]]\n[rule.filters.query.geo_shape]\nx = 1\n",
        );
        assert_eq!(rule.status, LoadStatus::Partial);
        let all = load("[rule]\ntype = \"query\"\nquery = \n");
        assert_eq!(all[0].diagnostics[0].code, "toml");
    }

    #[test]
    fn the_indices_of_a_query_are_its_own_unless_the_rule_names_some() {
        let sources = |rule: Rule| {
            let mut plan = rule.plan;
            let mut all = Vec::new();
            types::each_source(&mut plan, &mut |s| all.push(s.indices.clone()));
            all
        };
        let own = "[rule]\ntype = \"esql\"\nrule_id = \"x\"\nlanguage = \"esql\"\n\
            query = 'from logs-nginx.error-* | where a == \"b\"'\n";
        assert_eq!(sources(load(own).remove(0)), [["logs-nginx.error-*"]]);
        let named = sources(detection_with("query", "query = 'a:b'\n"));
        assert_eq!(named, [["logs-endpoint.events.process-*", "winlogbeat-*"]]);
    }

    #[test]
    fn places_are_those_of_the_file() {
        let toml = "[rule]\ntype = \"query\"\nrule_id = \"x\"\nquery = \'\'\'\na:b and\n  c:\\q\n\'\'\'\n";
        let source = Source::new("r.toml", toml);
        let all = rules(&source, &Options::default());
        assert_eq!(source.slice(all[0].diagnostics[0].span), "\\q");
    }

    #[test]
    fn behaviour_rules_and_hunts() {
        let all = load(
            "[rule]\nid = \"e-1\"\nname = \"E\"\nos_list = [\"windows\", \"linux\"]\n\
            query = \"sequence [process where true] [file where true]\"\n",
        );
        let only = r#"filter ecs:host.os.type like{cased,lucene} ["windows", "linux"]"#;
        assert_eq!(text::plan(&all[0].plan).matches(only).count(), 2);
        let all = load(
            "[hunt]\nuuid = \"h\"\nname = \"H\"\nlanguage = [\"ES|QL\", \"EQL\"]\nmitre = [\"T1055\"]\n\
            query = [\"from logs-*\", \"process where true\"]\n",
        );
        let told: Vec<(&str, &str, LoadStatus)> =
            all.iter().map(|r| (r.meta.id.as_str(), r.meta.language, r.status)).collect();
        assert_eq!(told[1], ("h/2", "eql", LoadStatus::Ok));
        assert_eq!(told[0].1, "esql");
        assert_eq!(hunt_language("ES|QL", without_fence("sql\nSELECT\n  a FROM b")), "osquery");
        assert_eq!(hunt_language("SQL", without_fence("\nsql\nfrom logs-* | limit 1")), "esql");
        let page = "# H\n\n- **Language:** `[EQL]`\n- **Source File:** [H](../queries/h.toml)\n\n```eql\nprocess where true\n```\n";
        let set = crate::load(&[Source::new("h.md", page)], &Options::default());
        assert!(set.rules.is_empty() && set.files[0].skipped.as_ref().unwrap().contains("hunt"));
    }
}
