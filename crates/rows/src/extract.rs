//! Columns from text, by patterns.

use std::sync::Arc;

use shikra_event::Value;
use shikra_ir::extract::{Dissect, Found, Grok, gather};
use shikra_ir::{Extract, Scalar};
use shikra_sequence::Unsupported;

/// An [`Extract`] ready to work.
#[derive(Clone, Debug)]
pub(crate) struct Extractor {
    /// What is taken apart.
    pub from: Scalar,
    how: How,
    columns: Vec<Arc<str>>,
}

#[derive(Clone, Debug)]
enum How {
    Dissect(Box<Dissect>),
    Grok(Vec<Grok>),
}

impl Extractor {
    /// Whether it is of a kind that is made here.
    pub fn knows(e: &Extract) -> bool {
        matches!(e, Extract::Dissect { .. } | Extract::Grok { .. })
    }

    /// # Errors
    /// Where the pattern is broken, or of a kind that is not there.
    pub fn new(e: &Extract) -> Result<Extractor, Unsupported> {
        let wrong = |reason: String| Unsupported { operator: "extract".into(), reason };
        let (from, how) = match e {
            Extract::Dissect { from, pattern, separator } => {
                (from, How::Dissect(Box::new(Dissect::parse(pattern, separator).map_err(wrong)?)))
            }
            Extract::Grok { from, patterns } => {
                let all: Result<Vec<Grok>, String> = patterns.iter().map(|p| Grok::parse(p)).collect();
                (from, How::Grok(all.map_err(wrong)?))
            }
            Extract::Regex { .. } | Extract::Json { .. } => {
                return Err(wrong("of this kind is not there".into()));
            }
        };
        let mut columns: Vec<Arc<str>> = Vec::new();
        for name in how.columns() {
            if !columns.contains(&name) {
                columns.push(name);
            }
        }
        Ok(Extractor { from: from.clone(), how, columns })
    }

    /// The columns made of a value; of each of several values, one after the other.
    pub fn apply(&self, value: &Value) -> Found {
        let texts = value.elements().iter().filter_map(Value::to_text);
        gather(&self.columns, texts.filter_map(|t| self.how.apply(&t)))
    }
}

impl How {
    fn columns(&self) -> Vec<Arc<str>> {
        match self {
            How::Dissect(d) => d.columns(),
            How::Grok(all) => all.iter().flat_map(Grok::columns).collect(),
        }
    }
    fn apply(&self, text: &str) -> Option<Found> {
        match self {
            How::Dissect(d) => d.apply(text),
            How::Grok(all) => all.iter().find_map(|g| g.apply(text)),
        }
    }
}
