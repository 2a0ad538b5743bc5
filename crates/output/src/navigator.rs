//! Findings as an ATT&CK Navigator layer, format 4.5: techniques scored by the number of findings, coloured by
//! the highest level, commented with the rules.
//!
//! Keeps counts per technique and rule, never the findings.

use std::collections::BTreeMap;
use std::io::{self, Write};

use shikra_engine::finding::Totals;
use shikra_ir::Level;

use crate::finding::Item;
use crate::json::{Json, Members};
use crate::paint::count;
use crate::{Output, Sink, escape};

/// `navigator`.
pub static OUTPUT: Output = Output {
    name: "navigator",
    about: "ATT&CK Navigator layer, format 4.5",
    streams: false,
    extension: "json",
    open: |out, _| Box::new(Layer { out, techniques: BTreeMap::new(), untagged: 0 }),
};

/// Most rules named in the comment of one technique.
const MAX_NAMED: usize = 40;

struct Layer {
    out: Box<dyn Write + Send>,
    techniques: BTreeMap<String, Technique>,
    untagged: u64,
}

#[derive(Default)]
struct Technique {
    findings: u64,
    level: Level,
    rules: BTreeMap<String, u64>,
}

impl Sink for Layer {
    fn finding(&mut self, f: Item<'_>) -> io::Result<()> {
        if f.rule.techniques.is_empty() {
            self.untagged += 1;
        }
        for id in &f.rule.techniques {
            let t = match self.techniques.get_mut(id) {
                Some(t) => t,
                None => self.techniques.entry(id.clone()).or_default(),
            };
            t.findings += 1;
            t.level = t.level.max(f.level());
            match t.rules.get_mut(&f.rule.meta.title) {
                Some(n) => *n += 1,
                None => drop(t.rules.insert(f.rule.meta.title.clone(), 1)),
            }
        }
        Ok(())
    }

    fn finish(&mut self, totals: &Totals) -> io::Result<()> {
        let mut out = Vec::new();
        Json::new(&mut out).object(|o| self.layer(totals, o));
        out.push(b'\n');
        self.out.write_all(&out)?;
        self.out.flush()
    }
}

impl Layer {
    fn layer(&self, totals: &Totals, o: &mut Members<'_>) {
        let most = self.techniques.values().map(|t| t.findings).max().unwrap_or(1);
        let description = format!(
            "{} in {}; {} of rules without a technique are not shown",
            count(totals.findings.values().sum(), "finding"),
            count(totals.events, "event"),
            count(self.untagged, "finding"),
        );
        o.key("name").string("Shikra findings");
        o.key("versions").object(|o| {
            o.key("navigator").string("5.1.0");
            o.key("layer").string("4.5");
        });
        o.key("domain").string("enterprise-attack");
        o.key("description").string(&description);
        o.key("filters").object(|o| o.key("platforms").strings(&["Windows"]));
        o.key("sorting").number(3);
        o.key("hideDisabled").bool(false);
        o.key("techniques").array(|a| {
            for (id, t) in &self.techniques {
                a.item().object(|o| t.write(id, o));
            }
        });
        o.key("gradient").object(|o| {
            o.key("colors").strings(&["#ffffff", "#ff6666"]);
            o.key("minValue").number(0);
            o.key("maxValue").number(most);
        });
        o.key("legendItems").array(|a| {
            for level in Level::ALL.iter().rev() {
                a.item().object(|o| {
                    o.key("label").string(level.as_str());
                    o.key("color").string(colour(*level));
                });
            }
        });
        o.key("selectTechniquesAcrossTactics").bool(true);
        o.key("selectSubtechniquesWithParent").bool(false);
    }
}

impl Technique {
    fn write(&self, id: &str, o: &mut Members<'_>) {
        let mut rules: Vec<(&String, u64)> = self.rules.iter().map(|(t, n)| (t, *n)).collect();
        rules.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        let mut lines: Vec<String> = rules
            .iter()
            .take(MAX_NAMED)
            .map(|(title, n)| format!("{n} × {}", escape::for_terminal(title)))
            .collect();
        if rules.len() > MAX_NAMED {
            lines.push(format!("and {} more rules", rules.len() - MAX_NAMED));
        }
        o.key("techniqueID").string(id);
        o.key("score").number(self.findings);
        o.key("color").string(colour(self.level));
        o.key("comment").string(&lines.join("\n"));
        o.key("enabled").bool(true);
        o.key("metadata").array(|a| {
            for (name, value) in [
                ("highest level", self.level.as_str().to_owned()),
                ("findings", self.findings.to_string()),
                ("rules", self.rules.len().to_string()),
            ] {
                a.item().object(|o| {
                    o.key("name").string(name);
                    o.key("value").string(&value);
                });
            }
        });
        o.key("showSubtechniques").bool(false);
    }
}

fn colour(level: Level) -> &'static str {
    match level {
        Level::Critical => "#a50f15",
        Level::High => "#ef3b2c",
        Level::Medium => "#fd8d3c",
        Level::Low => "#fed976",
        Level::Informational => "#c6dbef",
    }
}
