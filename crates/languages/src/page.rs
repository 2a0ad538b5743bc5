//! Queries on pages: fenced blocks whose info string or heading names a language, lines that hold nothing but a
//! language's name before a query, and table cells in the older form of the Threat Hunter Playbook
//! (`process WHERE …`). A file whose extension is a language's name is a query as a whole.
//!
//! What is known of them (title, ids, techniques, severity) is told by the page itself.

use std::collections::BTreeMap;

use shikra_ir::{Level, Rule, RuleMeta};
use shikra_syntax::{Source, Span, yaml};

use crate::detect::{Fence, fences};
use crate::query::{Query, Text, made_id, rule};
use crate::{LANGUAGES, Options};

/// Most queries of a page.
const MOST: usize = 1000;
/// Words by which pages call languages, the languages, and the dialect where the word tells.
const WORDS: &[(&str, &str, Option<&str>)] = &[
    ("eql", "eql", None),
    ("kql", "kql", Some("ecs")),
    ("kuery", "kql", Some("ecs")),
    ("lucene", "kql", Some("lucene")),
    ("esql", "esql", None),
    ("es|ql", "esql", None),
    ("spl", "spl", None),
    ("splunk", "spl", None),
    ("logpoint", "logpoint", None),
    ("pseudocode", "car", None),
    ("car", "car", None),
    ("sql", "sql", None),
    ("dnif", "dnif", None),
];

/// Dialects that an info string may name after its language: `eql-endgame`.
const DIALECTS: &[&str] = &["elastic", "endpoint", "endgame", "playbook", "lucene"];

/// A language, and its dialect where that is told.
type Named = (&'static str, Option<&'static str>);

/// The rules of a page; none where it is none or holds no query.
pub(crate) fn rules(source: &Source, options: &Options) -> Vec<Rule> {
    let found = find(source);
    if found.is_empty() || crate::elastic::is_page_of_hunt(&source.text) {
        return Vec::new();
    }
    let known = known(source);
    let mut used: BTreeMap<String, usize> = BTreeMap::new();
    let each = found.into_iter().take(MOST).map(|mut query| {
        query.meta = known.clone();
        query.meta.id = match known.id.as_str() {
            "" => made_id(source, query.text.span),
            id => numbered(&mut used, format!("{id}/{}", query.language)),
        };
        rule(query, source, options)
    });
    each.collect()
}

/// The first of a name as it is, the others with their number.
pub(crate) fn numbered(used: &mut BTreeMap<String, usize>, id: String) -> String {
    let count = used.entry(id.clone()).or_default();
    *count += 1;
    if *count == 1 { id } else { format!("{id}.{count}") }
}

fn find(source: &Source) -> Vec<Query> {
    let extension = source.name.rsplit_once('.').map_or("", |(_, e)| e).to_ascii_lowercase();
    let extension = extension.as_str();
    if let Some(l) = LANGUAGES.iter().find(|l| l.name == extension && l.name != "sigma") {
        let span = Span::new(0, source.text.len());
        return vec![Query { language: l.name, text: Text::at(source, span), ..Query::default() }];
    }
    if !matches!(extension, "md" | "markdown" | "txt" | "html" | "htm") {
        return Vec::new();
    }
    let fences = fences(&source.text);
    let mut out = fenced(source, &fences);
    let outside = lines(source, &fences);
    out.extend(marked(source, &outside));
    out.extend(cells(source, &outside));
    out.sort_by_key(|q| q.text.span.start);
    out
}

/// The language that a word names.
fn language(word: &str) -> Option<Named> {
    WORDS.iter().find(|(w, ..)| w.eq_ignore_ascii_case(word)).map(|(_, l, d)| (*l, *d))
}

/// The first language that a heading names.
fn of_heading(heading: &str) -> Option<Named> {
    heading.split(|c: char| !c.is_alphanumeric() && c != '|').find_map(language)
}

/// Lines outside of fences: text without its end, and where it begins.
fn lines<'s>(source: &'s Source, fences: &[Fence]) -> Vec<(&'s str, usize)> {
    let mut fences = fences.iter().map(|f| f.outer).peekable();
    let (mut out, mut at) = (Vec::new(), 0);
    for line in source.text.split_inclusive('\n') {
        while fences.next_if(|f| f.end <= at).is_some() {}
        if fences.peek().is_none_or(|f| at < f.start) {
            out.push((line.trim_end(), at));
        }
        at += line.len();
    }
    out
}

fn fenced(source: &Source, fences: &[Fence]) -> Vec<Query> {
    let outside = lines(source, fences);
    let headings: Vec<(usize, &str)> =
        outside.iter().filter(|(l, _)| l.starts_with('#')).map(|(l, at)| (*at, *l)).collect();
    let mut out = Vec::new();
    for f in fences {
        let last = headings.partition_point(|(at, _)| *at < f.inner.start).checked_sub(1);
        let heading = last.and_then(|i| headings.get(i)).map_or("", |(_, l)| *l);
        let (word, dialect) = f.info.split_once('-').unwrap_or((&f.info, ""));
        let named = match word {
            "" | "text" | "txt" | "plain" => of_heading(heading),
            word => language(word).filter(|(l, _)| LANGUAGES.iter().any(|known| known.name == *l)),
        };
        let Some((language, told)) = named else { continue };
        let dialect = DIALECTS.iter().find(|d| **d == dialect).copied().or(told);
        if !source.slice(f.inner).trim().is_empty() {
            out.push(Query { language, dialect, text: Text::at(source, f.inner), ..Query::default() });
        }
    }
    out
}

/// A line that is a language's name and nothing else, then the query: its first line, and those that go on with
/// it (indented, within brackets, or begun by a sign that continues).
fn marked(source: &Source, lines: &[(&str, usize)]) -> Vec<Query> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some((line, _)) = lines.get(at) {
        at += 1;
        let word = line.trim();
        let marker = word == word.to_lowercase() && !word.is_empty();
        let Some((language, dialect)) = language(word).filter(|_| marker) else { continue };
        let Some((first, start)) = lines.get(at).filter(|(l, _)| !l.trim().is_empty()) else { continue };
        let mut depth = nesting(first);
        let mut end = start + first.len();
        at += 1;
        while let Some((next, place)) = lines.get(at).filter(|(l, _)| goes_on(l, depth)) {
            depth += nesting(next);
            end = place + next.len();
            at += 1;
        }
        let text = Text::at(source, Span::new(*start, end));
        out.push(Query { language, dialect, text, ..Query::default() });
    }
    out
}

fn goes_on(line: &str, depth: i64) -> bool {
    let bare = line.trim_start();
    let first = bare.split_whitespace().next().unwrap_or("").to_ascii_lowercase();
    let connects = matches!(first.as_str(), "and" | "or" | "not" | "until" | "by" | "with" | "where");
    !bare.is_empty()
        && (depth > 0 || bare.len() < line.len() || connects || bare.starts_with(['|', '[', ')', ']', '!']))
}

/// Brackets opened less those closed, quoted text left out.
fn nesting(line: &str) -> i64 {
    let (mut depth, mut quote) = (0, None);
    for c in line.chars() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '(' | '[') => depth += 1,
            (None, ')' | ']') => depth -= 1,
            _ => {}
        }
    }
    depth
}

/// Cells of Markdown tables that hold a Playbook query.
fn cells(source: &Source, lines: &[(&str, usize)]) -> Vec<Query> {
    let mut out = Vec::new();
    for (line, start) in lines.iter().filter(|(l, _)| l.trim_start().starts_with('|')) {
        let mut at = *start;
        for cell in line.split('|') {
            let inner = cell.trim();
            let mut words = inner.split_whitespace();
            let object = words.next().is_some_and(|w| w.chars().all(|c| c.is_alphanumeric() || c == '_'));
            if object && words.next().is_some_and(|w| w.eq_ignore_ascii_case("where")) {
                let from = at + (cell.len() - cell.trim_start().len());
                let text = Text::unescaped(source, Span::new(from, from + inner.len()));
                out.push(Query { language: "sql", dialect: Some("playbook"), text, ..Query::default() });
            }
            at += cell.len() + 1;
        }
    }
    out
}

/// What the page tells of itself.
fn known(source: &Source) -> RuleMeta {
    let text = source.text.trim_start_matches('\u{feff}');
    let mut meta = RuleMeta::default();
    let front = text.strip_prefix("---\n").or_else(|| text.strip_prefix("---\r\n"));
    if let Some(front) = front.and_then(|rest| rest.split("\n---").next()) {
        front_matter(front, &mut meta);
    }
    if meta.title.is_empty() {
        let heading = text.lines().find_map(|l| l.strip_prefix("# "));
        let first = || text.lines().find(|l| !l.trim().is_empty());
        meta.title = heading.or_else(first).unwrap_or_default().trim().chars().take(200).collect();
    }
    if let Some((id, title)) = meta.title.split_once(": ")
        && meta.id.is_empty()
        && id.len() <= 40
        && id.contains('-')
        && id.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-')
    {
        (meta.id, meta.title) = (id.to_owned(), title.trim().to_owned());
    }
    for line in text.lines().filter(|l| l.len() < 2000) {
        techniques(line, &mut meta.tags);
        let mut words = line.split_whitespace();
        if let (Some(level), Some("severity")) = (words.next(), words.next()) {
            meta.level = Level::parse(level).unwrap_or(meta.level);
        }
    }
    meta
}

fn front_matter(text: &str, meta: &mut RuleMeta) {
    let documents = yaml::documents(text, Span::new(0, text.len()));
    let Some(root) = documents.first().and_then(|d| d.root.as_ref()) else { return };
    let one = |key: &str| root.text_of(key).map(|t| t.trim().to_owned()).filter(|t| !t.is_empty());
    meta.title = one("title").unwrap_or_default();
    meta.id = one("id").unwrap_or_default();
    meta.date = one("submission_date").or_else(|| one("date"));
    meta.author = one("contributors").or_else(|| one("author"));
    meta.description = one("description");
    meta.level = one("level").and_then(|l| Level::parse(&l)).unwrap_or_default();
    meta.tags = root.texts_of("tags").iter().map(|t| t.trim().to_lowercase()).collect();
}

/// ATT&CK techniques: an id at the start of a line, and links into ATT&CK within tables.
fn techniques(line: &str, tags: &mut Vec<String>) {
    let mut add = |id: &str| {
        let tag = format!("attack.{}", id.to_ascii_lowercase());
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    };
    let first = line.split_whitespace().next().unwrap_or("");
    if is_technique(first) {
        add(first);
    }
    if !line.starts_with('|') {
        return;
    }
    for link in line.split("attack.mitre.org/techniques/").skip(1) {
        let path = link.split([')', ' ', '"']).next().unwrap_or("").trim_end_matches('/');
        let id = path.replace('/', ".");
        if is_technique(&id) {
            add(&id);
        }
    }
}

/// Those of a line of a notebook, tables or not.
pub(crate) fn techniques_in(line: &str, tags: &mut Vec<String>) {
    techniques(line, tags);
    if !line.starts_with('|') && line.len() < 2000 {
        techniques(&format!("|{line}"), tags);
    }
}

fn is_technique(word: &str) -> bool {
    let digits = |s: &str, n: usize| s.len() == n && s.bytes().all(|b| b.is_ascii_digit());
    let Some(rest) = word.strip_prefix('T') else { return false };
    match rest.split_once('.') {
        Some((id, sub)) => digits(id, 4) && digits(sub, 3),
        None => digits(rest, 4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(name: &str, page: &str) -> Vec<(&'static str, String)> {
        find(&Source::new(name, page)).into_iter().map(|q| (q.language, q.text.text)).collect()
    }

    #[test]
    fn blocks_by_info_string_and_by_heading() {
        let page = "## Splunk Search - x (Splunk)\ntext\n```\nindex=a\n```\n### Pseudocode\n```python\nno\n```\n\
                    ```text\nx = search\n```\n## Other\n```\nno\n```\n```eql\nany where true\n```\n";
        let want = [("spl", "index=a\n"), ("car", "x = search\n"), ("eql", "any where true\n")];
        assert_eq!(texts("a.md", page), want.map(|(l, t)| (l, t.to_owned())));
    }

    #[test]
    fn marker_lines() {
        let page = "Query\neql\nprocess where (\n  a : \"x\"\n)\n  and b\nhigh severity\n\nSplunk\nis a product\n\neql\n\n";
        let want = [("eql", "process where (\n  a : \"x\"\n)\n  and b".to_owned())];
        assert_eq!(texts("a.txt", page), want);
    }

    #[test]
    fn cells_of_tables() {
        let page = "| A | B |\n|--|--|\n| Anomaly |  process WHERE process\\_name == \"x\" | y |\n";
        assert_eq!(texts("a.md", page), [("sql", "process WHERE process_name == \"x\"".to_owned())]);
    }

    #[test]
    fn what_a_page_tells_of_itself() {
        let page = "---\ntitle: \"CAR-2020-01-001: A name\"\nsubmission_date: 2020/01/02\n---\n\
                    |[a](https://attack.mitre.org/techniques/T1218/)|[b](https://attack.mitre.org/techniques/T1218/003/)|\n\
                    high severity high confidence\n";
        let meta = known(&Source::new("a.md", page));
        assert_eq!((meta.id.as_str(), meta.title.as_str()), ("CAR-2020-01-001", "A name"));
        assert_eq!(meta.techniques(), ["T1218", "T1218.003"]);
        assert_eq!(meta.level, Level::High);
    }
}
