//! Writing a configuration that collects what is wanted, and no more.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use shikra_syntax::xml;

use crate::condition::Condition;
use crate::kinds::{KINDS, Kind};

/// What is wanted of one kind of event: any of several conjunctions of conditions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Conjunctions; an empty one wants every event of the kind.
    pub any_of: Vec<Vec<Condition>>,
}

/// A configuration that logs what is wanted, by the name of the kind. Kinds that are not named are written out as
/// including nothing, so that no default adds to it.
pub fn write(wanted: &BTreeMap<&'static str, Wanted>) -> String {
    let mut out = String::from(
        "<Sysmon schemaversion=\"4.90\">\n  <HashAlgorithms>md5,sha256,IMPHASH</HashAlgorithms>\n  <CheckRevocation/>\n  <EventFiltering>\n",
    );
    for kind in KINDS {
        kind_of(kind, wanted.get(kind.name), &mut out);
    }
    out.push_str("  </EventFiltering>\n</Sysmon>\n");
    out
}

fn kind_of(kind: &Kind, wanted: Option<&Wanted>, out: &mut String) {
    let name = kind.name;
    out.push_str("    <RuleGroup groupRelation=\"or\">\n");
    match wanted {
        None => out.push_str(&format!("      <{name} onmatch=\"include\"/>\n")),
        Some(w) if w.any_of.iter().any(Vec::is_empty) => {
            out.push_str(&format!("      <{name} onmatch=\"exclude\"/>\n"));
        }
        Some(w) => {
            let _ = writeln!(out, "      <{name} onmatch=\"include\">");
            for all in &w.any_of {
                match all.as_slice() {
                    [one] => condition(one, 8, out),
                    all => {
                        out.push_str("        <Rule groupRelation=\"and\">\n");
                        all.iter().for_each(|c| condition(c, 10, out));
                        out.push_str("        </Rule>\n");
                    }
                }
            }
            let _ = writeln!(out, "      </{name}>");
        }
    }
    out.push_str("    </RuleGroup>\n");
}

fn condition(c: &Condition, indent: usize, out: &mut String) {
    let space = " ".repeat(indent);
    let _ = writeln!(
        out,
        "{space}<{0} condition=\"{1}\">{2}</{0}>",
        c.field,
        c.operator.name(),
        xml::text(&c.value)
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Operator, parse};
    use shikra_syntax::{Source, Span};

    #[test]
    fn what_is_written_is_read_back_and_decides_alike() {
        let c = |field: &str, operator, value: &str| Condition {
            field: field.to_owned(),
            operator,
            value: value.to_owned(),
            span: Span::default(),
        };
        let wanted = BTreeMap::from([
            ("ProcessCreate", Wanted { any_of: vec![vec![]] }),
            (
                "ImageLoad",
                Wanted {
                    any_of: vec![
                        vec![
                            c("Image", Operator::EndWith, "\\a&b.exe"),
                            c("ImageLoaded", Operator::Contains, "<x>"),
                        ],
                        vec![c("Image", Operator::Is, "y")],
                    ],
                },
            ),
        ]);
        let (config, told) = parse(&Source::new("w.xml", write(&wanted)));
        assert_eq!(told, []);
        let keeps = |id, image: &str, loaded: &str| {
            config.keeps(id, &|f| Some(if f == "Image" { image.to_owned() } else { loaded.to_owned() }))
        };
        assert!(keeps(1, "z", ""));
        assert!(keeps(7, "c:\\A&B.exe", "1<X>2") && keeps(7, "Y", ""));
        assert!(!keeps(7, "c:\\a&b.exe", "") && !keeps(3, "y", "") && !keeps(5, "y", ""));
    }
}
