//! The files that hold converted rules, as each language's rules are kept: a Sigma rule, Elastic's TOML, a detection of
//! Splunk's security content, a page with a fenced query. What is known of the rule goes along. This program reads
//! each of them back.

use std::fmt::Write as _;

use shikra_ir::{Level, Rule, RuleMeta};
use shikra_knowledge::versions::TACTICS;
use shikra_lang_sigma::yaml;

use super::{Converted, Target};
use crate::elastic::{self, Written};

/// Puts a query into its file.
/// `written`: what a rule of the same language says beside its query.
pub(super) fn whole(
    rule: &Rule,
    target: &Target,
    query: String,
    notes: Vec<String>,
    written: Option<&Written<'_>>,
) -> Converted {
    let meta = &rule.meta;
    let id = made_id(&meta.id, target.name);
    let (file, extension) = match target.name {
        "sigma" => (sigma(meta, &id, &query, &notes), "yml"),
        "spl" => (security_content(meta, &id, &query, &notes), "yml"),
        "eql" | "kql" | "esql" => (elastic(meta, target.name, &id, &query, &notes, written), "toml"),
        other => (page(meta, other, &id, &query, &notes), "md"),
    };
    // A query of a page is known by the page's id and its language.
    let id = if extension == "md" { format!("{id}/{}", target.name) } else { id };
    Converted { query, file, extension, id, notes }
}

/// A UUID made of the old id and the new language.
fn made_id(id: &str, target: &str) -> String {
    let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    for b in id.bytes().chain([0]).chain(target.bytes()) {
        hash = (hash ^ u128::from(b)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
    }
    let mut hex = format!("{hash:032x}");
    // Version 8 (made by a rule of its own), variant 10.
    hex.replace_range(12..13, "8");
    hex.replace_range(16..17, "a");
    let cut = |a: usize, b: usize| hex.get(a..b).unwrap_or_default().to_owned();
    [cut(0, 8), cut(8, 12), cut(12, 16), cut(16, 20), cut(20, 32)].join("-")
}

fn is_uuid(id: &str) -> bool {
    let lengths: Vec<usize> = id.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && id.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

/// `Converted from …` and what to know of it.
fn origin(meta: &RuleMeta, notes: &[String]) -> Vec<String> {
    let mut out = vec![format!("Converted from the {} rule {}", meta.language, meta.id)];
    out.extend(notes.iter().cloned());
    out
}

/// Comment lines; nothing ends one early.
fn comments(sign: &str, lines: &[String]) -> String {
    let one = |l: &String| format!("{sign} {}\n", l.replace(|c: char| c.is_control(), " "));
    lines.iter().map(one).collect()
}

fn list(key: &str, values: &[String], out: &mut String) {
    if !values.is_empty() {
        let _ = writeln!(out, "{key}:");
        values.iter().for_each(|v| out.push_str(&format!("    - {}\n", scalar(v))));
    }
}

/// A YAML value on one line.
fn scalar(text: &str) -> String {
    let one_line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    yaml(&one_line)
}

fn description(meta: &RuleMeta) -> String {
    meta.description.clone().filter(|d| !d.trim().is_empty()).unwrap_or_else(|| meta.title.clone())
}

fn sigma(meta: &RuleMeta, id: &str, query: &str, notes: &[String]) -> String {
    let mut out = comments("#", &origin(meta, notes));
    let _ = writeln!(out, "title: {}\nid: {id}", scalar(&meta.title));
    if is_uuid(&meta.id) {
        let _ = writeln!(out, "related:\n    - id: {}\n      type: derived", meta.id);
    }
    let status = match meta.status.as_deref() {
        Some(s @ ("stable" | "test" | "experimental" | "deprecated" | "unsupported")) => s,
        Some("production") => "stable",
        _ => "experimental",
    };
    let _ = writeln!(out, "status: {status}\ndescription: {}", scalar(&description(meta)));
    list("references", &meta.references, &mut out);
    for (key, value) in [("author", &meta.author), ("date", &meta.date), ("modified", &meta.modified)] {
        if let Some(v) = value {
            let v = if key == "author" { v.clone() } else { v.replace('/', "-") };
            let _ = writeln!(out, "{key}: {}", scalar(&v));
        }
    }
    list("tags", &meta.tags, &mut out);
    out.push_str(query);
    list("fields", &meta.fields, &mut out);
    list("falsepositives", &meta.false_positives, &mut out);
    let _ = writeln!(out, "level: {}", meta.level.as_str());
    out
}

/// Techniques named by tags, sub-techniques under theirs.
fn techniques(meta: &RuleMeta) -> Vec<(String, Vec<String>)> {
    let mut out: Vec<(String, Vec<String>)> = Vec::new();
    for id in meta.techniques() {
        let parent = id.split('.').next().unwrap_or_default().to_owned();
        let at = match out.iter().position(|(p, _)| *p == parent) {
            Some(at) => at,
            None => {
                out.push((parent.clone(), vec![]));
                out.len() - 1
            }
        };
        if let Some((_, subs)) = out.get_mut(at).filter(|_| id != parent) {
            subs.push(id);
        }
    }
    out
}

/// Severity and risk score, as Elastic and Splunk grade them.
fn grade(level: Level) -> (&'static str, u32, u32) {
    match level {
        Level::Informational => ("low", 1, 0),
        Level::Low => ("low", 21, 20),
        Level::Medium => ("medium", 47, 50),
        Level::High => ("high", 73, 80),
        Level::Critical => ("critical", 99, 95),
    }
}

/// A TOML string in double quotes.
pub(crate) fn toml(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn toml_list(values: &[String]) -> String {
    let all: Vec<String> = values.iter().map(|v| toml(v)).collect();
    format!("[{}]", all.join(", "))
}

/// A query in a string of several lines, as it stands where it can.
fn toml_query(query: &str) -> String {
    if query.contains("'''") || query.ends_with('\'') || query.chars().any(|c| c.is_control() && c != '\n') {
        return toml(query);
    }
    format!("'''\n{query}\n'''")
}

fn elastic(
    meta: &RuleMeta,
    language: &str,
    id: &str,
    query: &str,
    notes: &[String],
    written: Option<&Written<'_>>,
) -> String {
    let mut out = comments("#", &origin(meta, notes));
    let date = |d: &Option<String>| d.as_deref().map(|d| d.replace('-', "/"));
    let created = date(&meta.date).unwrap_or_else(|| "1970/01/01".into());
    let updated = date(&meta.modified).unwrap_or_else(|| created.clone());
    let _ =
        writeln!(out, "[metadata]\ncreation_date = {}\nupdated_date = {}", toml(&created), toml(&updated));
    let maturity = meta.status.as_deref().unwrap_or("development");
    let _ = writeln!(out, "maturity = {}\n\n[rule]", toml(maturity));
    let author = meta.author.clone().unwrap_or_else(|| "unknown".into());
    let _ = writeln!(out, "author = {}", toml_list(&[author]));
    let _ = writeln!(out, "description = {}", toml(description(meta).trim()));
    if !meta.false_positives.is_empty() {
        let _ = writeln!(out, "false_positives = {}", toml_list(&meta.false_positives));
    }
    let from = written.and_then(|w| elastic::ago(w.from?)).unwrap_or_else(|| "now-9m".into());
    let _ = writeln!(out, "from = {}", toml(&from));
    if language != "esql" {
        let windows: Vec<String> = super::speech::INDICES.iter().map(|i| (*i).to_owned()).collect();
        // A rule that is written again keeps its own, or has none.
        let own = written.map(|w| elastic::indices(w.input).unwrap_or_default());
        let indices = own.unwrap_or(&windows);
        if !indices.is_empty() {
            let _ = writeln!(out, "index = {}", toml_list(indices));
        }
    }
    let (named, kind) = match language {
        "kql" => ("kuery", "query"),
        other => (other, other),
    };
    let kind = written.and_then(|w| w.kind).unwrap_or(kind);
    let (severity, risk, _) = grade(meta.level);
    let _ = writeln!(out, "language = {}\nname = {}", toml(named), toml(&meta.title));
    if !meta.references.is_empty() {
        let _ = writeln!(out, "references = {}", toml_list(&meta.references));
    }
    let _ = writeln!(out, "risk_score = {risk}\nrule_id = {}\nseverity = {}", toml(id), toml(severity));
    let _ = writeln!(out, "timestamp_override = \"event.ingested\"\ntype = {}", toml(kind));
    let _ = writeln!(out, "query = {}", toml_query(query));
    out.push_str(written.map_or("", |w| &w.lines));
    out.push_str(written.map_or("", |w| &w.tables));
    if !meta.fields.is_empty() {
        let _ = writeln!(out, "\n[rule.investigation_fields]\nfield_names = {}", toml_list(&meta.fields));
    }
    threats(meta, &mut out);
    out
}

/// ATT&CK, the techniques under the first tactic.
fn threats(meta: &RuleMeta, out: &mut String) {
    let tag = |name: &str| meta.tags.iter().any(|t| t.replace('_', "-") == format!("attack.{name}"));
    let mut tactics: Vec<Option<&(&str, &str, &str)>> =
        TACTICS.iter().filter(|(name, ..)| tag(name)).map(Some).collect();
    let mut techniques = techniques(meta);
    if tactics.is_empty() && !techniques.is_empty() {
        tactics.push(None);
    }
    let link = |id: &str| toml(&format!("https://attack.mitre.org/techniques/{}/", id.replace('.', "/")));
    for tactic in tactics {
        out.push_str("\n[[rule.threat]]\nframework = \"MITRE ATT&CK\"\n");
        for (id, subs) in std::mem::take(&mut techniques) {
            let head =
                |id: &str| format!("id = {}\nname = {}\nreference = {}\n", toml(id), toml(id), link(id));
            let _ = write!(out, "\n[[rule.threat.technique]]\n{}", head(&id));
            for sub in subs {
                let _ = write!(out, "\n[[rule.threat.technique.subtechnique]]\n{}", head(&sub));
            }
        }
        if let Some((_, id, name)) = tactic {
            let reference = toml(&format!("https://attack.mitre.org/tactics/{id}/"));
            let (id, name) = (toml(id), toml(name));
            let _ =
                writeln!(out, "\n[rule.threat.tactic]\nid = {id}\nname = {name}\nreference = {reference}");
        }
    }
}

fn security_content(meta: &RuleMeta, id: &str, query: &str, notes: &[String]) -> String {
    let mut out = comments("#", &origin(meta, notes));
    let _ = writeln!(out, "name: {}\nid: {id}\nversion: 1", scalar(&meta.title));
    let date = meta.modified.as_ref().or(meta.date.as_ref());
    let _ = writeln!(out, "date: {}", scalar(&date.map_or_else(String::new, |d| d.replace('/', "-"))));
    let _ = writeln!(out, "author: {}", scalar(meta.author.as_deref().unwrap_or("unknown")));
    let _ = writeln!(out, "status: {}", scalar(meta.status.as_deref().unwrap_or("experimental")));
    let _ = writeln!(out, "type: TTP\ndescription: {}", scalar(&description(meta)));
    let _ = writeln!(out, "search: {}", quoted(query));
    let known =
        if meta.false_positives.is_empty() { "unknown".into() } else { meta.false_positives.join("; ") };
    let _ = writeln!(out, "known_false_positives: {}", scalar(&known));
    list("references", &meta.references, &mut out);
    let (_, _, risk) = grade(meta.level);
    out.push_str("tags:\n");
    let techniques = meta.techniques();
    if !techniques.is_empty() {
        out.push_str("    mitre_attack_id:\n");
        techniques.iter().for_each(|t| out.push_str(&format!("        - {t}\n")));
    }
    let _ = writeln!(out, "    risk_score: {risk}\n    security_domain: endpoint");
    out
}

/// A YAML text in single quotes, on one line.
fn quoted(text: &str) -> String {
    let one_line = text.replace('\n', " ");
    format!("'{}'", one_line.replace('\'', "''"))
}

fn page(meta: &RuleMeta, language: &str, id: &str, query: &str, notes: &[String]) -> String {
    let mut out = format!("---\ntitle: {}\nid: {id}\n", scalar(&meta.title));
    for (key, value) in [("author", &meta.author), ("date", &meta.date)] {
        if let Some(v) = value {
            let _ = writeln!(out, "{key}: {}", scalar(v));
        }
    }
    let _ = writeln!(out, "level: {}\ndescription: {}", meta.level.as_str(), scalar(&description(meta)));
    list("tags", &meta.tags, &mut out);
    let _ = writeln!(out, "---\n\n{}.\n", origin(meta, notes).join(". "));
    let ticks = "`".repeat(longest(query).max(2) + 1);
    let _ = writeln!(out, "{ticks}{language}\n{query}\n{ticks}");
    list_of("References", &meta.references, &mut out);
    list_of("False positives", &meta.false_positives, &mut out);
    out
}

/// The longest run of backticks.
fn longest(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

fn list_of(title: &str, values: &[String], out: &mut String) {
    if !values.is_empty() {
        let _ = writeln!(out, "\n{title}:\n");
        let one_line = |v: &String| v.split_whitespace().collect::<Vec<_>>().join(" ");
        values.iter().for_each(|v| out.push_str(&format!("- {}\n", one_line(v))));
    }
}
