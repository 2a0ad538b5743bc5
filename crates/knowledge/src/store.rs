//! Everything that is known, joined, with look-ups.

use std::collections::{BTreeSet, HashMap};

use crate::model::{Entity, Kind, Link, Part, Relates, State};
use crate::versions::{Attack, Versions};

/// Longest chain of successors followed.
const LONGEST_CHAIN: usize = 16;

/// Everything that is known.
#[derive(Clone, Debug, Default)]
pub struct Knowledge {
    entities: Vec<Entity>,
    by_id: HashMap<String, usize>,
    by_name: HashMap<String, Vec<usize>>,
    links: Vec<Joined>,
    from: Vec<Vec<usize>>,
    to: Vec<Vec<usize>>,
    versions: Versions,
    titles: Vec<String>,
    attack: Option<String>,
}

#[derive(Clone, Debug)]
struct Joined {
    from: usize,
    how: Relates,
    to: usize,
    link: Link,
}

/// A relation, seen from one of its entities.
#[derive(Clone, Copy, Debug)]
pub struct Related<'k> {
    /// The entity at the other end.
    pub entity: &'k Entity,
    /// The relation, with what its makers say of it.
    pub link: &'k Link,
}

/// An id, and what stands for it now.
#[derive(Clone, Debug)]
pub struct Resolved<'k> {
    /// What was asked for.
    pub asked: &'k Entity,
    /// What stands for it: itself where it was not revoked, or where nobody says by what.
    pub entity: &'k Entity,
    /// Ids passed on the way, the first asked for, the last left out.
    pub passed: Vec<&'k str>,
}

impl Knowledge {
    /// The facts that ship with the program.
    pub fn embedded() -> Knowledge {
        Knowledge::with(Vec::new())
    }

    /// The facts that ship with the program, and what `parts` know beyond or instead of them. Later parts win.
    ///
    /// Where one of the parts is an ATT&CK bundle, its relations replace those that ship.
    pub fn with(parts: Vec<Part>) -> Knowledge {
        let mut base = crate::tables::embedded();
        if parts.iter().any(|p| p.attack_version.is_some()) {
            base.links.retain(|l| !is_attack(l.how));
        }
        Knowledge::only(std::iter::once(base).chain(parts).collect())
    }

    /// What `parts` know, without the facts that ship with the program.
    pub fn only(parts: Vec<Part>) -> Knowledge {
        let mut known = Knowledge::default();
        let mut links = Vec::new();
        for mut part in parts {
            known.titles.extend(Some(part.title.clone()).filter(|t| !t.is_empty()));
            known.attack = part.attack_version.take().or(known.attack);
            for entity in part.entities.drain(..) {
                known.add(entity);
            }
            links.append(&mut part.links);
            known.versions.add(&mut part);
        }
        known.name_what_moves_lead_to();
        known.join(links);
        known.index_names();
        known
    }

    fn add(&mut self, entity: Entity) {
        let key = key(&entity.id);
        match self.by_id.get(&key).and_then(|i| self.entities.get_mut(*i)) {
            Some(known) => known.absorb(entity),
            None => {
                self.by_id.insert(key, self.entities.len());
                self.entities.push(entity);
            }
        }
    }

    /// Ids of a later version that no bundle here has: they have what their predecessors had.
    fn name_what_moves_lead_to(&mut self) {
        let moves: Vec<(String, String, String)> =
            self.versions.moves().map(|m| (m.from.clone(), m.to.clone(), m.name.clone())).collect();
        let unknown: BTreeSet<String> = moves
            .iter()
            .map(|m| m.1.clone())
            .filter(|to| self.get(to).is_none_or(|e| e.platforms.is_empty()))
            .collect();
        for (from, to, name) in moves.into_iter().filter(|m| unknown.contains(&m.1)) {
            let mut e = Entity::new(Kind::Technique, to.clone(), name);
            let known = self.get(&to);
            e.platforms = known.map_or(Vec::new(), |k| k.platforms.clone());
            if let Some(old) = self.get(&from) {
                let more = old.platforms.iter().filter(|p| !e.platforms.contains(p)).cloned();
                e.platforms.extend(more.collect::<Vec<_>>());
                if known.is_none() {
                    e.tactics = old.tactics.clone();
                }
            }
            self.add(e);
        }
    }

    fn join(&mut self, mut links: Vec<Link>) {
        // Ids of sub-techniques say what they belong to.
        let subs = self.entities.iter().filter(|e| e.kind == Kind::Technique);
        links.extend(subs.filter_map(|e| {
            let (parent, _) = e.id.split_once('.')?;
            Some(Link::new(e.id.clone(), Relates::Within, parent))
        }));
        let is_component = |e: &Entity| e.kind == Kind::DataComponent && e.state == State::Current;
        let components = self.entities.iter().enumerate().filter(|(_, e)| is_component(e));
        let components: HashMap<String, usize> = components.map(|(i, e)| (fold(&e.name), i)).collect();
        let mut seen: HashMap<(usize, Relates, usize), usize> = HashMap::new();
        for link in links {
            let to = match link.how {
                Relates::Shows => components.get(&fold(&link.to)),
                _ => self.by_id.get(&key(&link.to)),
            };
            let ends = (self.by_id.get(&key(&link.from)), to);
            let (Some(&from), Some(&to)) = ends else { continue };
            let at = seen.entry((from, link.how, to)).or_insert(self.links.len());
            match self.links.get_mut(*at) {
                Some(known) if !link.text.is_empty() || known.link.text.is_empty() => known.link = link,
                Some(_) => {}
                None => self.links.push(Joined { from, how: link.how, to, link }),
            }
        }
        self.from = vec![Vec::new(); self.entities.len()];
        self.to = vec![Vec::new(); self.entities.len()];
        for (i, l) in self.links.iter().enumerate() {
            self.from[l.from].push(i);
            self.to[l.to].push(i);
        }
    }

    fn index_names(&mut self) {
        for (i, e) in self.entities.iter().enumerate() {
            let mut names = vec![e.name.as_str()];
            names.extend(e.aliases.iter().map(String::as_str));
            if e.kind == Kind::Tactic {
                names.extend(e.tactics.iter().map(String::as_str));
            }
            for name in names {
                let at = self.by_name.entry(fold(name)).or_default();
                if !at.contains(&i) {
                    at.push(i);
                }
            }
        }
    }

    /// Version of ATT&CK that the techniques are of: `18.1`.
    pub fn attack_version(&self) -> &str {
        self.attack.as_deref().unwrap_or("")
    }

    /// What was read beside the facts that ship.
    pub fn titles(&self) -> &[String] {
        &self.titles
    }

    /// Which ids stand for which from one version of ATT&CK to the next.
    pub fn versions(&self) -> &Versions {
        &self.versions
    }

    /// All entities of a kind, in the order of their ids.
    pub fn of_kind(&self, kind: Kind) -> Vec<&Entity> {
        let mut all: Vec<&Entity> = self.entities.iter().filter(|e| e.kind == kind).collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all
    }

    /// The entity of that id, in any case.
    pub fn get(&self, id: &str) -> Option<&Entity> {
        self.by_id.get(&key(id)).and_then(|i| self.entities.get(*i))
    }

    /// What an id, a name or an alias means, current entities first: several where a name has several bearers.
    pub fn find(&self, text: &str) -> Vec<&Entity> {
        if let Some(e) = self.get(text) {
            return vec![e];
        }
        let at = self.by_name.get(&fold(text));
        let mut found: Vec<&Entity> =
            at.into_iter().flatten().filter_map(|i| self.entities.get(*i)).collect();
        if found.iter().any(|e| e.state == State::Current) {
            found.retain(|e| e.state == State::Current);
        }
        found.sort_by(|a, b| (a.kind, &a.id).cmp(&(b.kind, &b.id)));
        found
    }

    /// The entity of an id; where it was revoked, what stands for it.
    pub fn resolve(&self, id: &str) -> Option<Resolved<'_>> {
        let asked = self.get(id)?;
        let mut entity = asked;
        let mut passed = Vec::new();
        while let State::Revoked(Some(next)) = &entity.state
            && passed.len() < LONGEST_CHAIN
            && let Some(next) = self.get(next)
        {
            passed.push(entity.id.as_str());
            entity = next;
        }
        Some(Resolved { asked, entity, passed })
    }

    /// The id by which the newest version of ATT&CK that is known here calls a technique: revocations and moves
    /// followed. An unknown id answers itself, upper-case.
    pub fn latest(&self, id: &str) -> String {
        let mut at = self.get(id).map_or_else(|| key(id), |e| e.id.clone());
        for _ in 0..LONGEST_CHAIN {
            let revoked = match self.get(&at).map(|e| &e.state) {
                Some(State::Revoked(Some(next))) => Some(next.clone()),
                _ => None,
            };
            match revoked.or_else(|| self.versions.successor(&at).map(|m| m.to.clone())) {
                Some(next) if next != at => at = next,
                _ => break,
            }
        }
        at
    }

    /// Short names of the tactics of a technique, as a version of ATT&CK calls them.
    pub fn tactics(&self, technique: &Entity, version: Attack) -> Vec<&'static str> {
        self.versions.tactics(&technique.id, &technique.tactics, version)
    }

    /// What an entity has to do with others, from it to them.
    pub fn from<'k>(&'k self, id: &str, how: Relates) -> Vec<Related<'k>> {
        self.side(id, how, &self.from, |l| l.to)
    }

    /// What others have to do with an entity, from them to it.
    pub fn to<'k>(&'k self, id: &str, how: Relates) -> Vec<Related<'k>> {
        self.side(id, how, &self.to, |l| l.from)
    }

    fn side<'k>(
        &'k self,
        id: &str,
        how: Relates,
        index: &'k [Vec<usize>],
        other: fn(&Joined) -> usize,
    ) -> Vec<Related<'k>> {
        let links = self.by_id.get(&key(id)).and_then(|i| index.get(*i)).into_iter().flatten();
        let related = |l: &'k Joined| Some(Related { entity: self.entities.get(other(l))?, link: &l.link });
        let mut out: Vec<Related<'_>> =
            links.filter_map(|i| self.links.get(*i)).filter(|l| l.how == how).filter_map(related).collect();
        out.sort_by(|a, b| (a.entity.kind, &a.entity.id).cmp(&(b.entity.kind, &b.entity.id)));
        out
    }

    /// All relations.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        self.links.iter().map(|l| &l.link)
    }

    /// Number of entities.
    pub fn len(&self) -> usize {
        self.entities.len()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.entities.is_empty()
    }
}

fn is_attack(how: Relates) -> bool {
    !matches!(
        how,
        Relates::Counters
            | Relates::Covers
            | Relates::Implements
            | Relates::Tests
            | Relates::Serves
            | Relates::Shows
    )
}

/// Ids are looked up in any case.
fn key(id: &str) -> String {
    id.trim().to_uppercase()
}

/// Names are looked up in any case, with `_` and `-` as spaces.
fn fold(name: &str) -> String {
    name.trim().to_lowercase().replace(['_', '-'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tags::Verdict;

    #[test]
    fn facts_that_ship() {
        let k = Knowledge::embedded();
        assert_eq!(k.attack_version(), "18.1");
        let old = k.resolve("t1191").unwrap();
        assert_eq!((old.entity.id.as_str(), old.passed.as_slice()), ("T1218.003", &["T1191"][..]));
        let groups: Vec<&str> =
            k.to("T1218.003", Relates::Uses).iter().map(|r| r.entity.name.as_str()).collect();
        assert!(groups.contains(&"Cobalt Group") && groups.contains(&"MuddyWater"), "{groups:?}");
        assert_eq!(k.from("T1218.003", Relates::Within)[0].entity.id, "T1218");
        assert!(!k.to("T1218.003", Relates::Counters).is_empty());
        assert!(!k.to("T1218.003", Relates::Covers).is_empty());
        assert!(!k.to("T1218.003", Relates::Serves).is_empty());
        assert_eq!(k.find("cobalt_group")[0].id, "G0080");
    }

    #[test]
    fn both_versions_of_attack() {
        let k = Knowledge::embedded();
        assert_eq!(k.latest("T1562.001"), "T1685");
        assert_eq!(k.latest("T1054"), "T1685"); // revoked by T1562.006, which moved
        assert_eq!(k.latest("T1218.003"), "T1218.003");
        assert_eq!(k.latest("nonsense"), "NONSENSE");
        assert_eq!(k.get("T1686.003").unwrap().name, "Windows Host Firewall");
        assert_eq!(k.tactics(k.get("T1686.003").unwrap(), Attack::V18), ["defense-evasion"]);
        assert_eq!(k.tactics(k.get("T1548.002").unwrap(), Attack::V19), ["privilege-escalation"]);
    }

    #[test]
    fn tags() {
        let k = Knowledge::embedded();
        assert!(matches!(k.tag("attack.t1218.003"), Verdict::Known(e) if e.id == "T1218.003"));
        assert!(matches!(k.tag("attack.T1191"), Verdict::Revoked(_, Some(e)) if e.id == "T1218.003"));
        assert!(matches!(k.tag("attack.t1562.001"), Verdict::Moved(_, to, _) if to == ["T1685"]));
        assert!(matches!(k.tag("attack.t1685"), Verdict::Known(_)));
        assert!(matches!(k.tag("attack.g0080"), Verdict::Known(_)));
        assert!(matches!(k.tag("attack.stealth"), Verdict::Known(e) if e.id == "TA0005"));
        assert!(matches!(k.tag("attack.defense-impairment"), Verdict::Known(_)));
        assert!(matches!(k.tag("attack.defense_evasion"), Verdict::Moved(..)));
        assert_eq!(k.tag("attack.t1218.099"), Verdict::Unknown(Some("T1218".into())));
        assert_eq!(k.tag("attack.excution"), Verdict::Unknown(Some("execution".into())));
        assert_eq!(k.tag("attack."), Verdict::Unknown(None));
        assert!(matches!(k.tag("car.2020-11-010"), Verdict::Known(_)));
        assert!(matches!(k.tag("d3fend.d3-psa"), Verdict::Known(_)));
        assert_eq!(k.tag("cve.2021-1"), Verdict::Foreign);
        assert_eq!(k.tag("plain"), Verdict::Foreign);
    }

    #[test]
    fn chains_that_go_round_end() {
        let mut part = Part::default();
        for (id, next) in [("T9001", "T9002"), ("T9002", "T9001")] {
            let mut e = Entity::new(Kind::Technique, id, id);
            e.state = State::Revoked(Some(next.into()));
            part.entities.push(e);
        }
        let k = Knowledge::only(vec![part]);
        assert!(k.resolve("T9001").is_some());
        assert!(k.latest("T9001").starts_with("T900"));
    }
}
