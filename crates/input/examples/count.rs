//! Reads PATH… on one thread and prints, per format and document form, sources, events and troubles:
//! `cargo run --release -p shikra-input --example count -- [--files] PATH…`

#![allow(clippy::print_stdout)]

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::time::Instant;

use shikra_event::Event;
use shikra_input::{Decode, Item, Options, Parts, Sink, Trouble};

#[derive(Default)]
struct Count {
    by_origin: BTreeMap<&'static str, u64>,
    events: u64,
    untimed: u64,
    unnamed: u64,
    shapes: HashMap<u64, ()>,
    troubles: Vec<Trouble>,
}

impl Sink for Count {
    fn event(&mut self, event: &Event<'_>) {
        self.events += 1;
        self.untimed += u64::from(event.time.is_none());
        self.unnamed += u64::from(event.shape.channel().is_empty());
        *self.by_origin.entry(event.shape.origin()).or_default() += 1;
        self.shapes.insert(event.shape.id().0, ());
    }
    fn trouble(&mut self, trouble: Trouble) {
        self.troubles.push(trouble);
    }
}

fn main() {
    let mut paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let per_file = paths.first().is_some_and(|p| p.as_os_str() == "--files");
    paths.drain(..usize::from(per_file));
    let mut decoders: HashMap<&'static str, Box<dyn Decode>> = HashMap::new();
    let mut parts = Parts::new(paths, Options::default());
    let (mut count, mut spare, mut formats) = (Count::default(), None, BTreeMap::<_, u64>::new());
    let (mut before, mut decoding) = (0, 0.0);
    let start = Instant::now();
    while let Some(item) = parts.next(spare.take()) {
        match item {
            Item::SourceStart(info) => *formats.entry(info.format).or_default() += 1,
            Item::SourceEnd(info) if per_file => {
                println!("{}\t{}\t{}", info.name, info.format, count.events - before);
                before = count.events;
            }
            Item::SourceEnd(_) => {}
            Item::Trouble(t) => count.trouble(t),
            Item::Part(part) => {
                let decoder = decoders.entry(part.format.name).or_insert_with(part.format.decode);
                let begun = Instant::now();
                decoder.decode(&part, &mut count);
                decoding += begun.elapsed().as_secs_f64();
                spare = Some(part.data);
            }
        }
    }
    println!("formats {formats:?}\nforms {:?}", count.by_origin);
    println!(
        "{} events, {} shapes, {} without time, {} without channel, {} troubles; {} bytes in {:.2} s, decoding {:.2} s: {:.0} events/s",
        count.events,
        count.shapes.len(),
        count.untimed,
        count.unnamed,
        count.troubles.len(),
        parts.bytes_read(),
        start.elapsed().as_secs_f64(),
        decoding,
        count.events as f64 / decoding
    );
    for trouble in count.troubles.iter().take(20) {
        println!("{trouble:?}");
    }
}
