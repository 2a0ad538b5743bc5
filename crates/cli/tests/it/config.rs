//! Configuration: which layer wins, and who is named.

use crate::place::{Place, answer, json_lines};

#[test]
fn layers_and_their_origins() {
    let p = Place::new();
    p.write("shikra.toml", "rules = [\"rules/high.yml\"]\nlevel = \"low\"\nformat = \"csv\"\nthreads = 1\n");
    p.write("xdg/shikra/config.toml", "format = \"ndjson\"\nfail-on = \"high\"\n");
    let mut c = p.command(&["config", "show", "-f", "ndjson", "-v"]);
    let shown = answer(c.env("SHIKRA_LEVEL", "medium").env("SHIKRA_FAIL_ON", "critical").output().unwrap());
    let lines = json_lines(&shown.out);
    let of = |key: &str| {
        let l = lines.iter().find(|l| l["key"] == key).unwrap();
        (l["values"].to_string(), l["origin"].as_str().unwrap().to_owned())
    };
    assert_eq!(of("threads"), ("[\"1\"]".into(), "shikra.toml".into()));
    assert!(of("format").1.ends_with("config.toml"), "{:?}", of("format"));
    assert_eq!(of("level"), ("[\"medium\"]".into(), "SHIKRA_LEVEL".into()));
    assert_eq!(of("fail-on"), ("[\"critical\"]".into(), "SHIKRA_FAIL_ON".into()));
    assert_eq!(of("verbose"), ("[\"true\"]".into(), "--verbose".into()));
    assert_eq!(of("colour"), ("[\"auto\"]".into(), "default".into()));
    let a = p.run(&["scan", "log.ndjson"]);
    assert_eq!(
        (a.code, json_lines(&a.out).len()),
        (1, 2),
        "format and fail-on of the user's file are heeded"
    );
    assert!(a.err.contains("shikra.toml of this folder sets level, rules, threads"), "{}", a.err);
    let a = p.run(&["scan", "-f", "csv", "-r", "rules", "log.ndjson"]);
    assert_eq!(a.out.lines().count(), 6, "flags win");
}

#[test]
fn mistakes_are_told_with_their_place() {
    let p = Place::new();
    for (text, told) in [
        ("levle = \"low\"", "did you mean `level`"),
        ("level = \"lwo\"", "shikra.toml"),
        ("output = \"stolen.csv\"", "cannot be set in the working folder"),
        ("level = ", "shikra.toml"),
    ] {
        p.write("shikra.toml", text);
        let a = p.run(&["scan", "-r", "rules", "log.ndjson"]);
        assert_eq!(a.code, 2, "{text}");
        assert!(a.err.contains(told), "{text}: {}", a.err);
    }
}
