//! The Sysmon configuration and the audit policy that collect what rules need.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use shikra_ir::{Part, Pattern};
use shikra_syntax::Span;
use shikra_sysmon::{Condition, Operator, Wanted, kind_of, write};

use crate::SYSMON;
use crate::audit::{Setting, setting_of};
use crate::needs::{Constraint, EventNeed, Needs};

/// Alternatives that one clause is written out as.
const MOST_ALTERNATIVES: usize = 64;

fn events(needs: &[Needs]) -> impl Iterator<Item = &EventNeed> {
    needs.iter().flat_map(|n| n.stages.iter().flat_map(|s| &s.events))
}

/// A Sysmon configuration that logs every event that some rule could match, and few others.
pub fn sysmon_config(needs: &[Needs]) -> String {
    let mut wanted: BTreeMap<&'static str, Wanted> = BTreeMap::new();
    for event in events(needs).filter(|e| e.provider == SYSMON) {
        let Some(kind) = kind_of(event.event_id) else { continue };
        let all = &mut wanted.entry(kind.name).or_default().any_of;
        for alternative in event.clauses.iter().flat_map(|c| alternatives(c)) {
            if !all.contains(&alternative) {
                all.push(alternative);
            }
        }
    }
    for w in wanted.values_mut() {
        reduce(&mut w.any_of);
    }
    write(&wanted)
}

/// Leaves out what another alternative includes already.
fn reduce(any_of: &mut Vec<Vec<Condition>>) {
    if any_of.iter().any(Vec::is_empty) {
        *any_of = vec![Vec::new()];
        return;
    }
    let wide: Vec<Condition> = any_of
        .iter()
        .filter_map(|a| if let [one] = a.as_slice() { Some(one.clone()) } else { None })
        .collect();
    any_of.retain(|a| a.len() == 1 || !a.iter().any(|c| wide.contains(c)));
}

/// A clause as conjunctions of conditions, any of which may hold. They admit at least what the clause does.
fn alternatives(clause: &[Constraint]) -> Vec<Vec<Condition>> {
    let mut out: Vec<Vec<Condition>> = vec![Vec::new()];
    let mut sorted: Vec<&Constraint> = clause.iter().collect();
    sorted.sort_by_key(|c| c.one_of.len());
    for constraint in sorted {
        let any = conditions(constraint);
        if any.is_empty() || out.len() * any.len() > MOST_ALTERNATIVES {
            continue;
        }
        out =
            out.iter().flat_map(|a| any.iter().map(move |c| [a.clone(), vec![c.clone()]].concat())).collect();
    }
    out
}

/// Conditions any of which may hold; none where the constraint cannot be said.
fn conditions(constraint: &Constraint) -> Vec<Condition> {
    let mut by_operator: Vec<(Operator, Vec<String>)> = Vec::new();
    for p in &constraint.one_of {
        let Some((operator, value)) = condition(p) else { return Vec::new() };
        match by_operator.iter_mut().find(|(o, _)| *o == operator) {
            Some((_, values)) => values.push(value),
            None => by_operator.push((operator, vec![value])),
        }
    }
    let mut out = Vec::new();
    for (operator, mut values) in by_operator {
        values.dedup();
        let list = match operator {
            Operator::Is => Some(Operator::IsAny),
            Operator::Contains => Some(Operator::ContainsAny),
            _ => None,
        };
        let listable = values.iter().all(|v| !v.contains(';') && v.trim() == v);
        let field = &constraint.field;
        let make =
            |operator, value| Condition { field: field.clone(), operator, value, span: Span::default() };
        match list {
            Some(list) if values.len() > 1 && listable => out.push(make(list, values.join(";"))),
            _ => out.extend(values.into_iter().map(|v| make(operator, v))),
        }
    }
    out
}

/// A condition that holds of all that matches the pattern; none where there is no text to ask for. Values lose
/// blanks at their ends, as Sysmon reads them: what is asked becomes wider, not narrower.
fn condition(p: &Pattern) -> Option<(Operator, String)> {
    let (operator, text) = match *p.parts() {
        [Part::Lit(l)] => (Operator::Is, l),
        [Part::Any, Part::Lit(l)] => (Operator::EndWith, l),
        [Part::Lit(l), Part::Any] => (Operator::BeginWith, l),
        _ => (Operator::Contains, p.literals().max_by_key(|l| l.len())?),
    };
    let trimmed = text.trim();
    let operator = if trimmed.len() == text.len() { operator } else { Operator::Contains };
    (!trimmed.is_empty()).then(|| (operator, trimmed.to_owned()))
}

/// Commands that switch on what the rules need of Windows' own logs.
pub fn audit_policy(needs: &[Needs]) -> String {
    let mut settings: BTreeMap<Setting, BTreeSet<(String, u32)>> = BTreeMap::new();
    for event in events(needs).filter(|e| e.provider != SYSMON) {
        let fields: Vec<&str> = event.fields.iter().map(String::as_str).collect();
        for setting in setting_of(&event.channel, event.event_id, &fields) {
            settings.entry(setting).or_default().insert((event.channel.clone(), event.event_id));
        }
    }
    let mut out = String::from("@rem What the rules need of Windows' own logs. Run as administrator.\n");
    for (setting, events) in settings {
        let ids: BTreeSet<String> = events.iter().map(|(channel, id)| format!("{channel} {id}")).collect();
        let _ = writeln!(out, "@rem {}", ids.into_iter().collect::<Vec<_>>().join(", "));
        let _ = match setting {
            Setting::Audit(name) if name.contains("SACL") => {
                ["File System", "Registry", "Kernel Object", "SAM"]
                    .iter()
                    .try_for_each(|n| {
                        writeln!(out, "auditpol /set /subcategory:\"{n}\" /success:enable /failure:enable")
                    })
                    .and_then(|()| writeln!(out, "@rem and a SACL on each object that is to be watched"))
            }
            Setting::Audit(name) => {
                writeln!(out, "auditpol /set /subcategory:\"{name}\" /success:enable /failure:enable")
            }
            Setting::Registry(key, name, number) => {
                writeln!(out, "reg add \"{key}\" /v {name} /t REG_DWORD /d {number} /f")
            }
            Setting::Log(channel) => writeln!(out, "wevtutil sl \"{channel}\" /e:true"),
        };
    }
    out
}
