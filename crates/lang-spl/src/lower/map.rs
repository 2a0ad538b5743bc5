//! `map` runs a search for every row, with the row's values in it. A search whose rows are events is one search
//! for all rows at once: the events that satisfy what one of them asks.

use shikra_event::Value;
use shikra_ir::{CmpOp, Join, JoinKind, Plan, Scalar};
use shikra_syntax::{Diagnostic, Span};

use super::search::conjuncts;
use super::{EVAL, Lower, SEARCH, Stream, call};
use crate::ast::{Command, Kind, Search, Word};
use crate::macros::{Expanded, expand};

/// A condition with a value of the row in it.
enum Asked {
    /// A field has the value.
    Field(String, String),
    /// The value stands somewhere in the event.
    Anywhere(String),
}

impl Lower<'_> {
    pub fn map(&mut self, s: Stream, search: &Word, at: Span) -> Stream {
        let mut said = Vec::new();
        let expanded = expand(&search.text, &self.options.macros, &mut said);
        let pipeline = crate::parse::pipeline(&expanded.text, &mut said);
        let place = self.text.origin(search.span);
        self.said.extend(said.into_iter().map(|d| Diagnostic { span: place, ..d }));
        let Some((first, rest)) = pipeline.commands.split_first() else {
            return self.stop(s, "map with an empty search", at);
        };
        let Kind::Search(condition) = &first.kind else {
            return self.stop(s, "map with a search that begins with another command", at);
        };
        let single = |k: &Kind| {
            matches!(k, Kind::Search(_) | Kind::Where(_) | Kind::Eval(_) | Kind::Rename(_) | Kind::Rex { .. })
        };
        if let Some(c) = rest.iter().find(|c| !single(&c.kind)) {
            let reason = format!("map with a search that has {} in it", c.name);
            return self.stop(s, &reason, at);
        }
        let (mut plain, mut asked) = (Vec::new(), Vec::new());
        for part in conjuncts(condition) {
            match asks(part) {
                Some(a) => asked.push(a),
                None => plain.push(part.clone()),
            }
        }
        if asked.is_empty() || plain.iter().any(has_token) {
            return self.stop(s, "map with a search that asks more than equality of the row's values", at);
        }
        self.mapped(s, &plain, &asked, rest, &Expanded::whole(&expanded.text, place))
    }

    fn mapped(
        &mut self,
        s: Stream,
        plain: &[Search],
        asked: &[Asked],
        rest: &[Command],
        text: &Expanded,
    ) -> Stream {
        let mut inner = Lower {
            options: self.options,
            text,
            said: &mut *self.said,
            rejected: self.rejected,
            partial: self.partial,
            depth: self.depth + 1,
            commands: self.commands,
        };
        let mut events = inner.base_search(&Search::And(plain.to_vec()), Span::default());
        let star = || Scalar::Lit(Value::str("*"));
        let around = |v| call("spl-concat", vec![call("spl-concat", vec![star(), v], EVAL), star()], EVAL);
        let key = |a: &Asked| match a {
            Asked::Field(field, of) => (events.field(field), call("search-value", vec![s.field(of)], SEARCH)),
            Asked::Anywhere(of) => {
                (Scalar::AnyField, call("search-value", vec![around(s.field(of))], SEARCH))
            }
        };
        let keys = asked.iter().map(key).collect();
        events.wrap(|left| {
            Plan::Join(Join {
                kind: JoinKind::Semi,
                left: ("".into(), Box::new(left)),
                right: ("".into(), Box::new(s.plan)),
                keys,
                time: None,
                on: None,
                most: None,
            })
        });
        let out = rest.iter().fold(events, |s, c| inner.command(s, c));
        (self.rejected, self.partial, self.commands) = (inner.rejected, inner.partial, inner.commands);
        out
    }
}

/// `$name$`
fn token(word: &Word) -> Option<String> {
    let inner = word.text.strip_prefix('$')?.strip_suffix('$')?;
    (!inner.is_empty() && !inner.contains('$')).then(|| inner.to_owned())
}

fn asks(e: &Search) -> Option<Asked> {
    match e {
        Search::Compare { field, op: CmpOp::Eq, value } => {
            Some(Asked::Field(field.text.clone(), token(value)?))
        }
        Search::Term { text, .. } => Some(Asked::Anywhere(token(text)?)),
        _ => None,
    }
}

fn has_token(e: &Search) -> bool {
    match e {
        Search::And(v) | Search::Or(v) => v.iter().any(has_token),
        Search::Not(e) => has_token(e),
        Search::Compare { value, .. } => value.text.contains('$'),
        Search::In { values, .. } => values.iter().any(|v| v.text.contains('$')),
        Search::Term { text, .. } => text.text.contains('$'),
        Search::Sub(_) => false,
    }
}
