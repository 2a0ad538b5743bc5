//! Jupyter notebooks: the queries that their code cells hand to `spark.sql`, and cells that are a query as a whole
//! (`%%sql`). What is known of them is told by the text around: the first heading is the title, links into ATT&CK
//! name techniques.
//!
//! A notebook is JSON, which is YAML too. Cells are taken as they are written; outputs are not read, and nothing is run.

use shikra_ir::{Rule, RuleMeta};
use shikra_syntax::yaml::{self, Node};
use shikra_syntax::{Source, Span};

use crate::Options;
use crate::page::{numbered, techniques_in};
use crate::query::{Query, Text, made_id, rule};

/// Most queries of a notebook.
const MOST: usize = 1000;

/// The rules of a notebook; none where the text is none or holds no query.
pub(crate) fn rules(source: &Source, options: &Options) -> Vec<Rule> {
    if !crate::detect::is_called(source, &[".ipynb"]) {
        return Vec::new();
    }
    let documents = yaml::documents(&source.text, Span::new(0, source.text.len()));
    let root = documents.iter().find_map(|d| d.root.as_ref());
    let Some(cells) = root.and_then(|r| r.get("cells")) else { return Vec::new() };
    let mut meta = RuleMeta { title: stem(source), ..RuleMeta::default() };
    let (mut found, mut headed) = (Vec::new(), false);
    for cell in cells.items() {
        let text = text_of(cell);
        match cell.text_of("cell_type") {
            Some("markdown") => {
                text.lines().for_each(|l| techniques_in(l, &mut meta.tags));
                let heading = text.lines().find_map(|l| l.strip_prefix("# ")).filter(|_| !headed);
                if let Some(heading) = heading {
                    (meta.title, headed) = (heading.trim().chars().take(200).collect(), true);
                }
            }
            Some("code") => found.extend(queries(&text).into_iter().map(|q| (q, cell.span))),
            _ => {}
        }
    }
    let several = found.len() > 1;
    let mut used = std::collections::BTreeMap::new();
    let each = found.into_iter().take(MOST).enumerate().map(|(i, (query, span))| {
        let text = Text::of_lines(source, span, &query);
        let mut meta = meta.clone();
        if several {
            meta.title = format!("{} ({})", meta.title, i + 1);
        }
        meta.id = match stem(source).as_str() {
            "" => made_id(source, text.span),
            stem => numbered(&mut used, format!("{stem}/sql")),
        };
        rule(Query { language: "sql", dialect: None, text, meta }, source, options)
    });
    each.collect()
}

/// The file's name without folder and ending.
fn stem(source: &Source) -> String {
    let name = source.name.rsplit(['/', '\\']).next().unwrap_or("");
    name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_owned()
}

/// A cell's text, which is one text or a list of lines.
fn text_of(cell: &Node<'_>) -> String {
    let Some(source) = cell.get("source") else { return String::new() };
    match source.text() {
        Some(text) => text.to_owned(),
        None => source.items().iter().filter_map(Node::text).collect(),
    }
}

/// The queries of a code cell.
fn queries(code: &str) -> Vec<String> {
    if let Some(rest) = code.trim_start().strip_prefix("%%sql") {
        let (_, query) = rest.split_once('\n').unwrap_or(("", ""));
        return Some(query.to_owned()).filter(|q| !q.trim().is_empty()).into_iter().collect();
    }
    let mut out = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find(".sql(") {
        let line = rest.get(..at).and_then(|b| b.rsplit('\n').next()).unwrap_or("");
        rest = rest.get(at + ".sql(".len()..).unwrap_or("");
        if line.trim_start().starts_with('#') {
            continue;
        }
        if let Some((text, after)) = string(rest.trim_start()) {
            if !text.trim().is_empty() {
                out.push(text);
            }
            rest = after;
        }
    }
    out
}

/// A Python string at the start of a text: what it says, and what follows. Formatted ones hold more than text.
fn string(code: &str) -> Option<(String, &str)> {
    let prefix = code.bytes().take_while(|b| matches!(b.to_ascii_lowercase(), b'r' | b'u' | b'b')).count();
    let raw = code.get(..prefix)?.to_ascii_lowercase().contains('r');
    let code = code.get(prefix..)?;
    let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|q| code.starts_with(q))?;
    let mut rest = code.get(quote.len()..)?;
    let mut out = String::new();
    loop {
        if let Some(after) = rest.strip_prefix(quote) {
            return Some((out, after));
        }
        let c = rest.chars().next()?;
        rest = rest.get(c.len_utf8()..)?;
        if c != '\\' {
            out.push(c);
            continue;
        }
        let next = rest.chars().next()?;
        rest = rest.get(next.len_utf8()..)?;
        match next {
            next if raw => out.extend(['\\', next]),
            '\n' => {}
            '\\' | '\'' | '"' => out.push(next),
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'r' => out.push('\r'),
            other => out.extend(['\\', other]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shikra_ir::LoadStatus;

    #[test]
    fn queries_of_cells() {
        let code = "from x import y\n# spark.sql('no')\ndf = spark.sql(\n'''\nSELECT a FROM dataTable\nWHERE b LIKE '%\\\\\\\\c'\n'''\n)\n\
                    df.show(10, False)\nspark.sql(r\"SELECT '\\d'\").show()\nspark.sql(query)\n";
        let want = ["\nSELECT a FROM dataTable\nWHERE b LIKE '%\\\\c'\n", "SELECT '\\d'"];
        assert_eq!(queries(code), want);
        assert_eq!(queries("%%sql\nSELECT 1\n"), ["SELECT 1\n"]);
        assert_eq!(queries("spark.sql('''never ends"), Vec::<String>::new());
    }

    #[test]
    fn a_notebook_is_a_file_of_rules() {
        let text = r##"{"cells": [
 {"cell_type": "markdown", "metadata": {}, "source": ["# Remote thing\n", "| [x](https://attack.mitre.org/techniques/T1021/002/) |\n"]},
 {"cell_type": "code", "execution_count": null, "metadata": {}, "outputs": [], "source": ["df = spark.sql(\n", "\"\"\"\n",
  "SELECT Image\n", "FROM dataTable\n", "WHERE Image LIKE \"%.exe\" AND nosuch(Image)\n", "\"\"\"\n", ")"]}],
 "metadata": {}, "nbformat": 4, "nbformat_minor": 2}"##;
        let source = Source::new("docs/WIN-1.ipynb", text);
        let rules = rules(&source, &Options::default());
        assert_eq!(rules.len(), 1);
        assert_eq!((&*rules[0].meta.id, &*rules[0].meta.title), ("WIN-1/sql", "Remote thing"));
        assert_eq!(rules[0].meta.techniques(), ["T1021.002"]);
        assert_ne!(rules[0].status, LoadStatus::Ok);
        let line = source.position(rules[0].diagnostics[0].span.start).0;
        assert_eq!(line, 4, "places are those of the file");
    }

    #[test]
    fn other_files_are_none() {
        assert!(rules(&Source::new("a.ipynb", "{\"cells\": 3"), &Options::default()).is_empty());
        assert!(rules(&Source::new("a.json", "{\"cells\": []}"), &Options::default()).is_empty());
    }
}
