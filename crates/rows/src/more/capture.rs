//! Columns from the named groups of a regular expression.

use std::sync::Arc;

use shikra_event::Value;
use shikra_ir::regex::{Compiled, cached};
use shikra_ir::{Fold, Regex, Scalar, Words, eval, func};
use shikra_sequence::Unsupported;

use crate::row::{Row, View};

/// Most finds in one text.
const MOST: usize = 100_000;

/// An expression with the groups that make columns.
#[derive(Clone, Debug)]
pub(crate) struct Capture {
    pub from: Scalar,
    compiled: Arc<Compiled>,
    pub groups: Vec<(usize, Arc<str>)>,
    most: usize,
}

impl Capture {
    pub fn new(from: &Scalar, regex: &Regex, most: u64) -> Result<Capture, Unsupported> {
        let words = Words { fold: Fold::None, ..Words::default() };
        let compiled =
            cached(regex, &words).map_err(|reason| Unsupported { operator: "extract".into(), reason })?;
        let names = compiled.group_names();
        let named = names.iter().enumerate().filter_map(|(i, n)| Some((i, Arc::from((*n)?))));
        let groups = named.collect();
        let most = if most == 0 { MOST } else { usize::try_from(most).unwrap_or(MOST).min(MOST) };
        Ok(Capture { from: from.clone(), compiled, groups, most })
    }

    /// A row whose text does not match keeps the columns it has.
    pub fn apply(&self, reads: &[Scalar], row: &mut Row) {
        let view = View { reads, cells: &row.cells, columns: &row.columns };
        let source = eval::scalar(&self.from, &view);
        let mut found: Vec<Vec<Value>> = vec![Vec::new(); self.groups.len()];
        for text in source.elements().iter().filter_map(func::plain_text) {
            for finds in self.compiled.captures_all(&text, self.most) {
                for ((group, _), values) in self.groups.iter().zip(&mut found) {
                    let place = finds.get(*group).copied().flatten();
                    values.extend(place.and_then(|(start, end)| text.get(start..end)).map(Value::str));
                }
            }
        }
        for ((_, name), values) in self.groups.iter().zip(found) {
            if !values.is_empty() {
                row.set(name, func::several(values));
            }
        }
    }
}
