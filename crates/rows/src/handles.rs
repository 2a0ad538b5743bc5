//! Handles of events, few bytes each: those of events that come close together are close.

use shikra_event::Timestamp;

/// Handles, in the order in which they came.
#[derive(Default)]
pub(crate) struct Handles {
    /// Of each how far it is from the one before.
    bytes: Vec<u8>,
    last: u64,
}

impl Handles {
    /// Answers the bytes that it takes.
    pub fn push(&mut self, handle: u64) -> usize {
        let before = self.bytes.len();
        put(handle.wrapping_sub(self.last) as i64, &mut self.bytes);
        self.last = handle;
        self.bytes.len() - before
    }

    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        let (mut numbers, mut last) = (Numbers(&self.bytes), 0u64);
        std::iter::from_fn(move || {
            last = last.wrapping_add(unfolded(numbers.next()?) as u64);
            Some(last)
        })
    }
}

/// Events by handle and time, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub struct Moments {
    /// Of each how far it is from the one before: handle, then time.
    bytes: Vec<u8>,
    last: (u64, Timestamp),
}

/// Nanoseconds of a tick: clocks of Windows tell no finer times.
const TICK: i64 = 100;
/// Stands before a distance in time that is no number of ticks.
const FINER: u64 = 1;

impl Moments {
    /// Adds an event.
    pub fn push(&mut self, handle: u64, time: Timestamp) {
        let distance = time.0.wrapping_sub(self.last.1.0);
        put(handle.wrapping_sub(self.last.0) as i64, &mut self.bytes);
        if distance % TICK == 0 {
            put_unsigned(folded(distance / TICK) << 1, &mut self.bytes);
        } else {
            put_unsigned(FINER, &mut self.bytes);
            put(distance, &mut self.bytes);
        }
        self.last = (handle, time);
    }

    /// What they are written as, for [`Moments::read`].
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Those that are written so, in order.
    pub fn read(bytes: &[u8]) -> MomentsIter<'_> {
        MomentsIter { numbers: Numbers(bytes), last: (0, Timestamp(0)) }
    }
}

/// [`Moments::read`].
#[derive(Clone, Debug)]
pub struct MomentsIter<'m> {
    numbers: Numbers<'m>,
    last: (u64, Timestamp),
}

impl Iterator for MomentsIter<'_> {
    type Item = (u64, Timestamp);

    fn next(&mut self) -> Option<(u64, Timestamp)> {
        let handle = unfolded(self.numbers.next()?) as u64;
        let distance = match self.numbers.next()? {
            FINER => unfolded(self.numbers.next()?),
            ticks => unfolded(ticks >> 1).wrapping_mul(TICK),
        };
        let (before, time) = self.last;
        self.last = (before.wrapping_add(handle), Timestamp(time.0.wrapping_add(distance)));
        Some(self.last)
    }
}

/// A number of which the sign is the lowest bit: small ones are small whatever their sign.
fn folded(n: i64) -> u64 {
    (n << 1 ^ n >> 63) as u64
}

fn unfolded(n: u64) -> i64 {
    (n >> 1) as i64 ^ -((n & 1) as i64)
}

fn put(n: i64, bytes: &mut Vec<u8>) {
    put_unsigned(folded(n), bytes);
}

/// Seven bits a byte, the last byte of each number below 128.
fn put_unsigned(mut rest: u64, bytes: &mut Vec<u8>) {
    while rest >= 0x80 {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
}

/// What [`put_unsigned`] wrote.
#[derive(Clone, Debug)]
struct Numbers<'b>(&'b [u8]);

impl Iterator for Numbers<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let (mut n, mut shift) = (0u64, 0u32);
        loop {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            n |= u64::from(byte & 0x7f).wrapping_shl(shift);
            if *byte < 0x80 {
                return Some(n);
            }
            shift += 7;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn handles_are_read_back(all in proptest::collection::vec(any::<u64>(), 0..20)) {
            let mut handles = Handles::default();
            for h in &all {
                handles.push(*h);
            }
            prop_assert_eq!(handles.iter().collect::<Vec<_>>(), all);
        }

        #[test]
        fn moments_are_read_back(
            all in proptest::collection::vec((any::<u64>(), any::<i64>(), 0..3i64), 0..20),
        ) {
            let mut moments = Moments::default();
            // Ticks, others, and times far from all others.
            let time = |t: i64, form: i64| if form == 2 { t } else { t % 1_000_000 * (1 + 99 * form) };
            let all: Vec<_> = all.into_iter().map(|(h, t, form)| (h, Timestamp(time(t, form)))).collect();
            for (handle, time) in &all {
                moments.push(*handle, *time);
            }
            prop_assert_eq!(Moments::read(moments.bytes()).collect::<Vec<_>>(), all);
        }
    }
}
