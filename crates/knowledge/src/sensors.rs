//! Sensor mappings: which events of a sensor show which data component.
//!
//! Two forms are read: OSSEM's detection model (a YAML file for each relation, with the events of every platform that
//! show it) and the tables of the Center for Threat-Informed Defense (a table for each sensor, named by its file).

use crate::details::{Details, LogSource, Telemetry};
use crate::error::Error;
use crate::files::{first, items, text};
use crate::model::{Entity, Kind, Link, Part, Relates};
use crate::table;

/// Whether the first line of a table is one of a sensor's.
pub(crate) fn is_table(first_line: &str) -> bool {
    first_line.contains("EVENT ID") && first_line.contains("ATT&CK DATA COMPONENT")
}

fn event(sensor: &str, log: &str, id: &str, name: &str) -> Entity {
    let mut e = Entity::new(Kind::SensorEvent, format!("{sensor} {id}"), name.trim());
    let channel =
        if id.chars().all(|c| c.is_ascii_digit()) { format!("EventCode={id}") } else { id.to_owned() };
    let source = LogSource { name: log.to_owned(), channel, ..LogSource::default() };
    e.details = Details::Telemetry(Telemetry { sources: vec![source], ..Telemetry::default() });
    e
}

/// Reads a relation of OSSEM's detection model.
///
/// # Errors
/// Where it is none.
pub fn relation(yaml: &str) -> Result<Part, Error> {
    first(yaml, |root| {
        let component = text(root.get("attack")?, "data_component");
        if component.is_empty() || text(root, "relationship_id").is_empty() {
            return None;
        }
        let mut part = Part { title: "OSSEM detection model".to_owned(), ..Part::default() };
        for seen in items(root, "security_events") {
            let (id, channel, log) =
                (text(seen, "event_id"), text(seen, "channel"), text(seen, "log_source"));
            let log = if channel.is_empty() { log } else { channel };
            if id.is_empty() || log.is_empty() {
                continue;
            }
            let mut e = event(&log, &log, &id, &text(seen, "name"));
            e.platforms = vec![text(seen, "platform")];
            let shows = Link::new(e.id.clone(), Relates::Shows, component.clone());
            part.links.push(Link { text: text(root, "name"), ..shows });
            part.entities.push(e);
        }
        Some(part)
    })
}

/// Reads the table of a sensor, whose name begins the name of the file: `Sysmon-sensors-mappings-enterprise.csv`.
///
/// # Errors
/// Where a record is too large.
pub fn table(file: &str, csv: &str) -> Result<Part, Error> {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let sensor = name.split("-sensors").next().unwrap_or(name);
    let log = match sensor {
        "Sysmon" => "WinEventLog:Sysmon",
        other => other,
    };
    let mut part = Part { title: "sensor mapping".to_owned(), ..Part::default() };
    let columns: &[&[&str]] = &[
        &["EVENT ID!"],
        &["EVENT DESCRIPTION"],
        &["ATT&CK DATA COMPONENT!"],
        &["SOURCE"],
        &["RELATIONSHIP"],
        &["TARGET"],
    ];
    table::read(csv, columns, |row| {
        let [id, name, component, source, verb, target] = *row else { return };
        if id.trim().is_empty() || component.trim().is_empty() {
            return;
        }
        let e = event(sensor, log, id.trim(), name);
        let how = format!("{source} {verb} {target}").trim().to_owned();
        part.links.push(Link { text: how, ..Link::new(e.id.clone(), Relates::Shows, component.trim()) });
        part.entities.push(e);
    })?;
    Ok(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Knowledge;

    fn components() -> Part {
        let e = Entity::new(Kind::DataComponent, "DC0032", "Process Creation");
        Part { entities: vec![e], ..Part::default() }
    }

    fn shown(part: Part) -> Vec<String> {
        let known = Knowledge::only(vec![components(), part]);
        known
            .to("DC0032", Relates::Shows)
            .iter()
            .map(|r| format!("{}: {}", r.entity.id, r.link.text))
            .collect()
    }

    #[test]
    fn a_relation_of_ossem() {
        let part = relation(
            "relationship_id: REL-1\nname: Process created Process\nattack:\n  data_component: process creation\n\
             security_events:\n- event_id: '4688'\n  name: New.\n  platform: windows\n  channel: Security\n\
             - event_id: ''\n  channel: x\n- event_id: DeviceProcessEvents\n  log_source: MDE\n",
        )
        .unwrap();
        assert_eq!(
            shown(part),
            ["MDE DeviceProcessEvents: Process created Process", "Security 4688: Process created Process"]
        );
        assert_eq!(relation("a: 1").unwrap_err(), Error::Unknown);
    }

    #[test]
    fn a_table_of_a_sensor() {
        let head = "EVENT ID,EVENT DESCRIPTION,ATT&CK DATA SOURCE ID,ATT&CK DATA SOURCE,ATT&CK DATA COMPONENT,SOURCE,RELATIONSHIP,TARGET\n";
        assert!(is_table(head));
        let part = table(
            "x/Sysmon-sensors-mappings-enterprise.csv",
            &format!("{head}1,P,DS,P,Process Creation,Process,Created,Process\n"),
        )
        .unwrap();
        assert_eq!(shown(part), ["Sysmon 1: Process Created Process"]);
    }
}
