//! The line format of the table files: `[section]`, `key = value`, `key := value`, `# comment`.
//!
//! A line that begins with a blank continues the value before it. What sections, keys and values mean is
//! left to the tables (`data/taxonomy/README.md`).

/// Something wrong in a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableError {
    /// Table file.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// What is wrong there.
    pub kind: TableErrorKind,
}

/// Kind of error in a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableErrorKind {
    /// Neither a section, a row, a comment nor a continuation.
    Syntax,
    /// A row before the first section, or a section that its file does not have.
    Section(String),
    /// A log that no row of the log table names.
    UnknownLog(String),
    /// A set of events that no row names.
    UnknownSet(String),
    /// A derivation that does not exist.
    UnknownDerive(String),
    /// What should be a number is none.
    Number(String),
    /// A name given twice.
    Duplicate(String),
    /// A value that does not follow its grammar.
    Value(String),
}

impl std::fmt::Display for TableError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: ", self.file, self.line)?;
        match &self.kind {
            TableErrorKind::Syntax => write!(f, "neither section nor row"),
            TableErrorKind::Section(s) => write!(f, "section [{s}] does not belong here"),
            TableErrorKind::UnknownLog(s) => write!(f, "unknown log {s:?}"),
            TableErrorKind::UnknownSet(s) => write!(f, "unknown set {s:?}"),
            TableErrorKind::UnknownDerive(s) => write!(f, "unknown derivation {s:?}"),
            TableErrorKind::Number(s) => write!(f, "{s:?} is no number"),
            TableErrorKind::Duplicate(s) => write!(f, "{s:?} is given twice"),
            TableErrorKind::Value(s) => write!(f, "cannot read {s:?}"),
        }
    }
}

impl std::error::Error for TableError {}

/// One row, with the section it stands in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row<'t> {
    pub section: &'t str,
    pub key: &'t str,
    pub value: String,
    /// Written `:=`.
    pub overrides: bool,
    pub line: u32,
}

/// Reads a table; lines that cannot be read are told to `errors` and skipped.
pub(crate) fn rows<'t>(file: &str, text: &'t str, errors: &mut Vec<TableError>) -> Vec<Row<'t>> {
    let mut rows: Vec<Row<'t>> = Vec::new();
    let mut section = None;
    let mut fail =
        |line: u32, kind: TableErrorKind| errors.push(TableError { file: file.to_owned(), line, kind });
    for (number, raw) in (1u32..).zip(text.lines()) {
        let line = raw.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if raw.starts_with([' ', '\t']) {
            match rows.last_mut() {
                Some(row) => {
                    if !row.value.is_empty() {
                        row.value.push(' ');
                    }
                    row.value.push_str(line);
                }
                None => fail(number, TableErrorKind::Syntax),
            }
        } else if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            section = Some(name.trim());
        } else if let Some(row) = row(section, line, number) {
            rows.push(row);
        } else {
            let kind = if section.is_none() {
                TableErrorKind::Section(String::new())
            } else {
                TableErrorKind::Syntax
            };
            fail(number, kind);
        }
    }
    rows
}

fn row<'t>(section: Option<&'t str>, line: &'t str, number: u32) -> Option<Row<'t>> {
    let sign = |s: &str| line.find(&format!(" {s} ")).or_else(|| line.strip_suffix(s)?.len().checked_sub(1));
    let at = sign("=").into_iter().chain(sign(":=")).min()?;
    let (key, rest) = (line.get(..at)?, line.get(at + 1..)?);
    let overrides = rest.starts_with(':');
    let value = rest.trim_start_matches(':').strip_prefix('=')?;
    let (key, value) = (key.trim(), value.trim().to_owned());
    Some(Row { section: section?, key, value, overrides, line: number })
}

/// Splits at a separator that stands outside quotes and parentheses; parts are trimmed.
pub(crate) fn split_outside<'a>(text: &'a str, separator: &str) -> Vec<&'a str> {
    if !text.contains(separator) {
        return vec![text.trim()];
    }
    let (mut parts, mut start, mut depth, mut quoted) = (Vec::new(), 0, 0u32, false);
    let mut skip_to = 0;
    for (i, c) in text.char_indices() {
        if i < skip_to {
            continue;
        }
        if !quoted && depth == 0 && text[i..].starts_with(separator) {
            parts.push(text[start..i].trim());
            start = i + separator.len();
            skip_to = start;
            continue;
        }
        match c {
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts
}

/// Words of a key, separated by blanks; a quoted word may hold blanks.
pub(crate) fn words(text: &str) -> Vec<&str> {
    split_outside(text, " ").into_iter().filter(|w| !w.is_empty()).map(|w| w.trim_matches('"')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sections_rows_and_continuations() {
        let mut errors = Vec::new();
        let text = "# c\n[a b]\nx = 1\n  2\ny := z = 3\n[c]\nq =\n  1\nbroken\n=\n";
        let got = rows("t", text, &mut errors);
        let flat: Vec<_> =
            got.iter().map(|r| (r.section, r.key, r.value.as_str(), r.overrides, r.line)).collect();
        assert_eq!(
            flat,
            [("a b", "x", "1 2", false, 3), ("a b", "y", "z = 3", true, 5), ("c", "q", "1", false, 7)]
        );
        assert_eq!(errors.iter().map(|e| e.line).collect::<Vec<_>>(), [9, 10]);
        assert_eq!(rows("t", "x = 1", &mut errors), []);
        assert_eq!(errors[2].to_string(), "t:1: section [] does not belong here");
    }

    #[test]
    fn splits_outside_quotes_and_parentheses() {
        assert_eq!(split_outside(r#"a / b(c / d) / "e / f""#, " / "), ["a", "b(c / d)", r#""e / f""#]);
        assert_eq!(words(r#"source "a b"  x"#), ["source", "a b", "x"]);
    }
}
