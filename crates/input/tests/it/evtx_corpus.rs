//! Every record of the corpora, against the `evtx` crate.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use evtx::{EvtxChunkData, ParserSettings};
use shikra_input::{Decode, TroubleKind};

use crate::evtx_support::{Collect, Fields, Item, corpus, flatten, format, parse_xml, part};

const HEADER: usize = 4096;
const CHUNK: usize = 0x1_0000;

/// What the other decoder makes of a chunk: fields, or why not.
fn oracle(chunk: &[u8]) -> Result<Vec<Result<Fields, String>>, String> {
    let mut data = EvtxChunkData::new(chunk.to_vec(), false).map_err(|e| e.to_string())?;
    let settings = Arc::new(ParserSettings::new().indent(false));
    let mut chunk = data.parse(settings).map_err(|e| e.to_string())?;
    let records = chunk.iter().map(|record| {
        let xml = record.and_then(|r| r.into_xml()).map_err(|e| format!("{e:?}"))?;
        Ok(flatten(&parse_xml(&xml.data)))
    });
    Ok(records.collect())
}

/// The ways in which we are meant to differ, and why.
const EXCEPTIONS: &[(&str, &str)] = &[
    (
        "chunk refused",
        "the crate does not look behind a damaged chunk header; we report it and read the records that are left",
    ),
    (
        "unprintable",
        "the crate's XML has `_` where the text has a character that XML does not allow; we keep the character",
    ),
];

/// Text as the crate's XML shows it.
fn as_in_xml(text: &str) -> String {
    let allowed = |c: char| !matches!(c, '\0'..='\u{1f}' | '\u{fffd}'..='\u{ffff}') || "\t\n\r".contains(c);
    text.chars().map(|c| if allowed(c) { c } else { '_' }).collect()
}

struct Tally {
    /// One for everything, so that what it keeps from file to file is put to the test as well.
    decoder: Box<dyn Decode>,
    records: u64,
    differences: BTreeMap<String, (u64, Vec<String>)>,
}

impl Tally {
    fn differ(&mut self, kind: &str, detail: impl FnOnce() -> String) {
        let (count, examples) = self.differences.entry(kind.to_owned()).or_default();
        *count += 1;
        if examples.len() < 5 {
            examples.push(detail());
        }
    }

    fn chunk(&mut self, path: &Path, number: usize, chunk: &[u8]) {
        let place = || format!("{} chunk {number}", path.display());
        let mut ours = Collect::default();
        self.decoder.decode(&part(chunk.to_vec()), &mut ours);
        let ours = ours.0;
        let theirs = match oracle(chunk) {
            Ok(theirs) => theirs,
            Err(error) => {
                let events = ours.iter().filter(|i| matches!(i, Item::Event { .. })).count();
                if !ours.is_empty() {
                    assert!(matches!(&ours[0], Item::Trouble(t) if t.kind == TroubleKind::CorruptBlock));
                    self.differ("chunk refused", || format!("{}: {error}; ours {events} events", place()));
                }
                return;
            }
        };
        let mut ours = ours.into_iter();
        for (i, theirs) in theirs.into_iter().enumerate() {
            self.records += 1;
            let place = || format!("{} item {i}", place());
            match (ours.next(), theirs) {
                (Some(Item::Event { fields, .. }), Ok(theirs)) => self.fields(&place(), &fields, &theirs),
                (Some(Item::Trouble(_)), Err(_)) => {}
                (Some(Item::Event { .. }), Err(e)) => {
                    self.differ("only ours", || format!("{}: {e}", place()))
                }
                (Some(Item::Trouble(t)), Ok(_)) => {
                    self.differ("only theirs", || format!("{}: {t:?}", place()))
                }
                (None, theirs) => {
                    self.differ("missing", || format!("{}: {:?}", place(), theirs.err()));
                }
            }
        }
        for extra in ours {
            self.differ("extra", || format!("{}: {extra:?}", place()));
        }
    }

    fn fields(&mut self, place: &str, ours: &Fields, theirs: &Fields) {
        for (name, theirs) in theirs {
            match ours.get(name) {
                None => self.differ("field missing", || format!("{place}: {name} {theirs:?}")),
                Some(ours) if ours != theirs => {
                    let kind = if ours.iter().map(|v| as_in_xml(v)).eq(theirs.iter().map(|v| as_in_xml(v))) {
                        "unprintable"
                    } else {
                        "value"
                    };
                    self.differ(kind, || format!("{place}: {name}: ours {ours:?} theirs {theirs:?}"));
                }
                _ => {}
            }
        }
        for (name, ours) in ours.iter().filter(|(name, _)| !theirs.contains_key(*name)) {
            self.differ("field extra", || format!("{place}: {name} {ours:?}"));
        }
    }
}

#[test]
fn every_record_agrees_with_the_evtx_crate() {
    let mut tally = Tally { decoder: (format().decode)(), records: 0, differences: BTreeMap::new() };
    for path in corpus() {
        let bytes = std::fs::read(&path).unwrap();
        for (number, chunk) in bytes.get(HEADER..).unwrap_or(&[]).chunks(CHUNK).enumerate() {
            tally.chunk(&path, number, chunk);
        }
    }
    println!("{} records", tally.records);
    for (kind, (count, examples)) in &tally.differences {
        println!("{kind}: {count}");
        examples.iter().for_each(|e| println!("    {}", e.chars().take(600).collect::<String>()));
    }
    let unexplained = tally.differences.keys().filter(|k| EXCEPTIONS.iter().all(|(name, _)| name != k));
    assert_eq!(unexplained.collect::<Vec<_>>(), [""; 0]);
}
