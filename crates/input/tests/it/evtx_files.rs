//! EVTX files of our own making, whole and damaged.

use std::io::Cursor;

use proptest::prelude::*;
use shikra_evtx_write::{EvtxWriter, Record, Value};
use shikra_input::{Trouble, TroubleKind};

use crate::evtx_support::{Fields, Item, read};

const HEADER: usize = 4096;
const CHUNK: usize = 0x1_0000;

/// A log of `count` records of three kinds; 400 make two chunks.
fn log(count: u16) -> Vec<u8> {
    let mut writer = EvtxWriter::new(Cursor::new(Vec::new())).unwrap();
    for n in 0..count {
        let name = ["Image", "TargetFilename", "QueryName"][usize::from(n % 3)];
        let record = Record {
            provider: "Shikra-Example".into(),
            channel: "Application".into(),
            event_id: n % 3,
            time: 132_478_052_651_234_567 + u64::from(n),
            data: vec![(name.into(), "cmstp.exe".into()), ("Number".into(), Value::U16(n))],
            ..Record::default()
        };
        writer.record(&record).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Everything that was told, in order of the file.
fn items(file: &[u8]) -> (Vec<Trouble>, Vec<Item>) {
    let (troubles, chunks) = read(file);
    (troubles, chunks.into_values().flatten().collect())
}

fn events(items: &[Item]) -> Vec<(u64, &Fields)> {
    items
        .iter()
        .filter_map(|item| match item {
            Item::Event { record, fields, .. } => Some((*record, fields)),
            Item::Trouble(_) => None,
        })
        .collect()
}

fn troubles(items: &[Item]) -> Vec<&Trouble> {
    items.iter().filter_map(|item| if let Item::Trouble(t) = item { Some(t) } else { None }).collect()
}

#[test]
fn a_whole_log_reads_without_trouble() {
    let (before, items) = items(&log(400));
    let events = events(&items);
    assert_eq!((before.len(), troubles(&items).len(), events.len()), (0, 0, 400));
    assert!(events.iter().map(|(record, _)| *record).eq(1..=400));
    let (_, last) = events[399];
    assert_eq!(last["Number"], ["399"]);
    assert_eq!(last["Image"], ["cmstp.exe"]);
    assert_eq!(last["Provider_Name"], ["Shikra-Example"]);
    assert_eq!(last["TimeCreated_SystemTime"], ["2020-10-22T01:54:25.1234966Z"]);
}

#[test]
fn the_file_header_is_not_needed() {
    let whole = items(&log(400)).1;
    for damage in [0..8, 32..48, 0..HEADER] {
        let mut file = log(400);
        file[damage].fill(0xff);
        let (before, found) = items(&file);
        assert!(before.iter().all(|t| t.kind == TroubleKind::CorruptBlock));
        assert_eq!(found, whole);
    }
    let (before, found) = items(&log(400)[HEADER..]);
    assert_eq!(before.len(), 1);
    assert_eq!(events(&found), events(&whole));
}

#[test]
fn a_cut_off_file_gives_what_it_has() {
    let file = log(400);
    let (before, items) = items(&file[..HEADER + CHUNK + 30_000]);
    let count = events(&items).len();
    assert!((300..400).contains(&count), "{count}");
    assert!(events(&items).iter().map(|(record, _)| *record).eq(1..=count as u64));
    assert!(troubles(&items).iter().any(|t| t.kind == TroubleKind::Truncated));
    assert_eq!(before.len(), 1, "the header tells of two chunks");
    assert_eq!(before[0].kind, TroubleKind::Truncated);
}

#[test]
fn a_chunk_without_its_header_is_told_of_and_read() {
    let mut file = log(400);
    file[HEADER + CHUNK..][..512].fill(0);
    let (_, items) = items(&file);
    assert_eq!(events(&items).len(), 400);
    let told = troubles(&items);
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].kind, told[0].offset), (TroubleKind::CorruptBlock, Some((HEADER + CHUNK) as u64)));
}

#[test]
fn a_chunk_header_that_is_behind_its_records_hides_none() {
    let mut file = log(400);
    // Number and offset of the last record, end of the records: as they were some records ago.
    let offsets: Vec<usize> =
        file.windows(4).enumerate().filter(|(_, w)| w == b"**\0\0").map(|(at, _)| at).collect();
    file[HEADER + 32..][..8].copy_from_slice(&90u64.to_le_bytes());
    for (at, offset) in [(44, offsets[89]), (48, offsets[90])] {
        file[HEADER + at..][..4].copy_from_slice(&((offset - HEADER) as u32).to_le_bytes());
    }
    assert_eq!(events(&items(&file).1).len(), 400);
}

#[test]
fn a_damaged_record_costs_no_other() {
    let mut file = log(400);
    let third: Vec<usize> =
        file.windows(4).enumerate().filter(|(_, w)| w == b"**\0\0").map(|(at, _)| at).collect();
    file[third[2]] = 0;
    file[third[300] + 24 + 4] = 0x99;
    let (_, items) = items(&file);
    let ids: Vec<u64> = events(&items).iter().map(|(record, _)| *record).collect();
    assert_eq!(ids, (1..=400).filter(|id| ![3, 301].contains(id)).collect::<Vec<_>>());
    let told: Vec<_> = troubles(&items).iter().map(|t| (t.kind, t.offset, t.record)).collect();
    assert_eq!(
        told,
        [
            (TroubleKind::CorruptRecord, Some(third[2] as u64), None),
            (TroubleKind::CorruptRecord, Some(third[300] as u64), Some(301)),
        ]
    );
}

#[test]
fn a_template_is_known_by_its_content_not_its_guid() {
    let mut file = log(400);
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    // The second chunk's own definition of the same template.
    let at = file[HEADER + CHUNK..].windows(10).position(|w| w == wide("Image")).unwrap();
    file[HEADER + CHUNK + at..][..10].copy_from_slice(&wide("Irage"));
    let (_, items) = items(&file);
    let with = |name: &str| events(&items).iter().filter(|(_, fields)| fields.contains_key(name)).count();
    assert_eq!((with("Image") + with("Irage"), with("Irage") > 50), (134, true));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]
    #[test]
    fn bytes_of_any_value_anywhere_do_no_harm(
        changes in prop::collection::vec((0usize..1 << 20, any::<u8>()), 1..30),
        cut in prop::option::of(0usize..1 << 20),
    ) {
        let mut file = log(400);
        let (_, whole) = read(file.as_slice());
        let mut touched = Vec::new();
        for (at, value) in changes {
            // Mostly where there is something.
            let at = at % (HEADER + CHUNK + 2000);
            file[at] = value;
            touched.push(at);
        }
        if let Some(cut) = cut.map(|cut| cut % file.len()) {
            file.truncate(cut);
            touched.push(cut);
            touched.push(HEADER + CHUNK);
        }
        let (_, found) = read(file.as_slice());
        for (offset, items) in &whole {
            let range = *offset as usize..*offset as usize + CHUNK;
            if !touched.iter().any(|at| range.contains(at)) {
                prop_assert_eq!(found.get(offset), Some(items));
            }
        }
    }
}
