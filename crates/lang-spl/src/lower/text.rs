//! Patterns, spans of time, and other small texts.

use shikra_ir::{Part, Pattern};

/// A pattern with `%` and `_`, of `like`.
pub(crate) fn pattern(text: &str) -> Pattern {
    let mut p = Pattern::default();
    for c in text.chars() {
        match c {
            '%' => p.push(Part::Any),
            '_' => p.push(Part::One),
            c => p.push_char(c),
        }
    }
    p
}

/// What a `*` of the pattern stood for in a name, for each.
pub(crate) fn segments<'n>(pattern: &str, name: &'n str) -> Option<Vec<&'n str>> {
    let parts: Vec<&str> = pattern.split('*').collect();
    let (first, last) = (parts.first()?, parts.last()?);
    if parts.len() == 1 {
        return (*first == name).then(Vec::new);
    }
    let mut rest = name.strip_prefix(first)?.strip_suffix(last)?;
    let mut out = Vec::new();
    for part in parts.get(1..parts.len() - 1)? {
        let at = rest.find(part)?;
        out.push(rest.get(..at)?);
        rest = rest.get(at + part.len()..)?;
    }
    out.push(rest);
    Some(out)
}

/// `5m` → 300 seconds. Months and years are taken as 30 and 365 days.
pub(crate) fn seconds(text: &str) -> Option<f64> {
    let text = text.trim();
    let digits = text.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
    let number: f64 = if digits == 0 { 1.0 } else { text.get(..digits)?.parse().ok()? };
    let unit = match text.get(digits..)?.trim() {
        "us" => 1e-6,
        "ms" => 1e-3,
        "cs" => 1e-2,
        "ds" => 1e-1,
        "" | "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3600.0,
        "d" | "day" | "days" => 86_400.0,
        "w" | "week" | "weeks" => 604_800.0,
        "mon" | "month" | "months" => 2_592_000.0,
        "q" | "qtr" | "qtrs" | "quarter" | "quarters" => 7_776_000.0,
        "y" | "yr" | "yrs" | "year" | "years" => 31_536_000.0,
        _ => return None,
    };
    (number > 0.0 && number.is_finite()).then_some(number * unit)
}

/// Whether a value is a stand-in for one of the reader's own, as `__your_sysmon_index__`.
pub(crate) fn placeholder(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.starts_with("__") || text.ends_with("__") || text.contains("your_") || text.starts_with('<')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_texts() {
        assert_eq!(segments("stdev_*", "stdev_a.b"), Some(vec!["a.b"]));
        assert_eq!(segments("a*b*c", "a1b2c"), Some(vec!["1", "2"]));
        assert_eq!(segments("a*", "b"), None);
        assert_eq!(seconds("5m"), Some(300.0));
        assert_eq!(seconds("d"), Some(86_400.0));
        assert_eq!(seconds("log2"), None);
        assert!(placeholder("__your_sysmon_index__") && placeholder("your_sysmon_index"));
        assert!(!placeholder("main"));
    }
}
