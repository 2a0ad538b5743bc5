//! PCRE and Java syntax in the syntax of the `regex` crate (which `fancy-regex` extends).
//!
//! Differences that matter: characters that PCRE takes literally where `regex` does not (a stray `{`, `[` and
//! `&&` in a class), escapes that `regex` does not know, `\d \w \s`, which are ASCII here, and `$`, which also
//! matches before a last line feed.

/// A translated expression.
pub(super) struct Translated {
    pub source: String,
    /// Needs look-around, back-references, atomic groups or possessive quantifiers.
    pub backtracking: bool,
}

/// Groups may nest so deep; both engines recurse on them.
const MAX_DEPTH: usize = 200;

pub(super) fn translate(source: &str, java: bool, multi_line: bool) -> Result<Translated, String> {
    let mut t = Translator {
        rest: source,
        out: String::with_capacity(source.len() + 16),
        backtracking: false,
        java,
        line_ends: multi_line || flags_set(source, 'm'),
        depth: 0,
    };
    while let Some(c) = t.rest.chars().next() {
        t.step(c)?;
    }
    Ok(Translated { source: t.out, backtracking: t.backtracking })
}

/// Whether an inline group `(?flags)` or `(?flags:` sets `flag`.
fn flags_set(source: &str, flag: char) -> bool {
    source.split("(?").skip(1).any(|s| {
        let flags = s.split([')', ':', '-']).next().unwrap_or("");
        flags.chars().all(|c| c.is_ascii_lowercase()) && flags.contains(flag)
    })
}

struct Translator<'s> {
    rest: &'s str,
    out: String,
    backtracking: bool,
    java: bool,
    line_ends: bool,
    depth: usize,
}

impl<'s> Translator<'s> {
    fn take(&mut self, n: usize) -> &'s str {
        let (head, rest) = self.rest.split_at(n);
        self.rest = rest;
        head
    }

    fn copy(&mut self, n: usize) {
        let head = self.take(n);
        self.out.push_str(head);
    }

    fn step(&mut self, c: char) -> Result<(), String> {
        match c {
            '\\' => self.escape(false),
            '[' => self.class(),
            '{' => match quantifier(self.rest) {
                Some(n) if !self.out.is_empty() => {
                    let body = self.take(n);
                    self.out.push_str(&body.replace("{,", "{0,"));
                    self.possessive();
                }
                _ => {
                    self.take(1);
                    self.out.push_str(r"\{");
                }
            },
            '*' | '+' | '?' => {
                self.copy(1);
                self.possessive();
            }
            '$' if !self.line_ends => {
                self.take(1);
                self.out.push_str(r"(?:\n?\z)");
            }
            '(' => return self.group(),
            ')' => {
                self.depth = self.depth.saturating_sub(1);
                self.copy(1);
            }
            _ => self.copy(c.len_utf8()),
        }
        Ok(())
    }

    /// Behind a quantifier: a `+` makes it possessive, a `?` lazy.
    fn possessive(&mut self) {
        if self.rest.starts_with('+') {
            self.backtracking = true;
            self.copy(1);
        } else if self.rest.starts_with('?') {
            self.copy(1);
        }
    }

    fn group(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("groups nest deeper than {MAX_DEPTH}"));
        }
        if self.rest.starts_with("(?#") {
            self.depth -= 1;
            let end = self.rest.find(')').ok_or("unclosed comment")?;
            self.take(end + 1);
            return Ok(());
        }
        let looks = ["(?=", "(?!", "(?<=", "(?<!", "(?>", "(?(", "(?P=", "(?|"];
        if looks.iter().any(|p| self.rest.starts_with(p)) {
            self.backtracking = true;
        }
        let head = match self.rest.strip_prefix("(?") {
            // What follows `(?` is not a quantifier.
            Some(more) => 2 + more.chars().next().map_or(0, char::len_utf8),
            None => 1,
        };
        // `(?` then a flag or name: leave the rest of the head to be copied as ordinary characters.
        let head = if self.rest.as_bytes().get(2) == Some(&b')') { 2 } else { head };
        self.copy(head);
        Ok(())
    }

    fn escape(&mut self, in_class: bool) {
        let Some(c) = self.rest[1..].chars().next() else {
            // A lone backslash at the end: an error in both engines; leave it to them to say so.
            return self.copy(1);
        };
        let body = &self.rest[1 + c.len_utf8()..];
        if c == 'Q' {
            let text = body.split(r"\E").next().unwrap_or(body);
            self.take((2 + text.len() + 2).min(self.rest.len()));
            text.chars().for_each(|c| push_literal(c, &mut self.out));
            return;
        }
        if let Some(set) = ascii_class(c) {
            self.take(2);
            return self.shorthand(set, in_class);
        }
        let plain = match c {
            'e' => r"\x1B",
            'Z' if !in_class => r"(?:\n?\z)",
            'h' if in_class => r"\t\x20\u{A0}",
            'h' => r"[\t\x20\u{A0}]",
            'R' if !in_class => r"(?:\r\n|[\n\x0B\f\r\u{85}\u{2028}\u{2029}])",
            'N' if !in_class => r"[^\n]",
            'E' => "",
            _ => return self.other_escape(c, in_class),
        };
        self.take(2);
        self.out.push_str(plain);
    }

    fn other_escape(&mut self, c: char, in_class: bool) {
        match c {
            '1'..='9' | 'k' | 'g' | 'K' | 'G' if !in_class => {
                self.backtracking = true;
                self.copy(2);
            }
            '0' => {
                let digits = self.rest[1..].bytes().take(3).take_while(|b| matches!(b, b'0'..=b'7')).count();
                let code = u32::from_str_radix(&self.rest[1..1 + digits], 8).unwrap_or(0);
                self.take(1 + digits);
                self.out.push_str(&format!(r"\x{{{code:x}}}"));
            }
            // `\x{…}`, `\p{…}`: braces belong to the escape.
            'x' | 'u' | 'p' | 'P' if self.rest[2..].starts_with('{') => {
                let end = self.rest.find('}').map_or(self.rest.len(), |e| e + 1);
                self.copy(end);
            }
            c if c.is_ascii_alphanumeric() => self.copy(2),
            c => {
                self.take(1 + c.len_utf8());
                push_literal(c, &mut self.out);
            }
        }
    }

    /// A set of ASCII characters, by its ranges; `^` first negates.
    fn shorthand(&mut self, set: &str, in_class: bool) {
        let negated = set.starts_with('^');
        if in_class && !negated {
            self.out.push_str(set);
        } else {
            self.out.push('[');
            self.out.push_str(set);
            self.out.push(']');
        }
        if in_class && self.rest.starts_with('-') {
            self.take(1);
            self.out.push_str(r"\-");
        }
    }

    fn class(&mut self) {
        self.copy(1);
        if self.rest.starts_with('^') {
            self.copy(1);
        }
        if self.rest.starts_with(']') {
            self.take(1);
            self.out.push_str(r"\]");
        }
        let mut depth = 1usize;
        while depth > 0
            && let Some(c) = self.rest.chars().next()
        {
            match c {
                ']' => {
                    depth -= 1;
                    self.copy(1);
                }
                '[' => {
                    if let Some(n) = posix(self.rest) {
                        self.copy(n);
                    } else if self.java && depth < MAX_DEPTH {
                        depth += 1;
                        self.copy(1);
                    } else {
                        self.take(1);
                        self.out.push_str(r"\[");
                    }
                }
                '\\' => self.escape(true),
                '&' if self.java => self.copy(1),
                '-' if ascii_class_follows(&self.rest[1..]) => {
                    self.take(1);
                    self.out.push_str(r"\-");
                }
                '&' | '~' => {
                    self.take(1);
                    self.out.push('\\');
                    self.out.push(c);
                }
                '-' if self.rest.starts_with("--") => {
                    self.take(1);
                    self.out.push_str(r"\-");
                }
                _ => self.copy(c.len_utf8()),
            }
        }
    }
}

fn ascii_class_follows(rest: &str) -> bool {
    rest.strip_prefix('\\').and_then(|r| r.chars().next()).is_some_and(|c| ascii_class(c).is_some())
}

fn ascii_class(c: char) -> Option<&'static str> {
    Some(match c {
        'd' => "0-9",
        'D' => "^0-9",
        'w' => "0-9A-Za-z_",
        'W' => "^0-9A-Za-z_",
        's' => r"\t-\r\x20",
        'S' => r"^\t-\r\x20",
        _ => return None,
    })
}

/// Length of `[:name:]` that `rest` begins with.
fn posix(rest: &str) -> Option<usize> {
    let name = rest.strip_prefix("[:")?;
    let end = name.find(":]")?;
    let word = name[..end].strip_prefix('^').unwrap_or(&name[..end]);
    (!word.is_empty() && word.bytes().all(|b| b.is_ascii_alphabetic())).then_some(end + 4)
}

/// Length of the quantifier `{n}`, `{n,}`, `{n,m}` or `{,m}` that `rest` begins with.
fn quantifier(rest: &str) -> Option<usize> {
    let end = rest.find('}')?;
    let body = &rest[1..end];
    let (low, high) = body.split_once(',').unwrap_or((body, "0"));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let some = !low.is_empty() || (body.contains(',') && !high.is_empty());
    (some && digits(low) && digits(high)).then_some(end + 1)
}

fn push_literal(c: char, out: &mut String) {
    if c.is_ascii_punctuation()
        && !matches!(c, '<' | '>' | '_' | '\'' | '"' | '/' | ',' | ';' | ':' | '=' | '@' | '!' | '%' | '`')
    {
        out.push('\\');
    }
    if c == ' ' {
        return out.push_str(r"\x20");
    }
    out.push(c);
}
