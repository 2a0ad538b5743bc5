//! The older form of the ThreatHunter-Playbook's pages: `process WHERE process_name == "x" AND …`.
//!
//! It was written for people, so it is read with their eyes, and what is assumed is said. Names are OSSEM's; the
//! first word names the entity. `==` and `=` ignore case and expand `*`; `"*"` asks that there is a value.
//! Alternatives on one field that follow each other belong together, though AND stands before them. A second
//! WHERE asks for another event: of the same process, or, where it names an entity of its own, of the same host.
//! `COUNT BY` counts, `count >= n` bounds the count, `time_span == 1 second` cuts time.

use std::sync::Arc;

use shikra_event::Value;
use shikra_ir::{
    Agg, AggFn, CmpOp, Coerce, Duration, Expr as Pred, Join, JoinKind, Key, LogSource, Names, Nulls, Op,
    Pattern, Plan, Scalar, Test, TimeBound, Window, Words,
};
use shikra_syntax::{Cursor, Diagnostic, Span};

/// Nesting of parentheses and WHEREs.
const MAX_DEPTH: usize = 32;

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Sign(&'static str),
}

const SIGNS: &[&str] = &["==", "=>", "!=", "<>", ">=", "<=", "&&", "||", "=", ">", "<", "(", ")", ",", ";"];

fn tokens(text: &str, said: &mut Vec<Diagnostic>) -> Vec<(Token, Span)> {
    let mut c = Cursor::new(text);
    let mut out = Vec::new();
    loop {
        c.skip_space();
        let start = c.offset();
        let Some(first) = c.peek() else { return out };
        let token = match first {
            '"' | '\'' | '“' | '”' | '‘' | '’' => quoted(&mut c, said),
            _ => match SIGNS.iter().find(|s| c.eat(s)) {
                Some(sign) => Token::Sign(sign),
                None => {
                    let stops = |c: char| c.is_whitespace() || "\"'“”‘’=<>!(),;".contains(c);
                    let word = c.eat_while(|c| !stops(c)).to_owned();
                    if word.is_empty() {
                        c.bump();
                        said.push(Diagnostic::warning(
                            "syntax",
                            format!("{first} is passed over"),
                            c.span_from(start),
                        ));
                        continue;
                    }
                    // Markdown's escapes.
                    Token::Word(word.replace("\\_", "_").replace("\\*", "*"))
                }
            },
        };
        out.push((token, c.span_from(start)));
    }
}

/// A text in quotes of any kind; one that does not end reaches to the end of the line.
fn quoted(c: &mut Cursor<'_>, said: &mut Vec<Diagnostic>) -> Token {
    let start = c.offset();
    let close = match c.bump() {
        Some('“' | '”') => "”“",
        Some('‘' | '’') => "’‘",
        Some('\'') => "'",
        _ => "\"",
    };
    let text = c.eat_while(|c| !close.contains(c) && c != '\n').to_owned();
    if c.bump().is_none_or(|c| !close.contains(c)) {
        said.push(Diagnostic::warning(
            "syntax",
            "the text does not end; read to the end of the line",
            c.span_from(start),
        ));
    }
    Token::Text(text.replace("\\_", "_").replace("\\*", "*"))
}

/// A condition.
#[derive(Clone, Debug)]
enum Tree {
    All(Vec<Tree>),
    Any(Vec<Tree>),
    Not(Box<Tree>),
    Test {
        field: String,
        test: Pred,
    },
    /// Another event that must be there.
    Other {
        entity: Option<String>,
        condition: Box<Tree>,
    },
}

struct Parser<'d> {
    tokens: Vec<(Token, Span)>,
    at: usize,
    said: &'d mut Vec<Diagnostic>,
    depth: usize,
    end: usize,
    counts: Vec<String>,
    least: Option<(CmpOp, i64)>,
    span: Option<Duration>,
}

/// Reads a query. Answers its plan, and none where it is no such query at all.
pub(crate) fn read(text: &str) -> (Option<Plan>, Vec<Diagnostic>) {
    let mut said = Vec::new();
    let tokens = tokens(text, &mut said);
    let mut p = Parser {
        tokens,
        at: 0,
        said: &mut said,
        depth: 0,
        end: text.len(),
        counts: vec![],
        least: None,
        span: None,
    };
    let entity = p.entity();
    if entity.is_none() && !p.word("where") {
        p.expected("an entity and WHERE");
        return (None, said);
    }
    let condition = p.condition();
    while p.peek().is_some() {
        p.expected("AND, OR or WHERE");
        p.at += 1;
    }
    let plan = p.plan(entity.unwrap_or_else(|| "any".into()), condition);
    (Some(plan), said)
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(t, _)| t)
    }
    fn place(&self) -> Span {
        self.tokens.get(self.at).map_or(Span::new(self.end, self.end), |(_, s)| *s)
    }
    fn expected(&mut self, what: &str) {
        let place = self.place();
        self.said.push(Diagnostic::warning("syntax", format!("expected {what}"), place));
    }
    fn is_word(&self, ahead: usize, word: &str) -> bool {
        matches!(self.tokens.get(self.at + ahead), Some((Token::Word(w), _)) if w.eq_ignore_ascii_case(word))
    }
    fn word(&mut self, word: &str) -> bool {
        let hit = self.is_word(0, word);
        self.at += usize::from(hit);
        hit
    }
    fn sign(&mut self, signs: &[&str]) -> Option<&'static str> {
        match self.peek() {
            Some(Token::Sign(s)) if signs.contains(s) => {
                let s = *s;
                self.at += 1;
                Some(s)
            }
            _ => None,
        }
    }

    /// `process WHERE`, both words consumed.
    fn entity(&mut self) -> Option<String> {
        let Some(Token::Word(w)) = self.peek() else { return None };
        let name = w.to_lowercase();
        if self.is_word(1, "where") {
            self.at += 2;
            return Some(name);
        }
        None
    }

    /// Terms joined by AND (also unsaid) and OR; a further WHERE.
    fn condition(&mut self) -> Tree {
        self.depth += 1;
        let mut any: Vec<Tree> = vec![];
        let mut all: Vec<Tree> = vec![];
        while self.depth < MAX_DEPTH {
            if self.word("where") {
                all.push(Tree::Other { entity: None, condition: Box::new(self.condition()) });
                continue;
            }
            let or = self.word("or") || self.sign(&["||"]).is_some();
            let _ = !or && (self.word("and") || self.sign(&["&&", ",", ";"]).is_some());
            if matches!(self.peek(), None | Some(Token::Sign(")"))) {
                break;
            }
            let Some(next) = self.term() else {
                self.at += 1;
                continue;
            };
            // An alternative of the test before it belongs to that test.
            match all.pop() {
                Some(before) if or && same_field(&before, &next) => {
                    if !all.is_empty() {
                        self.assume("alternatives on one field are taken together");
                    }
                    all.push(either(before, next));
                }
                before if or => {
                    all.extend(before);
                    any.push(Tree::All(std::mem::take(&mut all)));
                    all.push(next);
                }
                before => all.extend(before.into_iter().chain([next])),
            }
        }
        self.depth -= 1;
        if any.is_empty() {
            return Tree::All(all);
        }
        any.push(Tree::All(all));
        Tree::Any(any)
    }

    fn assume(&mut self, what: &str) {
        self.said.push(Diagnostic::note("assumed", what, Span::new(0, self.end)));
    }

    fn term(&mut self) -> Option<Tree> {
        if self.depth >= MAX_DEPTH {
            self.expected("less nesting");
            self.at = self.tokens.len();
            return None;
        }
        if self.word("not") {
            self.depth += 1;
            let inner = self.term();
            self.depth -= 1;
            return inner.map(|t| Tree::Not(Box::new(t)));
        }
        if self.sign(&["("]).is_some() {
            let inner = match self.entity() {
                Some(entity) => Tree::Other { entity: Some(entity), condition: Box::new(self.condition()) },
                None => self.condition(),
            };
            if self.sign(&[")"]).is_none() {
                self.expected(")");
            }
            return Some(inner);
        }
        if let Some(entity) = self.entity() {
            return Some(Tree::Other { entity: Some(entity), condition: Box::new(self.condition()) });
        }
        if self.is_word(0, "count") && self.is_word(1, "by") {
            self.at += 2;
            while let Some(Token::Word(w)) = self.peek().cloned() {
                self.counts.push(w);
                self.at += 1;
                if self.sign(&[","]).is_none() {
                    break;
                }
            }
            return Some(Tree::All(vec![]));
        }
        self.test()
    }

    fn test(&mut self) -> Option<Tree> {
        let start = self.place();
        let Some(Token::Word(field)) = self.peek().cloned() else {
            self.expected("a field");
            return None;
        };
        self.at += 1;
        let _ = self.word("is");
        let mut negated = self.word("not");
        let op = self.sign(&["==", "=", "!=", "<>", ">=", "=>", "<=", ">", "<"]);
        let contains = op.is_none() && (self.word("contains") || self.word("like"));
        let listed = self.word("in");
        let mut values = Vec::new();
        let bracket = self.sign(&["("]).is_some();
        while let Some(v) = self.value() {
            values.push(v);
            if !(bracket || listed) || self.sign(&[",", "||"]).is_none() && !self.word("or") {
                break;
            }
        }
        if bracket && self.sign(&[")"]).is_none() {
            self.expected(")");
        }
        let span = start.to(self.tokens.get(self.at.wrapping_sub(1)).map_or(start, |(_, s)| *s));
        if values.is_empty() {
            self.expected("a value");
            return None;
        }
        let op = op.unwrap_or("==");
        negated |= matches!(op, "!=" | "<>");
        let lower = field.to_lowercase();
        match lower.as_str() {
            "time_span" | "timespan" => self.time_span(&values, span),
            "count" => self.count(op, &values, span),
            _ => {
                let test = compared(&lower, op, contains, &values, span);
                return Some(Tree::Test { field: lower, test: if negated { test.negate() } else { test } });
            }
        }
        Some(Tree::All(vec![]))
    }

    fn value(&mut self) -> Option<String> {
        let value = match self.peek()? {
            Token::Text(s) | Token::Word(s) => s.clone(),
            Token::Sign(_) => return None,
        };
        self.at += 1;
        Some(value)
    }

    /// `1 second`: the unit may stand in the text or after it.
    fn time_span(&mut self, values: &[String], span: Span) {
        let mut text = values.concat();
        let units = ["second", "seconds", "sec", "minute", "minutes", "min", "hour", "hours", "day", "days"];
        if let Some(unit) = units.iter().find(|u| self.word(u)) {
            text = format!("{text} {unit}");
        }
        let number: String = text.chars().take_while(char::is_ascii_digit).collect();
        let unit = text.get(number.len()..).unwrap_or_default().trim_start();
        let seconds = match unit.chars().next() {
            Some('m') => 60,
            Some('h') => 3600,
            Some('d') => 86_400,
            _ => 1,
        };
        match number.parse::<i64>().ok().and_then(|n| n.checked_mul(seconds * 1_000_000_000)) {
            Some(n) => self.span = Some(n),
            None => {
                self.said.push(Diagnostic::warning("syntax", "time_span needs a number and a unit", span))
            }
        }
    }

    fn count(&mut self, op: &str, values: &[String], span: Span) {
        let text = values.concat();
        let number = text.trim_start_matches(['=', '>', '<', ' ']);
        let sign = text.get(..text.len() - number.len()).unwrap_or_default().trim();
        let op = match if sign.is_empty() { op } else { sign } {
            ">=" | "=>" => CmpOp::Ge,
            "<=" => CmpOp::Le,
            ">" => CmpOp::Gt,
            "<" => CmpOp::Lt,
            _ => CmpOp::Eq,
        };
        match number.trim().parse() {
            Ok(n) => self.least = Some((op, n)),
            Err(_) => self.said.push(Diagnostic::warning("syntax", "count needs a number", span)),
        }
    }

    fn plan(&mut self, entity: String, condition: Tree) -> Plan {
        let mut others = Vec::new();
        let own = self.own(condition, &mut others);
        let mut plan = filtered(&entity, own);
        for (entity_of, condition) in others {
            let named = entity_of.is_some();
            let of = entity_of.unwrap_or_else(|| "any".into());
            for part in apart(condition) {
                plan = self.semi(plan, filtered(&of, part), named);
            }
        }
        self.counted(plan)
    }

    /// The condition on the event itself; those on others are taken out.
    fn own(&mut self, t: Tree, others: &mut Vec<(Option<String>, Tree)>) -> Pred {
        match t {
            Tree::All(v) => {
                let parts: Vec<Pred> = v.into_iter().map(|t| self.own(t, others)).collect();
                // What only counts is no condition.
                Pred::and(parts.into_iter().filter(|p| *p != Pred::And(vec![])))
            }
            Tree::Any(v) => Pred::or(v.into_iter().map(|t| self.own(t, others)).collect::<Vec<_>>()),
            Tree::Not(t) => self.own(*t, others).negate(),
            Tree::Test { test, .. } => test,
            Tree::Other { entity, condition } => {
                let told = match &entity {
                    Some(e) => format!("{e} WHERE is read as another event of the same host"),
                    None => "a second WHERE is read as another event of the same process".into(),
                };
                self.assume(&told);
                others.push((entity, *condition));
                Pred::TRUE
            }
        }
    }

    fn semi(&self, plan: Plan, other: Plan, by_host: bool) -> Plan {
        let host = ossem("host_name");
        let mut keys = vec![(host.clone(), host)];
        if !by_host {
            keys.push((ossem("process_guid"), ossem("process_guid")));
        }
        let bound = self.span.map(|s| TimeBound { least: Some(-s), most: Some(s) });
        Plan::Join(Join {
            kind: JoinKind::Semi,
            left: (Arc::from(""), Box::new(plan)),
            right: (Arc::from(""), Box::new(other)),
            keys,
            time: bound,
            on: None,
            most: None,
        })
    }

    /// Groups, where the query counts.
    fn counted(&mut self, plan: Plan) -> Plan {
        if self.counts.is_empty() && self.least.is_none() {
            if self.span.is_some() && !matches!(plan, Plan::Join(_)) {
                self.assume("time_span without a count changes nothing");
            }
            return plan;
        }
        let key = |name: &String| Key { name: Arc::from(name.as_str()), value: ossem(name), optional: false };
        let counted = Plan::Agg(Agg {
            input: Box::new(plan),
            keys: self.counts.iter().map(key).collect(),
            columns: vec![(Arc::from("count"), AggFn::Count)],
            window: self.span.map_or(Window::None, Window::Tumbling),
        });
        let (op, least) = self.least.unwrap_or((CmpOp::Ge, 1));
        let bound = Test {
            subject: Scalar::field(Names::Column, "count"),
            op: Op::Compare(op, Scalar::Lit(Value::I64(least))),
            words: Words::default(),
            span: Span::default(),
        };
        Plan::Filter(Box::new(counted), Pred::Test(bound))
    }
}

fn ossem(name: &str) -> Scalar {
    Scalar::field(Names::Ossem, &name.to_lowercase())
}

fn filtered(entity: &str, condition: Pred) -> Plan {
    let source = match entity {
        "any" | "event" | "events" => LogSource::any(Names::Ossem),
        entity => LogSource::with_keys(Names::Ossem, [("entity", entity)]),
    };
    let scan = Box::new(Plan::Scan(source));
    if condition == Pred::And(vec![]) { *scan } else { Plan::Filter(scan, condition) }
}

fn same_field(before: &Tree, next: &Tree) -> bool {
    fn field(t: &Tree) -> Option<&str> {
        match t {
            Tree::Test { field, .. } => Some(field),
            Tree::Any(v) => v.first().and_then(field),
            _ => None,
        }
    }
    field(before).is_some_and(|f| field(next) == Some(f))
}

fn either(before: Tree, next: Tree) -> Tree {
    match before {
        Tree::Any(mut v) => {
            v.push(next);
            Tree::Any(v)
        }
        one => Tree::Any(vec![one, next]),
    }
}

/// Conditions on one field that no single event can satisfy together are conditions on an event each.
fn apart(t: Tree) -> Vec<Pred> {
    let plain = |t: &Tree| matches!(t, Tree::Test { .. });
    if let Tree::All(v) = &t
        && v.len() > 1
        && v.iter().all(plain)
        && v.windows(2).all(|w| matches!(w, [a, b] if same_field(a, b)))
    {
        return v.iter().cloned().flat_map(apart).collect();
    }
    fn pred(t: Tree) -> Pred {
        match t {
            Tree::All(v) => Pred::and(v.into_iter().map(pred)),
            Tree::Any(v) => Pred::or(v.into_iter().map(pred)),
            Tree::Not(t) => pred(*t).negate(),
            Tree::Test { test, .. } => test,
            Tree::Other { .. } => Pred::TRUE,
        }
    }
    vec![pred(t)]
}

fn compared(field: &str, op: &str, contains: bool, values: &[String], span: Span) -> Pred {
    let words = Words { null: Nulls::Two, ..Words::default() };
    let test = |op, words| Pred::Test(Test { subject: ossem(field), op, words, span });
    let order = match op {
        ">=" | "=>" => Some(CmpOp::Ge),
        "<=" => Some(CmpOp::Le),
        ">" => Some(CmpOp::Gt),
        "<" => Some(CmpOp::Lt),
        _ => None,
    };
    if let (Some(op), Some(n)) = (order, values.first().and_then(|v| v.trim().parse::<i64>().ok())) {
        let words = Words { coerce: Coerce::NumericIfBoth, ..words };
        return test(Op::Compare(op, Scalar::Lit(Value::I64(n))), words);
    }
    if values.iter().all(|v| v.chars().all(|c| c == '*')) {
        // Any value, and there is one.
        return test(Op::IsNull, words).negate();
    }
    let pattern = |v: &String| {
        let p = Pattern::of_starred(v);
        if contains { p.any_before().any_after() } else { p }
    };
    test(Op::Like(values.iter().map(pattern).collect()), words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want: &str) {
        let (plan, said) = read(text);
        let got = shikra_ir::text::plan(&plan.unwrap());
        assert_eq!(got.trim_end(), want, "{text}: {said:?}");
    }

    #[test]
    fn one_event() {
        check(
            r#"process WHERE process\_parent\_name == "a.exe" AND process\_parent\_command_line == "*""#,
            "filter (ossem:process_parent_name like [\"a.exe\"] and not ossem:process_parent_command_line is-null)\n  \
             scan ossem{entity=process}",
        );
        // AND unsaid, alternatives on one field, IS NOT.
        check(
            r#"network WHERE share_name == "*$" mask == "1" OR mask == "2" AND src_ip IS NOT 127.0.0.1"#,
            "filter (ossem:share_name like [\"*$\"] and (ossem:mask like [\"1\"] or ossem:mask like [\"2\"]) \
             and not ossem:src_ip like [\"127.0.0.1\"])\n  scan ossem{entity=network}",
        );
    }

    #[test]
    fn several_events() {
        check(
            r#"process WHERE a == "x" WHERE b == "1" AND b == "2""#,
            "join semi (_, _) by [ossem:host_name=ossem:host_name, ossem:process_guid=ossem:process_guid]\n  \
             join semi (_, _) by [ossem:host_name=ossem:host_name, ossem:process_guid=ossem:process_guid]\n    \
             filter ossem:a like [\"x\"]\n      scan ossem{entity=process}\n    \
             filter ossem:b like [\"1\"]\n      scan ossem{}\n  filter ossem:b like [\"2\"]\n    scan ossem{}",
        );
        check(
            r#"network WHERE user == "u" AND time\_span == 1 second COUNT BY host_name AND count = "=>2""#,
            "filter column:count >= 2\n  agg by [host_name=ossem:host_name] count=count tumbling=1000000000\n    \
             filter ossem:user like [\"u\"]\n      scan ossem{entity=network}",
        );
    }

    #[test]
    fn broken_text_ends() {
        for text in
            ["process WHERE", "process WHERE (((", "x WHERE a == \"b", "WHERE = = )", "where where where a"]
        {
            let _ = read(text);
        }
        let _ = read(&format!("process WHERE {}a == 1", "(".repeat(100_000)));
        let _ = read(&format!("process WHERE {}a == 1", "not ".repeat(100_000)));
        assert!(read("process_name == x").0.is_none());
    }
}
