//! The selections of a rule, lowered when a condition first names them, and conditions over them.

use std::sync::Arc;

use shikra_ir::{Expr, Opaque};
use shikra_syntax::{Diagnostic, Span};

use crate::condition::{Cond, Quantity};
use crate::item::{Det, Selection};
use crate::modifier;
use crate::near_name::nearest;
use crate::rule::Sink;

/// Most patterns of a rule, those of a selection counted each time it is named.
pub(crate) const MAX_PATTERNS: usize = 500_000;
/// Most combinations that `n of pattern` may stand for.
const MAX_COMBINATIONS: usize = 2_000;

/// The selections of one rule.
pub(crate) struct Selections<'a> {
    list: Vec<Selection<'a>>,
    /// The patterns of those that have been lowered.
    lowered: Vec<Option<usize>>,
    /// Version 1: `all of name` quantifies over the items of a list, and `them` means all.
    v1: bool,
}

impl<'a> Selections<'a> {
    pub fn new(list: Vec<Selection<'a>>, v1: bool) -> Selections<'a> {
        let lowered = vec![None; list.len()];
        Selections { list, lowered, v1 }
    }

    /// The predicate of a condition.
    pub fn lower(&mut self, cond: &Cond, sink: &mut Sink) -> Expr {
        match cond {
            Cond::Name(name, span) => match self.list.iter().position(|s| s.name == *name) {
                Some(at) => self.named(at, sink),
                None => {
                    let near = nearest(name, self.list.iter().map(|s| &*s.name));
                    let help = near.map(|n| format!("did you mean `{n}`?"));
                    sink.reject("undefined-selection", format!("no selection `{name}`"), *span, help);
                    Expr::FALSE
                }
            },
            Cond::Of(quantity, pattern, span) => self.quantified(*quantity, pattern.as_deref(), *span, sink),
            Cond::Not(c) => self.lower(c, sink).negate(),
            Cond::And(v) => Expr::and(v.iter().map(|c| self.lower(c, sink))),
            Cond::Or(v) => Expr::or(v.iter().map(|c| self.lower(c, sink))),
        }
    }

    /// Warns of selections that no condition names.
    pub fn report_unused(&self, sink: &mut Sink) {
        for (s, lowered) in self.list.iter().zip(&self.lowered) {
            if lowered.is_none() && !sink.rejected {
                sink.warn("dead-selection", format!("no condition uses selection `{}`", s.name), s.name_span);
            }
        }
    }

    /// Where the selections stand that a pattern (`None`: `them`) means.
    pub fn matching(&self, pattern: Option<&str>) -> Vec<usize> {
        let wanted = |name: &str| match pattern {
            None => self.v1 || !name.starts_with('_'),
            Some(p) => glob(p, name),
        };
        (0..self.list.len()).filter(|&i| !self.list[i].added && wanted(&self.list[i].name)).collect()
    }

    /// One selection, under its name.
    pub fn named(&mut self, at: usize, sink: &mut Sink) -> Expr {
        let Some(selection) = self.list.get(at) else { return Expr::FALSE };
        let known = self.lowered[at];
        if let Some(cost) = known
            && sink.patterns.saturating_add(cost) > MAX_PATTERNS
        {
            if !sink.rejected {
                let message = format!("the conditions stand for more than {MAX_PATTERNS} patterns");
                sink.reject("too-large", message, selection.name_span, None);
            }
            return Expr::FALSE;
        }
        // Few are named twice: to lower those again takes less than to keep a copy of all. What there is to say of
        // them has been said.
        let (before, said) = (sink.patterns, sink.diagnostics.len());
        let expr = lower(&selection.det, sink);
        let expr = called(&selection.name, expr, sink);
        if known.is_some() {
            sink.diagnostics.truncate(said);
        }
        self.lowered[at] = Some(sink.patterns - before);
        expr
    }

    fn quantified(&mut self, quantity: Quantity, pattern: Option<&str>, span: Span, sink: &mut Sink) -> Expr {
        let targets = self.matching(pattern);
        if let (Quantity::All, Some(name), [at]) = (quantity, pattern, targets.as_slice())
            && !name.contains('*')
            && self.list[*at].is_list
        {
            return self.list_items(*at, span, sink);
        }
        if targets.is_empty() {
            return self.nothing_matches(quantity, pattern, span, sink);
        }
        match quantity {
            Quantity::AtLeast(n) if n != 1 => {
                let parts = targets.into_iter().map(|at| self.named(at, sink)).collect();
                at_least(n, parts, span, sink)
            }
            Quantity::All => Expr::and(targets.into_iter().map(|at| self.named(at, sink))),
            Quantity::AtLeast(_) => Expr::or(targets.into_iter().map(|at| self.named(at, sink))),
        }
    }

    /// `all of keywords`: version 1 asks for all items of the list, version 2 for the selection as it is.
    fn list_items(&mut self, at: usize, span: Span, sink: &mut Sink) -> Expr {
        let name = self.list[at].name.clone();
        if !self.v1 {
            let message = format!("`all of {name}` means selection `{name}` as it is: any item of its list");
            let help = "write the list under the key '|all' to ask for all its items";
            sink.diagnostics.push(Diagnostic::warning("all-of-list", message, span).with_help(help));
            return self.named(at, sink);
        }
        let message = format!("`all of {name}` is read as in Sigma version 1: all items of the list");
        sink.diagnostics.push(Diagnostic::note("v1-quantifier", message, span));
        self.named(at, sink);
        let parts = match &self.list[at].det {
            Det::Any(parts) => parts.iter().map(|d| lower(d, sink)).collect(),
            Det::Item(i) => {
                let mut i = i.clone();
                i.modifiers.push(("all".into(), span));
                vec![lower(&Det::Item(i), sink)]
            }
            other => vec![lower(other, sink)],
        };
        called(&name, Expr::and(parts), sink)
    }

    fn nothing_matches(
        &self,
        quantity: Quantity,
        pattern: Option<&str>,
        span: Span,
        sink: &mut Sink,
    ) -> Expr {
        let what = pattern.unwrap_or("them");
        if quantity == Quantity::All {
            sink.reject("unmatched-pattern", format!("no selection matches `{what}`"), span, None);
        } else {
            let message = format!("no selection matches `{what}`: this part never holds");
            sink.warn("unmatched-pattern", message, span);
        }
        Expr::FALSE
    }
}

/// What a selection asks, under its name where that may be told: findings do not say it.
fn called(name: &str, expr: Expr, sink: &Sink) -> Expr {
    match sink.options.digest {
        Some(_) => expr,
        None => Expr::Named(Arc::from(name), Box::new(expr)),
    }
}

/// At least `n` of the parts: any of the combinations of `n`.
fn at_least(n: usize, parts: Vec<Expr>, span: Span, sink: &mut Sink) -> Expr {
    if n > parts.len() {
        let message = format!("only {} selections match: this part never holds", parts.len());
        sink.warn("unmatched-pattern", message, span);
        return Expr::FALSE;
    }
    if n == parts.len() {
        return Expr::and(parts);
    }
    let Some(chosen) = combinations(n, parts.len(), MAX_COMBINATIONS) else {
        let message = format!("more than {MAX_COMBINATIONS} combinations");
        sink.reject("too-large", message, span, None);
        return Expr::Opaque(Opaque { reason: "too many combinations".into(), span });
    };
    Expr::or(chosen.into_iter().map(|v| Expr::and(v.into_iter().map(|i| parts[i].clone()))))
}

/// All ways to choose `n` of `len`, in order; none where there are more than `most`.
pub(crate) fn combinations(n: usize, len: usize, most: usize) -> Option<Vec<Vec<usize>>> {
    if n > len {
        return Some(Vec::new());
    }
    let mut chosen: Vec<usize> = (0..n).collect();
    let mut out = Vec::new();
    loop {
        if out.len() == most {
            return None;
        }
        out.push(chosen.clone());
        let Some(at) = (0..n).rev().find(|&i| chosen[i] < len - n + i) else { return Some(out) };
        chosen[at] += 1;
        for i in at + 1..n {
            chosen[i] = chosen[i - 1] + 1;
        }
    }
}

/// `*` stands for any characters.
pub(crate) fn glob(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(first) else { return false };
    let (middle, last) = rest.rsplit_once('*').map_or((None, rest), |(middle, last)| (Some(middle), last));
    for piece in middle.into_iter().flat_map(|m| m.split('*')) {
        match left.find(piece) {
            Some(at) => left = &left[at + piece.len()..],
            None => return false,
        }
    }
    left.ends_with(last)
}

/// The predicate of a selection's tree.
pub(crate) fn lower(det: &Det, sink: &mut Sink) -> Expr {
    match det {
        Det::Item(i) => modifier::lower(i, sink),
        Det::All(v) => Expr::and(v.iter().map(|d| lower(d, sink))),
        Det::Any(v) => Expr::or(v.iter().map(|d| lower(d, sink))),
    }
}

#[cfg(test)]
mod tests {
    use super::{combinations, glob};

    #[test]
    fn choices() {
        assert_eq!(combinations(2, 3, 10), Some(vec![vec![0, 1], vec![0, 2], vec![1, 2]]));
        assert_eq!(combinations(0, 3, 10), Some(vec![vec![]]));
        assert_eq!(combinations(20, 40, 2000), None);
    }

    #[test]
    fn globs() {
        for (pattern, name, want) in [
            ("sel*", "selection", true),
            ("*_x", "a_x", true),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "acb", false),
            ("sel", "selection", false),
            ("*", "x", true),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(glob(pattern, name), want, "{pattern} {name}");
        }
    }
}
