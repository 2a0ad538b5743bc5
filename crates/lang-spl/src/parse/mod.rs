//! Text to tree. Every command has a syntax of its own (`command`), made of `search` conditions, `eval`
//! expressions and words; what is wrong is said and left out, and the rest is read.

mod aggregate;
mod command;
mod eval;
mod search;

pub(crate) use command::{commands, opens};

use shikra_syntax::{Diagnostic, Span};

use crate::ast::{Command, Eval, Kind, Options, Pipeline, Word};
use crate::macros::quoted_length;

/// Nesting of parentheses and subsearches.
const MAX_DEPTH: usize = 48;
/// Commands of a pipeline.
const MAX_COMMANDS: usize = 256;

/// Reads a whole search.
pub(crate) fn pipeline(text: &str, said: &mut Vec<Diagnostic>) -> Pipeline {
    let mut p = Parser { text, at: 0, end: text.len(), depth: 0, xors: 0, said };
    p.pipeline(true)
}

/// Reads commands that stand within another text, as the body of `foreach`.
pub(crate) fn body(text: &str, said: &mut Vec<Diagnostic>) -> Pipeline {
    let mut p = Parser { text, at: 0, end: text.len(), depth: 1, xors: 0, said };
    p.pipeline(false)
}

/// Reads a lone `eval` expression.
pub(crate) fn expression(text: &str, said: &mut Vec<Diagnostic>) -> Eval {
    let mut p = Parser { text, at: 0, end: text.len(), depth: 0, xors: 0, said };
    let e = p.eval();
    p.rest("the expression");
    e
}

/// A place in a text and what has been said of it.
pub(crate) struct Parser<'p> {
    text: &'p str,
    at: usize,
    end: usize,
    depth: usize,
    /// `XOR`s so far: each of them doubles what stands beside it.
    xors: usize,
    said: &'p mut Vec<Diagnostic>,
}

impl<'p> Parser<'p> {
    fn left(&self) -> &'p str {
        self.text.get(self.at..self.end).unwrap_or("")
    }
    fn peek(&self) -> Option<char> {
        self.left().chars().next()
    }
    fn peek_is(&mut self, c: char) -> bool {
        self.space();
        self.peek() == Some(c)
    }
    fn done(&mut self) -> bool {
        self.space();
        self.at >= self.end
    }
    fn bump(&mut self) {
        self.at += self.peek().map_or(0, char::len_utf8);
    }
    fn space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.bump();
        }
    }
    /// White space and commas.
    fn gap(&mut self) {
        while self.peek().is_some_and(|c| c.is_whitespace() || c == ',') {
            self.bump();
        }
    }
    /// Takes a token, after white space.
    fn eat(&mut self, token: &str) -> bool {
        self.space();
        let hit = self.left().starts_with(token);
        if hit {
            self.at += token.len();
        }
        hit
    }
    /// Whether a word stands here, in any case, and ends here.
    fn at_word(&self, word: &str) -> bool {
        let left = self.left();
        left.get(..word.len()).is_some_and(|w| w.eq_ignore_ascii_case(word))
            && left
                .get(word.len()..)
                .and_then(|l| l.chars().next())
                .is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '_' | '.' | '=' | '{' | ':' | '-' | '*'))
    }
    fn eat_word(&mut self, word: &str) -> bool {
        self.space();
        let hit = self.at_word(word);
        if hit {
            self.at += word.len();
        }
        hit
    }
    fn span(&self, from: usize) -> Span {
        Span::new(from.min(self.at), self.at)
    }
    fn error(&mut self, code: &'static str, message: impl Into<String>, span: Span) {
        self.said.push(Diagnostic::error(code, message, span));
    }
    fn warn(&mut self, code: &'static str, message: impl Into<String>, span: Span) {
        self.said.push(Diagnostic::warning(code, message, span));
    }

    /// Parses within a part of the text.
    fn within<R>(&mut self, part: Span, f: impl FnOnce(&mut Parser<'_>) -> R) -> R {
        let mut inner = Parser {
            text: self.text,
            at: part.start,
            end: part.end,
            depth: self.depth + 1,
            xors: self.xors,
            said: &mut *self.said,
        };
        f(&mut inner)
    }

    /// Says that something is left over that was not understood.
    fn rest(&mut self, of: &str) {
        if !self.done() {
            let span = Span::new(self.at, self.end);
            let part: String = self.left().trim_end().chars().take(40).collect();
            self.error("unexpected-text", format!("{part:?} is not understood in {of}"), span);
            self.at = self.end;
        }
    }

    /// A word: a name, an option, a value without quotes. Empty where none is here.
    fn bare(&mut self) -> &'p str {
        let start = self.at;
        let mut before = ' ';
        while let Some(c) = self.peek() {
            let ends = match c {
                ',' | '(' | ')' | '[' | ']' | '|' | '"' | '=' | '<' | '>' => true,
                '!' => self.left().starts_with("!="),
                c => c.is_whitespace(),
            };
            // What looks like a bracket or quote may be escaped.
            if ends && (before != '\\' || c.is_whitespace()) {
                break;
            }
            before = if before == '\\' && c == '\\' { ' ' } else { c };
            self.bump();
        }
        self.text.get(start..self.at).unwrap_or("")
    }

    /// A name or value: in double quotes, in single ones, or bare.
    fn word(&mut self) -> Option<Word> {
        self.space();
        let start = self.at;
        match self.peek()? {
            '"' => Some(self.quoted()),
            '\'' if self.left().get(1..).is_some_and(|l| l.contains('\'')) => {
                let length = quoted_length(self.left());
                let inner = self.left().get(1..length.saturating_sub(1)).unwrap_or("").to_owned();
                self.at += length;
                Some(Word { text: inner, quoted: true, span: self.span(start) })
            }
            _ => {
                let text = unescape(self.bare());
                (self.at > start).then(|| Word { text, quoted: false, span: self.span(start) })
            }
        }
    }

    /// A string in double quotes. Where its closing quote is missing and the next one closes it elsewhere, as
    /// in `a="x OR b="y"`, it ends before the operator.
    fn quoted(&mut self) -> Word {
        let start = self.at;
        let length = quoted_length(self.left());
        let whole = self.left().get(..length).unwrap_or("");
        let closed = length > 1 && whole.ends_with('"');
        let after = self.left().get(length..).and_then(|l| l.chars().next());
        let odd = !closed || after.is_some_and(|c| c.is_alphanumeric() || matches!(c, '\\' | '*' | ':'));
        let end = if odd { missing_quote(whole) } else { None };
        let (inner, taken) = match (end, closed) {
            (Some(end), _) => (whole.get(1..end).unwrap_or(""), end),
            (None, true) => (whole.get(1..length - 1).unwrap_or(""), length),
            (None, false) => (whole.get(1..).unwrap_or("").trim_end(), length),
        };
        self.at += taken;
        let word = Word { text: unescape(inner), quoted: true, span: self.span(start) };
        if end.is_some() || !closed {
            let place = Span::new(start, start + 1);
            self.warn("open-quote", "the quote is not closed: taken as ending before what follows", place);
        }
        word
    }

    /// The part between brackets, which must begin here; what is not closed reaches to the end.
    fn bracketed(&mut self, open: char, close: char) -> Span {
        let start = self.at + open.len_utf8();
        let mut depth = 0usize;
        let mut i = self.at;
        while let Some(rest) = self.text.get(i..self.end).filter(|r| !r.is_empty()) {
            let c = rest.chars().next().unwrap_or(' ');
            if c == '"' {
                i += quoted_length(rest);
                continue;
            }
            if c == open {
                depth += 1;
            } else if c == close {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    self.at = i + c.len_utf8();
                    return Span::new(start, i);
                }
            }
            i += c.len_utf8();
        }
        self.warn("open-bracket", format!("{open:?} is not closed"), Span::new(self.at, self.at + 1));
        self.at = self.end;
        Span::new(start.min(self.end), self.end)
    }

    /// A subsearch in brackets, which must begin here.
    fn subsearch(&mut self) -> Pipeline {
        let part = self.bracketed('[', ']');
        if self.depth >= MAX_DEPTH {
            self.error("too-deep", "subsearches are nested too deeply", part);
            return Pipeline::default();
        }
        self.within(part, |p| p.pipeline(true))
    }

    /// Commands up to the end. The first needs no name where it is a search.
    fn pipeline(&mut self, implicit: bool) -> Pipeline {
        let span = Span::new(self.at, self.end);
        let mut commands = Vec::new();
        let leading = self.eat("|");
        let mut first = implicit && !leading;
        for part in self.stages() {
            if commands.len() >= MAX_COMMANDS {
                self.error("too-long", format!("more than {MAX_COMMANDS} commands"), part);
                break;
            }
            if let Some(c) = self.within(part, |p| p.command(first)) {
                commands.push(c);
            } else if !first {
                self.warn("empty-command", "nothing stands between two pipes", part);
            }
            first = false;
        }
        Pipeline { commands, span }
    }

    /// The parts between pipes, to the end.
    fn stages(&mut self) -> Vec<Span> {
        let mut parts = Vec::new();
        let mut start = self.at;
        let mut depth = 0usize;
        while let Some(c) = self.peek() {
            match c {
                '"' => {
                    self.at += self.stage_quote();
                    continue;
                }
                '\\' => self.bump(),
                '[' => depth += 1,
                ']' => depth = depth.saturating_sub(1),
                '|' if depth == 0 => {
                    parts.push(Span::new(start, self.at));
                    start = self.at + 1;
                }
                _ => {}
            }
            self.bump();
        }
        self.at = self.end;
        if self.text.get(start..self.end).is_some_and(|t| !t.trim().is_empty()) || parts.is_empty() {
            parts.push(Span::new(start.min(self.end), self.end));
        }
        parts
    }

    /// How far to go over a quoted string while looking for pipes.
    fn stage_quote(&self) -> usize {
        let length = quoted_length(self.left());
        let whole = self.left().get(..length).unwrap_or("");
        let after = self.left().get(length..).and_then(|l| l.chars().next());
        let odd = after.is_some_and(|c| c.is_alphanumeric() || matches!(c, '\\' | '*' | ':'));
        if odd { missing_quote(whole).unwrap_or(length) } else { length }
    }

    /// One command, the whole of this part.
    fn command(&mut self, implicit: bool) -> Option<Command> {
        if self.done() {
            return None;
        }
        let start = self.at;
        let named = self.left().starts_with(|c: char| c.is_ascii_alphabetic());
        let length = self.left().bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        let name = self.left().get(..length).unwrap_or("").to_owned();
        let after = self.left().get(length..).and_then(|l| l.chars().next());
        let ends = after.is_none_or(|c| c.is_whitespace() || matches!(c, '[' | '(' | '"' | '*' | '-' | ','));
        if implicit && !(named && ends && command::opens(&name)) {
            let condition = self.search();
            let kind = Kind::Search(condition);
            return Some(Command { name: "search".into(), span: self.span(start), kind });
        }
        self.at += length;
        let kind = command::parse(self, &name);
        Some(Command { name, span: self.span(start), kind })
    }

    /// Names up to the end, or to a word that ends them.
    fn names(&mut self, until: &[&str]) -> Vec<Word> {
        let mut out = Vec::new();
        loop {
            self.gap();
            if self.at >= self.end || until.iter().any(|w| self.at_word(w)) {
                return out;
            }
            match self.word() {
                Some(w) => out.push(w),
                None => return out,
            }
        }
    }

    /// `name=value` where one of these options stands here.
    fn option(&mut self, known: &[&str]) -> Option<(String, Word)> {
        let start = self.at;
        self.gap();
        let length = self.left().bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        let name = self.left().get(..length).unwrap_or("").to_ascii_lowercase();
        if length > 0 && known.contains(&&*name) {
            self.at += length;
            if self.eat("=") {
                let value = self.word().unwrap_or_default();
                return Some((name, value));
            }
        }
        self.at = start;
        None
    }

    /// Options for as long as there are some.
    fn options(&mut self, known: &[&str]) -> Options {
        std::iter::from_fn(|| self.option(known)).collect()
    }

    /// Names and options in any order, up to the end.
    fn names_and_options(&mut self, known: &[&str]) -> (Vec<Word>, Options) {
        let (mut names, mut options) = (Vec::new(), Options::new());
        loop {
            self.gap();
            if let Some(o) = self.option(known) {
                options.push(o);
            } else if let Some(w) = self.word() {
                names.push(w);
            } else {
                return (names, options);
            }
        }
    }
}

/// Where a string without a closing quote should have ended: before ` OR field=` or ` AND field=`.
fn missing_quote(whole: &str) -> Option<usize> {
    [" OR ", " AND "]
        .iter()
        .flat_map(|op| whole.match_indices(op).map(move |(i, _)| (i, op.len())))
        .filter(|(i, n)| {
            let rest = whole.get(i + n..).unwrap_or("");
            let name =
                rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.')).count();
            name > 0 && rest.get(name..).is_some_and(|r| r.trim_start().starts_with(['=', '!', '<', '>']))
        })
        .map(|(i, _)| i)
        .min()
}

/// Resolves `\\` and `\"`; any other backslash stands for itself.
pub(crate) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some('\\' | '"')) => out.extend(chars.next()),
            _ => out.push(c),
        }
    }
    out
}
