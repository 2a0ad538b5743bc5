//! Sorting and joining against the obvious way, and beyond the limit of memory.

#![allow(clippy::unwrap_used)]

use std::io;

use proptest::prelude::*;
use shikra_relational::DataFusion;
use shikra_rows::outside::{Outside, Pair, Pairs};

fn pairs(rows: &[Pair]) -> Pairs<'_> {
    Box::new(rows.iter().cloned().map(Ok))
}

fn sorted(rows: &[Pair], memory: usize) -> Vec<Pair> {
    let data = DataFusion::new(memory).unwrap();
    data.sorted(pairs(rows)).unwrap().collect::<io::Result<_>>().unwrap()
}

fn rows() -> impl Strategy<Value = Vec<Pair>> {
    let key = prop::collection::vec(0u8..3, 0..3);
    prop::collection::vec((key, prop::collection::vec(any::<u8>(), 0..4)), 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn sorts_and_keeps_the_order_of_equal_keys(rows in rows()) {
        let mut expected = rows.clone();
        expected.sort_by(|a, b| a.0.cmp(&b.0));
        prop_assert_eq!(sorted(&rows, 0), expected);
    }

    #[test]
    fn joins_every_left_with_every_right_of_its_key(left in rows(), right in rows()) {
        let mut expected = Vec::new();
        for (key, l) in &left {
            expected.extend(right.iter().filter(|(k, _)| k == key).map(|(_, r)| (l.clone(), r.clone())));
        }
        expected.sort();
        let data = DataFusion::new(0).unwrap();
        let joined = data.joined(pairs(&left), pairs(&right)).unwrap();
        let mut joined: Vec<Pair> = joined.collect::<io::Result<_>>().unwrap();
        joined.sort();
        prop_assert_eq!(joined, expected);
    }
}

/// 50 MB of rows through 16 MiB.
#[test]
fn more_rows_than_memory() {
    let row = |n: u64| (n.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes().to_vec(), vec![n as u8; 1000]);
    let rows: Vec<Pair> = (0..50_000).map(row).collect();
    let mut expected = rows.clone();
    expected.sort();
    assert!(sorted(&rows, 0) == expected);
}

#[test]
fn what_waits_comes_back_in_order() {
    let data = DataFusion::new(0).unwrap();
    let mut wait = data.wait().unwrap();
    for n in 0..100_000u32 {
        wait.push(&n.to_le_bytes()).unwrap();
    }
    let back: Vec<Pair> = wait.rows().unwrap().collect::<io::Result<_>>().unwrap();
    assert!(back.iter().enumerate().all(|(n, (k, r))| k.is_empty() && r[..] == (n as u32).to_le_bytes()));
    assert_eq!(back.len(), 100_000);
}
