//! Groups cut by time: sessions that end with a pause, buckets from the epoch. What slides is kept by `sequence`.

use shikra_ir::Window;

use crate::row::Row;

/// Rows of a group with their numbers.
type Members<'a> = Vec<(usize, &'a Row)>;

/// Whether groups are cut here.
pub(crate) fn cuts(window: Window) -> bool {
    matches!(window, Window::Session { .. } | Window::Tumbling(_))
}

/// The parts of each group, in order of time; a group that is not cut is its only part.
pub(crate) fn cut<K: Clone>(window: Window, groups: Vec<(K, Members<'_>)>) -> Vec<(K, Members<'_>)> {
    if !cuts(window) {
        return groups;
    }
    let mut out = Vec::new();
    for (key, mut members) in groups {
        members.sort_by_key(|(i, r)| (r.found.time, *i));
        let mut part: Members<'_> = Vec::new();
        for member in members {
            if ends(window, &part, member.1) {
                out.push((key.clone(), std::mem::take(&mut part)));
            }
            part.push(member);
        }
        if !part.is_empty() {
            out.push((key, part));
        }
    }
    out
}

/// Whether a part ends before a row.
fn ends(window: Window, part: &Members<'_>, next: &Row) -> bool {
    let (Some((_, first)), Some((_, last))) = (part.first(), part.last()) else { return false };
    let apart = |row: &Row| next.found.time.0.saturating_sub(row.found.time.0);
    match window {
        Window::Session { gap, max } => apart(last) > gap || max.is_some_and(|m| apart(first) > m),
        Window::Tumbling(width) => {
            let width = width.max(1);
            next.found.time.0.div_euclid(width) != first.found.time.0.div_euclid(width)
        }
        _ => false,
    }
}
