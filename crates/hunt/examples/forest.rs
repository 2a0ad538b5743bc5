//! Scores of an isolation forest for `benches/forest.py`: reads little-endian numbers, writes scores.
//!
//! `forest POINTS WIDTH TREES SAMPLE EXTENSION SEED < numbers > scores`; the seconds that growing and scoring took
//! go to standard error.
#![allow(clippy::print_stderr)] // a tool of its own

use std::io::{self, Read, Write};
use std::time::Instant;

use shikra_hunt::forest::{Forest, Options, Points};

fn main() -> io::Result<()> {
    let arguments: Vec<usize> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let [points, width, trees, sample, extension, seed] = arguments.as_slice() else {
        return Err(io::Error::other("forest POINTS WIDTH TREES SAMPLE EXTENSION SEED"));
    };
    let mut bytes = Vec::new();
    io::stdin().read_to_end(&mut bytes)?;
    let numbers: Vec<f64> =
        bytes.chunks_exact(8).filter_map(|b| Some(f64::from_le_bytes(b.try_into().ok()?))).collect();
    if numbers.len() != points * width {
        return Err(io::Error::other("numbers do not make so many points"));
    }
    let start = Instant::now();
    let points = Points { numbers: &numbers, width: *width };
    let options = Options { trees: *trees, sample: *sample, extension: *extension, seed: *seed as u64 };
    let scores = Forest::new(points, &options).scores(points);
    eprintln!("{}", start.elapsed().as_secs_f64());
    let out: Vec<u8> = scores.iter().flat_map(|s| s.to_le_bytes()).collect();
    io::stdout().write_all(&out)
}
