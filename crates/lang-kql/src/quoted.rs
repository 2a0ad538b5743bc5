//! Quoted literals and named characters, which KQL and Lucene share.

use shikra_ir::Pattern;
use shikra_syntax::{Cursor, Diagnostic, Span};

use crate::ast::Literal;

/// A literal in double quotes, at its opening one. In it `\"` and `\\` are the character, `\t`, `\n`, `\r` and
/// `\uXXXX` name one, and any other backslash is itself.
pub(crate) fn read(cursor: &mut Cursor<'_>, diagnostics: &mut Vec<Diagnostic>) -> Option<Literal> {
    let start = cursor.offset();
    cursor.bump();
    let mut pattern = Pattern::default();
    while let Some(c) = cursor.bump() {
        match c {
            '"' => {
                let span = cursor.span_from(start);
                return Some(Literal { pattern, quoted: true, span });
            }
            '\\' => match cursor.peek() {
                Some(c @ ('"' | '\\')) => {
                    cursor.bump();
                    pattern.push_char(c);
                }
                _ => {
                    let at = cursor.offset() - 1;
                    match named_character(cursor) {
                        Some(c) => {
                            control(c, cursor.span_from(at), diagnostics);
                            pattern.push_char(c);
                        }
                        None => pattern.push_char('\\'),
                    }
                }
            },
            c => pattern.push_char(c),
        }
    }
    diagnostics.push(Diagnostic::error("unclosed", "the quote is never closed", Span::new(start, start + 1)));
    None
}

/// `C:\temp` in quotes has a tab in it, which nobody means.
fn control(c: char, span: Span, diagnostics: &mut Vec<Diagnostic>) {
    let name = match c {
        '\t' => "tab",
        '\n' => "line feed",
        '\r' => "carriage return",
        _ => return,
    };
    let d = Diagnostic::warning("control-character", format!("this escape stands for a {name}"), span);
    diagnostics.push(d.with_help("a backslash is written `\\\\`"));
}

/// `t`, `n`, `r` or `uXXXX`, after a backslash.
pub(crate) fn named_character(cursor: &mut Cursor<'_>) -> Option<char> {
    let (c, width) = match cursor.peek()? {
        't' => ('\t', 1),
        'n' => ('\n', 1),
        'r' => ('\r', 1),
        'u' => {
            let digits = cursor.rest().get(1..5).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
            (char::from_u32(u32::from_str_radix(digits, 16).ok()?)?, 5)
        }
        _ => return None,
    };
    cursor.seek(cursor.offset() + width);
    Some(c)
}
