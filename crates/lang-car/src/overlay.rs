//! Our own repairs of analytics that are broken as written: reviewed, in our own words, each for one analytic and
//! one state of its code. An analytic whose code has changed since is read as it stands.

use sha2::{Digest, Sha256};

/// The repairs that ship with the program; `data/car-overlay.txt` says how they are written.
const TEXT: &str = include_str!("../../../data/car-overlay.txt");

/// A repair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair<'t> {
    /// Why it is needed.
    pub why: &'t str,
    /// The analytic, mended.
    pub code: &'t str,
}

/// What identifies a state of an analytic's code: 12 hexadecimal digits, blanks and line ends aside.
pub fn hash(code: &str) -> String {
    let words: Vec<&str> = code.split_whitespace().collect();
    let digest = Sha256::digest(words.join(" ").as_bytes());
    digest.iter().take(6).map(|b| format!("{b:02x}")).collect()
}

/// The repair of an analytic by its id and code.
pub fn repair(id: &str, code: &str) -> Option<Repair<'static>> {
    find(TEXT, id, &hash(code))
}

fn find<'t>(text: &'t str, id: &str, hash: &str) -> Option<Repair<'t>> {
    let head = format!("[{id} {hash}]");
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        at += line.len();
        if line.trim_end() != head {
            continue;
        }
        let rest = text.get(at..)?;
        let end = rest.find("\n[").map_or(rest.len(), |n| n + 1);
        let body = rest.get(..end)?;
        let (first, code) = body.split_once('\n')?;
        return Some(Repair { why: first.strip_prefix("why = ")?.trim(), code: code.trim_end() });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repairs_by_id_and_code() {
        let text =
            "# c\n[A-1 00ff]\nwhy = because\nx = search Process:Create\noutput x\n\n[A-1 11ee]\nwhy = b\ny\n";
        let found = find(text, "A-1", "00ff").unwrap();
        assert_eq!((found.why, found.code), ("because", "x = search Process:Create\noutput x"));
        assert_eq!(find(text, "A-1", "11ee").unwrap().code, "y");
        assert_eq!(find(text, "A-1", "22"), None);
        assert_eq!(hash("a  b\n c"), hash("a b c\n"));
    }

    #[test]
    fn all_repairs_read_without_assumptions() {
        let heads = TEXT.lines().filter(|l| l.starts_with('['));
        for head in heads {
            let inner = head.trim_matches(['[', ']']);
            let (id, hash) = inner.split_once(' ').unwrap();
            let found = find(TEXT, id, hash).unwrap_or_else(|| panic!("{head}"));
            let (plan, diagnostics, _) = crate::read(found.code);
            assert!(plan.is_some(), "{head}: {diagnostics:?}");
            let assumed: Vec<_> = diagnostics.iter().filter(|d| d.code != "event-time").collect();
            assert!(assumed.is_empty(), "{head}: {assumed:?}");
        }
    }
}
