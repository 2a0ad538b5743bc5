//! The index that the search on each page reads. It is a script, not JSON, since a page that was opened from a disk
//! may load scripts that lie beside it and nothing else.

use shikra_knowledge::Kind;

use crate::Site;
use crate::places::Places;

/// Kinds that are found.
const KINDS: &[Kind] = &[
    Kind::Technique,
    Kind::Tactic,
    Kind::Group,
    Kind::Software,
    Kind::Campaign,
    Kind::Mitigation,
    Kind::DataSource,
    Kind::DataComponent,
    Kind::Countermeasure,
    Kind::CarAnalytic,
    Kind::Lolbas,
];

/// `shikraIndex = [[path, title, kind, other names], …]`.
pub(crate) fn index(site: &Site<'_>, places: &Places<'_>) -> String {
    let mut out = String::from("\"use strict\";\nconst shikraIndex = [\n");
    for e in KINDS.iter().flat_map(|k| site.known.of_kind(*k)) {
        let title = format!("{} {}", e.id, e.name);
        line(&mut out, [places.of(e), &title, e.kind.title(), &e.aliases.join(" ")]);
    }
    for (rule, path) in site.rules.rules.iter().zip(&places.rules) {
        let m = &rule.meta;
        line(&mut out, [path, &m.title, &format!("{} rule", m.language), &m.id]);
    }
    out.push_str("];\n");
    out
}

fn line(out: &mut String, parts: [&str; 4]) {
    let mut bytes = Vec::new();
    for (i, part) in parts.into_iter().enumerate() {
        bytes.extend(if i == 0 { &b"[\""[..] } else { &b"\",\""[..] });
        shikra_output::escape::json(part, &mut bytes);
    }
    bytes.extend(b"\"],\n");
    // What a script may not hold stands there as an escape.
    out.push_str(&String::from_utf8_lossy(&bytes).replace('<', "\\u003c"));
}
