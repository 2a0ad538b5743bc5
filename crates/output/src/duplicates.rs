//! Duplicates among rules, for people and as JSON lines.

use shikra_compare::Duplicates;
use shikra_ir::Rule;

use crate::compare::rule;
use crate::escape::for_terminal;
use crate::json::Json;
use crate::paint::thousands;
use crate::{Paint, Style};

/// What was found among rules.
pub struct Report<'a> {
    /// The rules that were looked at.
    pub rules: &'a [Rule],
    /// By their position.
    pub found: &'a Duplicates,
    /// How many were compared.
    pub compared: usize,
}

impl Report<'_> {
    fn line(&self, at: usize, style: &Style) -> String {
        let Some(r) = self.rules.get(at) else { return String::new() };
        let place = style.paint(Paint::Faint, &for_terminal(&r.meta.path));
        format!("{:8} {}  {place}\n", r.meta.language, for_terminal(&r.meta.title))
    }

    /// For people: each group of equals, then each rule with those that include it.
    pub fn render(&self, style: &Style) -> String {
        let mut out = String::new();
        for group in &self.found.equal {
            out.push_str(&format!("{}\n", style.paint(Paint::Strong, "the same events")));
            group.iter().for_each(|r| out.push_str(&format!("  {}", self.line(*r, style))));
        }
        let mut last = None;
        for (a, b) in &self.found.within {
            if last != Some(*a) {
                out.push_str(&format!("{} {}", style.paint(Paint::Strong, "included"), self.line(*a, style)));
                last = Some(*a);
            }
            out.push_str(&format!("  in     {}", self.line(*b, style)));
        }
        out
    }

    /// One JSON object a line: `{"relation":"equal","rules":[…]}` or `{"relation":"implies","first":…,"second":…}`.
    pub fn to_json(&self) -> String {
        let mut out = Vec::new();
        let mut line = |fill: &mut dyn FnMut(&mut crate::json::Members<'_>)| {
            Json::new(&mut out).object(|o| {
                o.key("schema").string("shikra.duplicates/1");
                fill(o);
            });
            out.push(b'\n');
        };
        let meta = |at: &usize| self.rules.get(*at).map(|r| &r.meta);
        for group in &self.found.equal {
            line(&mut |o| {
                o.key("relation").string("equal");
                o.key("rules").array(|a| {
                    group.iter().filter_map(meta).for_each(|m| a.item().object(|o| rule(m, o)));
                });
            });
        }
        for (a, b) in &self.found.within {
            let (Some(a), Some(b)) = (meta(a), meta(b)) else { continue };
            line(&mut |o| {
                o.key("relation").string("implies");
                o.key("first").object(|o| rule(a, o));
                o.key("second").object(|o| rule(b, o));
            });
        }
        String::from_utf8(out).unwrap_or_default()
    }

    /// Counts, for people.
    pub fn summary(&self) -> String {
        let f = self.found;
        let language = |at: &usize| self.rules.get(*at).map_or("", |r| r.meta.language);
        let across = f
            .equal
            .iter()
            .filter(|g| g.iter().any(|r| language(r) != g.first().map_or("", language)))
            .count();
        let included: std::collections::BTreeSet<usize> = f.within.iter().map(|(a, _)| *a).collect();
        let others = self.rules.len() - self.compared - f.nowhere.len();
        let n = |n: usize| thousands(n as u64);
        format!(
            "{} rules compared, {} pairs looked at\n{} groups of rules for the same events, {} rules in them, {} groups \
             across languages\n{} rules included in others, {} such pairs\n{} rules left out for no event of the tables \
             can match them, {} for they keep state or do not load\n{} pairs left undecided, {} not looked at for \
             the bound on work\n",
            n(self.compared),
            thousands(f.pairs),
            n(f.equal.len()),
            n(f.equal.iter().map(Vec::len).sum()),
            n(across),
            n(included.len()),
            n(f.within.len()),
            n(f.nowhere.len()),
            n(others),
            thousands(f.undecided),
            thousands(f.unread),
        )
    }
}
