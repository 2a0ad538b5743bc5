//! From text to sqlparser's tree. What a literal says is left to [`crate::text`].

use shikra_syntax::{Diagnostic, Span};
use sqlparser::ast::{Query, Statement};
use sqlparser::dialect::DatabricksDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Span as SqlSpan, Token, Tokenizer};

/// Tokens of one query. Chains of operators become trees as deep as they are long, which are walked by recursion
/// in places that are not ours.
const MAX_TOKENS: usize = 4000;
/// Nesting of parentheses and subqueries.
const MAX_DEPTH: usize = 50;

/// Byte offsets of the places that sqlparser names by line and column.
pub(crate) struct Positions<'t> {
    text: &'t str,
    lines: Vec<usize>,
}

impl<'t> Positions<'t> {
    pub fn new(text: &'t str) -> Positions<'t> {
        let starts = text.match_indices('\n').map(|(i, _)| i + 1);
        Positions { text, lines: std::iter::once(0).chain(starts).collect() }
    }

    fn offset(&self, at: Location) -> usize {
        let line = usize::try_from(at.line).unwrap_or(1).saturating_sub(1);
        let start = self.lines.get(line).copied().unwrap_or(self.text.len());
        let column = usize::try_from(at.column).unwrap_or(1).saturating_sub(1);
        let rest = self.text.get(start..).unwrap_or_default();
        start + rest.char_indices().nth(column).map_or(rest.len(), |(i, _)| i)
    }

    /// The bytes of a place; nothing at the start where sqlparser knows none.
    pub fn span(&self, span: SqlSpan) -> Span {
        if span.start.line == 0 {
            return Span::default();
        }
        Span::new(self.offset(span.start), self.offset(span.end))
    }
}

/// Reads one query.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn query(text: &str, at: &Positions<'_>) -> Result<Query, Diagnostic> {
    let whole = Span::new(0, text.len());
    let dialect = DatabricksDialect;
    let tokens = Tokenizer::new(&dialect, text).with_unescape(false).tokenize_with_location();
    let tokens = tokens.map_err(|e| {
        let place = Span::new(at.offset(e.location), at.offset(e.location));
        Diagnostic::error("syntax", e.message, place)
    })?;
    if words(tokens.iter().map(|t| &t.token)) > MAX_TOKENS {
        return Err(Diagnostic::error("too-long", format!("more than {MAX_TOKENS} words"), whole));
    }
    let mut parser = Parser::new(&dialect).with_recursion_limit(MAX_DEPTH).with_tokens_with_locations(tokens);
    let found = parser.parse_statement().map_err(|e| syntax(&e, at, whole))?;
    while parser.consume_token(&Token::SemiColon) {}
    let next = parser.peek_token();
    if next.token != Token::EOF {
        let message = format!("the query ends before {}", next.token);
        return Err(Diagnostic::error("syntax", message, at.span(next.span)));
    }
    match found {
        Statement::Query(q) => Ok(*q),
        _ => Err(Diagnostic::error("not-a-query", "only SELECT queries are run", whole)),
    }
}

fn words<'t>(tokens: impl Iterator<Item = &'t Token>) -> usize {
    tokens.filter(|t| !matches!(t, Token::Whitespace(_))).count()
}

/// Whether a query has more words than are read.
pub(crate) fn is_too_long(text: &str) -> bool {
    let tokens = Tokenizer::new(&DatabricksDialect, text).with_unescape(false).tokenize();
    tokens.is_ok_and(|t| words(t.iter()) > MAX_TOKENS)
}

/// sqlparser tells the place only in words: `… at Line: 3, Column: 7`.
fn syntax(error: &ParserError, at: &Positions<'_>, whole: Span) -> Diagnostic {
    let message = match error {
        ParserError::TokenizerError(m) | ParserError::ParserError(m) => m.as_str(),
        ParserError::RecursionLimitExceeded => "nested too deeply",
    };
    let Some((what, place)) = message.rsplit_once(" at Line: ") else {
        return Diagnostic::error("syntax", message, whole);
    };
    let numbers = place.split_once(", Column: ").and_then(|(l, c)| Some((l.parse().ok()?, c.parse().ok()?)));
    let span = numbers.map_or(whole, |(line, column)| {
        let start = at.offset(Location { line, column });
        Span::new(start, start)
    });
    Diagnostic::error("syntax", what, span)
}
