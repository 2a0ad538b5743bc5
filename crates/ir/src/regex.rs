//! Regular expressions of every flavour, compiled: the one meaning that the obvious evaluator and the fast
//! matcher share.
//!
//! A flavour is translated into the syntax of the `regex` crate, which matches in linear time. What that
//! cannot say (look-around, back-references, atomic groups, possessive quantifiers) runs on `fancy-regex` with
//! a limit on backtracking; a search that reaches the limit does not match.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::{Flavor, Fold, Regex, Words};

mod caches;
mod capture;
mod lucene;
mod pcre;
mod search;
mod to_lucene;
pub mod words;

pub use capture::Groups;
use search::Search;

/// Bytes that one compiled expression may take.
const SIZE_LIMIT: usize = 10 << 20;
/// Steps that one backtracking search may take.
const BACKTRACK_LIMIT: usize = 200_000;
/// Expressions kept compiled by [`cached`].
const CACHED: usize = 4096;

/// A regular expression that can be searched for. What it takes to search is built when it is first asked.
#[derive(Debug)]
pub struct Compiled {
    node: Node,
}

/// A search, or searches joined by Lucene's operators.
#[derive(Debug)]
enum Node {
    Linear(Box<Search>),
    Backtracking(Box<fancy_regex::Regex>),
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
}

/// An expression in the syntax of the `regex` crate, with its flags: for who wants to take it apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linear {
    /// The expression.
    pub source: String,
    /// `i`.
    pub case_insensitive: bool,
    /// `m`.
    pub multi_line: bool,
    /// `s`.
    pub dot_all: bool,
}

impl Compiled {
    /// Whether the expression finds itself in `text`.
    pub fn is_match(&self, text: &str) -> bool {
        self.node.is_match(text)
    }

    /// Texts of ASCII, lower-case, all of which stand in every ASCII text that it matches, where that is known without
    /// taking it apart.
    pub fn needed(&self) -> Option<Vec<String>> {
        match &self.node {
            Node::Linear(search) => search.words.as_ref().map(words::Finder::literals),
            _ => None,
        }
    }

    /// The expression in the syntax of the `regex` crate, where it is one.
    pub fn linear(&self) -> Option<&Linear> {
        match &self.node {
            Node::Linear(search) => Some(&search.source),
            _ => None,
        }
    }
}

impl Node {
    fn is_match(&self, text: &str) -> bool {
        match self {
            Node::Linear(r) => r.is_match(text),
            Node::Backtracking(r) => r.is_match(text).unwrap_or(false),
            Node::All(v) => v.iter().all(|n| n.is_match(text)),
            Node::Any(v) => v.iter().any(|n| n.is_match(text)),
            Node::Not(n) => !n.is_match(text),
        }
    }
}

/// Reads an expression in the flavour and folding of `words`.
///
/// # Errors
/// Why it cannot be used, in the words of its engine.
pub fn compile(r: &Regex, words: &Words) -> Result<Compiled, String> {
    let flags = |source: String| Linear {
        source,
        case_insensitive: words.fold == Fold::Unicode,
        multi_line: r.multi_line,
        dot_all: r.dot_all,
    };
    let node = match words.regex {
        Flavor::Rust => linear(flags(whole(r.source.clone(), r.whole)))?,
        Flavor::Lucene => lucene_node(lucene::translate(&r.source)?, &flags)?,
        Flavor::Pcre | Flavor::Java => {
            let t = pcre::translate(&r.source, words.regex == Flavor::Java, r.multi_line)?;
            let asked = flags(whole(t.source, r.whole));
            match t.backtracking {
                true => fancy(&asked)?,
                false => linear(asked)?,
            }
        }
    };
    Ok(Compiled { node })
}

/// A Lucene expression in PCRE's syntax, to be found as the whole of a text with `.` matching anything; none where it
/// has complement or intersection.
pub fn lucene_as_pcre(source: &str) -> Option<String> {
    match lucene::translate(source).ok()? {
        lucene::Lang::Regex(s) => Some(s),
        _ => None,
    }
}

/// An expression of another flavour as a Lucene one over whole values that heeds case, where Lucene can say it: no
/// look-around, no boundaries but the ends of the text, no large classes.
pub fn as_lucene(r: &Regex, words: &Words) -> Option<String> {
    let source = match words.regex {
        Flavor::Rust => r.source.clone(),
        Flavor::Lucene => return None,
        Flavor::Pcre | Flavor::Java => {
            let t = pcre::translate(&r.source, words.regex == Flavor::Java, r.multi_line).ok()?;
            if t.backtracking {
                return None;
            }
            t.source
        }
    };
    to_lucene::translate(&whole(source, r.whole), words.fold == Fold::Unicode, r.multi_line, r.dot_all)
}

/// [`compile`], remembering what was compiled lately.
///
/// # Errors
/// As [`compile`].
pub fn cached(r: &Regex, words: &Words) -> Result<Arc<Compiled>, String> {
    type Known = Vec<((Flavor, Fold), Result<Arc<Compiled>, String>)>;
    static CACHE: Mutex<Option<HashMap<Regex, Known>>> = Mutex::new(None);
    let how = (words.regex, words.fold);
    let lock = || CACHE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = lock().get_or_insert_default().get(r)
        && let Some((_, known)) = known.iter().find(|(h, _)| *h == how)
    {
        return known.clone();
    }
    let made = compile(r, words).map(Arc::new);
    let mut cache = lock();
    let cache = cache.get_or_insert_default();
    if cache.len() >= CACHED {
        cache.clear();
    }
    cache.entry(r.clone()).or_default().push((how, made.clone()));
    made
}

fn whole(source: String, whole: bool) -> String {
    if whole { format!(r"\A(?:{source})\z") } else { source }
}

fn linear(l: Linear) -> Result<Node, String> {
    Search::new(l).map(|s| Node::Linear(Box::new(s)))
}

fn fancy(l: &Linear) -> Result<Node, String> {
    let built = fancy_regex::RegexBuilder::new(&l.source)
        .case_insensitive(l.case_insensitive)
        .multi_line(l.multi_line)
        .dot_matches_new_line(l.dot_all)
        .backtrack_limit(BACKTRACK_LIMIT)
        .delegate_size_limit(SIZE_LIMIT)
        .build()
        .map_err(|e| e.to_string())?;
    Ok(Node::Backtracking(Box::new(built)))
}

fn lucene_node(lang: lucene::Lang, flags: &dyn Fn(String) -> Linear) -> Result<Node, String> {
    let each = |v: Vec<lucene::Lang>| -> Result<Vec<Node>, String> {
        v.into_iter().map(|l| lucene_node(l, flags)).collect()
    };
    Ok(match lang {
        lucene::Lang::Regex(s) => {
            linear(Linear { multi_line: false, dot_all: true, ..flags(whole(s, true)) })?
        }
        lucene::Lang::All(v) => Node::All(each(v)?),
        lucene::Lang::Any(v) => Node::Any(each(v)?),
        lucene::Lang::Not(l) => Node::Not(Box::new(lucene_node(*l, flags)?)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(flavor: Flavor, fold: Fold, source: &str, text: &str, want: bool) {
        let r = Regex { source: source.into(), multi_line: false, dot_all: false, whole: false };
        let words = Words { regex: flavor, fold, ..Words::default() };
        match compile(&r, &words) {
            Ok(c) => assert_eq!(c.is_match(text), want, "{source} on {text:?}"),
            Err(e) => panic!("{source}: {e}"),
        }
    }

    #[test]
    fn pcre() {
        for (source, text, want) in [
            (r"${env:x}", "a", false),
            (r"\${env:\w+}", "${env:tmp}", true),
            (r"\{\d\}{1,2}\{", "{1}}{", true),
            (r"[[a]x", "[x", true),
            (r"[a&&b]+$", "&&", true),
            (r"[[:alpha:]]9", "z9", true),
            (r"[\w-.]{3}", "a-.", true),
            (r"[]a]{2}", "]a", true),
            (r"a\/b\<c\>", "a/b<c>", true),
            (r"\Qa.b\E.", "a.bc", true),
            (r"\Qa.b\E.", "axbc", false),
            (r"foo$", "foo\n", true),
            (r"foo$", "foo\nbar", false),
            (r"(?m)foo$", "foo\nbar", true),
            (r"\d", "٣", false),
            (r"(?<!a)b(?=c)", "xbc", true),
            (r"(?<!a)b(?=c)", "abc", false),
            (r"(.)\1", "xyy", true),
            (r"a++a", "aaa", false),
            (r"(?#note)ab", "ab", true),
            (r"a{,2}b", "aab", true),
            (r"\ {2}\_", "  _", true),
            (r"\x41\x{42}\e", "AB\u{1b}", true),
        ] {
            check(Flavor::Pcre, Fold::None, source, text, want);
        }
        check(Flavor::Pcre, Fold::Unicode, "ÄB", "äb", true);
    }

    #[test]
    fn hostile_expressions_end() {
        let text = "a".repeat(64);
        check(Flavor::Pcre, Fold::None, r"(a|a)*(a|aa)+(?<=c)$", &text, false);
        let bomb = Regex {
            source: "(((a{500}){500}){500})".into(),
            multi_line: false,
            dot_all: false,
            whole: false,
        };
        assert!(compile(&bomb, &Words::default()).is_err());
        let deep = "(".repeat(100_000) + &")".repeat(100_000);
        for regex in [Flavor::Pcre, Flavor::Java, Flavor::Lucene, Flavor::Rust] {
            let r = Regex { source: deep.clone(), ..bomb.clone() };
            assert!(compile(&r, &Words { regex, ..Words::default() }).is_err());
            let r = Regex { source: "(?=a".repeat(20_000) + &")".repeat(20_000), ..bomb.clone() };
            assert!(compile(&r, &Words { regex, ..Words::default() }).is_err());
        }
    }

    #[test]
    fn lucene() {
        for (source, text, want) in [
            ("a.*", "abc", true),
            ("b", "abc", false),
            ("a.c", "a\nc", true),
            (r"\d", "d", false),
            (r"\d[\w.]+", "1a.", true),
            (r"[^\s]\S", "a ", false),
            ("^a$", "^a$", true),
            ("@b#?", "ab", true),
            ("\"a.b\"c", "a.bc", true),
            ("[^x-z.]+", "abc", true),
            ("<8-11>", "10", true),
            ("<08-11>", "8", false),
            ("a.*&.*b", "axb", true),
            ("a.*&.*b", "ax", false),
            ("~(abc)", "abc", false),
            ("~(abc)|abc", "abc", true),
            ("(.*a.*)&~(.*b.*)", "xa", true),
            ("[[a]{2}", "[a", true),
        ] {
            check(Flavor::Lucene, Fold::None, source, text, want);
        }
    }

    #[test]
    fn java() {
        check(Flavor::Java, Fold::None, r"[a-z&&[^b]]\p{Alpha}", "ax", true);
        check(Flavor::Java, Fold::None, r"[a-z&&[^b]]\p{Alpha}", "bx", false);
        check(Flavor::Java, Fold::None, r"a\.b", "xa.b", true);
    }
}
