use proptest::prelude::*;

use crate::hosts::host_number;
use crate::table::{EVERYWHERE, LIMITS, Limits, Stat};
use crate::{Baseline, Dimension, Forget, Known, Unusable};

/// So small that everything overflows.
const TINY: Limits = Limits { values: 3, everywhere: 6, all: 16, filter_bits: 1 << 10 };

type Fact = (u8, u8, u8, u8);

fn stat(time: i64, host: u8) -> Stat {
    let mut stat = Stat { count: 1, span: Some((time, time)), ..Stat::default() };
    stat.hosts.add(host_number(&format!("h{host}")));
    stat
}

fn built(limits: Limits, facts: &[Fact]) -> Baseline {
    let mut b = Baseline::with_limits(limits);
    for (program, dimension, value, host) in facts {
        let (program, value) = (format!("p{program}"), format!("v{value}"));
        let dimension = Dimension::from_number(5 + dimension).unwrap();
        let stat = stat(i64::from(*host) - 3, *host);
        b.add(&program, dimension, &value, &stat);
        b.add(EVERYWHERE, dimension, &value, &stat);
        b.events += 1;
        b.span = crate::table::joined(b.span, stat.span);
    }
    b
}

fn facts(most: usize) -> impl Strategy<Value = Vec<Fact>> {
    prop::collection::vec((0..4u8, 0..2u8, 0..40u8, 0..30u8), 0..most)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn merged_parts_are_the_whole(facts in facts(120), cut in 0..120usize, cut2 in 0..120usize) {
        for limits in [TINY, Limits { all: 10_000, ..TINY }, LIMITS] {
            let (a, b) = facts.split_at(cut.min(facts.len()));
            let (b, c) = b.split_at(cut2.min(b.len()));
            let mut parts = [a, b, c].map(|f| built(limits, f));
            // Through the file, as parts of another day come.
            let mut whole = built(limits, &facts);
            let mut merged = Baseline::decode(&parts[2].encode()).unwrap();
            merged.merge(&parts[0]).unwrap();
            parts[1].settle();
            merged.merge(&parts[1]).unwrap();
            prop_assert_eq!(merged.encode(), whole.encode());
        }
    }

    #[test]
    fn what_was_seen_is_never_new(facts in facts(120)) {
        let mut b = built(TINY, &facts);
        b.settle();
        for (program, dimension, value, _) in &facts {
            let (program, value) = (format!("p{program}"), format!("v{value}"));
            let dimension = Dimension::from_number(5 + dimension).unwrap();
            prop_assert!(!b.judge(&program, dimension, &value).is_new());
        }
    }

    #[test]
    fn files_read_back(facts in facts(60)) {
        for limits in [TINY, LIMITS] {
            let bytes = built(limits, &facts).encode();
            prop_assert_eq!(Baseline::decode(&bytes).unwrap().encode(), bytes);
        }
    }

    /// With a checksum that fits, as somebody hostile would write.
    #[test]
    fn hostile_files_are_refused(facts in facts(60), changes in prop::collection::vec((any::<usize>(), any::<u8>()), 1..6)) {
        let mut bytes = built(TINY, &facts).encode();
        bytes.truncate(bytes.len() - 32);
        for (at, byte) in changes {
            let at = 10 + at % (bytes.len() - 10);
            // Limits of any size are refused by their own test; here they would ask for memory.
            if at > 16 {
                bytes[at] = byte;
            }
        }
        let sum = <sha2::Sha256 as sha2::Digest>::digest(&bytes);
        bytes.extend_from_slice(&sum);
        if let Ok(mut read) = Baseline::decode(&bytes) {
            read.encode();
        }
    }
}

#[test]
fn damage_is_named() {
    let good = built(LIMITS, &[(0, 0, 0, 0), (1, 1, 2, 3)]).encode();
    let refused = |bytes: &[u8]| Baseline::decode(bytes).unwrap_err();
    assert_eq!(refused(b"PK\x03\x04"), Unusable::NotABaseline);
    assert_eq!(refused(b""), Unusable::NotABaseline);
    assert_eq!(refused(&good[..9]), Unusable::Checksum);
    assert_eq!(refused(&good[..good.len() - 1]), Unusable::Checksum);
    let mut newer = good.clone();
    newer[8] = 9;
    assert_eq!(refused(&newer), Unusable::Version(9));
    for at in 10..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert_eq!(refused(&bad), Unusable::Checksum, "byte {at}");
    }
}

#[test]
fn judges_by_history() {
    let mut b = Baseline::default();
    let mut add = |program: &str, dimension, value: &str, n| {
        for i in 0..n {
            b.add(EVERYWHERE, Dimension::Program, program, &stat(i, 0));
            b.add(program, dimension, value, &stat(i, 0));
            b.add(EVERYWHERE, dimension, value, &stat(i, 0));
        }
    };
    // One program always does the same, another something new each time.
    add("steady.exe", Dimension::Argument, "/s", 500);
    add("steady.exe", Dimension::Argument, "/rare", 2);
    for i in 0..500 {
        add("lively.exe", Dimension::Argument, &format!("job{i}"), 1);
    }
    add("lively.exe", Dimension::Argument, "go", 2);
    b.settle();
    let judge = |p, v| b.judge(p, Dimension::Argument, v);
    let known = judge("steady.exe", "/s");
    assert!(matches!(known.known, Known::Seen(s) if s.count == 500 && s.hosts() == 1));
    assert_eq!(known.score, 0.0);
    assert!(judge("steady.exe", "/rare").score > 6.0);
    let (steady, lively) = (judge("steady.exe", "/new"), judge("lively.exe", "/new"));
    assert_eq!((&steady.known, &lively.known), (&Known::Never, &Known::Never));
    assert!(steady.score > lively.score + 7.0, "{} {}", steady.score, lively.score);
    assert!(matches!(judge("steady.exe", "go").known, Known::Elsewhere(Some(s)) if s.count == 2));
    assert_eq!(judge("other.exe", "/s").known, Known::Common);
    // Nothing of the kind was ever seen: nothing can be said.
    assert_eq!(b.judge("steady.exe", Dimension::Module, "x.dll").known, Known::Unknown);
    assert_eq!(b.judge("steady.exe", Dimension::Hour, "03").known, Known::Unknown);
}

#[test]
fn forgets_and_tells_differences() {
    let old = built(LIMITS, &[(0, 0, 0, 0), (0, 0, 1, 9), (1, 0, 2, 9)]);
    let mut new = old.clone();
    assert_eq!(new.forget(&Forget { before: Some(0), ..Forget::default() }), 2);
    let gone: Vec<_> = old.diff(&new, false).iter().map(|c| (c.program, c.value, c.new)).collect();
    assert_eq!(gone, [("", "v0", None), ("p0", "v0", None)]);
    new.forget(&Forget { programs: vec!["P1".into()], ..Forget::default() });
    assert_eq!(new.programs(), ["p0"]);
    let fade = Forget { half_life: Some(1), as_of: Some(1000), ..Forget::default() };
    assert!(new.forget(&fade) > 0);
    assert_eq!(new.size(), 0);
}
