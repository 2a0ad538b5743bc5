//! The file format, version 1.
//!
//! ```text
//! "SHIKRABL" version:u16le limits events observed span faded cut filter strings programs sha256[32]
//! ```
//!
//! Numbers are LEB128; signed ones zigzag. Strings stand once, sorted, each as the length it shares with the one
//! before it and the rest. Programs, tables and values stand in order, so equal baselines are equal bytes. The
//! checksum is over everything before it.

use hashbrown::HashMap;
use sha2::{Digest, Sha256};

use crate::filter::Filter;
use crate::hosts::{FEW, Hosts, REGISTERS};
use crate::table::{LIMITS, Limits, Stat, Table, Tables};
use crate::{Baseline, Dimension};

/// The first bytes of every baseline.
pub const MAGIC: &[u8; 8] = b"SHIKRABL";
/// The version that is written.
pub const VERSION: u16 = 1;

const CHECKSUM: usize = 32;

/// Why bytes are no baseline.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unusable {
    /// They do not begin as one.
    NotABaseline,
    /// A version that this program does not know.
    Version(u16),
    /// The checksum does not fit: cut short, or changed.
    Checksum,
    /// They end too early; the offset.
    Truncated(usize),
    /// Something cannot be; the offset, and what.
    Malformed(usize, &'static str),
}

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unusable::NotABaseline => f.write_str("not a baseline"),
            Unusable::Version(v) => {
                write!(f, "a baseline of version {v}: this program reads version {VERSION}")
            }
            Unusable::Checksum => f.write_str("the checksum does not fit: the file was cut short or changed"),
            Unusable::Truncated(at) => write!(f, "ends too early, at byte {at}"),
            Unusable::Malformed(at, what) => write!(f, "malformed at byte {at}: {what}"),
        }
    }
}

impl std::error::Error for Unusable {}

impl Baseline {
    /// The bytes of a file.
    pub fn encode(&mut self) -> Vec<u8> {
        self.settle();
        let mut w = Writer { out: MAGIC.to_vec() };
        w.out.extend_from_slice(&VERSION.to_le_bytes());
        let l = self.limits;
        [l.values, l.everywhere, l.all, l.filter_bits].iter().for_each(|n| w.number(*n as u64));
        w.number(self.events);
        w.number(self.observed);
        w.span(self.span);
        w.option(self.faded, |w, t| w.signed(t));
        w.option(self.cut, Writer::number);
        w.option(self.filter.as_ref(), Writer::filter);
        let strings = self.strings();
        w.strings(&strings);
        let numbers: HashMap<&str, u64> = strings.iter().copied().zip(0..).collect();
        let mut programs: Vec<(&str, &Tables)> = self.programs.iter().map(|(p, t)| (&**p, t)).collect();
        programs.sort_unstable_by_key(|(p, _)| *p);
        w.number(programs.len() as u64);
        for (program, tables) in programs {
            w.number(numbers[program]);
            w.number(tables.0.len() as u64);
            for (dimension, table) in &tables.0 {
                w.out.push(*dimension as u8);
                w.table(table, &numbers);
            }
        }
        let sum = Sha256::digest(&w.out);
        w.out.extend_from_slice(&sum);
        w.out
    }

    fn strings(&self) -> Vec<&str> {
        let mut all: Vec<&str> = self.programs.keys().map(|p| &**p).collect();
        for (_, table) in self.programs.values().flat_map(|t| &t.0) {
            all.extend(table.values.keys().map(|v| &**v));
        }
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// Where they are not what [`Baseline::encode`] writes.
    pub fn decode(bytes: &[u8]) -> Result<Baseline, Unusable> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(Unusable::NotABaseline)?;
        let version = rest.first_chunk().map(|v| u16::from_le_bytes(*v)).ok_or(Unusable::Checksum)?;
        if version != VERSION {
            return Err(Unusable::Version(version));
        }
        let (body, sum) = bytes.split_last_chunk::<CHECKSUM>().ok_or(Unusable::Checksum)?;
        if Sha256::digest(body)[..] != sum[..] || body.len() < MAGIC.len() + 2 {
            return Err(Unusable::Checksum);
        }
        let mut r = Reader { body, at: MAGIC.len() + 2 };
        let mut baseline = r.head()?;
        let strings = r.strings()?;
        let programs = r.length(1)?;
        let mut before = None;
        for _ in 0..programs {
            let program = r.string(&strings)?;
            if before.replace(program).is_some_and(|b| b >= program) {
                return Err(r.wrong("programs are not in order"));
            }
            let tables = r.tables(&strings, &mut baseline.size)?;
            baseline.programs.insert(program.into(), tables);
        }
        if r.at != body.len() {
            return Err(r.wrong("there is more after the end"));
        }
        Ok(baseline)
    }
}

struct Writer {
    out: Vec<u8>,
}

impl Writer {
    fn number(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.out.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.out.push(n as u8);
    }

    fn signed(&mut self, n: i64) {
        self.number((n << 1 ^ n >> 63) as u64);
    }

    fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Writer, T)) {
        self.out.push(u8::from(value.is_some()));
        if let Some(v) = value {
            write(self, v);
        }
    }

    fn span(&mut self, span: Option<(i64, i64)>) {
        self.option(span, |w, (first, last)| {
            w.signed(first);
            w.number(last.wrapping_sub(first) as u64);
        });
    }

    /// As gaps between the bits that are set, or as it is, whichever is less.
    fn filter(&mut self, filter: &Filter) {
        let ones = filter.ones();
        let sparse = ones * 24 < filter.words.len() as u64 * 64;
        self.out.push(u8::from(sparse));
        if !sparse {
            filter.words.iter().for_each(|w| self.out.extend_from_slice(&w.to_le_bytes()));
            return;
        }
        self.number(ones);
        let mut last = 0;
        for (i, word) in filter.words.iter().enumerate() {
            let mut word = *word;
            while word != 0 {
                let at = i as u64 * 64 + u64::from(word.trailing_zeros());
                self.number(at - last);
                last = at;
                word &= word - 1;
            }
        }
    }

    fn strings(&mut self, strings: &[&str]) {
        self.number(strings.len() as u64);
        let mut before: &str = "";
        for s in strings {
            let shared = before.bytes().zip(s.bytes()).take_while(|(a, b)| a == b).count();
            self.number(shared as u64);
            self.number((s.len() - shared) as u64);
            self.out.extend_from_slice(&s.as_bytes()[shared..]);
            before = s;
        }
    }

    fn table(&mut self, table: &Table, numbers: &HashMap<&str, u64>) {
        self.option(table.cut, Writer::number);
        let mut values: Vec<(u64, &Stat)> = table.values.iter().map(|(v, s)| (numbers[&**v], s)).collect();
        values.sort_unstable_by_key(|(n, _)| *n);
        self.number(values.len() as u64);
        let mut last = 0;
        for (number, stat) in values {
            self.number(number - last);
            last = number;
            self.number(stat.count);
            self.span(stat.span);
            self.hosts(&stat.hosts);
        }
    }

    fn hosts(&mut self, hosts: &Hosts) {
        let few: &[u32] = match hosts {
            Hosts::None => &[],
            Hosts::One(h) => std::slice::from_ref(h),
            Hosts::Few(all) => all,
            Hosts::Many(registers) => {
                self.out.push(u8::MAX);
                return self.out.extend_from_slice(&registers[..]);
            }
        };
        self.out.push(few.len() as u8);
        few.iter().for_each(|h| self.out.extend_from_slice(&h.to_le_bytes()));
    }
}

struct Reader<'a> {
    body: &'a [u8],
    at: usize,
}

type Read<T> = Result<T, Unusable>;

impl<'a> Reader<'a> {
    fn wrong(&self, what: &'static str) -> Unusable {
        Unusable::Malformed(self.at, what)
    }

    fn bytes(&mut self, n: usize) -> Read<&'a [u8]> {
        let end = self.at.checked_add(n).ok_or(Unusable::Truncated(self.at))?;
        let bytes = self.body.get(self.at..end).ok_or(Unusable::Truncated(self.at))?;
        self.at = end;
        Ok(bytes)
    }

    fn byte(&mut self) -> Read<u8> {
        Ok(self.bytes(1)?[0])
    }

    fn number(&mut self) -> Read<u64> {
        let mut n = 0u64;
        for shift in (0..64).step_by(7) {
            let b = self.byte()?;
            if shift == 63 && b > 1 {
                break;
            }
            n |= u64::from(b & 0x7f) << shift;
            if b & 0x80 == 0 {
                return if b == 0 && shift > 0 { Err(self.wrong("a number is padded")) } else { Ok(n) };
            }
        }
        Err(self.wrong("a number is too large"))
    }

    fn signed(&mut self) -> Read<i64> {
        let n = self.number()?;
        Ok((n >> 1) as i64 ^ -((n & 1) as i64))
    }

    /// A number of things that take at least so many bytes each.
    fn length(&mut self, each: usize) -> Read<usize> {
        let n = self.number()?;
        match usize::try_from(n).ok().filter(|n| n.saturating_mul(each) <= self.body.len() - self.at) {
            Some(n) => Ok(n),
            None => Err(self.wrong("more is announced than there is")),
        }
    }

    fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<Option<T>> {
        match self.byte()? {
            0 => Ok(None),
            1 => read(self).map(Some),
            _ => Err(self.wrong("neither there nor not")),
        }
    }

    fn span(&mut self) -> Read<Option<(i64, i64)>> {
        self.option(|r| {
            let first = r.signed()?;
            let length = r.number()?;
            let last = i64::try_from(length).ok().and_then(|n| first.checked_add(n));
            last.map(|last| (first, last)).ok_or_else(|| r.wrong("a time is out of range"))
        })
    }

    fn head(&mut self) -> Read<Baseline> {
        let mut limit = || self.number().map(|n| n as usize);
        let limits = Limits { values: limit()?, everywhere: limit()?, all: limit()?, filter_bits: limit()? };
        if limits != LIMITS && !cfg!(test) {
            return Err(self.wrong("limits of another version"));
        }
        let mut baseline = Baseline::with_limits(limits);
        baseline.events = self.number()?;
        baseline.observed = self.number()?;
        baseline.span = self.span()?;
        baseline.faded = self.option(Self::signed)?;
        baseline.cut = self.option(Self::number)?;
        baseline.filter = self.option(|r| r.filter(limits.filter_bits))?;
        Ok(baseline)
    }

    fn filter(&mut self, bits: usize) -> Read<Filter> {
        let mut filter = Filter::new(bits);
        match self.byte()? {
            0 => {
                let raw = self.bytes(filter.words.len() * 8)?;
                for (word, raw) in filter.words.iter_mut().zip(raw.as_chunks().0) {
                    *word = u64::from_le_bytes(*raw);
                }
            }
            1 => {
                let mut at = 0u64;
                for _ in 0..self.length(1)? {
                    at = at.saturating_add(self.number()?);
                    let word = filter.words.get_mut((at / 64) as usize);
                    *word.ok_or(Unusable::Malformed(self.at, "a bit beyond the filter"))? |= 1 << (at % 64);
                }
            }
            _ => return Err(self.wrong("a filter of no known form")),
        }
        Ok(filter)
    }

    fn strings(&mut self) -> Read<Vec<Box<str>>> {
        let n = self.length(2)?;
        let mut all: Vec<Box<str>> = Vec::with_capacity(n);
        for i in 0..n {
            let shared = self.number()? as usize;
            let rest = self.length(1)?;
            let rest = self.bytes(rest)?;
            let before = all.last().map_or("", |s| &**s).as_bytes();
            let start = before.get(..shared).ok_or_else(|| self.wrong("more is shared than there is"))?;
            if start.len() + rest.len() > 4096 {
                return Err(self.wrong("a text is too long"));
            }
            let text = String::from_utf8([start, rest].concat());
            let text = text.map_err(|_| self.wrong("a text is not UTF-8"))?;
            if i > 0 && all.last().is_some_and(|b| **b >= *text) {
                return Err(self.wrong("texts are not in order"));
            }
            all.push(text.into());
        }
        Ok(all)
    }

    fn string<'s>(&mut self, strings: &'s [Box<str>]) -> Read<&'s str> {
        let n = self.number()?;
        let text = usize::try_from(n).ok().and_then(|n| strings.get(n));
        text.map(|t| &**t).ok_or_else(|| self.wrong("a text that is not there"))
    }

    fn tables(&mut self, strings: &[Box<str>], size: &mut usize) -> Read<Tables> {
        let mut tables = Tables::default();
        for _ in 0..self.length(2)? {
            let dimension = Dimension::from_number(self.byte()?);
            let dimension = dimension.ok_or_else(|| self.wrong("a dimension that is not known"))?;
            if tables.0.last().is_some_and(|(d, _)| *d >= dimension) {
                return Err(self.wrong("dimensions are not in order"));
            }
            let table = self.table(strings)?;
            *size += table.values.len();
            tables.0.push((dimension, table));
        }
        Ok(tables)
    }

    fn table(&mut self, strings: &[Box<str>]) -> Read<Table> {
        let mut table = Table { cut: self.option(Self::number)?, ..Table::default() };
        let n = self.length(4)?;
        table.values.reserve(n);
        let mut at = 0u64;
        for i in 0..n {
            let gap = self.number()?;
            if gap == 0 && i > 0 {
                return Err(self.wrong("values are not in order"));
            }
            at = at.saturating_add(gap);
            let text = usize::try_from(at).ok().and_then(|n| strings.get(n));
            let text = text.ok_or_else(|| self.wrong("a text that is not there"))?;
            let count = self.number()?;
            let stat = Stat { count, span: self.span()?, hosts: self.hosts()? };
            table.values.insert(text.clone(), stat);
        }
        Ok(table)
    }

    fn hosts(&mut self) -> Read<Hosts> {
        match self.byte()? {
            0 => Ok(Hosts::None),
            u8::MAX => {
                let registers = self.bytes(REGISTERS)?;
                if registers.iter().any(|r| *r > 65) {
                    return Err(self.wrong("a sketch that cannot be"));
                }
                let mut sketch = Box::new([0; REGISTERS]);
                sketch.copy_from_slice(registers);
                Ok(Hosts::Many(sketch))
            }
            n if usize::from(n) <= FEW => {
                let raw = self.bytes(usize::from(n) * 4)?;
                let all: Vec<u32> = raw.as_chunks().0.iter().map(|b| u32::from_le_bytes(*b)).collect();
                match all.as_slice() {
                    [one] => Ok(Hosts::One(*one)),
                    _ if all.is_sorted_by(|a, b| a < b) => Ok(Hosts::Few(all)),
                    _ => Err(self.wrong("hosts are not in order")),
                }
            }
            _ => Err(self.wrong("too many hosts in a list")),
        }
    }
}
