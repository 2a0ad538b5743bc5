//! Lucene's regular expressions in the syntax of the `regex` crate.
//!
//! They match the whole value, `.` matches anything, `^` and `$` mean the characters themselves, `\d \w \s` and
//! their opposites are classes of ASCII (as of Lucene 9), and there are operators of their own: `~` complement, `&` intersection, `<n-m>` numeric interval, `@` anything,
//! `#` nothing, `"…"` literal text. Complement and intersection are supported where their operands are whole
//! values, which is how rules use them.

/// A language of whole values.
#[derive(Debug)]
pub(super) enum Lang {
    Regex(String),
    All(Vec<Lang>),
    Any(Vec<Lang>),
    Not(Box<Lang>),
}

const MAX_DEPTH: usize = 100;
/// Numbers an interval may span.
const MAX_INTERVAL: u64 = 1000;

pub(super) fn translate(source: &str) -> Result<Lang, String> {
    let mut p = Parser { rest: source, depth: 0 };
    let lang = p.union()?;
    match p.rest.chars().next() {
        None => Ok(lang),
        Some(c) => Err(format!("unexpected {c:?}")),
    }
}

struct Parser<'s> {
    rest: &'s str,
    depth: usize,
}

impl<'s> Parser<'s> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn eat(&mut self, c: char) -> bool {
        let found = self.rest.strip_prefix(c);
        self.rest = found.unwrap_or(self.rest);
        found.is_some()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    fn union(&mut self) -> Result<Lang, String> {
        let mut parts = vec![self.intersection()?];
        while self.eat('|') {
            parts.push(self.intersection()?);
        }
        if parts.len() == 1 {
            return parts.pop().ok_or_else(String::new);
        }
        let plain: Option<Vec<&str>> = parts.iter().map(Lang::plain).collect();
        Ok(match plain {
            Some(p) => Lang::Regex(format!("(?:{})", p.join("|"))),
            None => Lang::Any(parts),
        })
    }

    fn intersection(&mut self) -> Result<Lang, String> {
        let mut parts = vec![self.concat()?];
        while self.eat('&') {
            parts.push(self.concat()?);
        }
        if parts.len() > 1 { Ok(Lang::All(parts)) } else { parts.pop().ok_or_else(String::new) }
    }

    fn concat(&mut self) -> Result<Lang, String> {
        let mut out = String::new();
        let mut single: Option<Lang> = None;
        let mut count = 0;
        while self.peek().is_some_and(|c| !matches!(c, '|' | '&' | ')')) {
            count += 1;
            match self.repeat()? {
                Lang::Regex(s) => out.push_str(&s),
                other => single = Some(other),
            }
        }
        match single {
            Some(_) if count > 1 => Err("`~` and `&` are supported on whole values only".into()),
            Some(s) => Ok(s),
            None => Ok(Lang::Regex(out)),
        }
    }

    fn repeat(&mut self) -> Result<Lang, String> {
        let mut item = self.complement()?;
        while let Some(c) = self.peek().filter(|c| matches!(c, '?' | '*' | '+' | '{')) {
            let Lang::Regex(s) = &mut item else {
                return Err("`~` and `&` cannot be repeated".into());
            };
            // Wrapped each time: `a+?` is `(a+)?` here, not a lazy repetition.
            *s = format!("(?:{s})");
            if c == '{' {
                let end = self.rest.find('}').ok_or("unclosed repetition")?;
                s.push_str(&self.rest[..=end].replace("{,", "{0,"));
                self.rest = &self.rest[end + 1..];
            } else {
                s.push(c);
                self.next();
            }
        }
        Ok(item)
    }

    fn complement(&mut self) -> Result<Lang, String> {
        if !self.eat('~') {
            return self.atom();
        }
        self.enter()?;
        let inner = self.complement()?;
        self.depth -= 1;
        Ok(Lang::Not(Box::new(inner)))
    }

    fn enter(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("groups nest deeper than {MAX_DEPTH}"));
        }
        Ok(())
    }

    fn atom(&mut self) -> Result<Lang, String> {
        let c = self.next().ok_or("unexpected end")?;
        let text = match c {
            '.' => ".".into(),
            '@' => ".*".into(),
            '#' => r"[^\x00-\x{10FFFF}]".into(),
            '(' => return self.group(),
            '[' => self.class()?,
            '<' => self.interval()?,
            '"' => {
                let end = self.rest.find('"').ok_or("unclosed quote")?;
                let text = format!("(?:{})", ::regex::escape(&self.rest[..end]));
                self.rest = &self.rest[end + 1..];
                text
            }
            '\\' => {
                let c = self.next().ok_or("expression ends in a backslash")?;
                named_class(c).map_or_else(|| escape(c), str::to_owned)
            }
            // Nothing to repeat: Lucene's parser takes it as it stands.
            c @ ('?' | '*' | '+' | '{') => escape(c),
            c => escape(c),
        };
        Ok(Lang::Regex(text))
    }

    fn group(&mut self) -> Result<Lang, String> {
        self.enter()?;
        let inner = if self.eat(')') {
            self.depth -= 1;
            return Ok(Lang::Regex(String::new()));
        } else {
            self.union()?
        };
        self.depth -= 1;
        if !self.eat(')') {
            return Err("unclosed group".into());
        }
        Ok(match inner {
            Lang::Regex(s) => Lang::Regex(format!("(?:{s})")),
            other => other,
        })
    }

    fn class(&mut self) -> Result<String, String> {
        let mut out = String::from("[");
        if self.eat('^') {
            out.push('^');
        }
        let mut first = true;
        loop {
            match self.next().ok_or("unclosed class")? {
                ']' if !first => break,
                '-' if !first && !self.rest.starts_with(']') => out.push('-'),
                '\\' => {
                    let c = self.next().ok_or("unclosed class")?;
                    out.push_str(&named_class(c).map_or_else(|| escape(c), str::to_owned));
                }
                c => out.push_str(&escape(c)),
            }
            first = false;
        }
        out.push(']');
        Ok(out)
    }

    fn interval(&mut self) -> Result<String, String> {
        let end = self.rest.find('>').ok_or("unclosed interval")?;
        let body = &self.rest[..end];
        self.rest = &self.rest[end + 1..];
        let (a, b) = body.split_once('-').ok_or("named automata are not supported")?;
        let number = |s: &str| s.parse::<u64>().map_err(|_| format!("bad interval <{body}>"));
        let (low, high) = (number(a)?.min(number(b)?), number(a)?.max(number(b)?));
        if high - low > MAX_INTERVAL {
            return Err(format!("interval <{body}> spans more than {MAX_INTERVAL} numbers"));
        }
        let width = if a.len() == b.len() { a.len() } else { 0 };
        let pad = if width == 0 { "0*" } else { "" };
        let all: Vec<String> = (low..=high).map(|n| format!("{pad}{n:0width$}")).collect();
        Ok(format!("(?:{})", all.join("|")))
    }
}

impl Lang {
    fn plain(&self) -> Option<&str> {
        match self {
            Lang::Regex(s) => Some(s),
            _ => None,
        }
    }
}

/// What a letter after a backslash stands for, within and without a class.
fn named_class(c: char) -> Option<&'static str> {
    Some(match c {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        's' => "[ \\t\\n\\r]",
        'S' => "[^ \\t\\n\\r]",
        'w' => "[A-Za-z0-9_]",
        'W' => "[^A-Za-z0-9_]",
        _ => return None,
    })
}

fn escape(c: char) -> String {
    ::regex::escape(c.encode_utf8(&mut [0; 4]))
}
