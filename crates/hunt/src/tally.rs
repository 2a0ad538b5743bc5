//! Counts of one part of the input, by combination of values; merged in order by [`crate::Stacks`].

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use shikra_event::{Event, Timestamp};

use crate::read::{NONE, Reader};
use crate::text::{Text, TextId};

/// Events kept of a combination.
pub(crate) const POINTS: usize = 3;

const HASHER: FixedState = FixedState::with_seed(11);

/// Counts of one part, with numbers of the reader.
#[derive(Default)]
pub struct Tally {
    stride: usize,
    bucket: Option<i64>,
    keys: Vec<TextId>,
    entries: Vec<Counted>,
    table: HashTable<(u64, u32)>,
    lacking: u64,
}

/// What is known of a combination in one part.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counted {
    pub count: u64,
    pub span: Option<(Timestamp, Timestamp)>,
    pub hosts: Vec<TextId>,
    pub users: Vec<TextId>,
    pub points: Vec<(u64, Option<Timestamp>, TextId)>,
    pub buckets: Vec<(i64, u64)>,
}

/// Counts of one part, with texts of its own: what crosses from thread to thread.
#[derive(Default)]
pub struct PartTally {
    pub(crate) stride: usize,
    pub(crate) texts: Vec<Text>,
    pub(crate) keys: Vec<TextId>,
    pub(crate) entries: Vec<Counted>,
    pub(crate) lacking: u64,
}

impl Tally {
    /// Empty; `stride`: columns; `bucket`: nanoseconds of a bucket of time, where counts by time are wanted.
    pub fn new(stride: usize, bucket: Option<i64>) -> Tally {
        Tally { stride, bucket, ..Tally::default() }
    }

    /// Counts an event.
    pub fn add(&mut self, reader: &mut Reader, event: &Event<'_>) {
        let Some(read) = reader.read(event) else {
            self.lacking += 1;
            return;
        };
        let (ids, host, user) = (read.ids, read.host, read.user);
        let stride = self.stride;
        let hash = HASHER.hash_one(ids);
        let keys = &self.keys;
        let is = |(h, i): &(u64, u32)| {
            let at = *i as usize * stride;
            *h == hash && keys.get(at..at + stride) == Some(ids)
        };
        let place = match self.table.find(hash, is) {
            Some((_, place)) => *place,
            None => {
                let place = self.entries.len() as u32;
                self.keys.extend_from_slice(ids);
                self.entries.push(Counted::default());
                self.table.insert_unique(hash, (hash, place), |(h, _)| *h);
                place
            }
        };
        if let Some(entry) = self.entries.get_mut(place as usize) {
            entry.add(event, host, user, self.bucket);
        }
    }

    /// Ends the part.
    pub fn finish(self, reader: &Reader) -> PartTally {
        let mut numbers = vec![NONE; reader.numbers()];
        let mut texts = Vec::new();
        let mut own = |id: &mut TextId| {
            let Some(number) = numbers.get_mut(*id as usize) else { return };
            if *number == NONE {
                *number = texts.len() as TextId;
                texts.push(reader.text(*id).clone());
            }
            *id = *number;
        };
        let (mut keys, mut entries) = (self.keys, self.entries);
        keys.iter_mut().for_each(&mut own);
        for e in &mut entries {
            e.hosts.iter_mut().chain(&mut e.users).for_each(&mut own);
            e.points.iter_mut().for_each(|(_, _, host)| own(host));
        }
        PartTally { stride: self.stride, texts, keys, entries, lacking: self.lacking }
    }
}

impl Counted {
    fn add(&mut self, event: &Event<'_>, host: TextId, user: TextId, bucket: Option<i64>) {
        self.count += 1;
        if let Some(t) = event.time {
            self.span = Some(self.span.map_or((t, t), |(a, b)| (a.min(t), b.max(t))));
            if let Some(bucket) = bucket.filter(|b| *b > 0) {
                bump(&mut self.buckets, t.0.div_euclid(bucket), 1);
            }
        }
        insert(&mut self.hosts, host);
        insert(&mut self.users, user);
        if self.points.len() < POINTS {
            self.points.push((event.record, event.time, host));
        }
    }
}

fn insert(list: &mut Vec<TextId>, id: TextId) {
    // The last one first: logs repeat themselves.
    if id != NONE && list.last() != Some(&id) && !list.contains(&id) {
        list.push(id);
    }
}

/// Adds to the count of a bucket; buckets are kept in order.
pub(crate) fn bump(buckets: &mut Vec<(i64, u64)>, at: i64, n: u64) {
    let place = buckets.partition_point(|(b, _)| *b < at);
    match buckets.get_mut(place).filter(|(b, _)| *b == at) {
        Some((_, count)) => *count += n,
        None => buckets.insert(place, (at, n)),
    }
}
