//! Programs whose rows come of several others: unions, joins, subsearches.

use std::io;

use shikra_ir::JoinKind;

use crate::merge::{self, Input, Kind, Merge, Spec};

use super::bytes::{Place, place_key, place_of, placed};
use super::stream::{Rows, Stage};
use super::{Pair, Pairs, Wait};

/// The rows of all inputs made one.
pub(crate) fn merged<'a>(stage: Stage<'a>, merge: &'a Merge, parts: Vec<Rows<'a>>) -> io::Result<Rows<'a>> {
    let mut parts = merge.inputs.iter().zip(parts);
    match &merge.kind {
        Kind::Union => {
            let each = parts.map(|(input, rows)| rows.map(move |r| Ok(input.seen_from_above(r?))));
            Ok(Box::new(each.collect::<Vec<_>>().into_iter().flatten()))
        }
        Kind::Search(search) => {
            let (Some((left, l)), Some((right, r))) = (parts.next(), parts.next()) else {
                return Ok(Box::new(std::iter::empty()));
            };
            let mut conditions = Vec::new();
            for row in r {
                if conditions.len() >= stage.most {
                    stage.lost.set(stage.lost.get() + 1);
                } else {
                    conditions.push(row?);
                }
            }
            let search = search.prepared(&right.program.reads, &conditions);
            let stays = move |row: io::Result<_>| match row {
                Ok(row) => search.stays(&left.program.reads, &row).then(|| Ok(left.seen_from_above(row))),
                Err(e) => Some(Err(e)),
            };
            Ok(Box::new(l.filter_map(stays)))
        }
        Kind::Join(spec) => {
            let (Some((left, l)), Some((right, r))) = (parts.next(), parts.next()) else {
                return Ok(Box::new(std::iter::empty()));
            };
            let left = Side::new(stage, left, spec, false, l)?;
            let right = Side::new(stage, right, spec, true, r)?;
            join(stage, spec, left, right)
        }
    }
}

/// One side of a join: its rows in order, and by key.
struct Side {
    rows: Box<dyn Wait>,
    keyed: Box<dyn Wait>,
    count: u64,
}

impl Side {
    fn new(stage: Stage<'_>, input: &Input, spec: &Spec, right: bool, rows: Rows<'_>) -> io::Result<Side> {
        let mut side = Side { rows: stage.outside.wait()?, keyed: stage.outside.wait()?, count: 0 };
        let mut names = hashbrown::HashMap::new();
        for row in rows {
            let sided = input.sided(spec, right, row?, &mut names);
            let bytes = placed((side.count, 0), &sided.row);
            side.count += 1;
            side.rows.push(&bytes)?;
            for key in &sided.keys {
                side.keyed.push(&[&(key.len() as u64).to_be_bytes(), key.as_bytes(), &bytes].concat())?;
            }
        }
        Ok(side)
    }
}

fn keyed(rows: Box<dyn Wait>) -> io::Result<Pairs<'static>> {
    let pair = |p: io::Result<Pair>| {
        let (_, bytes) = p?;
        let (length, rest) = bytes.split_first_chunk::<8>().ok_or(io::ErrorKind::InvalidData)?;
        let length = usize::try_from(u64::from_be_bytes(*length)).map_err(|_| io::ErrorKind::InvalidData)?;
        let (key, row) = rest.split_at_checked(length).ok_or(io::ErrorKind::InvalidData)?;
        Ok((key.to_vec(), row.to_vec()))
    };
    Ok(Box::new(rows.rows()?.map(pair)))
}

/// Each left row with its partners, in order; then, of a full join, the right rows without one.
fn join<'a>(stage: Stage<'a>, spec: &'a Spec, left: Side, right: Side) -> io::Result<Rows<'a>> {
    let partners = stage.outside.joined(keyed(left.keyed)?, keyed(right.keyed)?)?;
    let by_place = partners.map(|p| {
        let (l, r) = p?;
        let (at, to) = (place_of(&l)?.0, place_of(&r)?.0);
        let row = [&(l.len() as u64).to_be_bytes(), &l[..], &r[..]].concat();
        Ok(([place_key(at), place_key(to)].concat(), row))
    });
    let pairs = stage.outside.sorted(Box::new(by_place))?;
    let mut work = Work { stage, spec, pairs: pairs.peekable(), taken: Taken::new(spec, right.count) };
    let mut lefts = left.rows.rows()?;
    let mut rights = (spec.kind == JoinKind::Full).then(|| right.rows.rows()).transpose()?;
    let mut ready = std::collections::VecDeque::new();
    Ok(Box::new(std::iter::from_fn(move || {
        loop {
            if let Some(row) = ready.pop_front() {
                return Some(Ok(row));
            }
            let done = match lefts.next() {
                Some(left) => left.and_then(|(_, bytes)| work.of_left(&bytes)),
                None => rights.as_mut()?.next()?.and_then(|(_, bytes)| work.of_right(&bytes)),
            };
            match done {
                Ok(rows) => ready.extend(rows),
                Err(e) => return Some(Err(e)),
            }
        }
    })))
}

/// Which right rows found a partner; kept only where that is asked.
struct Taken(Vec<u64>);

impl Taken {
    fn new(spec: &Spec, count: u64) -> Taken {
        let words = if spec.kind == JoinKind::Full { count.div_ceil(64) } else { 0 };
        Taken(vec![0; usize::try_from(words).unwrap_or_default()])
    }
    fn word(&mut self, place: Place) -> Option<&mut u64> {
        self.0.get_mut(usize::try_from(place.0 / 64).ok()?)
    }
    fn take(&mut self, place: Place) {
        self.word(place).into_iter().for_each(|w| *w |= 1 << (place.0 % 64));
    }
    fn has(&mut self, place: Place) -> bool {
        self.word(place).is_some_and(|w| *w >> (place.0 % 64) & 1 == 1)
    }
}

struct Work<'a> {
    stage: Stage<'a>,
    spec: &'a Spec,
    pairs: std::iter::Peekable<Pairs<'a>>,
    taken: Taken,
}

impl Work<'_> {
    /// What a left row and its partners make.
    fn of_left(&mut self, bytes: &[u8]) -> io::Result<Vec<crate::row::Row>> {
        let (place, row) = place_of(bytes)?;
        let left = self.stage.names.decode(row)?;
        let key = place_key(place);
        let own = |p: &io::Result<Pair>| p.as_ref().map_or(true, |(k, _)| k.get(..key.len()) == Some(&key));
        let mut out = Vec::new();
        let mut found = 0;
        let mut last: Option<Vec<u8>> = None;
        while let Some(pair) = self.pairs.next_if(own) {
            let (places, bytes) = pair?;
            // A pair whose keys are lists may meet more than once.
            let enough = match self.spec.kind {
                JoinKind::Semi | JoinKind::Anti => found > 0,
                _ => self.spec.most.is_some_and(|most| found >= most),
            };
            if enough || last.as_ref() == Some(&places) {
                continue;
            }
            last = Some(places);
            let (to, right) = right_of(&bytes)?;
            let right = self.stage.names.decode(right)?;
            let Some(row) = merge::joined(self.spec, self.stage.reads, &left, &right) else { continue };
            found += 1;
            self.taken.take(to);
            if !matches!(self.spec.kind, JoinKind::Semi | JoinKind::Anti) {
                out.push(row);
            }
        }
        let alone = match self.spec.kind {
            JoinKind::Inner => false,
            JoinKind::Left | JoinKind::Full | JoinKind::Anti => found == 0,
            JoinKind::Semi => found > 0,
        };
        if alone {
            out.push(left);
        }
        Ok(out)
    }

    fn of_right(&mut self, bytes: &[u8]) -> io::Result<Vec<crate::row::Row>> {
        let (place, row) = place_of(bytes)?;
        if self.taken.has(place) { Ok(vec![]) } else { Ok(vec![self.stage.names.decode(row)?]) }
    }
}

/// The right row of a pair of rows.
fn right_of(bytes: &[u8]) -> io::Result<(Place, &[u8])> {
    let bad = || io::Error::from(io::ErrorKind::InvalidData);
    let (length, rest) = bytes.split_first_chunk::<8>().ok_or_else(bad)?;
    let length = usize::try_from(u64::from_be_bytes(*length)).map_err(|_| bad())?;
    place_of(rest.get(length..).ok_or_else(bad)?)
}
