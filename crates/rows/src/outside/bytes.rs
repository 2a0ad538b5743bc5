//! Rows as bytes.

use std::cell::RefCell;
use std::io::{self, Read};
use std::sync::Arc;

use hashbrown::HashMap;
use shikra_event::wire::{get, get_bytes, put, put_bytes, put_value, value};
use shikra_event::{Timestamp, Value};
use shikra_sequence::{Match, MatchedEvent};

use crate::row::Row;

type Columns = Vec<(Arc<str>, Value)>;

/// Appends a row.
pub(crate) fn encode(row: &Row, out: &mut Vec<u8>) {
    let found = &row.found;
    put(found.time.0 as u64, out);
    [found.first, found.last].iter().for_each(|t| time(*t, out));
    put(found.events.len() as u64, out);
    for e in &found.events {
        put(u64::from(e.stage), out);
        out.push(u8::from(e.event.is_some()));
        put(e.event.unwrap_or_default(), out);
    }
    columns(&found.keys, out);
    columns(&found.columns, out);
    put(found.lost, out);
    out.push(u8::from(found.early));
    put(row.cells.len() as u64, out);
    row.cells.iter().for_each(|v| put_value(v, out));
    columns(&row.columns, out);
}

fn time(t: Option<Timestamp>, out: &mut Vec<u8>) {
    out.push(u8::from(t.is_some()));
    put(t.map_or(0, |t| t.0 as u64), out);
}

fn columns(columns: &Columns, out: &mut Vec<u8>) {
    put(columns.len() as u64, out);
    for (name, v) in columns {
        put_bytes(name.as_bytes(), out);
        put_value(v, out);
    }
}

/// Names of columns, each held once.
#[derive(Default)]
pub(crate) struct Names(RefCell<HashMap<Vec<u8>, Arc<str>>>);

impl Names {
    /// Reads a row.
    pub fn decode(&self, mut from: &[u8]) -> io::Result<Row> {
        let from = &mut from;
        let at = Timestamp(get(from)? as i64);
        let (first, last) = (read_time(from)?, read_time(from)?);
        let count = get(from)?;
        let events = (0..count).map(|_| read_event(from)).collect::<io::Result<_>>()?;
        let (keys, made) = (self.columns(from)?, self.columns(from)?);
        let (lost, early) = (get(from)?, flag(from)?);
        let found = Match { time: at, first, last, events, keys, columns: made, lost, early };
        let count = get(from)?;
        let cells = (0..count).map(|_| value(from)).collect::<io::Result<_>>()?;
        Ok(Row { found, cells, columns: self.columns(from)? })
    }

    fn columns(&self, from: &mut &[u8]) -> io::Result<Columns> {
        let count = get(from)?;
        (0..count).map(|_| Ok((self.name(get_bytes(from)?)?, value(from)?))).collect()
    }

    fn name(&self, bytes: Vec<u8>) -> io::Result<Arc<str>> {
        let mut known = self.0.borrow_mut();
        if let Some(name) = known.get(&bytes) {
            return Ok(name.clone());
        }
        let name: Arc<str> = std::str::from_utf8(&bytes).map_err(|_| io::ErrorKind::InvalidData)?.into();
        known.insert(bytes, name.clone());
        Ok(name)
    }
}

fn flag(from: &mut &[u8]) -> io::Result<bool> {
    let mut one = [0];
    from.read_exact(&mut one)?;
    Ok(one != [0])
}

fn read_time(from: &mut &[u8]) -> io::Result<Option<Timestamp>> {
    let there = flag(from)?;
    let time = Timestamp(get(from)? as i64);
    Ok(there.then_some(time))
}

fn read_event(from: &mut &[u8]) -> io::Result<MatchedEvent> {
    let stage = u32::try_from(get(from)?).unwrap_or_default();
    let there = flag(from)?;
    let handle = get(from)?;
    Ok(MatchedEvent { stage, event: there.then_some(handle) })
}

/// What orders rows: the place of a row, or of the row where a group appears, and which of its groups it is.
pub(crate) type Place = (u64, u64);

/// Bytes of a place.
pub(crate) const PLACE: usize = 16;

/// A place as bytes that order as it does.
pub(crate) fn place_key(place: Place) -> [u8; PLACE] {
    (u128::from(place.0) << 64 | u128::from(place.1)).to_be_bytes()
}

/// A place before a row, so that order can be restored.
pub(crate) fn placed(place: Place, row: &Row) -> Vec<u8> {
    let mut out = place_key(place).to_vec();
    encode(row, &mut out);
    out
}

/// The place and the bytes of the row behind it.
pub(crate) fn place_of(bytes: &[u8]) -> io::Result<(Place, &[u8])> {
    let (place, row) = bytes.split_first_chunk::<PLACE>().ok_or(io::ErrorKind::InvalidData)?;
    let both = u128::from_be_bytes(*place);
    Ok((((both >> 64) as u64, both as u64), row))
}
