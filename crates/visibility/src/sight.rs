//! Which rules a Sysmon configuration blinds.

use shikra_sysmon::{Condition, Config, OnMatch, Truth};

use crate::SYSMON;
use crate::needs::{Constraint, EventNeed, Needs, Stage};
use crate::pattern::judge;

/// What of a rule's events a configuration lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sight {
    /// None: the rule cannot fire.
    Blind,
    /// Some, or it depends on fields that the rule does not ask about.
    Narrowed,
    /// All but what the configuration excludes by fields that the rule does not ask about.
    Excepted,
    /// All.
    Sees,
    /// The rule reads no events of Sysmon.
    Elsewhere,
}

impl Sight {
    /// `blind`, `narrowed`, `excepted`, `sees`, `elsewhere`.
    pub fn as_str(self) -> &'static str {
        match self {
            Sight::Blind => "blind",
            Sight::Narrowed => "narrowed",
            Sight::Excepted => "excepted",
            Sight::Sees => "sees",
            Sight::Elsewhere => "elsewhere",
        }
    }
}

/// What is said of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// How much it sees.
    pub sight: Sight,
    /// Why not all: an entry per event, with what the configuration does.
    pub why: Vec<String>,
}

/// Reasons that are told of a rule.
const MOST_REASONS: usize = 8;

/// What a rule with these needs sees under a configuration.
pub fn sight(needs: &Needs, config: &Config) -> Verdict {
    let stages: Vec<Verdict> = needs.stages.iter().map(|s| of_stage(s, config)).collect();
    let mut why: Vec<String> = Vec::new();
    for reason in stages.iter().flat_map(|v| &v.why) {
        if !why.contains(reason) {
            why.push(reason.clone());
        }
    }
    if why.len() > MOST_REASONS {
        let more = why.len() - MOST_REASONS;
        why.truncate(MOST_REASONS);
        why.push(format!("and {more} more reasons"));
    }
    let sights: Vec<Sight> = stages.iter().map(|v| v.sight).collect();
    Verdict { sight: if needs.all { of_all(&sights) } else { of_any(&sights) }, why }
}

/// Alternatives: blind where all are, and a mixture narrows.
fn of_any(all: &[Sight]) -> Sight {
    match (all.iter().min(), all.iter().max()) {
        (Some(least), Some(most)) if least == most => *least,
        (Some(least), _) if *least >= Sight::Excepted => *least,
        (Some(_), Some(_)) => Sight::Narrowed,
        _ => Sight::Elsewhere,
    }
}

/// What is needed together: as blind as the blindest.
fn of_all(all: &[Sight]) -> Sight {
    all.iter().min().copied().unwrap_or(Sight::Elsewhere)
}

fn of_stage(stage: &Stage, config: &Config) -> Verdict {
    let each: Vec<Verdict> = stage.events.iter().map(|e| of_event(e, config)).collect();
    let sight = of_any(&each.iter().map(|v| v.sight).collect::<Vec<_>>());
    Verdict { sight, why: each.into_iter().flat_map(|v| v.why).collect() }
}

fn of_event(event: &EventNeed, config: &Config) -> Verdict {
    if event.provider != SYSMON {
        return Verdict { sight: Sight::Elsewhere, why: Vec::new() };
    }
    let decisions: Vec<_> =
        event.clauses.iter().map(|clause| config.decide(event.event_id, &|c| of_clause(clause, c))).collect();
    let sights: Vec<Sight> = decisions
        .iter()
        .map(|d| match d.logged {
            Truth::False => Sight::Blind,
            Truth::Unknown if d.by == Some(OnMatch::Exclude) => Sight::Excepted,
            Truth::Unknown => Sight::Narrowed,
            Truth::True => Sight::Sees,
        })
        .collect();
    let mut why: Vec<String> = Vec::new();
    for reason in decisions
        .iter()
        .filter(|d| !d.why.is_empty())
        .map(|d| format!("Sysmon {}: {}", event.event_id, d.why))
    {
        if !why.contains(&reason) {
            why.push(reason);
        }
    }
    Verdict { sight: of_any(&sights), why }
}

/// What a condition says of the events of a clause.
fn of_clause(clause: &[Constraint], c: &Condition) -> Truth {
    let asked = clause.iter().filter(|k| k.field.eq_ignore_ascii_case(&c.field));
    let known = asked.map(|k| judge(&k.one_of, c)).find(|t| *t != Truth::Unknown);
    known.unwrap_or(Truth::Unknown)
}
