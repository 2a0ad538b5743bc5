//! Log sources against shapes.

use shikra_event::Form;
use shikra_ir::{LogSource, Names};
use shikra_taxonomy::Taxonomy;

use crate::shape;

/// A log source from words: `sigma product windows`.
fn source(text: &str) -> LogSource {
    let mut words = text.split(' ');
    let names = words.next().unwrap();
    let names = *Names::ALL.iter().find(|n| n.as_str() == names).unwrap();
    let mut source = LogSource::any(names);
    let rest: Vec<&str> = words.collect();
    for pair in rest.chunks(2) {
        match pair[0] {
            "@index" => source.indices.push(pair[1].into()),
            key => source.keys.insert(key.into(), pair[1].into()),
        }
    }
    source
}

const SYSMON: &str = "Microsoft-Windows-Sysmon/Operational";

/// Log source, channel, event id, and whether it is admitted: `y`, `n` or `?` under a condition.
const WINDOWS: &[(&str, &str, u32, char)] = &[
    ("sigma", "Security", 4688, 'y'),
    ("sigma", "", 0, 'y'),
    ("sigma product windows", "Anything", 1, 'y'),
    ("sigma product windows category process_creation", SYSMON, 1, 'y'),
    ("sigma product windows category process_creation", "microsoft-windows-sysmon/operational", 1, 'y'),
    ("sigma product windows category process_creation", "Security", 4688, 'y'),
    ("sigma product windows category process_creation", "Security", 4689, 'n'),
    ("sigma product windows category process_creation", "System", 1, 'n'),
    ("sigma product windows category process_creation", "", 1, 'n'),
    ("sigma product windows category process_creation service sysmon", SYSMON, 1, 'y'),
    ("sigma product windows category process_creation service sysmon", "Security", 4688, 'n'),
    ("sigma product windows category process_access", SYSMON, 10, 'y'),
    ("sigma product windows category process_access", "Microsoft-Windows-PowerShell/Operational", 10, 'n'),
    ("sigma product windows category file_delete", SYSMON, 26, 'y'),
    ("sigma product windows category registry_set", SYSMON, 13, 'y'),
    ("sigma product windows category registry_set", "Security", 4657, '?'),
    ("sigma product windows category registry_event", "Security", 4657, 'y'),
    ("sigma product windows category ps_script", "PowerShellCore/Operational", 4104, 'y'),
    ("sigma product windows category ps_classic_start", "Windows PowerShell", 400, 'y'),
    ("sigma product windows category ps_classic_start", "Windows PowerShell", 600, 'n'),
    ("sigma product windows service security", "Security", 4624, 'y'),
    ("sigma product windows service security", "System", 4624, 'n'),
    ("sigma product windows service windefend", "Microsoft-Windows-Windows Defender/Operational", 5007, 'y'),
    ("sigma category process_creation", SYSMON, 1, 'y'),
    ("sigma category process_creation", "Linux-Sysmon/Operational", 1, 'y'),
    ("sigma service sysmon", SYSMON, 7, 'y'),
    ("sigma category antivirus", "Microsoft-Windows-Windows Defender/Operational", 1116, 'y'),
    ("sigma product linux category process_creation", "Linux-Sysmon/Operational", 1, 'y'),
    ("sigma product linux category process_creation", SYSMON, 1, 'n'),
    ("sigma product linux service auditd", SYSMON, 1, 'n'),
    ("sigma product linux", SYSMON, 1, 'n'),
    ("sigma product aws service cloudtrail", SYSMON, 1, 'n'),
    ("sigma product aws service something_new", SYSMON, 1, 'n'),
    ("sigma category webserver", SYSMON, 1, 'n'),
    ("sigma product rpc_firewall category application", "RPCFW", 3, 'y'),
    ("sigma product windows definition x", SYSMON, 1, 'y'),
    ("ecs", SYSMON, 1, 'y'),
    ("ecs category process", SYSMON, 1, 'y'),
    ("ecs category process", SYSMON, 13, 'n'),
    ("ecs category process", "Security", 4688, 'y'),
    ("ecs category library", SYSMON, 7, 'y'),
    ("ecs category iam", "Security", 4728, 'y'),
    ("ecs category any", "System", 7045, 'y'),
    ("ecs category something_own", SYSMON, 1, 'n'),
    ("ecs @index winlogbeat-*", SYSMON, 1, 'y'),
    ("ecs category process @index logs-endpoint.events.process-*", SYSMON, 1, 'y'),
    ("ecs category process @index logs-endpoint.events.process-*", SYSMON, 10, 'n'),
    ("ecs category process @index logs-aws.cloudtrail-*", SYSMON, 1, 'n'),
    ("ecs @index logs-aws.cloudtrail-* @index logs-windows.sysmon_operational-*", SYSMON, 1, 'y'),
    ("ecs @index logs-windows.sysmon_operational-*", "Security", 4688, 'n'),
    ("ecs @index logs-endpoint.events.*", SYSMON, 13, 'y'),
    ("ecs @index logs-endpoint.events.*", "System", 7045, 'n'),
    ("ecs @index logs-system.security*", "Security", 4688, 'y'),
    ("ecs @index logs-system.auth-*", "Security", 4688, 'n'),
    ("ecs @index remote:logs-system.security-default", "Security", 4688, 'y'),
    ("ecs @index logs-*", "Security", 4688, 'y'),
    ("ecs @index *", "Security", 4688, 'y'),
    ("endgame category process", SYSMON, 1, 'y'),
    ("endgame category process", SYSMON, 10, 'n'),
    ("splunk", SYSMON, 1, 'y'),
    ("splunk index __your_sysmon_index__", SYSMON, 1, 'y'),
    ("splunk source xmlwineventlog:microsoft-windows-sysmon/operational", SYSMON, 1, 'y'),
    ("splunk source xmlwineventlog:microsoft-windows-sysmon/operational", "Security", 4688, 'n'),
    ("splunk sourcetype wineventlog:security", "Security", 4688, 'y'),
    (
        "splunk source wineventlog:microsoft-windows-applocker/*",
        "Microsoft-Windows-AppLocker/EXE and DLL",
        8004,
        'y',
    ),
    ("splunk sourcetype xmlwineventlog source xmlwineventlog:security", "Security", 4688, 'y'),
    ("splunk sourcetype xmlwineventlog source xmlwineventlog:security", SYSMON, 1, 'n'),
    ("splunk sourcetype aws:cloudtrail", SYSMON, 1, 'n'),
    ("splunk sourcetype wineventlog:some-unknown/channel", "Some-Unknown/Channel", 1, 'y'),
    ("cim model endpoint object processes", SYSMON, 1, 'y'),
    ("cim model endpoint object processes", SYSMON, 3, 'n'),
    ("cim model endpoint", SYSMON, 13, 'y'),
    ("cim model web object web", SYSMON, 3, 'n'),
    ("car object process action create", "Security", 4688, 'y'),
    ("car object thread action remote_create", SYSMON, 8, 'y'),
    ("ossem entity process", SYSMON, 1, 'y'),
    ("logpoint norm_id windowssysmon", SYSMON, 1, 'y'),
    ("logpoint norm_id winserver2019", "Security", 4688, 'y'),
];

#[test]
fn windows_events() {
    let taxonomy = Taxonomy::embedded();
    for (text, channel, id, want) in WINDOWS {
        let selector = taxonomy.select(&source(text)).unwrap_or_else(|e| panic!("{text}: {e}"));
        let got = match selector.admits(&shape(Form::Windows, channel, *id, &[])) {
            None => 'n',
            Some(None) => 'y',
            Some(Some(_)) => '?',
        };
        assert_eq!(got, *want, "{text} on {channel} {id}");
    }
}

#[test]
fn provider_stands_in_for_a_missing_channel() {
    let taxonomy = Taxonomy::embedded();
    let selector = taxonomy.select(&source("sigma product windows service sysmon")).unwrap();
    let mut builder =
        shikra_event::ShapeBuilder { provider: "microsoft-windows-sysmon".into(), ..Default::default() };
    assert_eq!(selector.admits(&builder.clone().build()), Some(None));
    builder.channel = "Application".into();
    assert_eq!(selector.admits(&builder.build()), None);
}

#[test]
fn endpoint_documents_are_admitted_by_category() {
    let taxonomy = Taxonomy::embedded();
    let document = shape(Form::Ecs, "", 0, &["event.category", "event.type", "process.executable"]);
    let admits = |text: &str| taxonomy.select(&source(text)).unwrap().admits(&document);
    let condition = admits("sigma product windows category process_creation").unwrap().unwrap();
    assert!(shikra_ir::text::expr(&condition).contains("event.category"));
    assert_eq!(admits("sigma product windows service security"), None);
}

#[test]
fn misspelt_sources_are_errors() {
    let taxonomy = Taxonomy::embedded();
    let cases = [
        ("sigma product windows category proces_creation", Some("process_creation")),
        ("sigma category proces_creation", Some("process_creation")),
        ("sigma product windws", Some("windows")),
        ("sigma product windows service secuirty", Some("security")),
        ("sigma product windows service quite_unheard_of", None),
        ("sigma product windows category wobbling", None),
        ("sigma service quite_unheard_of", None),
        ("sigma product windows category system", Some("service: system")),
        ("sigma product linux category proces_creation", Some("process_creation")),
        ("sigma product aws service cloudtrial", Some("cloudtrail")),
        ("cim model endpont", Some("endpoint")),
        ("cim model endpoint object proceses", Some("processes")),
        ("car object proces action create", Some("process")),
    ];
    for (text, nearest) in cases {
        let error = taxonomy.select(&source(text)).expect_err(text);
        assert_eq!(error.nearest.as_deref(), nearest, "{text}: {error}");
    }
}

#[test]
fn can_have_knows_the_fields_of_events() {
    let taxonomy = Taxonomy::embedded();
    let cases = [
        ("sigma product windows category registry_set", "CallTrace", Some(false)),
        ("sigma product windows category registry_set", "Details", Some(true)),
        ("sigma product windows category registry_set", "EventID", Some(true)),
        ("sigma product windows category process_access", "CallTrace", Some(true)),
        ("sigma product windows category process_creation", "Imphash", Some(true)),
        ("sigma product windows category process_creation", "GrandParentImage", Some(false)),
        ("sigma product windows service sysmon", "CallTrace", Some(true)),
        ("sigma product windows service sysmon", "ScriptBlockText", Some(false)),
        ("sigma product windows service application", "Wobble", None),
        ("sigma product windows", "CallTrace", None),
        ("sigma", "CallTrace", None),
    ];
    for (text, field, want) in cases {
        let field = shikra_ir::FieldRef::new(Names::Sigma, field);
        assert_eq!(taxonomy.can_have(&source(text), &field), want, "{text}: {}", field.name);
    }
}

#[test]
fn categories_name_acts_and_services_records() {
    let taxonomy = Taxonomy::embedded();
    for (text, want) in [
        ("sigma product windows category process_creation", true),
        ("sigma category process_creation", true),
        ("sigma product windows category process_creation service sysmon", false),
        ("sigma product windows service security", false),
        ("sigma product windows", false),
        ("sigma", false),
        ("car object process action create", true),
        ("ecs category process", false),
        ("cim model Endpoint object Processes", false),
    ] {
        assert_eq!(taxonomy.names_act(&source(text)), want, "{text}");
    }
}

#[test]
fn twins_are_known_by_log_id_and_fields() {
    let taxonomy = Taxonomy::embedded();
    let twin = |channel, id, fields: &[&str]| taxonomy.twin(&shape(Form::Windows, channel, id, fields));
    let sysmon = twin(SYSMON, 1, &["ProcessId", "Image"]).unwrap();
    let security = twin("security", 4688, &["NewProcessId", "NewProcessName", "ProcessId"]).unwrap();
    assert_eq!((sysmon.act, sysmon.second), (security.act, false));
    assert!(security.second);
    assert!(sysmon.within == security.within && sysmon.within > 0);
    assert!(twin(SYSMON, 13, &["ProcessId", "TargetObject"]).unwrap().act != sysmon.act);
    let ways = |fields: &[&str]| {
        twin(SYSMON, 1, fields).map(|t| t.ways.iter().map(Option::is_some).collect::<Vec<_>>())
    };
    assert_eq!(ways(&["ProcessId", "Image"]), Some(vec![true, false]));
    assert_eq!(ways(&["ParentProcessId", "Image", "CommandLine"]), Some(vec![false, true]));
    assert_eq!(ways(&["Image"]), None);
    assert_eq!(twin("Security", 4624, &["ProcessId", "Image"]), None);
    assert_eq!(twin("System", 1, &["ProcessId", "Image"]), None);
}
