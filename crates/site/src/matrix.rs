//! The matrix: tactics and their techniques, with what stands behind each in three colours and three letters.

use shikra_engine::coverage::Covered;
use shikra_knowledge::versions;
use shikra_output::page::escaped;

use crate::Site;
use crate::places::Places;
use crate::shell::document;

/// Letter, class, what it says.
const MARKS: [(&str, &str, &str); 3] = [
    ("R", "has-rule", "a rule names it"),
    ("D", "has-data", "the data lets a rule fire"),
    ("P", "has-proof", "a test proved a rule"),
];

fn marks(c: &Covered) -> [bool; 3] {
    [c.rule_count() > 0, c.ready.is_some_and(|n| n > 0), c.proven > 0]
}

pub(crate) fn page(site: &Site<'_>, places: &Places<'_>) -> String {
    let mut body = String::from("<h1>Matrix</h1>\n<ul class=\"legend\">\n");
    for (letter, class, says) in MARKS {
        body.push_str(&format!("<li><span class=\"mark {class}\">{letter}</span> {says}</li>\n"));
    }
    body.push_str("</ul>\n");
    if !site.coverage.has_data {
        body.push_str("<p class=\"note\">No logs were given, so nothing is said of data.</p>\n");
    }
    if !site.coverage.has_proof {
        body.push_str("<p class=\"note\">No validation was given, so nothing is said of proof.</p>\n");
    }
    body.push_str("<div class=\"matrix\" tabindex=\"0\">\n");
    for short in versions::tactics(site.coverage.attack) {
        column(site, places, short, &mut body);
    }
    body.push_str("</div>\n");
    document("matrix.html", "Matrix", &body)
}

fn column(site: &Site<'_>, places: &Places<'_>, short: &str, out: &mut String) {
    let of: Vec<&Covered> =
        site.coverage.techniques.values().filter(|c| c.tactics.contains(&short)).collect();
    let title = versions::tactic(short).map_or(short, |t| t.1);
    out.push_str(&format!("<section><h2>{} <small>{}</small></h2>\n<ul>\n", escaped(title), of.len()));
    for c in of {
        let class = if c.id.contains('.') { "sub" } else { "whole" };
        // Below its technique a sub-technique needs no second name.
        let name =
            if class == "sub" { c.name.split_once(": ").map_or(&*c.name, |(_, n)| n) } else { &c.name };
        let path = places.entity(&c.id).unwrap_or("techniques.html");
        out.push_str(&format!(
            "<li class=\"{class}\"><a href=\"{path}\">{} {}</a>",
            escaped(&c.id),
            escaped(name)
        ));
        for ((letter, class, says), has) in MARKS.iter().zip(marks(c)) {
            if has {
                out.push_str(&format!(" <span class=\"mark {class}\" title=\"{says}\">{letter}</span>"));
            }
        }
        out.push_str("</li>\n");
    }
    out.push_str("</ul></section>\n");
}
