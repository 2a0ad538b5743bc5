//! Processing pipelines of the form that pySigma reads: changes to rules before they are lowered.
//!
//! A pipeline with a transformation or condition that is not supported is refused as a whole, with its name: a
//! rule that went through half of a pipeline would not mean what its author tested.

mod apply;
mod read;

use std::collections::BTreeMap;

use shikra_ir::LogSource;
use shikra_syntax::{Diagnostic, Source};

use crate::condition::{Cond, Condition};
use crate::item::{Literal, Selection};

pub(crate) use apply::{apply, map_field};

/// A pipeline, ready to be applied.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// Its name.
    pub name: String,
    /// Pipelines are applied from low to high.
    pub priority: i64,
    /// Values of placeholders.
    vars: BTreeMap<String, Vec<String>>,
    steps: Vec<Step>,
}

impl Pipeline {
    /// Reads a pipeline.
    ///
    /// # Errors
    /// Where it is not YAML, or has what is not supported: named, with its place.
    pub fn parse(source: &Source) -> Result<Pipeline, Vec<Diagnostic>> {
        read::pipeline(source)
    }
}

/// A transformation and when it is applied.
#[derive(Clone, Debug)]
struct Step {
    id: Option<String>,
    what: Transformation,
    rule: Conditions<RuleCondition>,
    item: Conditions<ItemCondition>,
    field: Conditions<FieldCondition>,
}

/// What a step does.
#[derive(Clone, Debug)]
enum Transformation {
    FieldMapping(Vec<(String, Vec<String>)>),
    PrefixMapping(Vec<(String, Vec<String>)>),
    Prefix(String),
    Suffix(String),
    DropItem,
    FailItem(String),
    FailRule(String),
    AddCondition {
        name: Option<String>,
        entries: Vec<(String, Vec<Literal<'static>>)>,
        negated: bool,
    },
    ChangeLogSource(Vec<(String, String)>),
    ReplaceString {
        regex: regex::Regex,
        replacement: String,
    },
    MapString(Vec<(String, Vec<String>)>),
    SetValue(Literal<'static>),
    Case(Case),
    /// Text is compared with its case, as by a regular expression without a flag.
    Cased,
    HashFields(HashFields),
    ValuePlaceholders(Names),
    WildcardPlaceholders(Names),
    SetState(String, String),
    /// Says something to a backend, nothing to a rule.
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Case {
    Lower,
    Upper,
}

/// A field for each algorithm of what `Hashes` asks for.
#[derive(Clone, Debug)]
struct HashFields {
    /// Algorithms that there are fields of, in upper case.
    algorithms: Vec<String>,
    prefix: String,
    /// All fields are called by the prefix alone.
    bare: bool,
}

/// Which placeholders.
#[derive(Clone, Debug, Default)]
struct Names {
    include: Option<Vec<String>>,
    exclude: Vec<String>,
}

impl Names {
    fn has(&self, name: &str) -> bool {
        let listed = |v: &[String]| v.iter().any(|n| n == name);
        self.include.as_ref().is_none_or(|v| listed(v)) && !listed(&self.exclude)
    }
}

/// Conditions and how they are joined.
#[derive(Clone, Debug)]
struct Conditions<C> {
    list: Vec<(String, C)>,
    join: Join,
    negated: bool,
}

#[derive(Clone, Debug)]
enum Join {
    All,
    Any,
    /// An expression over the names of the conditions.
    Expression(Cond),
}

impl<C> Conditions<C> {
    fn hold(&self, test: &dyn Fn(&C) -> bool) -> bool {
        if self.list.is_empty() {
            return true;
        }
        let held = match &self.join {
            Join::All => self.list.iter().all(|(_, c)| test(c)),
            Join::Any => self.list.iter().any(|(_, c)| test(c)),
            Join::Expression(e) => self.expression(e, test),
        };
        held != self.negated
    }

    fn expression(&self, e: &Cond, test: &dyn Fn(&C) -> bool) -> bool {
        match e {
            Cond::Name(n, _) => self.list.iter().any(|(name, c)| name == n && test(c)),
            Cond::Of(..) => false,
            Cond::Not(e) => !self.expression(e, test),
            Cond::And(v) => v.iter().all(|e| self.expression(e, test)),
            Cond::Or(v) => v.iter().any(|e| self.expression(e, test)),
        }
    }
}

#[derive(Clone, Debug)]
enum RuleCondition {
    LogSource(Vec<(String, String)>),
    HasField(String),
    HasItem(String, Option<String>),
    Applied(String),
    State(String, String),
    Attribute(String, String),
    Tag(String),
    /// `is_sigma_rule` and its opposite: only detection rules go through a pipeline here.
    Always(bool),
}

#[derive(Clone, Debug)]
enum ItemCondition {
    MatchString { all: bool, regex: regex::Regex, negated: bool },
    MatchValue { all: bool, value: String },
    ContainsWildcard { all: bool },
    IsNull { all: bool },
    Applied(String),
    State(String, String),
}

#[derive(Clone, Debug)]
enum FieldCondition {
    Include(Vec<Matcher>),
    Exclude(Vec<Matcher>),
    Applied(String),
    State(String, String),
}

#[derive(Clone, Debug)]
enum Matcher {
    Plain(String),
    Regex(regex::Regex),
}

impl Matcher {
    fn is(&self, field: &str) -> bool {
        match self {
            Matcher::Plain(p) => p == field,
            Matcher::Regex(r) => r.is_match(field),
        }
    }
}

/// A rule on its way through pipelines.
#[derive(Clone, Debug)]
pub(crate) struct Draft<'a> {
    pub source: LogSource,
    pub selections: Vec<Selection<'a>>,
    pub conditions: Vec<Condition>,
    pub tags: Vec<String>,
    /// Attributes that conditions may ask for: `level`, `status`, `id`, …
    pub attributes: Vec<(&'static str, String)>,
}
