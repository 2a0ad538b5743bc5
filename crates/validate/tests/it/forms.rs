//! EVTX, NDJSON and winlogbeat documents of one simulation say the same.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use shikra_engine::finding::{Finding, FindingSink};
use shikra_engine::languages::Options as RuleOptions;
use shikra_engine::{Detector, ScanOptions, embedded_rules, scan};
use shikra_simulate::{Format, Options, play, write};
use shikra_taxonomy::Taxonomy;

/// Rule, and for each event of the finding: time, channel, id.
#[derive(Default)]
struct Seen(BTreeSet<(String, Vec<String>)>);

impl FindingSink for Seen {
    fn finding(&mut self, f: &Finding) -> io::Result<()> {
        let event = |e: &shikra_engine::finding::EventView| {
            let time = e.time.map(|t| t.to_string()).unwrap_or_default();
            format!("{time} {} {} {}", e.channel, e.event_id.unwrap_or_default(), e.computer)
        };
        self.0.insert((f.rule.id.clone(), f.events.iter().map(|e| event(e)).collect()));
        Ok(())
    }
}

#[test]
fn all_forms_give_the_same_findings() {
    let rules = embedded_rules(&RuleOptions::default()).rules;
    let detector = Detector::new(rules, Arc::new(Taxonomy::embedded()));
    let folder = tempfile::tempdir().unwrap();
    let options = Options { background: 60, ..Options::default() };
    let mut findings = 0;
    for loaded in shikra_validate::embedded(None) {
        for test in loaded.simulation.all() {
            let events = play(test, &options);
            let mut found: Vec<BTreeSet<_>> = Vec::new();
            for form in Format::ALL {
                let place = folder.path().join(&test.id).join(form.as_str());
                std::fs::create_dir_all(&place).unwrap();
                for file in write(&events, *form).unwrap() {
                    std::fs::write(place.join(&file.name), &file.bytes).unwrap();
                }
                let mut seen = Seen::default();
                let totals = scan(&detector, &[place], &ScanOptions::default(), &mut seen, &()).unwrap();
                assert_eq!(totals.events as usize, events.len(), "{} as {}", test.id, form.as_str());
                assert!(totals.troubles.is_empty(), "{:?}", totals.troubles);
                found.push(seen.0);
            }
            findings += found[0].len();
            assert_eq!(found[0], found[1], "{}: EVTX and NDJSON", test.id);
            assert_eq!(found[0], found[2], "{}: EVTX and winlogbeat", test.id);
        }
    }
    assert!(findings > 50, "{findings}");
}

#[test]
fn the_evtx_crate_reads_every_record_and_sees_where_it_is_from() {
    for loaded in shikra_validate::embedded(None) {
        for test in loaded.simulation.all() {
            let events = play(test, &Options::default());
            let mut read = 0;
            for file in write(&events, Format::Evtx).unwrap() {
                let mut parser = evtx::EvtxParser::from_buffer(file.bytes.clone()).unwrap();
                for (record, (number, _)) in parser.records_json_value().zip(&file.records) {
                    let record = record.unwrap();
                    assert_eq!(record.event_record_id, *number);
                    let computer = record.data["Event"]["System"]["Computer"].as_str().unwrap().to_owned();
                    assert!(computer.ends_with(".synthetic.example"), "{computer}");
                    read += 1;
                }
            }
            assert_eq!(read, events.len(), "{}", test.id);
        }
    }
}

#[test]
fn our_ndjson_is_what_evtx_dump_makes_of_our_evtx() {
    let loaded = shikra_validate::embedded(Some("T1218.003"));
    let test = loaded[0].simulation.tests.first().unwrap();
    let events = play(test, &Options::default());
    for file in write(&events, Format::Evtx).unwrap() {
        let mut parser = evtx::EvtxParser::from_buffer(file.bytes.clone()).unwrap();
        for (record, (number, place)) in parser.records_json_value().zip(&file.records) {
            let ours = shikra_simulate::event_json(&events[*place].record, *number);
            assert_eq!(ours, record.unwrap().data);
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let loaded = shikra_validate::embedded(None);
    let test = loaded[0].simulation.tests.first().unwrap();
    let made = |seed| write(&play(test, &Options { seed, ..Options::default() }), Format::Evtx).unwrap();
    assert_eq!(made(3), made(3));
    assert_ne!(made(3), made(4));
}
