//! Findings as newline-delimited JSON, format version 1: the contract with other programs.
//!
//! Keys stand in the order of the published schema. Keys without a value are null; `row` is left out where
//! there is none.

use std::io::{self, Write};

use shikra_engine::finding::{EventView, Totals};

use crate::finding::Item;
use crate::json::{Json, Members};
use crate::{Output, Sink};

/// `ndjson`.
pub static OUTPUT: Output = Output {
    name: "ndjson",
    about: "One JSON object per finding and line (format version 1)",
    streams: true,
    extension: "ndjson",
    open: |out, _| Box::new(Ndjson { out, line: Vec::new() }),
};

/// Longest buffer kept between findings.
const KEEP: usize = 1 << 20;

struct Ndjson {
    out: Box<dyn Write + Send>,
    line: Vec<u8>,
}

impl Sink for Ndjson {
    fn finding(&mut self, item: Item<'_>) -> io::Result<()> {
        self.line.clear();
        self.line.shrink_to(KEEP);
        write_finding(item, &mut self.line);
        self.line.push(b'\n');
        self.out.write_all(&self.line)
    }

    fn finish(&mut self, _: &Totals) -> io::Result<()> {
        self.out.flush()
    }
}

/// Appends a finding as one JSON object.
pub(crate) fn write_finding(f: Item<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"schema":"shikra.finding/1","id":"#);
    Json::new(out).string(&f.id.to_string());
    out.extend_from_slice(br#","time":"#);
    Json::new(out).time(f.time);
    out.extend_from_slice(br#","host":"#);
    Json::new(out).string_or_null(some(&f.host));
    out.push(b',');
    out.extend_from_slice(f.rule.json_members());
    out.extend_from_slice(br#","events":"#);
    Json::new(out).array(|a| f.events.iter().for_each(|e| a.item().object(|o| write_event(e, o))));
    if !f.row.is_empty() {
        out.extend_from_slice(br#","row":"#);
        Json::new(out).object(|o| write_row(&f.row, o));
    }
    out.push(b'}');
}

fn write_event(e: &EventView, o: &mut Members<'_>) {
    o.key("source").string(&e.source);
    o.key("record").number(e.record);
    o.key("time").time(e.time);
    o.key("provider").string_or_null(some(&e.provider));
    o.key("channel").string_or_null(some(&e.channel));
    match e.event_id {
        Some(id) => o.key("event_id").number(id),
        None => o.key("event_id").null(),
    }
    o.key("computer").string_or_null(some(&e.computer));
    o.key("fields").object(|o| write_row(&e.fields, o));
}

/// The text, where it is not empty.
fn some(text: &str) -> Option<&str> {
    Some(text).filter(|t| !t.is_empty())
}

pub(crate) fn write_row(row: &[(shikra_event::Name, shikra_event::Value)], o: &mut Members<'_>) {
    for (name, value) in row {
        o.key(name).value(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RuleView;
    use crate::finding::tests::{event, finding, of, rule};
    use shikra_engine::finding::Finding;
    use shikra_event::Value;
    use shikra_ir::Level;
    use std::sync::Arc;

    fn line(f: &Finding) -> String {
        let rule = Arc::new(RuleView::new(f.rule.clone()));
        let mut out = Vec::new();
        write_finding(Item::new(&rule, f), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn keys_stand_in_the_published_order() {
        let f = finding();
        let want = format!(
            concat!(
                r#"{{"schema":"shikra.finding/1","id":"{}","time":"2020-10-22T01:54:25.123456Z","#,
                r#""host":"WORKSTATION5","rule":{{"id":"1","title":"CMSTP","language":"sigma","level":"high","#,
                r#""path":"rules/x.yml","tags":["attack.execution","attack.t1218.003"]}},"#,
                r#""techniques":["T1218.003"],"events":[{{"source":"logs/sysmon.evtx","record":0,"#,
                r#""time":"2020-10-22T01:54:25.123456Z","provider":"Microsoft-Windows-Sysmon","#,
                r#""channel":"Microsoft-Windows-Sysmon/Operational","event_id":10,"computer":"WORKSTATION5","#,
                r#""fields":{{"CallTrace":"cmlua.dll"}}}}]}}"#
            ),
            "ff901fa64b7ffd631923f97d8a6fc7da"
        );
        assert_eq!(line(&f), want);
    }

    #[test]
    fn output_satisfies_the_schema() {
        let schema: serde_json::Value = serde_json::from_str(crate::FINDING_SCHEMA).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let check = |f: &Finding| {
            let text = line(f);
            assert!(!text.contains('\n'));
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            let errors: Vec<String> = validator.iter_errors(&value).map(|e| e.to_string()).collect();
            assert!(errors.is_empty(), "{errors:?} in {text}");
            value
        };
        check(&finding());
        let mut bare = (*event(u64::MAX, &[("\x1b[2J", "\u{202e}\"\\\0\n")])).clone();
        (bare.time, bare.event_id) = (None, None);
        (bare.provider, bare.channel, bare.computer) = ("".into(), "".into(), "".into());
        bare.fields.push(("list".into(), Value::List(vec![Value::Null, 1.into(), Value::F64(f64::NAN)])));
        let row = vec![("count".into(), Value::I64(3))];
        let f = of(&rule("=x", "\x07<b>", Level::Informational), vec![Arc::new(bare)]);
        let f = Finding { row, ..f };
        let value = check(&f);
        assert_eq!(value["events"][0]["fields"]["\x1b[2J"], "\u{202e}\"\\\0\n");
        assert_eq!(value["row"]["count"], 3);
        check(&of(&rule("e", "no events", Level::Low), vec![]));
    }

    #[test]
    fn the_schema_refuses_what_is_not_a_finding() {
        let schema: serde_json::Value = serde_json::from_str(crate::FINDING_SCHEMA).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let good: serde_json::Value = serde_json::from_str(&line(&finding())).unwrap();
        for (pointer, bad) in [
            ("/schema", serde_json::json!("shikra.finding/2")),
            ("/id", serde_json::json!("short")),
            ("/rule/level", serde_json::json!("severe")),
            ("/rule/language", serde_json::json!("python")),
            ("/time", serde_json::json!("yesterday")),
            ("/events/0/record", serde_json::json!(-1)),
        ] {
            let mut value = good.clone();
            *value.pointer_mut(pointer).unwrap() = bad;
            assert!(!validator.is_valid(&value), "{pointer}");
        }
    }
}
