//! Patterns that take a text apart into named columns: dissect and grok. A frontend parses them to know their
//! columns, whoever runs a plan parses them again to apply them.

mod dissect;
mod grok;
mod patterns;

use std::sync::Arc;

use shikra_event::Value;

pub use dissect::Dissect;
pub use grok::Grok;

/// Columns with their values, in the order of [`Dissect::columns`] or [`Grok::columns`].
pub type Found = Vec<(Arc<str>, Value)>;

/// One column of several finds: the values of each, one after the other.
pub fn gather(columns: &[Arc<str>], finds: impl Iterator<Item = Found>) -> Found {
    let mut out: Vec<Vec<Value>> = vec![Vec::new(); columns.len()];
    for found in finds {
        for (name, value) in found {
            let at = columns.iter().position(|c| *c == name);
            if let Some(values) = at.and_then(|i| out.get_mut(i)) {
                values.extend(value.elements().iter().filter(|v| !v.is_null()).cloned());
            }
        }
    }
    let value = |mut v: Vec<Value>| match v.len() {
        0 => Value::Null,
        1 => v.remove(0),
        _ => Value::List(v),
    };
    columns.iter().cloned().zip(out.into_iter().map(value)).collect()
}
