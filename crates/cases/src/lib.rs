//! What tests and benches of matching need: readable cases, rules from folders, events from files.
//!
//! A case is a heading, a fenced block of rules whose info string is the language, a fenced block `jsonl` of
//! events, and a fenced block `matches` with the 1-based lines that match. Rules that make rows have a block
//! `rows` instead. Blocks `file NAME` are files beside the rules.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use shikra_event::Event;
use shikra_input::{Decode, Format, Item, Parts, Sink, Trouble};
use shikra_ir::{LoadStatus, LogSource, Plan, Rule, text};
use shikra_languages::{Options, RuleSet, load};
use shikra_matcher::Filter;
use shikra_syntax::Source;
use shikra_taxonomy::Taxonomy;

/// One case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Case {
    /// Its heading.
    pub title: String,
    /// Language of the rules.
    pub language: String,
    /// The rules.
    pub rules: String,
    /// The events, a JSON document a line.
    pub events: String,
    /// Lines that match; none where the block is missing.
    pub matches: Option<Vec<u64>>,
    /// The rows of the result, a JSON object a line without fields that are null; none where the block is missing.
    pub rows: Option<String>,
    /// Files beside the rules: name, text.
    pub files: Vec<(String, String)>,
    /// The block `matches` as it is written: for rules over several events a finding a line.
    pub lines: String,
}

/// The cases of a page.
///
/// # Errors
/// What is wrong with the page.
pub fn cases(page: &str) -> Result<Vec<Case>, String> {
    let mut out: Vec<Case> = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(title) = line.strip_prefix("# ") {
            out.push(Case { title: title.into(), ..Case::default() });
        } else if let Some(kind) = line.strip_prefix("```") {
            let case = out.last_mut().ok_or("a block before the first heading")?;
            let body: String =
                lines.by_ref().take_while(|l| l.trim_end() != "```").flat_map(|l| [l, "\n"]).collect();
            match kind.trim() {
                "jsonl" => case.events = body,
                "rows" => case.rows = Some(body),
                file if file.starts_with("file ") => {
                    case.files.push((file.trim_start_matches("file ").trim().to_owned(), body));
                }
                "matches" => {
                    let numbers: Result<_, _> = body.split_whitespace().map(str::parse).collect();
                    case.matches = Some(numbers.map_err(|e| format!("{}: {e}", case.title))?);
                    case.lines = body;
                }
                language => (case.language, case.rules) = (language.into(), body),
            }
        }
    }
    Ok(out)
}

impl Case {
    /// The rules, loaded.
    pub fn load(&self) -> RuleSet {
        let source = match self.language.as_str() {
            "sigma" | "content" => Source::new("case.yml", self.rules.as_str()),
            "toml" => Source::new("case.toml", self.rules.as_str()),
            other => Source::new("case.md", format!("```{other}\n{}```\n", self.rules)),
        };
        let files = self.files.iter().map(|(name, text)| Source::new(name.as_str(), text.as_str()));
        let sources: Vec<Source> = [source].into_iter().chain(files).collect();
        load(&sources, &Options::default())
    }
}

/// All files below `dir` with one of these extensions, sorted.
pub fn files(dir: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut out = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            let path = entry.path();
            let fits = |e: &&str| path.extension().is_some_and(|x| x.eq_ignore_ascii_case(e));
            if path.is_dir() {
                open.push(path);
            } else if extensions.iter().any(fits) {
                out.push(path);
            }
        }
    }
    out.sort();
    out
}

/// The rules of all YAML files below `dir`.
pub fn rules_below(dir: &Path) -> Vec<Rule> {
    let sources: Vec<Source> = files(dir, &["yml", "yaml"])
        .iter()
        .filter_map(|p| Some(Source::new(p.display().to_string(), fs::read_to_string(p).ok()?)))
        .collect();
    load(&sources, &Options::default()).rules
}

/// A filter, and the title of the rule it comes from.
pub struct Named {
    /// Title.
    pub title: String,
    /// Log source and condition as text.
    pub text: String,
    /// The filter.
    pub filter: Filter,
}

/// What rules ask of single events: the filters that stand directly on a log source.
pub fn filters(rules: &[Rule], taxonomy: &Taxonomy) -> Vec<Named> {
    let mut out = Vec::new();
    for rule in rules.iter().filter(|r| r.status != LoadStatus::Rejected) {
        let mut open = vec![&rule.plan];
        while let Some(plan) = open.pop() {
            match plan.single_event() {
                Some((source, expr)) => out.extend(named(rule, plan, source, expr, taxonomy)),
                None => open.extend(plan.children()),
            }
        }
    }
    out
}

fn named(
    rule: &Rule,
    plan: &Plan,
    source: &LogSource,
    expr: shikra_ir::Expr,
    taxonomy: &Taxonomy,
) -> Option<Named> {
    let selector = taxonomy.select(source).ok()?;
    let title = rule.meta.title.clone();
    Some(Named { title, text: text::plan(plan), filter: Filter { selector, expr } })
}

/// Tells `f` every event of some files, in order; answers how many there were.
///
/// # Errors
/// None at present: what cannot be read is passed over.
pub fn events(paths: Vec<PathBuf>, f: &mut dyn FnMut(&Event<'_>)) -> io::Result<u64> {
    struct Each<'f>(&'f mut dyn FnMut(&Event<'_>), u64);
    impl Sink for Each<'_> {
        fn event(&mut self, event: &Event<'_>) {
            self.1 += 1;
            (self.0)(event);
        }
        fn trouble(&mut self, _: Trouble) {}
    }
    let mut sink = Each(f, 0);
    let mut parts = Parts::new(paths, shikra_input::Options::default());
    let mut decoder: Option<(*const Format, Box<dyn Decode>)> = None;
    let mut spare = None;
    while let Some(item) = parts.next(spare.take()) {
        let Item::Part(part) = item else { continue };
        let format: *const Format = part.format;
        let (_, decode) = match &mut decoder {
            Some(d) if std::ptr::eq(d.0, format) => d,
            d => d.insert((format, (part.format.decode)())),
        };
        decode.decode(&part, &mut sink);
        spare = Some(part.data);
    }
    Ok(sink.1)
}

/// The unpacked corpora, where they are.
pub fn corpora() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/corpora");
    let dir = std::env::var_os("SHIKRA_CORPORA").map_or(here, PathBuf::from);
    dir.is_dir().then_some(dir)
}
