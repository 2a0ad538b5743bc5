//! What a configuration is, and what it decides.

use shikra_syntax::Span;

use crate::condition::Condition;
use crate::kinds::{Kind, kind_of};

/// Three-valued: `Unknown` where too little is known of the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Truth {
    False,
    Unknown,
    True,
}

impl Truth {
    /// From a plain answer.
    pub fn of(b: bool) -> Truth {
        if b { Truth::True } else { Truth::False }
    }
}

/// How the entries of a filter or rule are combined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Relation {
    /// All must hold.
    And,
    /// One must hold.
    Or,
    /// Not said: those of one field as `Or`, those of different fields as `And`, rules among themselves as `Or`.
    #[default]
    ByField,
}

/// What a match of a filter does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnMatch {
    /// The event is logged.
    Include,
    /// The event is not logged, whatever includes it.
    Exclude,
}

/// A part of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A condition.
    Condition(Condition),
    /// Conditions taken together (`<Rule>`).
    Rule {
        /// Its name, empty where it has none.
        name: String,
        /// How they are combined.
        relation: Relation,
        /// The conditions.
        conditions: Vec<Condition>,
        /// Where it stands.
        span: Span,
    },
}

/// A filter on one kind of event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// The kind.
    pub kind: &'static Kind,
    /// What a match does.
    pub on_match: OnMatch,
    /// How the entries are combined (of the `RuleGroup`).
    pub relation: Relation,
    /// Its entries; none match nothing.
    pub entries: Vec<Entry>,
    /// Where it stands.
    pub span: Span,
}

/// A configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Version of the schema it is written in.
    pub schema: String,
    /// Hash algorithms, as written; empty: the default.
    pub hashes: String,
    /// Filters, in order.
    pub filters: Vec<Filter>,
}

/// What becomes of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether it is logged.
    pub logged: Truth,
    /// Why, for people; empty where it is logged for certain.
    pub why: String,
    /// Which sort of filter decided, where one did.
    pub by: Option<OnMatch>,
    /// The place that decided, where one did.
    pub span: Option<Span>,
}

/// Conditions named in a reason.
const NAMED: usize = 3;

impl Config {
    /// What becomes of an event with this id, of which `truth` says whether a condition holds.
    pub fn decide(&self, event_id: u32, truth: &dyn Fn(&Condition) -> Truth) -> Decision {
        let Some(kind) = kind_of(event_id) else { return Decision::logged() };
        let of = |on: OnMatch| self.filters.iter().filter(move |f| f.kind == kind && f.on_match == on);
        if of(OnMatch::Include).next().is_none() && of(OnMatch::Exclude).next().is_none() {
            return unnamed(kind);
        }
        let excluded = strongest(of(OnMatch::Exclude), truth);
        if let Some((Truth::True, span, what)) = &excluded {
            let why = format!("{} excludes it: {what}", kind.name);
            return Decision { logged: Truth::False, why, by: Some(OnMatch::Exclude), span: Some(*span) };
        }
        let included = of(OnMatch::Include).next().map(|first| {
            let none = (Truth::False, first.span, String::new());
            strongest(of(OnMatch::Include), truth).unwrap_or(none)
        });
        let listed = || conditions(of(OnMatch::Include));
        match (included, excluded) {
            (Some((Truth::False, span, _)), _) => {
                let why = match listed() {
                    l if l.is_empty() => format!("{} includes nothing", kind.name),
                    l => format!("{} includes only other events: {l}", kind.name),
                };
                Decision { logged: Truth::False, why, by: Some(OnMatch::Include), span: Some(span) }
            }
            (Some((Truth::Unknown, span, what)), _) => Decision {
                logged: Truth::Unknown,
                why: format!("{} includes it only where {what}", kind.name),
                by: Some(OnMatch::Include),
                span: Some(span),
            },
            (_, Some((Truth::Unknown, span, what))) => Decision {
                logged: Truth::Unknown,
                why: format!("{} excludes it where {what}", kind.name),
                by: Some(OnMatch::Exclude),
                span: Some(span),
            },
            _ => Decision::logged(),
        }
    }

    /// Whether a recorded event is logged: `field` gives its values as text. Where Sysmon's own default is not
    /// known the event is kept.
    pub fn keeps(&self, event_id: u32, field: &dyn Fn(&str) -> Option<String>) -> bool {
        let truth = |c: &Condition| Truth::of(c.holds(&field(&c.field).unwrap_or_default()));
        self.decide(event_id, &truth).logged != Truth::False
    }
}

impl Decision {
    fn logged() -> Decision {
        Decision { logged: Truth::True, why: String::new(), by: None, span: None }
    }
}

fn unnamed(kind: &Kind) -> Decision {
    let (logged, why) = match kind.unnamed {
        Some(true) => return Decision::logged(),
        Some(false) => (Truth::False, format!("{} is not named: such events are not logged", kind.name)),
        None => (Truth::Unknown, format!("{} is not named: Sysmon's own default decides", kind.name)),
    };
    Decision { logged, why, by: None, span: None }
}

/// The truest entry of the filters: how true, where, and what.
fn strongest<'f>(
    filters: impl Iterator<Item = &'f Filter>,
    truth: &dyn Fn(&Condition) -> Truth,
) -> Option<(Truth, Span, String)> {
    let mut best: Option<(Truth, Span, String)> = None;
    let mut unknown = 0;
    for filter in filters {
        for (value, span, what) in verdicts(filter, truth) {
            if value == Truth::Unknown {
                unknown += 1;
                if let Some((Truth::Unknown, _, all)) = &mut best
                    && unknown <= NAMED
                {
                    *all = format!("{all}, or {what}");
                }
            }
            if best.as_ref().is_none_or(|(b, ..)| value > *b) {
                best = Some((value, span, what));
            }
        }
    }
    if let Some((Truth::Unknown, _, all)) = &mut best
        && unknown > NAMED
    {
        *all = format!("{all}, or {} others", unknown - NAMED);
    }
    best
}

/// What a filter's entries say: one verdict each where any is enough, else one of all.
fn verdicts(filter: &Filter, truth: &dyn Fn(&Condition) -> Truth) -> Vec<(Truth, Span, String)> {
    let mut each = Vec::new();
    let mut plain = Vec::new();
    for entry in &filter.entries {
        match entry {
            Entry::Condition(c) => plain.push(c),
            Entry::Rule { relation, conditions, span, .. } => {
                let all: Vec<&Condition> = conditions.iter().collect();
                let relation = if *relation == Relation::ByField { Relation::And } else { *relation };
                each.push((combine(&all, relation, truth), *span, describe(&all, relation)));
            }
        }
    }
    match filter.relation {
        Relation::Or => each.extend(plain.iter().map(|c| (truth(c), c.span, c.describe()))),
        _ if plain.is_empty() => {}
        relation => {
            let value = combine(&plain, relation, truth);
            each.push((value, filter.span, describe(&plain, relation)));
        }
    }
    if filter.relation == Relation::And && each.len() > 1 {
        let value = each.iter().map(|(t, ..)| *t).min().unwrap_or(Truth::False);
        let what: Vec<&str> = each.iter().take(NAMED).map(|(.., w)| w.as_str()).collect();
        return vec![(value, filter.span, what.join(" and "))];
    }
    each
}

fn combine(all: &[&Condition], relation: Relation, truth: &dyn Fn(&Condition) -> Truth) -> Truth {
    let values = all.iter().map(|c| truth(c));
    match relation {
        Relation::And if all.is_empty() => Truth::False,
        Relation::And => values.min().unwrap_or(Truth::False),
        Relation::Or => values.max().unwrap_or(Truth::False),
        Relation::ByField => {
            let mut fields: Vec<String> = all.iter().map(|c| c.field.to_lowercase()).collect();
            fields.sort();
            fields.dedup();
            let of = |field: &String| {
                let same = all.iter().filter(|c| c.field.eq_ignore_ascii_case(field));
                same.map(|c| truth(c)).max().unwrap_or(Truth::False)
            };
            fields.iter().map(of).min().unwrap_or(Truth::False)
        }
    }
}

fn describe(all: &[&Condition], relation: Relation) -> String {
    let word = if relation == Relation::Or { " or " } else { " and " };
    let shown: Vec<String> = all.iter().take(NAMED).map(|c| c.describe()).collect();
    let more = if all.len() > NAMED { format!("{word}{} others", all.len() - NAMED) } else { String::new() };
    format!("{}{more}", shown.join(word))
}

/// The first conditions of filters, for a reason.
fn conditions<'f>(filters: impl Iterator<Item = &'f Filter>) -> String {
    let all: Vec<&Entry> = filters.flat_map(|f| &f.entries).collect();
    let text = |e: &&Entry| match e {
        Entry::Condition(c) => c.describe(),
        Entry::Rule { conditions, relation, .. } => {
            describe(&conditions.iter().collect::<Vec<_>>(), *relation)
        }
    };
    let shown: Vec<String> = all.iter().take(3).map(text).collect();
    match all.len() {
        0 => String::new(),
        n if n > 3 => format!("{} and {} more", shown.join("; "), n - 3),
        _ => shown.join("; "),
    }
}

#[cfg(test)]
mod tests {
    use crate::parse;
    use shikra_syntax::Source;

    fn keeps(body: &str, id: u32, fields: &[(&str, &str)]) -> bool {
        let text = format!("<Sysmon schemaversion=\"4.90\"><EventFiltering>{body}</EventFiltering></Sysmon>");
        let (config, told) = parse(&Source::new("c.xml", text));
        assert_eq!(told, []);
        config.keeps(id, &|name| {
            fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| (*v).to_owned())
        })
    }

    #[test]
    fn include_and_exclude() {
        let cmd = [("Image", "C:\\Windows\\cmd.exe"), ("CommandLine", "cmd /c x")];
        for (body, id, want) in [
            ("", 1, true),
            ("", 3, false),
            ("", 4, true),
            ("<ProcessCreate onmatch=\"include\"/>", 1, false),
            ("<ProcessCreate onmatch=\"exclude\"/>", 1, true),
            (
                "<ProcessCreate onmatch=\"include\"><Image condition=\"image\">cmd.exe</Image></ProcessCreate>",
                1,
                true,
            ),
            (
                "<ProcessCreate onmatch=\"exclude\"><Image condition=\"image\">cmd.exe</Image></ProcessCreate>",
                1,
                false,
            ),
            (
                "<ProcessCreate onmatch=\"include\"><Image condition=\"image\">cmd.exe</Image></ProcessCreate>\
                 <ProcessCreate onmatch=\"exclude\"><CommandLine condition=\"contains\">/c</CommandLine></ProcessCreate>",
                1,
                false,
            ),
        ] {
            assert_eq!(keeps(body, id, &cmd), want, "{body} {id}");
        }
    }

    #[test]
    fn relations() {
        let image = "<Image condition=\"image\">cmd.exe</Image>";
        let other = "<Image condition=\"image\">pwsh.exe</Image>";
        let line = "<CommandLine condition=\"contains\">nothing</CommandLine>";
        let cmd = [("Image", "C:\\Windows\\cmd.exe"), ("CommandLine", "cmd /c x")];
        let filter = |inner: &str| format!("<ProcessCreate onmatch=\"include\">{inner}</ProcessCreate>");
        for (body, want) in [
            (filter(&format!("{image}{other}")), true),
            (filter(&format!("{image}{line}")), false),
            (
                format!("<RuleGroup groupRelation=\"or\">{}</RuleGroup>", filter(&format!("{image}{line}"))),
                true,
            ),
            (
                format!(
                    "<RuleGroup groupRelation=\"and\">{}</RuleGroup>",
                    filter(&format!("{image}{other}"))
                ),
                false,
            ),
            (filter(&format!("<Rule groupRelation=\"and\">{image}{line}</Rule>")), false),
            (filter(&format!("<Rule groupRelation=\"or\">{image}{line}</Rule>")), true),
            (filter("<Rule groupRelation=\"and\"/>"), false),
        ] {
            assert_eq!(keeps(&body, 1, &cmd), want, "{body}");
        }
    }
}
