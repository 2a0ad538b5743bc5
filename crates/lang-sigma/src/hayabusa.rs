//! What rules written for Hayabusa say in words of their own: fields by their path in the event's XML, and keywords
//! below a field. Both are old there, and stand in rules that people have.

use std::borrow::Cow;

use shikra_syntax::yaml::{Node, Yaml};

use crate::item::{Det, Item, Lit, Literal, literal};

/// Longest `min_length`.
const MAX_LENGTH: usize = 4096;

/// A field named by its path, as Sigma names it: `Event.EventData.Image` is `Image`,
/// `Event.System.Provider_attributes.Name` is `Provider_Name`.
pub(crate) fn field(written: &str) -> Option<Cow<'_, str>> {
    let rest = written.strip_prefix("Event.")?;
    if let Some(name) = rest.strip_prefix("EventData.") {
        return Some(Cow::Borrowed(name));
    }
    if let Some(inner) = rest.strip_prefix("UserData.") {
        return inner.split_once('.').map(|(_, name)| Cow::Borrowed(name));
    }
    rest.strip_prefix("System.").map(|name| Cow::Owned(name.replace("_attributes.", "_")))
}

/// The keywords below a field, or a list of values with keywords among them; none where there are none. `item` is the
/// field without values.
pub(crate) fn keywords<'a>(item: &Item<'a>, node: &'a Node) -> Option<Det<'a>> {
    match &node.value {
        Yaml::Map(entries) => {
            entries.iter().map(|(k, v)| keyword(item, k, v)).collect::<Option<_>>().map(Det::All)
        }
        Yaml::Seq(items) if items.iter().any(|i| matches!(i.value, Yaml::Map(_))) => {
            let one = |i: &'a Node| match &i.value {
                Yaml::Scalar(..) => Some(with(item, vec![literal(i)])),
                _ => keywords(item, i),
            };
            items.iter().map(one).collect::<Option<_>>().map(Det::Any)
        }
        _ => None,
    }
}

fn with<'a>(item: &Item<'a>, values: Vec<Literal<'a>>) -> Det<'a> {
    Det::Item(Item { values, ..item.clone() })
}

fn keyword<'a>(item: &Item<'a>, key: &Node, value: &'a Node) -> Option<Det<'a>> {
    let Yaml::Scalar(name, _) = &key.value else { return None };
    let fault = |code, message: String| {
        Some(Det::Item(Item { fault: Some((code, message, key.span.to(value.span))), ..item.clone() }))
    };
    match (name.as_ref(), &value.value) {
        ("value", Yaml::Scalar(..)) => Some(with(item, vec![literal(value)])),
        ("min_length", Yaml::Scalar(text, _)) => match text.parse() {
            Ok(n) if n <= MAX_LENGTH => {
                // So many characters, and any more.
                let pattern = Lit::Text(Cow::Owned("?".repeat(n) + "*"));
                Some(with(item, vec![Literal { value: pattern, span: value.span }]))
            }
            _ => fault("bad-value", format!("min_length takes a number up to {MAX_LENGTH}")),
        },
        (name @ ("regexes" | "allowlist"), Yaml::Scalar(..)) => {
            let message = format!("{name}: expressions in another file are not read; write them with |re");
            fault("unsupported-list", message)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn fields_by_path() {
        for (written, want) in [
            ("Event.System.EventID", Some("EventID")),
            ("Event.System.Provider_attributes.Name", Some("Provider_Name")),
            ("Event.EventData.Threat Name", Some("Threat Name")),
            ("Event.UserData.LogFileCleared.SubjectUserName", Some("SubjectUserName")),
            ("Event.UserData.x", None),
            ("Event.Other", None),
            ("event.code", None),
        ] {
            assert_eq!(field(written).as_deref(), want);
        }
    }
}
