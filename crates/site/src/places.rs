//! Where things stand on the site.

use std::collections::{BTreeMap, HashMap};

use sha2::{Digest, Sha256};
use shikra_ir::Rule;
use shikra_knowledge::{Entity, Kind};

use crate::Site;

/// Folder of a kind's pages.
fn folder(kind: Kind) -> &'static str {
    match kind {
        Kind::Technique => "technique",
        Kind::Tactic => "tactic",
        Kind::Group => "group",
        Kind::Software => "software",
        Kind::Campaign => "campaign",
        Kind::Mitigation => "mitigation",
        Kind::DataSource | Kind::DataComponent => "data",
        _ => "more",
    }
}

/// A name for a file, of what may be in one everywhere; a hash makes it unique where something had to go.
fn file_name(id: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let name: String = id.chars().filter(|c| safe(*c)).take(80).collect();
    let name = name.trim_matches('.').to_owned();
    if name == id && !name.is_empty() { name } else { format!("{name}-{}", short_hash(id)) }
}

fn short_hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(5).map(|b| format!("{b:02x}")).collect()
}

/// Paths of all pages, from the root of the site.
pub(crate) struct Places<'a> {
    entities: HashMap<&'a str, String>,
    /// Path of each rule, in the order of the rule set.
    pub rules: Vec<String>,
    /// Rules by the technique they name, by its latest id.
    pub of_technique: BTreeMap<String, Vec<usize>>,
}

impl<'a> Places<'a> {
    pub fn new(site: &Site<'a>) -> Places<'a> {
        let mut entities = HashMap::new();
        for e in Kind::all().flat_map(|k| site.known.of_kind(k)) {
            let name = match e.kind {
                Kind::CarObject | Kind::CarSensor | Kind::Lolbas | Kind::Atomic | Kind::SensorEvent => {
                    format!("{}-{}", e.kind.as_str(), file_name(&e.id))
                }
                _ => file_name(&e.id),
            };
            entities.insert(e.id.as_str(), format!("{}/{name}.html", folder(e.kind)));
        }
        let mut of_technique: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let mut rules = Vec::new();
        let mut taken: HashMap<String, usize> = HashMap::new();
        for (number, rule) in site.rules.rules.iter().enumerate() {
            // Rules that are alike in all that names them, such as variants out of one cell, keep a page each.
            let base = rule_path(rule);
            let times = taken.entry(base.clone()).and_modify(|n| *n += 1).or_insert(1);
            rules.push(if *times == 1 { format!("{base}.html") } else { format!("{base}-{times}.html") });
            if !rule.reports {
                continue;
            }
            let mut ids: Vec<String> = rule.meta.techniques().iter().map(|t| site.known.latest(t)).collect();
            ids.sort();
            ids.dedup();
            ids.into_iter().for_each(|id| of_technique.entry(id).or_default().push(number));
        }
        Places { entities, rules, of_technique }
    }

    /// The page of an id, of whatever kind.
    pub fn entity(&self, id: &str) -> Option<&str> {
        self.entities.get(id).map(String::as_str)
    }

    /// The page of an entity.
    pub fn of(&self, e: &Entity) -> &str {
        self.entity(&e.id).unwrap_or("index.html")
    }
}

/// Path of a rule's page, without its ending.
fn rule_path(rule: &Rule) -> String {
    let m = &rule.meta;
    let key = format!("{}\n{}\n{}\n{}", m.path, m.span.start, m.id, m.title);
    format!("rule/{}-{}", m.language, short_hash(&key))
}
