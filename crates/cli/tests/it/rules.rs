//! `shikra rules` and `shikra generate`.

use crate::place::{Place, json_lines, rule};

#[test]
fn check_gives_a_line_per_rule() {
    let p = Place::new();
    p.write("rules/broken.yml", rule("Broken", "low", "CommandLine|conatins: x"));
    p.write("rules/readme.md", "no rules here\n");
    let a = p.run(&["rules", "check", "-f", "ndjson", "rules"]);
    assert_eq!(a.code, 1);
    let lines = json_lines(&a.out);
    assert_eq!(lines.len(), 3);
    assert!(lines.iter().all(|l| l["language"] == "sigma"));
    let broken = lines.iter().find(|l| l["title"] == "Broken").unwrap();
    assert_eq!(broken["status"], "rejected");
    assert_eq!(broken["path"], "rules/broken.yml");
    assert_eq!(broken["reasons"][0]["line"], 8);
    assert!(broken["reasons"][0]["message"].as_str().unwrap().contains("conatins"), "{broken}");
    let text = p.run(&["rules", "check", "rules"]);
    assert!(text.out.contains("rules/broken.yml:8:"), "{}", text.out);
    assert!(text.err.contains("2 ok, 1 rejected"), "{}", text.err);
}

#[test]
fn list_and_show() {
    let p = Place::new();
    let a = p.run(&["rules", "list", "rules"]);
    assert!(a.out.contains("high") && a.out.contains("rules/low.yml"), "{}", a.out);
    let lines = json_lines(&p.run(&["rules", "list", "-f", "ndjson", "rules"]).out);
    assert_eq!(lines[0]["techniques"], serde_json::json!(["T1218.003"]));
    for wanted in ["High", "id-High", "rules/high.yml"] {
        let a = p.run(&["rules", "show", wanted, "-r", "rules"]);
        assert!(a.out.contains("CommandLine|contains: evil"), "{wanted}: {}{}", a.out, a.err);
    }
    let plan = p.run(&["rules", "show", "--plan", "High", "-r", "rules"]);
    assert!(plan.out.contains("CommandLine") && !plan.out.contains("logsource:"), "{}", plan.out);
    let missed = p.run(&["rules", "show", "Hihg", "-r", "rules"]);
    assert!(missed.err.contains("did you mean `High`"), "{}", missed.err);
}

#[test]
fn placeholders_come_from_files() {
    let p = Place::new();
    p.write("expand/x.yml", rule("Expand", "high", "Image|expand: '%tools%'"));
    p.write("values/tools.txt", "# own\nC:\\low.exe\n");
    assert_eq!(p.run(&["rules", "check", "expand"]).code, 1);
    let a = p.run(&["scan", "-r", "expand", "--placeholders", "values", "-f", "ndjson", "log.ndjson"]);
    assert_eq!(json_lines(&a.out).len(), 3, "{}", a.err);
    assert_eq!(p.run(&["scan", "-r", "expand", "--placeholders", "gone", "log.ndjson"]).code, 2);
}

#[test]
fn indicators_come_from_files() {
    let p = Place::new();
    p.write(
        "threats/x.toml",
        "[rule]\ntype = \"threat_match\"\nrule_id = \"t\"\nname = \"Threat\"\nseverity = \"high\"\nquery = \"source.ip:*\"\n\
        threat_index = [\"ti_*\"]\nthreat_query = \"threat.*:* and not event.kind:expired\"\n\
        [[rule.threat_mapping]]\n[[rule.threat_mapping.entries]]\nfield = \"source.ip\"\ntype = \"mapping\"\n\
        value = \"threat.indicator.ip\"\n[[rule.threat_mapping]]\n[[rule.threat_mapping.entries]]\n\
        field = \"url.full\"\ntype = \"mapping\"\nvalue = \"threat.indicator.url.full\"\n",
    );
    let event = |ip: &str, url: &str| {
        format!(
            "{{\"event\": {{\"category\": \"network\"}}, \"source\": {{\"ip\": \"{ip}\"}}, \"url\": {{\"full\": \"{url}\"}}}}\n"
        )
    };
    p.write(
        "net.ndjson",
        [event("10.0.0.1", "a"), event("10.0.0.2", "b"), event("10.0.0.3", "b"), event("b", "c")].concat(),
    );
    p.write("ti/a.csv", "threat.indicator.ip,threat.indicator.url.full\n10.0.0.2,\n,a\n");
    p.write(
        "ti/b.ndjson",
        "{\"event\": {\"kind\": \"expired\"}, \"threat\": {\"indicator\": {\"ip\": \"10.0.0.3\"}}}\n",
    );
    let args = ["scan", "-r", "threats", "-f", "ndjson", "net.ndjson"];
    let without = p.run(&args);
    assert!(json_lines(&without.out).is_empty() && without.err.contains("1 "), "{}", without.err);
    let with = json_lines(&p.run(&[&args[..], &["--indicators", "ti"]].concat()).out);
    let records: Vec<&serde_json::Value> = with.iter().map(|f| &f["events"][0]["record"]).collect();
    assert_eq!(records, [1, 2]);
    assert_eq!(p.run(&[&args[..], &["--indicators", "gone"]].concat()).code, 2);
}

#[test]
fn pipelines_change_rules() {
    let p = Place::new();
    p.write("other/x.yml", rule("Mapped", "high", "cmd|contains: evil"));
    p.write("names.yml", "name: names\npriority: 10\ntransformations:\n  - id: m\n    type: field_name_mapping\n    mapping: {cmd: CommandLine}\n");
    let args = ["scan", "-r", "other", "-f", "ndjson", "log.ndjson"];
    assert_eq!(json_lines(&p.run(&args).out).len(), 0);
    assert_eq!(json_lines(&p.run(&[&args[..], &["-p", "names.yml"]].concat()).out).len(), 2);
    p.write("bad.yml", "name: bad\ntransformations:\n  - type: no_such_thing\n");
    let bad = p.run(&[&args[..], &["-p", "bad.yml"]].concat());
    assert!(bad.code == 2 && bad.err.contains("bad.yml:3"), "{}", bad.err);
}

#[test]
fn completions_and_manual_name_every_command() {
    let p = Place::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let a = p.run(&["generate", "completions", shell]);
        assert!(a.code == 0 && a.out.contains("fail-on"), "{shell}");
    }
    let man = p.run(&["generate", "man"]);
    assert!(man.out.contains(".TH") && man.out.contains("scan"), "{}", man.out);
    let man = p.run(&["generate", "man", "rules", "check"]);
    assert!(man.out.contains("shikra\\-rules\\-check"), "{}", man.out);
    assert_eq!(p.run(&["generate", "man", "nonsense"]).code, 2);
}

#[test]
fn compare_on_logs_names_the_clause() {
    let p = Place::new();
    let image = "CommandLine|contains: evil\n    Image|endswith: '\\gone.exe'";
    p.write("narrow.yml", rule("Narrow", "high", image));
    let args = ["rules", "compare", "rules/high.yml", "narrow.yml", "--data", "log.ndjson"];
    let a = p.run(&[&args[..], &["-f", "ndjson"]].concat());
    let data = &json_lines(&a.out)[0]["data"];
    assert_eq!((&data["first"]["findings"], &data["both"]["events"]), (&2.into(), &0.into()), "{}", a.err);
    assert_eq!(data["only_second"]["events"], 0);
    let because = &data["only_first"]["because"];
    assert_eq!((&because[0]["why"], &because[0]["events"]), (&"clause".into(), &2.into()), "{data}");
    assert!(because[0]["text"].as_str().unwrap().contains("gone.exe") && because[1].is_null(), "{data}");
    assert_eq!(because[0]["example"]["record"], 2);
    let a = p.run(&args);
    assert!(
        a.out.contains("only the first   2 events") && a.out.contains("the second asks for"),
        "{}",
        a.out
    );
    assert_eq!(p.run(&["rules", "compare", "rules/high.yml", "narrow.yml", "--data", "none"]).code, 2);
}
