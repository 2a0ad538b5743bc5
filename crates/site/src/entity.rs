//! A page for everything that is known: techniques with all that belongs to them, groups, software, data sources.

use std::io;

use shikra_ir::Rule;
use shikra_knowledge::{Entity, Kind};
use shikra_output::knowledge::entity_page;
use shikra_output::pack::pack_blocks;
use shikra_output::page::{Page, escaped};
use shikra_output::technique::Technique;

use crate::places::Places;
use crate::shell::{document, up};
use crate::tried::Tried;
use crate::{Site, Write};

/// Name for the address of the rules of a technique.
const RULES: &str = "s-detections";
/// Rules listed on the page of one technique.
const MOST_RULES: usize = 2_000;

pub(crate) fn all(site: &Site<'_>, places: &Places<'_>, put: Write<'_>) -> io::Result<()> {
    for e in Kind::all().flat_map(|k| site.known.of_kind(k)) {
        let path = places.of(e);
        let up = up(path);
        let link = |id: &str| Some(format!("{up}{}", places.entity(id).filter(|p| *p != path)?));
        let Some((page, place)) = page(site, e) else { continue };
        let mut more = String::new();
        if e.kind == Kind::Technique {
            rules(site, places, e, &up, &mut more);
        }
        let (first, list) = contents(&page, place, !more.is_empty());
        let html = page.to_html_with(&link, &[(first, &list), (place, &more)]);
        let body = format!("<article class=\"{}\">\n{html}</article>\n", e.kind.as_str());
        put(path, document(path, &format!("{} {}", e.id, e.name), &body).as_bytes())?;
    }
    Ok(())
}

/// Headings from which a page has a list of them.
const MANY_HEADINGS: usize = 5;

/// What stands on a long page, the rules before the block `place`; and the block before which the list belongs.
fn contents(page: &Page, place: usize, with_rules: bool) -> (usize, String) {
    let mut all = page.contents();
    if with_rules {
        let at = all.iter().position(|(block, ..)| *block >= place).unwrap_or(all.len());
        all.insert(at, (place, RULES.to_owned(), "Detections"));
    }
    if all.len() < MANY_HEADINGS {
        return (0, String::new());
    }
    let first = all.first().map_or(0, |(block, ..)| *block);
    let item = |(_, anchor, text): &(usize, String, &str)| {
        format!("<li><a href=\"#{anchor}\">{}</a></li>", escaped(text))
    };
    let items: String = all.iter().map(item).collect();
    (first, format!("<nav class=\"contents\" aria-label=\"On this page\"><ul>{items}</ul></nav>\n"))
}

/// The page of an entity, and the number of the block before which the rules of a technique belong.
fn page(site: &Site<'_>, e: &Entity) -> Option<(Page, usize)> {
    let found = site.known.resolve(&e.id)?;
    if e.kind != Kind::Technique || found.entity.id != e.id {
        let page = entity_page(site.known, &found);
        let end = page.blocks.len();
        return Some((page, end));
    }
    let none: &[Rule] = &[];
    let technique = Technique::new(site.known, &found, none, site.packs);
    // The rules have a table of their own, with links.
    let (mut page, place) = technique.page_without_rules();
    for bundle in &technique.packs {
        let own = site
            .rules
            .rules
            .iter()
            .filter(|r| bundle.files.iter().any(|f| ends(&r.meta.path, bundle, &f.path)));
        let own: Vec<Rule> = own.cloned().collect();
        pack_blocks(bundle, &own, &mut page);
    }
    Some((page, place))
}

/// Whether a rule's path is that of a file of a pack.
fn ends(path: &str, bundle: &shikra_pack::Bundle, file: &str) -> bool {
    path.ends_with(&format!("{}/{file}", bundle.pack.id))
}

/// What detects a technique, and what of it was tried.
fn rules(site: &Site<'_>, places: &Places<'_>, e: &Entity, up: &str, out: &mut String) {
    let latest = site.known.latest(&e.id);
    let numbers = places.of_technique.get(&latest).map_or(&[] as &[usize], Vec::as_slice);
    out.push_str(&format!("<h2 id=\"{RULES}\">Detections ({})</h2>\n", numbers.len()));
    if numbers.is_empty() {
        out.push_str("<p class=\"note\">No loaded rule names this technique.</p>\n");
        return;
    }
    out.push_str(
        "<div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th scope=\"col\">rule</th><th scope=\"col\">language</th>\
         <th scope=\"col\">level</th><th scope=\"col\">loads</th><th scope=\"col\">tests</th></tr></thead><tbody>\n",
    );
    for number in numbers.iter().take(MOST_RULES) {
        let (Some(rule), Some(path)) = (site.rules.rules.get(*number), places.rules.get(*number)) else {
            continue;
        };
        let m = &rule.meta;
        out.push_str(&format!(
            "<tr><td><a href=\"{up}{path}\">{}</a></td><td>{}</td><td class=\"level {level}\">{level}</td><td>{}</td><td>{}</td></tr>\n",
            escaped(&m.title),
            m.language,
            rule.status.as_str(),
            escaped(&tests(site.tries.of(m))),
            level = m.level.as_str(),
        ));
    }
    out.push_str("</tbody></table></div>\n");
    if numbers.len() > MOST_RULES {
        out.push_str(&format!("<p class=\"note\">{} more are not listed.</p>\n", numbers.len() - MOST_RULES));
    }
}

/// `3 fired, 1 missed`.
pub(crate) fn tests(tried: &[Tried]) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for t in tried {
        match counts.iter_mut().find(|(r, _)| *r == t.result) {
            Some((_, n)) => *n += 1,
            None => counts.push((&t.result, 1)),
        }
    }
    let told: Vec<String> = counts.iter().map(|(r, n)| format!("{n} {}", r.replace('_', " "))).collect();
    if told.is_empty() { "untested".to_owned() } else { told.join(", ") }
}
