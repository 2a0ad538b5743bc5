//! Tokens to tree. Recovers: a query of which part cannot be read still gives the rest, and slips whose
//! meaning is plain (a missing `or`, a bracket left open at the end) are read as meant, with a warning.

use shikra_syntax::{Diagnostic, Span};

use crate::Dialect;
use crate::ast::{Body, EventQuery, Expr, Kind, Pipe, Query, Stage, Stages};
use crate::token::{Quotes, StrToken, Tok, Token, tokens};

mod expr;
mod time;

/// Nesting of brackets, `not` and signs that is followed.
const MAX_DEPTH: usize = 100;

/// Pipes of one query.
const MAX_PIPES: usize = 50;

/// The tree of a query; errors among the diagnostics mean that it is not complete.
pub(crate) fn query(text: &str, dialect: Dialect, diagnostics: &mut Vec<Diagnostic>) -> Query {
    let tokens = tokens(text, diagnostics);
    let mut p = Parser { tokens, at: 0, dialect, diagnostics, depth: 0, panicking: false, juxtapose: false };
    p.query()
}

/// The tree of a lone expression.
pub(crate) fn expression(text: &str, dialect: Dialect, diagnostics: &mut Vec<Diagnostic>) -> Expr {
    let tokens = tokens(text, diagnostics);
    let mut p = Parser { tokens, at: 0, dialect, diagnostics, depth: 0, panicking: false, juxtapose: false };
    let e = p.boolean();
    p.expect_end();
    e
}

struct Parser<'d> {
    tokens: Vec<Token>,
    at: usize,
    dialect: Dialect,
    diagnostics: &'d mut Vec<Diagnostic>,
    depth: usize,
    /// An error was reported and nothing has been understood since.
    panicking: bool,
    /// Expressions may follow one another without a comma (arguments of pipes).
    juxtapose: bool,
}

const END: Token = Token { tok: Tok::End, span: Span { start: 0, end: 0 } };

impl Parser<'_> {
    fn peek(&self) -> &Tok {
        self.peek_at(0)
    }
    fn peek_at(&self, ahead: usize) -> &Tok {
        &self.tokens.get(self.at + ahead).or(self.tokens.last()).unwrap_or(&END).tok
    }
    fn span(&self) -> Span {
        self.tokens.get(self.at).or(self.tokens.last()).unwrap_or(&END).span
    }
    /// End of the token before.
    fn from(&self, start: Span) -> Span {
        let last = self.at.checked_sub(1).and_then(|i| self.tokens.get(i)).map_or(start, |t| t.span);
        Span::new(start.start, last.end)
    }
    fn bump(&mut self) -> Tok {
        let tok = self.peek().clone();
        if self.at < self.tokens.len() {
            self.at += 1;
        }
        tok
    }
    fn is(&self, punct: &str) -> bool {
        *self.peek() == Tok::Punct(match_static(punct))
    }
    fn eat(&mut self, punct: &str) -> bool {
        let hit = self.is(punct);
        if hit {
            self.at += 1;
            self.panicking = false;
        }
        hit
    }
    fn is_word_at(&self, ahead: usize, word: &str) -> bool {
        matches!(self.peek_at(ahead), Tok::Word { text, quoted: false, .. } if text.eq_ignore_ascii_case(word))
    }
    fn is_word(&self, word: &str) -> bool {
        self.is_word_at(0, word)
    }
    /// A keyword; one in odd case is taken with a warning.
    fn eat_word(&mut self, word: &str) -> bool {
        let span = self.span();
        let exact = match self.peek() {
            Tok::Word { text, quoted: false, .. } if text.eq_ignore_ascii_case(word) => text == word,
            _ => return false,
        };
        if !exact {
            let message = format!("keywords are lower-case: `{word}`");
            self.diagnostics.push(Diagnostic::warning("keyword-case", message, span));
        }
        self.at += 1;
        self.panicking = false;
        true
    }
    fn error(&mut self, code: &'static str, message: impl Into<String>, span: Span) {
        if !self.panicking {
            self.diagnostics.push(Diagnostic::error(code, message, span));
        }
        self.panicking = true;
    }
    fn warn(&mut self, code: &'static str, message: impl Into<String>, span: Span) {
        self.diagnostics.push(Diagnostic::warning(code, message, span));
    }
    fn expected(&mut self, what: &str) {
        let (message, span) = (format!("expected {what}, found {}", self.describe()), self.span());
        self.error("syntax", message, span);
    }
    fn describe(&self) -> String {
        match self.peek() {
            Tok::Word { text, .. } => format!("`{text}`"),
            Tok::Int(n) => format!("`{n}`"),
            Tok::Float(n) => format!("`{n:?}`"),
            Tok::Str(_) => "a string".into(),
            Tok::Punct(p) => format!("`{p}`"),
            Tok::End => "the end".into(),
        }
    }
    fn expect(&mut self, punct: &str) {
        if self.eat(punct) {
            return;
        }
        if *self.peek() == Tok::End && !self.panicking {
            let span = self.span();
            self.warn("unclosed", format!("`{punct}` is missing at the end"), span);
        } else {
            self.expected(&format!("`{punct}`"));
        }
    }
    fn expect_end(&mut self) {
        while *self.peek() == Tok::Punct(";") {
            self.bump();
        }
        if *self.peek() != Tok::End {
            self.expected("the end");
        }
    }
    /// Runs `f` one level deeper, unless that is too deep.
    fn deeper<T>(&mut self, broken: T, f: impl FnOnce(&mut Self) -> T) -> T {
        if self.depth >= MAX_DEPTH {
            let span = self.span();
            self.error("too-deep", format!("expressions nest deeper than {MAX_DEPTH}"), span);
            self.at = self.tokens.len();
            return broken;
        }
        self.depth += 1;
        let out = f(self);
        self.depth -= 1;
        out
    }

    fn query(&mut self) -> Query {
        let start = self.span();
        let opens = |p: &Self| ["[", "!"].iter().any(|b| *p.peek_at(1) == Tok::Punct(match_static(b)));
        let staged = |p: &Self| opens(p) || p.is_word_at(1, "by") || p.is_word_at(1, "with");
        let body = if self.is_word("sequence") && staged(self) {
            self.bump();
            Body::Sequence(self.stages(start))
        } else if self.is_word("sample") && staged(self) {
            self.bump();
            Body::Sample(self.stages(start))
        } else if self.is_word("join") && staged(self) {
            self.bump();
            Body::Join(self.stages(start))
        } else {
            Body::Event(self.event_query())
        };
        let pipes = self.pipes();
        self.expect_end();
        Query { body, pipes }
    }

    fn event_query(&mut self) -> EventQuery {
        let start = self.span();
        let category = match self.peek().clone() {
            Tok::Word { text, .. } if !(self.is_word("where")) => {
                self.bump();
                (text != "any").then_some(text)
            }
            Tok::Str(StrToken { text, quotes }) => {
                self.check_quotes(quotes);
                self.bump();
                Some(text)
            }
            Tok::Punct("*") => {
                self.bump();
                None
            }
            _ => {
                self.expected("an event category");
                None
            }
        };
        let condition = if self.eat_word("where") {
            self.boolean()
        } else {
            self.expected("`where`");
            self.skip_to_boundary();
            Expr::new(Kind::Broken, self.from(start))
        };
        EventQuery { category, condition, span: self.from(start) }
    }

    /// Past what cannot be read, to where something new begins.
    fn skip_to_boundary(&mut self) {
        while !matches!(self.peek(), Tok::End | Tok::Punct("]" | "|")) {
            self.bump();
        }
    }

    fn stages(&mut self, span: Span) -> Stages {
        let mut out = Stages { by: vec![], maxspan: None, stages: vec![], until: None, span };
        loop {
            if self.eat_word("by") {
                out.by = self.keys();
            } else if self.eat_word("with") {
                self.with_maxspan(&mut out);
            } else {
                break;
            }
        }
        while self.is("[") || self.is("!") {
            let stage = self.stage();
            out.stages.push(stage);
        }
        if self.eat_word("until") {
            out.until = Some(self.stage());
        }
        if out.stages.is_empty() {
            self.expected("`[`");
        }
        out
    }

    fn with_maxspan(&mut self, out: &mut Stages) {
        if !self.eat_word("maxspan") {
            self.expected("`maxspan`");
            return;
        }
        if !self.eat("=") && !self.eat("==") {
            self.expected("`=`");
            return;
        }
        out.maxspan = self.duration();
    }

    fn stage(&mut self) -> Stage {
        let start = self.span();
        let absent = self.eat("!");
        if !self.eat("[") {
            self.expected("`[`");
        }
        let query = self.deeper_event_query();
        if !self.is("]") {
            if *self.peek() != Tok::End {
                self.expected("`]`");
            }
            while !matches!(self.peek(), Tok::End | Tok::Punct("]")) {
                self.bump();
            }
        }
        self.expect("]");
        let mut stage =
            Stage { query, by: vec![], absent, runs: 1, fork: false, alias: None, span: self.from(start) };
        loop {
            if self.eat_word("by") {
                stage.by = self.keys();
            } else if self.is_word("with") && self.is_word_at(1, "runs") {
                self.bump();
                self.runs(&mut stage);
            } else if self.is_word("as") {
                self.alias(&mut stage);
            } else if self.eat_word("fork") {
                stage.fork = !self.eat("=") || !self.eat_word("false") && self.eat_word("true");
            } else {
                break;
            }
        }
        stage
    }

    /// `as name`, by which later stages read this one's event.
    fn alias(&mut self, stage: &mut Stage) {
        let span = self.span();
        self.bump();
        if self.dialect == Dialect::Elastic {
            self.error("dialect", "only Elastic Endpoint's EQL names stages with `as`", span);
        }
        match self.bump() {
            Tok::Word { text, .. } => stage.alias = Some(text),
            _ => self.error("syntax", "`as` needs a name", span),
        }
    }

    fn deeper_event_query(&mut self) -> EventQuery {
        let span = self.span();
        let broken = EventQuery { category: None, condition: Expr::new(Kind::Broken, span), span };
        self.deeper(broken, Self::event_query)
    }

    fn runs(&mut self, stage: &mut Stage) {
        self.bump();
        if !self.eat("=") && !self.eat("==") {
            self.expected("`=`");
        }
        let span = self.span();
        match self.peek() {
            Tok::Int(n) if (1..=1000).contains(n) => {
                stage.runs = *n as u32;
                self.bump();
            }
            _ => self.error("runs", "`runs` is a whole number from 1 to 1000", span),
        }
    }

    fn keys(&mut self) -> Vec<Expr> {
        let mut out = vec![self.value()];
        while self.eat(",") {
            out.push(self.value());
        }
        out
    }

    fn pipes(&mut self) -> Vec<Pipe> {
        let mut out = Vec::new();
        while self.eat("|") {
            let span = self.span();
            if out.len() >= MAX_PIPES {
                self.error("too-deep", format!("more than {MAX_PIPES} pipes"), span);
                self.at = self.tokens.len();
                break;
            }
            let name = match self.peek().clone() {
                Tok::Word { text, .. } => text,
                _ => {
                    self.expected("the name of a pipe");
                    self.skip_to_boundary();
                    continue;
                }
            };
            self.bump();
            self.juxtapose = true;
            let mut args = Vec::new();
            while !matches!(self.peek(), Tok::End | Tok::Punct("|" | ";")) {
                args.push(self.boolean());
                self.eat(",");
                while self.panicking && !matches!(self.peek(), Tok::End | Tok::Punct("|" | ";")) {
                    self.bump();
                }
            }
            self.juxtapose = false;
            out.push(Pipe { name, args, span: self.from(span) });
        }
        out
    }

    /// Quotes of the other dialect.
    fn check_quotes(&mut self, quotes: Quotes) {
        if self.dialect != Dialect::Endgame && matches!(quotes, Quotes::Single | Quotes::Raw) {
            let span = self.span();
            self.diagnostics.push(
                Diagnostic::error("quotes", "Elastic's EQL does not know this form of string", span)
                    .with_help("use \"…\", or \"\"\"…\"\"\" for raw text"),
            );
        }
    }
}

/// The table's own copy of an operator's text.
fn match_static(punct: &str) -> &'static str {
    const ALL: &[&str] = &[
        "==", "!=", "<=", ">=", "=", "<", ">", "(", ")", "[", "]", ",", ".", "|", ":", "?", "!", "+", "-",
        "*", "/", "%", "~", ";", "{", "}",
    ];
    ALL.iter().find(|p| **p == punct).copied().unwrap_or("")
}
