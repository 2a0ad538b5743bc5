//! A chunk in the making: its bytes, and what of it is in its tables.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};

use crate::binxml::{self, Element};
use crate::crc::crc32;

pub(crate) const SIZE: usize = 0x1_0000;
const HEADER: usize = 512;
const NAME_TABLE: usize = 128;
const NAME_BUCKETS: usize = 64;
const TEMPLATE_TABLE: usize = 384;
const TEMPLATE_BUCKETS: usize = 32;

/// A size field that is not known yet.
pub(crate) struct Size(usize);

/// Grows beyond [`SIZE`] while a record is written that does not fit: the caller looks.
#[derive(Clone)]
pub(crate) struct Chunk {
    bytes: Vec<u8>,
    names: HashMap<String, u32>,
    templates: HashMap<u128, u32>,
    first: Option<u64>,
    last: u64,
    last_offset: usize,
}

impl Chunk {
    pub fn new() -> Chunk {
        let mut bytes = vec![0; HEADER];
        bytes[..8].copy_from_slice(b"ElfChnk\0");
        let (names, templates) = (HashMap::new(), HashMap::new());
        Chunk { bytes, names, templates, first: None, last: 0, last_offset: 0 }
    }

    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub fn patch(&mut self, at: usize, bytes: &[u8]) {
        if let Some(place) = self.bytes.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }

    /// Puts a size field (u32) for what follows it.
    pub fn hold_size(&mut self) -> Size {
        self.put(&[0; 4]);
        Size(self.len())
    }

    pub fn set_size(&mut self, Size(from): Size) {
        let size = (self.len() - from) as u32;
        self.patch(from - 4, &size.to_le_bytes());
    }

    /// Puts a reference to a name, and the name itself where this is its first use.
    pub fn name(&mut self, name: &str) {
        if let Some(at) = self.names.get(name) {
            return self.put(&at.to_le_bytes());
        }
        let at = self.len() as u32 + 4;
        let units: Vec<u16> = name.encode_utf16().collect();
        let hash = units.iter().fold(0u32, |h, u| h.wrapping_mul(65599).wrapping_add(u32::from(*u))) as u16;
        let next = self.link(NAME_TABLE, usize::from(hash) % NAME_BUCKETS, at);
        self.put(&at.to_le_bytes());
        self.put(&next);
        self.put(&hash.to_le_bytes());
        self.put(&(units.len() as u16).to_le_bytes());
        units.iter().chain(&[0]).for_each(|unit| self.put(&unit.to_le_bytes()));
        self.names.insert(name.to_owned(), at);
    }

    /// Makes `at` the first entry of a bucket; answers the one before.
    fn link(&mut self, table: usize, bucket: usize, at: u32) -> [u8; 4] {
        let place = table + 4 * bucket;
        let before = self.bytes.get(place..).and_then(|b| b.first_chunk()).copied().unwrap_or_default();
        self.patch(place, &at.to_le_bytes());
        before
    }

    /// Puts the reference of an instance to its definition: id, offset, and the definition at its first use.
    pub fn template(&mut self, root: &Element) {
        let guid = guid(root);
        let id = &guid.to_le_bytes()[..4];
        self.put(id);
        if let Some(at) = self.templates.get(&guid) {
            return self.put(&at.to_le_bytes());
        }
        let at = self.len() as u32 + 4;
        let next = self.link(TEMPLATE_TABLE, guid as u32 as usize % TEMPLATE_BUCKETS, at);
        self.put(&at.to_le_bytes());
        self.put(&next);
        self.put(&guid.to_le_bytes());
        let size = self.hold_size();
        binxml::definition(self, root);
        self.set_size(size);
        self.templates.insert(guid, at);
    }

    /// Puts a record. `written`: FILETIME.
    pub fn record(&mut self, id: u64, written: u64, instance: &binxml::Instance) {
        let from = self.len();
        self.put(b"**\0\0");
        self.put(&[0; 4]);
        self.put(&id.to_le_bytes());
        self.put(&written.to_le_bytes());
        binxml::fragment(self, instance);
        let padding = self.len().wrapping_neg() % 8 + 4;
        self.put(&[0; 8][..padding % 8]);
        let size = ((self.len() - from + 4) as u32).to_le_bytes();
        self.put(&size);
        self.patch(from + 4, &size);
        self.first.get_or_insert(id);
        self.last = id;
        self.last_offset = from;
    }

    /// The whole chunk; `number`: of its first record in the file, from 1 on, and of its last one.
    pub fn finish(mut self, numbers: (u64, u64)) -> Vec<u8> {
        let free = self.len();
        let header = [
            (8, numbers.0.to_le_bytes()),
            (16, numbers.1.to_le_bytes()),
            (24, self.first.unwrap_or(0).to_le_bytes()),
            (32, self.last.to_le_bytes()),
        ];
        header.iter().for_each(|(at, bytes)| self.patch(*at, bytes));
        let records = crc32(&[&self.bytes[HEADER..]]);
        let header = [(40, 128), (44, self.last_offset as u32), (48, free as u32), (52, records)];
        header.iter().for_each(|(at, n)| self.patch(*at, &n.to_le_bytes()));
        let checksum = crc32(&[&self.bytes[..120], &self.bytes[128..HEADER]]);
        self.patch(124, &checksum.to_le_bytes());
        self.bytes.resize(SIZE, 0);
        self.bytes
    }
}

/// A definition's GUID: made of its content, so that equal ones are the same everywhere.
fn guid(root: &Element) -> u128 {
    let half = |seed: u64| {
        let mut hasher = Fnv(0xcbf2_9ce4_8422_2325 ^ seed);
        root.hash(&mut hasher);
        hasher.finish()
    };
    u128::from(half(0)) << 64 | u128::from(half(0x9e37_79b9_7f4a_7c15))
}

/// FNV-1a: the same on every machine and in every release, unlike the standard library's.
struct Fnv(u64);

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}
