//! Analytics of MITRE's Cyber Analytics Repository: YAML files, each with implementations of one analytic in
//! several languages. Every implementation that has code is a rule of its own.

use std::collections::BTreeMap;

use shikra_ir::{Rule, RuleMeta};
use shikra_syntax::yaml::{self, Node};
use shikra_syntax::{Source, Span};

use crate::page::numbered;
use crate::query::{Query, Text, rule};
use crate::{Options, detect};

/// How implementations name their language, in lower case, the language, and its dialect.
const TYPES: &[(&str, &str, Option<&str>)] = &[
    ("pseudocode", "car", None),
    ("psuedocode", "car", None),
    ("splunk", "spl", None),
    ("logpoint", "logpoint", None),
    ("eql", "eql", Some("endgame")),
    ("elastic", "kql", Some("lucene")),
    ("dnif", "dnif", None),
];

/// The rules of an analytic; none where the text is none.
pub(crate) fn rules(source: &Source, options: &Options) -> Vec<Rule> {
    if !detect::is_yaml(source) || !detect::has_key(&source.text, detect::key!("implementations")) {
        return Vec::new();
    }
    let documents = yaml::documents(&source.text, Span::new(0, source.text.len()));
    let Some(root) = documents.iter().find_map(|d| d.root.as_ref()) else { return Vec::new() };
    let known = known(root);
    let mut used = BTreeMap::new();
    let implementations = root.get("implementations").map_or(&[] as &[Node<'_>], Node::items);
    let mut found: Vec<Query> = implementations.iter().filter_map(|i| query(i, source)).collect();
    let several = |q: &Query, all: &[Query]| all.iter().filter(|o| o.language == q.language).count() > 1;
    let titles: Vec<bool> = found.iter().map(|q| several(q, &found)).collect();
    for (query, several) in found.iter_mut().zip(titles) {
        let own = std::mem::take(&mut query.meta);
        let title = match own.title.as_str() {
            "" => known.title.clone(),
            title if several => format!("{}: {title}", known.title),
            _ => known.title.clone(),
        };
        let id = numbered(&mut used, format!("{}/{}", known.id, query.language));
        let description = own.description.or_else(|| known.description.clone());
        // The first implementation in a language is what other analytics mean by the analytic's name.
        let name = (!id.ends_with(|c: char| c.is_ascii_digit())).then(|| id.clone());
        query.meta = RuleMeta { id, title, name, description, ..known.clone() };
    }
    found.into_iter().map(|q| rule(q, source, options)).collect()
}

fn query(implementation: &Node<'_>, source: &Source) -> Option<Query> {
    let code = implementation.get("code")?;
    let text = code.text().filter(|t| !t.trim().is_empty())?;
    let kind = implementation.text_of("type").unwrap_or("").trim().to_lowercase();
    let known = TYPES.iter().find(|(name, ..)| *name == kind);
    let (language, dialect) = known.map_or(("", None), |(_, language, dialect)| (*language, *dialect));
    let text = Text::of_lines(source, code.span, text);
    let own = |key| implementation.text_of(key).map(|t| t.trim().to_owned());
    let meta = RuleMeta {
        title: own("name").unwrap_or_default(),
        description: own("description"),
        ..RuleMeta::default()
    };
    Some(Query { language, dialect, text, meta })
}

fn known(root: &Node<'_>) -> RuleMeta {
    let one = |key: &str| root.text_of(key).map(|t| t.trim().to_owned());
    let mut tags = Vec::new();
    for covered in root.get("coverage").map_or(&[] as &[Node<'_>], Node::items) {
        let named = covered.texts_of("technique").into_iter().chain(covered.texts_of("subtechniques"));
        for tag in named.map(|t| format!("attack.{}", t.trim().to_lowercase())) {
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
    }
    RuleMeta {
        id: one("id").unwrap_or_default(),
        title: one("title").unwrap_or_default(),
        description: one("description"),
        author: Some(root.texts_of("contributors").join(", ")).filter(|a| !a.is_empty()),
        date: one("submission_date"),
        modified: one("update_date"),
        references: root.texts_of("references").iter().map(|t| t.trim().to_owned()).collect(),
        tags,
        ..RuleMeta::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shikra_ir::LoadStatus;

    const ANALYTIC: &str = "---\ntitle: A title\nsubmission_date: 2020/01/01\nid: CAR-2020-01-001\ncoverage:\n  \
        - technique: T1218\n    subtechniques:\n      - T1218.003\nimplementations:\n  - name: n\n    code: |\n      \
        process where subtype.create and\n        nosuch(process_name)\n    type: EQL\n  - code: |\n      _fetch\n    \
        type: DNIF\n  - type: Sigma\n";

    #[test]
    fn each_implementation_is_a_rule() {
        let source = Source::new("a.yaml", ANALYTIC);
        let rules = rules(&source, &Options::default());
        let ids: Vec<&str> = rules.iter().map(|r| r.meta.id.as_str()).collect();
        assert_eq!(ids, ["CAR-2020-01-001/eql", "CAR-2020-01-001/dnif"]);
        assert_eq!(rules[0].meta.techniques(), ["T1218", "T1218.003"]);
        assert_eq!(rules[0].meta.title, "A title");
        assert_eq!(rules[1].status, LoadStatus::Rejected);
        assert_eq!(rules[1].diagnostics[0].message, "DNIF's query language is not supported");
        let place = rules[0].diagnostics[0].span;
        assert_eq!(source.slice(place), "nosuch", "places are those of the file");
    }
}
