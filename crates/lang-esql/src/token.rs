//! Words of ES\|QL. Nothing is refused here: what is no word is [`Token::Bad`], for the parser to say where it
//! meets it, since a FROM clause may hold signs that are words nowhere else.

use shikra_syntax::{Cursor, Span};

/// A word.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    /// A name or keyword: parts joined by dots, backquotes removed.
    Name {
        text: String,
        /// Some part stood in backquotes, so it is no keyword.
        quoted: bool,
    },
    /// A text.
    Text(String),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// A sign, the longest that fits.
    Sign(&'static str),
    /// `?name` or `?1`.
    Param(String),
    /// A text that does not end.
    Open,
    /// Anything else.
    Bad(char),
}

/// A word and its place.
pub(crate) type Word = (Token, Span);

const SIGNS: &[&str] = &[
    "::", "==", "!=", "=~", "<=", ">=", "(", ")", "[", "]", "{", "}", ",", "|", "=", "<", ">", "+", "-", "*",
    "/", "%", ":", ".",
];

/// All words of a text.
pub(crate) fn words(text: &str) -> Vec<Word> {
    let mut c = Cursor::new(text);
    let mut out = Vec::new();
    loop {
        skip(&mut c);
        let start = c.offset();
        let Some(first) = c.peek() else { return out };
        let token = match first {
            '"' => string(&mut c),
            '`' => name(&mut c),
            '?' => {
                c.bump();
                Token::Param(c.eat_while(|c| c.is_alphanumeric() || c == '_').to_owned())
            }
            f if f.is_ascii_digit() || f == '.' && c.peek_second().is_some_and(|d| d.is_ascii_digit()) => {
                number(&mut c)
            }
            f if is_name_start(f) => name(&mut c),
            _ => match SIGNS.iter().find(|s| c.eat(s)) {
                Some(sign) => Token::Sign(sign),
                None => {
                    c.bump();
                    Token::Bad(first)
                }
            },
        };
        out.push((token, c.span_from(start)));
    }
}

/// White space and comments.
fn skip(c: &mut Cursor<'_>) {
    loop {
        c.skip_space();
        if c.eat("//") {
            c.eat_while(|c| c != '\n');
        } else if c.eat("/*") {
            let mut depth = 1;
            while depth > 0 && !c.at_end() {
                if c.eat("/*") {
                    depth += 1;
                } else if c.eat("*/") {
                    depth -= 1;
                } else {
                    c.bump();
                }
            }
        } else {
            return;
        }
    }
}

fn is_name_start(c: char) -> bool {
    c.is_alphabetic() || matches!(c, '_' | '@')
}

fn is_name_part(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '@')
}

/// `a.b`, `` a.`b c` ``; a dot that nothing of a name follows is left.
fn name(c: &mut Cursor<'_>) -> Token {
    let mut text = String::new();
    let mut quoted = false;
    loop {
        if c.eat("`") {
            quoted = true;
            loop {
                match c.bump() {
                    None => break,
                    Some('`') if c.peek() == Some('`') => {
                        c.bump();
                        text.push('`');
                    }
                    Some('`') => break,
                    Some(other) => text.push(other),
                }
            }
        } else {
            text.push_str(c.eat_while(is_name_part));
        }
        let goes_on = c.peek() == Some('.') && c.peek_second().is_some_and(|n| is_name_part(n) || n == '`');
        if !goes_on {
            return Token::Name { text, quoted };
        }
        c.bump();
        text.push('.');
    }
}

fn number(c: &mut Cursor<'_>) -> Token {
    let start = c.offset();
    let from = c.rest();
    c.eat_while(|c| c.is_ascii_digit());
    let mut whole = true;
    if c.peek() == Some('.') && c.peek_second().is_some_and(|d| d.is_ascii_digit()) {
        whole = false;
        c.bump();
        c.eat_while(|c| c.is_ascii_digit());
    } else if c.peek() == Some('.') && !c.peek_second().is_some_and(is_name_start) {
        whole = false;
        c.bump();
    }
    let mut exponent = c.clone();
    if exponent.eat_ignore_case("e") {
        let _ = exponent.eat("-") || exponent.eat("+");
        if !exponent.eat_while(|c| c.is_ascii_digit()).is_empty() {
            whole = false;
            *c = exponent;
        }
    }
    let text = from.get(..c.offset() - start).unwrap_or_default();
    match text.parse::<i64>() {
        Ok(n) if whole => Token::Int(n),
        _ => text.parse().map_or(Token::Open, Token::Float),
    }
}

/// `"…"` with escapes, `"""…"""` without.
fn string(c: &mut Cursor<'_>) -> Token {
    if c.eat("\"\"\"") {
        let Some(end) = c.rest().find("\"\"\"") else {
            c.seek(usize::MAX);
            return Token::Open;
        };
        // Quotes at the end belong to the text.
        let more =
            c.rest().get(end + 3..).map_or(0, |r| r.bytes().take(2).take_while(|b| *b == b'"').count());
        let text = c.rest().get(..end + more).unwrap_or_default().to_owned();
        c.seek(c.offset() + end + more + 3);
        return Token::Text(text);
    }
    c.bump();
    let mut text = String::new();
    loop {
        match c.bump() {
            None | Some('\n') => return Token::Open,
            Some('"') => return Token::Text(text),
            Some('\\') => match c.bump() {
                Some('n') => text.push('\n'),
                Some('r') => text.push('\r'),
                Some('t') => text.push('\t'),
                Some(one @ ('"' | '\\')) => text.push(one),
                Some(other) => text.extend(['\\', other]),
                None => return Token::Open,
            },
            Some(other) => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_kinds() {
        let name = |t: &str| Token::Name { text: t.into(), quoted: false };
        let text =
            "a.`b``c`.1d==\"x\\\"\\\\.\" /* /* */ */ 1.5e3 5m .5 Esql.* \"\"\"a\\\"b\"\"\"\" ?p 1e // z";
        let found: Vec<Token> = words(text).into_iter().map(|(t, _)| t).collect();
        let want = vec![
            Token::Name { text: "a.b`c.1d".into(), quoted: true },
            Token::Sign("=="),
            Token::Text("x\"\\.".into()),
            Token::Float(1500.0),
            Token::Int(5),
            name("m"),
            Token::Float(0.5),
            name("Esql"),
            Token::Sign("."),
            Token::Sign("*"),
            Token::Text("a\\\"b\"".into()),
            Token::Param("p".into()),
            Token::Int(1),
            name("e"),
        ];
        assert_eq!(found, want);
        assert_eq!(words("\"abc").len(), 1);
        assert_eq!(words("\"\"\"abc").len(), 1);
    }
}
