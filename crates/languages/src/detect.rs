//! What a text is: told from its own lines, not from its name alone.

use shikra_syntax::{Source, Span};

/// Largest file that is looked at.
const MAX_BYTES: usize = 8 << 20;

/// Why a text cannot hold rules of any language.
pub(crate) fn unfit(source: &Source) -> Option<String> {
    if source.text.len() > MAX_BYTES {
        return Some(format!("larger than {} MiB", MAX_BYTES >> 20));
    }
    source.text.contains('\0').then(|| "not text".to_owned())
}

/// What a text is that holds no rule.
pub(crate) fn other(source: &Source) -> String {
    if has_key(&source.text, "transformations") {
        return "a Sigma pipeline: give it as one".to_owned();
    }
    "not a rule file".to_owned()
}

/// The parts of a text that are Sigma: the whole of a YAML file, the fenced blocks of a page.
pub(crate) fn sigma(source: &Source) -> Vec<Span> {
    let text = &source.text;
    let all = Span::new(0, text.len());
    let is_yaml = [".yml", ".yaml"].iter().any(|e| source.name.to_ascii_lowercase().ends_with(e));
    if is_yaml {
        return if is_sigma(text) { vec![all] } else { Vec::new() };
    }
    let blocks: Vec<Span> = fences(text)
        .into_iter()
        .filter(|(kind, at)| {
            matches!(kind.as_str(), "" | "yaml" | "yml" | "sigma") && is_sigma(source.slice(*at))
        })
        .map(|(_, at)| at)
        .collect();
    if blocks.is_empty() && is_sigma(text) { vec![all] } else { blocks }
}

/// Whether the top-level keys are those of a rule, a correlation, a filter or a collection document.
fn is_sigma(text: &str) -> bool {
    let has = |key| has_key(text, key);
    has("detection")
        || has("correlation")
        || (has("title") && has("logsource"))
        || ["global", "repeat", "reset"].iter().any(|a| keys(text).any(|(k, v)| k == "action" && v == *a))
}

fn has_key(text: &str, key: &str) -> bool {
    keys(text).any(|(k, _)| k == key)
}

/// The keys at the start of a line, or one space in, with what follows on the line.
fn keys(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.trim_start_matches('\u{feff}').lines().filter_map(|l| {
        let l = l.strip_prefix(' ').unwrap_or(l);
        let (key, value) = l.split_once(':')?;
        let bare =
            !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        bare.then_some((key, value.trim()))
    })
}

/// The fenced blocks of a Markdown page: the first word after the fence, and where the text within stands. A
/// fence that is not closed reaches to the end.
fn fences(text: &str) -> Vec<(String, Span)> {
    let mut out = Vec::new();
    let mut open: Option<(&str, String, usize)> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let bare = line.trim();
        let ticks = bare.bytes().take_while(|b| *b == b'`').count();
        let tildes = bare.bytes().take_while(|b| *b == b'~').count();
        let width = ticks.max(tildes);
        let (fence, info) = bare.split_at(width);
        match &open {
            Some((opened, ..)) if fence.starts_with(*opened) && info.is_empty() => {
                if let Some((_, kind, start)) = open.take() {
                    out.push((kind, Span::new(start, at)));
                }
            }
            None if width >= 3 && !info.contains('`') => {
                let kind = info.split_whitespace().next().unwrap_or("");
                let kind = kind.trim_matches(|c: char| !c.is_alphanumeric()).to_ascii_lowercase();
                open = Some((fence, kind, at + line.len()));
            }
            _ => {}
        }
        at += line.len();
    }
    if let Some((_, kind, start)) = open {
        out.push((kind, Span::new(start, at.max(start))));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fenced_blocks() {
        let text = "a\n```yaml\nx: 1\n```\n````md\n```\nin\n```\n````\n~~~ {.yml}\ny\n~~~\n```\nopen\n";
        let found: Vec<(String, &str)> =
            fences(text).into_iter().map(|(k, s)| (k, &text[s.start..s.end])).collect();
        let want = [("yaml", "x: 1\n"), ("md", "```\nin\n```\n"), ("yml", "y\n"), ("", "open\n")];
        assert_eq!(found, want.map(|(k, t)| (k.to_owned(), t)));
    }
}
