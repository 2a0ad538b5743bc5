//! The front page and the lists.

use std::collections::BTreeMap;

use shikra_engine::coverage::{Best, Gap, Seen};
use shikra_ir::LoadStatus;
use shikra_knowledge::{Entity, Kind, Relates};
use shikra_output::page::escaped;

use crate::Site;
use crate::places::Places;
use crate::shell::document;

/// Path and document of every list.
pub(crate) fn all(site: &Site<'_>, places: &Places<'_>) -> Vec<(&'static str, String)> {
    vec![
        ("index.html", index(site)),
        ("techniques.html", techniques(site, places)),
        ("rules.html", rules(site, places)),
        ("groups.html", users(site, places, "groups.html", "Groups", &[Kind::Group, Kind::Campaign])),
        ("software.html", users(site, places, "software.html", "Software", &[Kind::Software])),
        ("data.html", data(site, places)),
        ("mitigations.html", mitigations(site, places)),
        ("gaps.html", gaps(site, places)),
    ]
}

fn table(heads: &[&str], rows: &[String]) -> String {
    let heads: String = heads.iter().map(|h| format!("<th scope=\"col\">{h}</th>")).collect();
    format!(
        "<div class=\"scroll\" tabindex=\"0\"><table class=\"list\"><thead><tr>{heads}</tr></thead><tbody>\n{}</tbody></table></div>\n",
        rows.concat()
    )
}

fn name(places: &Places<'_>, e: &Entity) -> String {
    format!("<a href=\"{}\">{}</a>", escaped(places.of(e)), escaped(&e.name))
}

fn index(site: &Site<'_>) -> String {
    let c = site.coverage;
    let covered = c.techniques.values().filter(|t| t.rule_count() > 0).count();
    let proven = c.techniques.values().filter(|t| t.best() == Best::Proven).count();
    let mut languages: BTreeMap<&str, usize> = BTreeMap::new();
    for rule in site.rules.rules.iter().filter(|r| r.reports) {
        *languages.entry(rule.meta.language).or_default() += 1;
    }
    let fact = |k: &str, v: String| format!("<div><dt>{k}</dt><dd>{v}</dd></div>\n");
    let mut body =
        String::from("<h1>What we know, what we detect, what we have proven</h1>\n<dl class=\"facts\">\n");
    body.push_str(&fact("knowledge", escaped(&read(site.known.titles()))));
    body.push_str(&fact("techniques", format!("{} of ATT&amp;CK {}", c.techniques.len(), c.attack.as_str())));
    body.push_str(&fact("with a rule", covered.to_string()));
    body.push_str(&fact(
        "proven by a test",
        if c.has_proof { proven.to_string() } else { "no validation was given".into() },
    ));
    body.push_str(&fact("rules", site.rules.rules.iter().filter(|r| r.reports).count().to_string()));
    let languages: Vec<String> = languages.iter().map(|(l, n)| format!("{l} {n}")).collect();
    body.push_str(&fact("languages", languages.join(", ")));
    let packs: Vec<String> = site
        .packs
        .iter()
        .map(|b| {
            format!("<a href=\"technique/{0}.html\">{0} {1}</a>", escaped(&b.pack.id), escaped(&b.pack.name))
        })
        .collect();
    body.push_str(&fact("packs", packs.join(", ")));
    body.push_str("</dl>\n<p>Begin with the <a href=\"matrix.html\">matrix</a>, or type an id, a name or a program into the search field.</p>\n");
    document("index.html", "Overview", &body)
}

/// What was read, and how many files of it.
fn read(titles: &[String]) -> String {
    let mut counts: Vec<(&String, usize)> = Vec::new();
    for title in titles {
        match counts.iter_mut().find(|(t, _)| *t == title) {
            Some((_, n)) => *n += 1,
            None => counts.push((title, 1)),
        }
    }
    let told =
        |(title, n): (&String, usize)| if n == 1 { title.clone() } else { format!("{title} ({n} files)") };
    counts.into_iter().map(told).collect::<Vec<_>>().join(", ")
}

fn techniques(site: &Site<'_>, places: &Places<'_>) -> String {
    let row = |e: &&Entity| {
        let covered = site.coverage.techniques.get(&site.known.latest(&e.id));
        let (rules, proven) = covered.map_or((0, 0), |c| (c.rule_count(), c.proven));
        format!(
            "<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"number\">{rules}</td><td class=\"number\">{proven}</td></tr>\n",
            escaped(&e.id),
            name(places, e),
            escaped(&e.tactics.join(", ")),
        )
    };
    let all = site.known.of_kind(Kind::Technique);
    let current: Vec<String> = all.iter().filter(|e| e.state.as_str() == "current").map(row).collect();
    let body = format!("<h1>Techniques ({})</h1>\n", current.len())
        + &table(&["id", "name", "tactics", "rules", "proven"], &current);
    document("techniques.html", "Techniques", &body)
}

fn rules(site: &Site<'_>, places: &Places<'_>) -> String {
    let row = |(rule, path): (&shikra_ir::Rule, &String)| {
        let m = &rule.meta;
        let status = if rule.status == LoadStatus::Ok { "" } else { rule.status.as_str() };
        format!(
            "<tr><td><a href=\"{path}\">{}</a></td><td>{}</td><td class=\"level {level}\">{level}</td><td>{status}</td><td>{}</td><td>{}</td></tr>\n",
            escaped(&m.title),
            m.language,
            escaped(&m.techniques().join(", ")),
            escaped(&crate::entity::tests(site.tries.of(m))),
            level = m.level.as_str(),
        )
    };
    let rows: Vec<String> = site.rules.rules.iter().zip(&places.rules).map(row).collect();
    let body = format!("<h1>Rules ({})</h1>\n", rows.len())
        + &table(&["rule", "language", "level", "loads", "techniques", "tests"], &rows);
    document("rules.html", "Rules", &body)
}

fn users(site: &Site<'_>, places: &Places<'_>, path: &str, title: &str, kinds: &[Kind]) -> String {
    let all = kinds.iter().flat_map(|k| site.known.of_kind(*k));
    let current = all.filter(|e| e.state.as_str() == "current");
    let rows: Vec<String> = current
        .map(|e| {
            let gap = Gap::of(site.coverage, site.known, e, false);
            format!(
                "<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"number\">{}</td></tr>\n",
                escaped(&e.id),
                name(places, e),
                escaped(&e.aliases.join(", ")),
                gap.techniques.len(),
            )
        })
        .collect();
    let body =
        format!("<h1>{title} ({})</h1>\n", rows.len()) + &table(&["id", "name", "also", "techniques"], &rows);
    document(path, title, &body)
}

fn data(site: &Site<'_>, places: &Places<'_>) -> String {
    let kinds = [Kind::DataComponent, Kind::DataSource];
    let row = |e: &Entity| {
        let readers = site.known.to(&e.id, Relates::Reads).len();
        let events = site.known.to(&e.id, Relates::Shows).len();
        format!(
            "<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"number\">{readers}</td>\
             <td class=\"number\">{events}</td></tr>\n",
            escaped(&e.id),
            name(places, e),
            e.kind.title(),
        )
    };
    let rows: Vec<String> = kinds.iter().flat_map(|k| site.known.of_kind(*k)).map(row).collect();
    let body = format!("<h1>Data sources ({})</h1>\n", rows.len())
        + &table(&["id", "name", "what", "analytics that read it", "events that show it"], &rows);
    document("data.html", "Data sources", &body)
}

fn mitigations(site: &Site<'_>, places: &Places<'_>) -> String {
    let kinds = [Kind::Mitigation, Kind::Countermeasure];
    let row = |e: &Entity| {
        let how = if e.kind == Kind::Mitigation { Relates::Mitigates } else { Relates::Counters };
        let against = site.known.from(&e.id, how).len();
        format!(
            "<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"number\">{against}</td></tr>\n",
            escaped(&e.id),
            name(places, e),
            e.kind.title(),
        )
    };
    let rows: Vec<String> = kinds.iter().flat_map(|k| site.known.of_kind(*k)).map(row).collect();
    let body = format!("<h1>Mitigations and countermeasures ({})</h1>\n", rows.len())
        + &table(&["id", "name", "what", "techniques"], &rows);
    document("mitigations.html", "Mitigations", &body)
}

/// What of the techniques of each group no rule names.
fn gaps(site: &Site<'_>, places: &Places<'_>) -> String {
    let mut rows: Vec<(usize, String)> = Vec::new();
    for e in site.known.of_kind(Kind::Group).into_iter().filter(|e| e.state.as_str() == "current") {
        let gap = Gap::of(site.coverage, site.known, e, false);
        let of = gap.techniques.iter().filter(|t| t.2 != Seen::Elsewhere);
        let without = of.clone().filter(|t| matches!(t.2, Seen::Not | Seen::Own(Best::Nothing)));
        let ids: Vec<&str> = without.map(|t| t.0.as_str()).collect();
        let (unseen, all) = (ids.len(), of.count());
        if all == 0 {
            continue;
        }
        let seen = all - unseen;
        let missing: Vec<String> = ids
            .iter()
            .take(12)
            .map(|id| match places.entity(id) {
                Some(path) => format!("<a href=\"{path}\">{}</a>", escaped(id)),
                None => escaped(id),
            })
            .collect();
        let more = unseen.saturating_sub(12);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        rows.push((
            unseen,
            format!(
                "<tr><td>{}</td><td class=\"number\">{seen}</td><td class=\"number\">{unseen}</td><td>{}{more}</td></tr>\n",
                name(places, e),
                missing.join(", ")
            ),
        ));
    }
    rows.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let rows: Vec<String> = rows.into_iter().map(|r| r.1).collect();
    let body = "<h1>Gaps</h1>\n<p>Techniques of each group that rules name, and those that none does.</p>\n"
        .to_owned()
        + &table(&["group", "seen", "unseen", "without a rule"], &rows);
    document("gaps.html", "Gaps", &body)
}
