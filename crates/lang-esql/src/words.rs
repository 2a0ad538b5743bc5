//! Fields that are searched by words rather than compared as a whole, and expressions that find a word.

use shikra_ir::Regex;

/// Whether a match with this field asks for words in it.
pub(crate) fn is_searched_by_words(field: &str) -> bool {
    field.ends_with("message") || field.ends_with(".text")
}

const BEFORE: &str = r"(?:^|[^\p{L}\p{N}_])";
const AFTER: &str = r"(?:$|[^\p{L}\p{N}_])";

/// Finds a word: nothing that could be part of it stands beside it.
pub(crate) fn word(w: &str) -> Regex {
    Regex { source: format!("{BEFORE}{w}{AFTER}"), multi_line: false, dot_all: true, whole: false }
}

/// The word that [`word`] finds.
pub(crate) fn word_sought(r: &Regex) -> Option<&str> {
    let w = r.source.strip_prefix(BEFORE)?.strip_suffix(AFTER)?;
    (!w.is_empty() && w.chars().all(|c| c.is_alphanumeric() || c == '_')).then_some(w)
}
