//! Events of Sysmon, schema 4.90.

use shikra_evtx_write::{Record, Value};

use super::{Fields, SYSMON, record, text, utc};
use crate::binaries;
use crate::definition::{Dns, File, Load, Network, Registry, Thread};
use crate::rng::Rng;
use crate::world::{Pid, World};

fn write(world: &mut World, id: u16, version: u8, data: Fields) -> Record {
    record(world, &SYSMON, id, version, id, data)
}

/// Time and process, as most events begin.
fn who(world: &World, pid: Pid) -> Fields {
    let p = world.process(pid);
    vec![
        ("UtcTime", text(utc(world.now))),
        ("ProcessGuid", Value::Guid(p.guid)),
        ("ProcessId", Value::U32(p.pid)),
        ("Image", text(&p.image)),
    ]
}

fn with(world: &World, pid: Pid, before: Fields, after: Fields) -> Fields {
    let mut all: Fields = vec![("RuleName", text("-"))];
    all.extend(before);
    all.extend(who(world, pid));
    all.extend(after);
    all
}

fn user(world: &World, pid: Pid) -> Value {
    text(world.account_of(world.process(pid)).full())
}

/// Hashes of a file that is not there: the same for the same path.
pub fn hashes(path: &str) -> String {
    let mut rng = Rng::named(0x5ee_d0ff_11e5, &path.to_ascii_lowercase());
    format!("SHA1={},MD5={},SHA256={},IMPHASH={}", rng.hex(40), rng.hex(32), rng.hex(64), rng.hex(32))
}

/// 1: a process starts.
pub fn created(world: &mut World, pid: Pid) -> Record {
    let p = world.process(pid).clone();
    let account = world.account_of(&p).clone();
    let high = matches!(p.integrity, "High" | "System");
    let binary =
        binaries::named(&p.image).filter(|b| binaries::at(&p.image).is_some() || p.original == b.original);
    let microsoft = |t: &str| text(if binary.is_some() { t } else { "-" });
    let original = if p.original.is_empty() { binary.map_or("-", |b| b.original) } else { &p.original };
    let mut data = with(
        world,
        pid,
        vec![],
        vec![
            ("FileVersion", microsoft("10.0.19041.1 (WinBuild.160101.0800)")),
            ("Description", text(binary.map_or("-", |b| b.description))),
            ("Product", microsoft("Microsoft® Windows® Operating System")),
            ("Company", microsoft("Microsoft Corporation")),
            ("OriginalFileName", text(original)),
            ("CommandLine", text(&p.command)),
            ("CurrentDirectory", text(&p.folder)),
            ("User", text(account.full())),
            ("LogonGuid", Value::Guid(world.logon_guid(&account, high))),
            ("LogonId", Value::Hex64(account.logon[usize::from(high)])),
            ("TerminalSessionId", Value::U32(account.session)),
            ("IntegrityLevel", text(p.integrity)),
            ("Hashes", text(hashes(&p.image))),
        ],
    );
    let parent = p.parent.map(|parent| world.process(parent).clone());
    let of = |f: fn(&crate::world::Running) -> &str| text(parent.as_ref().map_or("-", f));
    data.extend([
        ("ParentProcessGuid", Value::Guid(parent.as_ref().map(|p| p.guid).unwrap_or_default())),
        ("ParentProcessId", Value::U32(parent.as_ref().map_or(0, |p| p.pid))),
        ("ParentImage", of(|p| &p.image)),
        ("ParentCommandLine", of(|p| &p.command)),
        ("ParentUser", p.parent.map_or_else(|| text("-"), |parent| user(world, parent))),
    ]);
    write(world, 1, 5, data)
}

/// 3: a connection.
pub fn connected(world: &mut World, pid: Pid, n: &Network) -> Record {
    let v6 = n.ip.contains(':');
    let (near, own) = (world.address.clone(), world.rng.between(49_152, 65_000) as u16);
    let computer = world.computer();
    let port_name = |port: u16| {
        text(match port {
            53 => "domain",
            80 => "http",
            443 => "https",
            445 => "microsoft-ds",
            _ => "-",
        })
    };
    let (from, to) = ((near, computer, own), (n.ip.clone(), n.host.clone(), n.port));
    let (from, to) = if n.incoming { (to, from) } else { (from, to) };
    let dash = |t: String| text(if t.is_empty() { "-".to_owned() } else { t });
    let data = with(
        world,
        pid,
        vec![],
        vec![
            ("User", user(world, pid)),
            ("Protocol", text(if n.protocol.is_empty() { "tcp" } else { &n.protocol })),
            ("Initiated", Value::Bool(!n.incoming)),
            ("SourceIsIpv6", Value::Bool(v6)),
            ("SourceIp", text(from.0)),
            ("SourceHostname", dash(from.1)),
            ("SourcePort", Value::U16(from.2)),
            ("SourcePortName", port_name(from.2)),
            ("DestinationIsIpv6", Value::Bool(v6)),
            ("DestinationIp", text(to.0)),
            ("DestinationHostname", dash(to.1)),
            ("DestinationPort", Value::U16(to.2)),
            ("DestinationPortName", port_name(to.2)),
        ],
    );
    write(world, 3, 5, data)
}

/// 5: a process ends.
pub fn ended(world: &mut World, pid: Pid) -> Record {
    let data = with(world, pid, vec![], vec![("User", user(world, pid))]);
    write(world, 5, 3, data)
}

/// 7: a module is loaded.
pub fn loaded(world: &mut World, pid: Pid, load: &Load) -> Record {
    let signed = !load.signer.is_empty();
    let windows = load.signer.starts_with("Microsoft");
    let or_dash = |t: &str| text(if windows { t } else { "-" });
    let data = with(
        world,
        pid,
        vec![],
        vec![
            ("ImageLoaded", text(&load.image)),
            ("FileVersion", or_dash("10.0.19041.1 (WinBuild.160101.0800)")),
            ("Description", text("-")),
            ("Product", or_dash("Microsoft® Windows® Operating System")),
            ("Company", or_dash("Microsoft Corporation")),
            ("OriginalFileName", or_dash(&binaries::base_name(&load.image).to_ascii_uppercase())),
            ("Hashes", text(hashes(&load.image))),
            ("Signed", text(if signed { "true" } else { "false" })),
            ("Signature", text(if signed { &load.signer } else { "-" })),
            ("SignatureStatus", text(if signed { "Valid" } else { "Unavailable" })),
            ("User", user(world, pid)),
        ],
    );
    write(world, 7, 3, data)
}

/// 8: a thread is started in another process.
pub fn thread(world: &mut World, pid: Pid, target: Pid, thread: &Thread) -> Record {
    let (id, start) = (world.rng.between(100, 2000) as u32 * 4, world.rng.next() & 0xfff_ffff_f000);
    let (p, t) = (world.process(pid), world.process(target));
    let or_dash = |t: &str| text(if t.is_empty() { "-" } else { t });
    let data = vec![
        ("RuleName", text("-")),
        ("UtcTime", text(utc(world.now))),
        ("SourceProcessGuid", Value::Guid(p.guid)),
        ("SourceProcessId", Value::U32(p.pid)),
        ("SourceImage", text(&p.image)),
        ("TargetProcessGuid", Value::Guid(t.guid)),
        ("TargetProcessId", Value::U32(t.pid)),
        ("TargetImage", text(&t.image)),
        ("NewThreadId", Value::U32(id)),
        ("StartAddress", text(format!("0x{start:016X}"))),
        ("StartModule", or_dash(&thread.module)),
        ("StartFunction", or_dash(&thread.function)),
        ("SourceUser", user(world, pid)),
        ("TargetUser", user(world, target)),
    ];
    write(world, 8, 2, data)
}

/// A trace that every process could have.
const PLAIN_TRACE: &str = r"C:\Windows\SYSTEM32\ntdll.dll+9d4d4|C:\Windows\System32\KERNELBASE.dll+2c13e";

/// 10: a process is opened.
pub fn accessed(world: &mut World, pid: Pid, target: Pid, granted: &str, trace: &str) -> Record {
    let thread = world.rng.between(100, 2000) as u32 * 4;
    let (p, t) = (world.process(pid), world.process(target));
    let data = vec![
        ("RuleName", text("-")),
        ("UtcTime", text(utc(world.now))),
        ("SourceProcessGUID", Value::Guid(p.guid)),
        ("SourceProcessId", Value::U32(p.pid)),
        ("SourceThreadId", Value::U32(thread)),
        ("SourceImage", text(&p.image)),
        ("TargetProcessGUID", Value::Guid(t.guid)),
        ("TargetProcessId", Value::U32(t.pid)),
        ("TargetImage", text(&t.image)),
        ("GrantedAccess", text(if granted.is_empty() { "0x1410" } else { granted })),
        ("CallTrace", text(if trace.is_empty() { PLAIN_TRACE } else { trace })),
        ("SourceUser", user(world, pid)),
        ("TargetUser", user(world, target)),
    ];
    write(world, 10, 3, data)
}

/// 11, 15 with a mark of the web, or 26: a file is created or deleted.
pub fn file(world: &mut World, pid: Pid, file: &File) -> Vec<Record> {
    if file.delete {
        let mut data = with(world, pid, vec![], vec![]);
        // Here the user stands before the image.
        let image = data.pop();
        data.push(("User", user(world, pid)));
        data.extend(image);
        data.extend([
            ("TargetFilename", text(&file.path)),
            ("Hashes", text(hashes(&file.path))),
            ("IsExecutable", Value::Bool(file.path.to_ascii_lowercase().ends_with(".exe"))),
        ]);
        return vec![write(world, 26, 5, data)];
    }
    let created = ("CreationUtcTime", text(utc(world.now)));
    let data = with(
        world,
        pid,
        vec![],
        vec![("TargetFilename", text(&file.path)), created.clone(), ("User", user(world, pid))],
    );
    let mut out = vec![write(world, 11, 2, data)];
    if !file.from_url.is_empty() {
        let data = with(
            world,
            pid,
            vec![],
            vec![
                ("TargetFilename", text(format!("{}:Zone.Identifier", file.path))),
                created,
                ("Hash", text(hashes(&format!("{}:Zone.Identifier", file.path)))),
                ("Contents", text(format!("[ZoneTransfer]  ZoneId=3  HostUrl={}", file.from_url))),
                ("User", user(world, pid)),
            ],
        );
        out.push(write(world, 15, 2, data));
    }
    out
}

/// 12 or 13: a registry key or value.
pub fn registry(world: &mut World, pid: Pid, r: &Registry) -> Record {
    let key = registry_path(world, pid, &r.key);
    let (id, kind, target) = match (&r.value, r.delete) {
        (None, false) => (12, "CreateKey", key),
        (None, true) => (12, "DeleteKey", key),
        (Some(v), true) => (12, "DeleteValue", format!("{key}\\{v}")),
        (Some(v), false) => (13, "SetValue", format!("{key}\\{v}")),
    };
    let mut after = vec![("TargetObject", text(target))];
    if id == 13 {
        after.push(("Details", text(&r.data)));
    }
    after.push(("User", user(world, pid)));
    let data = with(world, pid, vec![("EventType", text(kind))], after);
    write(world, id, 2, data)
}

/// The path as Sysmon names it: the user's hive by its SID.
fn registry_path(world: &World, pid: Pid, key: &str) -> String {
    let sid = &world.account_of(world.process(pid)).sid;
    let hive = |name: &str| key.strip_prefix(name).filter(|rest| rest.is_empty() || rest.starts_with('\\'));
    match hive("HKCU") {
        Some(rest) => match rest.strip_prefix(r"\Software\Classes") {
            Some(classes) => format!("HKU\\{sid}_Classes{classes}"),
            None => format!("HKU\\{sid}{rest}"),
        },
        None => key.to_owned(),
    }
}

/// 17 or 18: a named pipe.
pub fn pipe(world: &mut World, pid: Pid, name: &str, connect: bool) -> Record {
    let p = world.process(pid);
    let data = vec![
        ("RuleName", text("-")),
        ("EventType", text(if connect { "ConnectPipe" } else { "CreatePipe" })),
        ("UtcTime", text(utc(world.now))),
        ("ProcessGuid", Value::Guid(p.guid)),
        ("ProcessId", Value::U32(p.pid)),
        ("PipeName", text(name)),
        ("Image", text(&p.image)),
        ("User", user(world, pid)),
    ];
    write(world, if connect { 18 } else { 17 }, 1, data)
}

/// 22: a name is asked for.
pub fn asked(world: &mut World, pid: Pid, dns: &Dns) -> Record {
    let p = world.process(pid);
    let found = !dns.answers.is_empty();
    let answers: String = dns
        .answers
        .iter()
        .map(|a| if a.contains(':') { format!("{a};") } else { format!("::ffff:{a};") })
        .collect();
    let data = vec![
        ("RuleName", text("-")),
        ("UtcTime", text(utc(world.now))),
        ("ProcessGuid", Value::Guid(p.guid)),
        ("ProcessId", Value::U32(p.pid)),
        ("QueryName", text(&dns.name)),
        ("QueryStatus", text(if found { "0" } else { "9003" })),
        ("QueryResults", text(if found { answers } else { "-".to_owned() })),
        ("Image", text(&p.image)),
        ("User", user(world, pid)),
    ];
    write(world, 22, 5, data)
}
