//! Packed input: everything unpacks, limits hold, damage costs no more than it must.

use std::path::PathBuf;

use shikra_input::{Options, TroubleKind};

use crate::support::{Read, gzip, read, read_with, tar, zip, zstd};

fn lines(count: usize) -> Vec<u8> {
    (0..count).flat_map(|i| format!("{{\"n\":{i}}}\n").into_bytes()).collect()
}

/// A file of `data` in a fresh folder.
fn file(name: &str, data: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, data).unwrap();
    (folder, path)
}

fn check(name: &str, data: &[u8], sources: &[&str], events: usize) -> Read {
    let (folder, path) = file(name, data);
    let read = read(path);
    let root = format!("{}/", folder.path().display());
    let found: Vec<String> = read.sources.iter().map(|s| s.replace(&root, "")).collect();
    assert_eq!(found, sources);
    assert_eq!(read.events.len(), events, "{:?}", read.troubles);
    read
}

#[test]
fn every_packing_reads() {
    let long = format!("{}/x.json", "d".repeat(120));
    let members = || vec![("a.json", lines(2)), ("b/", vec![]), (long.as_str(), lines(30_000))];
    let stored = || vec![("0.json", lines(2)), ("b/c.json", lines(30_000))];
    let in_tar = ["ndjson x!a.json", &format!("ndjson x!{long}")];
    let in_zip = ["ndjson x!0.json", "ndjson x!b/c.json"];
    check("x", &gzip(&lines(3)), &["ndjson x"], 3);
    check("x", &zstd(&lines(30_000)), &["ndjson x"], 30_000);
    check(
        "x",
        &[zstd(&lines(1)), b"\x50\x2a\x4d\x18\x02\0\0\0zz".to_vec(), zstd(&lines(2))].concat(),
        &["ndjson x"],
        3,
    );
    check("x", &[gzip(&lines(1)), gzip(&lines(1))].concat(), &["ndjson x"], 2);
    check("x", &tar(&members()), &in_tar, 30_002);
    check("x", &gzip(&tar(&members())), &in_tar, 30_002);
    check("x", &zstd(&tar(&members())), &in_tar, 30_002);
    check("x", &zip(&stored()), &in_zip, 30_002);
    check("x", &gzip(&zip(&stored())), &in_zip, 30_002);
    check("x", &zip(&[("y", zip(&stored()))]), &["ndjson x!y!0.json", "ndjson x!y!b/c.json"], 30_002);
    check("x", &[b"#!stub".to_vec(), zip(&stored())].concat(), &[], 0);
}

#[test]
fn unknown_members_are_named() {
    let read = check(
        "x",
        &zip(&[("readme", b"hello".to_vec()), ("e", vec![]), ("j", lines(1))]),
        &["ndjson x!j"],
        1,
    );
    let told: Vec<_> = read.told().iter().map(|t| t.rsplit('/').next().unwrap().to_string()).collect();
    assert_eq!(told, ["x!readme", "x!e"]);
}

#[test]
fn bombs_are_told() {
    let options =
        || Options { max_ratio: 20, ratio_free: 100_000, max_unpacked: 1 << 20, ..Options::default() };
    let zeros: Vec<u8> = b"{\"a\":1}\n".repeat(50_000);
    for data in [gzip(&zeros), zstd(&zeros), zip(&[("a", zeros.clone()), ("b", zeros.clone())])] {
        let (_folder, path) = file("x", &data);
        let read = read_with(path, options());
        assert_eq!(read.troubles.len(), 1, "{:?}", read.troubles);
        assert_eq!(read.troubles[0].kind, TroubleKind::Limit);
        assert!((1..50_000).contains(&read.events.len()), "{}", read.events.len());
    }
    let nested = (0..8).fold(lines(1), |data, _| gzip(&data));
    let (_folder, path) = file("x", &nested);
    assert_eq!(read(path).troubles[0].kind, TroubleKind::Limit);
    let many: Vec<(&str, Vec<u8>)> = (0..20).map(|_| ("a", lines(1))).collect();
    for data in [zip(&many), tar(&many)] {
        let (_folder, path) = file("x", &data);
        let read = read_with(path, Options { max_members: 5, ..Options::default() });
        assert_eq!((read.events.len(), read.troubles.len()), (5, 1));
        assert_eq!(read.troubles[0].kind, TroubleKind::Limit);
    }
}

#[test]
fn what_comes_before_damage_is_read() {
    let whole = lines(30_000);
    let cut = |mut data: Vec<u8>| {
        data.truncate(data.len() / 2);
        data
    };
    for data in [cut(gzip(&whole)), cut(zstd(&whole)), cut(tar(&[("a", whole.clone())]))] {
        let (_folder, path) = file("x", &data);
        let read = read(path);
        // A Zstandard decoder keeps back the bytes that later blocks may refer to.
        assert!(read.events.len() > 1000 || data[0] == 0x28, "{} {:?}", read.events.len(), read.troubles);
        assert!(read.troubles.iter().any(|t| t.kind == TroubleKind::Truncated), "{:?}", read.troubles);
    }
    let mut wrong = zip(&[("0", lines(10)), ("a", lines(20))]);
    wrong[40] ^= 1;
    let (_folder, path) = file("x", &wrong);
    let read = read(path);
    assert!(read.events.len() >= 29);
    assert_eq!(read.troubles.last().unwrap().kind, TroubleKind::CorruptBlock);
}

#[test]
fn mutated_archives_neither_panic_nor_hang() {
    let members = [("0.json", lines(30)), ("b.json", lines(300))];
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for original in [zip(&members), tar(&members), gzip(&members[1].1), zstd(&members[1].1)] {
        for _ in 0..150 {
            let mut data = original.clone();
            for _ in 0..1 + random() % 4 {
                let at = random() as usize % data.len();
                data[at] = random() as u8;
            }
            if random() % 4 == 0 {
                data.truncate(random() as usize % data.len());
            }
            let (_folder, path) = file("x", &data);
            read(path);
        }
    }
}
