//! The document around the data: policy, styles, scripts.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::page::escaped;

/// The styles.
pub(super) const STYLE: &str = include_str!("../../assets/report/report.css");

/// The scripts, in the order they need each other.
pub(super) const SCRIPT: &str = concat!(
    "\"use strict\";\n",
    include_str!("../../assets/report/base.js"),
    include_str!("../../assets/report/grid.js"),
    include_str!("../../assets/report/chart.js"),
    include_str!("../../assets/report/plots.js"),
    include_str!("../../assets/report/findings.js"),
    include_str!("../../assets/report/tree.js"),
    include_str!("../../assets/report/filter.js"),
    include_str!("../../assets/report/scan.js"),
    include_str!("../../assets/report/hunt.js"),
    include_str!("../../assets/report/start.js"),
);

/// Everything before the data. `kind`: what the scripts are to show.
pub(super) fn head(kind: &str, title: &str) -> String {
    let mut out = String::with_capacity(STYLE.len() + 4096);
    let _ = write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>{title} · Shikra</title>\n<style>{STYLE}</style>\n</head>\n<body data-report=\"{kind}\">\n\
         <a class=\"skip\" href=\"#main\">Skip to content</a>\n\
         <header><strong>Shikra</strong> <nav aria-label=\"Parts of this report\"><ul id=\"parts\"></ul></nav></header>\n\
         <main id=\"main\" tabindex=\"-1\">\n<h1>{title}</h1>\n\
         <noscript><p>This report draws itself with the script that stands in it: allow scripts for this file. \
         It loads nothing and sends nothing.</p></noscript>\n<div id=\"content\"></div>\n</main>\n\
         <dialog id=\"panel\" aria-labelledby=\"panel-title\"><div class=\"panel-bar\">\
         <h2 id=\"panel-title\" tabindex=\"-1\">Details</h2><button type=\"button\" id=\"panel-back\">Previous</button>\
         <button type=\"button\" id=\"panel-next\">Next</button><button type=\"button\" id=\"panel-close\">Close</button></div>\
         <div id=\"panel-body\"></div></dialog>\n\
         <div id=\"tip\" hidden></div>\n<div id=\"live\" role=\"status\" class=\"unseen\"></div>\n",
        policy(),
        title = escaped(title),
    );
    out
}

/// Everything after the data.
pub(super) fn foot() -> String {
    format!("<script>{SCRIPT}</script>\n</body>\n</html>\n")
}

/// Nothing may be loaded, sent or run but the styles and scripts that stand in the file.
fn policy() -> String {
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        base64(&Sha256::digest(STYLE)),
        base64(&Sha256::digest(SCRIPT)),
    )
}

/// RFC 4648, with padding.
pub(super) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let n = three.iter().fold(0_u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - three.len()));
        for i in 0..4 {
            let digit = DIGITS[(n >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= three.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_standard() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn scripts_and_styles_stand_as_they_were_hashed() {
        // What ends an element early would end what the browser hashes.
        assert!(!SCRIPT.contains("</script") && !SCRIPT.contains("<!--"));
        assert!(!STYLE.contains("</style"));
        // A browser reads CR LF as LF before it hashes.
        assert!(!SCRIPT.contains('\r') && !STYLE.contains('\r'));
    }

    #[test]
    fn scripts_never_parse_text_and_styles_load_nothing() {
        for word in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "DOMParser",
            "fetch(",
            "import(",
        ] {
            assert!(!SCRIPT.contains(word), "{word}");
        }
        for word in ["url(", "@import", "@font-face"] {
            assert!(!STYLE.contains(word), "{word}");
        }
    }
}
