//! Text to tokens. Nothing is refused here: what is malformed becomes a diagnostic and the nearest token.

use shikra_syntax::{Cursor, Diagnostic, Span};

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tok {
    /// A name or keyword; `tilde` where a `~` follows at once, `quoted` where it stood in backticks.
    Word {
        text: String,
        tilde: bool,
        quoted: bool,
    },
    Int(i64),
    Float(f64),
    Str(StrToken),
    /// An operator or a bracket.
    Punct(&'static str),
    End,
}

/// A string with its escapes resolved.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StrToken {
    pub text: String,
    pub quotes: Quotes,
}

/// How a string was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quotes {
    /// `"…"`
    Double,
    /// `'…'`
    Single,
    /// `"""…"""`
    Triple,
    /// `?"…"` or `?'…'`
    Raw,
}

/// A token and its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub tok: Tok,
    pub span: Span,
}

/// Longest first where one begins another.
const PUNCT: &[&str] = &[
    "==", "!=", "<=", ">=", "=", "<", ">", "(", ")", "[", "]", ",", ".", "|", ":", "?", "!", "+", "-", "*",
    "/", "%", "~", ";", "{", "}",
];

/// All tokens of a text, the last one [`Tok::End`].
pub(crate) fn tokens(text: &str, diagnostics: &mut Vec<Diagnostic>) -> Vec<Token> {
    let mut lexer = Lexer { at: Cursor::new(text), diagnostics };
    let mut out = Vec::new();
    loop {
        lexer.skip_trivia();
        let start = lexer.at.offset();
        if let Some(tok) = lexer.token() {
            let end = tok == Tok::End;
            out.push(Token { tok, span: lexer.at.span_from(start) });
            if end {
                return out;
            }
        }
    }
}

struct Lexer<'t, 'd> {
    at: Cursor<'t>,
    diagnostics: &'d mut Vec<Diagnostic>,
}

impl Lexer<'_, '_> {
    fn skip_trivia(&mut self) {
        loop {
            self.at.skip_space();
            let start = self.at.offset();
            if self.at.eat("//") {
                self.at.eat_while(|c| c != '\n');
            } else if self.at.eat("/*") {
                match self.at.rest().find("*/") {
                    Some(n) => self.at.seek(self.at.offset() + n + 2),
                    None => {
                        self.at.seek(usize::MAX);
                        let span = Span::new(start, start + 2);
                        self.diagnostics.push(Diagnostic::error(
                            "unclosed-comment",
                            "the comment does not end",
                            span,
                        ));
                    }
                }
            } else {
                return;
            }
        }
    }

    /// The next token; none where a character was dropped.
    fn token(&mut self) -> Option<Tok> {
        let Some(c) = self.at.peek() else { return Some(Tok::End) };
        if let Some(string) = self.string(c) {
            return Some(Tok::Str(string));
        }
        match c {
            '`' => return Some(self.quoted_word()),
            c if is_word_start(c) => return Some(self.word()),
            '0'..='9' => return Some(self.number()),
            _ => {}
        }
        if let Some(p) = PUNCT.iter().find(|p| self.at.eat(p)) {
            return Some(Tok::Punct(p));
        }
        let start = self.at.offset();
        self.at.bump();
        let span = self.at.span_from(start);
        self.diagnostics.push(
            Diagnostic::error("unexpected-character", format!("unexpected character {c:?}"), span)
                .with_help("string literals stand in straight double quotes"),
        );
        None
    }

    fn word(&mut self) -> Tok {
        let text = self.at.eat_while(is_word_part).to_owned();
        let tilde = self.at.eat("~");
        Tok::Word { text, tilde, quoted: false }
    }

    /// `` `name` ``, a backtick inside doubled.
    fn quoted_word(&mut self) -> Tok {
        let start = self.at.offset();
        self.at.bump();
        let mut text = String::new();
        loop {
            text.push_str(self.at.eat_while(|c| c != '`' && c != '\n'));
            if self.at.eat("``") {
                text.push('`');
            } else {
                break;
            }
        }
        if !self.at.eat("`") {
            self.unclosed(start, "the name does not end in a backtick");
        }
        Tok::Word { text, tilde: false, quoted: true }
    }

    fn number(&mut self) -> Tok {
        let start = self.at.offset();
        let mut text = self.at.eat_while(|c| c.is_ascii_digit()).to_owned();
        let mut real = false;
        let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        if self.at.peek() == Some('.') && digit(self.at.peek_second()) {
            real = true;
            self.at.bump();
            text.push('.');
            text.push_str(self.at.eat_while(|c| c.is_ascii_digit()));
        }
        let mut ahead = self.at.clone();
        if matches!(ahead.bump(), Some('e' | 'E')) {
            let sign = ahead.eat_while(|c| matches!(c, '+' | '-'));
            let digits = ahead.eat_while(|c| c.is_ascii_digit());
            let word_goes_on = ahead.peek().is_some_and(is_word_part);
            if !digits.is_empty() && sign.len() < 2 && !word_goes_on {
                real = true;
                text.push_str(&format!("e{sign}{digits}"));
                self.at = ahead;
            }
        }
        match text.parse::<i64>() {
            Ok(n) if !real => Tok::Int(n),
            _ => Tok::Float(text.parse().ok().filter(|n: &f64| n.is_finite()).unwrap_or_else(|| {
                let span = self.at.span_from(start);
                self.diagnostics.push(Diagnostic::error("number-range", "the number is too large", span));
                0.0
            })),
        }
    }

    fn string(&mut self, first: char) -> Option<StrToken> {
        let start = self.at.offset();
        if self.at.eat("\"\"\"") {
            return Some(self.triple(start));
        }
        let quote = match first {
            '"' | '\'' => first,
            '?' => self.at.peek_second().filter(|c| matches!(c, '"' | '\''))?,
            _ => return None,
        };
        let raw = first == '?';
        if raw {
            self.at.bump();
        }
        self.at.bump();
        let text = self.inside(start, quote, raw);
        let quotes = match (raw, quote) {
            (true, _) => Quotes::Raw,
            (_, '"') => Quotes::Double,
            _ => Quotes::Single,
        };
        Some(StrToken { text, quotes })
    }

    /// The rest of a raw string; up to two quotes before the closing three belong to it.
    fn triple(&mut self, start: usize) -> StrToken {
        let rest = self.at.rest();
        let text = match rest.find("\"\"\"") {
            Some(mut n) => {
                let more = rest[n + 3..].bytes().take(2).take_while(|b| *b == b'"').count();
                n += more;
                self.at.seek(self.at.offset() + n + 3);
                rest[..n].to_owned()
            }
            None => {
                self.at.seek(usize::MAX);
                self.unclosed(start, "the raw string does not end in three quotes");
                rest.to_owned()
            }
        };
        StrToken { text, quotes: Quotes::Triple }
    }

    fn inside(&mut self, start: usize, quote: char, raw: bool) -> String {
        let mut text = String::new();
        loop {
            text.push_str(self.at.eat_while(|c| c != quote && c != '\\' && c != '\n'));
            match self.at.bump() {
                Some('\\') if raw => match self.at.peek() {
                    Some(c) if c == quote => {
                        self.at.bump();
                        text.push(c);
                    }
                    _ => text.push('\\'),
                },
                Some('\\') => self.escape(&mut text),
                Some('\n') | None => {
                    self.unclosed(start, "the string does not end");
                    return text;
                }
                Some(_) => return text,
            }
        }
    }

    /// What follows a backslash. Escapes that are none stand for themselves, as in Elasticsearch.
    fn escape(&mut self, text: &mut String) {
        let start = self.at.offset();
        match self.at.bump() {
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            Some('r') => text.push('\r'),
            Some('b') => text.push('\u{8}'),
            Some('f') => text.push('\u{c}'),
            Some(c @ ('"' | '\'' | '\\')) => text.push(c),
            Some('u') if self.at.peek() == Some('{') => {
                self.at.bump();
                let hex = self.at.eat_while(|c| c.is_ascii_hexdigit());
                let c = u32::from_str_radix(hex, 16).ok().and_then(char::from_u32);
                match c.filter(|_| self.at.eat("}")) {
                    Some(c) => text.push(c),
                    None => {
                        let span = self.at.span_from(start);
                        let message = "a Unicode escape is written \\u{1f600}";
                        self.diagnostics.push(Diagnostic::error("bad-escape", message, span));
                    }
                }
            }
            Some(c) => text.extend(['\\', c]),
            None => text.push('\\'),
        }
    }

    fn unclosed(&mut self, start: usize, message: &str) {
        self.diagnostics.push(Diagnostic::error("unclosed-string", message, self.at.span_from(start)));
    }
}

fn is_word_start(c: char) -> bool {
    c.is_alphabetic() || matches!(c, '_' | '@' | '$')
}

fn is_word_part(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '@' | '$')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want: &str) {
        let mut diagnostics = Vec::new();
        let got: Vec<String> = tokens(text, &mut diagnostics)
            .into_iter()
            .map(|t| match t.tok {
                Tok::Word { text, tilde, quoted } => {
                    format!("{}{text}{}", if quoted { "`" } else { "" }, if tilde { "~" } else { "" })
                }
                Tok::Int(n) => n.to_string(),
                Tok::Float(n) => format!("{n:?}"),
                Tok::Str(s) => format!("{:?}", s.text),
                Tok::Punct(p) => p.into(),
                Tok::End => ".".into(),
            })
            .chain(diagnostics.iter().map(|d| d.code.to_owned()))
            .collect();
        assert_eq!(got.join(" "), want, "{text}");
    }

    #[test]
    fn lexes() {
        check("a.b like~ 5 // x\n/* y */ 1.5 1d", "a . b like~ 5 1.5 1 d .");
        check(r#""a\\b\"c\w" 'x' ?"a\b\"c""#, r#""a\\b\"c\\w" "x" "a\\b\"c" ."#);
        check(r#""""a\"b""""" "\u{41}""#, r#""a\\\"b\"\"" "A" ."#);
        check("`a``b` ?x 1e3 1es", "`a`b ? x 1000.0 1 es .");
        check("\"abc\n 'x", r#""abc" "x" . unclosed-string unclosed-string"#);
        check("/* x", ". unclosed-comment");
        check("a \u{201c}b", "a b . unexpected-character");
    }
}
