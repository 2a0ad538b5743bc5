//! Fields against shapes: each case is a shape, a field and the values it must give.

use shikra_event::{Event, Form, Slot, Value};
use shikra_ir::{FieldRef, Names};
use shikra_taxonomy::Taxonomy;

use crate::shape;

type Case<'a> = (Names, &'a str, Value);

/// Every field of an event whose slots hold these texts.
fn check(form: Form, channel: &str, id: u32, event: &[(&str, &str)], cases: &[Case<'_>]) {
    let taxonomy = Taxonomy::embedded();
    let names: Vec<&str> = event.iter().map(|(n, _)| *n).collect();
    let shape = shape(form, channel, id, &names);
    let system = shape.fields().len() - event.len();
    let mut slots = vec![Slot::utf8("system"); system];
    slots.extend(event.iter().map(|(_, v)| Slot::utf8(v)));
    let event = Event { shape: &shape, slots: &slots, record: 1, time: None };
    for (names, field, want) in cases {
        let binding = taxonomy.bind(&shape, &FieldRef::new(*names, field));
        assert_eq!(binding.value(&event), *want, "{names:?} {field} on {channel} {id}: {binding:?}");
    }
}

fn s(text: &str) -> Value {
    Value::str(text)
}

const SYSMON: &str = "Microsoft-Windows-Sysmon/Operational";

#[test]
fn sigma_on_sysmon() {
    use Names::{Raw, Sigma};
    check(
        Form::Windows,
        SYSMON,
        1,
        &[
            ("Image", r"C:\a\x.exe"),
            ("Hashes", "SHA1=AA,MD5=BB,IMPHASH=CC"),
            ("User", r"NT AUTHORITY\SYSTEM"),
        ],
        &[
            (Sigma, "Image", s(r"C:\a\x.exe")),
            (Sigma, "image", s(r"C:\a\x.exe")),
            (Raw, "image", Value::Missing),
            (Raw, "Image", s(r"C:\a\x.exe")),
            (Sigma, "md5", s("BB")),
            (Sigma, "Imphash", s("CC")),
            (Sigma, "sha256", Value::Null),
            (Sigma, "User", s(r"NT AUTHORITY\SYSTEM")),
            (Sigma, "ComputerName", s("system")),
            (Sigma, "Provider_Name", s("system")),
            (Sigma, "ParentImage", Value::Missing),
        ],
    );
}

#[test]
fn sigma_on_security_4688() {
    use Names::Sigma;
    check(
        Form::Windows,
        "Security",
        4688,
        &[
            ("SubjectUserName", "bob"),
            ("NewProcessId", "0x1a4"),
            ("NewProcessName", r"C:\a\x.exe"),
            ("ProcessId", "0x4"),
            ("CommandLine", "x /a"),
            ("ParentProcessName", r"C:\a\y.exe"),
            ("MandatoryLabel", "S-1-16-12288"),
        ],
        &[
            (Sigma, "Image", s(r"C:\a\x.exe")),
            (Sigma, "NewProcessName", s(r"C:\a\x.exe")),
            (Sigma, "ParentImage", s(r"C:\a\y.exe")),
            (Sigma, "CommandLine", s("x /a")),
            (Sigma, "ProcessId", 0x1a4.into()),
            (Sigma, "ParentProcessId", 4.into()),
            (Sigma, "User", s("bob")),
            (Sigma, "IntegrityLevel", s("High")),
            (Sigma, "OriginalFileName", Value::Missing),
        ],
    );
}

#[test]
fn sigma_on_security_4657() {
    use Names::Sigma;
    check(
        Form::Windows,
        "Security",
        4657,
        &[
            ("ObjectName", r"\REGISTRY\MACHINE\SYSTEM\ControlSet001\Services\x"),
            ("ObjectValueName", "Start"),
            ("NewValue", "4"),
            ("ProcessName", r"C:\a\x.exe"),
            ("OperationType", "%%1905"),
        ],
        &[
            (Sigma, "TargetObject", s(r"HKLM\System\CurrentControlSet\Services\x\Start")),
            (Sigma, "Details", Value::List(vec![s("4"), s("DWORD (0x00000004)")])),
            (Sigma, "Image", s(r"C:\a\x.exe")),
            (Sigma, "EventType", s("SetValue")),
        ],
    );
}

#[test]
fn sigma_on_other_windows_events() {
    use Names::Sigma;
    check(
        Form::Windows,
        "Microsoft-Windows-Windows Defender/Operational",
        1116,
        &[("Threat Name", "X"), ("Feature Name", "Y"), ("Path", "p")],
        &[
            (Sigma, "ThreatName", s("X")),
            (Sigma, "Feature_Name", s("Y")),
            (Sigma, "Signature", s("X")),
            (Sigma, "Filename", s("p")),
        ],
    );
    check(
        Form::Windows,
        "Windows PowerShell",
        400,
        &[("Data", "Available"), ("Data", "HostApplication=x")],
        &[(Sigma, "Data", Value::List(vec![s("Available"), s("HostApplication=x")]))],
    );
    check(
        Form::Windows,
        "Security",
        4697,
        &[("ServiceFileName", "f")],
        &[(Sigma, "ServiceFileName", s("f")), (Sigma, "ImagePath", s("f"))],
    );
}

#[test]
fn sigma_on_ecs_documents() {
    use Names::Sigma;
    check(
        Form::Ecs,
        "",
        0,
        &[
            ("process.executable", r"C:\a\x.exe"),
            ("process.hash.md5", "bb"),
            ("process.hash.sha1", "aa"),
            ("user.name", "SYSTEM"),
            ("user.domain", "NT AUTHORITY"),
            ("host.name", "h"),
        ],
        &[
            (Sigma, "Image", s(r"C:\a\x.exe")),
            (Sigma, "User", s(r"NT AUTHORITY\SYSTEM")),
            (Sigma, "Hashes", s("MD5=bb,SHA1=aa")),
            (Sigma, "md5", s("bb")),
            (Sigma, "Computer", s("h")),
            (Sigma, "CallTrace", Value::Missing),
        ],
    );
}

fn texts(all: &[&str]) -> Value {
    Value::List(all.iter().map(|t| s(t)).collect())
}

#[test]
fn ecs_on_sysmon() {
    use Names::Ecs;
    check(
        Form::Windows,
        SYSMON,
        1,
        &[
            ("Image", r"C:\a\X.exe"),
            ("CommandLine", r#"x "a b""#),
            ("ProcessId", "420"),
            ("ProcessGuid", "{A}"),
            ("ParentImage", r"C:\a\y.exe"),
            ("User", r"NT AUTHORITY\SYSTEM"),
            ("Hashes", "MD5=BB,IMPHASH=CC"),
            ("OriginalFileName", "X.EXE"),
            ("IntegrityLevel", "High"),
        ],
        &[
            (Ecs, "process.executable", s(r"C:\a\X.exe")),
            (Ecs, "process.name", s("X.exe")),
            (Ecs, "process.name.caseless", s("x.exe")),
            (Ecs, "process.args", texts(&["x", "a b"])),
            (Ecs, "process.args_count", 2.into()),
            (Ecs, "process.pid", 420.into()),
            (Ecs, "process.entity_id", s("{A}")),
            (Ecs, "process.parent.name", s("y.exe")),
            (Ecs, "process.pe.original_file_name", s("X.EXE")),
            (Ecs, "process.hash.md5", s("bb")),
            (Ecs, "process.Ext.token.integrity_level_name", s("high")),
            (Ecs, "user.name", s("SYSTEM")),
            (Ecs, "user.domain", s("NT AUTHORITY")),
            (Ecs, "event.category", texts(&["process"])),
            (Ecs, "event.type", texts(&["start"])),
            (Ecs, "event.code", s("1")),
            (Ecs, "event.module", s("sysmon")),
            (Ecs, "host.os.type", s("windows")),
            (Ecs, "winlog.event_data.OriginalFileName", s("X.EXE")),
            (Ecs, "winlog.channel", s("system")),
            (Ecs, "registry.path", Value::Missing),
            (Ecs, "file.path", Value::Missing),
        ],
    );
    check(
        Form::Windows,
        SYSMON,
        12,
        &[("TargetObject", r"HKLM\System\x\y"), ("EventType", "DeleteKey")],
        &[
            (Ecs, "event.category", texts(&["configuration", "registry"])),
            (Ecs, "event.type", texts(&["deletion", "change"])),
            (Ecs, "registry.hive", s("HKLM")),
            (Ecs, "registry.value", s("y")),
        ],
    );
}

#[test]
fn ecs_on_security_and_powershell() {
    use Names::Ecs;
    check(
        Form::Windows,
        "Security",
        4624,
        &[
            ("SubjectUserName", "HOST$"),
            ("TargetUserName", "bob"),
            ("TargetUserSid", "S-1-5-21-1"),
            ("LogonType", "3"),
            ("IpAddress", "::ffff:10.0.0.1"),
            ("IpPort", "50000"),
            ("Keywords", "0x8020000000000000"),
        ],
        &[
            (Ecs, "user.name", s("bob")),
            (Ecs, "user.id", s("S-1-5-21-1")),
            (Ecs, "source.ip", s("10.0.0.1")),
            (Ecs, "source.port", 50000.into()),
            (Ecs, "winlog.logon.type", s("Network")),
            (Ecs, "event.action", texts(&["logged-in"])),
            (Ecs, "event.outcome", s("success")),
            (Ecs, "winlog.event_data.IpAddress", s("::ffff:10.0.0.1")),
        ],
    );
    check(
        Form::Windows,
        "Security",
        4657,
        &[
            ("ObjectName", r"\REGISTRY\MACHINE\x"),
            ("ObjectValueName", "v"),
            ("NewValue", "4"),
            ("ProcessId", "0x10"),
        ],
        &[
            (Ecs, "registry.path", s(r"HKLM\x\v")),
            (Ecs, "registry.value", s("v")),
            (Ecs, "registry.data.strings", s("4")),
            (Ecs, "process.pid", 16.into()),
        ],
    );
    check(
        Form::Windows,
        "Microsoft-Windows-PowerShell/Operational",
        4103,
        &[("ContextInfo", "  Host Application = powershell -enc x\r\n  Command Name = y"), ("Payload", "p")],
        &[
            (Ecs, "process.args", texts(&["powershell", "-enc", "x"])),
            (Ecs, "powershell.command.name", s("y")),
            (Ecs, "event.category", s("process")),
        ],
    );
}

#[test]
fn ecs_on_ecs_and_other_documents() {
    use Names::Ecs;
    check(
        Form::Ecs,
        "",
        0,
        &[("process.name", "X.exe"), ("event.category", "process")],
        &[
            (Ecs, "process.name", s("X.exe")),
            (Ecs, "process.name.caseless", s("x.exe")),
            (Ecs, "event.category", s("process")),
            (Ecs, "host.os.type", Value::Missing),
            (Ecs, "event.kind", Value::Missing),
        ],
    );
    check(
        Form::Other,
        "",
        0,
        &[("Computer", "x"), ("a.b", "y")],
        &[(Ecs, "host.name", Value::Missing), (Ecs, "a.b", s("y")), (Ecs, "host.os.type", Value::Missing)],
    );
}

#[test]
fn other_schemes_on_sysmon() {
    use Names::{Car, Cim, Endgame, LogPoint, Ossem, Splunk};
    check(
        Form::Windows,
        SYSMON,
        1,
        &[
            ("Image", r"C:\a\X.exe"),
            ("CommandLine", "x y"),
            ("ProcessId", "420"),
            ("ProcessGuid", "{A}"),
            ("ParentImage", r"C:\a\y.exe"),
            ("User", r"D\bob"),
            ("Hashes", "MD5=BB"),
        ],
        &[
            (Endgame, "process_name", s("X.exe")),
            (Endgame, "unique_pid", s("{A}")),
            (Endgame, "subtype", s("create")),
            (Endgame, "opcode", 1.into()),
            (Endgame, "user_name", s("bob")),
            (Splunk, "EventCode", s("system")),
            (Splunk, "Image", s(r"C:\a\X.exe")),
            (Splunk, "image", Value::Missing),
            (Splunk, "New_Process_Name", s(r"C:\a\X.exe")),
            (Splunk, "parent_process_name", s("y.exe")),
            (
                Splunk,
                "source",
                texts(&[
                    "XmlWinEventLog:Microsoft-Windows-Sysmon/Operational",
                    "WinEventLog:Microsoft-Windows-Sysmon/Operational",
                ]),
            ),
            (Cim, "Processes.process_name", s("X.exe")),
            (Cim, "process_name", s("X.exe")),
            (Cim, "Processes.process", s("x y")),
            (Cim, "Processes.dest", s("system")),
            (Cim, "Processes.user", s("bob")),
            (Cim, "Processes.process_id", 420.into()),
            (Cim, "Processes.wobble", Value::Missing),
            (Car, "exe", s("X.exe")),
            (Car, "parent_image_path", s(r"C:\a\y.exe")),
            (Car, "md5_hash", s("BB")),
            (Ossem, "process_parent_name", s("y.exe")),
            (Ossem, "ProcessFilePath", s(r"C:\a\X.exe")),
            (LogPoint, "image", s(r"C:\a\X.exe")),
            (LogPoint, "command", s("x y")),
            (LogPoint, "event_id", s("system")),
        ],
    );
}

#[test]
fn other_schemes_on_other_events() {
    use Names::{Car, Cim, Endgame, LogPoint};
    check(
        Form::Windows,
        SYSMON,
        13,
        &[("TargetObject", r"HKLM\a\b"), ("Details", "DWORD (0x00000001)"), ("EventType", "SetValue")],
        &[
            (Cim, "Registry.registry_value_data", s("0x00000001")),
            (Cim, "Registry.registry_value_name", s("b")),
            (Cim, "Registry.action", s("modified")),
            (Endgame, "bytes_written_string", s("1")),
            (Car, "key", s(r"HKLM\a\b")),
            (LogPoint, "target_object", s(r"HKLM\a\b")),
        ],
    );
    check(
        Form::Windows,
        SYSMON,
        3,
        &[
            ("DestinationIp", "10.0.0.1"),
            ("DestinationPort", "443"),
            ("Initiated", "true"),
            ("Protocol", "tcp"),
        ],
        &[
            (Cim, "All_Traffic.dest", s("10.0.0.1")),
            (Cim, "All_Traffic.dest_port", 443.into()),
            (Endgame, "subtype", s("outgoing")),
            (Car, "dest_port", 443.into()),
        ],
    );
    check(
        Form::Windows,
        "Security",
        4625,
        &[("TargetUserName", "bob"), ("SubjectUserName", "h$"), ("IpAddress", "-")],
        &[
            (Cim, "Authentication.action", s("failure")),
            (Cim, "Authentication.user", s("bob")),
            (Cim, "src_ip", Value::Null),
        ],
    );
    check(
        Form::Ecs,
        "",
        0,
        &[("process.executable", r"C:\a\X.exe"), ("user.name", "bob"), ("user.domain", "D")],
        &[(Car, "exe", s("X.exe")), (Car, "user", s("bob")), (Car, "ad_domain", s("D"))],
    );
}

#[test]
fn sigma_on_winlogbeat_ecs_documents() {
    use Names::Sigma;
    check(
        Form::Ecs,
        SYSMON,
        13,
        &[
            ("registry.path", r"HKLM\a\b"),
            ("registry.data.strings", "4"),
            ("EventType", "SetValue"),
            ("process.entity_id", "{A}"),
        ],
        &[
            (Sigma, "TargetObject", s(r"HKLM\a\b")),
            (Sigma, "Details", Value::List(vec![s("4"), s("DWORD (0x00000004)")])),
            (Sigma, "EventType", s("SetValue")),
            (Sigma, "ProcessGuid", s("{A}")),
        ],
    );
    check(
        Form::Ecs,
        "Microsoft-Windows-PowerShell/Operational",
        4103,
        &[("Message", "CommandInvocation(x)"), ("powershell.command.name", "x")],
        &[(Sigma, "Payload", s("CommandInvocation(x)")), (Sigma, "ContextInfo", s("CommandInvocation(x)"))],
    );
}

#[test]
fn every_field_of_a_scheme() {
    let taxonomy = Taxonomy::embedded();
    let shape = shape(Form::Windows, SYSMON, 1, &["Image", "CommandLine"]);
    for names in Names::ALL {
        let all = taxonomy.fields(&shape, *names);
        for (name, binding) in &all {
            let again = taxonomy.bind(&shape, &FieldRef::new(*names, name));
            assert!(!binding.is_absent() && *binding == again, "{names:?} {name}");
        }
        assert!(all.windows(2).all(|w| w[0].0 < w[1].0), "{names:?} is not sorted");
    }
    let ecs = taxonomy.fields(&shape, Names::Ecs);
    let has = |name: &str| ecs.iter().any(|(n, _)| n == name);
    assert!(has("process.name") && has("winlog.event_data.Image") && has("event.category"));
    assert!(!has("process.parent.name") && !has("registry.path"));
}
