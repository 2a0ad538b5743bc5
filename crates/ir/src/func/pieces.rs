//! Values out of text with a form: JSON by a path, XML elements, key-value pairs. Text that does not have the
//! form gives null.

use shikra_event::{Value, json_quoted};

use super::FuncDef;
use super::many::several;
use super::spl::plain_text;
use crate::Words;

pub(super) const TABLE: &[FuncDef] = &[
    FuncDef { name: "json-path", arity: (1, 2), takes_null: false, eval: json_path },
    FuncDef { name: "json-valid", arity: (1, 1), takes_null: true, eval: json_valid },
    FuncDef { name: "json-items", arity: (1, 1), takes_null: false, eval: json_items },
    FuncDef { name: "json-keys", arity: (1, 1), takes_null: false, eval: json_keys },
    FuncDef { name: "json-array", arity: (0, usize::MAX), takes_null: true, eval: json_array },
    FuncDef { name: "json-object", arity: (0, usize::MAX), takes_null: true, eval: json_object },
    FuncDef {
        name: "json-array-of",
        arity: (1, 2),
        takes_null: false,
        eval: |a, w| json_array(a[0].elements(), w),
    },
    FuncDef { name: "xml-value", arity: (2, 2), takes_null: false, eval: xml_value },
    FuncDef { name: "pair-value", arity: (4, 4), takes_null: false, eval: pair_value },
];

/// Nesting that is followed.
const MAX_DEPTH: usize = 64;

/// `a.b{}.c`: members, and the items of lists (`{}` all, `{0}` the first).
fn json_path(args: &[Value], _: &Words) -> Value {
    let path = args.get(1).and_then(plain_text).unwrap_or_default();
    let mut out = Vec::new();
    for text in args[0].elements().iter().filter_map(plain_text) {
        if let Some(json) = Json::parse(&text) {
            json.at(&steps(&path), &mut out);
        }
    }
    several(out)
}

fn json_valid(args: &[Value], _: &Words) -> Value {
    let whole = |text: String| {
        let mut at = Reader { text: &text, at: 0 };
        at.value(0).is_some() && at.peek().is_none()
    };
    Value::Bool(plain_text(&args[0]).is_some_and(whole))
}

/// The items of an array as several values.
fn json_items(args: &[Value], _: &Words) -> Value {
    let mut out = Vec::new();
    if let Some(Json::List(items, _)) = plain_text(&args[0]).as_deref().and_then(Json::parse) {
        items.iter().for_each(|i| i.at(&[], &mut out));
    }
    several(out)
}

/// The names of an object's members, as an array.
fn json_keys(args: &[Value], words: &Words) -> Value {
    match plain_text(&args[0]).as_deref().and_then(Json::parse) {
        Some(Json::Object(members, _)) => {
            json_array(&members.into_iter().map(|(name, _)| Value::str(name)).collect::<Vec<_>>(), words)
        }
        _ => Value::Null,
    }
}

fn json_array(args: &[Value], _: &Words) -> Value {
    Value::str(format!("[{}]", args.iter().map(written).collect::<Vec<_>>().join(",")))
}

/// Of names and values in turn.
fn json_object(args: &[Value], _: &Words) -> Value {
    let member = |pair: &[Value]| match pair {
        [name, value] => plain_text(name).map(|n| format!("{}:{}", written(&Value::str(n)), written(value))),
        _ => None,
    };
    Value::str(format!("{{{}}}", args.chunks(2).filter_map(member).collect::<Vec<_>>().join(",")))
}

/// A value as JSON; text that is an object or array itself stays what it is.
fn written(v: &Value) -> String {
    match v {
        Value::Missing | Value::Null => "null".to_owned(),
        Value::I64(_) | Value::F64(_) => plain_text(v).unwrap_or_default(),
        Value::Bool(b) => b.to_string(),
        Value::List(items) => format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(",")),
        other => {
            let text = plain_text(other).unwrap_or_default();
            let nested = text.starts_with(['{', '['])
                && json_valid(std::slice::from_ref(other), &Words::default()) == Value::Bool(true);
            if nested { text } else { json_quoted(&text) }
        }
    }
}

enum Step<'p> {
    Member(&'p str),
    All,
    Item(usize),
}

fn steps(path: &str) -> Vec<Step<'_>> {
    let mut out = Vec::new();
    for part in path.split('.').filter(|p| !p.is_empty()) {
        let (name, items) = part.split_once('{').map_or((part, None), |(n, i)| (n, Some(i)));
        if !name.is_empty() {
            out.push(Step::Member(name));
        }
        for item in items.into_iter().flat_map(|i| i.split('{')) {
            let item = item.trim_end_matches('}');
            out.push(item.parse().map_or(Step::All, Step::Item));
        }
    }
    out
}

#[derive(Debug)]
enum Json<'t> {
    Value(Value),
    Object(Vec<(String, Json<'t>)>, &'t str),
    List(Vec<Json<'t>>, &'t str),
}

impl Json<'_> {
    fn parse(text: &str) -> Option<Json<'_>> {
        let mut at = Reader { text, at: 0 };
        at.value(0)
    }

    fn at(&self, steps: &[Step<'_>], out: &mut Vec<Value>) {
        let Some((step, rest)) = steps.split_first() else {
            match self {
                Json::Value(v) if !v.is_null() => out.push(v.clone()),
                Json::Value(_) => {}
                Json::Object(_, text) => out.push(Value::str(text)),
                Json::List(items, text) if items.iter().any(|i| !matches!(i, Json::Value(_))) => {
                    out.push(Value::str(text));
                }
                Json::List(items, _) => items.iter().for_each(|i| i.at(&[], out)),
            }
            return;
        };
        match (step, self) {
            (Step::Member(name), Json::Object(members, _)) => {
                members.iter().filter(|(n, _)| n == name).for_each(|(_, v)| v.at(rest, out));
            }
            // Names with full stops in them are one member.
            (Step::All, Json::List(items, _)) => items.iter().for_each(|i| i.at(rest, out)),
            (Step::Member(_), Json::List(items, _)) => items.iter().for_each(|i| i.at(steps, out)),
            (Step::Item(n), Json::List(items, _)) => {
                if let Some(i) = items.get(*n) {
                    i.at(rest, out);
                }
            }
            _ => {}
        }
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn peek(&mut self) -> Option<u8> {
        while matches!(self.text.as_bytes().get(self.at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, b: u8) -> bool {
        let hit = self.peek() == Some(b);
        self.at += usize::from(hit);
        hit
    }

    fn value(&mut self, depth: usize) -> Option<Json<'t>> {
        if depth > MAX_DEPTH {
            return None;
        }
        let first = self.peek()?;
        let start = self.at;
        match first {
            b'{' => {
                self.at += 1;
                let mut members = Vec::new();
                while !self.eat(b'}') {
                    self.peek()?;
                    let name = self.string()?;
                    self.eat(b':').then_some(())?;
                    members.push((name, self.value(depth + 1)?));
                    self.eat(b',');
                }
                Some(Json::Object(members, self.text.get(start..self.at)?))
            }
            b'[' => {
                self.at += 1;
                let mut items = Vec::new();
                while !self.eat(b']') {
                    items.push(self.value(depth + 1)?);
                    self.eat(b',');
                }
                Some(Json::List(items, self.text.get(start..self.at)?))
            }
            b'"' => self.string().map(|s| Json::Value(Value::str(s))),
            _ => self.word().map(Json::Value),
        }
    }

    fn word(&mut self) -> Option<Value> {
        let rest = self.text.get(self.at..)?;
        let length =
            rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.')).count();
        let word = rest.get(..length).filter(|w| !w.is_empty())?;
        self.at += length;
        Some(match word {
            "true" => Value::str("true"),
            "false" => Value::str("false"),
            "null" => Value::Null,
            n => match (n.parse::<i64>(), n.parse::<f64>()) {
                (Ok(n), _) => Value::I64(n),
                (_, Ok(n)) => Value::F64(n),
                _ => return None,
            },
        })
    }

    fn string(&mut self) -> Option<String> {
        self.eat(b'"').then_some(())?;
        let mut out = String::new();
        loop {
            let c = self.text.get(self.at..)?.chars().next()?;
            self.at += c.len_utf8();
            match c {
                '"' => return Some(out),
                '\\' => {
                    let e = self.text.get(self.at..)?.chars().next()?;
                    self.at += e.len_utf8();
                    out.push(match e {
                        'n' => '\n',
                        't' => '\t',
                        'r' => '\r',
                        'b' => '\u{8}',
                        'f' => '\u{c}',
                        'u' => self.unicode()?,
                        other => other,
                    });
                }
                c => out.push(c),
            }
        }
    }

    fn unicode(&mut self) -> Option<char> {
        let unit = |r: &mut Self| {
            let n = u32::from_str_radix(r.text.get(r.at..r.at + 4)?, 16).ok()?;
            r.at += 4;
            Some(n)
        };
        let high = unit(self)?;
        if (0xd800..0xdc00).contains(&high) && self.text.get(self.at..self.at + 2) == Some("\\u") {
            self.at += 2;
            let low = unit(self)?;
            return char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low.wrapping_sub(0xdc00) & 0x3ff));
        }
        Some(char::from_u32(high).unwrap_or('\u{fffd}'))
    }
}

/// The text of the elements of a name, or of `<Data Name='name'>`.
fn xml_value(args: &[Value], _: &Words) -> Value {
    let Some(name) = plain_text(&args[1]).filter(|n| !n.is_empty()) else { return Value::Null };
    let mut out = Vec::new();
    for text in args[0].elements().iter().filter_map(plain_text) {
        elements(&text, &name, &mut out);
    }
    several(out)
}

fn elements(text: &str, name: &str, out: &mut Vec<Value>) {
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        rest = rest.get(at + 1..).unwrap_or("");
        let Some((tag, after)) = rest.split_once('>') else { return };
        let own = tag.split(|c: char| c.is_whitespace() || c == '/').next().unwrap_or("");
        let named = ["'", "\""].iter().any(|q| tag.contains(&format!("Name={q}{name}{q}")));
        if (own == name || named) && !tag.ends_with('/') {
            let value = after.split('<').next().unwrap_or("");
            out.push(Value::str(unescaped(value)));
        }
        rest = after;
    }
}

fn unescaped(text: &str) -> String {
    let pairs = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    pairs.iter().fold(text.to_owned(), |t, (from, to)| t.replace(from, to))
}

/// Text, name, characters between pairs, characters between a name and its value.
fn pair_value(args: &[Value], _: &Words) -> Value {
    let text = |i: usize| plain_text(&args[i]).unwrap_or_default();
    let (name, between, within) = (text(1), text(2), text(3));
    let mut out = Vec::new();
    for text in args[0].elements().iter().filter_map(plain_text) {
        for pair in text.split(|c| between.contains(c)) {
            let Some((key, value)) = pair.split_once(|c| within.contains(c)) else { continue };
            if key.trim() == name {
                out.push(Value::str(value.trim().trim_matches('"')));
            }
        }
    }
    several(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(f: fn(&[Value], &Words) -> Value, args: &[&str], want: Value) {
        let args: Vec<Value> = args.iter().map(Value::str).collect();
        assert_eq!(f(&args, &Words::default()), want, "{args:?}");
    }

    #[test]
    fn pieces_of_text() {
        let json = r#"{"a":{"b":[{"c":"x"},{"c":"y\u0041"}]},"n":1.5,"e":null}"#;
        check(json_path, &[json, "a.b{}.c"], Value::List(vec!["x".into(), "yA".into()]));
        check(json_path, &[json, "a.b{1}.c"], "yA".into());
        check(json_path, &[json, "n"], Value::F64(1.5));
        check(json_path, &[json, "e"], Value::Null);
        check(json_path, &[json, "a.b{0}"], r#"{"c":"x"}"#.into());
        check(json_path, &["{\"a\":", "a"], Value::Null);
        check(json_path, &[&"[".repeat(10_000), "a"], Value::Null);
        check(
            xml_value,
            &["<E><Task x='1'>a &amp; b</Task><Data Name='N'>v</Data></E>", "Task"],
            "a & b".into(),
        );
        check(xml_value, &["<Data Name=\"N\">v</Data>", "N"], "v".into());
        check(pair_value, &["a:1;b:2", "b", ";", ":"], "2".into());
    }
}
