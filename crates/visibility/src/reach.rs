//! Findings on recorded events that a configuration would have left.

use shikra_engine::finding::{EventView, Finding};
use shikra_event::Value;
use shikra_sysmon::Config;

use crate::SYSMON;

/// What becomes of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All its events are logged.
    Kept,
    /// At least one is not.
    Lost,
}

/// Whether the events of a finding would have been logged.
pub fn reach(finding: &Finding, config: &Config) -> Reach {
    match finding.events.iter().all(|e| keeps(e, config)) {
        true => Reach::Kept,
        false => Reach::Lost,
    }
}

/// Whether an event would have been logged. Events of others than Sysmon always are.
pub fn keeps(event: &EventView, config: &Config) -> bool {
    let sysmon = &*event.provider == SYSMON || event.channel.starts_with(SYSMON);
    let Some(id) = event.event_id.filter(|_| sysmon) else { return true };
    let value = |name: &str| {
        let is = |own: &str| {
            own.eq_ignore_ascii_case(name)
                || own.strip_prefix("winlog.event_data.").is_some_and(|n| n.eq_ignore_ascii_case(name))
        };
        event.fields.iter().find(|(n, _)| is(n)).and_then(|(_, v)| v.to_text().or_else(|| lines(v)))
    };
    config.keeps(id, &value)
}

fn lines(v: &Value) -> Option<String> {
    let all: Vec<String> = v.elements().iter().filter_map(|v| v.to_text().map(|t| t.to_string())).collect();
    (!all.is_empty()).then(|| all.join("\n"))
}
