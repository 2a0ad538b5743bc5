//! The event kinds that a configuration filters.

/// A kind of event: the element of a configuration and the event ids that it is about.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// Name of the element.
    pub name: &'static str,
    /// Event ids.
    pub ids: &'static [u32],
    /// What happens to its events where the configuration does not name it: logged or not. None: it depends on
    /// the version and on how the service was installed.
    pub unnamed: Option<bool>,
}

const fn kind(name: &'static str, ids: &'static [u32], unnamed: Option<bool>) -> Kind {
    Kind { name, ids, unnamed }
}

/// All kinds, by event id. What is not here (service state, configuration change, errors) is always logged.
pub static KINDS: &[Kind] = &[
    kind("ProcessCreate", &[1], Some(true)),
    kind("FileCreateTime", &[2], None),
    kind("NetworkConnect", &[3], Some(false)),
    kind("ProcessTerminate", &[5], Some(true)),
    kind("DriverLoad", &[6], None),
    kind("ImageLoad", &[7], Some(false)),
    kind("CreateRemoteThread", &[8], None),
    kind("RawAccessRead", &[9], None),
    kind("ProcessAccess", &[10], Some(false)),
    kind("FileCreate", &[11], Some(false)),
    kind("RegistryEvent", &[12, 13, 14], Some(false)),
    kind("FileCreateStreamHash", &[15], Some(false)),
    kind("PipeEvent", &[17, 18], Some(false)),
    kind("WmiEvent", &[19, 20, 21], Some(false)),
    kind("DnsQuery", &[22], Some(false)),
    kind("FileDelete", &[23], Some(false)),
    kind("ClipboardChange", &[24], Some(false)),
    kind("ProcessTampering", &[25], Some(false)),
    kind("FileDeleteDetected", &[26], Some(false)),
    kind("FileBlockExecutable", &[27], Some(false)),
    kind("FileBlockShredding", &[28], Some(false)),
    kind("FileExecutableDetected", &[29], Some(false)),
];

/// The kind of an event id; none where it cannot be filtered.
pub fn kind_of(id: u32) -> Option<&'static Kind> {
    KINDS.iter().find(|k| k.ids.contains(&id))
}
