//! Twin records: one act that two sensors recorded, and which log sources name acts at all.

use std::collections::HashMap;

use shikra_ir::{FieldRef, LogSource, Names};

use crate::events::{EventKey, EventRef, Logs};
use crate::table::{Row, TableErrorKind as Kind};
use crate::{Answers, Binding};

/// An act whose records have twins, as one kind of record tells of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Twin {
    /// Number of the act.
    pub act: usize,
    /// Whether the record is of the second sensor of the table.
    pub second: bool,
    /// Ways to identify the act beside host and time: the values are the same in both records, in any case. The first
    /// way counts that both records have; none: records of this shape do not have it.
    pub ways: Vec<Option<Vec<Binding>>>,
    /// Nanoseconds that may lie between the records.
    pub within: i64,
}

/// Most ways to identify an act.
const MOST_WAYS: usize = 4;

/// The table.
#[derive(Debug, Default)]
pub(crate) struct Twins {
    acts: Vec<Act>,
    /// By scheme: keys of a log source that names acts, and those it must not have.
    named: HashMap<Names, (Vec<String>, Vec<String>)>,
}

#[derive(Debug)]
struct Act {
    records: [Vec<EventRef>; 2],
    ways: Vec<Vec<FieldRef>>,
    within: i64,
}

impl Twins {
    /// Takes in a row: `events ; events ; name, name / name ; seconds`, or the keys of log sources that name acts.
    pub fn add(&mut self, row: &Row<'_>, logs: &Logs) -> Result<(), Kind> {
        let bad = || Kind::Value(row.value.clone());
        match row.section {
            "twins" => {
                let parts: Vec<&str> = row.value.split(';').map(str::trim).collect();
                let [first, second, ways, seconds] = parts.as_slice() else { return Err(bad()) };
                let seconds: u32 = seconds.parse().map_err(|_| Kind::Number((*seconds).to_owned()))?;
                let field = |name| FieldRef::new(Names::Sigma, name);
                let ways: Vec<Vec<FieldRef>> =
                    ways.split('/').map(|way| list(way).into_iter().map(field).collect()).collect();
                if ways.len() > MOST_WAYS || ways.iter().any(Vec::is_empty) {
                    return Err(bad());
                }
                let records = [logs.refs(first)?, logs.refs(second)?];
                self.acts.push(Act { records, ways, within: i64::from(seconds) * 1_000_000_000 });
            }
            "acts" => {
                let names = Names::ALL.iter().find(|n| n.as_str() == row.key).ok_or_else(bad)?;
                let (lacking, having): (Vec<_>, Vec<_>) =
                    list(&row.value).into_iter().partition(|k| k.starts_with('!'));
                let having = having.into_iter().map(str::to_owned).collect();
                let lacking = lacking.iter().map(|k| k.trim_start_matches('!').to_owned()).collect();
                if self.named.insert(*names, (having, lacking)).is_some() {
                    return Err(Kind::Duplicate(row.key.to_owned()));
                }
            }
            other => return Err(Kind::Section(other.to_owned())),
        }
        Ok(())
    }

    /// What records of this kind tell of; none where the fields that identify the act are lacking.
    pub fn of(&self, key: EventKey, answers: &Answers<'_>) -> Option<Twin> {
        let side = |act: &Act| act.records.iter().position(|events| events.iter().any(|e| e.means(key)));
        let (number, act, side) =
            self.acts.iter().enumerate().find_map(|(n, act)| Some((n, act, side(act)?)))?;
        let way = |fields: &Vec<FieldRef>| {
            let bindings: Vec<Binding> = fields.iter().map(|f| answers.bind(f)).collect();
            (!bindings.iter().any(Binding::is_absent)).then_some(bindings)
        };
        let ways: Vec<_> = act.ways.iter().map(way).collect();
        let known = ways.iter().any(Option::is_some);
        known.then_some(Twin { act: number, second: side == 1, ways, within: act.within })
    }

    /// Whether a log source names an act.
    pub fn names_act(&self, source: &LogSource) -> bool {
        let has = |k: &String| source.keys.contains_key(k);
        let keys = self.named.get(&source.names);
        keys.is_some_and(|(having, lacking)| having.iter().all(has) && !lacking.iter().any(has))
    }
}

fn list(text: &str) -> Vec<&str> {
    text.split(',').map(str::trim).filter(|t| !t.is_empty()).collect()
}
