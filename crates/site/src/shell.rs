//! What every page has around it.

use shikra_output::page::escaped;

/// Pages that the head of each page leads to.
const NAVIGATION: &[(&str, &str)] = &[
    ("matrix.html", "Matrix"),
    ("techniques.html", "Techniques"),
    ("rules.html", "Rules"),
    ("data.html", "Data sources"),
    ("groups.html", "Groups"),
    ("software.html", "Software"),
    ("mitigations.html", "Mitigations"),
    ("gaps.html", "Gaps"),
];

/// Only what lies beside the page may be loaded, and nothing may run that stands in it.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; base-uri 'none'; \
                      form-action 'none'";

/// The way from a page up to the root of the site.
pub(crate) fn up(path: &str) -> String {
    "../".repeat(path.matches('/').count())
}

/// A whole document. `path`: where it stands; `body`: HTML.
pub(crate) fn document(path: &str, title: &str, body: &str) -> String {
    let up = up(path);
    let mut links = String::new();
    for (to, name) in NAVIGATION {
        let current = if *to == path { " aria-current=\"page\"" } else { "" };
        links.push_str(&format!("<li><a href=\"{up}{to}\"{current}>{name}</a></li>"));
    }
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\" data-root=\"{up}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>{title} · Shikra</title>\n<link rel=\"stylesheet\" href=\"{up}assets/site.css\">\n\
         <script src=\"{up}assets/search.js\" defer></script>\n<script src=\"{up}assets/site.js\" defer></script>\n\
         </head>\n<body>\n<a class=\"skip\" href=\"#main\">Skip to content</a>\n<header>\n\
         <a class=\"home\" href=\"{up}index.html\">Shikra</a>\n<nav aria-label=\"Site\"><ul>{links}</ul></nav>\n\
         <search><label for=\"find\">Find</label> <input id=\"find\" type=\"search\" autocomplete=\"off\" \
         placeholder=\"T1218.003, cmstp, MuddyWater\" role=\"combobox\" aria-expanded=\"false\" \
         aria-controls=\"found\" aria-autocomplete=\"list\">\n\
         <div id=\"found\" role=\"listbox\" aria-label=\"Found\" hidden></div></search>\n</header>\n\
         <main id=\"main\" tabindex=\"-1\">\n{body}</main>\n<footer><p>Made by Shikra. ATT&amp;CK is a trademark of \
         The MITRE Corporation.</p></footer>\n</body>\n</html>\n",
        title = escaped(title),
    )
}
