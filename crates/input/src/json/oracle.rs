//! The scanner against a parser that builds trees: what that one accepts reads alike here.

use proptest::prelude::*;
use serde_json::{Map, Value};
use shikra_event::{Kind, Slot};

use super::scan::{Leaf, Scanner, skip_space};

/// Values of a document by dotted name, in document order, as the scanner is specified to find them.
fn expected(value: &Value) -> Vec<(String, String)> {
    let mut out = Vec::new();
    walk(&mut Vec::new(), value, &mut out);
    out
}

fn walk(keys: &mut Vec<String>, value: &Value, out: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (key, value) in members {
                keys.push(key.clone());
                walk(keys, value, out);
                keys.pop();
            }
        }
        Value::Array(items) if has_object(value) => items.iter().for_each(|item| walk(keys, item, out)),
        other => out.push((keys.join("."), other.to_string())),
    }
}

fn has_object(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(has_object),
        other => other.is_object(),
    }
}

/// The same from the scanner, each value parsed on its own.
fn found(text: &[u8]) -> Option<Vec<(String, String)>> {
    let (mut scanner, mut leaves) = (Scanner::new(), Vec::new());
    // Twice: the second time every key is guessed.
    let start = skip_space(text, 0);
    scanner.object(text, start, &mut leaves).ok()?;
    leaves.clear();
    let end = scanner.object(text, start, &mut leaves).ok()?;
    text.get(end..)?.trim_ascii().is_empty().then_some(())?;
    Some(leaves.iter().map(|leaf| (scanner.paths.keys(leaf.path).join("."), canonical(leaf))).collect())
}

fn canonical(leaf: &Leaf<'_>) -> String {
    let Slot { kind, data } = leaf.slot;
    let text = String::from_utf8_lossy(data);
    match kind {
        Kind::JSON_STRING => Value::String(leaf.slot.to_text().unwrap()).to_string(),
        _ => serde_json::from_str::<Value>(&text).map_or_else(|e| format!("{e}: {text}"), |v| v.to_string()),
    }
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|n| Value::from(f64::from(n) / 128.0)),
        "[ -~\\n\\t\\\\\"é😀]{0,40}".prop_map(Value::from),
    ];
    let key = "[a-z\\\\\" é]{1,6}";
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..6)
                .prop_map(|m| m.into_iter().collect::<Map<_, _>>().into()),
        ]
    })
}

fn document() -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[a-z\\\\\" é.]{1,6}", json(), 0..8)
        .prop_map(|m| m.into_iter().collect::<Map<_, _>>().into())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn documents_read_as_a_tree_parser_reads_them(value in document(), pretty: bool) {
        let text = if pretty { format!("{value:#}") } else { value.to_string() };
        prop_assume!(value.as_object().is_some_and(|o| !o.is_empty()));
        prop_assert_eq!(found(text.as_bytes()), Some(expected(&value)), "{}", text);
    }

    #[test]
    fn mutated_documents_neither_panic_nor_differ(
        value in document(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..4),
    ) {
        let mut text = value.to_string().into_bytes();
        for (at, byte, how) in changes {
            let at = at.index(text.len());
            match how {
                0 => text[at] = byte,
                1 => drop(text.remove(at)),
                _ => text.insert(at, b"{}[]\",:\\ 1t"[byte as usize % 11]),
            }
            prop_assume!(!text.is_empty());
        }
        let found = found(&text);
        // Repeated keys are kept here and lost there.
        if let Ok(value @ Value::Object(_)) = serde_json::from_slice::<Value>(&text) {
            let found = found.ok_or_else(|| TestCaseError::fail(format!("rejected {value}")))?;
            for pair in expected(&value) {
                prop_assert!(value == Value::Object(Map::new()) || found.contains(&pair), "{:?} {:?}", pair, found);
            }
        }
    }

    #[test]
    fn any_bytes_end(text: Vec<u8>) {
        let mut object = b"{".to_vec();
        object.extend(text);
        found(&object);
    }
}
