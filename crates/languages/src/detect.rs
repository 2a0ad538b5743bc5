//! What a text is: told from its own lines, not from its name alone.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use shikra_syntax::{Source, Span};

/// Largest file that is looked at.
const MAX_BYTES: usize = 8 << 20;

/// Why a text cannot hold rules of any language.
pub(crate) fn unfit(source: &Source) -> Option<String> {
    if source.text.len() > MAX_BYTES {
        return Some(format!("larger than {} MiB", MAX_BYTES >> 20));
    }
    memchr::memchr(0, source.text.as_bytes()).map(|_| "not text".to_owned())
}

/// What a text is that holds no rule.
pub(crate) fn other(source: &Source) -> String {
    if has_key(&source.text, key!("transformations")) {
        return "a Sigma pipeline: give it as one".to_owned();
    }
    if crate::elastic::is_page_of_hunt(&source.text) {
        return "the page of a hunt: its TOML file holds the queries".to_owned();
    }
    if is_toml(source) && source.text.lines().any(|l| l.starts_with("schema = \"shikra.")) {
        return "of a technique pack: its detections are the rules".to_owned();
    }
    "not a rule file".to_owned()
}

/// The parts of a text that are Sigma: the whole of a YAML file, the fenced blocks of a page.
pub(crate) fn sigma(source: &Source) -> Vec<Span> {
    let text = &source.text;
    let all = Span::new(0, text.len());
    // A pack's TOML holds filters as texts, which are its own.
    if is_toml(source) {
        return Vec::new();
    }
    if is_yaml(source) {
        return if is_sigma(text) { vec![all] } else { Vec::new() };
    }
    let blocks: Vec<Span> = fences(text)
        .into_iter()
        .filter(|f| {
            matches!(f.info.as_str(), "" | "yaml" | "yml" | "sigma") && is_sigma(source.slice(f.inner))
        })
        .map(|f| f.inner)
        .collect();
    if blocks.is_empty() && is_sigma(text) { vec![all] } else { blocks }
}

fn is_toml(source: &Source) -> bool {
    is_called(source, &[".toml"])
}

/// Whether the name says that it is YAML.
pub(crate) fn is_yaml(source: &Source) -> bool {
    is_called(source, &[".yml", ".yaml"])
}

/// Whether the name ends with one of these, in either case.
pub(crate) fn is_called(source: &Source, endings: &[&str]) -> bool {
    let name = source.name.as_bytes();
    let own = |e: &str| name.len().checked_sub(e.len()).and_then(|at| name.get(at..));
    endings.iter().any(|e| own(e).is_some_and(|own| own.eq_ignore_ascii_case(e.as_bytes())))
}

/// Whether the top-level keys are those of a rule, a correlation, a filter or a collection document.
fn is_sigma(text: &str) -> bool {
    let has = |key| has_key(text, key);
    has(key!("detection"))
        || has(key!("correlation"))
        || (has(key!("title")) && has(key!("logsource")))
        || (has(key!("action"))
            && keys(text).any(|(k, v)| k == "action" && ["global", "repeat", "reset"].contains(&v)))
}

/// A key that texts are asked for, and what finds its name: to make that anew for each text takes as long as to look.
pub(crate) struct Key {
    name: &'static str,
    finder: LazyLock<Finder<'static>>,
}

/// A [`Key`] of this name, made once.
macro_rules! key {
    ($name:literal) => {{
        static KEY: $crate::detect::Key =
            $crate::detect::Key::new($name, || memchr::memmem::Finder::new($name));
        &KEY
    }};
}
pub(crate) use key;

impl Key {
    pub(crate) const fn new(name: &'static str, finder: fn() -> Finder<'static>) -> Key {
        Key { name, finder: LazyLock::new(finder) }
    }
}

/// Whether the key stands at the start of a line, or one space in.
pub(crate) fn has_key(text: &str, key: &Key) -> bool {
    let bytes = text.as_bytes();
    // Most texts have most words nowhere, which is told far faster than where lines begin.
    key.finder.find_iter(bytes).any(|at| {
        let before = text.get(..at).unwrap_or_default();
        let before = before.strip_suffix(' ').unwrap_or(before);
        bytes.get(at + key.name.len()) == Some(&b':')
            && (before.ends_with('\n') || before.trim_start_matches('\u{feff}').is_empty())
    })
}

/// The keys at the start of a line, or one space in, with what follows on the line.
fn keys(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.trim_start_matches('\u{feff}').lines().filter_map(|l| {
        let l = l.strip_prefix(' ').unwrap_or(l);
        // Most lines stand further in: they are not worth a search.
        if l.starts_with([' ', '#', '\t']) {
            return None;
        }
        let (key, value) = l.split_once(':')?;
        let bare =
            !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        bare.then_some((key, value.trim()))
    })
}

/// A fenced block of a Markdown page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fence {
    /// The first word after the fence, lower-case.
    pub info: String,
    /// The text within.
    pub inner: Span,
    /// With its fences.
    pub outer: Span,
}

/// The fenced blocks of a Markdown page. A fence that is not closed reaches to the end.
pub(crate) fn fences(text: &str) -> Vec<Fence> {
    let mut out = Vec::new();
    let mut open: Option<(&str, String, usize, usize)> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let bare = line.trim();
        let ticks = bare.bytes().take_while(|b| *b == b'`').count();
        let tildes = bare.bytes().take_while(|b| *b == b'~').count();
        let width = ticks.max(tildes);
        let (fence, rest) = bare.split_at(width);
        let after = at + line.len();
        match &open {
            Some((opened, ..)) if fence.starts_with(*opened) && rest.is_empty() => {
                if let Some((_, info, outer, inner)) = open.take() {
                    out.push(Fence { info, inner: Span::new(inner, at), outer: Span::new(outer, after) });
                }
            }
            None if width >= 3 && !rest.contains('`') => {
                let info = rest.split_whitespace().next().unwrap_or("");
                let info = info.trim_matches(|c: char| !c.is_alphanumeric()).to_ascii_lowercase();
                open = Some((fence, info, at, after));
            }
            _ => {}
        }
        at = after;
    }
    if let Some((_, info, outer, inner)) = open {
        out.push(Fence { info, inner: Span::new(inner, at.max(inner)), outer: Span::new(outer, at) });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_pack_are_no_rules() {
        let text =
            "schema = \"shikra.pack/1\"\nexclusion = '''\ntitle: x\nlogsource: {}\ndetection: {}\n'''\n";
        let source = Source::new("packs/T1/pack.toml", text);
        assert!(sigma(&source).is_empty());
        assert!(other(&source).starts_with("of a technique pack"));
        assert!(!sigma(&Source::new("a.yml", "title: x\nlogsource: {}\n")).is_empty());
    }

    #[test]
    fn fenced_blocks() {
        let text = "a\n```yaml\nx: 1\n```\n````md\n```\nin\n```\n````\n~~~ {.yml}\ny\n~~~\n```\nopen\n";
        let found: Vec<(String, &str)> =
            fences(text).into_iter().map(|f| (f.info, &text[f.inner.start..f.inner.end])).collect();
        let want = [("yaml", "x: 1\n"), ("md", "```\nin\n```\n"), ("yml", "y\n"), ("", "open\n")];
        assert_eq!(found, want.map(|(k, t)| (k.to_owned(), t)));
    }
}
