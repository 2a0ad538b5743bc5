//! What a hunt found: one form for all analytics, which every picture and format is made from.
//!
//! Keys may be added; what is here keeps its meaning. How it is written is left to `output`.

use std::ops::Range;
use std::sync::Arc;

use shikra_event::{Timestamp, Value};

/// What an analytic answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HuntResult {
    /// Name of the analytic, see [`crate::ANALYTICS`].
    pub analytic: &'static str,
    /// Title of the hunt file; empty where the analytic was run by itself.
    pub title: String,
    /// Id of the hunt file; empty likewise.
    pub id: String,
    /// ATT&CK techniques of the hunt file.
    pub techniques: Vec<String>,
    /// What the hunt file supposes; empty where the analytic was run by itself.
    pub hypothesis: String,
    /// What would confirm it.
    pub confirms: Vec<String>,
    /// What would refute it.
    pub refutes: Vec<String>,
    /// What the analytic ran with, defaults and seed included, in a fixed order.
    pub parameters: Vec<(String, Value)>,
    /// What it looked at.
    pub population: Population,
    /// Columns of the rows.
    pub columns: Vec<Column>,
    /// Rows, most unusual first.
    pub rows: Vec<ResultRow>,
    /// Rows that there were before the list was cut to the number asked for.
    pub rows_total: u64,
    /// Pictures of it.
    pub plots: Vec<Plot>,
    /// Why nothing was scored: not enough data, a field that no event has. Then there are no rows.
    pub refused: Option<String>,
    /// What the reader has to know: what was left out, sampled, or cut, with its error.
    pub notes: Vec<String>,
}

impl HuntResult {
    /// A result without rows: what was looked at, what must be said of that, and the columns: `texts` of the logs
    /// first, then the analytic's `own`.
    pub fn begun(
        population: Population,
        notes: Vec<String>,
        texts: impl IntoIterator<Item = impl Into<String>>,
        own: &[(&str, ColumnKind)],
    ) -> HuntResult {
        let mut columns: Vec<Column> = texts.into_iter().map(|t| Column::new(t, ColumnKind::Text)).collect();
        columns.extend(own.iter().map(|(name, kind)| Column::new(*name, *kind)));
        HuntResult { population, notes, columns, ..HuntResult::default() }
    }
}

/// What an analytic looked at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Population {
    /// Events that passed the filter and carried the fields.
    pub events: u64,
    /// Events that passed the filter but lacked a field.
    pub lacking: u64,
    /// Different combinations of values; an estimate where [`Population::sample`] is above 1.
    pub values: u64,
    /// Hosts.
    pub hosts: u64,
    /// Users.
    pub users: u64,
    /// First and last event.
    pub span: Option<(Timestamp, Timestamp)>,
    /// Of so many combinations one was kept: 1 means all of them.
    pub sample: u64,
}

/// A column of the result.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name: that of a field, or of a number worked out.
    pub name: String,
    /// What stands in it.
    pub kind: ColumnKind,
}

/// What stands in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// Text of the logs.
    Text,
    /// A whole number of things.
    Count,
    /// A number.
    Number,
    /// A part of a whole, 0 to 1.
    Share,
    /// A point in time.
    Time,
    /// A list of numbers, one for each bucket of time.
    Series,
}

impl ColumnKind {
    /// As data formats call it.
    pub fn as_str(self) -> &'static str {
        match self {
            ColumnKind::Text => "text",
            ColumnKind::Count => "count",
            ColumnKind::Number => "number",
            ColumnKind::Share => "share",
            ColumnKind::Time => "time",
            ColumnKind::Series => "series",
        }
    }
}

impl Column {
    /// A column.
    pub fn new(name: impl Into<String>, kind: ColumnKind) -> Column {
        Column { name: name.into(), kind }
    }
}

/// A row of the result.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResultRow {
    /// How unusual: greater is more. Only to be compared within one result.
    pub score: Option<f64>,
    /// Values, one for each column.
    pub cells: Vec<Value>,
    /// Why it has its score, weightiest first.
    pub reasons: Vec<Reason>,
    /// Some of the events behind it, first ones first.
    pub events: Vec<EventPoint>,
    /// All events behind it.
    pub events_total: u64,
    /// Parts of a cell to be marked: column, bytes of its text, how odd (0 to 1).
    pub marks: Vec<(usize, Range<usize>, f32)>,
}

/// One reason for a score.
#[derive(Clone, Debug, PartialEq)]
pub struct Reason {
    /// What was measured: a feature, a column.
    pub feature: String,
    /// Its part of the score, 0 to 1; the parts of a row add up to at most 1.
    pub weight: f64,
    /// In words. May hold text of the logs.
    pub words: String,
}

impl Reason {
    /// The only reason.
    pub fn only(feature: &str, words: String) -> Reason {
        Reason { feature: feature.to_owned(), weight: 1.0, words }
    }
}

/// Where to find an event.
#[derive(Clone, Debug, PartialEq)]
pub struct EventPoint {
    /// The source, as the user named it.
    pub source: Arc<str>,
    /// EventRecordID, or 1-based line or position.
    pub record: u64,
    /// Event time.
    pub time: Option<Timestamp>,
    /// Computer, empty where absent.
    pub host: Arc<str>,
}

/// A picture.
#[derive(Clone, Debug, PartialEq)]
pub enum Plot {
    /// Labelled lengths.
    Bars {
        /// What is drawn.
        title: String,
        /// What the lengths are.
        unit: String,
        /// Label, length, row of the result.
        bars: Vec<(String, f64, Option<usize>)>,
    },
    /// Counts over time.
    Timeline {
        /// What is drawn.
        title: String,
        /// Begin of the first bucket.
        start: Timestamp,
        /// Nanoseconds of a bucket.
        bucket: i64,
        /// Name, counts, row of the result.
        series: Vec<(String, Vec<f64>, Option<usize>)>,
    },
    /// Distributions side by side.
    Boxes {
        /// What is drawn.
        title: String,
        /// The number whose distributions these are.
        axis: Axis,
        /// One box for each group.
        groups: Vec<BoxGroup>,
    },
    /// Points on two axes.
    Scatter {
        /// What is drawn.
        title: String,
        /// Across.
        x: Axis,
        /// Up.
        y: Axis,
        /// Points.
        points: Vec<Point>,
        /// Lines through them, e.g. the fit: name, points on the axes' own scale.
        lines: Vec<(String, Vec<(f64, f64)>)>,
    },
    /// How many lie between bounds.
    Histogram {
        /// What is drawn.
        title: String,
        /// The number.
        axis: Axis,
        /// Bounds, one more than counts.
        bounds: Vec<f64>,
        /// Counts.
        counts: Vec<u64>,
        /// Where the cut lies, if there is one.
        threshold: Option<f64>,
    },
}

/// An axis.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Axis {
    /// What it measures.
    pub name: String,
    /// Drawn on a logarithmic scale (of value + 1).
    pub log: bool,
}

/// The distribution of one group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BoxGroup {
    /// The group.
    pub name: String,
    /// Things in it.
    pub count: u64,
    /// Lower whisker, first quartile, median, third quartile, upper whisker.
    pub five: [f64; 5],
    /// Outliers: value, name, row of the result.
    pub outliers: Vec<(f64, String, Option<usize>)>,
}

/// A point of a scatter plot.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Point {
    /// Across.
    pub x: f64,
    /// Up.
    pub y: f64,
    /// What it is.
    pub name: String,
    /// The group it belongs to (cluster); −1: none.
    pub group: i64,
    /// Things that lie there.
    pub weight: f64,
    /// Row of the result, where it has one.
    pub row: Option<usize>,
}
