//! Colour and width: laying out text for people.
//!
//! Text that reaches these functions from logs must have passed [`crate::escape::terminal`]: widths are
//! those of what is shown.

use shikra_ir::Level;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What is at the other end of the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether it shows colour: a terminal, and the user has not said `NO_COLOR`.
    pub colour: bool,
    /// Columns of the terminal; none where lines may be as long as they like.
    pub width: Option<usize>,
    /// Whether the reader wants all there is.
    pub verbose: bool,
}

/// What a piece of text is, and so how it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// A heading or a name.
    Strong,
    /// Of less weight than what stands beside it.
    Faint,
    /// It went well.
    Good,
    /// Something to look at.
    Warn,
    /// It failed.
    Bad,
    /// A severity.
    Level(Level),
}

impl Paint {
    /// SGR parameters (ECMA-48 8.3.117). The sixteen base colours, so that the user's theme decides.
    fn sgr(self) -> &'static str {
        match self {
            Paint::Strong => "1",
            Paint::Faint => "2",
            Paint::Good => "32",
            Paint::Warn => "33",
            Paint::Bad => "31",
            Paint::Level(Level::Critical) => "1;97;41",
            Paint::Level(Level::High) => "1;31",
            Paint::Level(Level::Medium) => "1;33",
            Paint::Level(Level::Low) => "1;36",
            Paint::Level(Level::Informational) => "1",
        }
    }
}

impl Style {
    /// The text, coloured where that is wanted.
    pub fn paint(&self, what: Paint, text: &str) -> String {
        if self.colour && !text.is_empty() {
            format!("\x1b[{}m{text}\x1b[0m", what.sgr())
        } else {
            text.to_owned()
        }
    }

    /// The text cut to `room` columns, where the width is limited at all.
    pub fn clip(&self, text: &str, room: usize) -> String {
        if self.width.is_none() { text.to_owned() } else { clip(text, room) }
    }
}

/// Columns that the text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text cut to at most `room` columns, the cut shown as `…`.
pub fn clip(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let mut used = 0;
    let mut out = String::new();
    for c in text.chars() {
        let w = c.width().unwrap_or(0);
        if used + w + 1 > room {
            break;
        }
        used += w;
        out.push(c);
    }
    if room > 0 {
        out.push('…');
    }
    out
}

/// The text followed by spaces up to `room` columns.
pub fn pad(text: &str, room: usize) -> String {
    let mut out = text.to_owned();
    out.extend(std::iter::repeat_n(' ', room.saturating_sub(width(text))));
    out
}

/// `1234567` as `1,234,567`.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, d) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(d);
    }
    out
}

/// Bytes in the largest binary unit that keeps the number above one: `1.4 GiB`.
pub fn bytes(n: u64) -> String {
    const UNITS: &[&str] = &["KiB", "MiB", "GiB", "TiB", "PiB"];
    if n < 1024 {
        return format!("{n} B");
    }
    let mut value = n as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS.get(unit).unwrap_or(&""))
}

/// `1 rule`, `2 rules`, with thousands separators.
pub fn count(n: u64, noun: &str) -> String {
    let ending = match noun {
        _ if n == 1 => "",
        "match" => "es",
        _ => "s",
    };
    format!("{} {noun}{ending}", thousands(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fits() {
        assert_eq!(clip("abcdef", 4), "abc…");
        assert_eq!(clip("東京都庁", 5), "東京…");
        assert_eq!(clip("ab", 2), "ab");
        assert_eq!(clip("ab", 0), "");
        assert_eq!(pad("東", 4), "東  ");
        assert_eq!(
            [0, 999, 1000, 1_234_567].map(thousands),
            ["0", "999", "1,000", "1,234,567"].map(String::from)
        );
        assert_eq!(
            [0, 1023, 1024, 1 << 31, u64::MAX].map(bytes),
            ["0 B", "1023 B", "1.0 KiB", "2.0 GiB", "16384.0 PiB"].map(String::from)
        );
        assert_eq!(count(1, "match"), "1 match");
        assert_eq!(count(2_000, "rule"), "2,000 rules");
    }

    #[test]
    fn colour_only_where_wanted() {
        let plain = Style::default();
        assert_eq!(plain.paint(Paint::Bad, "x"), "x");
        assert_eq!(plain.clip("long text", 3), "long text");
        let colour = Style { colour: true, ..plain };
        assert_eq!(colour.paint(Paint::Bad, "x"), "\x1b[31mx\x1b[0m");
    }
}
