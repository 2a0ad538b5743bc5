//! Conditions in negation normal form over numbered atoms.

/// A condition, without unknowns.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Formula {
    True,
    False,
    /// An atom holds, or does not.
    Is(u32, bool),
    All(Vec<Formula>),
    Any(Vec<Formula>),
}

impl Formula {
    /// All hold; what is constant or said twice is left out.
    pub fn all(parts: impl IntoIterator<Item = Formula>) -> Formula {
        let mut out = Vec::new();
        for p in parts {
            match p {
                Formula::True => {}
                Formula::False => return Formula::False,
                Formula::All(v) => out.extend(v),
                other => out.push(other),
            }
        }
        out.sort();
        out.dedup();
        match out.len() {
            0 => Formula::True,
            1 => out.remove(0),
            _ => Formula::All(out),
        }
    }

    /// One holds; what is constant or said twice is left out.
    pub fn any(parts: impl IntoIterator<Item = Formula>) -> Formula {
        let mut out = Vec::new();
        for p in parts {
            match p {
                Formula::False => {}
                Formula::True => return Formula::True,
                Formula::Any(v) => out.extend(v),
                other => out.push(other),
            }
        }
        out.sort();
        out.dedup();
        match out.len() {
            0 => Formula::False,
            1 => out.remove(0),
            _ => Formula::Any(out),
        }
    }

    /// What holds exactly where it does not.
    pub fn negate(&self) -> Formula {
        match self {
            Formula::True => Formula::False,
            Formula::False => Formula::True,
            Formula::Is(a, is) => Formula::Is(*a, !is),
            Formula::All(v) => Formula::any(v.iter().map(Formula::negate)),
            Formula::Any(v) => Formula::all(v.iter().map(Formula::negate)),
        }
    }
}
