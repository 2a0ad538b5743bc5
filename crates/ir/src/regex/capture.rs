//! Where an expression finds itself, and its groups. Joined searches (Lucene's operators) have no places.

use super::{Compiled, Node};

/// Byte ranges of the groups of one find, the whole first.
pub type Groups = Vec<Option<(usize, usize)>>;

impl Compiled {
    /// The first find at or after a byte offset. None where there is none, or the expression has no places.
    pub fn captures(&self, text: &str, from: usize) -> Option<Groups> {
        if from > text.len() || !text.is_char_boundary(from) {
            return None;
        }
        match &self.node {
            Node::Linear(r) => {
                let found = r.full()?.captures_at(text, from)?;
                Some(found.iter().map(|g| g.map(|g| (g.start(), g.end()))).collect())
            }
            Node::Backtracking(r) => {
                let found = r.captures_from_pos(text, from).ok()??;
                Some(found.iter().map(|g| g.map(|g| (g.start(), g.end()))).collect())
            }
            Node::All(_) | Node::Any(_) | Node::Not(_) => None,
        }
    }

    /// All finds that do not overlap, at most `most`.
    pub fn captures_all(&self, text: &str, most: usize) -> Vec<Groups> {
        let mut out = Vec::new();
        let mut at = 0;
        while out.len() < most
            && let Some(groups) = self.captures(text, at)
        {
            let Some((start, end)) = groups.first().copied().flatten() else { break };
            at = if end > start { end } else { end + text[end..].chars().next().map_or(1, char::len_utf8) };
            out.push(groups);
        }
        out
    }

    /// Names of the groups, by number.
    pub fn group_names(&self) -> Vec<Option<&str>> {
        match &self.node {
            Node::Linear(r) => r.full().map(|r| r.capture_names().collect()).unwrap_or_default(),
            Node::Backtracking(r) => r.capture_names().collect(),
            Node::All(_) | Node::Any(_) | Node::Not(_) => Vec::new(),
        }
    }

    /// The text with every find replaced by what `made` makes of it.
    pub fn replace_all(&self, text: &str, mut made: impl FnMut(&Groups) -> String) -> String {
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for groups in self.captures_all(text, usize::MAX) {
            let Some((start, end)) = groups.first().copied().flatten() else { break };
            out.push_str(text.get(at..start).unwrap_or_default());
            out.push_str(&made(&groups));
            at = end;
        }
        out.push_str(text.get(at..).unwrap_or_default());
        out
    }

    /// The parts of the text between finds, at most `most`; the last one holds the rest.
    pub fn split<'t>(&self, text: &'t str, most: usize) -> Vec<&'t str> {
        let mut out = Vec::new();
        let mut at = 0;
        for groups in self.captures_all(text, most.saturating_sub(1)) {
            let Some((start, end)) = groups.first().copied().flatten() else { break };
            out.push(text.get(at..start).unwrap_or_default());
            at = end;
        }
        out.push(text.get(at..).unwrap_or_default());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::super::compile;
    use crate::{Flavor, Fold, Regex, Words};

    #[test]
    fn places() {
        let words = Words { fold: Fold::None, regex: Flavor::Java, ..Words::default() };
        for source in [r"(?<k>\w)=(?<v>\d+)?", r"(?<k>\w)=(?<v>\d+)?(?=$|.)"] {
            let r = Regex { source: source.into(), multi_line: false, dot_all: true, whole: false };
            let c = compile(&r, &words).unwrap();
            assert_eq!(c.group_names(), [None, Some("k"), Some("v")]);
            let all = c.captures_all("äa=1 b= c", 9);
            assert_eq!(
                all,
                [vec![Some((2, 5)), Some((2, 3)), Some((4, 5))], vec![Some((6, 8)), Some((6, 7)), None]]
            );
            assert_eq!(c.replace_all("a=1 b=", |g| format!("<{}>", g.len())), "<3> <3>");
            assert_eq!(c.split("xa=1yb=z", 9), ["x", "y", "z"]);
            assert_eq!(c.split("xa=1yb=z", 2), ["x", "yb=z"]);
        }
        let empty = Regex { source: "".into(), multi_line: false, dot_all: true, whole: false };
        assert_eq!(compile(&empty, &words).unwrap().captures_all("äb", 9).len(), 3);
    }
}
