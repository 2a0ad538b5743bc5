//! Whether a text that matches a pattern satisfies a condition of Sysmon: always, never, or it depends.

use shikra_ir::{Part, Pattern};
use shikra_sysmon::{Condition, Operator, Truth};

/// What a condition says of every text that matches one of the patterns (in lower case).
pub(crate) fn judge(one_of: &[Pattern], c: &Condition) -> Truth {
    let values = c.values();
    let each = one_of.iter().map(|p| of_pattern(p, c.operator, &values));
    each.reduce(|a, b| if a == b { a } else { Truth::Unknown }).unwrap_or(Truth::Unknown)
}

fn of_pattern(p: &Pattern, operator: Operator, values: &[String]) -> Truth {
    use Operator::*;
    let any =
        |f: &dyn Fn(&Pattern, &str) -> Truth| values.iter().map(|v| f(p, v)).max().unwrap_or(Truth::False);
    let all =
        |f: &dyn Fn(&Pattern, &str) -> Truth| values.iter().map(|v| f(p, v)).min().unwrap_or(Truth::True);
    match operator {
        Is | IsAny => any(&is),
        IsNot => contrary(any(&is)),
        Contains | ContainsAny => any(&contains),
        ContainsAll => all(&contains),
        Excludes | ExcludesAll => contrary(any(&contains)),
        ExcludesAny => contrary(all(&contains)),
        BeginWith => any(&begins),
        NotBeginWith => contrary(any(&begins)),
        EndWith => any(&ends),
        NotEndWith => contrary(any(&ends)),
        Image => any(&image),
        LessThan => any(&|p, v| p.literal().map_or(Truth::Unknown, |l| Truth::of(*l < *v))),
        MoreThan => any(&|p, v| p.literal().map_or(Truth::Unknown, |l| Truth::of(*l > *v))),
    }
}

fn contrary(t: Truth) -> Truth {
    match t {
        Truth::False => Truth::True,
        Truth::Unknown => Truth::Unknown,
        Truth::True => Truth::False,
    }
}

/// The text itself, where a pattern has no wildcard (the empty text too).
fn literal(p: &Pattern) -> Option<&str> {
    if p.parts().is_empty() { Some("") } else { p.literal() }
}

fn is(p: &Pattern, v: &str) -> Truth {
    match literal(p) {
        Some(l) => Truth::of(l == v),
        None if p.matches(v) => Truth::Unknown,
        None => Truth::False,
    }
}

fn contains(p: &Pattern, v: &str) -> Truth {
    if let Some(l) = literal(p) {
        return Truth::of(l.contains(v));
    }
    let within = p.literals().any(|l| l.contains(v));
    if within { Truth::True } else { Truth::Unknown }
}

fn begins(p: &Pattern, v: &str) -> Truth {
    match (literal(p), p.parts().first()) {
        (Some(l), _) => Truth::of(l.starts_with(v)),
        (None, Some(Part::Lit(l))) if l.starts_with(v) => Truth::True,
        (None, Some(Part::Lit(l))) if !v.starts_with(*l) => Truth::False,
        _ => Truth::Unknown,
    }
}

fn ends(p: &Pattern, v: &str) -> Truth {
    match (literal(p), p.parts().last()) {
        (Some(l), _) => Truth::of(l.ends_with(v)),
        (None, Some(Part::Lit(l))) if l.ends_with(v) => Truth::True,
        (None, Some(Part::Lit(l))) if !v.ends_with(*l) => Truth::False,
        _ => Truth::Unknown,
    }
}

/// The whole path, or what follows its last separator.
fn image(p: &Pattern, v: &str) -> Truth {
    if v.contains('\\') {
        return is(p, v);
    }
    match (literal(p), p.parts().last()) {
        (Some(l), _) => Truth::of(l.rsplit('\\').next() == Some(v)),
        (None, Some(Part::Lit(l))) => match l.rsplit_once('\\') {
            Some((_, name)) => Truth::of(name == v),
            None if v.ends_with(*l) => Truth::Unknown,
            None => Truth::False,
        },
        _ => Truth::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shikra_syntax::Span;
    use shikra_sysmon::OPERATORS;

    fn pattern(text: &str) -> Pattern {
        Pattern::new(text.split_inclusive('*').flat_map(|s| {
            let lit = s.trim_end_matches('*');
            let mut out = Vec::new();
            if !lit.is_empty() {
                out.push(Part::Lit(lit.into()));
            }
            if s.ends_with('*') {
                out.push(Part::Any);
            }
            out
        }))
    }

    /// Every verdict agrees with every text of a small alphabet that the pattern matches.
    #[test]
    fn verdicts_are_sound() {
        let texts: Vec<String> = (0..5usize)
            .flat_map(|n| {
                (0..3usize.pow(n as u32))
                    .map(move |i| (0..n).map(|k| ['a', 'b', '\\'][i / 3usize.pow(k as u32) % 3]).collect())
            })
            .collect();
        let patterns = ["a", "*a", "a*", "*a*", "*\\a", "*\\ab", "a*b", "*", "", "\\*a"];
        let values = ["a", "b", "ab", "\\a", "a;b", "a\\b"];
        let mut decided = 0;
        let pairs = || patterns.iter().flat_map(|p| values.iter().map(move |v| (p, v)));
        for (operator, (p, v)) in OPERATORS.iter().flat_map(|(_, o)| pairs().map(move |pair| (*o, pair))) {
            let (pattern, c) = (
                pattern(p),
                Condition { field: "F".into(), operator, value: (*v).into(), span: Span::default() },
            );
            let verdict = judge(std::slice::from_ref(&pattern), &c);
            decided += usize::from(verdict != Truth::Unknown);
            for text in texts.iter().filter(|t| pattern.matches(t)) {
                let holds = Truth::of(c.holds(text));
                assert!(verdict == Truth::Unknown || verdict == holds, "{p} {operator:?} {v} of {text}");
            }
        }
        assert!(decided > 300, "{decided}");
    }
}
