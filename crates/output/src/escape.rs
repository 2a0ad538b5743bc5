//! Making text harmless for the place it goes to: terminal, CSV cell, JSON string, HTML.
//!
//! Logs, rules and file names are written by strangers. A terminal obeys control characters, bidirectional
//! controls show text in another order than it has, a spreadsheet runs cells as formulas.

use std::fmt::Write as _;

/// Whether a character commands instead of showing: C0, DEL and C1 controls, bidirectional controls,
/// invisible formatting characters, line and paragraph separators, tag characters.
pub fn is_unsafe(c: char) -> bool {
    match c {
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => true,
        c if c < '\u{61c}' => c == '\u{ad}',
        '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}' => true,
        _ => false,
    }
}

/// Appends text for a terminal or another place that shows one line: what commands is written out (`\n`,
/// `\x1b`, `\u{202e}`). Backslashes stay as they are, since Windows paths are full of them: the result is for
/// reading, not for parsing back.
pub fn terminal(text: &str, out: &mut String) {
    escape_if(text, is_unsafe, out);
}

/// [`terminal`] as a new string.
pub fn for_terminal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    terminal(text, &mut out);
    out
}

/// [`terminal`], but line feeds and tabs stay: for text that has been laid out already.
pub fn terminal_lines(text: &str, out: &mut String) {
    escape_if(text, |c| is_unsafe(c) && c != '\n' && c != '\t', out);
}

fn escape_if(text: &str, harmful: impl Fn(char) -> bool, out: &mut String) {
    let mut rest = text;
    while let Some((at, c)) = rest.char_indices().find(|(_, c)| harmful(*c)) {
        out.push_str(&rest[..at]);
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\u{ff}' => drop(write!(out, "\\x{:02x}", c as u32)),
            _ => drop(write!(out, "\\u{{{:x}}}", c as u32)),
        }
        rest = &rest[at + c.len_utf8()..];
    }
    out.push_str(rest);
}

/// Appends one CSV cell (RFC 4180). A cell that a spreadsheet would take for a formula (it begins with
/// `= + - @`, TAB, CR or LF, or their full-width forms) gets an apostrophe in front. Quotes are doubled; a
/// cell with quotes, commas or line ends is quoted. Other control characters are written out.
pub fn csv_cell(text: &str, out: &mut String) {
    let start = out.len();
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']) {
        out.push('\'');
    }
    escape_if(text, |c| is_unsafe(c) && !matches!(c, '\n' | '\r' | '\t'), out);
    if out[start..].contains(['"', ',', '\n', '\r', ';', '\t']) {
        let quoted = format!("\"{}\"", out[start..].replace('"', "\"\""));
        out.truncate(start);
        out.push_str(&quoted);
    }
}

/// Appends text for HTML content or a quoted attribute. Control characters are written out.
pub fn html(text: &str, out: &mut String) {
    let mut safe = String::with_capacity(text.len());
    escape_if(text, |c| is_unsafe(c) && !matches!(c, '\n' | '\t'), &mut safe);
    for c in safe.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '`' => out.push_str("&#96;"),
            c => out.push(c),
        }
    }
}

/// Bytes that may have to be escaped in JSON: controls, quote, backslash, and the first bytes of the UTF-8
/// forms of what [`is_unsafe`] names.
const JSON_SUSPECT: [bool; 256] = {
    let mut table = [false; 256];
    let mut b = 0;
    while b < 0x20 {
        table[b] = true;
        b += 1;
    }
    let more = [b'"', b'\\', 0x7f, 0xc2, 0xd8, 0xe1, 0xe2, 0xef, 0xf3];
    let mut i = 0;
    while i < more.len() {
        table[more[i] as usize] = true;
        i += 1;
    }
    table
};

/// Appends the inside of a JSON string. Whatever [`is_unsafe`] names is written as `\uXXXX`: a reader gets the
/// very same text, and a terminal that shows the line is safe.
pub fn json(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let mut done = 0;
    let mut at = 0;
    while let Some(n) = bytes.get(at..).and_then(|b| b.iter().position(|b| JSON_SUSPECT[usize::from(*b)])) {
        at += n;
        let Some(c) = text.get(at..).and_then(|t| t.chars().next()) else { break };
        let next = at + c.len_utf8();
        if matches!(c, '"' | '\\') || is_unsafe(c) {
            out.extend_from_slice(&bytes[done..at]);
            json_char(c, out);
            done = next;
        }
        at = next;
    }
    out.extend_from_slice(&bytes[done..]);
}

/// Appends a whole JSON string of little-endian UTF-16 with trailing NULs dropped, as [`json`] would write its
/// text; false, with nothing written, where it holds more than printable ASCII, tabs and line ends.
pub fn json_utf16(data: &[u8], out: &mut Vec<u8>) -> bool {
    let mut units = &data[..data.len() & !1];
    while let [rest @ .., 0, 0] = units {
        units = rest;
    }
    let start = out.len();
    out.reserve(units.len() / 2 + 2);
    out.push(b'"');
    let mut rest = units;
    // Eight units at a time as long as they stand for themselves.
    while let Some((wide, after)) = rest.split_first_chunk::<16>() {
        const BEYOND: u128 = 0xff80_ff80_ff80_ff80_ff80_ff80_ff80_ff80;
        let narrow: [u8; 8] = std::array::from_fn(|i| wide[2 * i]);
        if u128::from_le_bytes(*wide) & BEYOND == 0 && stands_for_itself(u64::from_le_bytes(narrow)) {
            out.extend_from_slice(&narrow);
        } else if !json_units(wide, start, out) {
            return false;
        }
        rest = after;
    }
    if !json_units(rest, start, out) {
        return false;
    }
    out.push(b'"');
    true
}

/// Whether none of eight ASCII characters is a control, a quote or a backslash.
fn stands_for_itself(text: u64) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // Bytes are below 0x80, so no borrow or carry crosses from one to the next but where one is found anyway.
    let below = |n: u64| text.wrapping_sub(ONES * n);
    let is = |b: u8| (text ^ (ONES * u64::from(b))).wrapping_sub(ONES);
    (below(0x20) | is(b'"') | is(b'\\') | is(0x7f)) & HIGH == 0
}

/// Appends some units of a string that began at `start`; false, and all of it gone, where it cannot.
fn json_units(units: &[u8], start: usize, out: &mut Vec<u8>) -> bool {
    for unit in units.chunks_exact(2) {
        match unit {
            [b, 0] if !JSON_SUSPECT[usize::from(*b)] && *b < 0x80 => out.push(*b),
            [b @ (b'"' | b'\\' | b'\n' | b'\r' | b'\t'), 0] => json_char(char::from(*b), out),
            _ => {
                out.truncate(start);
                return false;
            }
        }
    }
    true
}

fn json_char(c: char, out: &mut Vec<u8>) {
    let short = match c {
        '"' => b'"',
        '\\' => b'\\',
        '\n' => b'n',
        '\r' => b'r',
        '\t' => b't',
        _ => 0,
    };
    if short != 0 {
        out.extend_from_slice(&[b'\\', short]);
        return;
    }
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for unit in c.encode_utf16(&mut [0; 2]) {
        out.extend_from_slice(b"\\u");
        out.extend([12, 8, 4, 0].map(|shift| DIGITS[usize::from(*unit >> shift & 15)]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything a hostile log would like to send to the reader's screen, spreadsheet or browser.
    const HOSTILE: &[&str] = &[
        "\x1b[2J\x1b]0;owned\x07",
        "\u{9b}31m c1 \u{85}",
        "user\u{202e}gpj.exe\u{2066}x\u{2069}",
        "=cmd|' /C calc'!A0",
        "+1",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        "\r\n=1",
        "＝1",
        "<script>alert(1)</script>",
        "a\0b",
        "tag\u{e0041}",
        "zero\u{200b}width\u{feff}",
        "quote\" comma, semi; nl\n",
        "\u{7f}",
        "C:\\Windows\\Temp",
        "café 東京 🦅",
    ];

    #[test]
    fn terminal_text_commands_nothing() {
        for text in HOSTILE {
            let safe = for_terminal(text);
            assert!(!safe.chars().any(is_unsafe), "{safe:?}");
            let mut lines = String::new();
            terminal_lines(text, &mut lines);
            assert!(!lines.chars().any(|c| is_unsafe(c) && c != '\n' && c != '\t'), "{lines:?}");
        }
        assert_eq!(for_terminal("a\x1b[1mb\u{202e}\n\u{9b}"), "a\\x1b[1mb\\u{202e}\\n\\x9b");
        assert_eq!(for_terminal(r"C:\new\x41 é"), r"C:\new\x41 é");
    }

    #[test]
    fn csv_cells_are_no_formulas() {
        for text in HOSTILE {
            let mut cell = String::new();
            csv_cell(text, &mut cell);
            let inner = cell.strip_prefix('"').unwrap_or(&cell);
            assert!(!inner.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝']), "{cell:?}");
            assert!(!cell.chars().any(|c| is_unsafe(c) && !"\r\n\t".contains(c)), "{cell:?}");
            assert_eq!(cell.matches('"').count() % 2, 0, "{cell:?}");
        }
        let cell = |text: &str| {
            let mut out = String::from("x,");
            csv_cell(text, &mut out);
            out[2..].to_owned()
        };
        assert_eq!(cell("plain"), "plain");
        assert_eq!(cell("a\"b,c"), "\"a\"\"b,c\"");
        assert_eq!(cell("=1+\"x\""), "\"'=1+\"\"x\"\"\"");
        assert_eq!(cell("-5"), "'-5");
        assert_eq!(cell("\0"), "\\x00");
    }

    #[test]
    fn html_is_inert() {
        for text in HOSTILE {
            let mut out = String::new();
            html(text, &mut out);
            assert!(!out.contains(['<', '>', '"', '\'']), "{out:?}");
        }
        let mut out = String::new();
        html("<a b='&\u{202e}'>", &mut out);
        assert_eq!(out, "&lt;a b=&#39;&amp;\\u{202e}&#39;&gt;");
    }

    #[test]
    fn json_keeps_the_text_and_hides_its_commands() {
        for text in HOSTILE {
            let mut out = vec![b'"'];
            json(text, &mut out);
            out.push(b'"');
            let written = String::from_utf8(out).unwrap();
            assert!(!written.chars().any(is_unsafe), "{written:?}");
            assert_eq!(serde_json::from_str::<String>(&written).unwrap(), *text);
        }
        for c in (0..=0x10ffff_u32).filter_map(char::from_u32) {
            let mut out = vec![b'"'];
            json(c.encode_utf8(&mut [0; 4]), &mut out);
            out.push(b'"');
            assert_eq!(serde_json::from_slice::<String>(&out).unwrap().chars().next(), Some(c));
            assert_eq!(out.is_ascii() && !c.is_ascii(), is_unsafe(c) && !c.is_ascii(), "{c:?}");
        }
    }
}
