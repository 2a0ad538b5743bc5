//! Whether data holds what the analytics of ATT&CK read for a technique, rules or no rules.

use std::collections::BTreeSet;

use shikra_knowledge::{Details, Entity, Knowledge, LogSource, Related, Relates};

/// Channels and event ids that data holds.
pub type Logs = BTreeSet<(String, u32)>;

/// Whether `logs` hold all data components of at least one analytic for a technique, named by any of `ids`; none
/// where nobody says which events of Windows would show them.
pub(super) fn seen(known: &Knowledge, ids: &[&str], logs: &Logs) -> Option<bool> {
    let mut out = None;
    for strategy in ids.iter().flat_map(|id| known.to(id, Relates::Detects)) {
        let analytics = known.from(&strategy.entity.id, Relates::HasAnalytic);
        let windows = |e: &Entity| e.platforms.is_empty() || e.platforms.iter().any(|p| p == "Windows");
        // Of the facts that ship, strategies name the components; of a bundle, their analytics do.
        let mut readers: Vec<&Entity> = analytics.iter().map(|a| a.entity).filter(|e| windows(e)).collect();
        if analytics.is_empty() {
            readers.push(strategy.entity);
        }
        for reader in readers {
            let shown: Vec<Option<bool>> = known
                .from(&reader.id, Relates::Reads)
                .iter()
                .map(|component| shown(known, reader, component, logs))
                .collect();
            if shown.iter().any(Option::is_some) {
                let all = shown.iter().all(|s| *s == Some(true));
                out = Some(out.unwrap_or(false) || all);
            }
        }
    }
    out
}

/// Whether one of the events that show a component is there: those that the analytic names, else those of the
/// component and of sensors that show it.
fn shown(known: &Knowledge, reader: &Entity, component: &Related<'_>, logs: &Logs) -> Option<bool> {
    let id = &component.entity.id;
    let mut events: Vec<(String, u32)> =
        sources(reader).iter().filter(|s| s.component == *id).flat_map(events_of).collect();
    if events.is_empty() {
        let sensors = known.to(id, Relates::Shows);
        let all = sources(component.entity).iter().chain(sensors.iter().flat_map(|s| sources(s.entity)));
        events = all.flat_map(events_of).collect();
    }
    (!events.is_empty()).then(|| events.iter().any(|e| logs.contains(e)))
}

fn sources(e: &Entity) -> &[LogSource] {
    match &e.details {
        Details::Telemetry(t) => &t.sources,
        _ => &[],
    }
}

/// Short names of channels in ATT&CK's log sources.
const CHANNELS: &[(&str, &str)] = &[
    ("sysmon", "microsoft-windows-sysmon/operational"),
    ("powershell", "microsoft-windows-powershell/operational"),
    ("wmi", "microsoft-windows-wmi-activity/operational"),
    ("taskscheduler", "microsoft-windows-taskscheduler/operational"),
];

/// Channel, in lower case, and ids that a log source of Windows names: `WinEventLog:Sysmon`, `EventCode=1, 7`.
fn events_of(source: &LogSource) -> Vec<(String, u32)> {
    let log = source.name.to_lowercase();
    let log = log.strip_prefix("wineventlog:").unwrap_or(&log);
    let channel = CHANNELS.iter().find(|(short, _)| *short == log).map_or(log, |(_, full)| full);
    let Some((_, ids)) = source.channel.split_once("EventCode") else { return Vec::new() };
    let ids = ids.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok());
    ids.map(|id| (channel.to_owned(), id)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shikra_knowledge::{Kind, Link, Part, Telemetry};

    fn known(sources: &[(&str, &str, &str)]) -> Knowledge {
        let mut part = Part::default();
        for (kind, id) in [
            (Kind::Technique, "T1"),
            (Kind::Strategy, "DET1"),
            (Kind::Analytic, "AN1"),
            (Kind::DataComponent, "DC1"),
            (Kind::DataComponent, "DC2"),
        ] {
            part.entities.push(Entity::new(kind, id, id));
        }
        let source = |(component, name, channel): &(&str, &str, &str)| LogSource {
            component: (*component).into(),
            name: (*name).into(),
            channel: (*channel).into(),
        };
        let sources = sources.iter().map(source).collect();
        part.entities[2].details = Details::Telemetry(Telemetry { sources, ..Telemetry::default() });
        part.links = vec![
            Link::new("DET1", Relates::Detects, "T1"),
            Link::new("DET1", Relates::HasAnalytic, "AN1"),
            Link::new("AN1", Relates::Reads, "DC1"),
            Link::new("AN1", Relates::Reads, "DC2"),
        ];
        Knowledge::only(vec![part])
    }

    #[test]
    fn all_components_of_an_analytic_have_to_be_there() {
        let logs: Logs =
            [("microsoft-windows-sysmon/operational".into(), 1), ("security".into(), 4663)].into();
        let two = [
            ("DC1", "WinEventLog:Sysmon", "EventCode=1"),
            ("DC2", "WinEventLog:Security", "EventCode=4656, 4663"),
        ];
        assert_eq!(seen(&known(&two), &["T1"], &logs), Some(true));
        let other = [two[0], ("DC2", "WinEventLog:Security", "EventCode=4688")];
        assert_eq!(seen(&known(&other), &["T1"], &logs), Some(false));
        assert_eq!(seen(&known(&two[..1]), &["T1"], &logs), Some(false));
        assert_eq!(seen(&known(&[("DC1", "auditd:SYSCALL", "execve")]), &["T1"], &logs), None);
        assert_eq!(seen(&known(&two), &["T2"], &logs), None);
    }
}
