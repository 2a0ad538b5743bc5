//! What of the techniques of a group, of a piece of software or of a campaign is seen, and what is not.

use shikra_knowledge::{Entity, Kind, Knowledge, Relates};

use super::{Best, Coverage};

/// How a technique of a group is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Seen {
    /// Rules name it; how far that goes.
    Own(Best),
    /// Only rules of its sub-techniques.
    Below,
    /// Only rules of the technique it belongs to.
    Above,
    /// Not at all.
    Not,
    /// It is not of the platform that was asked for.
    Elsewhere,
}

impl Seen {
    /// `proven`, `data`, `rule`, `sub-techniques`, `parent`, `none`, `other-platform`.
    pub fn as_str(self) -> &'static str {
        match self {
            Seen::Own(best) => best.as_str(),
            Seen::Below => "sub-techniques",
            Seen::Above => "parent",
            Seen::Not => "none",
            Seen::Elsewhere => "other-platform",
        }
    }
}

/// What of a group is seen.
#[derive(Clone, Debug)]
pub struct Gap {
    /// Id of the group, software or campaign.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its techniques by newest id, with name and how each is seen; and the software through which it uses it, where
    /// nothing says that it does so itself.
    pub techniques: Vec<(String, String, Seen, Option<String>)>,
}

impl Gap {
    /// What is seen of what `user` uses, itself and through its software where `with_software`.
    pub fn of(coverage: &Coverage, known: &Knowledge, user: &Entity, with_software: bool) -> Gap {
        let mut gap = Gap { id: user.id.clone(), name: user.name.clone(), techniques: Vec::new() };
        for used in known.from(&user.id, Relates::Uses) {
            if used.entity.kind == Kind::Technique {
                gap.add(coverage, known, used.entity, None);
            }
        }
        if with_software {
            let software = known.from(&user.id, Relates::Uses);
            for s in software.iter().filter(|s| s.entity.kind == Kind::Software) {
                for used in known.from(&s.entity.id, Relates::Uses) {
                    gap.add(coverage, known, used.entity, Some(&s.entity.name));
                }
            }
        }
        gap.techniques.sort();
        gap
    }

    fn add(&mut self, coverage: &Coverage, known: &Knowledge, technique: &Entity, through: Option<&str>) {
        let latest = known.latest(&technique.id);
        if self.techniques.iter().any(|t| t.0 == latest) {
            return;
        }
        let seen = match coverage.techniques.get(&latest) {
            None => Seen::Elsewhere,
            Some(t) if t.best() != Best::Nothing => Seen::Own(t.best()),
            Some(t) if t.below > 0 => Seen::Below,
            Some(t) if t.above > 0 => Seen::Above,
            Some(_) => Seen::Not,
        };
        let name = coverage.techniques.get(&latest).map_or(&technique.name, |t| &t.name).clone();
        self.techniques.push((latest, name, seen, through.map(str::to_owned)));
    }

    /// Techniques seen in a way, counted.
    pub fn count(&self, which: impl Fn(Seen) -> bool) -> usize {
        self.techniques.iter().filter(|t| which(t.2)).count()
    }
}
