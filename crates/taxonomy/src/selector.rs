//! From a log source to conditions on shapes.

use std::sync::Arc;

use shikra_event::{Form, Shape};
use shikra_ir::Expr;

/// Which events a log source means: those that any alternative admits.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Selector {
    /// Alternatives; none admits nothing. Shared: thousands of rules have the same few log sources.
    pub any_of: Arc<Vec<Alternative>>,
}

/// Conditions that must all hold; an absent one always does.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Alternative {
    /// Document families; empty: all.
    pub forms: Vec<Form>,
    /// Providers, any case; empty: all.
    pub providers: Vec<String>,
    /// Channels, any case; empty: all.
    pub channels: Vec<String>,
    /// Event ids; empty: all.
    pub event_ids: Vec<u32>,
    /// What cannot be decided from the shape, e.g. `EventType == CreateKey`.
    pub when: Option<Expr>,
}

impl Alternative {
    /// Whether events of the shape can be meant; `when` remains to be tested on each.
    pub fn admits(&self, shape: &Shape) -> bool {
        let among =
            |list: &[String], s: &str| list.is_empty() || list.iter().any(|l| l.eq_ignore_ascii_case(s));
        (self.forms.is_empty() || self.forms.contains(&shape.form()))
            && (self.event_ids.is_empty() || shape.event_id().is_some_and(|id| self.event_ids.contains(&id)))
            && among(&self.channels, shape.channel())
            && among(&self.providers, shape.provider())
    }
}

impl Selector {
    /// Every event.
    pub fn everything() -> Selector {
        Selector::of(vec![Alternative::default()])
    }

    /// Any of these.
    pub fn of(any_of: Vec<Alternative>) -> Selector {
        Selector { any_of: Arc::new(any_of) }
    }

    /// Whether, and under what further condition, events of the shape are meant: `None` not at all,
    /// `Some(None)` all of them, `Some(Some(e))` those that satisfy `e`.
    pub fn admits(&self, shape: &Shape) -> Option<Option<Expr>> {
        let admitting: Vec<&Alternative> = self.any_of.iter().filter(|a| a.admits(shape)).collect();
        if admitting.is_empty() {
            return None;
        }
        let conditions: Option<Vec<Expr>> = admitting.iter().map(|a| a.when.clone()).collect();
        Some(conditions.map(Expr::or))
    }
}

/// A log source that the tables do not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownLogSource {
    /// Which part is unknown, e.g. `category "proces_creation"`.
    pub what: String,
    /// The nearest known name, where one is near.
    pub nearest: Option<String>,
}

impl std::fmt::Display for UnknownLogSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "unknown log source {}", self.what)?;
        match &self.nearest {
            Some(n) => write!(f, " (did you mean {n:?}?)"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for UnknownLogSource {}
