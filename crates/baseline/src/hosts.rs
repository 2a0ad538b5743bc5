//! On how many hosts something was seen: exact while there are few, then a HyperLogLog sketch.
//!
//! Both depend on the set of hosts alone, so merging parts gives what counting the whole gives.

use crate::hash;

/// Hosts that are counted exactly.
pub(crate) const FEW: usize = 16;
/// Registers of the sketch: its standard error is 1.04 / √128, about 9 %.
pub(crate) const REGISTERS: usize = 128;

/// A set of hosts, by hash.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) enum Hosts {
    #[default]
    None,
    One(u32),
    /// Ascending, at least two and at most [`FEW`].
    Few(Vec<u32>),
    Many(Box<[u8; REGISTERS]>),
}

/// The number that stands for a host.
pub(crate) fn host_number(name: &str) -> u32 {
    (hash::hash(0, name) >> 32) as u32
}

impl Hosts {
    pub(crate) fn add(&mut self, host: u32) {
        match self {
            Hosts::None => *self = Hosts::One(host),
            Hosts::One(other) if *other == host => {}
            Hosts::One(other) => {
                let (a, b) = ((*other).min(host), (*other).max(host));
                *self = Hosts::Few(vec![a, b]);
            }
            Hosts::Few(all) => {
                if let Err(at) = all.binary_search(&host) {
                    all.insert(at, host);
                    if all.len() > FEW {
                        let mut registers = Box::new([0; REGISTERS]);
                        all.iter().for_each(|h| enter(&mut registers, *h));
                        *self = Hosts::Many(registers);
                    }
                }
            }
            Hosts::Many(registers) => enter(registers, host),
        }
    }

    pub(crate) fn merge(&mut self, other: &Hosts) {
        match other {
            Hosts::None => {}
            Hosts::One(h) => self.add(*h),
            Hosts::Few(all) => all.iter().for_each(|h| self.add(*h)),
            Hosts::Many(theirs) => {
                let mut registers = theirs.clone();
                match self {
                    Hosts::None => {}
                    Hosts::One(h) => enter(&mut registers, *h),
                    Hosts::Few(all) => all.iter().for_each(|h| enter(&mut registers, *h)),
                    Hosts::Many(mine) => {
                        for (r, m) in registers.iter_mut().zip(mine.iter()) {
                            *r = (*r).max(*m);
                        }
                    }
                }
                *self = Hosts::Many(registers);
            }
        }
    }

    /// How many; an estimate beyond [`FEW`].
    pub(crate) fn count(&self) -> u64 {
        match self {
            Hosts::None => 0,
            Hosts::One(_) => 1,
            Hosts::Few(all) => all.len() as u64,
            Hosts::Many(registers) => estimate(registers),
        }
    }
}

fn enter(registers: &mut [u8; REGISTERS], host: u32) {
    let h = hash::finish(u64::from(host).wrapping_add(0x9e37_79b9_7f4a_7c15));
    let at = (h >> 57) as usize;
    let rank = (h << 7 | 1 << 6).leading_zeros() as u8 + 1;
    registers[at] = registers[at].max(rank);
}

fn estimate(registers: &[u8; REGISTERS]) -> u64 {
    let m = REGISTERS as f64;
    let sum: f64 = registers.iter().map(|r| 2f64.powi(-i32::from(*r))).sum();
    let raw = 0.7213 / (1.0 + 1.079 / m) * m * m / sum;
    let empty = registers.iter().filter(|r| **r == 0).count();
    let counted = if raw <= 2.5 * m && empty > 0 { m * (m / empty as f64).ln() } else { raw };
    (counted.round() as u64).max(FEW as u64 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(range: std::ops::Range<u32>) -> Hosts {
        let mut hosts = Hosts::default();
        range.for_each(|n| hosts.add(host_number(&format!("host{n}"))));
        hosts
    }

    #[test]
    fn counts_and_estimates() {
        for n in [0u32, 1, 2, 16] {
            assert_eq!(of(0..n).count(), u64::from(n));
        }
        for n in [17u32, 100, 1000, 20_000] {
            let (got, want) = (of(0..n).count() as f64, f64::from(n));
            assert!((got - want).abs() / want < 0.3, "{got} for {want}");
        }
    }

    #[test]
    fn merging_is_union() {
        for (a, b) in
            [(0..0, 0..3), (0..1, 0..1), (0..9, 5..12), (0..9, 5..40), (0..40, 30..60), (0..40, 3..4)]
        {
            let (mut ab, mut ba) = (of(a.clone()), of(b.clone()));
            ab.merge(&of(b.clone()));
            ba.merge(&of(a.clone()));
            assert_eq!(ab, of(a.start..b.end.max(a.end)), "{a:?} {b:?}");
            assert_eq!(ab, ba);
        }
    }
}
