//! The packs that ship hold.

use std::sync::Arc;

use shikra_pack::{check, embedded};
use shikra_taxonomy::Taxonomy;

#[test]
fn packs_that_ship_hold() {
    let taxonomy = Arc::new(Taxonomy::embedded());
    let packs = embedded();
    assert!(!packs.is_empty());
    for pack in &packs {
        let told: Vec<String> = check(pack, &taxonomy).iter().map(|p| p.render()).collect();
        assert!(told.is_empty(), "{}:\n{}", pack.place, told.join("\n"));
    }
}
