//! Names and values that try to command the reader's terminal or spreadsheet, through every output.

use crate::place::{Place, event};

const BAD: &str =
    "=cmd|'/C calc'!A0 \x1b]0;owned\x07\x1b[2J \u{202e}gpj.exe \u{9b}31m <script>alert(1)</script> \u{200b}";

fn unsafe_in(text: &str) -> Option<char> {
    let command = |c: &char| {
        (c.is_control() && !"\n\r\t".contains(*c))
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}'..='\u{200f}')
    };
    text.chars().find(command)
}

#[test]
fn nothing_hostile_reaches_the_reader() {
    let p = Place::new();
    let quoted = serde_json::to_string(BAD).unwrap();
    p.write(
        "rules/bad.yml",
        format!(
            "title: {quoted}\nid: {quoted}\nlevel: critical\ndescription: {quoted}\nauthor: {quoted}\n\
             tags: [{quoted}]\nfields: [CommandLine, {quoted}]\n\
             logsource: {{product: windows, category: process_creation}}\n\
             detection:\n  {quoted}:\n    CommandLine|contains: {quoted}\n  condition: 1 of them\n"
        ),
    );
    p.write(
        "rules/worse.yml",
        format!("title: {quoted}\ndetection: {{condition: {quoted}}}\nlogsource: {{}}\n"),
    );
    let name = "logs/\x1b[31m\u{202e}=1.ndjson";
    p.write(name, event(1, BAD, BAD).replace("PC1", &quoted[1..quoted.len() - 1]));
    p.write("logs/\x1b]0;x\x07.bin", [0u8, 255, 254, 1]);
    let mut runs: Vec<Vec<&str>> = ["table", "ndjson", "csv", "timesketch", "timesketch-csv", "navigator"]
        .iter()
        .map(|f| vec!["scan", "-v", "-r", "rules", "-f", f, "logs"])
        .collect();
    runs.extend([
        vec!["info", "-v", "logs"],
        vec!["info", "-f", "ndjson", "logs"],
        vec!["rules", "check", "-v", "rules"],
        vec!["rules", "check", "-f", "ndjson", "rules"],
        vec!["rules", "list", "rules"],
        vec!["rules", "list", "-f", "ndjson", "rules"],
        vec!["rules", "show", "rules"],
        vec!["rules", "show", "--plan", "rules"],
        vec!["explain", "-v", "rules", "logs"],
        vec!["explain", "-f", "ndjson", "rules", "logs"],
        vec!["scan", "-r", "rules", "\x1b[2Jmissing"],
        vec!["scan", "--\x1b[2Jflag"],
        vec!["\x1b[2J"],
        vec!["scan", "-r", "rules", "--level", "\x1b[2J", "logs"],
        vec!["rules", "show", "\x1b[2J"],
    ]);
    for args in runs {
        let a = p.run(&args);
        assert_eq!(unsafe_in(&a.out), None, "{args:?} prints {:?}", a.out);
        assert_eq!(unsafe_in(&a.err), None, "{args:?} says {:?}", a.err);
        assert!(!a.err.contains("panicked"), "{args:?} says {:?}", a.err);
        if args[0] == "scan" && args.contains(&"csv") {
            assert!(a.out.contains("'=cmd|") && !a.out.contains(",=cmd|"), "{}", a.out);
        }
    }
    let found = p.run(&["scan", "-q", "-r", "rules", "-f", "ndjson", "logs"]);
    let finding: serde_json::Value = serde_json::from_str(found.out.lines().next().unwrap()).unwrap();
    assert_eq!(finding["events"][0]["fields"]["CommandLine"], BAD, "JSON keeps the value as it is");
}
