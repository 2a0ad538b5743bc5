//! Which rules fire on events that a pack writes down.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::Arc;

use shikra_engine::finding::{Finding, FindingSink};
use shikra_engine::{Detector, ScanOptions, scan};
use shikra_event::json_quoted;
use shikra_ir::Rule;
use shikra_taxonomy::Taxonomy;

/// Channels of the providers that packs write events of.
const CHANNELS: &[(&str, &str)] = &[
    ("Microsoft-Windows-Sysmon", "Microsoft-Windows-Sysmon/Operational"),
    ("Microsoft-Windows-Security-Auditing", "Security"),
    ("Microsoft-Windows-PowerShell", "Microsoft-Windows-PowerShell/Operational"),
    ("Microsoft-Windows-AppLocker", "Microsoft-Windows-AppLocker/EXE and DLL"),
    ("Microsoft-Windows-CodeIntegrity", "Microsoft-Windows-CodeIntegrity/Operational"),
];

/// An event as a line of flattened JSON: `Provider` and `EventID` are its identity, the rest its fields.
pub fn ndjson(event: &[(String, String)]) -> String {
    let of = |key: &str| event.iter().find(|(k, _)| k == key).map_or("", |(_, v)| v.as_str());
    let provider = of("Provider");
    let channel = CHANNELS.iter().find(|(p, _)| *p == provider).map_or(of("Channel"), |(_, c)| c);
    let id: u32 = of("EventID").parse().unwrap_or_default();
    let mut out = String::from("{\"@timestamp\":\"2026-01-05T08:00:00.000Z\",\"Hostname\":\"PACK\"");
    for (key, value) in [("SourceName", provider), ("Channel", channel)] {
        let _ = write!(out, ",\"{key}\":{}", json_quoted(value));
    }
    let _ = write!(out, ",\"EventID\":{id}");
    for (key, value) in
        event.iter().filter(|(k, _)| !matches!(k.as_str(), "Provider" | "EventID" | "Channel"))
    {
        let _ = write!(out, ",{}:{}", json_quoted(key), json_quoted(value));
    }
    out.push('}');
    out
}

/// The ids of the rules that fire on these lines of JSON.
///
/// # Errors
/// Where no temporary file can be written.
pub fn fires(rules: Vec<Rule>, taxonomy: &Arc<Taxonomy>, lines: &[String]) -> io::Result<BTreeSet<String>> {
    let mut file = tempfile::Builder::new().suffix(".ndjson").tempfile()?;
    for line in lines {
        writeln!(file, "{line}")?;
    }
    file.flush()?;
    let detector = Detector::new(rules, taxonomy.clone());
    let mut ids = Ids::default();
    let options = ScanOptions { threads: 1, ..ScanOptions::default() };
    scan(&detector, &[file.path().to_owned()], &options, &mut ids, &())?;
    Ok(ids.0)
}

#[derive(Default)]
struct Ids(BTreeSet<String>);

impl FindingSink for Ids {
    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        self.0.insert(finding.rule.id.clone());
        Ok(())
    }
}
