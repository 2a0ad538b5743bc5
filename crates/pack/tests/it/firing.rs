//! Every detection of the CMSTP pack fires on the attack: on the example logs, and on a recording where there is one.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use shikra_engine::finding::{Finding, FindingSink};
use shikra_engine::languages::Options;
use shikra_engine::{Detector, ScanOptions, scan};
use shikra_pack::embedded;
use shikra_taxonomy::Taxonomy;

/// Detections that the recording cannot make fire, and why.
const SILENT_ON_RECORDING: &[(&str, &str)] = &[
    ("net_connection_cmstp_external.yml", "cmstp.exe made no connection"),
    ("cmstp_external.md", "cmstp.exe made no connection"),
    ("cmstp_flow.md", "cmstp.exe made no connection"),
    ("proc_creation_cmstp_child.yml", "the payload is a child of the COM surrogate"),
    ("cmstp_payload_sequence.toml", "the payload is a child of the COM surrogate"),
    ("cmstp_children.md", "the payload is a child of the COM surrogate"),
];

#[derive(Default)]
struct ByFile(BTreeMap<String, usize>);

impl FindingSink for ByFile {
    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        *self.0.entry(finding.rule.path.clone()).or_default() += 1;
        Ok(())
    }
}

fn counts(path: &Path) -> (BTreeMap<String, usize>, Vec<String>) {
    let bundle = embedded().into_iter().find(|b| b.pack.id == "T1218.003").unwrap();
    let detector =
        Detector::new(bundle.detections(&Options::default()).rules, Arc::new(Taxonomy::embedded()));
    let mut sink = ByFile::default();
    scan(&detector, &[path.to_owned()], &ScanOptions::default(), &mut sink, &()).unwrap();
    let files = bundle.folder("detections").map(|f| f.source.name.to_string()).collect();
    (sink.0, files)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn all_fire_on_the_example_in_each_of_its_forms() {
    for log in ["WS9.ndjson", "WS7-Sysmon.evtx"] {
        let (fired, files) = counts(&root().join("examples/cmstp").join(log));
        let silent: Vec<&String> = files.iter().filter(|f| !fired.contains_key(*f)).collect();
        assert!(silent.is_empty(), "{log}: silent: {silent:?}");
    }
}

#[test]
fn all_that_can_fire_on_the_recording() {
    let corpora = std::env::var_os("SHIKRA_CORPORA").map_or(root().join("target/corpora"), PathBuf::from);
    let log = corpora.join("json/otrf/defense_evasion/psh_cmstp_execution_bypassuac.ndjson");
    if !log.exists() {
        return eprintln!("skipped: no {}", log.display());
    }
    let (fired, files) = counts(&log);
    for file in files {
        let reason = SILENT_ON_RECORDING.iter().find(|(name, _)| file.ends_with(name));
        assert_eq!(fired.contains_key(&file), reason.is_none(), "{file}: {reason:?}");
    }
}
