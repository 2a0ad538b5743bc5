//! Stack counting on one thread, for `benches/stack.py`: `stack MIB COLUMNS PATH…`; prints what was counted.
//! With no columns (`-`) it only reads.
#![allow(clippy::print_stdout)] // a tool of its own

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use shikra_event::Event;
use shikra_hunt::{ColumnSpec, Reader, Stacks, Tally, Wanted};
use shikra_input::{Decode, Item, Options, Parts, Sink, Trouble};
use shikra_taxonomy::Taxonomy;

struct Counting {
    reader: Reader,
    tally: Option<Tally>,
    events: u64,
}

impl Sink for Counting {
    fn event(&mut self, event: &Event<'_>) {
        self.events += 1;
        if let Some(tally) = &mut self.tally {
            tally.add(&mut self.reader, event);
        }
    }

    fn trouble(&mut self, _: Trouble) {}
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [mib, columns, paths @ ..] = arguments.as_slice() else {
        return Err(io::Error::other("stack MIB COLUMNS PATH…"));
    };
    let columns: Vec<&str> = columns.split(',').filter(|c| *c != "-").collect();
    let columns = ColumnSpec::parse_all(&columns).map_err(io::Error::other)?;
    let stride = columns.len();
    let wanted = Arc::new(Wanted { columns, fold: true, lacking: false });
    let reader = Reader::new(wanted, Arc::new(Taxonomy::embedded()));
    let mut counting = Counting { reader, tally: None, events: 0 };
    let mut stacks = Stacks::new(stride, mib.parse::<usize>().map_err(io::Error::other)? << 20);
    let mut parts = Parts::new(paths.iter().map(PathBuf::from), Options::default());
    let mut decoders: HashMap<&str, Box<dyn Decode>> = HashMap::new();
    let mut spare: Option<Vec<u8>> = None;
    while let Some(item) = parts.next(spare.take()) {
        let Item::Part(part) = item else { continue };
        counting.reader.begin();
        counting.tally = (stride > 0).then(|| Tally::new(stride, None));
        decoders.entry(part.format.name).or_insert_with(part.format.decode).decode(&part, &mut counting);
        if let Some(tally) = counting.tally.take() {
            stacks.merge(tally.finish(&counting.reader), &part.source.name);
        }
        spare = Some(part.data);
    }
    let p = stacks.population();
    println!(
        "{} events read, {} counted, {} values, one of {} kept",
        counting.events, p.events, p.values, p.sample
    );
    Ok(())
}
