//! What follows a pipe.

use shikra_syntax::Span;

use super::Parser;
use crate::ast::{Argument, Chart, Column, Command, Expr, Name};

impl Parser<'_, '_> {
    pub(super) fn command(&mut self) -> Command {
        let start = self.here().start;
        let Some(name) = self.name() else {
            let here = self.here();
            self.error("syntax", "a command is missing after the pipe", here);
            return self.skip("nothing", start);
        };
        match name.text.to_ascii_lowercase().as_str() {
            "search" | "filter" => match self.conjunction(&[]) {
                Some(e) => Command::Search(e),
                None => Command::Search(Expr::And(vec![])),
            },
            "chart" => self.chart(start),
            "timechart" => self.chart(start),
            "fields" => Command::Fields(self.names()),
            "rename" => self.rename(start),
            "order" => {
                self.eat_word("by");
                Command::Order(self.order())
            }
            "limit" => match self.number() {
                Some(n) => Command::Limit(n),
                None => self.skip("limit", start),
            },
            other => self.skip(other, start),
        }
    }

    /// Goes to the next pipe that stands by itself.
    fn skip(&mut self, name: &str, start: usize) -> Command {
        let mut quote = None;
        let mut depth = 0;
        while let Some(c) = self.at.peek() {
            match (quote, c) {
                (None, '|') if depth == 0 => break,
                (None, ']') if depth == 0 && self.depth > 0 => break,
                (None, '(' | '[') => depth += 1,
                (None, ')' | ']') => depth -= 1,
                (None, '"' | '\'') => quote = Some(c),
                (Some(q), c) if q == c => quote = None,
                _ => {}
            }
            self.at.bump();
        }
        Command::Unsupported(format!("command {name:?}"), self.at.span_from(start))
    }

    fn number(&mut self) -> Option<u64> {
        self.at.skip_space();
        self.at.eat_while(|c| c.is_ascii_digit()).parse().ok()
    }

    fn rename(&mut self, start: usize) -> Command {
        let mut out = Vec::new();
        while let Some(old) = self.name() {
            match self.eat_word("as").then(|| self.name()).flatten() {
                Some(new) => out.push((old, new)),
                None => return self.skip("rename", start),
            }
            if !self.eat(",") {
                break;
            }
        }
        Command::Rename(out)
    }

    /// Names, each with its direction: least first unless `desc` follows.
    fn order(&mut self) -> Vec<(Name, bool)> {
        let mut out = Vec::new();
        while !self.is_word("limit") {
            let Some(name) = self.key() else { break };
            let descending = self.eat_word("desc");
            if !descending {
                self.eat_word("asc");
            }
            out.push((name, descending));
            if !self.eat(",") {
                break;
            }
        }
        out
    }

    /// A name, with the parentheses of a column that was not given another: `count()`.
    fn key(&mut self) -> Option<Name> {
        let mut name = self.name()?;
        if self.at.eat("(") {
            let inner = self.at.eat_while(|c| c != ')');
            name.text = format!("{}({})", name.text, inner.trim());
            self.at.eat(")");
            name.span = self.at.span_from(name.span.start);
        }
        Some(name)
    }

    fn chart(&mut self, start: usize) -> Command {
        let mut chart = Chart {
            columns: vec![],
            by: vec![],
            every: None,
            order: vec![],
            limit: None,
            span: Span::new(start, start),
        };
        loop {
            match self.column() {
                Ok(column) => chart.columns.push(column),
                Err(()) => return self.skip("chart", start),
            }
            if !self.eat(",") {
                break;
            }
        }
        loop {
            if self.eat_word("by") {
                chart.by = self.names();
            } else if self.eat_word("every") {
                chart.every = self.span_of_time();
            } else if self.eat_words("order", "by") {
                chart.order = self.order();
            } else if self.eat_word("limit") {
                chart.limit = self.number();
            } else {
                break;
            }
        }
        if !matches!(self.peek(), None | Some('|' | ']')) {
            return self.skip("chart", start);
        }
        chart.span = self.at.span_from(start);
        Command::Chart(chart)
    }

    fn column(&mut self) -> Result<Column, ()> {
        let name = self.name().ok_or(())?;
        if !self.eat("(") {
            return Err(());
        }
        let from = self.at.offset();
        let argument = match self.peek() {
            Some(')') => None,
            _ => self.argument(),
        };
        let written = Span::new(from, self.at.offset());
        if !self.eat(")") {
            return Err(());
        }
        let span = self.at.span_from(name.span.start);
        let own = match &argument {
            Some(Argument::Field(f)) => format!("{}({})", name.text, f.text),
            Some(Argument::Condition(_)) => format!("{}(…{})", name.text, written.start),
            None => format!("{}()", name.text),
        };
        let given = if self.eat_word("as") { self.name().map(|n| n.text) } else { None };
        Ok(Column { function: name.text.to_ascii_lowercase(), argument, name: given.unwrap_or(own), span })
    }

    /// A field alone, else a condition.
    fn argument(&mut self) -> Option<Argument> {
        let before = self.at.clone();
        let field = self.name();
        if let Some(field) = field.filter(|_| self.peek() == Some(')')) {
            return Some(Argument::Field(field));
        }
        self.at = before;
        self.depth += 1;
        let condition = self.conjunction(&[]);
        self.depth -= 1;
        condition.map(Argument::Condition)
    }
}
