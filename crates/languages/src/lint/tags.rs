//! Tags that name nothing, or what no longer stands.

use shikra_ir::Rule;
use shikra_knowledge::{Kind, Knowledge, Verdict};
use shikra_syntax::{Diagnostic, Span};

use super::head;

/// What there is to say of the tags of a rule.
///
/// `unknown-tag` and `revoked-tag` are warnings. `deprecated-tag` and `moved-tag` (another id or name from a later
/// version of ATT&CK on) are notes: the tag is right for the version its author had.
pub fn lint_tags(rule: &Rule, known: &Knowledge) -> Vec<Diagnostic> {
    let mut out = Vec::new();
    for tag in &rule.meta.tags {
        out.extend(said(tag, known).map(|mut d| {
            d.span = place(rule, tag).unwrap_or_else(|| head(rule));
            d
        }));
    }
    out
}

fn said(tag: &str, known: &Knowledge) -> Option<Diagnostic> {
    let nowhere = Span::new(0, 0);
    Some(match known.tag(tag) {
        Verdict::Foreign | Verdict::Known(_) => return None,
        Verdict::Unknown(near) => {
            let what = format!("tag {tag} names nothing that is known");
            let d = Diagnostic::warning("unknown-tag", what, nowhere);
            match near {
                Some(near) => d.with_help(format!("did you mean {}?", tag_of(&near))),
                None => d,
            }
        }
        Verdict::Revoked(old, next) => {
            let what = format!("tag {tag}: {} ({}) is revoked", old.id, old.name);
            let d = Diagnostic::warning("revoked-tag", what, nowhere);
            match next {
                Some(e) => d.with_help(format!("{} ({}) stands for it", tag_of(&e.id), e.name)),
                None => d,
            }
        }
        Verdict::Deprecated(e) => {
            let what = format!("tag {tag}: {} ({}) is deprecated", e.id, e.name);
            Diagnostic::note("deprecated-tag", what, nowhere)
        }
        Verdict::Moved(e, to, since) => {
            let (what, to) = match e.kind {
                Kind::Tactic => ("tactic", to.iter().map(|t| tag_of(t)).collect::<Vec<_>>().join(" or ")),
                _ => ("technique", to.iter().map(|t| tag_of(t)).collect::<Vec<_>>().join(" or ")),
            };
            let message = format!("tag {tag}: from ATT&CK {since} on another {what} stands for it");
            Diagnostic::note("moved-tag", message, nowhere).with_help(format!("{to} from ATT&CK {since} on"))
        }
    })
}

/// How Sigma writes an id or a tactic.
fn tag_of(id: &str) -> String {
    if let Some(rest) = id.strip_prefix("CAR-") {
        return format!("car.{rest}");
    }
    let space = if id.starts_with("D3-") { "d3fend" } else { "attack" };
    format!("{space}.{}", id.to_lowercase())
}

/// Where a tag, or the id in it, stands in the rule's own text.
fn place(rule: &Rule, tag: &str) -> Option<Span> {
    let text = rule.meta.text.to_ascii_lowercase();
    let bare = tag.split_once('.').map_or(tag, |(_, id)| id);
    let spaced = bare.replace('-', " ");
    let whole = |needle: &str| {
        let mut found = text.match_indices(needle).filter(|(at, _)| {
            let next = text.as_bytes().get(at + needle.len());
            !next.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'.')
        });
        found.next().map(|(at, _)| (at, needle.len()))
    };
    let (at, length) = [tag, bare, spaced.as_str()].into_iter().filter(|n| !n.is_empty()).find_map(whole)?;
    // A rule's text ends with its own document, whatever comes before it.
    let span = rule.meta.span;
    let own = rule.meta.text.len().checked_sub(span.end.checked_sub(span.start)?)?;
    let start = span.start + at.checked_sub(own)?;
    Some(Span::new(start, start + length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, load};
    use shikra_syntax::Source;

    fn check(tags: &str, want: &[&str]) {
        let text = format!(
            "title: T\nid: i\ntags: [{tags}]\nlogsource: {{product: windows}}\ndetection:\n  a: {{A: b}}\n  condition: a\n"
        );
        let source = Source::new("r.yml", text.as_str());
        let set = load(std::slice::from_ref(&source), &Options::default());
        let known = Knowledge::embedded();
        let told: Vec<String> = set
            .rules
            .iter()
            .flat_map(|r| lint_tags(r, &known))
            .map(|d| {
                let help = d.help.clone().map_or(String::new(), |h| format!(" ({h})"));
                format!("{} {}: {}{help}", &text[d.span.start..d.span.end], d.code, d.message)
            })
            .collect();
        assert_eq!(told, want, "{tags}");
    }

    #[test]
    fn tags_are_looked_up() {
        check("attack.t1218.003, attack.execution, attack.stealth, cve.2020-1, tlp.white", &[]);
        check(
            "attack.t1191",
            &[
                "attack.t1191 revoked-tag: tag attack.t1191: T1191 (CMSTP) is revoked (attack.t1218.003 (CMSTP) stands for it)",
            ],
        );
        check(
            "attack.t1562.001",
            &[
                "attack.t1562.001 moved-tag: tag attack.t1562.001: from ATT&CK 19 on another technique stands for it \
               (attack.t1685 from ATT&CK 19 on)",
            ],
        );
        check(
            "attack.t1218.099",
            &[
                "attack.t1218.099 unknown-tag: tag attack.t1218.099 names nothing that is known (did you mean attack.t1218?)",
            ],
        );
        check(
            "attack.defense_evasion",
            &[
                "attack.defense_evasion moved-tag: tag attack.defense_evasion: from ATT&CK 19 on another tactic stands \
               for it (attack.stealth or attack.defense-impairment from ATT&CK 19 on)",
            ],
        );
        check(
            "car.1999-01-001",
            &["car.1999-01-001 unknown-tag: tag car.1999-01-001 names nothing that is known"],
        );
    }
}
