//! Nothing that published pages say of a technique is missing from the page that is built of it: the checklists of
//! `tests/packs`, whose facts the pack's own test looks up in the pack, looked up as a reader sees them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use shikra_languages::Options;
use shikra_pack::embedded;
use shikra_syntax::Source;

/// Lower case, blanks as one.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// What a reader sees of markup.
fn seen(markup: &str) -> String {
    let mut text = String::new();
    for part in markup.split('<') {
        let (tag, after) = part.split_once('>').unwrap_or(("", part));
        // A link stands within its line.
        text.push_str(if tag.starts_with("a ") || tag == "/a" { "" } else { " " });
        text.push_str(after);
    }
    let entities =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&#96;", "`"), ("&amp;", "&")];
    plain(&entities.iter().fold(text, |t, (from, to)| t.replace(from, to)))
}

/// The parts of a page that may hold a fact: each entry of a list, and the page as a whole for a fact of one text.
fn entries(page: &str) -> Vec<String> {
    let body = page.split_once("<main").map_or(page, |(_, body)| body);
    // An entry ends where the next begins; its heading belongs to it.
    body.split("</dl>").flat_map(|part| part.split("<h2")).map(seen).collect()
}

/// How the page says what the checklist calls by the pack's keys.
fn as_shown(wanted: &str) -> String {
    wanted.replace("serves=true", "serves yes").replace("serves=false", "serves no")
}

/// The page of a file of the pack: its rule's, named by its path.
fn page_of_file<'p>(files: &'p BTreeMap<String, String>, place: &str) -> Option<&'p String> {
    files.iter().find(|(path, page)| path.starts_with("rule/") && page.contains(place)).map(|(_, page)| page)
}

#[test]
fn every_fact_of_the_pages_is_on_the_built_page() {
    let packs = embedded();
    let sources: Vec<Source> =
        packs.iter().flat_map(|b| b.folder("detections").map(|f| f.source.clone())).collect();
    let files = super::site(shikra_languages::load(&sources, &Options::default()));
    let mut facts = 0;
    for bundle in &packs {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let Ok(list) = fs::read_to_string(root.join(format!("tests/packs/{}.txt", bundle.pack.id))) else {
            continue;
        };
        let page = &files[&format!("technique/{}.html", bundle.pack.id)];
        let (all, whole) = (entries(page), seen(page));
        let mut missing = Vec::new();
        for line in list.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
            facts += 1;
            let mut cells = line.splitn(4, " | ");
            let (Some(of), Some(fact), Some(part), Some(texts)) =
                (cells.next(), cells.next(), cells.next(), cells.next())
            else {
                panic!("no line of a checklist: {line}");
            };
            let wanted: Vec<String> = texts.split(" & ").map(|t| as_shown(&plain(t))).collect();
            let holds = |text: &String| wanted.iter().all(|w| text.contains(w));
            let there = if part.starts_with("detections/") {
                page_of_file(&files, part).is_some_and(|p| holds(&seen(p)))
            } else {
                all.iter().any(holds) || wanted.len() == 1 && holds(&whole)
            };
            if !there {
                missing.push(format!("{of}: {fact} ({part}: {texts})"));
            }
        }
        assert!(missing.is_empty(), "{} lacks {}:\n{}", bundle.pack.id, missing.len(), missing.join("\n"));
    }
    assert!(facts > 150, "{facts} facts were checked");
}
