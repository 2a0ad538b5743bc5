//! The condition language: connectives, quantifiers, and v1's aggregations after `|`.

use shikra_ir::CmpOp;
use shikra_syntax::{Cursor, Diagnostic, Span};

/// Deepest nesting of a condition.
const MAX_DEPTH: usize = 100;

/// A condition over selections.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cond {
    Name(String, Span),
    /// So many of the selections whose names match (`None`: `them`).
    Of(Quantity, Option<String>, Span),
    Not(Box<Cond>),
    And(Vec<Cond>),
    Or(Vec<Cond>),
}

/// How many.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Quantity {
    All,
    AtLeast(usize),
}

/// What v1 puts after `|`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Aggregation {
    /// `count(field) by group > n`
    Compare { func: String, field: Option<String>, by: Vec<String>, op: CmpOp, value: f64, span: Span },
    /// `near a and not b`
    Near(Cond, Span),
}

impl Aggregation {
    /// Renames the fields.
    pub fn map_fields(&mut self, f: &dyn Fn(&str) -> String) {
        if let Aggregation::Compare { field, by, .. } = self {
            field.iter_mut().chain(by).for_each(|n| *n = f(n));
        }
    }
}

/// A condition as a whole.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Condition {
    pub cond: Cond,
    pub aggregation: Option<Aggregation>,
}

/// Aggregate functions of v1.
pub(crate) const FUNCTIONS: &[&str] = &["count", "min", "max", "avg", "sum"];

/// Reads a condition whose text stands at `span` in its file.
pub(crate) fn parse(text: &str, exact: Option<usize>, span: Span) -> Result<Condition, Diagnostic> {
    let mut p = Parser { tokens: lex(text, exact, span), at: 0, depth: 0, end: span };
    let cond = p.or()?;
    let aggregation = if p.eat("|") { Some(p.aggregation()?) } else { None };
    match p.tokens.get(p.at) {
        None => Ok(Condition { cond, aggregation }),
        Some((t, at)) => Err(syntax(format!("`{t}` is not expected here"), *at)),
    }
}

fn syntax(message: String, span: Span) -> Diagnostic {
    Diagnostic::error("condition", message, span)
}

/// Tokens of most conditions.
const MOST_TOKENS: usize = 8;

/// Words, and the punctuation `( ) | ,` and comparison signs, each with its place: exact where the text stands
/// in the file as it is (from byte `exact`), else the whole condition.
fn lex(text: &str, exact: Option<usize>, whole: Span) -> Vec<(&str, Span)> {
    let mut c = Cursor::new(text);
    let mut out = Vec::with_capacity(MOST_TOKENS);
    loop {
        c.skip_space();
        let start = c.offset();
        let token = match c.peek() {
            None => return out,
            Some('(' | ')' | '|' | ',') => {
                c.bump();
                text.get(start..c.offset()).unwrap_or_default()
            }
            Some('<' | '>' | '=' | '!') => c.eat_while(is_sign),
            Some(_) => {
                c.eat_while(|c| !(c.is_whitespace() || is_sign(c) || matches!(c, '(' | ')' | '|' | ',')))
            }
        };
        let span = exact.map_or(whole, |base| Span::new(base + start, base + c.offset()));
        out.push((token, span));
    }
}

fn is_sign(c: char) -> bool {
    matches!(c, '<' | '>' | '=' | '!')
}

struct Parser<'t> {
    tokens: Vec<(&'t str, Span)>,
    at: usize,
    depth: usize,
    end: Span,
}

impl<'t> Parser<'t> {
    fn peek(&self, ahead: usize) -> Option<&str> {
        self.tokens.get(self.at + ahead).map(|(t, _)| *t)
    }
    fn eat(&mut self, word: &str) -> bool {
        let hit = self.peek(0).is_some_and(|t| t.eq_ignore_ascii_case(word));
        self.at += usize::from(hit);
        hit
    }
    fn next(&mut self, what: &str) -> Result<(&'t str, Span), Diagnostic> {
        let token = self.tokens.get(self.at).copied();
        self.at += 1;
        token.ok_or_else(|| syntax(format!("{what} is missing at the end"), self.end))
    }

    fn or(&mut self) -> Result<Cond, Diagnostic> {
        let first = self.and()?;
        if !self.eat("or") {
            return Ok(first);
        }
        let mut parts = vec![first, self.and()?];
        while self.eat("or") {
            parts.push(self.and()?);
        }
        Ok(Cond::Or(parts))
    }

    fn and(&mut self) -> Result<Cond, Diagnostic> {
        let first = self.not()?;
        if !self.eat("and") {
            return Ok(first);
        }
        let mut parts = vec![first, self.not()?];
        while self.eat("and") {
            parts.push(self.not()?);
        }
        Ok(Cond::And(parts))
    }

    fn not(&mut self) -> Result<Cond, Diagnostic> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(syntax(format!("nested more than {MAX_DEPTH} deep"), self.end));
        }
        let cond = if self.eat("not") { Cond::Not(Box::new(self.not()?)) } else { self.primary()? };
        self.depth -= 1;
        Ok(cond)
    }

    fn primary(&mut self) -> Result<Cond, Diagnostic> {
        if self.peek(1).is_some_and(|t| t.eq_ignore_ascii_case("of")) && self.peek(0) != Some("(") {
            return self.quantified();
        }
        let (token, span) = self.next("a selection")?;
        if token == "(" {
            let inner = self.or()?;
            let (close, at) = self.next("`)`")?;
            return if close == ")" {
                Ok(inner)
            } else {
                Err(syntax(format!("`)` expected, not `{close}`"), at))
            };
        }
        if !is_name(token) {
            return Err(syntax(format!("a selection expected, not `{token}`"), span));
        }
        Ok(Cond::Name(token.to_owned(), span))
    }

    fn quantified(&mut self) -> Result<Cond, Diagnostic> {
        let (count, start) = self.next("a number")?;
        self.at += 1;
        let (target, end) = self.next("a selection pattern")?;
        let quantity = match count.to_ascii_lowercase().as_str() {
            "all" => Quantity::All,
            "any" => Quantity::AtLeast(1),
            n => match n.parse() {
                Ok(n @ 1..=1000) => Quantity::AtLeast(n),
                _ => return Err(syntax(format!("`all`, `any` or a number expected, not `{count}`"), start)),
            },
        };
        if !target.bytes().all(|b| b.is_ascii_graphic()) || matches!(target, "(" | ")" | "|") {
            return Err(syntax(format!("a selection pattern expected, not `{target}`"), end));
        }
        let pattern = Some(target.to_owned()).filter(|t| !t.eq_ignore_ascii_case("them"));
        Ok(Cond::Of(quantity, pattern, start.to(end)))
    }

    fn aggregation(&mut self) -> Result<Aggregation, Diagnostic> {
        let (func, start) = self.next("an aggregation")?;
        if func.eq_ignore_ascii_case("near") {
            let cond = self.or()?;
            return Ok(Aggregation::Near(cond, start));
        }
        let func = func.to_ascii_lowercase();
        if !FUNCTIONS.contains(&func.as_str()) {
            return Err(syntax(
                format!("no aggregation `{func}`: there are {}, near", FUNCTIONS.join(", ")),
                start,
            ));
        }
        self.expect("(")?;
        let field = match self.next("`)`")? {
            (")", _) => None,
            (t, at) if is_name(t) => {
                self.expect(")").map_err(|_| syntax("`)` expected after the field".into(), at))?;
                Some(t.to_owned())
            }
            (t, at) => return Err(syntax(format!("a field expected, not `{t}`"), at)),
        };
        let mut by = Vec::new();
        if self.eat("by") {
            by.push(self.next("a field")?.0.to_owned());
            while self.eat(",") {
                by.push(self.next("a field")?.0.to_owned());
            }
        }
        let (sign, sign_at) = self.next("a comparison")?;
        let op = match sign {
            "<" => CmpOp::Lt,
            "<=" => CmpOp::Le,
            ">" => CmpOp::Gt,
            ">=" => CmpOp::Ge,
            "=" | "==" => CmpOp::Eq,
            "!=" => CmpOp::Ne,
            _ => return Err(syntax(format!("a comparison expected, not `{sign}`"), sign_at)),
        };
        let (number, end) = self.next("a number")?;
        match number.parse::<f64>() {
            Ok(value) if value.is_finite() => {
                Ok(Aggregation::Compare { func, field, by, op, value, span: start.to(end) })
            }
            _ => Err(syntax(format!("a number expected, not `{number}`"), end)),
        }
    }

    fn expect(&mut self, want: &str) -> Result<(), Diagnostic> {
        let (token, at) = self.next(&format!("`{want}`"))?;
        if token == want { Ok(()) } else { Err(syntax(format!("`{want}` expected, not `{token}`"), at)) }
    }
}

/// A selection's or field's name: no punctuation, no connective.
fn is_name(token: &str) -> bool {
    let word = ["and", "or", "not", "of", "them"].iter().any(|w| w.eq_ignore_ascii_case(token));
    !word && !token.starts_with(['(', ')', '|', ',', '<', '>', '=', '!'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want: &str) {
        let got = match parse(text, Some(0), Span::new(0, text.len())) {
            Ok(c) => match &c.aggregation {
                None => show(&c.cond),
                Some(Aggregation::Near(n, _)) => format!("{} near {}", show(&c.cond), show(n)),
                Some(Aggregation::Compare { func, field, by, op, value, .. }) => {
                    let field = field.as_deref().unwrap_or("");
                    format!("{} {func}({field}) by {by:?} {} {value}", show(&c.cond), op.as_str())
                }
            },
            Err(d) => format!("{} at {}..{}", d.message, d.span.start, d.span.end),
        };
        assert_eq!(got, want, "{text}");
    }

    fn show(c: &Cond) -> String {
        let all = |v: &[Cond]| v.iter().map(show).collect::<Vec<_>>().join(" ");
        match c {
            Cond::Name(n, _) => n.clone(),
            Cond::Of(q, p, _) => format!("<{q:?} {}>", p.as_deref().unwrap_or("them")),
            Cond::Not(c) => format!("!{}", show(c)),
            Cond::And(v) => format!("(& {})", all(v)),
            Cond::Or(v) => format!("(| {})", all(v)),
        }
    }

    #[test]
    fn precedence_and_quantifiers() {
        check("a or b and not c", "(| a (& b !c))");
        check("(a or b) and not (c or d)", "(& (| a b) !(| c d))");
        check("1 of sel* and not all of them", "(& <AtLeast(1) sel*> !<All them>)");
        check("A OR not not b", "(| A !!b)");
        check("2 of x_* or any of y", "(| <AtLeast(2) x_*> <AtLeast(1) y>)");
    }

    #[test]
    fn aggregations_of_v1() {
        check("sel | count(User) by Host > 5", r#"sel count(User) by ["Host"] > 5"#);
        check("sel|count() by a, b>=10", r#"sel count() by ["a", "b"] >= 10"#);
        check("(a and not b) | near c and not d", "(& a !b) near (& c !d)");
        check(
            "sel | median(x) > 1",
            "no aggregation `median`: there are count, min, max, avg, sum, near at 6..12",
        );
        check("sel | count() 5", "a comparison expected, not `5` at 14..15");
    }

    #[test]
    fn errors_say_where() {
        check("a and", "a selection is missing at the end at 0..5");
        check("a b", "`b` is not expected here at 2..3");
        check("(a or b", "`)` is missing at the end at 0..7");
        check("a and or b", "a selection expected, not `or` at 6..8");
        check(&"(".repeat(300), "nested more than 100 deep at 0..300");
    }
}
