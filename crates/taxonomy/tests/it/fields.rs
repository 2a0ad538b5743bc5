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
