//! Text to statements. The notation has no grammar: this reads what its authors wrote, and tells what it had to
//! assume. A statement begins at a line that starts as one; until the next such line all belongs to it, whatever
//! brackets and quotes are open, so that what is broken in one statement stays there.

mod cond;
mod value;

use shikra_syntax::{Cursor, Diagnostic, Span};

use crate::ast::{Kind, Name, Operand, Select, Source, Statement};

/// Deepest nesting of conditions.
const MAX_DEPTH: usize = 100;
/// Most statements of an analytic.
const MAX_STATEMENTS: usize = 1000;
const SECOND: i64 = 1_000_000_000;
/// Words that a statement's right side begins with.
const VERBS: &[&str] = &["search", "filter", "from", "group", "join", "run", "top"];
/// Functions over a relation or column.
const FUNCTIONS: &[&str] =
    &["count", "min", "max", "average", "avg", "sum", "standard_deviation", "stdev", "unique", "distinct"];

/// Reads an analytic.
pub(crate) fn statements(text: &str, diagnostics: &mut Vec<Diagnostic>) -> Vec<Statement> {
    let mut out = Vec::new();
    for span in split(text).into_iter().take(MAX_STATEMENTS) {
        let Some(part) = text.get(..span.end) else { continue };
        let mut at = Cursor::new(part);
        at.seek(span.start);
        let mut p = Parser { at, diagnostics, depth: 0 };
        if let Some(kind) = p.statement() {
            p.finish();
            out.push(Statement { kind, span });
        }
    }
    out
}

/// Where statements stand.
fn split(text: &str) -> Vec<Span> {
    let mut starts = Vec::new();
    let (mut at, mut open) = (0, 0i64);
    for line in text.split_inclusive('\n') {
        let bare = line.trim();
        if begins(bare, open <= 0) || (starts.is_empty() && !bare.is_empty()) {
            starts.push(at);
            open = 0;
        }
        open += line.chars().map(|c| i64::from(c == '(') - i64::from(c == ')')).sum::<i64>();
        at += line.len();
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    let ends: Vec<usize> = ends.collect();
    starts.into_iter().zip(ends).map(|(start, end)| Span::new(start, end)).collect()
}

/// Whether a line begins a statement; one that might also be a condition only where none is `open`ed.
fn begins(line: &str, closed: bool) -> bool {
    let mut words = line.split(|c: char| c.is_whitespace() || c == '(');
    let first = words.next().unwrap_or("").to_ascii_lowercase();
    if matches!(first.as_str(), "output" | "return" | "input") && !line.contains('=') {
        return true;
    }
    let Some((target, rest)) = line.split_once('=') else { return false };
    let name = |s: &str| !s.is_empty() && s.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'));
    if !name(target.trim()) || rest.starts_with('=') {
        return false;
    }
    let rest = rest.trim();
    let verb: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let after = rest.get(verb.len()..).unwrap_or("").trim_start();
    let verb = verb.to_ascii_lowercase();
    let top = verb.strip_prefix("top").is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
    if VERBS.contains(&verb.as_str()) || top || FUNCTIONS.contains(&verb.as_str()) && after.starts_with('(') {
        return true;
    }
    let path = target.contains('.') && name(rest);
    let difference = after.starts_with("- ") || after.starts_with("+ ");
    closed && (path || difference)
}

pub(crate) struct Parser<'t, 'd> {
    pub at: Cursor<'t>,
    pub diagnostics: &'d mut Vec<Diagnostic>,
    pub depth: usize,
}

impl Parser<'_, '_> {
    pub fn recovered(&mut self, message: impl Into<String>, span: Span) {
        self.diagnostics.push(Diagnostic::warning("recovered", message, span));
    }
    pub fn error(&mut self, message: impl Into<String>, span: Span) {
        self.diagnostics.push(Diagnostic::error("syntax", message, span));
    }
    pub fn is_word(&self, word: &str) -> bool {
        let mut ahead = self.at.clone();
        ahead.skip_space();
        ahead.eat_ignore_case(word) && !ahead.peek().is_some_and(|c| c.is_alphanumeric() || c == '_')
    }
    pub fn eat_word(&mut self, word: &str) -> bool {
        let hit = self.is_word(word);
        if hit {
            self.at.skip_space();
            self.at.eat_ignore_case(word);
        }
        hit
    }
    pub fn eat_words(&mut self, words: &[&str]) -> bool {
        let before = self.at.clone();
        let hit = words.iter().all(|w| self.eat_word(w));
        if !hit {
            self.at = before;
        }
        hit
    }
    pub fn eat(&mut self, sign: &str) -> bool {
        let before = self.at.clone();
        self.at.skip_space();
        let hit = self.at.eat(sign);
        if !hit {
            self.at = before;
        }
        hit
    }
    pub fn peek(&self) -> Option<char> {
        self.at.rest().trim_start().chars().next()
    }
    /// The place of the next character.
    pub fn here(&self) -> Span {
        let mut ahead = self.at.clone();
        ahead.skip_space();
        let start = ahead.offset();
        ahead.bump();
        ahead.span_from(start)
    }

    /// A name or path, perhaps in brackets: `[log_name]`.
    pub fn name(&mut self) -> Option<Name> {
        let before = self.at.clone();
        let bracket = self.eat("[");
        self.at.skip_space();
        let start = self.at.offset();
        let text = self.at.eat_while(|c| c.is_alphanumeric() || matches!(c, '_' | '.')).to_owned();
        let span = self.at.span_from(start);
        if text.is_empty() || bracket && !self.eat("]") {
            self.at = before;
            return None;
        }
        Some(Name { text, span })
    }

    fn names(&mut self) -> Vec<Name> {
        let mut out = Vec::new();
        let bracket = self.eat("(");
        while let Some(n) = self.name() {
            out.push(n);
            if !self.eat(",") {
                break;
            }
        }
        if bracket {
            self.eat(")");
        }
        out
    }

    fn statement(&mut self) -> Option<Kind> {
        self.peek()?;
        if self.eat_word("output") || self.eat_word("return") {
            return Some(Kind::Output(self.names()));
        }
        if self.eat_word("input") {
            return self.name().map(Kind::Input);
        }
        let before = self.at.clone();
        if let Some(target) = self.name()
            && self.eat("=")
            && !self.at.rest().starts_with('=')
            && let Some(kind) = self.right_side(target)
        {
            return Some(kind);
        }
        self.at = before;
        let condition = self.conditions();
        Some(Kind::Bare(condition))
    }

    /// What is assigned; none where it is no statement after all.
    fn right_side(&mut self, target: Name) -> Option<Kind> {
        if self.eat_word("search") {
            return Some(self.search(target));
        }
        if self.eat_word("filter") {
            return Some(self.filter(target));
        }
        if self.eat_word("from") {
            let source = self.name()?;
            self.eat_word("select");
            return Some(Kind::From { target, source, columns: self.selects() });
        }
        if self.eat_word("group") {
            return Some(self.group(target));
        }
        if self.eat_word("join") {
            return self.join(target);
        }
        if self.eat_word("run") {
            self.eat_word("analytic");
            self.eat(":");
            self.at.skip_space();
            let start = self.at.offset();
            let text = self.at.eat_while(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.')).to_owned();
            return Some(Kind::Run { target, analytic: Name { text, span: self.at.span_from(start) } });
        }
        self.aggregate(&target).or_else(|| self.top(&target)).or_else(|| {
            let value = self.sum()?;
            let arith = !matches!(value, Operand::Text(_));
            arith.then_some(Kind::Assign { target, value })
        })
    }

    /// `search Object:Action`, several with `or`, `and` or commas, then perhaps a condition.
    fn search(&mut self, target: Name) -> Kind {
        let mut sources = Vec::new();
        let bracket = self.eat("(");
        while let Some(object) = self.name() {
            let action = if self.eat(":") {
                match self.eat("*") {
                    true => None,
                    false => self.name().map(|n| n.text),
                }
            } else {
                None
            };
            sources.push(Source { object: object.text, action });
            let here = self.here();
            if self.eat_word("and") {
                self.recovered("several actions with `and`: an event has one, so any of them", here);
            } else if !(self.eat_word("or") || self.eat(",")) {
                break;
            }
        }
        if bracket {
            self.eat(")");
        }
        let condition = if self.eat_word("where") { Some(self.conditions()) } else { None };
        Kind::Search { target, sources, condition }
    }

    fn filter(&mut self, target: Name) -> Kind {
        let bare = self.peek() == Some('(') || self.is_word("where");
        let source = if bare { None } else { self.name() };
        let here = self.here();
        let before = self.at.clone();
        // `filter x (where …)`
        if self.eat("(") && self.eat_word("where") {
            self.recovered("`where` within the parentheses", here);
            self.depth += 1;
            let condition = self.conditions();
            self.depth -= 1;
            self.eat(")");
            return Kind::Filter { target, source, condition };
        }
        self.at = before;
        if !self.eat_word("where") && source.is_some() {
            self.recovered("`where` is missing", here);
        }
        let condition = self.conditions();
        Kind::Filter { target, source, condition }
    }

    fn selects(&mut self) -> Vec<Select> {
        let mut out = Vec::new();
        while let Some(first) = self.name() {
            let function = self.eat("(");
            let field = if function { self.name() } else { None };
            if function {
                self.eat(")");
            }
            let named = if self.eat_word("as") { self.name().map(|n| n.text) } else { None };
            let (function, field) = match (function, field) {
                (true, Some(field)) => (Some(first.text.to_ascii_lowercase()), field),
                (true, None) => (Some(first.text.to_ascii_lowercase()), first.clone()),
                _ => (None, first.clone()),
            };
            let name = named.unwrap_or_else(|| match &function {
                Some(f) => format!("{f}({})", field.text),
                None => field.text.clone(),
            });
            out.push(Select { function, field, name });
            let here = self.here();
            if !self.eat(",") && self.name_follows() {
                self.recovered("a comma between columns is missing", here);
            }
        }
        out
    }

    fn name_follows(&self) -> bool {
        self.peek().is_some_and(|c| c.is_alphabetic() || c == '_')
    }

    fn group(&mut self, target: Name) -> Kind {
        let sources = self.names();
        let by = if self.eat_word("by") { self.names() } else { Vec::new() };
        let mut pause = None;
        if self.eat_word("where") {
            // `(max time between two events is 30 minutes)`
            let here = self.here();
            self.at.eat_while(|c| !c.is_ascii_digit() && c != '\n');
            pause = self.span_of_time();
            self.at.eat_while(|c| c != '\n');
            if pause.is_none() {
                self.recovered("what the group is limited by cannot be read: left out", here);
            }
        }
        Kind::Group { target, sources, by, pause }
    }

    fn join(&mut self, target: Name) -> Option<Kind> {
        let sides = self.names();
        let [left, right] = <[Name; 2]>::try_from(sides).ok()?;
        if !self.eat_word("where") {
            self.eat_word("on");
        }
        let condition = self.conditions();
        Some(Kind::Join { target, left, right, condition })
    }

    fn aggregate(&mut self, target: &Name) -> Option<Kind> {
        let before = self.at.clone();
        let call = self.name().filter(|n| FUNCTIONS.contains(&n.text.to_ascii_lowercase().as_str()));
        let of = if call.is_some() && self.eat("(") { self.name() } else { None };
        let (Some(function), Some(of), true) = (call, of, self.eat(")")) else {
            self.at = before;
            return None;
        };
        let by = if self.eat_word("by") { self.names() } else { Vec::new() };
        Some(Kind::Aggregate { target: target.clone(), function, of, by })
    }

    fn top(&mut self, target: &Name) -> Option<Kind> {
        let before = self.at.clone();
        self.at.skip_space();
        let number = self.at.eat_ignore_case("top").then(|| {
            self.at.skip_space();
            self.at.eat_while(|c| c.is_ascii_digit()).parse::<u64>().ok()
        });
        let Some(Some(count)) = number else {
            self.at = before;
            return None;
        };
        let bracket = self.eat("(");
        let source = self.name();
        if bracket {
            self.eat(")");
        }
        let source = source?;
        let by = if self.eat_word("by") { self.names() } else { Vec::new() };
        Some(Kind::Top { target: target.clone(), count, source, by })
    }

    /// What is left over of a statement.
    fn finish(&mut self) {
        self.at.skip_space();
        let rest = self.at.rest().trim_end();
        if rest.is_empty() {
            return;
        }
        let span = Span::new(self.at.offset(), self.at.offset() + rest.len());
        let brackets =
            rest.chars().all(|c| c.is_whitespace() || matches!(c, ')' | '(' | ']' | '"' | '”' | ';'));
        if brackets {
            self.recovered("more brackets or quotes are closed than opened: left out", span);
        } else {
            self.error("cannot be read", span);
        }
    }

    /// `30 minutes`.
    pub fn span_of_time(&mut self) -> Option<i64> {
        let before = self.at.clone();
        self.at.skip_space();
        let number: Option<i64> = self.at.eat_while(|c| c.is_ascii_digit()).parse().ok();
        self.at.eat_while(|c| c == ' ');
        let unit = self.at.eat_while(char::is_alphabetic).to_ascii_lowercase();
        let seconds = match unit.as_str() {
            "s" | "sec" | "secs" | "second" | "seconds" => 1,
            "m" | "min" | "mins" | "minute" | "minutes" => 60,
            "h" | "hour" | "hours" => 3600,
            "d" | "day" | "days" => 86_400,
            "w" | "week" | "weeks" => 604_800,
            _ => 0,
        };
        let span = number.filter(|_| seconds > 0).and_then(|n| n.checked_mul(seconds)?.checked_mul(SECOND));
        if span.is_none() {
            self.at = before;
        }
        span
    }
}
