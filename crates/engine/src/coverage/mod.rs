//! Which techniques are covered: by rules, by data that the rules can fire on, by proof that they do.
//!
//! Every id is led to what the newest known version of ATT&CK calls it before it is counted, so that rule sets
//! tagged by different versions, groups and proofs meet. What a layer or a table calls it is said with
//! [`Coverage::shown_as`].

mod groups;
mod proof;
mod sight;

use std::collections::{BTreeMap, BTreeSet};

use shikra_ir::{LoadStatus, Rule};
use shikra_knowledge::{Attack, Entity, Kind, Knowledge, Relates, State};

pub use groups::{Gap, Seen};
pub use proof::{Proof, ProofRow, layer_rules};
pub use sight::Logs;

use crate::finding::{Finding, FindingSink};

/// What a scan of the data said of the rules.
#[derive(Clone, Debug, Default)]
pub struct Data {
    /// Rules that saw no event of their log source: id and title.
    pub unable: BTreeSet<(String, String)>,
    /// Findings by rule: id and title.
    pub findings: BTreeMap<(String, String), u64>,
    /// Channels, in lower case, and event ids that it holds.
    pub logs: Logs,
}

impl FindingSink for Data {
    fn finding(&mut self, finding: &Finding) -> std::io::Result<()> {
        *self.findings.entry((finding.rule.id.clone(), finding.rule.title.clone())).or_insert(0) += 1;
        Ok(())
    }
}

/// What is to be counted.
pub struct Question<'a> {
    /// Everything that is known.
    pub known: &'a Knowledge,
    /// The rules.
    pub rules: &'a [Rule],
    /// What a scan said, where there was one.
    pub data: Option<&'a Data>,
    /// What validations said.
    pub proofs: &'a [Proof],
    /// Only techniques of this platform; none: all.
    pub platform: Option<&'a str>,
    /// How the answer names techniques and tactics.
    pub attack: Attack,
}

/// Coverage of one technique.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Covered {
    /// Id, as the version asked for has it.
    pub id: String,
    /// Name.
    pub name: String,
    /// Short names of tactics, as the version asked for has them.
    pub tactics: Vec<&'static str>,
    /// Rules that name it, by language.
    pub rules: BTreeMap<&'static str, usize>,
    /// Titles of these rules.
    pub titles: BTreeSet<String>,
    /// Rules that can fire on the data; none where there is no data.
    pub ready: Option<usize>,
    /// Whether the data holds what an analytic of ATT&CK reads for it; none where nobody knows.
    pub seen: Option<bool>,
    /// Findings in the data.
    pub findings: u64,
    /// Rules proven to fire on it.
    pub proven: usize,
    /// Rules proven not to.
    pub missed: usize,
    /// Rules of its sub-techniques, where it has any.
    pub below: usize,
    /// Rules of the technique it belongs to.
    pub above: usize,
    /// D3FEND countermeasures: id, name, tactic.
    pub countermeasures: Vec<(String, String, String)>,
}

impl Covered {
    /// Number of rules.
    pub fn rule_count(&self) -> usize {
        self.rules.values().sum()
    }

    /// Whether the data would show it and no rule looks.
    pub fn unwatched(&self) -> bool {
        self.seen == Some(true) && self.rule_count() == 0
    }

    /// How far it is covered.
    pub fn best(&self) -> Best {
        match self {
            c if c.proven > 0 => Best::Proven,
            c if c.ready.is_some_and(|n| n > 0) => Best::Data,
            c if c.rule_count() > 0 => Best::Rule,
            _ => Best::Nothing,
        }
    }
}

/// How far a technique is covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Best {
    /// Not at all.
    Nothing,
    /// A rule names it.
    Rule,
    /// The data has what the rule needs.
    Data,
    /// A rule was shown to fire on it.
    Proven,
}

impl Best {
    /// `none`, `rule`, `data`, `proven`.
    pub fn as_str(self) -> &'static str {
        match self {
            Best::Nothing => "none",
            Best::Rule => "rule",
            Best::Data => "data",
            Best::Proven => "proven",
        }
    }
}

/// Coverage of all techniques.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// By the newest id; those without rules too.
    pub techniques: BTreeMap<String, Covered>,
    /// The version by which techniques and tactics are named.
    pub attack: Attack,
    /// Rules counted.
    pub rules: usize,
    /// Rules without a technique.
    pub untagged: usize,
    /// Tags that name no technique that is known or of the platform, with the number of rules.
    pub elsewhere: BTreeMap<String, usize>,
    /// Whether there was data.
    pub has_data: bool,
    /// Whether there were proofs.
    pub has_proof: bool,
}

impl Coverage {
    /// Counts.
    pub fn of(q: &Question<'_>) -> Coverage {
        let mut c = Coverage {
            techniques: all_techniques(q),
            attack: q.attack,
            has_data: q.data.is_some(),
            has_proof: !q.proofs.is_empty(),
            ..Coverage::default()
        };
        let proofs = proof::by_rule(q.proofs);
        for rule in q.rules.iter().filter(|r| r.reports && r.status != LoadStatus::Rejected) {
            c.rule(q, rule, &proofs);
        }
        // Proofs of rules that are not loaded count for what they name themselves.
        for row in proofs.values().flatten().filter(|r| r.fired) {
            for id in &row.techniques {
                if let Some(t) = c.techniques.get_mut(&q.known.latest(id)) {
                    t.proven = t.proven.max(1);
                }
            }
        }
        c.relatives();
        c
    }

    fn rule(&mut self, q: &Question<'_>, rule: &Rule, proofs: &BTreeMap<String, Vec<&ProofRow>>) {
        self.rules += 1;
        let ids: BTreeSet<String> = rule.meta.techniques().iter().map(|t| q.known.latest(t)).collect();
        self.untagged += usize::from(ids.is_empty());
        let own = (rule.meta.id.clone(), rule.meta.title.clone());
        let rows = [&own.0, &own.1].into_iter().find_map(|k| proofs.get(k)).map_or(&[][..], Vec::as_slice);
        let fired = |id: &str| rows.iter().any(|r| r.fired && r.is_of(id, q.known));
        let missed = |id: &str| rows.iter().any(|r| !r.fired && r.is_of(id, q.known));
        for id in ids {
            let Some(t) = self.techniques.get_mut(&id) else {
                *self.elsewhere.entry(id).or_insert(0) += 1;
                continue;
            };
            *t.rules.entry(rule.meta.language).or_insert(0) += 1;
            t.titles.insert(rule.meta.title.clone());
            t.proven += usize::from(fired(&id));
            t.missed += usize::from(!fired(&id) && missed(&id));
            if let Some(data) = q.data {
                *t.ready.get_or_insert(0) += usize::from(!data.unable.contains(&own));
                t.findings += data.findings.get(&own).copied().unwrap_or(0);
            }
        }
    }

    /// Counts rules of sub-techniques for their technique, and the other way.
    fn relatives(&mut self) {
        let counts: Vec<(String, usize)> =
            self.techniques.iter().map(|(id, t)| (id.clone(), t.rule_count())).collect();
        for (id, rules) in counts {
            match id.split_once('.') {
                Some((parent, _)) => {
                    if let Some(t) = self.techniques.get_mut(parent) {
                        t.below += rules;
                    }
                }
                None => {
                    let inside = format!("{id}.");
                    let after = self.techniques.range_mut(inside.clone()..);
                    after.take_while(|(i, _)| i.starts_with(&inside)).for_each(|(_, t)| t.above = rules);
                }
            }
        }
    }

    /// Id and tactics of a technique as the version asked for has them. An id of version 19 may stand for several of
    /// version 18.
    pub fn shown_as(&self, known: &Knowledge, id: &str) -> Vec<String> {
        let before = known.versions().before(id);
        match self.attack {
            Attack::V18 if !before.is_empty() => before.to_vec(),
            _ => vec![id.to_owned()],
        }
    }
}

/// The techniques that stand and are of the platform, by newest id.
fn all_techniques(q: &Question<'_>) -> BTreeMap<String, Covered> {
    let mut out: BTreeMap<String, Covered> = BTreeMap::new();
    for e in q.known.of_kind(Kind::Technique) {
        let of_platform = q.platform.is_none_or(|p| e.platforms.iter().any(|o| o.eq_ignore_ascii_case(p)));
        // What only a version map knows has no platforms.
        if e.state != State::Current || !(of_platform || e.platforms.is_empty()) {
            continue;
        }
        let latest = q.known.latest(&e.id);
        let newest = q.known.get(&latest).unwrap_or(e);
        let t = out.entry(latest.clone()).or_insert_with(|| Covered {
            id: latest.clone(),
            name: full_name(q.known, newest),
            tactics: q.known.tactics(newest, q.attack),
            ready: q.data.map(|_| 0),
            seen: q.data.and_then(|d| sight::seen(q.known, &[&e.id, &latest], &d.logs)),
            ..Covered::default()
        });
        for id in [&e.id, &latest] {
            for (id, name, tactic) in countermeasures(q.known, id) {
                if !t.countermeasures.iter().any(|c| c.0 == id) {
                    t.countermeasures.push((id, name, tactic));
                }
            }
        }
    }
    out
}

fn full_name(known: &Knowledge, e: &Entity) -> String {
    match known.from(&e.id, Relates::Within).first() {
        Some(parent) => format!("{}: {}", parent.entity.name, e.name),
        None => e.name.clone(),
    }
}

/// D3FEND's countermeasures against a technique: id, name, tactic.
pub fn countermeasures(known: &Knowledge, id: &str) -> Vec<(String, String, String)> {
    let all = known.to(id, Relates::Counters);
    let tactic = |e: &Entity| match &e.details {
        shikra_knowledge::Details::Countermeasure(c) => c.tactic.clone(),
        _ => String::new(),
    };
    all.iter().map(|r| (r.entity.id.clone(), r.entity.name.clone(), tactic(r.entity))).collect()
}

/// What one rule set has and another has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// Only here.
    Here,
    /// Only there.
    There,
    /// In both.
    Both,
}

impl Side {
    /// `here`, `there`, `both`.
    pub fn as_str(self) -> &'static str {
        match self {
            Side::Here => "here",
            Side::There => "there",
            Side::Both => "both",
        }
    }
}

/// Which techniques have rules here, there, or in both; `there` counts rules by technique, by any id.
pub fn diff(
    here: &Coverage,
    there: &BTreeMap<String, usize>,
    known: &Knowledge,
) -> BTreeMap<String, (Side, usize, usize)> {
    let mut other: BTreeMap<String, usize> = BTreeMap::new();
    for (id, rules) in there {
        *other.entry(known.latest(id)).or_insert(0) += rules;
    }
    let mut out = BTreeMap::new();
    for (id, t) in &here.techniques {
        let (mine, theirs) = (t.rule_count(), other.get(id).copied().unwrap_or(0));
        let side = match (mine > 0, theirs > 0) {
            (true, true) => Side::Both,
            (true, false) => Side::Here,
            (false, true) => Side::There,
            (false, false) => continue,
        };
        out.insert(id.clone(), (side, mine, theirs));
    }
    out
}
