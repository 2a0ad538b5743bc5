//! Operators over groups: rows are sorted by the key of their group, so that one group at a time is looked at.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use shikra_event::Value;
use shikra_ir::{Agg, Window};

use crate::compile::Operator;
use crate::operate;
use crate::row::{Row, key_text};

use super::bytes::{PLACE, Place, encode, place_key, place_of, placed};
use super::fold::Group;
use super::stream::{Rows, Stage};
use super::{Pair, Pairs, Wait};

/// Before the key of a group.
const GROUPED: u8 = 1;
/// In place of it where a row belongs to none.
const ALONE: u8 = 0;

/// Rows by group, those of a group in their order. Rows without a group come first where they are kept.
struct Grouped<'a> {
    pairs: std::iter::Peekable<Pairs<'a>>,
    /// How many rows there were.
    total: u64,
}

impl<'a> Grouped<'a> {
    /// `keys`: the groups of a row; `alone`: rows that belong to none stay.
    fn new(
        stage: Stage<'a>,
        rows: Rows<'a>,
        keys: impl Fn(&Row) -> Vec<Vec<Value>> + 'a,
        alone: bool,
    ) -> io::Result<Grouped<'a>> {
        let total = Rc::new(Cell::new(0u64));
        let counter = total.clone();
        let pairs = rows.flat_map(move |row| {
            let place = counter.replace(counter.get() + 1);
            let row = match row {
                Ok(row) => row,
                Err(e) => return vec![Err(e)],
            };
            let bytes = placed((place, 0), &row);
            let keys = keys(&row);
            if keys.is_empty() && alone {
                return vec![Ok((vec![ALONE], bytes))];
            }
            keys.iter().map(|k| Ok((group_key(k), bytes.clone()))).collect::<Vec<io::Result<Pair>>>()
        });
        let pairs = stage.outside.sorted(Box::new(pairs))?;
        Ok(Grouped { pairs: pairs.peekable(), total: total.get() })
    }

    /// The key of the next group.
    fn begin(&mut self) -> io::Result<Option<Vec<u8>>> {
        match self.pairs.peek() {
            None => Ok(None),
            Some(Ok((key, _))) => Ok(Some(key.clone())),
            Some(Err(_)) => self.pairs.next().transpose().map(|_| None),
        }
    }

    /// The next row of a group.
    fn next(&mut self, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
        match self.pairs.next_if(|p| p.as_ref().map_or(true, |(k, _)| k == key)) {
            None => Ok(None),
            Some(pair) => pair.map(|(_, row)| Some(row)),
        }
    }

    /// All rows of a group, as many as may be held.
    fn members(&mut self, stage: Stage<'_>, key: &[u8]) -> io::Result<Vec<(Place, Row)>> {
        let mut members = Vec::new();
        while let Some(row) = self.next(key)? {
            if members.len() >= stage.most {
                stage.lost.set(stage.lost.get() + 1);
                continue;
            }
            let (place, row) = place_of(&row)?;
            members.push((place, stage.names.decode(row)?));
        }
        Ok(members)
    }
}

/// Where a group stands that begins with this row, and the values of its keys.
fn appears(stage: Stage<'_>, a: &Agg, key: &[u8], place: Place, row: &Row) -> (Place, Vec<Value>) {
    let own = stage.keys(a, row).into_iter().enumerate().find(|(_, k)| group_key(k) == key);
    let (choice, values) = own.unwrap_or_default();
    ((place.0, choice as u64), values)
}

fn group_key(values: &[Value]) -> Vec<u8> {
    let mut key = vec![GROUPED];
    key.extend(key_text(values).into_bytes());
    key
}

/// Rows that were made, each with what orders it.
struct Made<'a> {
    stage: Stage<'a>,
    wait: Box<dyn Wait>,
}

impl<'a> Made<'a> {
    fn new(stage: Stage<'a>) -> io::Result<Made<'a>> {
        Ok(Made { stage, wait: stage.outside.wait()? })
    }

    fn push(&mut self, place: Place, row: &Row) -> io::Result<()> {
        self.wait.push(&placed(place, row))
    }

    fn rows(self) -> io::Result<Rows<'a>> {
        let rows = self.wait.rows()?.map(|p| p.map(|(_, row)| row));
        self.stage.in_order(Box::new(rows))
    }
}

/// One row a group, in the order in which groups appear. Without keys there is one group, empty or not.
pub(super) fn aggregate<'a>(stage: Stage<'a>, a: &'a Agg, rows: Rows<'a>) -> io::Result<Rows<'a>> {
    let mut groups = Grouped::new(stage, rows, |r| stage.keys(a, r), false)?;
    let mut made = Made::new(stage)?;
    let total = groups.total;
    let mut any = false;
    while let Some(key) = groups.begin()? {
        let mut group = Group::new(stage.reads, a);
        let mut first: Option<(Place, Vec<Value>)> = None;
        while let Some(row) = groups.next(&key)? {
            let (place, row) = place_of(&row)?;
            let row = stage.names.decode(row)?;
            if first.is_none() {
                first = Some(appears(stage, a, &key, place, &row));
            }
            group.add(&row);
        }
        let (place, keys) = first.unwrap_or_default();
        made.push(place, &result(a, keys, group, total))?;
        any = true;
    }
    if !any && a.keys.is_empty() {
        made.push((0, 0), &result(a, vec![], Group::new(stage.reads, a), total))?;
    }
    made.rows()
}

fn result(a: &Agg, keys: Vec<Value>, group: Group<'_>, total: u64) -> Row {
    let mut columns: Vec<(Arc<str>, Value)> = a.keys.iter().map(|k| k.name.clone()).zip(keys).collect();
    let values = group.values(total);
    columns.extend(a.columns.iter().map(|(n, _)| n.clone()).zip(values));
    Row { found: group.found(), cells: Arc::from([]), columns }
}

/// Groups that are cut by time: each is held as a whole.
pub(super) fn whole<'a>(
    stage: Stage<'a>,
    a: &'a Agg,
    operator: &'a Operator,
    rows: Rows<'a>,
) -> io::Result<Rows<'a>> {
    let mut groups = Grouped::new(stage, rows, |r| stage.keys(a, r), false)?;
    let mut made = Made::new(stage)?;
    while let Some(key) = groups.begin()? {
        let members = groups.members(stage, &key)?;
        let first = members.first();
        let place = first.map_or((0, 0), |(place, row)| appears(stage, a, &key, *place, row).0);
        let rows = members.into_iter().map(|(_, row)| row).collect();
        for row in of_group(stage, operator, &key, rows, a) {
            made.push(place, &row)?;
        }
    }
    made.rows()
}

/// The rows that an operator makes of one group's. Rows of several groups count in this one only.
fn of_group(stage: Stage<'_>, operator: &Operator, key: &[u8], rows: Vec<Row>, a: &Agg) -> Vec<Row> {
    let made = operate::one(stage.reads, operator, rows);
    let own = |row: &Row| {
        let value = |name: &Arc<str>| row.columns.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
        let values: Vec<Value> = a.keys.iter().map(|k| value(&k.name).unwrap_or_default()).collect();
        group_key(&values) == key
    };
    made.into_iter().filter(own).collect()
}

/// Aggregates put on every row of their group.
pub(super) fn window<'a>(stage: Stage<'a>, a: &'a Agg, rows: Rows<'a>) -> io::Result<Rows<'a>> {
    let mut groups = Grouped::new(stage, rows, |r| stage.keys(a, r), true)?;
    let mut made = stage.outside.wait()?;
    let total = groups.total;
    while let Some(key) = groups.begin()? {
        if key.first() == Some(&ALONE) {
            while let Some(bytes) = groups.next(&key)? {
                let (place, row) = place_of(&bytes)?;
                made.push(&[&place_key(place), &place_key((0, 0)), row].concat())?;
            }
            continue;
        }
        let mut group = Group::new(stage.reads, a);
        let mut members = stage.outside.wait()?;
        let mut appeared = None;
        while let Some(bytes) = groups.next(&key)? {
            let (place, row) = place_of(&bytes)?;
            let row = stage.names.decode(row)?;
            appeared.get_or_insert_with(|| appears(stage, a, &key, place, &row).0);
            group.add(&row);
            members.push(&bytes)?;
        }
        let values = group.values(total);
        for member in members.rows()? {
            let (_, bytes) = member?;
            let (place, row) = place_of(&bytes)?;
            let mut row = stage.names.decode(row)?;
            for ((name, _), v) in a.columns.iter().zip(&values) {
                row.set(name, v.clone());
            }
            let mut bytes = [place_key(place), place_key(appeared.unwrap_or_default())].concat();
            encode(&row, &mut bytes);
            made.push(&bytes)?;
        }
    }
    last_of_each(stage, made)
}

/// Rows in their order; of a row that belongs to several groups, what the last of these made of it.
fn last_of_each<'a>(stage: Stage<'a>, made: Box<dyn Wait>) -> io::Result<Rows<'a>> {
    let pairs = made.rows()?.map(|p| {
        let (_, bytes) = p?;
        let (places, row) = bytes.split_at_checked(2 * PLACE).ok_or(io::ErrorKind::InvalidData)?;
        Ok((places.to_vec(), row.to_vec()))
    });
    let mut sorted = stage.outside.sorted(Box::new(pairs))?.peekable();
    let same = |a: &[u8], b: &[u8]| a.get(..PLACE) == b.get(..PLACE);
    let rows = std::iter::from_fn(move || {
        let mut last = sorted.next()?;
        while let Ok((key, _)) = &last
            && let Some(next) = sorted.next_if(|n| n.as_ref().map_or(true, |(k, _)| same(k, key)))
        {
            last = next;
        }
        Some(last.and_then(|(_, row)| stage.names.decode(&row)))
    });
    Ok(Box::new(rows))
}

/// Aggregates of each row's group up to that row.
pub(super) fn running<'a>(
    stage: Stage<'a>,
    a: &'a Agg,
    operator: &'a Operator,
    rows: Rows<'a>,
) -> io::Result<Rows<'a>> {
    let mut groups =
        Grouped::new(stage, rows, |r| operate::key(stage.reads, a, r).into_iter().collect(), true)?;
    let mut made = Made::new(stage)?;
    while let Some(key) = groups.begin()? {
        let members = groups.members(stage, &key)?;
        let (places, rows): (Vec<Place>, Vec<Row>) = members.into_iter().unzip();
        let rows = if key.first() == Some(&ALONE) { rows } else { operate::one(stage.reads, operator, rows) };
        for (place, row) in places.into_iter().zip(rows) {
            made.push(place, &row)?;
        }
    }
    made.rows()
}

/// Sessions: groups held as a whole, the latest first.
pub(super) fn sessions<'a>(
    stage: Stage<'a>,
    a: &'a Agg,
    operator: &'a Operator,
    rows: Rows<'a>,
) -> io::Result<Rows<'a>> {
    debug_assert!(matches!(a.window, Window::Session { .. }));
    let mut groups = Grouped::new(stage, rows, |r| stage.keys(a, r), false)?;
    let mut made = stage.outside.wait()?;
    while let Some(key) = groups.begin()? {
        let members = groups.members(stage, &key)?;
        let first = members.first();
        let place = first.map_or((0, 0), |(place, row)| appears(stage, a, &key, *place, row).0);
        let rows = members.into_iter().map(|(_, row)| row).collect();
        for row in of_group(stage, operator, &key, rows, a) {
            made.push(&placed(place, &row))?;
        }
    }
    let pairs = made.rows()?.map(|p| {
        let (_, bytes) = p?;
        let (place, row) = place_of(&bytes)?;
        let first = stage.names.decode(row)?.found.first;
        let backwards = first.map_or(u64::MAX, |t| !((t.0 as u64) ^ 1 << 63));
        let key = [&backwards.to_be_bytes()[..], &place_key(place)].concat();
        Ok((key, row.to_vec()))
    });
    let sorted = stage.outside.sorted(Box::new(pairs))?;
    Ok(Box::new(sorted.map(move |p| stage.names.decode(&p?.1))))
}
