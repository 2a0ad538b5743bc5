//! The site that a hostile rule set makes: every link leads somewhere, every tag is closed, nothing becomes markup.

#![allow(clippy::unwrap_used)]

mod checklist;

use std::collections::BTreeMap;

use shikra_engine::coverage::{Coverage, Question};
use shikra_knowledge::{Attack, Knowledge};
use shikra_languages::{Options, RuleSet, load};
use shikra_pack::embedded;
use shikra_site::{Site, Tries, build};
use shikra_syntax::Source;
use shikra_taxonomy::Taxonomy;

const HOSTILE: &str = "title: '<script>alert(1)</script>'\nid: 5b7c1b0e-5f0e-4c55-9c40-2b4b9a3a0c11\n\
    description: \"</p><img src=x onerror=alert(1)> T1218.003\"\nreferences: ['javascript:alert(1)', \
    'https://example.org/\"onclick=\"x']\ntags: [attack.t1218.003]\n\
    falsepositives: ['\"><b>']\nlogsource: {product: windows, category: process_creation}\n\
    detection:\n  a: {Image|endswith: '\\cmstp.exe'}\n  condition: a\n";

fn hostile() -> RuleSet {
    let rules = load(&[Source::new("rules/<i>.yml", HOSTILE)], &Options::default());
    assert_eq!(rules.rules.len(), 1);
    rules
}

fn site(rules: RuleSet) -> BTreeMap<String, String> {
    let known = Knowledge::embedded();
    let taxonomy = Taxonomy::embedded();
    let packs = embedded();
    let mut tries = Tries::default();
    tries
        .read(r#"{"rows":[{"rule":{"id":"5b7c1b0e-5f0e-4c55-9c40-2b4b9a3a0c11"},"test":"<u>one","result":"fired"}]}"#)
        .unwrap();
    let coverage = Coverage::of(&Question {
        known: &known,
        rules: &rules.rules,
        data: None,
        proofs: &[],
        platform: None,
        attack: Attack::default(),
    });
    let site = Site {
        known: &known,
        rules: &rules,
        taxonomy: &taxonomy,
        packs: &packs,
        coverage: &coverage,
        tries: &tries,
        threads: 2,
    };
    let mut files = BTreeMap::new();
    let built = build(&site, &mut |path, bytes| {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        assert!(files.insert(path.to_owned(), text).is_none(), "{path} is written twice");
        Ok(())
    })
    .unwrap();
    assert_eq!(built.pages, files.keys().filter(|p| p.ends_with(".html")).count());
    files
}

/// Where a link leads, from the root.
fn target(page: &str, link: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn attributes<'t>(text: &'t str, name: &str) -> impl Iterator<Item = &'t str> {
    let open = format!(" {name}=\"");
    text.match_indices(&open).map(|(at, _)| at + open.len()).collect::<Vec<_>>().into_iter().map(|at| {
        let rest = &text[at..];
        &rest[..rest.find('"').unwrap()]
    })
}

/// Tags that are opened and not closed, or closed and not open.
fn unbalanced(text: &str) -> Option<String> {
    const VOID: &[&str] = &["meta", "link", "input", "br", "!DOCTYPE"];
    let mut open: Vec<&str> = Vec::new();
    for tag in text.split('<').skip(1) {
        let inside = tag.split('>').next().unwrap();
        match inside.strip_prefix('/') {
            Some(name) => match open.pop() {
                Some(last) if last == name => {}
                other => return Some(format!("{name} closes {other:?}")),
            },
            None => {
                let name = inside.split([' ', '\n']).next().unwrap();
                open.extend((!VOID.contains(&name)).then_some(name));
            }
        }
    }
    (!open.is_empty()).then(|| format!("{open:?} stay open"))
}

#[test]
fn links_tags_and_texts() {
    let files = site(hostile());
    for (path, text) in files.iter().filter(|(p, _)| p.ends_with(".html")) {
        assert_eq!(unbalanced(text), None, "{path}");
        for link in attributes(text, "href").chain(attributes(text, "src")) {
            let outside = link.starts_with("https://") || link.starts_with("http://");
            let inside = link.starts_with('#') || files.contains_key(&target(path, link));
            assert!(outside || inside, "{path}: {link} leads nowhere");
        }
        for bad in ["<script>", "<img", "<i>", "<u>", "<b>", "javascript:alert(1)\"", "onclick=\"x"] {
            assert!(!text.contains(bad), "{path}: {bad}");
        }
        assert_eq!(text.matches("<h1").count(), 1, "{path} has one title");
    }
    let technique = &files["technique/T1218.003.html"];
    for part in ["Hypothesis", "False positives", "Investigation", "&lt;script&gt;alert(1)", "1 fired"] {
        assert!(technique.contains(part), "{part}");
    }
}
