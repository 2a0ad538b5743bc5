//! A wildcard pattern against a text, fast: the same answers as [`shikra_ir::Pattern::matches`].

use memchr::memmem;
use shikra_ir::{Part, Pattern};

/// A pattern cut at its `Any`s.
#[derive(Debug)]
pub(crate) struct Glob {
    /// What stands between the `Any`s, in order; literal text and single characters.
    segments: Vec<Vec<Piece>>,
    /// The first segment need not begin at the beginning.
    open_start: bool,
    /// The last segment need not end at the end.
    open_end: bool,
}

#[derive(Debug)]
enum Piece {
    Lit(String),
    One,
}

impl Glob {
    pub fn new(p: &Pattern) -> Glob {
        let mut segments = vec![Vec::new()];
        for part in p.parts().iter() {
            match part {
                Part::Any => segments.push(Vec::new()),
                Part::One => segments.last_mut().into_iter().for_each(|s| s.push(Piece::One)),
                Part::Lit(l) => {
                    segments.last_mut().into_iter().for_each(|s| s.push(Piece::Lit((*l).to_owned())));
                }
            }
        }
        let any = |p: Option<&Part<&str>>| p == Some(&Part::Any);
        let (open_start, open_end) = (any(p.parts().first()), any(p.parts().last()));
        segments.retain(|s| !s.is_empty());
        Glob { segments, open_start, open_end }
    }

    /// Whether all of `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        let mut rest = text;
        let mut middle = self.segments.as_slice();
        if middle.is_empty() {
            return self.open_start || text.is_empty();
        }
        if !self.open_start {
            let [first, more @ ..] = middle else { return false };
            let Some(after) = begin(first, rest) else { return false };
            (rest, middle) = (after, more);
            if middle.is_empty() {
                return self.open_end || rest.is_empty();
            }
        }
        if !self.open_end {
            let [more @ .., last] = middle else { return false };
            let Some(before) = end(last, rest) else { return false };
            (rest, middle) = (before, more);
        }
        middle.iter().all(|s| {
            let after = find(s, rest);
            rest = after.unwrap_or(rest);
            after.is_some()
        })
    }
}

/// What follows `segment` where `text` begins with it.
fn begin<'t>(segment: &[Piece], mut text: &'t str) -> Option<&'t str> {
    for piece in segment {
        text = match piece {
            Piece::Lit(l) => text.strip_prefix(l.as_str())?,
            Piece::One => {
                let mut chars = text.chars();
                chars.next()?;
                chars.as_str()
            }
        };
    }
    Some(text)
}

/// What precedes `segment` where `text` ends with it.
fn end<'t>(segment: &[Piece], mut text: &'t str) -> Option<&'t str> {
    for piece in segment.iter().rev() {
        text = match piece {
            Piece::Lit(l) => text.strip_suffix(l.as_str())?,
            Piece::One => {
                let mut chars = text.chars();
                chars.next_back()?;
                chars.as_str()
            }
        };
    }
    Some(text)
}

/// What follows the first place where `segment` stands in `text`.
fn find<'t>(segment: &[Piece], mut text: &'t str) -> Option<&'t str> {
    loop {
        if let Some(Piece::Lit(l)) = segment.first() {
            text = &text[memmem::find(text.as_bytes(), l.as_bytes())?..];
        }
        if let Some(after) = begin(segment, text) {
            return Some(after);
        }
        let mut chars = text.chars();
        chars.next()?;
        text = chars.as_str();
    }
}
