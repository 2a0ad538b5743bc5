//! What deeds leave in the logs: the events of Sysmon, Security, System and PowerShell with the providers, versions
//! and field lists that Windows 10 and Sysmon 15 write.

pub mod security;
pub mod sysmon;

use shikra_evtx_write::{Guid, Record, Value};

use crate::world::World;

/// Fields in order.
pub type Fields = Vec<(&'static str, Value)>;

/// Who writes an event.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    provider: &'static str,
    guid: &'static str,
    channel: &'static str,
    level: u8,
    keywords: u64,
    opcode: u8,
    qualifiers: Option<u16>,
    /// Account that writes it.
    user: Option<&'static str>,
    /// Process that writes it.
    writer: &'static str,
}

/// Sysmon.
pub const SYSMON: Source = Source {
    provider: "Microsoft-Windows-Sysmon",
    guid: "5770385f-c22a-43e0-bf4c-06f5698ffbd9",
    channel: "Microsoft-Windows-Sysmon/Operational",
    level: 4,
    keywords: 0x8000_0000_0000_0000,
    opcode: 0,
    qualifiers: None,
    user: Some("S-1-5-18"),
    writer: "services",
};

/// The audit of Windows.
pub const SECURITY: Source = Source {
    provider: "Microsoft-Windows-Security-Auditing",
    guid: "54849625-5478-4994-a5ba-3e3b0328c30d",
    channel: "Security",
    level: 0,
    keywords: 0x8020_0000_0000_0000,
    opcode: 0,
    qualifiers: None,
    user: None,
    writer: "system",
};

/// The service control manager.
pub const SERVICES: Source = Source {
    provider: "Service Control Manager",
    guid: "555908d1-a6d7-4695-8e1e-26931d2012f4",
    channel: "System",
    level: 4,
    keywords: 0x8080_0000_0000_0000,
    opcode: 0,
    qualifiers: Some(16384),
    user: Some("S-1-5-18"),
    writer: "services",
};

/// PowerShell.
pub const POWERSHELL: Source = Source {
    provider: "Microsoft-Windows-PowerShell",
    guid: "a0c1853b-5c40-4b15-8766-3cf1c58f985a",
    channel: "Microsoft-Windows-PowerShell/Operational",
    level: 5,
    keywords: 0,
    opcode: 15,
    qualifiers: None,
    user: None,
    writer: "",
};

/// A record of this source at the world's time.
pub fn record(world: &mut World, source: &Source, id: u16, version: u8, task: u16, data: Fields) -> Record {
    let writer = world.find(source.writer).map_or(4, |p| world.process(p).pid);
    Record {
        provider: source.provider.to_owned(),
        provider_guid: source.guid.parse().ok(),
        event_id: id,
        qualifiers: source.qualifiers,
        version,
        level: source.level,
        task,
        opcode: source.opcode,
        keywords: source.keywords,
        time: world.writing_time(),
        process_id: writer,
        thread_id: world.rng.between(60, 2_000) as u32 * 4,
        channel: source.channel.to_owned(),
        computer: world.computer(),
        user: source.user.and_then(|s| s.parse().ok()),
        data: data.into_iter().map(|(n, v)| (n.to_owned(), v)).collect(),
        ..Record::default()
    }
}

/// A text.
pub fn text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}

/// `2026-03-02 08:00:00.123` of a FILETIME.
pub fn utc(time: u64) -> String {
    let at = shikra_event::Timestamp::from_filetime(time).unwrap_or_default();
    let (year, month, day, hour, minute, second, nano) = at.civil();
    let milli = nano / 1_000_000;
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{milli:03}")
}

/// `{5770385F-C22A-43E0-BF4C-06F5698FFBD9}`, as Windows renders it.
pub fn braced(guid: Guid) -> String {
    format!("{{{}}}", bare(guid))
}

/// `5770385F-C22A-43E0-BF4C-06F5698FFBD9`.
fn bare(guid: Guid) -> String {
    let [a, b, c, d, e, f, g, h, rest @ ..] = guid.0;
    let [i, j, k, l, m, n, o, p] = rest;
    format!(
        "{d:02X}{c:02X}{b:02X}{a:02X}-{f:02X}{e:02X}-{h:02X}{g:02X}-{i:02X}{j:02X}-{k:02X}{l:02X}{m:02X}{n:02X}{o:02X}{p:02X}"
    )
}
