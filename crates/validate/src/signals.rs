//! Expected signals: each becomes a Sigma rule of its own, so that a signal means the same in every form of log.

use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use shikra_engine::finding::EventView;
use shikra_engine::languages::{Options, load};
use shikra_engine::{Detector, ScanOptions, scan};
use shikra_ir::LoadStatus;
use shikra_simulate::definition::Expect;
use shikra_syntax::Source;
use shikra_taxonomy::Taxonomy;

use crate::matrix::{Case, Collected, key};
use crate::report::{EventRef, Signal};

/// Events named for a signal.
const NAMED: usize = 4;

/// The expected signals of all cases, made ready to look for.
pub(crate) struct Expected {
    detector: Detector,
}

fn id(case: usize, number: usize) -> String {
    format!("signal-{case}-{number}")
}

impl Expected {
    pub fn new(cases: &[Case<'_>], taxonomy: &Arc<Taxonomy>) -> Expected {
        let mut sources = Vec::new();
        for (c, case) in cases.iter().enumerate() {
            for (n, expect) in case.test.expects.iter().enumerate() {
                let id = id(c, n);
                sources.push(Source::new(id.as_str(), rule(&id, expect).as_str()));
            }
        }
        let set = load(&sources, &Options::default());
        Expected { detector: Detector::new(set.rules, taxonomy.clone()) }
    }

    /// Looks for the signals of a case in its logs.
    pub fn look(
        &self,
        number: usize,
        case: &Case<'_>,
        paths: &[PathBuf],
        options: &ScanOptions,
        refer: &dyn Fn(&EventView) -> EventRef,
    ) -> io::Result<Vec<Signal>> {
        if case.test.expects.is_empty() {
            return Ok(Vec::new());
        }
        let mut found = Collected::default();
        scan(&self.detector, paths, options, &mut found, &())?;
        let mut out = Vec::new();
        for (n, expect) in case.test.expects.iter().enumerate() {
            let id = id(number, n);
            let rule = self.detector.rules().iter().find(|r| r.meta.id == id);
            let problem = match rule {
                Some(r) if r.status == LoadStatus::Ok => String::new(),
                Some(r) => r.diagnostics.iter().map(|d| d.message.as_str()).collect::<Vec<_>>().join("; "),
                None => "its fields make no pattern".to_owned(),
            };
            let findings = rule.and_then(|r| found.0.get(&key(&r.meta)));
            let events = findings.into_iter().flatten().flatten().take(NAMED).map(|e| refer(e)).collect();
            out.push(Signal {
                test: case.test.id.clone(),
                what: expect.what.clone(),
                event: expect.event.clone(),
                events,
                problem,
            });
        }
        Ok(out)
    }
}

/// A signal as a Sigma rule. JSON strings are YAML strings.
fn rule(id: &str, expect: &Expect) -> String {
    let quoted = |t: &str| serde_json::Value::from(t).to_string();
    let (channel, event) = expect.source().unwrap_or(("", 0));
    let mut out = format!(
        "title: {}\nid: {id}\nlogsource:\n  product: windows\ndetection:\n  signal:\n    Channel: {}\n    EventID: {event}\n",
        quoted(&expect.what),
        quoted(channel)
    );
    for (field, patterns) in &expect.fields {
        let all: Vec<String> = patterns.all().iter().map(|p| quoted(p)).collect();
        let _ = writeln!(out, "    {}: [{}]", quoted(field), all.join(", "));
    }
    out.push_str("  condition: signal\n");
    out
}
