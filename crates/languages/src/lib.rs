//! The list of language frontends, and what a file is.
//!
//! [`parse_file`] looks at one text: which languages stand in it, as a whole or in the fenced blocks of a page,
//! and what their frontends make of it. Calls are independent, so a caller may run them in parallel.
//! [`assemble`] links the rules of all files; [`load`] is both. Files are read by the caller: nothing here
//! touches the disk. A new language is a line in [`LANGUAGES`], a new kind of file that holds queries one in
//! [`CONTAINERS`].

mod analytics;
mod content;
pub mod convert;
mod detect;
mod elastic;
mod lint;
mod notebook;
mod page;
mod query;
mod said;

use std::collections::HashMap;
use std::sync::Arc;

use shikra_ir::{LogSource, Names, Plan, Rule, Table};
use shikra_lang_car as car;
use shikra_lang_eql as eql;
use shikra_lang_esql as esql;
use shikra_lang_kql as kql;
use shikra_lang_logpoint as logpoint;
use shikra_lang_sigma as sigma;
use shikra_lang_spl as spl;
use shikra_lang_sql as sql;
use shikra_syntax::{Diagnostic, Source, Span};

pub use lint::{lint, lint_set, lint_tags};
use query::{Answer, Query};
pub use said::said;

/// How rules are read, for all languages.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Sigma's.
    pub sigma: sigma::Options,
    /// LogPoint's.
    pub logpoint: logpoint::Options,
    /// SPL's: macros and tables beside those that come with the rules.
    pub spl: spl::Options,
    /// Threat indicators, for rules that match events with them (Elastic's `threat_match`).
    pub indicators: Option<Arc<Table>>,
    /// What an ad hoc query asks for beside its text.
    pub query: QueryOptions,
}

/// What may be asked for beside the text of a query. A language takes what it has a use for.
#[derive(Clone, Debug, Default)]
pub struct QueryOptions {
    /// Comparisons do not ignore case, where the dialect leaves that open (endgame EQL).
    pub case_sensitive: bool,
    /// Greatest number of results.
    pub size: Option<u64>,
    /// Greatest number of samples per key (EQL `sample`).
    pub max_samples_per_key: Option<u32>,
}

impl Options {
    /// Adds a Sigma processing pipeline.
    ///
    /// # Errors
    /// Where it is not one, or has what is not supported.
    pub fn add_pipeline(&mut self, source: &Source) -> Result<(), Vec<Diagnostic>> {
        self.sigma.pipelines.push(sigma::Pipeline::parse(source)?);
        Ok(())
    }
}

/// A frontend.
pub struct Language {
    /// Name, as in findings and reports: `sigma`.
    pub name: &'static str,
    /// Name for people.
    pub title: &'static str,
    reader: Reader,
}

/// How a language is read.
enum Reader {
    /// Documents with their own metadata.
    Documents {
        /// The parts of a text that are in this language.
        find: fn(&Source) -> Vec<Span>,
        /// Reads one of them.
        parse: fn(&Source, Span, &Options) -> Parsed,
    },
    /// Bare queries, which stand in files of one of the [`CONTAINERS`].
    Queries(fn(&Query, &Options) -> Answer),
}

/// All frontends.
pub static LANGUAGES: &[&Language] = &[&SIGMA, &EQL, &KQL, &ESQL, &LOGPOINT, &SPL, &CAR, &SQL];

/// Kinds of file that hold queries: each answers the rules of a text, none where it is of another kind. The
/// first that answers any counts.
static CONTAINERS: &[fn(&Source, &Options) -> Vec<Rule>] =
    &[elastic::rules, analytics::rules, notebook::rules, page::rules];

static SIGMA: Language = Language {
    name: "sigma",
    title: "Sigma",
    reader: Reader::Documents {
        find: detect::sigma,
        parse: |source, region, options| Parsed::Sigma(sigma::parse(source, region, &options.sigma)),
    },
};

static EQL: Language = Language {
    name: "eql",
    title: "EQL",
    reader: Reader::Queries(|query, options| {
        let asked = &options.query;
        let options = eql::Options {
            dialect: query.dialect.and_then(eql::Dialect::named).unwrap_or_default(),
            case_sensitive: asked.case_sensitive,
            size: asked.size,
            max_samples_per_key: asked.max_samples_per_key,
        };
        let loaded = eql::load(&query.text.text, &options);
        Answer { plan: loaded.plan, status: loaded.status, diagnostics: loaded.diagnostics }
    }),
};

static KQL: Language = Language {
    name: "kql",
    title: "KQL and Lucene query strings",
    reader: Reader::Queries(|query, _| {
        let mut options = kql::Options::default();
        if matches!(query.dialect, Some("lucene")) {
            options.syntax = kql::Syntax::Lucene;
        }
        // A query asked of any documents knows no mapping of theirs.
        if query.dialect.is_some() {
            options.types = kql::Types::ecs();
        }
        let loaded = kql::load(&query.text.text, &options);
        let scan = || Plan::Scan(LogSource::any(Names::Ecs));
        let plan = loaded.predicate.map(|e| Plan::Filter(Box::new(scan()), e));
        Answer { plan, status: loaded.status, diagnostics: loaded.diagnostics }
    }),
};

static ESQL: Language = Language {
    name: "esql",
    title: "ES|QL",
    reader: Reader::Queries(|query, _| {
        let kql = |text: &str| {
            let loaded =
                kql::load(text, &kql::Options { types: kql::Types::ecs(), ..kql::Options::default() });
            let why = || loaded.diagnostics.first().map(|d| d.message.clone()).unwrap_or_default();
            loaded.predicate.clone().ok_or_else(why)
        };
        let loaded =
            esql::load(&query.text.text, &esql::Options { kql: Some(&kql), ..esql::Options::default() });
        Answer { plan: loaded.plan, status: loaded.status, diagnostics: loaded.diagnostics }
    }),
};

static LOGPOINT: Language = Language {
    name: "logpoint",
    title: "LogPoint",
    reader: Reader::Queries(|query, options| {
        let loaded = logpoint::load(&query.text.text, &options.logpoint);
        Answer { plan: loaded.plan, status: loaded.status, diagnostics: loaded.diagnostics }
    }),
};

static SQL: Language = Language {
    name: "sql",
    title: "Playbook SQL",
    reader: Reader::Queries(|query, _| {
        let dialect = query.dialect.and_then(sql::Dialect::named).unwrap_or_default();
        let loaded = sql::load(&query.text.text, dialect);
        Answer { plan: loaded.plan, status: loaded.status, diagnostics: loaded.diagnostics }
    }),
};

static CAR: Language = Language {
    name: "car",
    title: "CAR pseudocode",
    reader: Reader::Queries(|query, _| {
        // The analytic's own id stands before the language.
        let id = query.meta.id.split_once('/').map(|(id, _)| id);
        let loaded = car::load(&query.text.text, id);
        Answer { plan: loaded.plan, status: loaded.status, diagnostics: loaded.diagnostics }
    }),
};

static SPL: Language = Language {
    name: "spl",
    title: "SPL",
    reader: Reader::Queries(|query, options| {
        let loaded = spl::load(&query.text.text, &options.spl);
        Answer { plan: Some(loaded.plan), status: loaded.status, diagnostics: loaded.diagnostics }
    }),
};

/// What a frontend made of a part of a text.
#[derive(Clone, Debug)]
enum Parsed {
    /// To be linked with the rules of other files.
    Sigma(sigma::Parsed),
    /// Rules that stand alone.
    Rules(Vec<Rule>),
    /// A file of Splunk's security content: it means something together with the others.
    Content(Box<content::Part>),
}

/// What was found in one file.
#[derive(Clone, Debug)]
pub struct ParsedFile {
    source: Source,
    languages: Vec<&'static str>,
    parts: Vec<Parsed>,
    skipped: Option<String>,
}

/// What became of a file.
#[derive(Clone, Debug)]
pub struct LoadedFile {
    /// Its name and text, into which the spans of its rules point.
    pub source: Source,
    /// Languages found in it.
    pub languages: Vec<&'static str>,
    /// Why nothing was read from it.
    pub skipped: Option<String>,
}

/// The rules of a set of files.
#[derive(Clone, Debug, Default)]
pub struct RuleSet {
    /// All rules, rejected ones too, in the order of files and of writing.
    pub rules: Vec<Rule>,
    /// All files, skipped ones too.
    pub files: Vec<LoadedFile>,
}

impl RuleSet {
    /// The file that a rule came from.
    pub fn source_of(&self, rule: &Rule) -> Option<&Source> {
        self.files.iter().map(|f| &f.source).find(|s| *s.name == *rule.meta.path)
    }
}

/// Names of the languages that queries can be asked in.
pub fn query_languages() -> impl Iterator<Item = &'static str> {
    LANGUAGES.iter().filter(|l| matches!(l.reader, Reader::Queries(_))).map(|l| l.name)
}

/// Commands and functions that a language has, as its guide lists them; none for languages without such a list.
pub fn vocabulary(language: &str) -> Vec<&'static str> {
    match language {
        "esql" => esql::vocabulary(),
        "logpoint" => logpoint::vocabulary(),
        "spl" => spl::vocabulary(),
        _ => Vec::new(),
    }
}

/// Names under which SQL knows the table of all events.
pub fn sql_tables() -> &'static [&'static str] {
    sql::tables()
}

/// The rule of a query that stands alone, e.g. one typed by the user; none where `language` is none of
/// [`query_languages`].
pub fn query(
    language: &str,
    dialect: Option<&'static str>,
    source: &Source,
    options: &Options,
) -> Option<Rule> {
    let language = query_languages().find(|l| *l == language)?;
    let all = Span::new(0, source.text.len());
    let meta =
        shikra_ir::RuleMeta { id: "x-query".into(), title: source.text.trim().into(), ..Default::default() };
    Some(query::rule(Query { language, dialect, text: query::Text::at(source, all), meta }, source, options))
}

/// Reads one text.
pub fn parse_file(source: &Source, options: &Options) -> ParsedFile {
    let mut file =
        ParsedFile { source: source.clone(), languages: Vec::new(), parts: Vec::new(), skipped: None };
    if let Some(reason) = detect::unfit(source) {
        file.skipped = Some(reason);
        return file;
    }
    // Most files are of one language.
    file.languages.reserve_exact(1);
    for language in LANGUAGES {
        let Reader::Documents { find, parse } = &language.reader else { continue };
        let regions = find(source);
        file.languages.extend((!regions.is_empty()).then_some(language.name));
        file.parts.reserve_exact(regions.len());
        file.parts.extend(regions.into_iter().map(|region| parse(source, region, options)));
    }
    // What is YAML and a rule already is nothing else, and need not be looked through for all that it might be.
    if file.parts.is_empty() || !detect::is_yaml(source) {
        queries(source, options, &mut file);
    }
    file.languages.sort_unstable();
    file.languages.dedup();
    if file.parts.is_empty() {
        file.skipped = Some(detect::other(source));
    }
    if options.sigma.digest.is_some() && !file.parts.iter().any(|p| matches!(p, Parsed::Content(_))) {
        file.source = source.without_text();
    }
    file
}

/// Adds what stands in a file of one of the [`CONTAINERS`], or of Splunk's content.
fn queries(source: &Source, options: &Options, file: &mut ParsedFile) {
    let found = CONTAINERS.iter().map(|rules| rules(source, options)).find(|rules| !rules.is_empty());
    if let Some(rules) = found {
        file.languages.extend(rules.iter().map(|r| r.meta.language));
        file.parts.push(Parsed::Rules(rules));
    }
    if let Some(part) = content::read(source) {
        file.languages.extend(part.is_rule().then_some(SPL.name));
        file.parts.push(Parsed::Content(Box::new(part)));
    }
}

/// Links the rules of all files, in their order.
pub fn assemble(files: Vec<ParsedFile>, options: &Options) -> RuleSet {
    let mut set = RuleSet::default();
    let (mut parts, mut others, mut content) = (Vec::with_capacity(files.len()), Vec::new(), Vec::new());
    set.files.reserve_exact(files.len());
    for file in files {
        let ParsedFile { source, languages, parts: found, skipped } = file;
        for part in found {
            match part {
                Parsed::Sigma(p) => parts.push(p),
                Parsed::Rules(rules) => others.extend(rules),
                Parsed::Content(p) => content.push((source.clone(), *p)),
            }
        }
        set.files.push(LoadedFile { source, languages, skipped });
    }
    set.rules = sigma::assemble(parts);
    others.extend(content::rules(content, options));
    if !others.is_empty() {
        set.rules.extend(others);
        in_order_of_files(&mut set);
    }
    set
}

fn in_order_of_files(set: &mut RuleSet) {
    let mut place: HashMap<&str, usize> = HashMap::new();
    for (i, file) in set.files.iter().enumerate() {
        place.entry(&file.source.name).or_insert(i);
    }
    set.rules.sort_by_key(|r| place.get(r.meta.path.as_str()).copied());
}

/// Reads and links the rules of all texts.
pub fn load(sources: &[Source], options: &Options) -> RuleSet {
    assemble(sources.iter().map(|s| parse_file(s, options)).collect(), options)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str =
        "title: T\nlogsource: {product: windows}\ndetection:\n  sel: {A: b}\n  condition: sel\n";

    fn load_one(name: &str, text: &str) -> RuleSet {
        load(&[Source::new(name, text)], &Options::default())
    }

    #[test]
    fn rules_stand_in_yaml_files_and_in_the_fences_of_pages() {
        for (name, text) in [
            ("a.yml", RULE.to_owned()),
            ("a.txt", RULE.to_owned()),
            ("a.md", format!("---\ntitle: a page\n---\n\n# Rule\n```yaml\n{RULE}```\nand more\n")),
            ("a.html", format!("<p>\n~~~~ sigma\n{RULE}~~~~\n")),
        ] {
            let set = load_one(name, &text);
            assert_eq!(set.rules.len(), 1, "{name}");
            assert_eq!(set.rules[0].meta.title, "T");
            assert!(text[set.rules[0].meta.span.start..].starts_with("title: T\n"), "{name}");
            assert_eq!(set.files[0].languages, ["sigma"]);
        }
    }

    #[test]
    fn other_files_are_skipped_with_a_reason() {
        for (name, text, reason) in [
            ("a.yml", "title: no rule\nlist: [1]\n", "not a rule file"),
            ("readme.md", "# Rules\n```yaml\na: 1\n```\n", "not a rule file"),
            ("p.yml", "name: p\npriority: 10\ntransformations:\n  - id: x\n", "a Sigma pipeline"),
            ("x.yml", "\0\0detection:\n", "not text"),
        ] {
            let set = load_one(name, text);
            assert!(set.rules.is_empty(), "{name}");
            let skipped = set.files[0].skipped.clone().unwrap();
            assert!(skipped.starts_with(reason), "{name}: {skipped}");
        }
    }
}
