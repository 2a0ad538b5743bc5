//! Text as XML holds it, for the files that are written for other programs to read.

/// Text of an element; what XML cannot hold is left out.
pub fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c if c < ' ' && !matches!(c, '\t' | '\n' | '\r') => {}
            c => out.push(c),
        }
    }
    out
}

/// Text of an attribute in double quotes, or of an element.
pub fn attribute(value: &str) -> String {
    text(value).replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_early() {
        assert_eq!(text("a<b>&\"\u{1}\t"), "a&lt;b&gt;&amp;\"\t");
        assert_eq!(attribute("\"/><x a='&"), "&quot;/&gt;&lt;x a='&amp;");
    }
}
