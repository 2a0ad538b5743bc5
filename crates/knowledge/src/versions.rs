//! From one version of ATT&CK to the next: ids that moved, and tactics that were divided.
//!
//! Version 19 divides the tactic `defense-evasion` into `stealth`, which keeps the id TA0005, and
//! `defense-impairment` (TA0112), and moves T1562 and what belongs to it to T1685–T1690. Which techniques went to
//! `defense-impairment` stands in `data/knowledge/versions.tsv`.

use std::collections::BTreeMap;

use shikra_syntax::Span;
use shikra_syntax::yaml::{self, Node};

use crate::error::Error;
use crate::model::Part;

/// Versions of ATT&CK that differ in ids or tactics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attack {
    /// 18 and before.
    V18,
    /// 19 and after.
    #[default]
    V19,
}

impl Attack {
    /// `18`, `19`.
    pub fn as_str(self) -> &'static str {
        match self {
            Attack::V18 => "18",
            Attack::V19 => "19",
        }
    }

    /// From `18`, `18.1`, `v19`, ….
    pub fn parse(text: &str) -> Option<Attack> {
        let number = text.trim().trim_start_matches(['v', 'V']);
        let major: u32 = number.split('.').next()?.parse().ok()?;
        Some(if major >= 19 { Attack::V19 } else { Attack::V18 })
    }
}

/// An id of one version of ATT&CK, and what stands for it in the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Id before.
    pub from: String,
    /// Id from then on.
    pub to: String,
    /// Name of the technique that stands for it; may be empty.
    pub name: String,
    /// Version from which that holds: `19`.
    pub since: String,
}

/// Short name, id and name of the tactics of all versions.
pub const TACTICS: &[(&str, &str, &str)] = &[
    ("reconnaissance", "TA0043", "Reconnaissance"),
    ("resource-development", "TA0042", "Resource Development"),
    ("initial-access", "TA0001", "Initial Access"),
    ("execution", "TA0002", "Execution"),
    ("persistence", "TA0003", "Persistence"),
    ("privilege-escalation", "TA0004", "Privilege Escalation"),
    ("defense-evasion", "TA0005", "Defense Evasion"),
    ("stealth", "TA0005", "Stealth"),
    ("defense-impairment", "TA0112", "Defense Impairment"),
    ("credential-access", "TA0006", "Credential Access"),
    ("discovery", "TA0007", "Discovery"),
    ("lateral-movement", "TA0008", "Lateral Movement"),
    ("collection", "TA0009", "Collection"),
    ("command-and-control", "TA0011", "Command and Control"),
    ("exfiltration", "TA0010", "Exfiltration"),
    ("impact", "TA0040", "Impact"),
];

/// Short names of the tactics of a version, in the order of the matrix.
pub fn tactics(version: Attack) -> impl Iterator<Item = &'static str> {
    TACTICS.iter().map(|t| t.0).filter(move |t| match version {
        Attack::V18 => !matches!(*t, "stealth" | "defense-impairment"),
        Attack::V19 => *t != "defense-evasion",
    })
}

/// Id and name of a tactic.
pub fn tactic(short: &str) -> Option<(&'static str, &'static str)> {
    TACTICS.iter().find(|t| t.0 == short).map(|t| (t.1, t.2))
}

/// What is known of the step from each version to the next.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Versions {
    moves: BTreeMap<String, Move>,
    before: BTreeMap<String, Vec<String>>,
    divided: BTreeMap<String, Option<String>>,
}

impl Versions {
    pub(crate) fn add(&mut self, part: &mut Part) {
        self.divided.extend(part.divided.drain(..));
        for m in part.moves.drain(..) {
            let before = self.before.entry(m.to.clone()).or_default();
            if !before.contains(&m.from) {
                before.push(m.from.clone());
            }
            self.moves.insert(m.from.clone(), m);
        }
    }

    /// All moves, in the order of the ids before.
    pub fn moves(&self) -> impl Iterator<Item = &Move> {
        self.moves.values()
    }

    /// What stands for an id from a later version on.
    pub fn successor(&self, id: &str) -> Option<&Move> {
        self.moves.get(id)
    }

    /// The ids that an id stands for.
    pub fn before(&self, id: &str) -> &[String] {
        self.before.get(id).map_or(&[], Vec::as_slice)
    }

    /// What became of `defense-evasion` for a technique.
    fn part_of_evasion(&self, id: &str) -> Option<&str> {
        let to = self.moves.get(id).map_or(id, |m| m.to.as_str());
        let parent = to.split('.').next().unwrap_or("");
        let told = self.divided.get(to).or_else(|| self.divided.get(parent));
        told.map_or(Some("stealth"), |t| t.as_deref())
    }

    /// Tactics of a technique as a version calls them, in the order of the matrix.
    pub fn tactics(&self, id: &str, short: &[String], version: Attack) -> Vec<&'static str> {
        let evades = |t: &str| matches!(t, "defense-evasion" | "stealth" | "defense-impairment");
        let wanted = |t: &str| match version {
            Attack::V18 if t == "defense-evasion" => short.iter().any(|s| evades(s)),
            Attack::V19 if evades(t) => {
                let told = short.iter().any(|s| s == t);
                let before = short.iter().any(|s| s == "defense-evasion");
                told || before && self.part_of_evasion(id) == Some(t)
            }
            _ => short.iter().any(|s| s == t),
        };
        tactics(version).filter(|t| wanted(t)).collect()
    }
}

/// Reads a map from one version to the next, as detection-rules keeps it (`attack_v18_to_v19.yaml`).
///
/// # Errors
/// Where it is none.
pub fn load(text: &str) -> Result<Part, Error> {
    let documents = yaml::documents(text, Span::new(0, text.len()));
    let root = documents.iter().find_map(|d| d.root.as_ref());
    let root = root.ok_or_else(|| Error::Yaml("empty".to_owned()))?;
    let since = root.text_of("target_version").ok_or_else(|| Error::Yaml("no target_version".to_owned()))?;
    let mut part = Part {
        title: format!("ATT&CK version map {} to {since}", root.text_of("source_version").unwrap_or("?")),
        ..Part::default()
    };
    for section in ["techniques", "subtechniques"] {
        for (from, to) in root.get(section).map_or(&[][..], Node::entries) {
            let (Some(from), Some(id)) = (from.text(), to.text_of("id")) else { continue };
            part.moves.push(Move {
                from: from.to_owned(),
                to: id.to_owned(),
                name: to.text_of("name").unwrap_or("").to_owned(),
                since: since.to_owned(),
            });
        }
    }
    Ok(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tactics_of_versions() {
        let mut v = Versions::default();
        v.add(&mut Part {
            moves: vec![Move {
                from: "T1562.001".into(),
                to: "T1685".into(),
                name: "Disable".into(),
                since: "19".into(),
            }],
            divided: ["T1112", "T1685"].map(|t| (t.to_owned(), Some("defense-impairment".to_owned()))).into(),
            ..Part::default()
        });
        let of = |id: &str, short: &[&str], version| {
            let short: Vec<String> = short.iter().map(|s| (*s).to_owned()).collect();
            v.tactics(id, &short, version).join(" ")
        };
        assert_eq!(of("T1218.003", &["defense-evasion"], Attack::V19), "stealth");
        assert_eq!(of("T1218.003", &["defense-evasion"], Attack::V18), "defense-evasion");
        assert_eq!(
            of("T1112", &["defense-evasion", "persistence"], Attack::V19),
            "persistence defense-impairment"
        );
        assert_eq!(of("T1562.001", &["defense-evasion"], Attack::V19), "defense-impairment");
        assert_eq!(of("T1685", &["defense-impairment"], Attack::V18), "defense-evasion");
        assert_eq!(Attack::parse("18.1"), Some(Attack::V18));
        assert_eq!(Attack::parse("v20"), Some(Attack::V19));
    }

    #[test]
    fn maps_of_detection_rules() {
        let part = load(
            "framework: X\nsource_version: '18'\ntarget_version: '19'\ntechniques:\n  T1:\n    id: T2\n    name: Two\n  T3: null\n",
        )
        .unwrap();
        assert_eq!(part.moves.len(), 1);
        assert_eq!((part.moves[0].from.as_str(), part.moves[0].to.as_str()), ("T1", "T2"));
        assert!(load("a: 1").is_err());
        assert!(load("").is_err());
    }
}
