//! Stack counting alone, for `benches/stack.py`: `stack THREADS MIB COLUMNS PATH…`; prints events, different values
//! and the sample. With no columns (`-`) it only reads.
#![allow(clippy::print_stdout)] // a tool of its own

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use shikra_engine::ScanOptions;
use shikra_engine::finding::Progress;
use shikra_engine::hunt::{Question, hunt};
use shikra_hunt::{Ask, ColumnSpec, Data, Needs};
use shikra_taxonomy::Taxonomy;

struct Quiet;

impl Progress for Quiet {
    fn progress(&self, _: u64, _: u64, _: u64) {}
    fn cancelled(&self) -> bool {
        false
    }
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [threads, mib, columns, paths @ ..] = arguments.as_slice() else {
        return Err(io::Error::other("stack THREADS MIB COLUMNS PATH…"));
    };
    let number = |text: &String| text.parse::<usize>().map_err(io::Error::other);
    let columns: Vec<&str> = columns.split(',').filter(|c| *c != "-").collect();
    let columns = ColumnSpec::parse_all(&columns).map_err(io::Error::other)?;
    let question = Question {
        ask: Ask { columns, needs: Needs::Stacks { bucket: None }, filters: 1, lacking: false },
        filters: Vec::new(),
        fold: true,
        memory: number(mib)? << 20,
    };
    let questions = if question.ask.columns.is_empty() { vec![] } else { vec![question] };
    let options = ScanOptions { threads: number(threads)?, ..ScanOptions::default() };
    let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
    let (data, totals) = hunt(questions, Arc::new(Taxonomy::embedded()), &paths, &options, &Quiet)
        .map_err(io::Error::other)?;
    println!("{} events read", totals.events);
    for d in &data {
        if let Data::Stacks(s) = d {
            let p = s.population();
            println!("{} counted, {} values, one of {} kept", p.events, p.values, p.sample);
        }
    }
    Ok(())
}
