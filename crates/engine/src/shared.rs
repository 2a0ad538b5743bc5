//! Values that many hold: each text and list once, under a number, so that whoever keeps what was read of millions of
//! events keeps a number or a reference. Bounded: what comes when it is full is nobody's but its holder's.

use hashbrown::HashTable;
use shikra_event::Value;
use shikra_rows::Cell;

/// Number of a shared value; [`Shared::NONE`] where it is not shared.
pub(crate) type SharedId = u32;

/// Values by number.
pub(crate) struct Shared {
    values: Vec<Cell>,
    index: HashTable<SharedId>,
    used: usize,
    most: usize,
}

/// What became of a value that was to be shared.
pub(crate) struct Put {
    pub cell: Cell,
    pub id: SharedId,
    /// Whether it was not there before.
    pub is_new: bool,
}

impl Shared {
    /// No number.
    pub(crate) const NONE: SharedId = SharedId::MAX;
    /// Bytes that a value takes beside itself, about.
    const PLACE: usize = 3 * size_of::<SharedId>() + size_of::<Cell>();

    /// Empty, with a budget in bytes.
    pub(crate) fn new(most: usize) -> Shared {
        Shared { values: Vec::new(), index: HashTable::new(), used: 0, most }
    }

    /// The value that is held for all that are identical, if it is one that is worth it and there is room.
    pub(crate) fn put(&mut self, cell: Cell) -> Put {
        if !matches!(cell.value(), Value::Str(_) | Value::List(_)) {
            return Put { cell, id: Shared::NONE, is_new: false };
        }
        let values = &self.values;
        let is = |id: &SharedId| values.get(*id as usize).is_some_and(|v| identical(v.value(), cell.value()));
        if let Some(id) = self.index.find(cell.hash(), is) {
            let cell = values.get(*id as usize).cloned().unwrap_or(cell);
            return Put { cell, id: *id, is_new: false };
        }
        let size = cell.value().size() + Shared::PLACE;
        if self.used + size > self.most {
            return Put { cell, id: Shared::NONE, is_new: true };
        }
        let (id, cell) = (self.values.len() as SharedId, cell.shared());
        self.used += size;
        self.values.push(cell.clone());
        let hash = |id: &SharedId| self.values.get(*id as usize).map_or(0, Cell::hash);
        self.index.insert_unique(cell.hash(), id, hash);
        Put { cell, id, is_new: true }
    }

    /// The value of a number.
    pub(crate) fn get(&self, id: SharedId) -> Option<&Value> {
        self.values.get(id as usize).map(Cell::value)
    }
}

/// Whether nothing can tell two values apart.
fn identical(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::F64(a), Value::F64(b)) => a.to_bits() == b.to_bits(),
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| identical(a, b))
        }
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shikra_rows::Seed;

    #[test]
    fn what_is_told_apart_stays_apart() {
        let (seed, mut shared) = (Seed::default(), Shared::new(2000));
        let list = |v: Value| Value::List(vec![v]);
        let texts = [Value::from("4"), list(Value::F64(4.0)), list(Value::I64(4)), list(Value::F64(-0.0))];
        let ids: Vec<_> = texts.iter().map(|v| shared.put(seed.cell(v.clone())).id).collect();
        assert_eq!(ids, [0, 1, 2, 3]);
        for (v, id) in texts.iter().zip(&ids) {
            let put = shared.put(seed.cell(v.clone()));
            assert!(put.id == *id && !put.is_new && identical(put.cell.value(), v));
            assert!(identical(shared.get(*id).unwrap(), v));
        }
        assert_eq!(shared.put(seed.cell(Value::I64(4))).id, Shared::NONE);
        let long = shared.put(seed.cell(Value::from("x".repeat(3000).as_str())));
        assert!(long.id == Shared::NONE && long.is_new);
    }
}
