//! What a tag of a rule means: `attack.t1218.003`, `attack.defense-evasion`, `car.2016-04-005`, `d3fend.d3-psa`.

use crate::model::{Entity, State};
use crate::store::Knowledge;
use crate::versions::{TACTICS, tactic};

/// What there is to say of a tag.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict<'k> {
    /// Not a tag of anything that is known here.
    Foreign,
    /// It names something that stands.
    Known(&'k Entity),
    /// It names what a later version of ATT&CK calls otherwise: the new ids or names, and the version.
    Moved(&'k Entity, Vec<String>, String),
    /// It names what was revoked; the successor where one is known.
    Revoked(&'k Entity, Option<&'k Entity>),
    /// It names what was given up.
    Deprecated(&'k Entity),
    /// It names nothing; what may have been meant.
    Unknown(Option<String>),
}

/// Whether a tag is one that [`Knowledge::tag`] can say something of.
pub fn is_asked(tag: &str) -> bool {
    let Some((space, what)) = tag.split_once('.') else { return false };
    match space.to_ascii_lowercase().as_str() {
        "attack" | "car" => true,
        "d3fend" => what.to_ascii_lowercase().starts_with("d3-"),
        _ => false,
    }
}

impl Knowledge {
    /// What a tag means.
    pub fn tag(&self, tag: &str) -> Verdict<'_> {
        let Some((space, what)) = tag.split_once('.') else { return Verdict::Foreign };
        match space.to_ascii_lowercase().as_str() {
            "attack" => self.attack_tag(what),
            "car" => {
                self.id_tag(&format!("CAR-{}", what.trim_start_matches("car-").trim_start_matches("CAR-")))
            }
            "d3fend" if what.to_ascii_lowercase().starts_with("d3-") => self.id_tag(what),
            _ => Verdict::Foreign,
        }
    }

    fn attack_tag(&self, what: &str) -> Verdict<'_> {
        // Ids of MITRE ATLAS, in rule sets that keep both side by side.
        if what.to_ascii_lowercase().starts_with("aml.") {
            return Verdict::Foreign;
        }
        let is_id = what.chars().any(|c| c.is_ascii_digit());
        if is_id {
            return self.id_tag(what);
        }
        let short = what.to_ascii_lowercase().replace(['_', ' '], "-");
        let Some((id, name)) = tactic(&short) else {
            let near = TACTICS.iter().map(|t| t.0).min_by_key(|t| distance(t, &short));
            let near = near.filter(|t| distance(t, &short) <= 3 && !short.is_empty());
            return Verdict::Unknown(near.map(str::to_owned));
        };
        let known = self.get(id).or_else(|| self.find(name).first().copied());
        match known {
            Some(e) if short == "defense-evasion" => {
                let both = vec!["stealth".to_owned(), "defense-impairment".to_owned()];
                Verdict::Moved(e, both, "19".to_owned())
            }
            Some(e) => Verdict::Known(e),
            None => Verdict::Foreign,
        }
    }

    fn id_tag(&self, id: &str) -> Verdict<'_> {
        let Some(found) = self.resolve(id) else {
            let parent = id.split_once('.').and_then(|(p, _)| self.get(p));
            return Verdict::Unknown(parent.map(|p| p.id.clone()));
        };
        match &found.asked.state {
            State::Revoked(_) => {
                let next = (!found.passed.is_empty()).then_some(found.entity);
                Verdict::Revoked(found.asked, next)
            }
            State::Deprecated => Verdict::Deprecated(found.asked),
            State::Current => match self.versions().successor(&found.asked.id) {
                Some(m) => Verdict::Moved(found.asked, vec![m.to.clone()], m.since.clone()),
                None => Verdict::Known(found.asked),
            },
        }
    }
}

/// Levenshtein distance of short texts.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().take(64).enumerate() {
        let mut before = i;
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
        for (j, cb) in b.iter().enumerate() {
            let (up, left) = (row.get(j + 1).copied().unwrap_or(0), row.get(j).copied().unwrap_or(0));
            let next = (before + usize::from(ca != *cb)).min(up + 1).min(left + 1);
            before = up;
            if let Some(cell) = row.get_mut(j + 1) {
                *cell = next;
            }
        }
    }
    row.last().copied().unwrap_or(0)
}
