//! Commands.

use shikra_ir::{Part, Pattern};
use shikra_syntax::Span;

use super::Parser;
use crate::ast::{Assign, CommandKind, Name, NamePattern, Order, Stats};
use crate::token::Token;

/// Commands that are supported. ENRICH and LOOKUP JOIN are read; there is no way yet to give them a table.
pub(crate) const COMMANDS: &[&str] = &[
    "from",
    "row",
    "where",
    "eval",
    "keep",
    "drop",
    "rename",
    "stats",
    "inline",
    "sort",
    "limit",
    "grok",
    "dissect",
    "mv_expand",
];

impl Parser<'_> {
    pub(super) fn command(&mut self, first: bool) -> CommandKind {
        let place = self.place();
        let name = match self.peek() {
            Some(Token::Name { text, quoted: false }) => text.to_lowercase(),
            _ => {
                self.expected("a command");
                return CommandKind::Broken;
            }
        };
        self.bump();
        let source = matches!(name.as_str(), "from" | "row" | "show" | "ts" | "set");
        if first != source {
            let message = match first {
                true => format!("a query begins with FROM or ROW, not {}", name.to_uppercase()),
                false => format!("{} stands at the start of a query only", name.to_uppercase()),
            };
            self.said.push(shikra_syntax::Diagnostic::error("syntax", message, place));
            return CommandKind::Broken;
        }
        let errors = self.said.len();
        let kind = self.body(&name).unwrap_or(CommandKind::Broken);
        if self.said.len() > errors { CommandKind::Broken } else { kind }
    }

    fn body(&mut self, name: &str) -> Option<CommandKind> {
        Some(match name {
            "from" => self.from(),
            "row" => CommandKind::Row(self.assignments()),
            "where" => CommandKind::Where(self.expr()),
            "eval" => CommandKind::Eval(self.assignments()),
            "keep" => CommandKind::Keep(self.patterns()),
            "drop" => CommandKind::Drop(self.patterns()),
            "rename" => CommandKind::Rename(self.renames()?),
            "stats" => CommandKind::Stats(self.stats()),
            "inlinestats" => CommandKind::InlineStats(self.stats()),
            "inline" if self.word("stats") => CommandKind::InlineStats(self.stats()),
            "sort" => CommandKind::Sort(self.orders()),
            "limit" => self.limit()?,
            "grok" => {
                let from = self.primary_value();
                let mut patterns = vec![self.string()?];
                while self.sign(",").is_some() {
                    patterns.push(self.string()?);
                }
                CommandKind::Grok { from, patterns }
            }
            "dissect" => {
                let from = self.primary_value();
                let pattern = self.string()?;
                let mut separator = String::new();
                if self.word("append_separator") {
                    self.expect("=");
                    separator = self.string()?;
                }
                CommandKind::Dissect { from, pattern, separator }
            }
            "mv_expand" => CommandKind::MvExpand(self.name()?),
            "enrich" => self.enrich()?,
            "lookup" if self.word("join") => self.lookup_join()?,
            _ => self.other(name),
        })
    }

    fn primary_value(&mut self) -> crate::ast::Expr {
        self.expr()
    }

    /// Index patterns: whatever stands without white space up to a comma, METADATA or the next pipe.
    fn from(&mut self) -> CommandKind {
        let mut indices = Vec::new();
        loop {
            let start = self.place();
            match self.peek() {
                Some(Token::Text(t)) => {
                    let named = t.split(',').map(str::trim).filter(|i| !i.is_empty());
                    let before = indices.len();
                    indices.extend(named.map(str::to_owned));
                    if indices.len() == before {
                        self.expected("an index pattern");
                    }
                    self.bump();
                }
                None | Some(Token::Sign("|" | ",")) => {
                    self.expected("an index pattern");
                    break;
                }
                Some(Token::Sign("(")) => {
                    self.error("subqueries in FROM are not supported");
                    break;
                }
                _ => {
                    let mut end = start.start;
                    while self.place().start == end.max(start.start)
                        && !matches!(self.peek(), None | Some(Token::Sign("," | "|")))
                    {
                        end = self.place().end;
                        self.bump();
                    }
                    indices.push(self.text.get(start.start..end).unwrap_or_default().to_owned());
                }
            }
            if self.sign(",").is_none() {
                break;
            }
        }
        let bracket = self.is_sign("[") && self.is_word(1, "metadata");
        if bracket {
            self.bump();
        }
        if self.word("metadata") {
            while self.name().is_some() && self.sign(",").is_some() {}
        }
        if bracket {
            self.expect("]");
        }
        CommandKind::From { indices }
    }

    /// `a = x, y, …`. A comma at the end is passed over.
    fn assignments(&mut self) -> Vec<Assign> {
        let mut out = Vec::new();
        while self.peek().is_some() && !self.at_pipe() {
            out.push(self.assignment());
            if self.sign(",").is_none() {
                break;
            }
        }
        if out.is_empty() {
            self.expected("a column");
        }
        out
    }

    fn assignment(&mut self) -> Assign {
        let named = matches!(self.peek(), Some(Token::Name { .. }))
            && matches!(self.ahead(1), Some(Token::Sign("=")));
        if named && let Some(name) = self.name() {
            self.bump();
            return Assign { name, value: self.expr() };
        }
        let value = self.expr();
        let span = value.span;
        Assign { name: self.text_as_name(span, &value), value }
    }

    /// A column without a name is called as it is written; a field by its own name.
    fn text_as_name(&self, span: Span, value: &crate::ast::Expr) -> Name {
        let text = match &value.kind {
            crate::ast::Kind::Field(name) => name.clone(),
            _ => self.text.get(span.start..span.end).unwrap_or_default().trim().to_owned(),
        };
        Name { text, span }
    }

    fn stats(&mut self) -> Stats {
        let mut out = Stats::default();
        while self.peek().is_some() && !self.at_pipe() && !self.is_word(0, "by") {
            let assign = self.assignment();
            let filter = self.word("where").then(|| self.expr());
            out.aggregates.push((assign, filter));
            if self.sign(",").is_none() {
                break;
            }
        }
        if self.word("by") {
            out.by = self.assignments();
        }
        if out.aggregates.is_empty() && out.by.is_empty() {
            self.expected("an aggregate or BY");
        }
        out
    }

    fn patterns(&mut self) -> Vec<NamePattern> {
        let mut out = Vec::new();
        while self.peek().is_some() && !self.at_pipe() {
            let Some(p) = self.pattern() else { break };
            out.push(p);
            if self.sign(",").is_none() {
                break;
            }
        }
        if out.is_empty() {
            self.expected("a name");
        }
        out
    }

    /// A name that may hold `*`, its words without white space between them.
    fn pattern(&mut self) -> Option<NamePattern> {
        let start = self.place();
        let mut end = start.start;
        let mut pattern = Pattern::default();
        while self.place().start == end {
            match self.peek() {
                Some(Token::Name { text, .. }) => pattern.push(Part::Lit(text.clone())),
                Some(Token::Param(text)) => pattern.push(Part::Lit(format!("?{text}"))),
                Some(Token::Int(n)) => pattern.push(Part::Lit(n.to_string())),
                Some(Token::Sign("*")) => pattern.push(Part::Any),
                Some(Token::Sign(s @ ("." | "-"))) => pattern.push(Part::Lit((*s).to_owned())),
                _ => break,
            }
            end = self.place().end;
            self.bump();
        }
        if pattern.parts().is_empty() {
            self.expected("a name");
            return None;
        }
        Some(NamePattern { pattern, span: Span::new(start.start, end) })
    }

    /// `old AS new`, or `new = old`.
    fn renames(&mut self) -> Option<Vec<(Name, Name)>> {
        let mut out = Vec::new();
        loop {
            let first = self.name()?;
            if self.word("as") {
                out.push((first, self.name()?));
            } else if self.sign("=").is_some() {
                out.push((self.name()?, first));
            } else {
                self.expected("AS");
                return None;
            }
            if self.sign(",").is_none() {
                return Some(out);
            }
        }
    }

    fn orders(&mut self) -> Vec<Order> {
        let mut out = Vec::new();
        while self.peek().is_some() && !self.at_pipe() {
            let value = self.expr();
            let descending = self.word("desc");
            if !descending {
                self.word("asc");
            }
            let nulls_first = self.word("nulls").then(|| {
                let first = self.word("first");
                if !first && !self.word("last") {
                    self.expected("FIRST or LAST");
                }
                first
            });
            out.push(Order { value, descending, nulls_first });
            if self.sign(",").is_none() {
                break;
            }
        }
        if out.is_empty() {
            self.expected("a value");
        }
        out
    }

    fn limit(&mut self) -> Option<CommandKind> {
        match self.peek() {
            Some(Token::Int(n)) if *n >= 0 => {
                let n = n.unsigned_abs();
                self.bump();
                if self.word("by") {
                    self.error("LIMIT BY is not supported");
                }
                Some(CommandKind::Limit(n))
            }
            _ => {
                self.expected("a number");
                None
            }
        }
    }

    /// `policy ON field WITH new = column, …`.
    fn enrich(&mut self) -> Option<CommandKind> {
        let policy = match self.pattern_text() {
            Some(p) => p,
            None => {
                self.expected("a policy");
                return None;
            }
        };
        let on = if self.word("on") { Some(self.name()?) } else { None };
        let mut with = Vec::new();
        if self.word("with") {
            loop {
                let first = self.name()?;
                if self.sign("=").is_some() {
                    with.push((first, self.name()?));
                } else {
                    with.push((first.clone(), first));
                }
                if self.sign(",").is_none() {
                    break;
                }
            }
        }
        Some(CommandKind::Enrich { policy, on, with })
    }

    /// The text of all words up to white space.
    fn pattern_text(&mut self) -> Option<String> {
        if let Some(Token::Text(t)) = self.peek() {
            let t = t.clone();
            self.bump();
            return Some(t);
        }
        let start = self.place();
        let mut end = start.start;
        while self.place().start == end && !matches!(self.peek(), None | Some(Token::Sign("," | "|"))) {
            end = self.place().end;
            self.bump();
        }
        self.text.get(start.start..end).map(str::to_owned).filter(|t| !t.is_empty())
    }

    fn lookup_join(&mut self) -> Option<CommandKind> {
        let table = self.pattern_text()?;
        if self.word("as") {
            self.name()?;
        }
        if !self.word("on") {
            self.expected("ON");
            return None;
        }
        let mut on = vec![self.name()?];
        while self.sign(",").is_some() {
            on.push(self.name()?);
        }
        Some(CommandKind::LookupJoin { table, on })
    }

    /// A command that is not supported: passed over, but what it makes is known where it says so first.
    fn other(&mut self, name: &str) -> CommandKind {
        let makes = match (self.peek(), self.ahead(1)) {
            (Some(Token::Name { .. }), Some(Token::Sign("="))) => self.name().into_iter().collect(),
            _ => vec![],
        };
        self.skip_to_pipe();
        CommandKind::Other { name: name.to_uppercase(), makes }
    }
}
