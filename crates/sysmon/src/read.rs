//! Reading the XML. A configuration is small and flat: depth and size are bounded, documents that declare types or
//! entities are refused.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use shikra_syntax::{Diagnostic, Source, Span};

use crate::condition::{Condition, OPERATORS, Operator};
use crate::config::{Config, Entry, Filter, OnMatch, Relation};
use crate::kinds::KINDS;

/// Elements within elements.
const DEEPEST: usize = 12;
/// Larger texts are no configuration.
const LARGEST: usize = 16 << 20;
/// Most conditions that are read.
const MOST: usize = 200_000;

/// Reads a configuration. What cannot be read is told and left out; a text that is no XML gives what stands before
/// the fault.
pub fn parse(source: &Source) -> (Config, Vec<Diagnostic>) {
    let mut read = Read::default();
    if source.text.len() > LARGEST {
        read.error("xml", format!("larger than {} MiB", LARGEST >> 20), 0, 0);
        return (read.config, read.told);
    }
    let mut reader = Reader::from_str(source.text.trim_start_matches('\u{feff}'));
    let shift = if source.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    reader.config_mut().expand_empty_elements = true;
    loop {
        let start = reader.buffer_position() as usize + shift;
        let event = reader.read_event();
        let end = reader.buffer_position() as usize + shift;
        match event {
            Ok(Event::Eof) => break,
            Ok(event) => {
                if !read.event(&event, start, end) {
                    break;
                }
            }
            Err(e) => {
                read.error("xml", format!("no XML: {e}"), start, end);
                break;
            }
        }
    }
    if read.config.schema.is_empty() && read.told.is_empty() {
        read.error(
            "sysmon",
            "no <Sysmon> element with a schemaversion: this is no Sysmon configuration".to_owned(),
            0,
            0,
        );
    }
    (read.config, read.told)
}

/// A condition whose value is being read.
struct Open {
    field: String,
    operator: Operator,
    value: String,
    start: usize,
}

#[derive(Default)]
struct Read {
    config: Config,
    told: Vec<Diagnostic>,
    /// Names of the open elements.
    path: Vec<String>,
    group: Relation,
    filter: Option<Filter>,
    rule: Option<(String, Relation, Vec<Condition>, usize)>,
    open: Option<Open>,
    text: String,
    conditions: usize,
}

impl Read {
    fn error(&mut self, code: &'static str, message: String, start: usize, end: usize) {
        self.told.push(Diagnostic::error(code, message, Span::new(start, end)));
    }

    /// Takes an event; false ends the reading.
    fn event(&mut self, event: &Event<'_>, start: usize, end: usize) -> bool {
        match event {
            Event::Start(e) => {
                if self.path.len() >= DEEPEST {
                    self.error("xml", format!("more than {DEEPEST} elements within one another"), start, end);
                    return false;
                }
                self.start(e, start, end);
            }
            Event::End(_) => self.end(end),
            Event::Text(t) => {
                let text = AsRef::<str>::as_ref(t).to_owned();
                self.text(&text);
            }
            Event::CData(t) => {
                let text = AsRef::<str>::as_ref(t).to_owned();
                self.text(&text);
            }
            Event::GeneralRef(r) => match entity(r.as_ref()) {
                Some(c) => self.text(&c.to_string()),
                None => self.error("xml", "an entity that XML does not define".to_owned(), start, end),
            },
            Event::DocType(_) => {
                self.error("xml", "documents with a DOCTYPE are not read".to_owned(), start, end);
                return false;
            }
            _ => {}
        }
        true
    }

    fn text(&mut self, text: &str) {
        match &mut self.open {
            Some(open) => open.value.push_str(text),
            None => self.text.push_str(text),
        }
    }

    fn start(&mut self, e: &BytesStart<'_>, start: usize, end: usize) {
        let name = e.local_name().as_ref().to_owned();
        self.text.clear();
        let attribute = |wanted: &str| attribute(e, wanted);
        if self.filter.is_some() {
            match name.as_str() {
                "Rule" if self.rule.is_none() => {
                    let relation = self.relation(attribute("groupRelation"), start, end);
                    self.rule = Some((attribute("name").unwrap_or_default(), relation, Vec::new(), start));
                }
                field => self.condition(field, attribute("condition"), start, end),
            }
        } else {
            match name.as_str() {
                "Sysmon" => self.config.schema = attribute("schemaversion").unwrap_or_else(|| "?".to_owned()),
                "RuleGroup" => self.group = self.relation(attribute("groupRelation"), start, end),
                _ => self.filter(&name, attribute("onmatch"), start, end),
            }
        }
        self.path.push(name);
    }

    fn relation(&mut self, text: Option<String>, start: usize, end: usize) -> Relation {
        match text.map(|t| t.trim().to_lowercase()).as_deref() {
            Some("and") => Relation::And,
            Some("or") => Relation::Or,
            None | Some("") => Relation::ByField,
            Some(other) => {
                self.error("relation", format!("groupRelation is `and` or `or`, not `{other}`"), start, end);
                Relation::ByField
            }
        }
    }

    fn filter(&mut self, name: &str, on_match: Option<String>, start: usize, end: usize) {
        let kind = KINDS.iter().find(|k| k.name.eq_ignore_ascii_case(name));
        let filters = self.path.iter().any(|p| p == "EventFiltering");
        let Some(kind) = kind else {
            if filters {
                self.error("unknown-event", format!("`{name}` is no kind of event"), start, end);
            }
            return;
        };
        if !filters {
            return;
        }
        let on_match = match on_match.as_deref().map(str::trim) {
            Some("include") => OnMatch::Include,
            Some("exclude") => OnMatch::Exclude,
            other => {
                let what = other.unwrap_or("absent");
                self.error(
                    "onmatch",
                    format!("onmatch is `include` or `exclude`, here it is {what}"),
                    start,
                    end,
                );
                OnMatch::Include
            }
        };
        let span = Span::new(start, end);
        self.filter = Some(Filter { kind, on_match, relation: self.group, entries: Vec::new(), span });
    }

    fn condition(&mut self, field: &str, operator: Option<String>, start: usize, end: usize) {
        let name = operator.map_or_else(|| "is".to_owned(), |o| o.trim().to_lowercase());
        let Some((_, operator)) = OPERATORS.iter().find(|(n, _)| *n == name) else {
            return self.error("unknown-condition", format!("there is no condition `{name}`"), start, end);
        };
        self.conditions += 1;
        if self.conditions > MOST {
            return self.error("xml", format!("more than {MOST} conditions"), start, end);
        }
        self.open = Some(Open { field: field.to_owned(), operator: *operator, value: String::new(), start });
    }

    fn end(&mut self, end: usize) {
        let Some(name) = self.path.pop() else { return };
        if let Some(open) = self.open.take() {
            let Open { field, operator, value, start } = open;
            let condition =
                Condition { field, operator, value: value.trim().to_owned(), span: Span::new(start, end) };
            match (&mut self.rule, &mut self.filter) {
                (Some((_, _, conditions, _)), _) => conditions.push(condition),
                (None, Some(filter)) => filter.entries.push(Entry::Condition(condition)),
                _ => {}
            }
            return;
        }
        match name.as_str() {
            "Rule" => {
                if let (Some((name, relation, conditions, start)), Some(filter)) =
                    (self.rule.take(), &mut self.filter)
                {
                    filter.entries.push(Entry::Rule {
                        name,
                        relation,
                        conditions,
                        span: Span::new(start, end),
                    });
                }
            }
            "RuleGroup" => self.group = Relation::ByField,
            "HashAlgorithms" => self.config.hashes = self.text.trim().to_owned(),
            _ if self.filter.as_ref().is_some_and(|f| f.kind.name.eq_ignore_ascii_case(&name)) => {
                self.config.filters.extend(self.filter.take());
            }
            _ => {}
        }
    }
}

fn attribute(e: &BytesStart<'_>, wanted: &str) -> Option<String> {
    let found = e.attributes().flatten().find(|a| a.key.local_name().as_ref() == wanted)?;
    Some(unescape(&found.value))
}

/// The five entities and character references; others stay as they are.
fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        match after.split_once(';').and_then(|(name, tail)| Some((entity(name)?, tail))) {
            Some((c, tail)) => {
                out.push(c);
                rest = tail;
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &str) -> Vec<&'static str> {
        parse(&Source::new("c.xml", text)).1.iter().map(|d| d.code).collect()
    }

    #[test]
    fn hostile_and_odd_texts() {
        let deep = "<a>".repeat(5000);
        let bomb = "<!DOCTYPE x [<!ENTITY a \"aa\">]><Sysmon schemaversion=\"4\">&a;</Sysmon>";
        for (text, want) in [
            ("", "sysmon"),
            ("not xml", "sysmon"),
            ("<Sysmon schemaversion=\"4\"><a></Sysmon>", "xml"),
            (&deep, "xml"),
            (bomb, "xml"),
            (
                "<Sysmon schemaversion=\"4\"><EventFiltering><Nothing onmatch=\"include\"/></EventFiltering></Sysmon>",
                "unknown-event",
            ),
            ("<Sysmon schemaversion=\"4\"><EventFiltering><DnsQuery/></EventFiltering></Sysmon>", "onmatch"),
            (
                "<Sysmon schemaversion=\"4\"><EventFiltering><DnsQuery onmatch=\"include\"><QueryName condition=\"like\">x</QueryName></DnsQuery></EventFiltering></Sysmon>",
                "unknown-condition",
            ),
        ] {
            assert_eq!(codes(text).first(), Some(&want), "{text:.60}");
        }
    }

    #[test]
    fn values_are_unescaped() {
        let text = "\u{feff}<Sysmon schemaversion=\"4.2\"><HashAlgorithms>md5</HashAlgorithms><EventFiltering>\
                    <DnsQuery onmatch=\"exclude\"><!-- c --><QueryName condition=\"contains\"> a&amp;b&#x41;<![CDATA[<]]></QueryName>\
                    <QueryName>c</QueryName></DnsQuery></EventFiltering></Sysmon>";
        let (config, told) = parse(&Source::new("c.xml", text));
        assert_eq!(told, []);
        assert_eq!((config.schema.as_str(), config.hashes.as_str()), ("4.2", "md5"));
        let values: Vec<(&str, Operator)> = config.filters[0]
            .entries
            .iter()
            .map(|e| match e {
                Entry::Condition(c) => (c.value.as_str(), c.operator),
                Entry::Rule { .. } => ("", Operator::Is),
            })
            .collect();
        assert_eq!(values, [("a&bA<", Operator::Contains), ("c", Operator::Is)]);
    }
}
