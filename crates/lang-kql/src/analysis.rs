//! Text as Elasticsearch's standard analyzer sees it: words without their case, in order.
//!
//! A word is a run of letters, digits and `_`; a single `.`, `'` or `:` between two such runs does not end it, so
//! `System.IO.Compression` is one word. (Unicode's word boundaries, but for scripts written without spaces.)

use shikra_ir::{Part, Pattern, Regex};

/// Marks that hold a word together when they stand singly within it.
const JOINERS: [char; 3] = ['.', '\'', ':'];

const LEFT: &str = r"(?:^|[^\w.':]|(?:^|\W)[.':])";
const GAP: &str = r"(?:[^\w.':]\W*|\W{2,})";
const RIGHT: &str = r"(?:$|[^\w.':]|[.':](?:$|\W))";
const IN_WORD: &str = r"[\w.':]";

/// The words of a text.
pub(crate) fn words(text: &str) -> Vec<&str> {
    let inner = |c: char| c.is_alphanumeric() || c == '_';
    let mut out = Vec::new();
    let mut start = None;
    let mut chars = text.char_indices().peekable();
    let mut before = None;
    while let Some((at, c)) = chars.next() {
        let after = chars.peek().map(|(_, c)| *c);
        let joins = JOINERS.contains(&c) && before.is_some_and(inner) && after.is_some_and(inner);
        match (inner(c) || joins, start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                out.push(&text[from..at]);
                start = None;
            }
            _ => {}
        }
        before = Some(c);
    }
    out.extend(start.map(|from| &text[from..]));
    out
}

/// The expression that finds these words next to one another.
pub(crate) fn phrase(words: &[&str]) -> Regex {
    let words: Vec<String> = words.iter().map(|w| escape(w)).collect();
    regex(format!("{LEFT}{}{RIGHT}", words.join(GAP)))
}

/// The expression that finds one word of this form; none where no word can have it.
pub(crate) fn word_like(pattern: &Pattern) -> Option<Regex> {
    let mut source = LEFT.to_owned();
    for part in pattern.parts() {
        match part {
            Part::Any => source.push_str(&format!("{IN_WORD}*")),
            Part::One => source.push_str(IN_WORD),
            Part::Lit(text) => {
                if !text.chars().all(|c| c.is_alphanumeric() || c == '_' || JOINERS.contains(&c)) {
                    return None;
                }
                source.push_str(&escape(text));
            }
        }
    }
    source.push_str(RIGHT);
    Some(regex(source))
}

/// The words that an expression made by [`phrase`] finds.
pub(crate) fn words_sought(r: &Regex) -> Option<Vec<String>> {
    let inner = r.source.strip_prefix(LEFT)?.strip_suffix(RIGHT)?;
    let words: Vec<String> = inner.split(GAP).map(|w| w.replace("\\.", ".")).collect();
    let same = phrase(&words.iter().map(String::as_str).collect::<Vec<_>>()) == *r;
    (same && words.iter().all(|w| self::words(w) == [w.as_str()])).then_some(words)
}

/// The form of the word that an expression made by [`word_like`] finds.
pub(crate) fn form_sought(r: &Regex) -> Option<Pattern> {
    let inner = r.source.strip_prefix(LEFT)?.strip_suffix(RIGHT)?;
    let mut pattern = Pattern::default();
    for (at, piece) in inner.split(IN_WORD).enumerate() {
        let text = match (at, piece.strip_prefix('*')) {
            (0, _) => piece,
            (_, Some(rest)) => {
                pattern.push(Part::Any);
                rest
            }
            (_, None) => {
                pattern.push(Part::One);
                piece
            }
        };
        pattern.push(Part::Lit(text.replace("\\.", ".")));
    }
    (word_like(&pattern).as_ref() == Some(r)).then_some(pattern)
}

fn regex(source: String) -> Regex {
    Regex { source, multi_line: false, dot_all: true, whole: false }
}

/// Words are letters, digits, `_` and joiners: of these only the full stop means something.
fn escape(word: &str) -> String {
    word.replace('.', "\\.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use shikra_ir::{Flavor, Fold, Words, eval};

    #[test]
    fn words_of_a_text() {
        for (text, want) in [
            ("[IO.Compression.GzipStream]::new", vec!["IO.Compression.GzipStream", "new"]),
            ("a-b c_d. it's ::x", vec!["a", "b", "c_d", "it's", "x"]),
            ("*", vec![]),
        ] {
            assert_eq!(words(text), want, "{text}");
        }
    }

    #[test]
    fn phrases_stand_on_whole_words() {
        let how = Words { fold: Fold::Unicode, regex: Flavor::Rust, ..Words::default() };
        for (literal, text, want) in [
            ("FromBase64String", "[Convert]::FROMBASE64STRING($x)", true),
            ("FromBase64String", "[System.Convert.FromBase64String]", false),
            ("FromBase64String", "FromBase64Strings", false),
            ("segfault at", "x[1]: segfault, at 0", true),
            ("segfault at", "segfault not at", false),
            ("io.compression", "io compression", false),
            ("a b", "a.b", false),
            ("a b", "a::b", true),
            ("end", "the end.", true),
        ] {
            assert_eq!(
                eval::regex_matches(&phrase(&words(literal)), text, &how),
                want,
                "{literal} in {text}"
            );
        }
    }

    #[test]
    fn one_word_of_a_form() {
        let how = Words { fold: Fold::Unicode, regex: Flavor::Rust, ..Words::default() };
        let part = Pattern::contains("compress");
        assert!(eval::regex_matches(&word_like(&part).unwrap(), "x System.IO.Compression y", &how));
        assert!(!eval::regex_matches(&word_like(&Pattern::exact("compress")).unwrap(), "Compression", &how));
        assert!(word_like(&Pattern::contains("a-b")).is_none());
    }
}
