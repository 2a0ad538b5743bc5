//! D3FEND: countermeasures, and which techniques they are against.
//!
//! Three kinds of table, told apart by their columns: pairs of technique and countermeasure (D3FEND's own full
//! mapping among them), the same with the artefacts through which they meet, and the list of countermeasures.

use std::collections::BTreeMap;

use crate::details::{Countermeasure, Details};
use crate::error::Error;
use crate::model::{Entity, Kind, Link, Part, Relates};
use crate::table;

/// Whether the first line of a table is one of D3FEND's.
pub(crate) fn is_table(first_line: &str) -> bool {
    let has = |name: &str| first_line.split(',').any(|c| c.trim().trim_matches('"') == name);
    (has("attack_id") && has("d3fend_id"))
        || (has("d3fend_id") && has("tactic"))
        || (has("off_tech_id") && has("def_tech_id"))
}

/// Reads a table.
///
/// # Errors
/// Where it has no column of countermeasures.
pub fn load(text: &str) -> Result<Part, Error> {
    let columns: &[&[&str]] = &[
        &["d3fend_id!", "def_tech_id"],
        &["d3fend_name", "def_tech_label", "name"],
        &["d3fend_tactic", "def_tactic_label", "tactic"],
        &["attack_id", "off_tech_id"],
        &["parents"],
        &["artifacts"],
        &["def_relation", "def_artifact_rel_label"],
        &["def_artifact", "def_artifact_label"],
    ];
    let mut entities: BTreeMap<String, Entity> = BTreeMap::new();
    let mut links: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    table::read(text, columns, |row| {
        let [id, name, tactic, attack, parents, artifacts, verb, artifact] = *row else { return };
        if !id.starts_with("D3-") {
            return;
        }
        let known = entities.entry(id.to_owned()).or_insert_with(|| {
            let mut e = Entity::new(Kind::Countermeasure, id, name);
            let list = |text: &str| text.split('|').filter(|t| !t.is_empty()).map(str::to_owned).collect();
            e.details = Details::Countermeasure(Countermeasure {
                tactic: tactic.to_owned(),
                parents: list(parents),
                artifacts: list(artifacts),
            });
            e
        });
        if attack.starts_with('T') {
            let met = links.entry((known.id.clone(), attack.to_owned())).or_default();
            let text = format!("{verb} {artifact}").trim().to_owned();
            if !text.is_empty() && !met.contains(&text) {
                met.push(text);
            }
        }
    })?;
    let mut part = Part { title: "D3FEND".to_owned(), ..Part::default() };
    part.entities = entities.into_values().collect();
    part.links = links
        .into_iter()
        .map(|((from, to), met)| Link { text: met.join("; "), ..Link::new(from, Relates::Counters, to) })
        .collect();
    if part.entities.is_empty() { Err(Error::Unknown) } else { Ok(part) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_several_kinds() {
        let pairs = load("attack_id,d3fend_id,d3fend_name,d3fend_tactic,best_match\nT1,D3-A,Alpha,Detect,exact\nT2,D3-A,Alpha,Detect,x\n").unwrap();
        assert_eq!((pairs.entities.len(), pairs.links.len()), (1, 2));
        let met = load("attack_id,d3fend_id,d3fend_name,d3fend_tactic,def_relation,def_artifact\nT1,D3-A,Alpha,Detect,analyzes,Process\nT1,D3-A,Alpha,Detect,analyzes,File\n").unwrap();
        assert_eq!(met.links[0].text, "analyzes Process; analyzes File");
        let list = load("d3fend_id,name,tactic,parents,artifacts\nD3-A,Alpha,Detect,P|Q,analyzes:Process\n")
            .unwrap();
        let Details::Countermeasure(c) = &list.entities[0].details else { panic!() };
        assert_eq!((c.parents.len(), c.tactic.as_str()), (2, "Detect"));
        assert_eq!(
            load("a,b\n1,2\n").unwrap_err(),
            Error::Table { line: 1, what: "there is no column d3fend_id or def_tech_id".into() }
        );
        assert!(load("d3fend_id\nnonsense\n").is_err());
    }
}
