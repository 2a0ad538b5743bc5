//! Text to tree. What is missing or too much is recovered from where the meaning is plain: a parenthesis that is
//! not closed ends with the search, one that was not opened is left out; both are told.
//!
//! Precedence, tightest first: `-` and `NOT`, `OR`, `AND` (written or not). The vendor's guide has `OR` bind
//! before `AND`.

mod command;

use shikra_ir::CmpOp;
use shikra_syntax::{Cursor, Diagnostic, Span};

use crate::ast::{Body, Expr, Link, Name, Qualified, Search, Stream, Streams, Value};

/// Deepest nesting.
const MAX_DEPTH: usize = 100;
/// Commands of a whole search: each is a level of the plan or more.
const MAX_COMMANDS: usize = 200;
/// Commands, by which a `|` that stands close to a value is told from one between alternatives.
const COMMANDS: &[&str] = &[
    "chart",
    "timechart",
    "search",
    "filter",
    "fields",
    "rename",
    "order",
    "limit",
    "latest",
    "process",
    "norm",
    "rex",
];
const SECOND: i64 = 1_000_000_000;

/// Reads a search.
pub(crate) fn search(text: &str, diagnostics: &mut Vec<Diagnostic>) -> Search {
    let mut p = Parser { at: Cursor::new(text), diagnostics, depth: 0, commands: 0 };
    let search = p.search(&[]);
    p.at.skip_space();
    if !p.at.at_end() {
        let span = Span::new(p.at.offset(), text.len());
        p.error("syntax", "cannot be read from here on", span);
    }
    search
}

struct Parser<'t, 'd> {
    at: Cursor<'t>,
    diagnostics: &'d mut Vec<Diagnostic>,
    depth: usize,
    commands: usize,
}

impl<'t> Parser<'t, '_> {
    fn error(&mut self, code: &'static str, message: impl Into<String>, span: Span) {
        self.diagnostics.push(Diagnostic::error(code, message, span));
    }
    fn recovered(&mut self, message: impl Into<String>, span: Span) {
        self.diagnostics.push(Diagnostic::warning("recovered", message, span));
    }

    /// Whether the next word, in any case, is this one.
    fn is_word(&self, word: &str) -> bool {
        let mut ahead = self.at.clone();
        ahead.skip_space();
        ahead.eat_ignore_case(word) && !ahead.peek().is_some_and(is_name)
    }
    fn eat_word(&mut self, word: &str) -> bool {
        let hit = self.is_word(word);
        if hit {
            self.at.skip_space();
            self.at.eat_ignore_case(word);
        }
        hit
    }
    fn eat_words(&mut self, first: &str, second: &str) -> bool {
        let before = self.at.clone();
        let hit = self.eat_word(first) && self.eat_word(second);
        if !hit {
            self.at = before;
        }
        hit
    }
    fn eat(&mut self, sign: &str) -> bool {
        let before = self.at.clone();
        self.at.skip_space();
        let hit = self.at.eat(sign);
        if !hit {
            self.at = before;
        }
        hit
    }
    /// Passes over all that follows, and tells where it stands.
    fn rest(&mut self) -> Span {
        let span = Span::new(self.at.offset(), self.at.offset() + self.at.rest().len());
        self.at.seek(span.end);
        span
    }
    fn peek(&self) -> Option<char> {
        self.at.rest().trim_start().chars().next()
    }
    /// The place of the next character.
    fn here(&self) -> Span {
        let mut ahead = self.at.clone();
        ahead.skip_space();
        let start = ahead.offset();
        ahead.bump();
        ahead.span_from(start)
    }

    /// A search, up to one of these words or a bracket that closes.
    fn search(&mut self, ends: &[&str]) -> Search {
        let body = if self.peek() == Some('[') {
            Body::Streams(self.streams())
        } else {
            Body::Events(self.conjunction(ends))
        };
        let mut commands = Vec::new();
        while self.eat("|") {
            self.commands += 1;
            if self.commands > MAX_COMMANDS {
                let span = self.rest();
                self.error("too-long", format!("more than {MAX_COMMANDS} commands"), span);
                break;
            }
            commands.push(self.command());
        }
        Search { body, commands }
    }

    /// Conditions side by side; none where there is none.
    fn conjunction(&mut self, ends: &[&str]) -> Option<Expr> {
        let mut parts = Vec::new();
        loop {
            self.eat_word("and");
            match self.peek() {
                None | Some('|' | ']') => break,
                Some(')') if self.depth > 0 => break,
                Some(')') => {
                    let here = self.here();
                    self.eat(")");
                    self.recovered("this parenthesis was not opened: left out", here);
                    continue;
                }
                Some(',') => {
                    let here = self.here();
                    self.eat(",");
                    self.recovered("a comma between conditions: left out", here);
                    continue;
                }
                Some(_) if ends.iter().any(|w| self.is_word(w)) => break,
                Some(_) => {}
            }
            let before = self.at.offset();
            parts.push(self.disjunction(ends));
            if self.at.offset() == before {
                let here = self.here();
                self.at.skip_space();
                self.at.bump();
                self.error("syntax", "cannot be read", here);
            }
        }
        match parts.len() {
            0 | 1 => parts.pop(),
            _ => Some(Expr::And(parts)),
        }
    }

    fn disjunction(&mut self, ends: &[&str]) -> Expr {
        let first = self.unary(ends);
        let mut parts = vec![first];
        while self.eat_word("or") {
            parts.push(self.unary(ends));
        }
        if parts.len() == 1 { parts.remove(0) } else { Expr::Or(parts) }
    }

    fn unary(&mut self, ends: &[&str]) -> Expr {
        self.at.skip_space();
        let negated = self.at.eat("-") || self.eat_word("not");
        if self.depth >= MAX_DEPTH {
            let span = self.rest();
            self.error("depth", "nested too deeply", span);
            return Expr::Broken("nested too deeply".into(), span);
        }
        if negated {
            self.depth += 1;
            let inner = self.unary(ends);
            self.depth -= 1;
            return Expr::Not(Box::new(inner));
        }
        self.primary(ends)
    }

    fn primary(&mut self, ends: &[&str]) -> Expr {
        match self.peek() {
            Some('(') => self.group(),
            Some('"' | '\'') => {
                let value = self.quoted();
                Expr::Keyword(value)
            }
            None | Some(')' | ']' | '|') => {
                let here = self.here();
                self.error("syntax", "a condition is missing here", here);
                Expr::Broken("a condition is missing".into(), here)
            }
            Some(_) if ends.iter().any(|w| self.is_word(w)) => {
                let here = self.here();
                self.error("syntax", "a condition is missing here", here);
                Expr::Broken("a condition is missing".into(), here)
            }
            Some(_) => self.test(),
        }
    }

    fn group(&mut self) -> Expr {
        let open = self.here();
        self.eat("(");
        self.depth += 1;
        let inner = self.conjunction(&[]);
        self.depth -= 1;
        if !self.eat(")") {
            self.recovered("this parenthesis is not closed: it ends with the search", open);
        }
        inner.unwrap_or_else(|| {
            self.error("syntax", "nothing stands in these parentheses", open);
            Expr::Broken("nothing stands in the parentheses".into(), open)
        })
    }

    /// `field = value`, `field IN …`, or a bare word.
    fn test(&mut self) -> Expr {
        self.at.skip_space();
        let start = self.at.offset();
        let word = self.at.eat_while(|c| !c.is_whitespace() && !"()[]|=<>,\"'!".contains(c));
        let field = Name { text: word.to_owned(), span: self.at.span_from(start) };
        if word.is_empty() {
            return Expr::Broken("cannot be read".into(), self.here());
        }
        if self.peek() == Some('(') && self.at.peek() == Some('(') {
            return self.function(field);
        }
        if let Some(op) = self.operator() {
            return self.comparison(field, op, start);
        }
        let before = self.at.clone();
        let negated = self.eat_word("not");
        if self.eat_word("in") {
            let test = self.membership(field, start);
            return if negated { Expr::Not(Box::new(test)) } else { test };
        }
        self.at = before;
        Expr::Keyword(Value { text: field.text, quoted: false, span: field.span })
    }

    /// `count() > 5`, of a column that was given no other name; other functions of a field are told when lowered.
    fn function(&mut self, mut name: Name) -> Expr {
        self.eat("(");
        let rest = self.at.rest();
        let mut depth = 1;
        while depth > 0 {
            match self.at.bump() {
                Some('(') => depth += 1,
                Some(')') => depth -= 1,
                Some(_) => {}
                None => break,
            }
        }
        let inner = rest.get(..rest.len() - self.at.rest().len()).unwrap_or("");
        let inner = inner.strip_suffix(')').unwrap_or(inner).trim();
        let start = name.span.start;
        let broken = Expr::Broken(format!("function {:?} of a field", name.text), self.at.span_from(start));
        name.text = format!("{}({inner})", name.text);
        match self.operator() {
            Some(op) if !self.at_condition_end() => self.comparison(name, op, start),
            _ => broken,
        }
    }

    fn at_condition_end(&self) -> bool {
        matches!(self.peek(), None | Some(')' | ']' | '|' | ','))
    }

    fn operator(&mut self) -> Option<CmpOp> {
        let table = [
            ("!=", CmpOp::Ne),
            (">=", CmpOp::Ge),
            ("<=", CmpOp::Le),
            ("==", CmpOp::Eq),
            ("=", CmpOp::Eq),
            (">", CmpOp::Gt),
            ("<", CmpOp::Lt),
        ];
        table.into_iter().find(|(sign, _)| self.eat(sign)).map(|(_, op)| op)
    }

    fn comparison(&mut self, field: Name, op: CmpOp, start: usize) -> Expr {
        if self.peek() == Some('[') {
            let values = self.list();
            let test = Expr::In { field, values, span: self.at.span_from(start) };
            return if op == CmpOp::Ne { Expr::Not(Box::new(test)) } else { test };
        }
        if self.at_condition_end() {
            let here = self.here();
            self.error("syntax", format!("{} is compared with nothing", field.text), here);
            return Expr::Broken("compared with nothing".into(), here);
        }
        let mut values = vec![self.value()];
        while self.alternative() {
            values.push(self.value());
        }
        Expr::Compare { field, op, values, span: self.at.span_from(start) }
    }

    /// A `|` that stands close to two values and is no pipe before a command.
    fn alternative(&mut self) -> bool {
        let Some(rest) = self.at.rest().strip_prefix('|') else { return false };
        let word: String = rest.chars().take_while(|c| is_name(*c)).collect();
        let close = rest.starts_with(|c: char| !c.is_whitespace());
        let command = COMMANDS.contains(&word.to_ascii_lowercase().as_str());
        close && !command && self.at.eat("|")
    }

    fn membership(&mut self, field: Name, start: usize) -> Expr {
        if self.peek() == Some('[') {
            let values = self.list();
            return Expr::In { field, values, span: self.at.span_from(start) };
        }
        if self.at_condition_end() {
            let here = self.here();
            self.error("syntax", "IN takes a list", here);
            return Expr::Broken("IN without a list".into(), here);
        }
        let value = self.value();
        let span = self.at.span_from(start);
        match value.quoted || value.text.contains(['*', '?']) {
            true => Expr::In { field, values: vec![value], span },
            false => Expr::InList { field, list: value.text, span },
        }
    }

    /// `[a, "b", c d]`: words side by side are one value.
    fn list(&mut self) -> Vec<Value> {
        let open = self.here();
        self.eat("[");
        let mut values = Vec::new();
        loop {
            match self.peek() {
                None | Some('|') => {
                    self.recovered("this list is not closed: it ends here", open);
                    break;
                }
                Some(']') => {
                    self.eat("]");
                    break;
                }
                Some(')') => {
                    let here = self.here();
                    self.eat(")");
                    self.recovered("`)` closes a list: read as `]`", here);
                    break;
                }
                Some(',') => {
                    self.eat(",");
                }
                Some('"' | '\'') => {
                    let value = self.quoted();
                    values.push(value);
                }
                Some(_) => {
                    self.at.skip_space();
                    let start = self.at.offset();
                    let text = self.at.eat_while(|c| !",])|\"'".contains(c)).trim_end().to_owned();
                    let span = Span::new(start, start + text.len());
                    if text.is_empty() {
                        self.at.bump();
                    }
                    values.push(Value { text, quoted: false, span });
                }
            }
        }
        values
    }

    fn value(&mut self) -> Value {
        match self.peek() {
            Some('"' | '\'') => self.quoted(),
            _ => {
                self.at.skip_space();
                let start = self.at.offset();
                let text = self.at.eat_while(|c| !c.is_whitespace() && !")],|".contains(c)).to_owned();
                Value { text, quoted: false, span: self.at.span_from(start) }
            }
        }
    }

    /// Between quotes nothing is escaped: a backslash is a backslash, before a quote too.
    fn quoted(&mut self) -> Value {
        self.at.skip_space();
        let start = self.at.offset();
        let quote = self.at.bump().unwrap_or('"');
        let text = self.at.eat_while(|c| c != quote).to_owned();
        if self.at.bump().is_none() {
            let span = self.at.span_from(start);
            self.recovered("this quote is not closed: the value ends with the search", span);
        }
        Value { text, quoted: true, span: self.at.span_from(start) }
    }

    fn name(&mut self) -> Option<Name> {
        self.at.skip_space();
        let start = self.at.offset();
        let text = match self.at.peek() {
            Some('"' | '\'') => self.quoted().text,
            _ => self.at.eat_while(is_name).to_owned(),
        };
        (!text.is_empty()).then(|| Name { text, span: self.at.span_from(start) })
    }

    /// `5 minutes`.
    fn duration(&mut self) -> Option<i64> {
        self.at.skip_space();
        let number: i64 = self.at.eat_while(|c| c.is_ascii_digit()).parse().ok()?;
        self.at.skip_space();
        let unit = self.at.eat_while(char::is_alphabetic).to_ascii_lowercase();
        let seconds = match unit.trim_end_matches('s') {
            "econd" | "second" | "ec" | "" if unit.starts_with('s') => 1,
            "minute" | "min" | "m" => 60,
            "hour" | "h" | "hr" => 3600,
            "day" | "d" => 86_400,
            "week" | "w" => 604_800,
            _ => return None,
        };
        number.checked_mul(seconds)?.checked_mul(SECOND)
    }

    fn streams(&mut self) -> Streams {
        let start = self.here().start;
        let mut out = Streams {
            streams: vec![self.stream()],
            links: vec![],
            on: vec![],
            within: None,
            span: self.here(),
        };
        loop {
            let link = if self.eat_words("followed", "by") {
                Link::FollowedBy
            } else if self.eat_words("left", "join") {
                Link::LeftJoin
            } else if self.eat_words("right", "join") {
                Link::RightJoin
            } else if self.eat_word("join") {
                Link::Join
            } else if self.eat_word("on") {
                self.pairs(&mut out.on);
                continue;
            } else if self.eat_word("within") {
                out.within = self.span_of_time();
                continue;
            } else {
                break;
            };
            out.links.push(link);
            let stream = self.stream();
            out.streams.push(stream);
        }
        out.span = self.at.span_from(start);
        out
    }

    fn span_of_time(&mut self) -> Option<i64> {
        let here = self.here();
        let span = self.duration();
        if span.is_none() {
            self.error("syntax", "a span of time is missing here", here);
        }
        span
    }

    fn stream(&mut self) -> Stream {
        let start = self.here().start;
        if !self.eat("[") {
            let here = self.here();
            self.error("syntax", "a stream in brackets is missing here", here);
        }
        self.depth += 1;
        let count = self.count();
        let search = match self.depth >= MAX_DEPTH {
            true => Search { body: Body::Events(None), commands: vec![] },
            false => self.search(&["having", "within"]),
        };
        self.depth -= 1;
        let mut stream = Stream { search, count, same: vec![], within: None, name: None, span: self.here() };
        loop {
            if self.eat_word("having") {
                self.eat_word("same");
                stream.same.extend(self.names().into_iter().map(|n| n.text));
            } else if self.eat_word("within") {
                stream.within = self.span_of_time();
            } else {
                break;
            }
        }
        if !self.eat("]") {
            let here = self.here();
            self.recovered("this stream is not closed: it ends here", here);
        }
        if self.eat_word("as") {
            stream.name = self.name().map(|n| n.text);
        }
        stream.span = self.at.span_from(start);
        stream
    }

    /// A number alone before the condition.
    fn count(&mut self) -> Option<u32> {
        let before = self.at.clone();
        self.at.skip_space();
        let digits = self.at.eat_while(|c| c.is_ascii_digit());
        let alone = self.at.peek().is_some_and(|c| c.is_whitespace() || c == ']');
        let number = digits.parse().ok().filter(|n| alone && *n > 0);
        if number.is_none() {
            self.at = before;
        }
        number
    }

    fn pairs(&mut self, out: &mut Vec<(Qualified, Qualified)>) {
        loop {
            let here = self.here();
            let left = self.qualified();
            let equal = self.eat("==") || self.eat("=");
            match (left, self.qualified().filter(|_| equal)) {
                (Some(l), Some(r)) => out.push((l, r)),
                _ => self.error("syntax", "`on` takes stream.field = stream.field", here),
            }
            if !(self.eat_word("and") || self.eat(",")) {
                return;
            }
        }
    }

    fn qualified(&mut self) -> Option<Qualified> {
        let name = self.name()?;
        let (stream, field) = name.text.split_once('.')?;
        Some(Qualified { stream: stream.to_owned(), field: field.to_owned(), span: name.span })
    }

    /// Names with commas or blanks between them.
    fn names(&mut self) -> Vec<Name> {
        let mut out = Vec::new();
        loop {
            if ["within", "having", "order", "limit", "every", "as", "by"].iter().any(|w| self.is_word(w)) {
                return out;
            }
            match self.name() {
                Some(n) => out.push(n),
                None => return out,
            }
            self.eat(",");
        }
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '@')
}
