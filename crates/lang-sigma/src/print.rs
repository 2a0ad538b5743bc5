//! IR to a rule's `logsource` and `detection`, where Sigma can say it; what cannot be said is refused with the reason.
//!
//! Reading what is printed gives a condition that means the same. Field names are not translated: those of another
//! scheme are refused. Two-valued logic is Sigma's only one: a negated test of three-valued logic is refused.

use std::fmt::Write as _;

use shikra_event::Value;
use shikra_ir::said::{Said, refuse};
use shikra_ir::{
    Call, CmpOp, Expr, Flavor, Fold, LogSource, Multi, Names, Nulls, Op, Part, Pattern, Regex, Scalar, Test,
    Truth, Words, eval,
};

/// `logsource:` and `detection:` of a condition on single events.
///
/// # Errors
/// What cannot be said.
pub fn print(source: &LogSource, e: &Expr) -> Said {
    if source.names != Names::Sigma || !source.indices.is_empty() {
        return refuse(format!("a log source of the scheme {}", source.names.as_str()));
    }
    let mut out = String::from("logsource:\n");
    let keys: Vec<(&String, &String)> = source.keys.iter().collect();
    for known in ["product", "category", "service"] {
        keys.iter()
            .filter(|(k, _)| *k == known)
            .for_each(|(k, v)| out.push_str(&format!("    {k}: {}\n", yaml(v))));
    }
    keys.iter()
        .filter(|(k, _)| !["product", "category", "service"].contains(&k.as_str()))
        .for_each(|(k, v)| out.push_str(&format!("    {k}: {}\n", yaml(v))));
    let mut detection = Detection::default();
    let condition = detection.condition(e, 0, 0)?;
    out.push_str("detection:\n");
    for (name, selection) in &detection.selections {
        write_selection(name, selection, &mut out);
    }
    let _ = writeln!(out, "    condition: {condition}");
    Ok(out)
}

/// `field|modifiers: values`.
#[derive(Clone, Debug, PartialEq)]
struct Item {
    key: String,
    /// As YAML writes them.
    values: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
enum Selection {
    /// All of these.
    Map(Vec<Item>),
    /// Any of these.
    List(Vec<Vec<Item>>),
    Keywords(Vec<String>),
}

#[derive(Default)]
struct Detection {
    selections: Vec<(String, Selection)>,
}

/// Nesting that is written out.
const MAX_DEPTH: usize = 100;

impl Detection {
    /// The condition; `above` is 0 at the top and within `or`, 1 within `and`, 2 beneath `not`.
    fn condition(&mut self, e: &Expr, above: u8, depth: usize) -> Said {
        if depth > MAX_DEPTH {
            return refuse("conditions nested too deeply");
        }
        let within = |text: String, own: u8| if own < above { format!("({text})") } else { text };
        match e {
            Expr::Named(_, e) => self.condition(e, above, depth + 1),
            Expr::Const(Truth::True) => {
                let item = Item { key: "EventID|exists".into(), values: vec!["true".into()] };
                Ok(self.add("any", Selection::Map(vec![item])))
            }
            Expr::Const(_) => refuse("a condition that never holds"),
            Expr::Opaque(o) => refuse(format!("unsupported: {}", o.reason)),
            Expr::And(v) if v.is_empty() => self.condition(&Expr::TRUE, above, depth + 1),
            Expr::And(v) => {
                let parts = self.all(v, depth)?;
                Ok(within(parts.join(" and "), if parts.len() == 1 { 3 } else { 1 }))
            }
            Expr::Or(v) => {
                if let Some(selection) = alternatives(v)? {
                    return Ok(self.add("selection", selection));
                }
                let parts: Vec<String> =
                    v.iter().map(|e| self.condition(e, 0, depth + 1)).collect::<Said<_>>()?;
                Ok(within(parts.join(" or "), 0))
            }
            Expr::Not(inner) => self.negated(inner, depth),
            Expr::Test(t) => {
                let selection = selection(t)?;
                Ok(self.add("selection", selection))
            }
        }
    }

    fn negated(&mut self, inner: &Expr, depth: usize) -> Said {
        match inner {
            Expr::Named(_, e) => self.negated(e, depth + 1),
            Expr::Not(e) => self.condition(e, 2, depth + 1),
            Expr::Test(t) => {
                if t.words.null == Nulls::Three && !matches!(t.op, Op::IsNull | Op::Exists) {
                    return refuse("a negation that an absent value leaves unknown");
                }
                let selection = selection(t)?;
                Ok(format!("not {}", self.add("filter", selection)))
            }
            e => {
                let mut unknown = false;
                e.tests(&mut |t| unknown |= t.words.null == Nulls::Three);
                if unknown {
                    return refuse("a negation that an absent value leaves unknown");
                }
                Ok(format!("not {}", self.condition(e, 2, depth + 1)?))
            }
        }
    }

    /// The parts of a conjunction: what is said of fields in one selection, where no key comes twice.
    fn all(&mut self, v: &[Expr], depth: usize) -> Said<Vec<String>> {
        let mut items: Vec<Item> = Vec::new();
        let mut rest: Vec<&Expr> = Vec::new();
        for e in v.iter().flat_map(conjuncts) {
            match e {
                Expr::Test(t) if t.subject != Scalar::AnyField => match item(t)? {
                    i if items.iter().any(|known| known.key == i.key) => match merged(&mut items, &i) {
                        true => {}
                        false => rest.push(e),
                    },
                    i => items.push(i),
                },
                _ => rest.push(e),
            }
        }
        let mut parts = Vec::new();
        if !items.is_empty() {
            parts.push(self.add("selection", Selection::Map(items)));
        }
        for e in rest {
            let text = self.condition(e, 1, depth + 1)?;
            if !parts.contains(&text) {
                parts.push(text);
            }
        }
        Ok(parts)
    }

    /// The name of a selection; an equal one is written once.
    fn add(&mut self, stem: &str, selection: Selection) -> String {
        if let Some((name, _)) = self.selections.iter().find(|(n, s)| *s == selection && n.starts_with(stem))
        {
            return name.clone();
        }
        let taken = |n: &str| self.selections.iter().any(|(known, _)| known == n);
        let mut name = stem.to_owned();
        let mut n = 1;
        while taken(&name) {
            n += 1;
            name = format!("{stem}_{n}");
        }
        self.selections.push((name.clone(), selection));
        name
    }
}

/// The parts of a conjunction, those of conjunctions within it too.
fn conjuncts(e: &Expr) -> Vec<&Expr> {
    match unnamed(e) {
        Expr::And(v) => v.iter().flat_map(conjuncts).collect(),
        e => vec![e],
    }
}

fn unnamed(e: &Expr) -> &Expr {
    match e {
        Expr::Named(_, e) => unnamed(e),
        e => e,
    }
}

/// `field|contains: a` and `field|contains: b` as `field|contains|all: [a, b]`.
fn merged(items: &mut [Item], new: &Item) -> bool {
    if new.values.len() != 1 || !new.key.contains('|') {
        return false;
    }
    let all = format!("{}|all", new.key);
    if let Some(known) = items.iter_mut().find(|i| i.key == all) {
        known.values.extend(new.values.clone());
        return true;
    }
    match items.iter_mut().find(|i| i.key == new.key && i.values.len() == 1) {
        Some(known) => {
            known.key = all;
            known.values.extend(new.values.clone());
            true
        }
        None => false,
    }
}

/// Alternatives as one selection, where each is said of fields only.
fn alternatives(v: &[Expr]) -> Said<Option<Selection>> {
    let mut maps: Vec<Vec<Item>> = Vec::new();
    for e in v {
        let mut map: Vec<Item> = Vec::new();
        for t in conjuncts(e) {
            let Expr::Test(t) = t else { return Ok(None) };
            if t.subject == Scalar::AnyField {
                return Ok(None);
            }
            let new = item(t)?;
            if !map.iter().any(|i| i.key == new.key) {
                map.push(new);
            } else if !merged(&mut map, &new) {
                return Ok(None);
            }
        }
        maps.push(map);
    }
    Ok(Some(Selection::List(maps)).filter(|_| !v.is_empty()))
}

fn selection(t: &Test) -> Said<Selection> {
    if t.subject != Scalar::AnyField {
        return Ok(Selection::Map(vec![item(t)?]));
    }
    plain(&t.words)?;
    let Op::Like(patterns) = &t.op else { return refuse("a search in all fields that is no text") };
    let one = |p: &Pattern| match &*p.parts() {
        [Part::Any, inner @ .., Part::Any] if !inner.is_empty() => Ok(quoted(&text(inner))),
        _ => refuse("a keyword that is a whole value"),
    };
    if t.words.fold == Fold::None {
        return refuse("a keyword that heeds case");
    }
    Ok(Selection::Keywords(patterns.iter().map(one).collect::<Said<_>>()?))
}

fn plain(words: &Words) -> Said<()> {
    if words.multi != Multi::Any {
        return refuse("a condition on all values of a field, or on fields with one value only");
    }
    Ok(())
}

fn field(s: &Scalar) -> Said {
    match s {
        Scalar::Field(f) if matches!(f.names, Names::Sigma | Names::Raw) => {
            let sayable = !f.name.is_empty() && !f.name.contains(['|', ' ', '\n']);
            if sayable { Ok(f.name.to_string()) } else { refuse(format!("field name {:?}", f.name)) }
        }
        Scalar::Field(f) => refuse(format!("field {} of the scheme {}", f.name, f.names.as_str())),
        Scalar::Call(c) => refuse(format!("the function {}", c.func.0.name)),
        Scalar::FieldGlob(..) => refuse("fields by pattern"),
        _ => refuse("a computed value"),
    }
}

fn item(t: &Test) -> Said<Item> {
    plain(&t.words)?;
    let cased = if t.words.fold == Fold::None { "|cased" } else { "" };
    match &t.op {
        Op::Like(patterns) => like(&field(&t.subject)?, patterns, cased),
        Op::Regex(all) => regex(&field(&t.subject)?, all, &t.words),
        Op::Cidr(nets) => {
            let values = nets.iter().map(|n| quoted(&n.to_string())).collect();
            Ok(Item { key: format!("{}|cidr", field(&t.subject)?), values })
        }
        Op::IsNull => Ok(Item { key: field(&t.subject)?, values: vec!["null".into()] }),
        Op::Exists => Ok(Item { key: format!("{}|exists", field(&t.subject)?), values: vec!["true".into()] }),
        Op::In(values) => {
            let patterns = values.iter().map(constant).collect::<Said<Vec<Pattern>>>()?;
            let numbers = values.iter().all(|v| matches!(v, Value::I64(_)));
            like(&field(&t.subject)?, &patterns, if numbers { "" } else { cased })
        }
        Op::Compare(op, right) => comparison(*op, &t.subject, right, cased),
        Op::IsTrue => related(&t.subject),
    }
}

fn constant(v: &Value) -> Said<Pattern> {
    match v {
        Value::Str(_) | Value::I64(_) | Value::Bool(_) => {
            Ok(Pattern::exact(&v.to_text().unwrap_or_default()))
        }
        _ => refuse("a constant that is no text or whole number"),
    }
}

fn like(field: &str, patterns: &[Pattern], cased: &str) -> Said<Item> {
    type Inner = for<'a, 'p> fn(&'a [Part<&'p str>]) -> Option<&'a [Part<&'p str>]>;
    const FORMS: &[(&str, Inner)] = &[
        ("|contains", |p| match p {
            [Part::Any, inner @ .., Part::Any] => Some(inner),
            _ => None,
        }),
        ("|startswith", |p| match p {
            [inner @ .., Part::Any] if inner.first() != Some(&Part::Any) => Some(inner),
            _ => None,
        }),
        ("|endswith", |p| match p {
            [Part::Any, inner @ ..] if inner.last() != Some(&Part::Any) => Some(inner),
            _ => None,
        }),
    ];
    for (modifier, inner) in FORMS {
        let written = |p: &Pattern| inner(&p.parts()).filter(|i| !i.is_empty()).map(|i| quoted(&text(i)));
        let values: Option<Vec<String>> = patterns.iter().map(written).collect();
        if let Some(values) = values {
            return Ok(Item { key: format!("{field}{modifier}{cased}"), values });
        }
    }
    let value = |p: &Pattern| match p.literal() {
        Some(t) if t.parse::<i64>().is_ok_and(|n| n.to_string() == t) => t.to_owned(),
        _ => quoted(&text(&p.parts())),
    };
    Ok(Item { key: format!("{field}{cased}"), values: patterns.iter().map(value).collect() })
}

fn regex(field: &str, all: &[Regex], words: &Words) -> Said<Item> {
    let Some(first) = all.first() else { return refuse("no regular expression") };
    if all.iter().any(|r| (r.multi_line, r.dot_all) != (first.multi_line, first.dot_all)) {
        return refuse("regular expressions with different flags");
    }
    let mut key = format!("{field}|re");
    let dot_all = first.dot_all || words.regex == Flavor::Lucene;
    for (on, flag) in [(words.fold == Fold::Unicode, "|i"), (first.multi_line, "|m"), (dot_all, "|s")] {
        if on {
            key.push_str(flag);
        }
    }
    let one = |r: &Regex| {
        let whole = |s: &str| format!(r"\A(?:{s})\z");
        let source = match (words.regex, r.whole) {
            (Flavor::Pcre, false) => r.source.clone(),
            (Flavor::Pcre, true) => whole(&r.source),
            (Flavor::Java, w) if !r.source.contains("&&") => {
                if w {
                    whole(&r.source)
                } else {
                    r.source.clone()
                }
            }
            (Flavor::Lucene, _) => match shikra_ir::regex::lucene_as_pcre(&r.source) {
                Some(s) => whole(&s),
                None => return refuse("a Lucene regular expression with complement or intersection"),
            },
            (flavor, _) => return refuse(format!("a regular expression of flavour {flavor:?}")),
        };
        let sigma = Regex { source: source.clone(), multi_line: first.multi_line, dot_all, whole: false };
        match eval::check_regex(&sigma, &Words { regex: Flavor::Pcre, ..*words }) {
            Ok(()) => Ok(quoted(&source)),
            Err(_) => refuse("a regular expression that PCRE reads otherwise"),
        }
    };
    Ok(Item { key, values: all.iter().map(one).collect::<Said<_>>()? })
}

fn comparison(op: CmpOp, left: &Scalar, right: &Scalar, cased: &str) -> Said<Item> {
    let number = |s: &Scalar| match s {
        Scalar::Call(c) if c.func.0.name == "number" => c.args.first().cloned(),
        _ => None,
    };
    let order = match op {
        CmpOp::Lt => "|lt",
        CmpOp::Le => "|lte",
        CmpOp::Gt => "|gt",
        CmpOp::Ge => "|gte",
        CmpOp::Eq | CmpOp::Ne => "",
    };
    match (number(left), right) {
        (Some(f), Scalar::Lit(v @ (Value::I64(_) | Value::F64(_)))) if !order.is_empty() => {
            Ok(Item { key: format!("{}{order}", field(&f)?), values: vec![v.to_text().unwrap_or_default()] })
        }
        (Some(f), other) if !order.is_empty() => match number(other) {
            Some(g) => {
                let values = vec![quoted(&field(&g)?)];
                Ok(Item { key: format!("{}|fieldref{order}", field(&f)?), values })
            }
            None => refuse("an order of computed values"),
        },
        (None, Scalar::Lit(v)) if op == CmpOp::Eq => like(&field(left)?, &[constant(v)?], cased),
        (None, Scalar::Field(_)) if op == CmpOp::Eq => {
            let values = vec![quoted(&field(right)?)];
            Ok(Item { key: format!("{}|fieldref{cased}", field(left)?), values })
        }
        _ if op == CmpOp::Ne => refuse("`!=`, which asks that the field be there"),
        _ => refuse("a comparison that Sigma does not have"),
    }
}

/// `starts-with(field, text)` and the like.
fn related(s: &Scalar) -> Said<Item> {
    let Scalar::Call(Call { func, args, words }) = s else { return refuse("the truth of a value") };
    let cased = if words.fold == Fold::None { "|cased" } else { "" };
    let modifier = match func.0.name {
        "starts-with" => "|startswith",
        "ends-with" => "|endswith",
        "contains-text" => "|contains",
        name => return refuse(format!("the function {name}")),
    };
    match args.as_slice() {
        [f, Scalar::Lit(Value::Str(t))] if !t.is_empty() => {
            let values = vec![quoted(&text(&[Part::Lit(t)]))];
            Ok(Item { key: format!("{}{modifier}{cased}", field(f)?), values })
        }
        [f, other @ Scalar::Field(_)] => {
            let values = vec![quoted(&field(other)?)];
            Ok(Item { key: format!("{}|fieldref{modifier}{cased}", field(f)?), values })
        }
        _ => refuse(format!("the function {}", func.0.name)),
    }
}

/// A pattern as Sigma writes it: a backslash is doubled only where what follows would make it an escape.
fn text(parts: &[Part<&str>]) -> String {
    let mut signs: Vec<(char, bool)> = Vec::new();
    for part in parts {
        match part {
            Part::Any => signs.push(('*', true)),
            Part::One => signs.push(('?', true)),
            Part::Lit(s) => signs.extend(s.chars().map(|c| (c, false))),
        }
    }
    let mut out = String::new();
    for (i, (c, wild)) in signs.iter().enumerate() {
        let next = signs.get(i + 1).map(|(c, _)| *c);
        let escaped = match c {
            '*' | '?' => !wild,
            '\\' => {
                matches!(next, Some('*' | '?' | '\\')) || i > 0 && signs.get(i - 1) == Some(&('\\', false))
            }
            _ => false,
        };
        if escaped {
            out.push('\\');
        }
        out.push(*c);
    }
    out
}

/// A YAML scalar in quotes.
fn quoted(text: &str) -> String {
    if text.chars().any(|c| c.is_control() || matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}')) {
        let mut out = String::from("\"");
        for c in text.chars() {
            match c {
                '"' | '\\' => out.extend(['\\', c]),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                c if c.is_control() || matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                    let _ = write!(out, "\\u{:04x}", c as u32);
                }
                c => out.push(c),
            }
        }
        out.push('"');
        return out;
    }
    format!("'{}'", text.replace('\'', "''"))
}

/// A plain scalar, in quotes where it would be read as something else.
pub fn yaml(text: &str) -> String {
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ' ' | '(' | ')');
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic());
    const OTHERS: &[&str] = &["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    let plain = begins
        && text.chars().all(word)
        && !text.ends_with(' ')
        && !OTHERS.contains(&text.to_ascii_lowercase().as_str());
    if plain { text.to_owned() } else { quoted(text) }
}

fn write_selection(name: &str, s: &Selection, out: &mut String) {
    let _ = writeln!(out, "    {name}:");
    match s {
        Selection::Map(items) => items.iter().for_each(|i| write_item(i, "        ", "        ", out)),
        Selection::List(maps) => {
            for map in maps {
                for (n, i) in map.iter().enumerate() {
                    write_item(i, if n == 0 { "        - " } else { "          " }, "          ", out);
                }
            }
        }
        Selection::Keywords(all) => all.iter().for_each(|k| out.push_str(&format!("        - {k}\n"))),
    }
}

fn write_item(i: &Item, first: &str, indent: &str, out: &mut String) {
    let key = if i.key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-|@".contains(&b)) {
        i.key.clone()
    } else {
        quoted(&i.key)
    };
    match i.values.as_slice() {
        [one] => out.push_str(&format!("{first}{key}: {one}\n")),
        many => {
            let _ = writeln!(out, "{first}{key}:");
            many.iter().for_each(|v| out.push_str(&format!("{indent}    - {v}\n")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, assemble, parse};
    use shikra_ir::text as canonical;
    use shikra_syntax::{Source, Span};

    fn load(text: &str) -> (LogSource, Expr) {
        let source = Source::new("r.yml", text);
        let rules = assemble(vec![parse(&source, Span::new(0, text.len()), &Options::default())]);
        let (l, e) = rules[0].plan.single_event().unwrap();
        (l.clone(), e)
    }

    /// What is printed means the same, word by word.
    fn check(detection: &str, want: &str) {
        let head = "title: T\nlogsource:\n    product: windows\n";
        let (source, e) = load(&format!("{head}detection:\n{detection}"));
        let printed = print(&source, &e).unwrap();
        let body = printed.split_once("detection:\n").unwrap().1;
        assert_eq!(body, want);
        let (again, back) = load(&format!("title: T\n{printed}"));
        assert_eq!(again, source);
        assert_eq!(canonical::expr(&back), canonical::expr(&e), "{printed}");
    }

    #[test]
    fn there_and_back() {
        for same in [
            "    selection:\n        Image|endswith:\n            - '\\a.exe'\n            - '\\b.exe'\n        \
             CommandLine|contains|all:\n            - ' -x '\n            - 'it''s'\n    condition: selection\n",
            "    selection:\n        - A: 1\n          B: null\n        - C|re|i: '^\\d+$'\n    filter:\n        \
             D|cidr: '10.0.0.0/8'\n    condition: selection and not filter\n",
            "    selection:\n        - 'one'\n        - 'two * three'\n    condition: selection\n",
            "    selection:\n        A|gte: 5\n        B|exists: true\n        C|fieldref: 'D'\n    condition: selection\n",
            "    selection:\n        A: '\\\\\\\\server\\share\\*'\n        B|contains|cased: 'x\\*y'\n    condition: selection\n",
            "    selection:\n        A: \"tab\\there\"\n    condition: selection\n",
        ] {
            check(same, same);
        }
    }

    #[test]
    fn what_cannot_be_said() {
        let test = |words, op| {
            Expr::Test(Test { subject: Scalar::field(Names::Sigma, "A"), op, words, span: Span::default() })
        };
        let like = || Op::Like(vec![Pattern::exact("x")]);
        let any = LogSource::any(Names::Sigma);
        let all = Words { multi: Multi::All, ..Words::default() };
        let three = Words { null: Nulls::Three, ..Words::default() };
        assert!(print(&any, &test(all, like())).is_err());
        assert!(print(&any, &test(three, like())).is_ok());
        assert!(print(&any, &test(three, like()).negate()).is_err());
        assert!(print(&any, &Expr::FALSE).is_err());
    }
}
