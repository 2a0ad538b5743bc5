//! Splunk's security content: YAML files of detections, macros and look-up definitions, and the tables beside
//! them. A detection means what it says together with the macros and tables of its tree, so its search is read
//! when all files are there.

use std::collections::BTreeMap;
use std::sync::Arc;

use shikra_event::Value;
use shikra_ir::{Fold, Level, MatchKind, Matching, Rule, RuleMeta, Table};
use shikra_lang_spl as spl;
use shikra_syntax::yaml::{self, Node};
use shikra_syntax::{Source, Span};

use crate::query::{Query, Text, rule};
use crate::{Options, detect};

/// Most rows of a table.
const MAX_ROWS: usize = 1_000_000;

/// One file.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    /// A detection: its search, what is known of it.
    Detection(Text, Box<RuleMeta>),
    /// Name, definition.
    Macro(String, spl::Macro),
    /// A look-up's definition.
    Lookup(Definition),
    /// The rows of a file.
    Rows(Arc<Table>),
}

impl Part {
    /// Whether it is a rule, not something that rules refer to.
    pub fn is_rule(&self) -> bool {
        matches!(self, Part::Detection(..))
    }
}

/// What a look-up is.
#[derive(Clone, Debug)]
pub(crate) struct Definition {
    name: String,
    /// Name of the file with the rows; none where they are kept elsewhere.
    file: Option<String>,
    /// Columns, where the definition says them.
    columns: Vec<Arc<str>>,
    matching: Matching,
}

/// What a file is, where it is one of these.
pub(crate) fn read(source: &Source) -> Option<Part> {
    if detect::is_called(source, &[".csv"]) {
        return rows(source).map(|t| Part::Rows(Arc::new(t)));
    }
    if !detect::is_yaml(source) {
        return None;
    }
    let has = |key| detect::has_key(&source.text, key);
    let detection = has(detect::key!("search")) && has(detect::key!("name")) && has(detect::key!("id"));
    let known = detection
        || (has(detect::key!("definition")) && has(detect::key!("name")))
        || has(detect::key!("filename"))
        || has(detect::key!("collection"));
    if !known {
        return None;
    }
    let documents = yaml::documents(&source.text, Span::new(0, source.text.len()));
    let Some(root) = documents.iter().find_map(|d| d.root.as_ref()) else {
        return indented(&source.text);
    };
    if detection { self::detection(source, root) } else { macro_of(root).or_else(|| lookup(root)) }
}

/// A macro in a file that is YAML but for quoted lines that are not indented, which some readers let pass.
fn indented(text: &str) -> Option<Part> {
    let key = |line: &str| {
        line.split_once(':').is_some_and(|(k, _)| k.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
    };
    let mended = |line: &str| if key(line) { line.to_owned() } else { format!(" {line}") };
    let text: Vec<String> = text.lines().map(mended).collect();
    let text = text.join("\n");
    let documents = yaml::documents(&text, Span::new(0, text.len()));
    documents.iter().find_map(|d| d.root.as_ref()).and_then(macro_of)
}

fn detection(source: &Source, root: &Node<'_>) -> Option<Part> {
    let search = root.get("search")?;
    let text = search.text().filter(|t| !t.trim().is_empty())?;
    // What prepares tables for other searches finds nothing.
    if root.text_of("type").is_some_and(|t| t.eq_ignore_ascii_case("baseline")) {
        return None;
    }
    let text = search_text(source, search.span, text);
    Some(Part::Detection(text, Box::new(known(root))))
}

/// A search in one line may be folded over several: then its words share the place of the whole.
fn search_text(source: &Source, span: Span, value: &str) -> Text {
    let written = source.slice(span);
    match written.find(value.trim()) {
        Some(at) => {
            let start = span.start + at;
            Text::at(source, Span::new(start, start + value.trim().len()))
        }
        None => Text::of_lines(source, span, value),
    }
}

fn known(root: &Node<'_>) -> RuleMeta {
    let one = |key: &str| root.text_of(key).map(|t| t.trim().to_owned()).filter(|t| !t.is_empty());
    let tags = root.get("tags");
    let techniques = tags.map_or_else(Vec::new, |t| t.texts_of("mitre_attack_id"));
    let mut named: Vec<String> =
        techniques.iter().map(|t| format!("attack.{}", t.trim().to_lowercase())).collect();
    named.dedup();
    let kind = one("type").unwrap_or_default().to_lowercase();
    RuleMeta {
        id: one("id").unwrap_or_default(),
        title: one("name").unwrap_or_default(),
        level: level(risk(root), &kind),
        status: one("status"),
        description: one("description"),
        author: one("author"),
        date: one("date"),
        tags: named,
        references: root.texts_of("references").iter().map(|t| t.trim().to_owned()).collect(),
        false_positives: one("known_false_positives").into_iter().collect(),
        ..RuleMeta::default()
    }
}

/// The risk score: of the tags, or the greatest of the risk objects.
fn risk(root: &Node<'_>) -> Option<f64> {
    let score =
        |n: &Node<'_>| n.text_of("risk_score").or_else(|| n.text_of("score"))?.trim().parse::<f64>().ok();
    let own = root.get("tags").and_then(score);
    let objects = root.get("rba").and_then(|r| r.get("risk_objects")).map_or(&[] as &[Node<'_>], Node::items);
    own.or_else(|| objects.iter().filter_map(score).reduce(f64::max))
}

/// Scores of a hundred as levels. What only hunts is never more than low.
fn level(risk: Option<f64>, kind: &str) -> Level {
    let of_score = match risk.unwrap_or(0.0) {
        r if r >= 90.0 => Level::Critical,
        r if r >= 60.0 => Level::High,
        r if r >= 25.0 => Level::Medium,
        r if r > 0.0 => Level::Low,
        _ => Level::Informational,
    };
    if kind == "hunting" { of_score.min(Level::Low) } else { of_score }
}

fn macro_of(root: &Node<'_>) -> Option<Part> {
    let definition = root.get("definition")?.text()?.to_owned();
    let arguments = root.texts_of("arguments").into_iter().map(str::to_owned).collect();
    Some(Part::Macro(root.text_of("name")?.to_owned(), spl::Macro { arguments, definition }))
}

fn lookup(root: &Node<'_>) -> Option<Part> {
    let text = |key: &str| root.text_of(key).map(|t| t.trim().to_owned());
    let (file, collection) = (text("filename"), text("collection"));
    if file.is_none() && collection.is_none() {
        return None;
    }
    let columns = text("fields_list").unwrap_or_default();
    let columns = columns.split(',').map(str::trim).filter(|c| !c.is_empty()).map(Arc::from).collect();
    let cased = text("case_sensitive_match").is_none_or(|c| !c.eq_ignore_ascii_case("false"));
    let filled = text("min_matches").is_some_and(|n| n.parse::<u64>().is_ok_and(|n| n > 0));
    let matching = Matching {
        fold: if cased { Fold::None } else { Fold::Unicode },
        kinds: text("match_type").map_or_else(Vec::new, |t| kinds(&t)),
        most: text("max_matches").and_then(|n| n.parse().ok()).unwrap_or(0),
        default: text("default_match").filter(|_| filled).map(Value::str),
    };
    Some(Part::Lookup(Definition { name: text("name")?, file, columns, matching }))
}

/// `WILDCARD(a), CIDR(b)`
fn kinds(text: &str) -> Vec<(String, MatchKind)> {
    let one = |part: &str| {
        let (kind, column) = part.trim().trim_end_matches(')').split_once('(')?;
        let kind = match kind.trim().to_ascii_uppercase().as_str() {
            "WILDCARD" => MatchKind::Wildcard,
            "CIDR" => MatchKind::Cidr,
            _ => return None,
        };
        Some((column.trim().to_owned(), kind))
    };
    text.split("),").filter_map(one).collect()
}

/// The rules of all files.
pub(crate) fn rules(parts: Vec<(Source, Part)>, options: &Options) -> Vec<Rule> {
    if parts.is_empty() {
        return Vec::new();
    }
    let mut options = options.clone();
    let mut files: BTreeMap<String, Arc<Table>> = BTreeMap::new();
    let (mut definitions, mut detections) = (Vec::new(), Vec::new());
    for (source, part) in parts {
        match part {
            Part::Detection(text, meta) => detections.push((source, text, meta)),
            Part::Macro(name, m) => options.spl.macros.add(&name, m),
            Part::Lookup(d) => definitions.push(d),
            Part::Rows(t) => drop(files.insert(t.name.clone(), t)),
        }
    }
    for (name, table) in &files {
        let plain = spl::LookupTable { table: table.clone(), matching: Matching::default() };
        options.spl.tables.insert(name.clone(), plain);
    }
    for d in definitions {
        let table = d.file.as_ref().and_then(|f| files.get(f)).cloned();
        let table = table.unwrap_or_else(|| {
            Arc::new(Table { name: d.name.clone(), columns: d.columns.clone(), rows: vec![] })
        });
        options.spl.tables.insert(d.name, spl::LookupTable { table, matching: d.matching });
    }
    let query = |text, meta: Box<RuleMeta>| Query { language: "spl", text, meta: *meta, dialect: None };
    detections.into_iter().map(|(source, text, meta)| rule(query(text, meta), &source, &options)).collect()
}

/// The rows of a file of comma-separated values (RFC 4180), the first of which names the columns.
fn rows(source: &Source) -> Option<Table> {
    let name = source.name.rsplit(['/', '\\']).next().unwrap_or(&source.name).to_owned();
    let mut records = records(source.text.trim_start_matches('\u{feff}'));
    let columns: Vec<Arc<str>> = records.next()?.iter().map(|c| Arc::from(c.trim())).collect();
    let value = |text: String| if text.is_empty() { Value::Null } else { Value::str(text) };
    let rows = records.take(MAX_ROWS).map(|r| r.into_iter().map(value).collect()).collect();
    Some(Table { name, columns, rows })
}

fn records(text: &str) -> impl Iterator<Item = Vec<String>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        while let Some(after) = rest.strip_prefix(['\r', '\n']) {
            rest = after;
        }
        if rest.is_empty() {
            return None;
        }
        let mut record = Vec::new();
        loop {
            let (cell, after) = cell(rest);
            record.push(cell);
            match after.strip_prefix(',') {
                Some(more) => rest = more,
                None => {
                    rest = after;
                    return Some(record);
                }
            }
        }
    })
}

/// One cell, and what follows it.
fn cell(text: &str) -> (String, &str) {
    let Some(mut rest) = text.strip_prefix('"') else {
        let end = text.find([',', '\r', '\n']).unwrap_or(text.len());
        let (cell, after) = text.split_at(end);
        return (cell.to_owned(), after);
    };
    let mut out = String::new();
    while let Some((part, after)) = rest.split_once('"') {
        out.push_str(part);
        match after.strip_prefix('"') {
            Some(more) => {
                out.push('"');
                rest = more;
            }
            None => {
                let end = after.find([',', '\r', '\n']).unwrap_or(after.len());
                return (out, after.split_at(end).1);
            }
        }
    }
    out.push_str(rest);
    (out, "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use shikra_ir::{LoadStatus, text};

    const DETECTION: &str = "name: D\nid: i\ntype: TTP\nstatus: production\nsearch: '`logs` EventCode=1 | lookup names \
        process OUTPUT known | `d_filter`'\ntags:\n  mitre_attack_id:\n  - T1218.003\n  risk_score: 64\n";

    fn load(files: &[(&str, &str)]) -> Vec<Rule> {
        let sources: Vec<Source> = files.iter().map(|(n, t)| Source::new(*n, *t)).collect();
        crate::load(&sources, &Options::default()).rules
    }

    #[test]
    fn a_detection_with_its_macros_and_tables() {
        let lookup = "name: names\nfilename: n.csv\ncase_sensitive_match: 'false'\nmatch_type: WILDCARD(process)\n\
                      min_matches: 1\ndefault_match: 'false'\n";
        let rules = load(&[
            ("detections/d.yml", DETECTION),
            ("macros/logs.yml", "name: logs\ndefinition: source=XmlWinEventLog:Security\n"),
            ("lookups/names.yml", lookup),
            ("lookups/n.csv", "process,known\n\"a, \"\"b\"\"*\",true\n"),
        ]);
        assert_eq!(rules.len(), 1);
        let (rule, meta) = (&rules[0], &rules[0].meta);
        assert_eq!(rule.status, LoadStatus::Ok, "{:?}", rule.diagnostics);
        assert_eq!((meta.id.as_str(), meta.language, meta.level), ("i", "spl", Level::High));
        assert_eq!(meta.techniques(), ["T1218.003"]);
        let plan = text::plan(&rule.plan);
        assert!(plan.contains("lookup n.csv on [process~="), "{plan}");
        assert!(plan.contains("scan splunk{source=xmlwineventlog:security}"), "{plan}");
    }

    #[test]
    fn what_is_missing_is_said() {
        let rules = load(&[("d.yml", DETECTION)]);
        assert_eq!(rules[0].status, LoadStatus::Rejected);
        let place = rules[0].diagnostics[0].span;
        assert_eq!(&DETECTION[place.start..place.end], "`logs`");
    }
}
