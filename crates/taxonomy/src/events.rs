//! Named logs and sets of events: what sources and field tables refer to.

use std::collections::HashMap;

use shikra_event::Shape;

use crate::table::{Row, TableErrorKind as Kind, split_outside};

/// Number of a log in [`Logs`].
pub(crate) type LogId = u16;

/// A log: the channels it is written to, and the providers that tell it where an event has no channel.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    pub channels: Vec<String>,
    pub providers: Vec<String>,
}

/// Events of a log; no ids mean all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EventRef {
    pub log: LogId,
    pub ids: Vec<u32>,
}

/// Which event of which log a shape is, so far as known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventKey {
    pub log: Option<LogId>,
    pub id: Option<u32>,
}

impl EventRef {
    pub fn means(&self, key: EventKey) -> bool {
        key.log == Some(self.log) && (self.ids.is_empty() || key.id.is_some_and(|id| self.ids.contains(&id)))
    }
}

/// All logs and sets.
#[derive(Clone, Debug, Default)]
pub(crate) struct Logs {
    logs: Vec<Log>,
    by_name: HashMap<String, LogId>,
    by_channel: HashMap<String, LogId>,
    by_provider: HashMap<String, LogId>,
    sets: HashMap<String, Vec<EventRef>>,
}

impl Logs {
    /// Takes in a row of the log table.
    pub fn add(&mut self, row: &Row<'_>) -> Result<(), Kind> {
        match row.section {
            "logs" => self.add_log(row.key, &row.value),
            "sets" => {
                let events = self.refs(&row.value)?;
                match self.sets.insert(row.key.to_owned(), events) {
                    None => Ok(()),
                    Some(_) => Err(Kind::Duplicate(row.key.to_owned())),
                }
            }
            other => Err(Kind::Section(other.to_owned())),
        }
    }

    /// `channel, channel ; provider, provider`.
    fn add_log(&mut self, name: &str, value: &str) -> Result<(), Kind> {
        let id = LogId::try_from(self.logs.len()).map_err(|_| Kind::Value(name.to_owned()))?;
        let (channels, providers) = value.split_once(';').unwrap_or((value, ""));
        let names = |list: &str| -> Vec<String> {
            list.split(',').map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned).collect()
        };
        let log = Log { channels: names(channels), providers: names(providers) };
        for channel in &log.channels {
            if self.by_channel.insert(channel.to_ascii_lowercase(), id).is_some() {
                return Err(Kind::Duplicate(channel.clone()));
            }
        }
        for provider in &log.providers {
            if self.by_provider.insert(provider.to_ascii_lowercase(), id).is_some() {
                return Err(Kind::Duplicate(provider.clone()));
            }
        }
        if self.by_name.insert(name.to_owned(), id).is_some() {
            return Err(Kind::Duplicate(name.to_owned()));
        }
        self.logs.push(log);
        Ok(())
    }

    /// Which event a shape is: by its channel, else by its provider.
    pub fn key(&self, shape: &Shape) -> EventKey {
        let channel = || self.by_channel.get(&shape.channel().to_ascii_lowercase());
        let provider = || self.by_provider.get(&shape.provider().to_ascii_lowercase());
        EventKey { log: channel().or_else(provider).copied(), id: shape.event_id() }
    }

    /// The channel of that name as it is written; several where it holds `*`; the name itself where no log has
    /// it.
    pub fn channels(&self, name: &str) -> Vec<String> {
        let known = self.by_channel.keys().filter(|known| like(name, known));
        let mut found: Vec<String> = known.cloned().collect();
        if found.is_empty() {
            found.push(name.trim_end_matches('*').to_owned());
        }
        found.sort();
        found
    }

    /// The logs of the channels of that name.
    pub fn channel(&self, name: &str) -> Vec<EventRef> {
        let known = self.by_channel.iter().filter(|(known, _)| like(name, known));
        let mut logs: Vec<LogId> = known.map(|(_, log)| *log).collect();
        logs.sort_unstable();
        logs.dedup();
        logs.into_iter().map(|log| EventRef { log, ids: Vec::new() }).collect()
    }

    pub fn get(&self, id: LogId) -> Option<&Log> {
        self.logs.get(usize::from(id))
    }

    /// Reads `sysmon/12/13, security/4657, @set`.
    pub fn refs(&self, text: &str) -> Result<Vec<EventRef>, Kind> {
        let mut refs = Vec::new();
        for part in split_outside(text, ",") {
            match part.strip_prefix('@') {
                Some(set) => match self.sets.get(set) {
                    Some(events) => refs.extend_from_slice(events),
                    None => return Err(Kind::UnknownSet(set.to_owned())),
                },
                None => refs.push(self.one_ref(part)?),
            }
        }
        Ok(refs)
    }

    fn one_ref(&self, text: &str) -> Result<EventRef, Kind> {
        let mut parts = text.split('/');
        let name = parts.next().unwrap_or("").trim();
        let log = *self.by_name.get(name).ok_or_else(|| Kind::UnknownLog(name.to_owned()))?;
        let ids: Result<Vec<u32>, Kind> =
            parts.map(|p| p.trim().parse().map_err(|_| Kind::Number(p.to_owned()))).collect();
        Ok(EventRef { log, ids: ids? })
    }
}

/// Whether a lower-case name is `pattern`, or begins with it where that ends in `*`.
fn like(pattern: &str, name: &str) -> bool {
    let pattern = pattern.to_ascii_lowercase();
    pattern.strip_suffix('*').map_or(pattern == name, |prefix| name.starts_with(prefix))
}
