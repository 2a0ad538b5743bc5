//! Writes the logs of `examples/cmstp`: an attack with CMSTP in the middle of an ordinary morning, all of it made
//! up, on two workstations. WS7 logs to EVTX (Sysmon and Security), WS9 as newline-delimited JSON.
//!
//! `cargo run -p shikra-evtx-write --example cmstp_logs [FOLDER]`

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;

use shikra_evtx_write::{EvtxWriter, Record, Value};

type Error = Box<dyn std::error::Error>;

const SYSMON: &str = "Microsoft-Windows-Sysmon";
const SECURITY: &str = "Microsoft-Windows-Security-Auditing";
/// 2026-03-02T08:00:00Z as FILETIME.
const START: u64 = 134_169_120_000_000_000;
const SYSTEM32: &str = r"C:\Windows\System32";

/// A process of the story: name, image, command line, number of its parent.
struct Process(&'static str, &'static str, u32);

/// What happens: seconds after the start, and what.
enum Deed {
    /// Process number `0` starts.
    Start(u32),
    /// A process connects to address and port.
    Connect(u32, &'static str, u16),
    /// A process writes a file.
    Write(u32, &'static str),
    /// A process creates a key, or sets a value.
    Key(u32, &'static str),
    Set(u32, &'static str, &'static str),
    /// A process opens another, through these modules.
    Access(u32, u32, &'static str),
}
use Deed::{Access, Connect, Key, Set, Start, Write};

const PROCESSES: &[Process] = &[
    Process(r"C:\Windows\explorer.exe", r"C:\Windows\Explorer.EXE", 0),
    Process(
        r"C:\Program Files\Microsoft Office\root\Office16\OUTLOOK.EXE",
        r#""C:\Program Files\Microsoft Office\root\Office16\OUTLOOK.EXE""#,
        0,
    ),
    Process(
        r"C:\Windows\System32\svchost.exe",
        r"C:\Windows\system32\svchost.exe -k netsvcs -p -s Schedule",
        0,
    ),
    // An administrator's roll-out of the company's own profile: must stay silent.
    Process(r"C:\Windows\System32\msiexec.exe", r"C:\Windows\system32\msiexec.exe /V", 2),
    Process(
        r"C:\Windows\System32\cmstp.exe",
        r#""C:\Windows\System32\cmstp.exe" "C:\Program Files\Contoso VPN\contoso.inf""#,
        3,
    ),
    // The attack.
    Process(
        r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe",
        r"powershell.exe -nop -w hidden -c iex (gc $env:TEMP\u.txt -raw)",
        1,
    ),
    Process(
        r"C:\Windows\System32\cmstp.exe",
        r#""C:\Windows\System32\cmstp.exe" /au /s C:\Users\anna\AppData\Local\Temp\update.inf"#,
        5,
    ),
    Process(r"C:\Windows\System32\calc.exe", "calc.exe", 6),
    Process(
        r"C:\Windows\System32\dllhost.exe",
        r"C:\Windows\system32\DllHost.exe /Processid:{3E5FC7F9-9A51-4367-9063-A120244FBEC7}",
        2,
    ),
    Process(r"C:\Windows\System32\cmd.exe", r"C:\Windows\System32\cmd.exe /c whoami /priv", 8),
    Process(
        r"C:\Windows\System32\notepad.exe",
        r#""C:\Windows\system32\notepad.exe" C:\Users\anna\Documents\list.txt"#,
        0,
    ),
];

const TRACE: &str = r"C:\Windows\SYSTEM32\ntdll.dll+9d1e4|C:\Windows\System32\KERNELBASE.dll+2c13e|C:\Windows\system32\CMLUA.dll+1b40";
const PLAIN_TRACE: &str = r"C:\Windows\SYSTEM32\ntdll.dll+9d1e4|C:\Windows\System32\KERNELBASE.dll+2c13e";
const CMMGR: &str = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\App Paths\cmmgr32.exe";

const STORY: &[(u64, Deed)] = &[
    (0, Start(0)),
    (41, Start(2)),
    (95, Start(1)),
    (97, Connect(1, "198.51.100.20", 443)),
    (310, Start(3)),
    (312, Start(4)),
    (313, Connect(4, "10.20.0.5", 80)),
    (900, Access(2, 1, PLAIN_TRACE)),
    (1211, Start(5)),
    (1213, Write(5, r"C:\Users\anna\AppData\Local\Temp\update.inf")),
    (1214, Start(6)),
    (1215, Connect(6, "203.0.113.77", 8080)),
    (1216, Start(7)),
    (1217, Start(8)),
    (1218, Key(8, CMMGR)),
    (
        1218,
        Set(
            8,
            r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\App Paths\cmmgr32.exe\ProfileInstallPath",
            r"C:\ProgramData\Microsoft\Network\Connections\Cm",
        ),
    ),
    (1219, Access(8, 6, TRACE)),
    (1220, Start(9)),
    (1500, Start(10)),
    (1506, Write(10, r"C:\Users\anna\Documents\list.txt")),
];

/// An event of the story in no form yet.
struct Told {
    provider: &'static str,
    event_id: u16,
    time: u64,
    data: Vec<(&'static str, Value)>,
}

fn guid(host: &str, process: u32) -> String {
    let host = host.bytes().fold(0x1000u32, |h, b| h.wrapping_mul(31).wrapping_add(u32::from(b)));
    format!("{{{host:08x}-5a00-69a5-{:04x}-00000000c0de}}", 0x100 + process)
}

fn pid(process: u32) -> u32 {
    1_000 + 4 * (process * 37 + 11)
}

fn process(n: u32) -> &'static Process {
    &PROCESSES[n as usize % PROCESSES.len()]
}

fn utc(time: u64) -> String {
    let seconds = (time - START) / 10_000_000;
    format!("2026-03-02 08:{:02}:{:02}.000", seconds / 60, seconds % 60)
}

/// The events that one deed leaves on a host, Sysmon's first.
fn tell(host: &str, at: u64, deed: &Deed) -> Vec<Told> {
    let time = START + at * 10_000_000;
    let text = |t: &str| Value::from(t);
    let who = |n: u32| {
        vec![
            ("UtcTime", text(&utc(time))),
            ("ProcessGuid", text(&guid(host, n))),
            ("ProcessId", Value::U32(pid(n))),
            ("Image", text(process(n).0)),
        ]
    };
    let sysmon = |event_id, data| Told { provider: SYSMON, event_id, time, data };
    match *deed {
        Start(n) => vec![started(host, time, n, who(n)), audited(time + 1_000, n)],
        Connect(n, to, port) => {
            let private = to.starts_with("10.");
            let more = [
                ("User", text(r"CONTOSO\anna")),
                ("Protocol", text("tcp")),
                ("Initiated", Value::Bool(true)),
                ("SourceIp", text("10.20.3.17")),
                ("SourcePort", Value::U16(50_000 + port)),
                ("DestinationIp", text(to)),
                ("DestinationHostname", text(if private { "deploy.contoso.example" } else { "" })),
                ("DestinationPort", Value::U16(port)),
            ];
            vec![sysmon(3, who(n).into_iter().chain(more).collect())]
        }
        Write(n, file) => {
            let more = [("TargetFilename", text(file)), ("CreationUtcTime", text(&utc(time)))];
            vec![sysmon(11, who(n).into_iter().chain(more).collect())]
        }
        Key(n, key) => {
            let more = [("EventType", text("CreateKey")), ("TargetObject", text(key))];
            vec![sysmon(12, who(n).into_iter().chain(more).collect())]
        }
        Set(n, value, details) => {
            let more =
                [("EventType", text("SetValue")), ("TargetObject", text(value)), ("Details", text(details))];
            vec![sysmon(13, who(n).into_iter().chain(more).collect())]
        }
        Access(n, target, trace) => vec![sysmon(
            10,
            vec![
                ("UtcTime", text(&utc(time))),
                ("SourceProcessGUID", text(&guid(host, n))),
                ("SourceProcessId", Value::U32(pid(n))),
                ("SourceImage", text(process(n).0)),
                ("TargetProcessGUID", text(&guid(host, target))),
                ("TargetProcessId", Value::U32(pid(target))),
                ("TargetImage", text(process(target).0)),
                ("GrantedAccess", text("0x1410")),
                ("CallTrace", text(trace)),
            ],
        )],
    }
}

/// Sysmon 1.
fn started(host: &str, time: u64, n: u32, who: Vec<(&'static str, Value)>) -> Told {
    let Process(image, command, parent) = process(n);
    let name = image.rsplit('\\').next().unwrap_or_default();
    let above = process(*parent);
    let more = [
        ("OriginalFileName", Value::from(name.to_uppercase().as_str())),
        ("CommandLine", (*command).into()),
        ("CurrentDirectory", Value::from(format!("{SYSTEM32}\\").as_str())),
        ("User", r"CONTOSO\anna".into()),
        ("IntegrityLevel", if n == 9 { "High" } else { "Medium" }.into()),
        ("ParentProcessGuid", guid(host, *parent).as_str().into()),
        ("ParentProcessId", Value::U32(pid(*parent))),
        ("ParentImage", above.0.into()),
        ("ParentCommandLine", above.1.into()),
    ];
    Told { provider: SYSMON, event_id: 1, time, data: who.into_iter().chain(more).collect() }
}

/// Security 4688.
fn audited(time: u64, n: u32) -> Told {
    let Process(image, command, parent) = process(n);
    let data = vec![
        ("SubjectUserSid", "S-1-5-21-1111111111-2222222222-3333333333-1104".into()),
        ("SubjectUserName", "anna".into()),
        ("SubjectDomainName", "CONTOSO".into()),
        ("SubjectLogonId", Value::Hex64(0x4_2a17)),
        ("NewProcessId", Value::Hex64(u64::from(pid(n)))),
        ("NewProcessName", (*image).into()),
        ("TokenElevationType", if n == 9 { "%%1937" } else { "%%1938" }.into()),
        ("ProcessId", Value::Hex64(u64::from(pid(*parent)))),
        ("CommandLine", (*command).into()),
        ("ParentProcessName", process(*parent).0.into()),
    ];
    Told { provider: SECURITY, event_id: 4688, time, data }
}

fn story(host: &str) -> Vec<Told> {
    STORY.iter().flat_map(|(at, deed)| tell(host, *at, deed)).collect()
}

fn channel(provider: &str) -> &'static str {
    if provider == SYSMON { "Microsoft-Windows-Sysmon/Operational" } else { "Security" }
}

fn write_evtx(path: PathBuf, provider: &str, told: &[Told]) -> Result<(), Error> {
    let mut writer = EvtxWriter::new(File::create(path)?)?;
    for t in told.iter().filter(|t| t.provider == provider) {
        writer.record(&Record {
            provider: provider.into(),
            channel: channel(provider).into(),
            computer: "WS7.contoso.example".into(),
            event_id: t.event_id,
            level: 4,
            time: t.time,
            user: "S-1-5-18".parse().ok(),
            data: t.data.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect(),
            ..Record::default()
        })?;
    }
    writer.finish()?;
    Ok(())
}

/// One flat JSON object a line. The story's texts hold nothing that JSON would escape but `\` and `"`.
fn write_ndjson(path: PathBuf, told: &[Told]) -> Result<(), Error> {
    let mut out = BufWriter::new(File::create(path)?);
    for t in told {
        let time = utc(t.time).replace(' ', "T");
        write!(
            out,
            r#"{{"@timestamp":"{time}Z","Hostname":"WS9.contoso.example","SourceName":"{}""#,
            t.provider
        )?;
        write!(out, r#","Channel":"{}","EventID":{}"#, channel(t.provider), t.event_id)?;
        for (name, value) in &t.data {
            let text = match value {
                Value::Text(t) => t.clone(),
                Value::U16(n) => n.to_string(),
                Value::U32(n) => n.to_string(),
                Value::Hex64(n) => format!("0x{n:x}"),
                Value::Bool(b) => b.to_string(),
                other => return Err(format!("the story has no {other:?}").into()),
            };
            write!(out, r#","{name}":"{}""#, text.replace('\\', r"\\").replace('"', r#"\""#))?;
        }
        writeln!(out, "}}")?;
    }
    Ok(out.flush()?)
}

fn main() -> Result<(), Error> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "examples/cmstp".to_owned()));
    std::fs::create_dir_all(&folder)?;
    let told = story("WS7");
    write_evtx(folder.join("WS7-Sysmon.evtx"), SYSMON, &told)?;
    write_evtx(folder.join("WS7-Security.evtx"), SECURITY, &told)?;
    write_ndjson(folder.join("WS9.ndjson"), &story("WS9"))
}
