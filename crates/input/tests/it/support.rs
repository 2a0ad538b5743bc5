//! What the tests share: reading everything, and packing.

use std::collections::HashMap;
use std::path::PathBuf;

use shikra_event::{Event, OwnedEvent};
use shikra_input::{Decode, Item, Options, Parts, Sink, Trouble};

/// All that was read.
#[derive(Default)]
pub struct Read {
    pub sources: Vec<String>,
    pub events: Vec<OwnedEvent>,
    pub troubles: Vec<Trouble>,
}

impl Sink for Read {
    fn event(&mut self, event: &Event<'_>) {
        self.events.push(event.to_owned_event());
    }
    fn trouble(&mut self, trouble: Trouble) {
        self.troubles.push(trouble);
    }
}

impl Read {
    /// `kind source` of every trouble.
    pub fn told(&self) -> Vec<String> {
        self.troubles.iter().map(|t| format!("{} {}", t.kind.as_str(), t.source)).collect()
    }
}

pub fn read(path: impl Into<PathBuf>) -> Read {
    read_with(path, Options::default())
}

pub fn read_with(path: impl Into<PathBuf>, options: Options) -> Read {
    let mut parts = Parts::new([path.into()], options);
    let mut read = Read::default();
    let mut decoders: HashMap<&str, Box<dyn Decode>> = HashMap::new();
    let mut spare = None;
    while let Some(item) = parts.next(spare.take()) {
        match item {
            Item::SourceStart(info) => read.sources.push(format!("{} {}", info.format, info.name)),
            Item::SourceEnd(_) => {}
            Item::Trouble(trouble) => read.trouble(trouble),
            Item::Part(part) => {
                let decoder = decoders.entry(part.format.name).or_insert_with(part.format.decode);
                decoder.decode(&part, &mut read);
                spare = Some(part.data);
            }
        }
    }
    read
}

pub fn gzip(data: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut out, data).unwrap();
    out.finish().unwrap()
}

pub fn zstd(data: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(data, ruzstd::encoding::CompressionLevel::Fastest)
}

/// A zip archive of deflated members; those whose name begins with `0` are stored.
pub fn zip(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in members {
        let mut crc = flate2::Crc::new();
        crc.update(data);
        let method = if name.starts_with('0') { 0u16 } else { 8 };
        let mut packed = data.clone();
        if method == 8 {
            let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
            std::io::Write::write_all(&mut deflate, data).unwrap();
            packed = deflate.finish().unwrap();
        }
        let offset = out.len() as u32;
        let mut common = vec![20, 0, 0, 0];
        common.extend(method.to_le_bytes());
        common.extend([0; 4]);
        for n in [crc.sum(), packed.len() as u32, data.len() as u32] {
            common.extend(n.to_le_bytes());
        }
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0; 2]);
        out.extend(b"PK\x03\x04");
        out.extend(&common);
        out.extend(name.as_bytes());
        out.extend(packed);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let start = out.len() as u32;
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend((members.len() as u16).to_le_bytes());
    out.extend((members.len() as u16).to_le_bytes());
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0; 2]);
    out
}

/// A ustar archive.
pub fn tar(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, data) in members {
        let mut header = [0u8; 512];
        if name.len() > 100 {
            let record = format!(" path={name}\n");
            let length = record.len() + (record.len() + 3).to_string().len();
            let record = format!("{length}{record}");
            out.extend(tar_member(header, "pax", b'x', record.as_bytes()));
            header = [0u8; 512];
        }
        let kind = if name.ends_with('/') { b'5' } else { b'0' };
        out.extend(tar_member(header, name, kind, data));
    }
    out.extend([0; 1024]);
    out
}

fn tar_member(mut header: [u8; 512], name: &str, kind: u8, data: &[u8]) -> Vec<u8> {
    let name = &name.as_bytes()[..name.len().min(100)];
    header[..name.len()].copy_from_slice(name);
    header[124..135].copy_from_slice(format!("{:011o}", data.len()).as_bytes());
    header[148..156].fill(b' ');
    header[156] = kind;
    header[257..263].copy_from_slice(b"ustar\0");
    let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let mut out = header.to_vec();
    out.extend(data);
    out.resize(out.len().next_multiple_of(512), 0);
    out
}
