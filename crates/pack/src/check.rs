//! What of a pack does not hold: references that lead nowhere, detections that do not load, exclusions that
//! nobody has tested.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use shikra_engine::Detector;
use shikra_engine::languages::Options;
use shikra_ir::{LoadStatus, Rule};
use shikra_syntax::{Diagnostic, Severity, Source, Span};
use shikra_taxonomy::Taxonomy;

use crate::bundle::Bundle;
use crate::fire::{fires, ndjson};
use crate::mitigation::parse_block;
use crate::model::{FalsePositive, Pack};

/// What a pack's folder may hold beside `pack.toml`.
const FOLDERS: &[&str] = &["detections", "hunts", "simulations", "mitigations"];

/// Something that does not hold, with the file it stands in.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The file.
    pub source: Source,
    /// What and where.
    pub diagnostic: Diagnostic,
}

impl Problem {
    /// Whether the pack cannot be used as it is.
    pub fn is_error(&self) -> bool {
        self.diagnostic.severity == Severity::Error
    }

    /// As [`Diagnostic::render`].
    pub fn render(&self) -> String {
        self.diagnostic.render(&self.source)
    }
}

/// Checks a pack. Nothing is told of a pack that holds.
pub fn check(bundle: &Bundle, taxonomy: &Arc<Taxonomy>) -> Vec<Problem> {
    let mut check = Check { bundle, out: Vec::new() };
    for diagnostic in &bundle.diagnostics {
        check.out.push(Problem { source: bundle.source.clone(), diagnostic: diagnostic.clone() });
    }
    check.place();
    let rules = check.detections(taxonomy);
    check.references();
    check.named_rules(&rules);
    check.files();
    check.mitigations();
    check.exclusions(taxonomy);
    check.out
}

struct Check<'a> {
    bundle: &'a Bundle,
    out: Vec<Problem>,
}

impl Check<'_> {
    fn pack(&self) -> &Pack {
        &self.bundle.pack
    }

    fn tell(&mut self, diagnostic: Diagnostic) {
        self.out.push(Problem { source: self.bundle.source.clone(), diagnostic });
    }

    fn error(&mut self, code: &'static str, message: String, span: Span) {
        self.tell(Diagnostic::error(code, message, span));
    }

    /// The folder is named after the technique, and holds what a pack may hold.
    fn place(&mut self) {
        let folder = self.bundle.place.rsplit(['/', '\\']).next().unwrap_or_default();
        if !self.pack().id.is_empty() && folder != self.pack().id && folder != "." {
            let message = format!("the folder is named `{folder}`, the technique is {}", self.pack().id);
            self.tell(Diagnostic::warning("place", message, Span::default()));
        }
        for file in &self.bundle.files {
            let top = file.path.split('/').next().unwrap_or_default();
            if !FOLDERS.contains(&top) {
                let message = format!("`{}` is in no folder of a pack ({})", file.path, FOLDERS.join(", "));
                let diagnostic = Diagnostic::warning("unknown-file", message, Span::default());
                self.out.push(Problem { source: file.source.clone(), diagnostic });
            }
        }
    }

    /// Every detection loads and can be planned. Answers their ids.
    fn detections(&mut self, taxonomy: &Arc<Taxonomy>) -> BTreeSet<String> {
        let set = self.bundle.detections(&Options::default());
        let source = |path: &str| {
            let file = self.bundle.files.iter().find(|f| &*f.source.name == path);
            file.map_or_else(|| self.bundle.source.clone(), |f| f.source.clone())
        };
        let mut found = Vec::new();
        let mut with_rules: HashSet<&str> = HashSet::new();
        let mut ids = BTreeSet::new();
        for rule in &set.rules {
            with_rules.insert(&rule.meta.path);
            let path = source(&rule.meta.path);
            if !ids.insert(rule.meta.id.clone()) {
                let message = format!("another detection has the id {} as well", rule.meta.id);
                found.push((path.clone(), Diagnostic::error("duplicate-id", message, rule.meta.span)));
            }
            if rule.status != LoadStatus::Ok {
                let message =
                    format!("{} does not load as a whole ({})", rule.meta.title, rule.status.as_str());
                found.push((path.clone(), Diagnostic::error("detection", message, rule.meta.span)));
            }
            let telling = rule.diagnostics.iter().filter(|d| d.severity > Severity::Note);
            found.extend(telling.map(|d| (path.clone(), d.clone())));
        }
        for file in self.bundle.folder("detections").filter(|f| !with_rules.contains(&*f.source.name)) {
            let message = format!("no detection was found in {}", file.path);
            found.push((file.source.clone(), Diagnostic::error("detection", message, Span::default())));
        }
        let detector = Detector::new(set.rules, taxonomy.clone());
        for n in detector.not_run() {
            let Some(rule) = detector.rules().get(n.rule as usize) else { continue };
            let message = format!("{} cannot run: {}", rule.meta.title, n.reason);
            found.push((source(&rule.meta.path), Diagnostic::error("detection", message, rule.meta.span)));
        }
        self.out.extend(found.into_iter().map(|(source, diagnostic)| Problem { source, diagnostic }));
        ids
    }

    /// Every reference that is named exists, and every one that exists is named.
    fn references(&mut self) {
        let used = uses(self.pack());
        let mut known: HashSet<String> = HashSet::new();
        for r in self.pack().references.clone() {
            if !known.insert(r.id.clone()) {
                self.error("duplicate-id", format!("there are two references `{}`", r.id), r.span);
            }
            if !(r.url.starts_with("https://") || r.url.starts_with("http://"))
                || r.url.contains(char::is_whitespace)
            {
                self.error("reference", format!("`{}` is no address on the web", r.url), r.span);
            }
            if !used.iter().any(|(id, _)| *id == r.id) {
                let message = format!("nothing refers to `{}`", r.id);
                self.tell(Diagnostic::warning("unused-reference", message, r.span));
            }
        }
        for (id, span) in used.into_iter().filter(|(id, _)| !known.contains(id)) {
            self.error("reference", format!("there is no reference `{id}`"), span);
        }
    }

    /// Every rule id that is named is that of a detection of the pack.
    fn named_rules(&mut self, rules: &BTreeSet<String>) {
        let pack = self.pack();
        let analytics = pack.analytics.iter().flat_map(|a| a.ours.iter().map(|id| (id.clone(), a.span)));
        let ordinary =
            pack.false_positives.iter().flat_map(|f| f.rules.iter().map(|id| (id.clone(), f.span)));
        let missing: Vec<_> = analytics.chain(ordinary).filter(|(id, _)| !rules.contains(id)).collect();
        for (id, span) in missing {
            self.error("rule", format!("no detection of the pack has the id {id}"), span);
        }
    }

    /// Every file that is named is there.
    fn files(&mut self) {
        let pack = self.pack();
        let artefacts = pack.mitigations.iter().map(|m| (m.artefact.clone(), m.span));
        let simulations = pack.tests.iter().map(|t| (t.simulation.clone(), t.span));
        let named = artefacts.chain(simulations).filter(|(f, _)| !f.is_empty());
        let missing: Vec<_> = named.filter(|(f, _)| self.bundle.file(f).is_none()).collect();
        for (file, span) in missing {
            self.error("file", format!("the pack has no file `{file}`"), span);
        }
    }

    /// Every description of a block is one.
    fn mitigations(&mut self) {
        for file in self.bundle.folder("mitigations").filter(|f| f.path.ends_with(".toml")) {
            let told = parse_block(&file.source).1;
            self.out.extend(told.into_iter().map(|d| Problem { source: file.source.clone(), diagnostic: d }));
        }
    }

    /// Every exclusion is tested, and does what its tests say.
    fn exclusions(&mut self, taxonomy: &Arc<Taxonomy>) {
        for f in &self.bundle.pack.false_positives {
            match (f.exclusion.is_empty(), f.tests.is_empty()) {
                (true, true) => {}
                (true, false) => {
                    self.error("exclusion", format!("`{}` has tests but no exclusion", f.id), f.span)
                }
                (false, _) => self.exclusion(f, taxonomy),
            }
        }
    }

    fn exclusion(&mut self, f: &FalsePositive, taxonomy: &Arc<Taxonomy>) {
        for (excluded, word) in [(true, "excluded"), (false, "kept")] {
            if !f.tests.iter().any(|t| t.excluded == excluded) {
                let message = format!("the exclusion `{}` has no test that expects `{word}`", f.id);
                self.error("untested-exclusion", message, f.span);
            }
        }
        let options = Options::default();
        let plain = self.bundle.detections_with(&[], &options);
        let filter = Source::new(format!("{}#{}.yml", self.bundle.source.name, f.id), f.exclusion.clone());
        let filtered = self.bundle.detections_with(&[filter], &options);
        let wanted = |rules: &[Rule]| -> Vec<Rule> {
            rules.iter().filter(|r| f.rules.contains(&r.meta.id)).cloned().collect()
        };
        let (plain, filtered) = (wanted(&plain), wanted(&filtered));
        if plain == filtered {
            self.error("exclusion", format!("the exclusion `{}` changes none of its rules", f.id), f.span);
        }
        for test in &f.tests {
            let line = [ndjson(&test.event)];
            let asked = |ids: BTreeSet<String>| -> Vec<String> {
                ids.into_iter().filter(|id| test.rules.is_empty() || test.rules.contains(id)).collect()
            };
            let (Ok(without), Ok(with)) =
                (fires(plain.clone(), taxonomy, &line), fires(filtered.clone(), taxonomy, &line))
            else {
                return self.error(
                    "exclusion",
                    "the test cannot be run: no temporary file".to_owned(),
                    test.span,
                );
            };
            let (without, with) = (asked(without), asked(with));
            let what = match (without.is_empty(), test.excluded) {
                (true, _) => Some("no rule fires on it even without the exclusion"),
                (_, true) if !with.is_empty() => Some("a rule still fires on it"),
                (_, false) if with != without => Some("the exclusion silences a rule on it"),
                _ => None,
            };
            if let Some(what) = what {
                self.error("exclusion", format!("`{}`, test `{}`: {what}", f.id, test.name), test.span);
            }
        }
    }
}

/// Every reference that a pack names, with the place.
fn uses(pack: &Pack) -> Vec<(String, Span)> {
    let mut out = Vec::new();
    let mut add = |ids: &[String], span: Span| out.extend(ids.iter().map(|id| (id.clone(), span)));
    pack.procedures.iter().for_each(|p| add(&p.references, p.span));
    pack.events.iter().for_each(|e| add(&e.references, e.span));
    pack.analytics.iter().for_each(|a| add(&a.references, a.span));
    pack.countermeasures.iter().for_each(|c| add(&c.references, c.span));
    pack.mitigations.iter().for_each(|m| add(&m.references, m.span));
    pack.configuration.iter().for_each(|c| add(&c.references, c.span));
    pack.tests.iter().for_each(|t| add(&t.references, t.span));
    pack.hunting.ideas.iter().for_each(|i| add(&i.references, Span::default()));
    add(&pack.cites, Span::default());
    out
}
