//! Why a file cannot be used.

use std::fmt;

/// Why a file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// Not of a kind that is known here.
    Unknown,
    /// JSON that ends early or is none, with its place.
    Json {
        /// 1-based line.
        line: usize,
        /// 1-based column.
        column: usize,
        /// What is wrong.
        what: String,
    },
    /// YAML that is none, or has not what such a file must have.
    Yaml(String),
    /// A table without a column it must have, or with a broken line.
    Table {
        /// 1-based line.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// The reader failed, or gave more than may be read.
    Read(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Unknown => f.write_str("not a kind of knowledge that Shikra reads"),
            Error::Json { line, column, what } => write!(f, "line {line}, column {column}: {what}"),
            Error::Yaml(what) => write!(f, "YAML: {what}"),
            Error::Table { line, what } => write!(f, "line {line}: {what}"),
            Error::Read(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Error {}
