//! What is read of an event: fields under any scheme's names, and a few words of our own.
//!
//! A column is written as a name, or as `mask(NAME)`, `name(NAME)`, `folder(NAME)`. Names that are no field:
//! `host`, `user`, `hour`, `weekday`, `day`, `provider`, `channel`, `event_id`. `scheme:name` (`car:exe`,
//! `raw:user`) says whose name it is; otherwise the schemes are asked in the order of [`SCHEMES`].

use shikra_event::{Form, Shape, Timestamp, system};
use shikra_ir::{FieldRef, Names};
use shikra_taxonomy::{Binding, Taxonomy};

use crate::mask::mask;

/// Whose names are tried, first to last.
pub const SCHEMES: &[Names] = &[
    Names::Sigma,
    Names::Ecs,
    Names::Car,
    Names::Ossem,
    Names::Cim,
    Names::Splunk,
    Names::LogPoint,
    Names::Endgame,
    Names::Raw,
];

/// Names by which the user of an event goes, first to last.
const USERS: &[(Names, &str)] = &[
    (Names::Sigma, "User"),
    (Names::Ecs, "user.name"),
    (Names::Sigma, "SourceUser"),
    (Names::Raw, "TargetUserName"),
    (Names::Raw, "SubjectUserName"),
];

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ColumnSpec {
    /// As written.
    pub text: String,
    /// Where its value comes from.
    pub source: ColumnSource,
    /// What is made of it.
    pub change: Change,
}

/// Where a column's value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ColumnSource {
    /// A field: the first of these that the shape has.
    Field(Vec<FieldRef>),
    /// The computer.
    Host,
    /// The user.
    User,
    /// Hour of the day, UTC, two digits.
    Hour,
    /// Day of the week.
    Weekday,
    /// Date.
    Day,
    /// Provider.
    Provider,
    /// Channel.
    Channel,
    /// Event id.
    EventId,
}

/// What is made of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// Nothing.
    None,
    /// What varies is masked.
    Mask,
    /// Last part of a path.
    Name,
    /// All but the last part of a path.
    Folder,
}

type Word = (&'static str, ColumnSource);

const WORDS: &[Word] = &[
    ("host", ColumnSource::Host),
    ("user", ColumnSource::User),
    ("hour", ColumnSource::Hour),
    ("weekday", ColumnSource::Weekday),
    ("day", ColumnSource::Day),
    ("provider", ColumnSource::Provider),
    ("channel", ColumnSource::Channel),
    ("event_id", ColumnSource::EventId),
];

const CHANGES: &[(&str, Change)] =
    &[("mask", Change::Mask), ("name", Change::Name), ("folder", Change::Folder)];

impl ColumnSpec {
    /// Reads a column.
    ///
    /// # Errors
    /// Where it is not written as a column is; in words.
    pub fn parse(text: &str) -> Result<ColumnSpec, String> {
        let text = text.trim();
        let (change, inner) = match text.strip_suffix(')').and_then(|t| t.split_once('(')) {
            None => (Change::None, text),
            Some((function, inner)) => {
                let known = CHANGES.iter().find(|(name, _)| *name == function.trim());
                let change = known.map(|(_, c)| *c).ok_or_else(|| {
                    format!("{text:?}: a column is a field, or mask(…), name(…), folder(…) of one")
                })?;
                (change, inner.trim())
            }
        };
        if inner.is_empty() || inner.contains(['(', ')']) {
            return Err(format!("{text:?} is not a column"));
        }
        let word = WORDS.iter().find(|(w, _)| *w == inner).map(|(_, s)| s.clone());
        Ok(ColumnSpec { text: text.to_owned(), source: word.unwrap_or_else(|| field(inner)), change })
    }

    /// Reads several.
    ///
    /// # Errors
    /// As [`ColumnSpec::parse`].
    pub fn parse_all<S: AsRef<str>>(texts: &[S]) -> Result<Vec<ColumnSpec>, String> {
        texts.iter().map(|t| ColumnSpec::parse(t.as_ref())).collect()
    }

    /// What is made of a text.
    pub fn apply(&self, text: &str) -> String {
        match self.change {
            Change::None => text.to_owned(),
            Change::Mask => mask(text),
            Change::Name => name(text).to_owned(),
            Change::Folder => folder(text).to_owned(),
        }
    }
}

fn field(text: &str) -> ColumnSource {
    let scheme = text.split_once(':').and_then(|(scheme, name)| {
        Names::ALL.iter().find(|n| n.as_str().eq_ignore_ascii_case(scheme)).map(|n| (*n, name))
    });
    ColumnSource::Field(match scheme {
        Some((names, name)) => vec![FieldRef::new(names, name)],
        None => SCHEMES.iter().map(|n| FieldRef::new(*n, text)).collect(),
    })
}

/// Last part of a path.
pub fn name(path: &str) -> &str {
    path.rsplit(['\\', '/']).next().unwrap_or(path)
}

/// All but the last part of a path.
pub fn folder(path: &str) -> &str {
    path.rfind(['\\', '/']).map_or("", |at| &path[..at])
}

/// What the first of some fields means on a shape.
pub(crate) fn bind(taxonomy: &Taxonomy, shape: &Shape, fields: &[FieldRef]) -> Binding {
    let answers = taxonomy.on(shape);
    fields.iter().map(|f| answers.bind(f)).find(|b| !b.is_absent()).unwrap_or(Binding::Absent)
}

/// The user of an event of a shape.
pub(crate) fn bind_user(taxonomy: &Taxonomy, shape: &Shape) -> Binding {
    let fields: Vec<FieldRef> = USERS.iter().map(|(n, name)| FieldRef::new(*n, name)).collect();
    bind(taxonomy, shape, &fields)
}

/// The computer of an event of a shape.
pub(crate) fn bind_host(taxonomy: &Taxonomy, shape: &Shape) -> Binding {
    let own = FieldRef::new(Names::Raw, system::COMPUTER);
    let ecs = FieldRef::new(Names::Ecs, "host.name");
    let fields = if shape.form() == Form::Windows { vec![own] } else { vec![own, ecs] };
    bind(taxonomy, shape, &fields)
}

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// A word of a point in time.
pub(crate) fn of_time(source: &ColumnSource, time: Timestamp) -> Option<String> {
    let (year, month, day, hour, ..) = time.civil();
    match source {
        ColumnSource::Hour => Some(format!("{hour:02}")),
        ColumnSource::Day => Some(format!("{year:04}-{month:02}-{day:02}")),
        ColumnSource::Weekday => {
            WEEKDAYS.get((time.iso_weekday() as usize).wrapping_sub(1)).map(|d| (*d).to_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_read() {
        let c = ColumnSpec::parse(" mask(CommandLine) ").unwrap();
        assert_eq!((c.change, c.apply("a 12 b").as_str()), (Change::Mask, "a <n> b"));
        assert_eq!(ColumnSpec::parse("host").unwrap().source, ColumnSource::Host);
        let own = ColumnSource::Field(vec![FieldRef::new(Names::Car, "exe")]);
        assert_eq!(ColumnSpec::parse("car:exe").unwrap().source, own);
        for bad in ["", "mask()", "upper(Image)", "mask(name(Image))"] {
            assert!(ColumnSpec::parse(bad).is_err(), "{bad}");
        }
        assert_eq!((name("C:\\a\\b.exe"), folder("C:\\a\\b.exe"), folder("b")), ("b.exe", "C:\\a", ""));
    }
}
