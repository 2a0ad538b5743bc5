//! Events of the Security, System and PowerShell logs.

use shikra_evtx_write::{Record, Value};

use super::{Fields, POWERSHELL, SECURITY, SERVICES, record, text};
use crate::definition::{Account as AccountDeed, Network, Script, Service, Task};
use crate::world::{Account, NETBIOS, Pid, World};

fn sid(sid: &str) -> Value {
    sid.parse().map_or(Value::Null, Value::Sid)
}

/// Who does it. The accounts of services show as the computer's own.
fn subject(world: &World, pid: Pid) -> Fields {
    let p = world.process(pid);
    let a = world.account_of(p);
    let high = matches!(p.integrity, "High" | "System");
    let computer = || (format!("{}$", world.host), NETBIOS.to_owned());
    let (name, domain) = if a.key == "system" { computer() } else { (a.name.clone(), a.domain.clone()) };
    vec![
        ("SubjectUserSid", sid(&a.sid)),
        ("SubjectUserName", text(name)),
        ("SubjectDomainName", text(domain)),
        ("SubjectLogonId", Value::Hex64(a.logon[usize::from(high)])),
    ]
}

fn write(world: &mut World, id: u16, version: u8, task: u16, data: Fields) -> Record {
    record(world, &SECURITY, id, version, task, data)
}

/// 4688: a process starts.
pub fn created(world: &mut World, pid: Pid) -> Record {
    let p = world.process(pid).clone();
    let parent = p.parent.unwrap_or(0);
    let mut data = subject(world, parent);
    let elevation = match (p.integrity, world.account_of(&p).is_service()) {
        (_, true) => "%%1936",
        ("High" | "System", false) => "%%1937",
        _ => "%%1938",
    };
    let label = match p.integrity {
        "Low" => "S-1-16-4096",
        "High" => "S-1-16-12288",
        "System" => "S-1-16-16384",
        _ => "S-1-16-8192",
    };
    let (own, above) = (world.account_of(&p), world.process(parent));
    let high = usize::from(matches!(p.integrity, "High" | "System"));
    // The target is told where it is another than the subject.
    let same = p.account == above.account;
    let target = |t: &str| text(if same { "-" } else { t });
    data.extend([
        ("NewProcessId", Value::Hex64(u64::from(p.pid))),
        ("NewProcessName", text(&p.image)),
        ("TokenElevationType", text(elevation)),
        ("ProcessId", Value::Hex64(u64::from(above.pid))),
        ("CommandLine", text(&p.command)),
        ("TargetUserSid", sid(if same { "S-1-0-0" } else { &own.sid })),
        ("TargetUserName", target(&own.name)),
        ("TargetDomainName", target(&own.domain)),
        ("TargetLogonId", Value::Hex64(if same { 0 } else { own.logon[high] })),
        ("ParentProcessName", text(&above.image)),
        ("MandatoryLabel", sid(label)),
    ]);
    write(world, 4688, 2, 13312, data)
}

/// 4689: a process ends.
pub fn ended(world: &mut World, pid: Pid, status: u32) -> Record {
    let mut data = subject(world, pid);
    let p = world.process(pid);
    data.extend([
        ("Status", Value::Hex32(status)),
        ("ProcessId", Value::Hex64(u64::from(p.pid))),
        ("ProcessName", text(&p.image)),
    ]);
    write(world, 4689, 0, 13313, data)
}

/// 5156: the firewall lets a connection through.
pub fn connected(world: &mut World, pid: Pid, n: &Network) -> Record {
    let own = world.rng.between(49_152, 65_000).to_string();
    let p = world.process(pid);
    let device = p.image.strip_prefix("C:").map_or_else(
        || p.image.clone(),
        |rest| format!(r"\device\harddiskvolume3{}", rest.to_ascii_lowercase()),
    );
    let data = vec![
        ("ProcessID", Value::U64(u64::from(p.pid))),
        ("Application", text(device)),
        ("Direction", text(if n.incoming { "%%14592" } else { "%%14593" })),
        ("SourceAddress", text(&world.address)),
        ("SourcePort", text(own)),
        ("DestAddress", text(&n.ip)),
        ("DestPort", text(n.port.to_string())),
        ("Protocol", Value::U32(if n.protocol == "udp" { 17 } else { 6 })),
        ("FilterRTID", Value::U64(67_000)),
        ("LayerName", text(if n.incoming { "%%14610" } else { "%%14611" })),
        ("LayerRTID", Value::U64(if n.incoming { 44 } else { 48 })),
        ("RemoteUserID", sid("S-1-0-0")),
        ("RemoteMachineID", sid("S-1-0-0")),
    ];
    write(world, 5156, 1, 12810, data)
}

/// 4624: somebody logs on.
pub fn logon(world: &mut World, account: &Account, kind: u32, ip: &str) -> Record {
    let guid = world.logon_guid(account, true);
    let lsass = world.find("lsass").unwrap_or(0);
    let mut data = subject(world, lsass);
    let local = ip.is_empty();
    let (process, package) = match kind {
        5 => ("Advapi  ", "Negotiate"),
        2 | 10 | 11 => ("User32 ", "Negotiate"),
        _ => ("Kerberos", "Kerberos"),
    };
    let p = world.process(lsass);
    data.extend([
        ("TargetUserSid", sid(&account.sid)),
        ("TargetUserName", text(&account.name)),
        ("TargetDomainName", text(&account.domain)),
        ("TargetLogonId", Value::Hex64(account.logon[0])),
        ("LogonType", Value::U32(kind)),
        ("LogonProcessName", text(process)),
        ("AuthenticationPackageName", text(package)),
        ("WorkstationName", text(if local { &world.host } else { "-" })),
        ("LogonGuid", Value::Guid(guid)),
        ("TransmittedServices", text("-")),
        ("LmPackageName", text("-")),
        ("KeyLength", Value::U32(0)),
        ("ProcessId", Value::Hex64(u64::from(p.pid))),
        ("ProcessName", text(&p.image)),
        ("IpAddress", text(if local { "-" } else { ip })),
        ("IpPort", text(if local { "-" } else { "0" })),
        ("ImpersonationLevel", text("%%1833")),
        ("RestrictedAdminMode", text("-")),
        ("TargetOutboundUserName", text("-")),
        ("TargetOutboundDomainName", text("-")),
        ("VirtualAccount", text("%%1843")),
        ("TargetLinkedLogonId", Value::Hex64(0)),
        ("ElevatedToken", text(if account.is_service() { "%%1842" } else { "%%1843" })),
    ]);
    write(world, 4624, 2, 12544, data)
}

/// 4672: a logon has privileges.
pub fn privileges(world: &mut World, pid: Pid) -> Record {
    let mut data = subject(world, pid);
    data.push(("PrivilegeList", text("SeAssignPrimaryTokenPrivilege\r\n\t\t\tSeTcbPrivilege\r\n\t\t\tSeSecurityPrivilege\r\n\t\t\tSeBackupPrivilege\r\n\t\t\tSeRestorePrivilege\r\n\t\t\tSeDebugPrivilege\r\n\t\t\tSeImpersonatePrivilege")));
    write(world, 4672, 0, 12548, data)
}

/// 7045 and 4697: a service is installed.
pub fn service(world: &mut World, pid: Pid, s: &Service) -> Vec<Record> {
    let account = if s.account.is_empty() { "LocalSystem" } else { &s.account };
    let installed = vec![
        ("ServiceName", text(&s.name)),
        ("ImagePath", text(&s.image)),
        ("ServiceType", text("user mode service")),
        ("StartType", text("demand start")),
        ("AccountName", text(account)),
    ];
    let mut data = subject(world, pid);
    data.extend([
        ("ServiceName", text(&s.name)),
        ("ServiceFileName", text(&s.image)),
        ("ServiceType", text("0x10")),
        ("ServiceStartType", Value::U32(3)),
        ("ServiceAccount", text(account)),
    ]);
    vec![record(world, &SERVICES, 7045, 0, 0, installed), write(world, 4697, 0, 12289, data)]
}

/// 4698: a scheduled task is registered.
pub fn task(world: &mut World, pid: Pid, t: &Task) -> Record {
    let mut data = subject(world, pid);
    let escape = |t: &str| t.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let user = world.account_of(world.process(pid)).full();
    let content = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-16\"?>\r\n<Task version=\"1.2\" xmlns=\"http://schemas.microsoft.com/windows/2004/02/mit/task\">\r\n  <RegistrationInfo>\r\n    <Author>{}</Author>\r\n    <URI>{}</URI>\r\n  </RegistrationInfo>\r\n  <Actions Context=\"Author\">\r\n    <Exec>\r\n      <Command>{}</Command>\r\n      <Arguments>{}</Arguments>\r\n    </Exec>\r\n  </Actions>\r\n</Task>",
        escape(&user),
        escape(&t.name),
        escape(&t.command),
        escape(&t.arguments)
    );
    data.extend([("TaskName", text(&t.name)), ("TaskContent", text(content))]);
    write(world, 4698, 0, 12804, data)
}

/// 4720 or 4732: an account is created, or put into a local group.
pub fn account(world: &mut World, pid: Pid, a: &AccountDeed) -> Record {
    let authority =
        world.accounts.first().and_then(|u| u.sid.rsplit_once('-')).map_or("", |(a, _)| a).to_owned();
    let own = format!("{authority}-{}", 1200 + crate::rng::Rng::named(0, &a.name).below(700));
    if a.group.is_empty() {
        let mut data = vec![
            ("TargetUserName", text(&a.name)),
            ("TargetDomainName", text(&world.host)),
            ("TargetSid", sid(&own)),
        ];
        data.extend(subject(world, pid));
        data.extend([
            ("PrivilegeList", text("-")),
            ("SamAccountName", text(&a.name)),
            ("DisplayName", text("%%1793")),
        ]);
        return write(world, 4720, 0, 13824, data);
    }
    let group = match a.group.to_ascii_lowercase().as_str() {
        "administrators" => "S-1-5-32-544",
        "remote desktop users" => "S-1-5-32-555",
        _ => "S-1-5-32-545",
    };
    let mut data = vec![
        ("MemberName", text("-")),
        ("MemberSid", sid(&own)),
        ("TargetUserName", text(&a.group)),
        ("TargetDomainName", text("Builtin")),
        ("TargetSid", sid(group)),
    ];
    data.extend(subject(world, pid));
    data.push(("PrivilegeList", text("-")));
    write(world, 4732, 0, 13826, data)
}

/// 4104: a script block.
pub fn script(world: &mut World, pid: Pid, s: &Script) -> Record {
    let id = crate::world::guid_text(&mut world.rng);
    let data = vec![
        ("MessageNumber", Value::I32(1)),
        ("MessageTotal", Value::I32(1)),
        ("ScriptBlockText", text(&s.text)),
        ("ScriptBlockId", text(id)),
        ("Path", text(&s.path)),
    ];
    let mut written = record(world, &POWERSHELL, 4104, 1, 2, data);
    let p = world.process(pid);
    written.process_id = p.pid;
    written.user = world.account_of(p).sid.parse().ok();
    written
}
