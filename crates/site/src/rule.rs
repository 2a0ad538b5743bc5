//! A page for each rule: as it stands, as other languages say it, what was tried on it.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use shikra_ir::{LoadStatus, Rule};
use shikra_languages::convert::{Converted, Converter, Refusal, TARGETS, Target};
use shikra_output::page::{address, escaped, linked};
use shikra_syntax::Source;

use crate::places::Places;
use crate::shell::{document, up};
use crate::{Site, Write};

/// Bytes of a rule's text that are shown.
const MOST_TEXT: usize = 64 << 10;

/// Pages that may wait to be written.
const MOST_WAITING: usize = 64;

/// Saying a rule in other languages is most of the work, so threads share it; the caller's writes the pages.
pub(crate) fn all(site: &Site<'_>, places: &Places<'_>, put: Write<'_>) -> io::Result<()> {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let (pages, arrive) = mpsc::sync_channel(MOST_WAITING);
        for _ in 0..site.threads.max(1) {
            let (pages, next) = (pages.clone(), &next);
            scope.spawn(move || render(site, places, next, &pages));
        }
        drop(pages);
        // A page that cannot be written ends the loop; with nobody to take their pages the threads end too.
        arrive.into_iter().try_for_each(|(path, page): (&str, String)| put(path, page.as_bytes()))
    })
}

/// Renders the pages of rules that no other thread has taken.
fn render<'p>(
    site: &Site<'_>,
    places: &'p Places<'_>,
    next: &AtomicUsize,
    pages: &mpsc::SyncSender<(&'p str, String)>,
) {
    let mut converter = Converter::new(site.taxonomy);
    let nowhere = Source::new("", "");
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let (Some(rule), Some(path)) = (site.rules.rules.get(number), places.rules.get(number)) else {
            return;
        };
        let source = site.rules.source_of(rule).unwrap_or(&nowhere);
        let mut page = Rendered { site, places, path, up: up(path), out: String::new() };
        page.head(rule);
        page.text(rule);
        page.tests(rule);
        page.others(rule, source, &mut converter);
        page.out.push_str("</article>\n");
        if pages.send((path, document(path, &rule.meta.title, &page.out))).is_err() {
            return;
        }
    }
}

struct Rendered<'p> {
    site: &'p Site<'p>,
    places: &'p Places<'p>,
    path: &'p str,
    up: String,
    out: String,
}

impl Rendered<'_> {
    fn link(&self, id: &str) -> Option<String> {
        Some(format!("{}{}", self.up, self.places.entity(id)?))
    }

    fn fact(&mut self, name: &str, html: &str) {
        if !html.is_empty() {
            self.out.push_str(&format!("<div><dt>{name}</dt><dd>{html}</dd></div>\n"));
        }
    }

    fn head(&mut self, rule: &Rule) {
        let m = &rule.meta;
        debug_assert!(self.path.starts_with("rule/"));
        self.out.push_str(&format!(
            "<article class=\"rule\">\n<h1>{}</h1>\n<dl class=\"facts\">\n",
            escaped(&m.title)
        ));
        let techniques: Vec<String> =
            m.techniques().iter().map(|t| linked(&self.site.known.latest(t), &|id| self.link(id))).collect();
        let text = |t: &Option<String>| t.as_deref().map(escaped).unwrap_or_default();
        self.fact("language", m.language);
        self.fact("level", m.level.as_str());
        self.fact("loads", rule.status.as_str());
        self.fact("techniques", &techniques.join(", "));
        self.fact("status", &text(&m.status));
        self.fact("author", &text(&m.author));
        self.fact("date", &text(&m.date));
        self.fact("modified", &text(&m.modified));
        self.fact("id", &escaped(&m.id));
        self.fact("file", &escaped(&m.path));
        self.fact("tags", &escaped(&m.tags.join(", ")));
        self.out.push_str("</dl>\n");
        if let Some(description) = &m.description {
            self.out
                .push_str(&format!("<p class=\"lines\">{}</p>\n", linked(description, &|id| self.link(id))));
        }
        self.list("False positives", m.false_positives.iter().map(|t| escaped(t)).collect());
        self.list("References", m.references.iter().map(|t| address(t)).collect());
        if rule.status != LoadStatus::Ok {
            let told = rule.diagnostics.iter().map(|d| escaped(&d.message)).collect();
            self.list("What does not hold", told);
        }
    }

    fn list(&mut self, title: &str, items: Vec<String>) {
        if items.is_empty() {
            return;
        }
        self.out.push_str(&format!("<h2>{title}</h2>\n<ul>\n"));
        items.iter().for_each(|i| self.out.push_str(&format!("<li>{i}</li>\n")));
        self.out.push_str("</ul>\n");
    }

    fn code(&mut self, label: &str, text: &str) {
        let mut end = text.len().min(MOST_TEXT);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let (shown, rest) = text.split_at(end);
        self.out.push_str(&format!(
            "<pre tabindex=\"0\" aria-label=\"{}\"><code>{}</code></pre>\n",
            escaped(label),
            escaped(shown)
        ));
        if !rest.is_empty() {
            self.out.push_str(&format!("<p class=\"note\">{} bytes more are not shown.</p>\n", rest.len()));
        }
    }

    fn text(&mut self, rule: &Rule) {
        self.out.push_str("<h2>The rule</h2>\n");
        self.code(rule.meta.language, rule.meta.text.trim_end());
    }

    fn tests(&mut self, rule: &Rule) {
        let tried = self.site.tries.of(&rule.meta);
        self.out.push_str(&format!("<h2>Tests ({})</h2>\n", tried.len()));
        if tried.is_empty() {
            self.out.push_str("<p class=\"note\">No test of this rule is known.</p>\n");
            return;
        }
        self.out.push_str("<table><thead><tr><th scope=\"col\">test</th><th scope=\"col\">result</th></tr></thead><tbody>\n");
        for t in tried {
            let result = escaped(&t.result.replace('_', " "));
            self.out.push_str(&format!("<tr><td>{}</td><td>{result}</td></tr>\n", escaped(&t.test)));
        }
        self.out.push_str("</tbody></table>\n");
    }

    /// The rule in every other language that can say it.
    fn others(&mut self, rule: &Rule, source: &Source, converter: &mut Converter<'_>) {
        self.out.push_str("<h2>In other languages</h2>\n");
        let targets = TARGETS.iter().filter(|t| t.name != rule.meta.language);
        let all: Vec<(&Target, Result<Converted, Vec<Refusal>>)> =
            targets.map(|t| (*t, converter.convert(rule, source, t))).collect();
        let mut refused: Vec<(String, Vec<&str>)> = Vec::new();
        for (target, result) in &all {
            match result {
                Ok(said) => {
                    self.out.push_str(&format!("<details><summary>{}</summary>\n", target.name));
                    self.code(target.name, said.query.trim_end());
                    self.out.push_str("</details>\n");
                }
                Err(why) => {
                    let why = reasons(why);
                    match refused.iter_mut().find(|(r, _)| *r == why) {
                        Some((_, names)) => names.push(target.name),
                        None => refused.push((why, vec![target.name])),
                    }
                }
            }
        }
        for (why, names) in refused {
            self.out.push_str(&format!(
                "<p class=\"note\">Not in {}: {}</p>\n",
                names.join(", "),
                escaped(&why)
            ));
        }
    }
}

fn reasons(all: &[Refusal]) -> String {
    let mut reasons: Vec<&str> = all.iter().map(|r| r.reason.as_str()).collect();
    reasons.dedup();
    reasons.truncate(3);
    reasons.join("; ")
}
