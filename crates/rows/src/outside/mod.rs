//! Plans over rows that do not fit in memory.
//!
//! [`Room`] is the memory that all machines share. When it is full, a machine's rows go to what an [`Outside`]
//! offers: a place to wait, a sort, a join, all of them over bytes. When the input ends the operators run as
//! streams: row by row where they can, one group at a time where they must, with the sort and the join of the
//! outside in between. What a row means, and every function, is the code that works in memory; the results are
//! the same, which tests hold true.

mod bytes;
mod end;
mod fold;
mod group;
mod join;
mod key;
mod stream;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::row::Row;

pub(crate) use bytes::Names;
pub(crate) use end::{Around, Ended};
use stream::bytes;

/// A key and a row, both bytes.
pub type Pair = (Vec<u8>, Vec<u8>);
/// Pairs one after the other.
pub type Pairs<'a> = Box<dyn Iterator<Item = io::Result<Pair>> + 'a>;
/// A left row and a right row whose keys are equal.
pub type Partner = (Vec<u8>, Vec<u8>);
/// Partners one after the other.
pub type Partners<'a> = Box<dyn Iterator<Item = io::Result<Partner>> + 'a>;

/// Rows in temporary files. Whoever implements it knows nothing of what they mean.
pub trait Outside: Send + Sync {
    /// A place where rows wait.
    ///
    /// # Errors
    /// Where there is none.
    fn wait(&self) -> io::Result<Box<dyn Wait>>;

    /// The pairs by the bytes of their keys; equal keys in the order they came.
    ///
    /// # Errors
    /// Those of `rows`, and of the temporary files.
    fn sorted<'a>(&'a self, rows: Pairs<'_>) -> io::Result<Pairs<'a>>;

    /// Each left row with each right row of an equal key, in any order.
    ///
    /// # Errors
    /// Those of the sides, and of the temporary files.
    fn joined<'a>(&'a self, left: Pairs<'_>, right: Pairs<'_>) -> io::Result<Partners<'a>>;
}

/// A place where rows wait until they are asked for.
pub trait Wait: Send {
    /// Takes a row.
    ///
    /// # Errors
    /// Where it cannot be written.
    fn push(&mut self, row: &[u8]) -> io::Result<()>;

    /// The rows in the order they came, with empty keys.
    ///
    /// # Errors
    /// Where they cannot be read.
    fn rows(self: Box<Self>) -> io::Result<Pairs<'static>>;
}

/// Memory for waiting rows, shared by machines, and where rows go when it is full.
#[derive(Clone)]
pub struct Room {
    outside: Arc<dyn Outside>,
    used: Arc<AtomicUsize>,
    most: usize,
}

/// Bytes of rows below which a machine keeps them, however full the room is.
const LEAST: usize = 64 << 10;

impl Room {
    /// Of `most` bytes.
    pub fn new(most: usize, outside: Arc<dyn Outside>) -> Room {
        Room { outside, used: Arc::new(AtomicUsize::new(0)), most }
    }

    pub(crate) fn outside(&self) -> &dyn Outside {
        &*self.outside
    }

    /// Takes bytes; whether a machine that holds `own` of them must give its rows away.
    fn take(&self, bytes: usize, own: usize) -> bool {
        let used = self.used.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        used > self.most && own >= LEAST.min(self.most)
    }

    fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The rows of one machine that went outside.
pub(crate) struct Waiting {
    pub room: Option<Room>,
    wait: Option<Box<dyn Wait>>,
    failed: Option<io::Error>,
    bytes: usize,
}

impl Waiting {
    pub fn new(room: Option<&Room>) -> Waiting {
        Waiting { room: room.cloned(), wait: None, failed: None, bytes: 0 }
    }

    pub fn is_used(&self) -> bool {
        self.wait.is_some() || self.failed.is_some()
    }

    /// Takes room for a row; whether the rows must go.
    pub fn takes(&mut self, bytes: usize) -> bool {
        self.bytes += bytes;
        self.room.as_ref().is_some_and(|r| r.take(bytes, self.bytes))
    }

    /// Sends rows outside; answers how many were lost, which is an error when the input ends.
    pub fn go(&mut self, rows: &mut Vec<Row>) -> u64 {
        let Some(room) = &self.room else { return 0 };
        room.give_back(std::mem::take(&mut self.bytes));
        let count = rows.len() as u64;
        let mut written = || -> io::Result<()> {
            let wait = match &mut self.wait {
                Some(wait) => wait,
                none => none.insert(room.outside.wait()?),
            };
            rows.drain(..).try_for_each(|row| wait.push(&bytes(&row)))
        };
        match written() {
            Ok(()) => 0,
            Err(e) => {
                self.failed.get_or_insert(e);
                count
            }
        }
    }

    /// Where the rows wait.
    ///
    /// # Errors
    /// Where some could not be sent there.
    pub fn take(&mut self) -> io::Result<Option<Box<dyn Wait>>> {
        match self.failed.take() {
            Some(e) => Err(e),
            None => Ok(self.wait.take()),
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(room) = &self.room {
            room.give_back(self.bytes);
        }
    }
}
