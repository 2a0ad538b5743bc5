//! What the printers of all languages give: text, or the reason why the language has no words for it.

use std::fmt;

/// Why something cannot be written in a language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsayable {
    /// The clause that has no counterpart, and why.
    pub reason: String,
}

impl fmt::Display for Unsayable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Unsayable {}

/// What was said, or why it cannot be.
pub type Said<T = String> = Result<T, Unsayable>;

/// Says that there is no way to say it.
///
/// # Errors
/// Always: with `reason`.
pub fn refuse<T>(reason: impl Into<String>) -> Said<T> {
    Err(Unsayable { reason: reason.into() })
}
