//! The dialect words of a comparison. DESIGN §4 also lists `glob` and `anchor`: those are resolved when a
//! language is lowered, into the one form of [`crate::Pattern`], so that matching never sees five syntaxes.

/// Case folding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Fold {
    /// Compare characters as they are.
    None,
    /// Compare after simple lower-casing of every character (`char::to_lowercase`).
    #[default]
    Unicode,
}

/// What a comparison with an absent value gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Nulls {
    /// False.
    #[default]
    Two,
    /// Unknown, which `not` leaves unknown and a filter drops.
    Three,
}

/// How a field with several values is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Multi {
    /// True where any value is.
    #[default]
    Any,
    /// Unknown where there is more than one value (ES|QL).
    Null,
    /// True where every value is (and there is one).
    All,
}

/// What happens when the two sides of a comparison are of different types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Coerce {
    /// They differ: false (an order comparison: unknown under three-valued, false under two-valued logic).
    None,
    /// Numbers where both sides read as numbers, text otherwise (SPL).
    NumericIfBoth,
    /// Text with text.
    #[default]
    Stringify,
}

/// Regular expression flavour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Flavor {
    /// The `regex` crate.
    Rust,
    /// PCRE: look-around and back-references, unanchored.
    #[default]
    Pcre,
    /// Lucene: anchored at both ends, operators `~ & < > @`.
    Lucene,
    /// Java, unanchored.
    Java,
}

/// The dialect of one comparison. `Words::default()` is Sigma's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Words {
    /// Case.
    pub fold: Fold,
    /// Absent values.
    pub null: Nulls,
    /// Several values.
    pub multi: Multi,
    /// Different types.
    pub coerce: Coerce,
    /// Regular expressions.
    pub regex: Flavor,
}
