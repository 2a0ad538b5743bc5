//! The facts that ship with the program: ids, names, tactics, relations, revocations; no prose.
//!
//! Tab-separated tables, generated from a bundle by [`entities`] and [`relations`] (`shikra knowledge facts`), but
//! for `versions.tsv`, which is kept by hand. See `data/knowledge/README.md`.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::details::{Countermeasure, Details};
use crate::model::{Entity, Kind, Link, Part, Relates, State};
use crate::store::Knowledge;
use crate::versions::Move;

const ENTITIES: &str = include_str!("../../../data/knowledge/entities.tsv");
const RELATIONS: &str = include_str!("../../../data/knowledge/relations.tsv");
const VERSIONS: &str = include_str!("../../../data/knowledge/versions.tsv");

/// First line of `entities.tsv`.
const ENTITY_COLUMNS: &str = "#id\tkind\tname\tstate\ttactics\tplatforms\taliases";
/// First line of `relations.tsv`.
const RELATION_COLUMNS: &str = "#from\thow\tto";

/// Kinds whose entities are facts that ship: analytics of ATT&CK, tests of Atomic Red Team and models of sensors are
/// the user's.
const SHIPPED: &[Kind] = &[
    Kind::Tactic,
    Kind::Technique,
    Kind::Group,
    Kind::Software,
    Kind::Campaign,
    Kind::Mitigation,
    Kind::DataSource,
    Kind::DataComponent,
    Kind::Strategy,
    Kind::Countermeasure,
    Kind::CarAnalytic,
    Kind::Lolbas,
];

/// The tables that ship, read once.
pub(crate) fn embedded() -> Part {
    static PART: OnceLock<Part> = OnceLock::new();
    PART.get_or_init(|| {
        let mut part = Part::default();
        read_entities(ENTITIES, &mut part);
        read_relations(RELATIONS, &mut part);
        read_versions(VERSIONS, &mut part);
        part
    })
    .clone()
}

fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().filter(|l| !l.is_empty() && !l.starts_with('#')).map(|l| l.split('\t').collect())
}

fn list(text: &str) -> Vec<String> {
    text.split('|').filter(|t| !t.is_empty()).map(str::to_owned).collect()
}

fn read_entities(text: &str, part: &mut Part) {
    if let Some(version) = text.lines().find_map(|l| l.strip_prefix("#attack\t")) {
        part.attack_version = Some(version.to_owned());
    }
    for row in rows(text) {
        let col = |n: usize| row.get(n).copied().unwrap_or("");
        let Some(kind) = Kind::named(col(1)) else { continue };
        let mut e = Entity::new(kind, col(0), col(2));
        e.state = match col(3) {
            "" => State::Current,
            "deprecated" => State::Deprecated,
            "revoked" => State::Revoked(None),
            by => State::Revoked(Some(by.to_owned())),
        };
        if kind == Kind::Countermeasure {
            let details = Countermeasure { tactic: col(4).to_owned(), ..Countermeasure::default() };
            e.details = Details::Countermeasure(details);
        } else {
            e.tactics = list(col(4));
        }
        e.platforms = list(col(5));
        e.aliases = list(col(6));
        e.url = page_of(&e);
        part.entities.push(e);
    }
}

/// Where the makers of an entity describe it.
fn page_of(e: &Entity) -> String {
    let id = &e.id;
    let attack = |folder: &str| format!("https://attack.mitre.org/{folder}/{}", id.replace('.', "/"));
    match e.kind {
        Kind::Tactic => attack("tactics"),
        Kind::Technique => attack("techniques"),
        Kind::Group => attack("groups"),
        Kind::Software => attack("software"),
        Kind::Campaign => attack("campaigns"),
        Kind::Mitigation => attack("mitigations"),
        Kind::DataSource => attack("datasources"),
        Kind::DataComponent => attack("datacomponents"),
        Kind::Strategy => attack("detectionstrategies"),
        Kind::CarAnalytic => format!("https://car.mitre.org/analytics/{id}"),
        _ => String::new(),
    }
}

fn read_relations(text: &str, part: &mut Part) {
    for row in rows(text) {
        let [from, how, to] = row[..] else { continue };
        let Some(how) = Relates::named(how) else { continue };
        part.links.extend(to.split(' ').map(|to| Link::new(from, how, to.replace('\u{a0}', " "))));
    }
}

fn read_versions(text: &str, part: &mut Part) {
    for row in rows(text) {
        let col = |n: usize| row.get(n).copied().unwrap_or("").to_owned();
        match row.first() {
            Some(&"move") => part.moves.push(Move { from: col(2), to: col(3), name: col(4), since: col(1) }),
            Some(&"divided") => part.divided.push((col(2), Some(col(3)).filter(|t| !t.is_empty()))),
            Some(&"new") => {
                let mut e = Entity::new(Kind::Technique, col(2), col(4));
                e.tactics = list(&col(3));
                e.url = page_of(&e);
                part.entities.push(e);
            }
            Some(&"tactic") => {
                let mut e = Entity::new(Kind::Tactic, col(2), col(4));
                e.tactics = list(&col(3));
                e.aliases = list(&col(5));
                e.url = page_of(&e);
                part.entities.push(e);
            }
            _ => {}
        }
    }
}

/// A cell: no tabs, line ends or separators of lists.
fn cell(text: &str) -> String {
    text.replace(['\t', '\n', '\r', '|'], " ").trim().to_owned()
}

fn cells(items: &[String]) -> String {
    items.iter().map(|i| cell(i)).collect::<Vec<_>>().join("|")
}

/// The table of entities: everything of `known` that may ship, prose left out.
pub fn entities(known: &Knowledge) -> String {
    let mut out = format!("#attack\t{}\n{ENTITY_COLUMNS}\n", known.attack_version());
    for kind in SHIPPED {
        for e in known.of_kind(*kind) {
            let state = match &e.state {
                State::Revoked(Some(by)) => by.as_str(),
                State::Current => "",
                other => other.as_str(),
            };
            let tactics = match &e.details {
                Details::Countermeasure(c) => cell(&c.tactic),
                _ => cells(&e.tactics),
            };
            let name = cell(&e.name);
            let platforms = cells(&e.platforms);
            let aliases = cells(&e.aliases);
            let line = format!(
                "{}\t{}\t{name}\t{state}\t{tactics}\t{platforms}\t{aliases}",
                cell(&e.id),
                kind.as_str()
            );
            out.push_str(line.trim_end_matches('\t'));
            out.push('\n');
        }
    }
    out
}

/// The table of relations between entities that ship.
pub fn relations(known: &Knowledge) -> String {
    let ships = |id: &str| known.get(id).is_some_and(|e| SHIPPED.contains(&e.kind));
    let mut all: BTreeMap<(String, &str), Vec<String>> = BTreeMap::new();
    for l in known.links().filter(|l| ships(&l.from) && ships(&l.to)) {
        // Ids of sub-techniques say what they belong to.
        if l.how != Relates::Within {
            let to = cell(&l.to).replace(' ', "\u{a0}");
            all.entry((cell(&l.from), l.how.as_str())).or_default().push(to);
        }
    }
    // Analytics do not ship: what they read is what their strategy reads.
    for strategy in known.of_kind(Kind::Strategy) {
        let analytics = known.from(&strategy.id, Relates::HasAnalytic);
        let reads = analytics.iter().flat_map(|a| known.from(&a.entity.id, Relates::Reads));
        let reads: Vec<String> = reads.map(|r| cell(&r.entity.id)).collect();
        if !reads.is_empty() {
            all.entry((cell(&strategy.id), Relates::Reads.as_str())).or_default().extend(reads);
        }
    }
    let mut out = format!("{RELATION_COLUMNS}\n");
    for ((from, how), mut to) in all {
        to.sort();
        to.dedup();
        out.push_str(&format!("{from}\t{how}\t{}\n", to.join(" ")));
    }
    out
}
