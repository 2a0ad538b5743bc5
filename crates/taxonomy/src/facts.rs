//! Which fields each event carries, as far as the tables know.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use shikra_event::{Name, Shape, ShapeBuilder, system};

use crate::events::{EventRef, LogId, Logs};
use crate::table::{Row, TableErrorKind as Kind};

/// Facts by log.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    logs: HashMap<LogId, LogFacts>,
}

#[derive(Debug, Default)]
struct LogFacts {
    channel: String,
    provider: String,
    /// Every event of the log is listed.
    complete: bool,
    /// Event id, field names as written, and the shape made of them when first asked for.
    events: Vec<(u32, String, OnceLock<Arc<Shape>>)>,
}

impl Facts {
    /// Takes in a row: section `log` or `log complete`, key event id (or several, `/` between), value field
    /// names with commas between.
    pub fn add(&mut self, row: &Row<'_>, logs: &Logs) -> Result<(), Kind> {
        let (name, complete) = match row.section.strip_suffix(" complete") {
            Some(name) => (name, true),
            None => (row.section, false),
        };
        let refs = logs.refs(name)?;
        let Some(log) = refs.first().and_then(|r| Some((r.log, logs.get(r.log)?))) else {
            return Err(Kind::UnknownLog(name.to_owned()));
        };
        let facts = self.logs.entry(log.0).or_insert_with(|| LogFacts {
            channel: log.1.channels.first().cloned().unwrap_or_default(),
            provider: log.1.providers.first().cloned().unwrap_or_default(),
            ..LogFacts::default()
        });
        facts.complete = complete;
        for id in row.key.split('/') {
            let id = id.trim().parse().map_err(|_| Kind::Number(id.to_owned()))?;
            if facts.events.iter().any(|(known, ..)| *known == id) {
                return Err(Kind::Duplicate(row.key.to_owned()));
            }
            facts.events.push((id, row.value.clone(), OnceLock::new()));
        }
        Ok(())
    }

    /// Whether this event of a log is listed, or all of its events are.
    pub fn lists(&self, log: LogId, id: Option<u32>) -> bool {
        let listed = |f: &LogFacts| f.events.iter().any(|(known, ..)| Some(*known) == id);
        self.logs.get(&log).is_some_and(|f| f.complete || listed(f))
    }

    /// Whether some of these events has a field that `has` looks for; none where too little is known to deny
    /// it.
    pub fn can_have(&self, events: &[EventRef], has: impl Fn(&Shape) -> bool) -> Option<bool> {
        let mut all_known = !events.is_empty();
        for event in events {
            let Some(facts) = self.logs.get(&event.log) else {
                all_known = false;
                continue;
            };
            let meant =
                || facts.events.iter().filter(|(id, ..)| event.ids.is_empty() || event.ids.contains(id));
            if meant().any(|(id, names, shape)| has(shape.get_or_init(|| facts.shape(*id, names)))) {
                return Some(true);
            }
            all_known &=
                if event.ids.is_empty() { facts.complete } else { meant().count() == event.ids.len() };
        }
        if all_known { Some(false) } else { None }
    }
}

impl Facts {
    /// A shape of every event that is listed, in the order of logs and ids.
    pub fn shapes(&self) -> Vec<Arc<Shape>> {
        let mut logs: Vec<(&LogId, &LogFacts)> = self.logs.iter().collect();
        logs.sort_by_key(|(id, _)| **id);
        let events = logs.into_iter().flat_map(|(_, log)| log.events.iter().map(move |e| (log, e)));
        events.map(|(log, (id, names, shape))| shape.get_or_init(|| log.shape(*id, names)).clone()).collect()
    }
}

impl LogFacts {
    fn shape(&self, id: u32, names: &str) -> Arc<Shape> {
        let own = names.split(',').map(str::trim).filter(|n| !n.is_empty());
        ShapeBuilder {
            channel: self.channel.clone(),
            provider: self.provider.clone(),
            event_id: Some(id),
            fields: system::ALL.iter().copied().chain(own).map(Name::from).collect(),
            ..ShapeBuilder::default()
        }
        .build()
    }
}
