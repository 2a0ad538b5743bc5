//! The obvious matcher: every filter evaluated on every event by [`shikra_ir::eval`]. The oracle of the fast
//! one, and nothing else.

use shikra_event::Event;
use shikra_ir::eval;
use shikra_taxonomy::Taxonomy;

use crate::{EventRow, Filter, FilterId};

/// Appends the filters that hold for `event`, ascending.
pub fn run(filters: &[Filter], taxonomy: &Taxonomy, event: &Event<'_>, hits: &mut Vec<FilterId>) {
    for (id, filter) in filters.iter().enumerate() {
        if holds(filter, taxonomy, event) {
            hits.push(id as FilterId);
        }
    }
}

/// Whether one filter holds for `event`.
pub fn holds(filter: &Filter, taxonomy: &Taxonomy, event: &Event<'_>) -> bool {
    let row = EventRow { event, taxonomy };
    match filter.selector.admits(event.shape) {
        None => false,
        Some(when) => {
            when.is_none_or(|w| eval::truth(&w, &row).holds()) && eval::truth(&filter.expr, &row).holds()
        }
    }
}
