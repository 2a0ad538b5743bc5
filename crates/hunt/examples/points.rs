//! Isolation forest and clustering of plain numbers, for `benches/forest.py` and `benches/cluster.py`.
//!
//! `points forest POINTS WIDTH TREES SAMPLE EXTENSION SEED < numbers > scores` and
//! `points cluster POINTS WIDTH SIZE NEIGHBOURS < numbers > scores, clusters (-1: none)`: little-endian numbers of 64
//! bits in and out. The seconds of processor time that the work took go to standard error.
#![allow(clippy::print_stderr)] // a tool of its own

use std::io::{self, Read, Write};
use std::time::Instant;

use shikra_hunt::density::{Dense, clusters};
use shikra_hunt::forest::{Forest, Options, Points};
use shikra_hunt::near::{NEAR_POINT, point_edges};

const USE: &str =
    "points forest POINTS WIDTH TREES SAMPLE EXTENSION SEED, or points cluster POINTS WIDTH SIZE NEIGHBOURS";

fn main() -> io::Result<()> {
    let what = std::env::args().nth(1).unwrap_or_default();
    let arguments: Vec<usize> = std::env::args().skip(2).filter_map(|a| a.parse().ok()).collect();
    let [many, width, rest @ ..] = arguments.as_slice() else { return Err(io::Error::other(USE)) };
    let mut bytes = Vec::new();
    io::stdin().read_to_end(&mut bytes)?;
    let numbers: Vec<f64> =
        bytes.chunks_exact(8).filter_map(|b| Some(f64::from_le_bytes(b.try_into().ok()?))).collect();
    if numbers.len() != many * width {
        return Err(io::Error::other("numbers do not make so many points"));
    }
    let (clock, before) = (Instant::now(), processor());
    let out = match (what.as_str(), rest) {
        ("forest", [trees, sample, extension, seed]) => {
            let points = Points { numbers: &numbers, width: *width };
            let options =
                Options { trees: *trees, sample: *sample, extension: *extension, seed: *seed as u64 };
            Forest::new(points, &options).scores(points)
        }
        ("cluster", [size, neighbours]) => {
            let points: Vec<Vec<f64>> = numbers.chunks_exact(*width).map(<[f64]>::to_vec).collect();
            let edges = point_edges(&points, 6.0 * (*width as f64).sqrt());
            let dense = Dense { size: *size as f64, neighbours: *neighbours as f64, near: NEAR_POINT };
            let found = clusters(&vec![1.0; points.len()], &edges, dense);
            let labels = found.of.iter().map(|c| c.map_or(-1.0, |c| c as f64));
            found.scores.iter().copied().chain(labels).collect()
        }
        _ => return Err(io::Error::other(USE)),
    };
    let spent = processor().zip(before).map_or_else(|| clock.elapsed().as_secs_f64(), |(b, a)| b - a);
    eprintln!("{spent}");
    let out: Vec<u8> = out.iter().flat_map(|s| s.to_le_bytes()).collect();
    io::stdout().write_all(&out)
}

/// Seconds of processor time of the main thread, where Linux tells.
fn processor() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/schedstat").ok()?;
    Some(text.split_whitespace().next()?.parse::<f64>().ok()? / 1e9)
}
