//! What an analytic is, and the table of them.

use crate::column::ColumnSpec;
use crate::events::Events;
use crate::params::{COMMON, Parameter, Params};
use crate::result::HuntResult;
use crate::stacks::Stacks;

/// All analytics. A new one is a file and a line here.
pub static ANALYTICS: &[&Analytic] = &[
    &crate::search::ANALYTIC,
    &crate::stack::ANALYTIC,
    &crate::group::ANALYTIC,
    &crate::cluster::ANALYTIC,
    &crate::scatter::ANALYTIC,
    &crate::boxes::ANALYTIC,
    &crate::outlier::ANALYTIC,
    &crate::rare::ANALYTIC,
];

/// An analytic.
pub struct Analytic {
    /// Its name.
    pub name: &'static str,
    /// One line.
    pub about: &'static str,
    /// More, with examples.
    pub long: &'static str,
    /// Its own parameters, beside [`COMMON`].
    pub parameters: &'static [Parameter],
    /// What it needs to see.
    ///
    /// # Errors
    /// Where a parameter is missing or cannot be.
    pub ask: fn(&Params) -> Result<Ask, String>,
    /// What it makes of that.
    pub run: fn(&Params, &Data) -> HuntResult,
}

/// What an analytic needs to see.
#[derive(Clone, Debug)]
pub struct Ask {
    /// What is read of each event.
    pub columns: Vec<ColumnSpec>,
    /// In what form.
    pub needs: Needs,
    /// How many filters it takes; several have their hits told apart.
    pub filters: usize,
    /// Whether events may lack some of the columns.
    pub lacking: bool,
}

/// In what form an analytic sees events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Counted by combination of values.
    Stacks {
        /// Nanoseconds of a bucket of time, where counts by time are wanted.
        bucket: Option<i64>,
    },
    /// One by one, in order of time.
    Events,
}

/// What was seen.
pub enum Data {
    /// See [`Needs::Stacks`].
    Stacks(Stacks),
    /// See [`Needs::Events`], sorted.
    Events(Events),
}

impl Analytic {
    /// The analytic of that name.
    pub fn named(name: &str) -> Option<&'static Analytic> {
        ANALYTICS.iter().copied().find(|a| a.name == name)
    }

    /// Its parameters with what somebody has set.
    ///
    /// # Errors
    /// Where a value cannot be understood.
    pub fn params(&self, given: impl IntoIterator<Item = (String, Vec<String>)>) -> Result<Params, String> {
        Params::new(&[self.parameters, COMMON], given)
    }

    /// Runs it.
    pub fn result(&self, params: &Params, data: &Data) -> HuntResult {
        let result = (self.run)(params, data);
        HuntResult { analytic: self.name, parameters: params.told(), ..result }
    }
}
