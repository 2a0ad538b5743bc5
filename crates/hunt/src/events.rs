//! Single events in order of time, with what was read of each: for analytics that heed the order.

use std::sync::Arc;

use shikra_event::{Event, Timestamp};

use crate::read::{NONE, Reader};
use crate::result::{ColumnKind, EventPoint, HuntResult, Population};
use crate::stats::thousands;
use crate::text::{Text, TextId, Texts};

/// Events of one part, with numbers of the reader.
#[derive(Default)]
pub struct PartEvents {
    texts: Vec<Text>,
    keys: Vec<TextId>,
    heads: Vec<Head>,
    lacking: u64,
}

/// What is known of an event beside its values.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// Event time.
    pub time: Option<Timestamp>,
    /// Record in its source.
    pub record: u64,
    /// Number of the source.
    pub source: u32,
    /// Number of the host; [`NONE`]: none.
    pub host: TextId,
    /// Number of the user; likewise.
    pub user: TextId,
    /// A bit for each filter that it passed.
    pub passed: u64,
}

impl PartEvents {
    /// Keeps an event that passed these filters.
    pub fn add(&mut self, reader: &mut Reader, event: &Event<'_>, passed: u64) {
        let Some(read) = reader.read(event) else {
            self.lacking += 1;
            return;
        };
        self.keys.extend_from_slice(read.ids);
        let (host, user) = (read.host, read.user);
        self.heads.push(Head { time: event.time, record: event.record, source: 0, host, user, passed });
    }

    /// Ends the part: numbers become its own.
    pub fn finish(mut self, reader: &Reader) -> PartEvents {
        let mut numbers = vec![NONE; reader.numbers()];
        let texts = &mut self.texts;
        let mut own = |id: &mut TextId| {
            let Some(number) = numbers.get_mut(*id as usize) else { return };
            if *number == NONE {
                *number = texts.len() as TextId;
                texts.push(reader.text(*id).clone());
            }
            *id = *number;
        };
        self.keys.iter_mut().for_each(&mut own);
        for h in &mut self.heads {
            own(&mut h.host);
            own(&mut h.user);
        }
        self
    }
}

/// Events with what was read of each.
pub struct Events {
    stride: usize,
    limit: usize,
    texts: Texts,
    sources: Vec<Arc<str>>,
    keys: Vec<TextId>,
    heads: Vec<Head>,
    order: Vec<u32>,
    lacking: u64,
    beyond: u64,
    whole: Option<(Timestamp, Timestamp)>,
}

impl Events {
    /// Empty; `stride`: columns; `limit`: bytes of memory.
    pub fn new(stride: usize, limit: usize) -> Events {
        Events {
            stride,
            limit,
            texts: Texts::default(),
            sources: Vec::new(),
            keys: Vec::new(),
            heads: Vec::new(),
            order: Vec::new(),
            lacking: 0,
            beyond: 0,
            whole: None,
        }
    }

    /// Adds the events of a part of `source`. Parts come in the order of the input.
    pub fn merge(&mut self, part: PartEvents, source: &Arc<str>) {
        if self.sources.last() != Some(source) {
            self.sources.push(source.clone());
        }
        self.lacking += part.lacking;
        if self.bytes() > self.limit {
            self.beyond += part.heads.len() as u64;
            return;
        }
        let numbers: Vec<TextId> = part.texts.iter().map(|t| self.texts.add(t)).collect();
        let own = |id: &TextId| numbers.get(*id as usize).copied().unwrap_or(NONE);
        self.keys.extend(part.keys.iter().map(own));
        let source = self.sources.len() as u32 - 1;
        let head = |h: Head| Head { source, host: own(&h.host), user: own(&h.user), ..h };
        self.heads.extend(part.heads.into_iter().map(head));
    }

    fn bytes(&self) -> usize {
        self.texts.bytes()
            + self.heads.len() * (size_of::<Head>() + 4)
            + self.keys.len() * size_of::<TextId>()
    }

    /// Puts the events into order of time; equal times stay in order of the input, events without a time come
    /// first.
    /// `whole`: first and last event of the input, those that did not pass included.
    pub fn sort(&mut self, whole: Option<(Timestamp, Timestamp)>) {
        self.whole = whole;
        let mut order: Vec<u32> = (0..self.heads.len() as u32).collect();
        order.sort_by_key(|i| self.heads[*i as usize].time);
        self.order = order;
    }

    /// First and last event of the whole input.
    pub fn whole(&self) -> Option<(Timestamp, Timestamp)> {
        self.whole
    }

    /// Places of the events in order of time.
    pub fn ordered(&self) -> impl Iterator<Item = usize> + '_ {
        self.order.iter().map(|i| *i as usize)
    }

    /// What is known of an event.
    pub fn head(&self, place: usize) -> &Head {
        &self.heads[place]
    }

    /// How many events.
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// The number of an event's value in a column.
    pub fn id(&self, place: usize, column: usize) -> TextId {
        self.keys.get(place * self.stride + column).copied().unwrap_or(NONE)
    }

    /// A value by its number.
    pub fn shown(&self, id: TextId) -> Arc<str> {
        if id == NONE { Arc::from("-") } else { self.texts.shown(id).clone() }
    }

    /// How many numbers of values there are.
    pub fn numbers(&self) -> usize {
        self.texts.len()
    }

    /// Where to find an event.
    pub fn point(&self, place: usize) -> EventPoint {
        let h = self.head(place);
        EventPoint {
            source: self.sources.get(h.source as usize).cloned().unwrap_or_default(),
            record: h.record,
            time: h.time,
            host: if h.host == NONE { Arc::from("") } else { self.texts.shown(h.host).clone() },
        }
    }

    /// What there is in all.
    pub fn population(&self) -> Population {
        let different = |of: fn(&Head) -> TextId| {
            let mut all: Vec<TextId> = self.heads.iter().map(of).filter(|h| *h != NONE).collect();
            all.sort_unstable();
            all.dedup();
            all.len() as u64
        };
        let times = || self.heads.iter().filter_map(|h| h.time);
        let mut keys: Vec<&[TextId]> = self.keys.chunks(self.stride.max(1)).collect();
        keys.sort_unstable();
        keys.dedup();
        Population {
            events: self.heads.len() as u64,
            lacking: self.lacking,
            values: keys.len() as u64,
            hosts: different(|h| h.host),
            users: different(|h| h.user),
            span: times().min().zip(times().max()),
            sample: 1,
        }
    }

    /// What must be said of it.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.lacking > 0 {
            notes.push(format!(
                "{} events lack a field that was asked for and were left out",
                thousands(self.lacking)
            ));
        }
        if self.beyond > 0 {
            notes.push(format!(
                "the last {} events did not fit into the memory limit and were left out: narrow the filter, \
                 or give more with --memory",
                thousands(self.beyond)
            ));
        }
        notes
    }

    /// A result without rows of what was seen, see [`HuntResult::begun`].
    pub fn result(
        &self,
        texts: impl IntoIterator<Item = impl Into<String>>,
        own: &[(&str, ColumnKind)],
    ) -> HuntResult {
        HuntResult::begun(self.population(), self.notes(), texts, own)
    }
}
