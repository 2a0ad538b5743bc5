//! `shikra knowledge`, `technique`, `coverage`, and tags in `rules check`.

use crate::place::{Place, json_lines, rule};

/// A bundle with one technique of our own making.
const BUNDLE: &str = r#"{"type":"bundle","id":"bundle--1","objects":[
{"type":"x-mitre-collection","id":"x-mitre-collection--1","x_mitre_version":"18.9"},
{"type":"attack-pattern","id":"attack-pattern--1","name":"CMSTP","description":"It runs \u001b[31mprofiles.(Citation: Us)",
 "kill_chain_phases":[{"kill_chain_name":"mitre-attack","phase_name":"defense-evasion"}],"x_mitre_platforms":["Windows"],
 "external_references":[{"source_name":"mitre-attack","external_id":"T1218.003","url":"https://example.org/t"},
 {"source_name":"Us","description":"We. (2024).","url":"https://example.org/us"}]},
{"type":"intrusion-set","id":"intrusion-set--1","name":"Bad Shikra","aliases":["Bad Shikra","BS"],
 "external_references":[{"source_name":"mitre-attack","external_id":"G9999"}]},
{"type":"relationship","id":"relationship--1","relationship_type":"uses","source_ref":"intrusion-set--1",
 "target_ref":"attack-pattern--1","description":"It has run [CMSTP](https://example.org) once."},
{"type":"never-heard-of","id":"x--1"},{"type":"relationship"}]}"#;

const ATOMIC: &str = "attack_technique: T1218.003\natomic_tests:\n- name: Try it\n  auto_generated_guid: aa-bb\n  \
    executor:\n    name: command_prompt\n    command: cmstp.exe /s x.inf\n";

fn place() -> Place {
    let p = Place::new();
    p.write("kb/enterprise.json", BUNDLE);
    p.write("kb/T1218.003.yaml", ATOMIC);
    p.write("kb/other.json", "{\"a\": 1}");
    p
}

#[test]
fn revoked_ids_lead_to_their_successor_offline() {
    let p = Place::new();
    let a = p.run(&["knowledge", "show", "T1191"]);
    assert_eq!(a.code, 0, "{}", a.err);
    assert!(a.out.contains("T1191 (CMSTP) is revoked: T1218.003 stands for it"), "{}", a.out);
    assert!(a.out.contains("MuddyWater") && a.out.contains("Cobalt Group"), "{}", a.out);
    let json = &json_lines(&p.run(&["knowledge", "show", "t1191", "-f", "json"]).out)[0];
    assert_eq!((json["asked"].as_str(), json["id"].as_str()), (Some("T1191"), Some("T1218.003")));
    assert_eq!(json["tactics"]["19"], serde_json::json!(["stealth"]));
    for (wanted, told) in [
        ("cobalt group", "G0080"),
        ("Cmstp.exe", "LOLBAS"),
        ("D3-PSA", "Process Spawn Analysis"),
        ("CAR-2020-11-010", "CMSTP"),
        ("T1562.001", "From ATT&CK 19 on this is T1685"),
        ("TA0112", "Defense Impairment"),
    ] {
        let a = p.run(&["knowledge", "show", wanted]);
        assert!(a.out.contains(told), "{wanted}: {}{}", a.out, a.err);
    }
    let a = p.run(&["knowledge", "show", "Muddywatr"]);
    assert_eq!(a.code, 2);
    assert!(a.err.contains("did you mean `MuddyWater`"), "{}", a.err);
}

#[test]
fn own_copies_are_kept_and_used() {
    let p = place();
    let a = p.run(&["knowledge", "add", "kb"]);
    assert_eq!(a.code, 0, "{}", a.err);
    assert!(a.out.contains("ATT&CK 18.9") && a.out.contains("Atomic Red Team"), "{}", a.out);
    assert!(p.path("data/shikra/knowledge/attack/enterprise.json").exists());
    let a = p.run(&["technique", "T1191", "-r", "rules"]);
    assert_eq!(a.code, 0, "{}", a.err);
    for told in [
        "It runs \\x1b[31mprofiles.[1]",
        "It has run CMSTP once.",
        "cmstp.exe /s x.inf",
        "rules/high.yml",
        "Hypothesis",
    ] {
        assert!(a.out.contains(told), "{told}: {}", a.out);
    }
    assert!(!a.out.contains('\x1b'));
    let coloured = p.run(&["technique", "T1218.003", "-r", "rules", "--colour", "always"]);
    assert!(coloured.out.contains("\x1b[1m") && !coloured.out.contains("\x1b[31mprofiles"));
    let json = &json_lines(&p.run(&["technique", "CMSTP", "-r", "rules", "-f", "json"]).out)[0];
    assert_eq!(json["detections"].as_array().unwrap().len(), 2);
    let markdown = p.run(&["technique", "T1218.003", "-r", "rules", "-f", "markdown"]);
    assert!(markdown.out.starts_with("# T1218.003"), "{}", markdown.out);
    let list = p.run(&["knowledge", "list"]);
    assert!(list.out.contains("ATT&CK 18.9"), "{}", list.out);
    // Another place, and nothing kept.
    let a = p.run(&["knowledge", "show", "BS", "--data-dir", "elsewhere"]);
    assert_eq!(a.code, 2);
    assert_eq!(p.run(&["knowledge", "show", "BS", "--data-dir", "elsewhere", "--knowledge", "kb"]).code, 0);
}

#[test]
fn damaged_copies_are_named_and_not_kept() {
    let p = place();
    p.write("bad/cut.json", &BUNDLE[..900]);
    p.write("bad/deep.json", format!("{{\"type\":\"bundle\",\"objects\":{}", "[".repeat(100_000)));
    let a = p.run(&["knowledge", "add", "bad"]);
    assert_eq!(a.code, 2, "{}", a.out);
    assert!(a.err.contains("cut.json") && a.err.contains("deep.json"), "{}", a.err);
    assert!(!p.path("data/shikra/knowledge").exists());
    assert_eq!(p.run(&["knowledge", "add", "gone"]).code, 2);
    assert_eq!(p.run(&["knowledge", "show", "T1191", "--knowledge", "bad"]).code, 3);
}

#[test]
fn tags_are_checked() {
    let p = Place::new();
    p.write(
        "old/a.yml",
        rule("Old", "low", "Image: x").replace("attack.t1218.003", "attack.t1191, attack.t9999"),
    );
    let lines = json_lines(&p.run(&["rules", "check", "-f", "ndjson", "old"]).out);
    let reasons = lines[0]["reasons"].as_array().unwrap();
    let of = |code: &str| {
        reasons.iter().find(|r| r["code"] == code).unwrap_or_else(|| panic!("{code}: {reasons:?}"))
    };
    assert_eq!(of("revoked-tag")["help"], "attack.t1218.003 (CMSTP) stands for it");
    assert_eq!((&of("revoked-tag")["line"], &of("unknown-tag")["line"]), (&4.into(), &4.into()));
}

#[test]
fn coverage_of_rules_data_and_proof() {
    let p = Place::new();
    p.write(
        "proof.json",
        r#"{"schema":"shikra.validation/1","rows":[{"rule":{"id":"id-High"},"techniques":["T1191"],"result":"fired"}]}"#,
    );
    let args =
        ["coverage", "-r", "rules", "--data", "log.ndjson", "--proof", "proof.json", "--group", "MuddyWater"];
    let run = |more: &[&str]| {
        let a = p.run(&[&args[..], more].concat());
        assert_eq!(a.code, 0, "{}", a.err);
        a.out
    };
    let lines = json_lines(&run(&["-f", "ndjson"]));
    let cmstp = lines.iter().find(|l| l["technique"] == "T1218.003").unwrap();
    assert_eq!(cmstp["state"], "proven");
    assert_eq!((&cmstp["rules"], &cmstp["ready"], &cmstp["findings"]), (&2.into(), &2.into(), &5.into()));
    let gap = lines.iter().find(|l| l["id"] == "G0069").unwrap();
    assert_eq!((&gap["with_rule"], &gap["proven"]), (&1.into(), &1.into()));
    let layer: serde_json::Value = serde_json::from_str(&run(&["-f", "navigator"])).unwrap();
    assert_eq!(layer["versions"]["layer"], "4.5");
    let technique =
        layer["techniques"].as_array().unwrap().iter().find(|t| t["techniqueID"] == "T1218.003").unwrap();
    assert_eq!((&technique["score"], technique["color"].as_str()), (&3.into(), Some("#41ab5d")));
    assert!(
        run(&["-f", "csv"])
            .contains("T1218.003,System Binary Proxy Execution: CMSTP,stealth,proven,2,sigma:2,2,5,1")
    );
    assert!(run(&[]).contains("G0069 MuddyWater  1 of"));
    assert!(run(&["--attack", "18"]).contains("Defense Evasion"));
}

#[test]
fn versions_of_attack_meet_in_a_difference() {
    let p = Place::new();
    let tagged = |tag: &str| rule("R", "low", "Image: x").replace("attack.t1218.003", tag);
    p.write("new/a.yml", tagged("attack.t1685, attack.t1218.005"));
    p.write("old/a.yml", tagged("attack.t1562.001, attack.t1191"));
    let side = |args: &[&str], id: &str| {
        let a = p.run(&[&["coverage", "-f", "ndjson"][..], args].concat());
        let line = json_lines(&a.out).into_iter().find(|l| l["technique"] == id).unwrap();
        line["diff"]["side"].as_str().unwrap_or("").to_owned()
    };
    let args = ["-r", "new", "--diff", "old"];
    assert_eq!(side(&args, "T1685"), "both");
    assert_eq!(side(&args, "T1218.003"), "there");
    assert_eq!(side(&args, "T1218.005"), "here");
    let layer = p.run(&["coverage", "-r", "old", "-f", "navigator", "--attack", "18"]);
    assert!(layer.out.contains("T1562.001"));
    p.write("layer.json", layer.out);
    assert_eq!(side(&["-r", "new", "--diff", "layer.json"], "T1685"), "both");
    for bad in
        [&["--proof", "layer.json"][..], &["--group", "nobody"], &["--group", "T1191"], &["--diff", "gone"]]
    {
        assert_eq!(p.run(&[&["coverage", "-r", "new"][..], bad].concat()).code, 2, "{bad:?}");
    }
}
