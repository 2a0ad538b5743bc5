//! One JSON document.

use shikra_validate::{EventRef, EvidenceSet, Report, Row, Signal, TestRun, Verdict};

use crate::Json;
use crate::json::Items;

pub fn render(report: &Report) -> String {
    let mut out = Vec::new();
    Json::new(&mut out).object(|o| {
        o.key("schema").string("shikra.validation/1");
        o.key("rules").number(report.rules as u64);
        o.key("failures").number(report.failures() as u64);
        o.key("summary").object(|s| {
            for v in [Verdict::Fired, Verdict::Missed, Verdict::NearMiss, Verdict::Silent, Verdict::Untested]
            {
                s.key(v.as_str()).number(report.count(v) as u64);
            }
        });
        o.key("tests").array(|a| report.tests.iter().for_each(|t| test(t, a)));
        o.key("rows").array(|a| report.rows.iter().for_each(|r| row(r, a)));
        o.key("signals").array(|a| report.signals.iter().for_each(|s| signal(s, a)));
        o.key("evidence").array(|a| report.evidence.iter().for_each(|e| set(e, a)));
        o.key("problems").strings(&report.problems);
    });
    out.push(b'\n');
    String::from_utf8(out).unwrap_or_default()
}

fn test(t: &TestRun, a: &mut Items<'_>) {
    a.item().object(|o| {
        o.key("id").string(&t.id);
        o.key("name").string(&t.name);
        o.key("technique").string(&t.technique);
        o.key("kind").string(t.kind);
        o.key("path").string(&t.path);
        o.key("events").number(t.events);
        o.key("notes").strings(&t.notes);
    });
}

fn row(r: &Row, a: &mut Items<'_>) {
    a.item().object(|o| {
        o.key("rule").object(|o| {
            o.key("id").string(&r.rule.id);
            o.key("title").string(&r.rule.title);
            o.key("language").string(r.rule.language);
            o.key("path").string(&r.rule.path);
        });
        o.key("techniques").strings(&r.techniques);
        o.key("test").string(&r.test);
        o.key("result").string(r.verdict.as_str());
        o.key("failed").bool(r.failed);
        o.key("why").string(&r.why);
        o.key("count").number(r.count as u64);
        o.key("events").array(|a| r.events.iter().for_each(|e| event(e, a)));
    });
}

fn signal(s: &Signal, a: &mut Items<'_>) {
    a.item().object(|o| {
        o.key("test").string(&s.test);
        o.key("what").string(&s.what);
        o.key("event").string(&s.event);
        o.key("present").bool(s.present());
        o.key("problem").string(&s.problem);
        o.key("events").array(|a| s.events.iter().for_each(|e| event(e, a)));
    });
}

fn set(e: &EvidenceSet, a: &mut Items<'_>) {
    a.item().object(|o| {
        o.key("name").string(&e.name);
        let numbers = [
            ("tested", e.tested()),
            ("passed", e.passed),
            ("more", e.more),
            ("failed", e.failed),
            ("untested", e.untested),
        ];
        numbers.iter().for_each(|(name, n)| o.key(name).number(*n as u64));
        for (name, notes) in [("failures", &e.failures), ("gaps", &e.gaps)] {
            o.key(name).array(|a| {
                for (proof, path, why) in notes {
                    a.item().object(|o| {
                        o.key("proof").string(proof);
                        o.key("path").string(path);
                        o.key("why").string(why);
                    });
                }
            });
        }
    });
}

fn event(e: &EventRef, a: &mut Items<'_>) {
    a.item().object(|o| {
        o.key("source").string(&e.source);
        o.key("record").number(e.record);
        o.key("channel").string(&e.channel);
        match e.event_id {
            Some(id) => o.key("event_id").number(id),
            None => o.key("event_id").null(),
        }
        o.key("time").time(e.time);
        o.key("step").string_or_null(e.step.as_deref());
    });
}
