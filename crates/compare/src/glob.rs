//! How two wildcard patterns on one field relate, told from their parts alone.

use shikra_ir::func::fold;
use shikra_ir::{Fold, Part, Pattern};

use crate::atom::Relation;

/// A character that stands for "anything may be here".
const ANYTHING: &str = "\u{1}";

/// How two patterns relate, each with whether texts are brought to lower case before it reads them (it is in lower
/// case then); nothing where that takes more than a look at their parts. `bounded`: the field does not hold all
/// texts, so that one may lie within the other there and not in general.
pub(crate) fn relate(a: (&Pattern, bool), b: (&Pattern, bool), bounded: bool) -> Option<Relation> {
    match (a, b) {
        ((a, x), (b, y)) if x == y => same_case(a, b, bounded),
        ((a, false), (b, true)) => same_case(&lowered(a)?, b, bounded),
        // Whatever matches `a` does so in capitals too: a letter of `b` leaves some of it out.
        ((a, _), (b, _)) => {
            let folded = same_case(a, &lowered(b)?, bounded)?;
            let letters = literals(b).any(|t| t.chars().any(char::is_alphabetic));
            Some(Relation { within: folded.within && !letters, apart: folded.apart })
        }
    }
}

/// In lower case; only of plain letters, of which lower case is a matter of each character.
fn lowered(p: &Pattern) -> Option<Pattern> {
    literals(p).all(str::is_ascii).then(|| p.map(|t| fold(t, Fold::Unicode)))
}

fn literals(p: &Pattern) -> impl Iterator<Item = &str> {
    p.literals()
}

fn same_case(a: &Pattern, b: &Pattern, bounded: bool) -> Option<Relation> {
    if a == b {
        return Some(Relation { within: true, apart: false });
    }
    plainly(a, b).or_else(|| by_parts(a, b).filter(|r| !bounded || r.within || r.apart))
}

/// With any number of `*` on both sides.
fn by_parts(a: &Pattern, b: &Pattern) -> Option<Relation> {
    let (Some(x), Some(y)) = (Ends::of(a), Ends::of(b)) else { return None };
    if literals(a).chain(literals(b)).any(|t| t.contains(ANYTHING)) {
        return None;
    }
    // `b` takes whatever stands for anything in `a` only by its own `*`, which take all else as well.
    let one_of_a: String =
        a.parts().iter().map(|p| if let Part::Lit(t) = p { t } else { ANYTHING }).collect();
    let within = b.matches(&one_of_a);
    Some(Relation { within, apart: !within && !x.meets(&y) })
}

/// How a pattern with `*` and without `?` begins and ends.
struct Ends<'p> {
    head: &'p str,
    tail: &'p str,
}

impl<'p> Ends<'p> {
    fn of(p: &'p Pattern) -> Option<Ends<'p>> {
        let parts = p.parts();
        let text = |part: Option<&Part<&'p str>>| match part {
            Some(Part::Lit(t)) => *t,
            _ => "",
        };
        let wild = parts.contains(&Part::Any) && !parts.contains(&Part::One);
        wild.then(|| Ends { head: text(parts.first()), tail: text(parts.last()) })
    }

    /// Whether one text can match both: the longer head, all that either wants between, the longer tail.
    fn meets(&self, other: &Ends<'_>) -> bool {
        (self.head.starts_with(other.head) || other.head.starts_with(self.head))
            && (self.tail.ends_with(other.tail) || other.tail.ends_with(self.tail))
    }
}

/// The four plain forms of a pattern.
enum Plain<'p> {
    Exact(&'p str),
    Starts(&'p str),
    Ends(&'p str),
    Contains(&'p str),
}

fn plain(p: &Pattern) -> Option<Plain<'_>> {
    Some(match *p.parts() {
        [] => Plain::Exact(""),
        [Part::Lit(s)] => Plain::Exact(s),
        [Part::Lit(s), Part::Any] => Plain::Starts(s),
        [Part::Any, Part::Lit(s)] => Plain::Ends(s),
        [Part::Any, Part::Lit(s), Part::Any] => Plain::Contains(s),
        [Part::Any] => Plain::Contains(""),
        _ => return None,
    })
}

/// Where both are of a plain form.
fn plainly(a: &Pattern, b: &Pattern) -> Option<Relation> {
    use Plain::{Contains, Ends, Exact, Starts};
    let (pa, pb) = (plain(a)?, plain(b)?);
    let whole = |s: &str, p: &Pattern| Relation { within: p.matches(s), apart: !p.matches(s) };
    Some(match (pa, pb) {
        (Exact(s), _) => whole(s, b),
        (_, Exact(s)) => Relation { within: false, apart: !a.matches(s) },
        (_, Contains("")) => Relation { within: true, apart: false },
        (Starts(x), Starts(y)) => {
            Relation { within: x.starts_with(y), apart: !x.starts_with(y) && !y.starts_with(x) }
        }
        (Ends(x), Ends(y)) => Relation { within: x.ends_with(y), apart: !x.ends_with(y) && !y.ends_with(x) },
        (Starts(x) | Ends(x) | Contains(x), Contains(y)) => Relation { within: x.contains(y), apart: false },
        _ => Relation::default(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::automaton::Automaton;
    use crate::product::{self, Found};

    fn pattern() -> impl Strategy<Value = Pattern> {
        let part = prop_oneof![
            2 => Just(Part::Any),
            1 => Just(Part::One),
            4 => "[ab1B]{1,2}".prop_map(Part::Lit),
        ];
        proptest::collection::vec(part, 0..5).prop_map(Pattern::new)
    }

    proptest! {
        /// What is told by form is what automata tell; between cases, it may tell less.
        #[test]
        fn as_automata_say(a in pattern(), b in pattern(), x: bool, y: bool) {
            let case = |p: Pattern, folds: bool| if folds { p.map(|t| fold(t, Fold::Unicode)) } else { p };
            let (a, b) = (case(a, x), case(b, y));
            if let Some(told) = relate((&a, x), (&b, y), false) {
                let automaton = |p: &Pattern, folds| Automaton::glob(p, folds).unwrap();
                let (m, n) = (automaton(&a, x), automaton(&b, y));
                let never = |wanted| product::find(&[(&m, true), (&n, wanted)], &mut 100_000) == Found::Nothing;
                prop_assert_eq!(told.within, never(false), "{} within {}", a, b);
                prop_assert!(!told.apart || never(true), "{} apart from {}", a, b);
            }
        }
    }
}
