//! All there is on one technique: what is known, what detects it, what its pack says. As a page or as JSON.

use std::collections::BTreeMap;

use shikra_ir::{LoadStatus, Rule};
use shikra_knowledge::{Details, Entity, Kind, Knowledge, Link, Relates, Resolved};
use shikra_pack::{Bundle, Pack};

use crate::json::{Json, Members};
use crate::knowledge::{cite, details, entity_members, head, name, reference, short_id};
use crate::page::{Block, Page};

/// What the page of a technique is made of.
pub struct Technique<'a> {
    /// Everything that is known.
    pub known: &'a Knowledge,
    /// The technique, by whatever id it was asked for.
    pub found: &'a Resolved<'a>,
    /// Rules whose tags name it, by any of its ids.
    pub rules: Vec<&'a Rule>,
    /// Number of rules whose tags name one of its sub-techniques, by sub-technique.
    pub below: BTreeMap<String, usize>,
    /// Its packs.
    pub packs: Vec<&'a Bundle>,
}

impl<'a> Technique<'a> {
    /// Chooses what belongs to the technique out of all rules and packs.
    pub fn new(
        known: &'a Knowledge,
        found: &'a Resolved<'a>,
        rules: &'a [Rule],
        packs: &'a [Bundle],
    ) -> Technique<'a> {
        let latest = known.latest(&found.entity.id);
        let inside = format!("{latest}.");
        let mut below: BTreeMap<String, usize> = BTreeMap::new();
        let mut chosen = Vec::new();
        for rule in rules.iter().filter(|r| r.reports) {
            let mut ids: Vec<String> = rule.meta.techniques().iter().map(|t| known.latest(t)).collect();
            ids.sort();
            ids.dedup();
            if ids.contains(&latest) {
                chosen.push(rule);
            }
            for id in ids.into_iter().filter(|i| i.starts_with(&inside)) {
                *below.entry(id).or_insert(0) += 1;
            }
        }
        chosen.sort_by(|a, b| {
            let key = |r: &Rule| (r.meta.language, std::cmp::Reverse(r.meta.level));
            key(a).cmp(&key(b)).then_with(|| a.meta.title.cmp(&b.meta.title))
        });
        let packs = packs.iter().filter(|p| known.latest(&p.pack.id) == latest).collect();
        Technique { known, found, rules: chosen, below, packs }
    }

    /// As a page.
    pub fn page(&self) -> Page {
        let mut page = self.before_rules();
        self.rules(&mut page);
        self.after_rules(&mut page);
        page
    }

    /// As a page that leaves the rules to the caller, and the number of the block before which they belong.
    pub fn page_without_rules(&self) -> (Page, usize) {
        let mut page = self.before_rules();
        let at = page.blocks.len();
        self.after_rules(&mut page);
        (page, at)
    }

    fn before_rules(&self) -> Page {
        let mut page = Page::default();
        head(self.known, self.found, &mut page);
        page.prose(&self.found.entity.description);
        self.packs.iter().for_each(|p| hypothesis(&p.pack, &mut page));
        self.subs(&mut page);
        self.procedures(&mut page);
        self.lolbas(&mut page);
        self.detection(&mut page);
        page
    }

    fn after_rules(&self, page: &mut Page) {
        self.cars(page);
        self.packs.iter().for_each(|p| ground(&p.pack, page));
        self.answers(page);
        self.tests(page);
        self.packs.iter().for_each(|p| response(&p.pack, page));
    }

    fn entity(&self) -> &'a Entity {
        self.found.entity
    }

    fn subs(&self, page: &mut Page) {
        let rows = self.known.to(&self.entity().id, Relates::Within);
        let rows = rows.iter().map(|r| {
            let rules = self.below.get(&self.known.latest(&r.entity.id)).copied().unwrap_or(0);
            vec![r.entity.id.clone(), rules.to_string(), name(r.entity)]
        });
        page.section("Sub-techniques", &["id", "rules", "name"], rows.collect());
    }

    /// Who uses it, and how.
    fn procedures(&self, page: &mut Page) {
        let mut rows = Vec::new();
        for r in self.known.to(&self.entity().id, Relates::Uses) {
            page.references.extend(r.link.references.iter().map(reference));
            rows.push(vec![
                r.entity.id.clone(),
                r.entity.kind.title().to_owned(),
                name(r.entity),
                r.link.text.clone(),
            ]);
        }
        page.section("Procedure examples", &["id", "kind", "name", "how"], rows);
    }

    fn lolbas(&self, page: &mut Page) {
        let latest = self.known.latest(&self.entity().id);
        let mut rows = Vec::new();
        for r in self.known.to(&self.entity().id, Relates::Serves) {
            let Details::Lolbas(l) = &r.entity.details else {
                rows.push(vec![r.entity.id.clone(), String::new(), String::new()]);
                continue;
            };
            for c in l.commands.iter().filter(|c| self.known.latest(&c.technique) == latest) {
                let text = format!("{}\n{}", c.command, c.description);
                rows.push(vec![r.entity.id.clone(), c.category.clone(), text]);
            }
        }
        page.section("LOLBAS", &["program", "category", "command"], rows);
    }

    /// Detection strategies, their analytics and what these read.
    fn detection(&self, page: &mut Page) {
        let strategies = self.known.to(&self.entity().id, Relates::Detects);
        if strategies.is_empty() {
            return;
        }
        let rows = strategies.iter().map(|s| {
            let reads = self.components(s.entity);
            vec![s.entity.id.clone(), s.entity.name.clone(), reads.join(", ")]
        });
        page.section("Detection strategies", &["id", "name", "data components"], rows.collect());
        for s in &strategies {
            for a in self.known.from(&s.entity.id, Relates::HasAnalytic) {
                let platforms = a.entity.platforms.join(", ");
                page.heading(3, format!("{} · {platforms}", a.entity.id));
                page.prose(&a.entity.description);
                cite(a.entity, page);
                let start = page.blocks.len();
                details(a.entity, page);
                page.lower(start);
            }
        }
    }

    /// Data components that a strategy reads, itself or through its analytics.
    fn components(&self, strategy: &Entity) -> Vec<String> {
        let analytics = self.known.from(&strategy.id, Relates::HasAnalytic);
        let mut out: Vec<String> = self
            .known
            .from(&strategy.id, Relates::Reads)
            .into_iter()
            .chain(analytics.iter().flat_map(|a| self.known.from(&a.entity.id, Relates::Reads)))
            .map(|r| format!("{} {}", r.entity.name, r.entity.id))
            .collect();
        out.sort();
        out.dedup();
        out
    }

    fn rules(&self, page: &mut Page) {
        if self.rules.is_empty() {
            page.blocks.push(Block::Note("No loaded rule names this technique".to_owned()));
        }
        let mut languages: Vec<&str> = self.rules.iter().map(|r| r.meta.language).collect();
        languages.dedup();
        for language in languages {
            let of = self.rules.iter().filter(|r| r.meta.language == language);
            let rows = of.map(|r| {
                let status = if r.status == LoadStatus::Ok { "" } else { r.status.as_str() };
                vec![
                    r.meta.level.as_str().to_owned(),
                    status.to_owned(),
                    r.meta.title.clone(),
                    r.meta.path.clone(),
                ]
            });
            page.section(
                &format!("Detections in {language}"),
                &["level", "loads", "rule", "file"],
                rows.collect(),
            );
        }
    }

    fn cars(&self, page: &mut Page) {
        let cars = self.known.to(&self.entity().id, Relates::Covers);
        let rows = cars.iter().map(|r| vec![r.entity.id.clone(), r.link.text.clone(), r.entity.name.clone()]);
        page.section("CAR analytics", &["id", "coverage", "name"], rows.collect());
    }

    /// What can be done about it.
    fn answers(&self, page: &mut Page) {
        let mut rows = Vec::new();
        for r in self.known.to(&self.entity().id, Relates::Mitigates) {
            page.references.extend(r.link.references.iter().map(reference));
            rows.push(vec![r.entity.id.clone(), name(r.entity), r.link.text.clone()]);
        }
        page.section("Mitigations", &["id", "name", "how"], rows);
        let mut rows: Vec<Vec<String>> = self
            .known
            .to(&self.entity().id, Relates::Counters)
            .iter()
            .map(|r| {
                let tactic = match &r.entity.details {
                    Details::Countermeasure(c) => c.tactic.clone(),
                    _ => String::new(),
                };
                vec![tactic, r.entity.id.clone(), format!("{} {}", r.entity.name, through(r.link))]
            })
            .collect();
        rows.sort();
        page.section("D3FEND countermeasures", &["tactic", "id", "name"], rows);
    }

    fn tests(&self, page: &mut Page) {
        let tests = self.known.to(&self.entity().id, Relates::Tests);
        if tests.is_empty() {
            return;
        }
        page.heading(2, format!("Atomic tests ({})", tests.len()));
        for r in tests {
            page.heading(3, format!("{} {}", short_id(r.entity), r.entity.name));
            page.prose(&r.entity.description);
            if let Details::Atomic(a) = &r.entity.details {
                page.facts([
                    ("platforms", r.entity.platforms.join(", ")),
                    ("executor", a.executor.clone()),
                    ("rights", if a.elevated { "administrator".to_owned() } else { String::new() }),
                    ("guid", r.entity.id.clone()),
                ]);
                page.blocks.push(Block::Code("", a.command.clone()));
            }
        }
    }

    /// As one JSON object.
    pub fn json(&self) -> String {
        let mut out = Vec::new();
        Json::new(&mut out).object(|o| {
            o.key("schema").string("shikra.technique/1");
            entity_members(self.known, self.found, o);
            o.key("detections").array(|a| {
                for r in &self.rules {
                    a.item().object(|o| detection(r, o));
                }
            });
            o.key("detections_of_sub_techniques").object(|o| {
                for (id, rules) in &self.below {
                    o.key(id).number(*rules as u64);
                }
            });
            o.key("packs").array(|a| {
                for p in &self.packs {
                    a.item().object(|o| {
                        o.key("id").string(&p.pack.id);
                        o.key("place").string(&p.place);
                        o.key("hypothesis").string(&p.pack.hypothesis);
                        o.key("events").number(p.pack.events.len() as u64);
                        o.key("tests").number(p.pack.tests.len() as u64);
                    });
                }
            });
        });
        String::from_utf8(out).unwrap_or_default()
    }
}

/// The artefacts through which a countermeasure meets a technique.
fn through(link: &Link) -> String {
    if link.text.is_empty() { String::new() } else { format!("({})", link.text) }
}

fn detection(r: &Rule, o: &mut Members<'_>) {
    o.key("id").string(&r.meta.id);
    o.key("title").string(&r.meta.title);
    o.key("language").string(r.meta.language);
    o.key("level").string(r.meta.level.as_str());
    o.key("status").string(r.status.as_str());
    o.key("path").string(&r.meta.path);
    o.key("tags").strings(&r.meta.tags);
}

fn hypothesis(pack: &Pack, page: &mut Page) {
    if !pack.hypothesis.is_empty() {
        page.heading(2, "Hypothesis");
        page.prose(&pack.hypothesis);
    }
    page.prose(&pack.description);
}

/// What one has to know to see it: events, what looks like it, what to switch on.
fn ground(pack: &Pack, page: &mut Page) {
    let rows = pack.events.iter().map(|e| {
        let field = if e.value.is_empty() { e.field.clone() } else { format!("{} = {}", e.field, e.value) };
        vec![e.provider.clone(), e.event_id.to_string(), field, e.shows.clone()]
    });
    page.section("What to look at", &["provider", "event", "field", "shows"], rows.collect());
    let rows = pack.false_positives.iter().map(|f| vec![f.id.clone(), format!("{}\n{}", f.what, f.tuning)]);
    page.section("False positives", &["name", "what, and how to tune"], rows.collect());
    let rows = pack.configuration.iter().map(|c| vec![c.title.clone(), c.what.clone()]);
    page.section("Recommended configuration", &["setting", "what it gives"], rows.collect());
}

fn response(pack: &Pack, page: &mut Page) {
    let steps = |s: &[shikra_pack::model::Step]| -> Vec<Vec<String>> {
        s.iter()
            .map(|s| vec![s.phase.clone(), format!("{}\n{}", s.what, s.means).trim().to_owned()])
            .collect()
    };
    page.section("Investigation", &["step", "what to do"], steps(&pack.investigation));
    page.section("Response", &["phase", "what to do"], steps(&pack.response));
    let tests = pack.tests.iter().map(|t| vec![t.name.clone(), t.what.clone()]);
    page.section("Tests of the pack", &["name", "what is done"], tests.collect());
}

/// Whether an entity may have a page of a technique.
pub fn is_technique(e: &Entity) -> bool {
    e.kind == Kind::Technique
}
