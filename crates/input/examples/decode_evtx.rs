//! Decodes files and prints what there was: for timing the decoder alone, and for a look at events.
//!
//! `cargo run --release --example decode_evtx -- [--print] FILE…`
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

use shikra_event::Event;
use shikra_input::{FORMATS, Part, Sink, SourceInfo, Trouble};

#[derive(Default)]
struct Count {
    print: bool,
    events: u64,
    slots: u64,
    bytes: u64,
    troubles: u64,
    /// Depends on every slot, so that nothing can be left undone.
    sum: u64,
}

impl Sink for Count {
    fn event(&mut self, event: &Event<'_>) {
        self.events += 1;
        self.slots += event.slots.len() as u64;
        for slot in event.slots {
            self.bytes += slot.data.len() as u64;
            let last = slot.data.last().copied().unwrap_or(0);
            self.sum = self.sum.wrapping_mul(31).wrapping_add(u64::from(slot.kind.0) << 8 | u64::from(last));
        }
        if self.print {
            let mut out = io::stdout().lock();
            let _ = writeln!(out, "{} {:?}", event.record, event.time.map(|t| t.to_string()));
            for (name, slot) in event.shape.fields().iter().zip(event.slots) {
                let _ = writeln!(out, "  {name} = {:?} {:?}", slot.kind, slot.to_text());
            }
        }
    }

    fn trouble(&mut self, trouble: Trouble) {
        self.troubles += 1;
        if self.troubles <= 20 {
            let offset = trouble.offset.unwrap_or(0);
            eprintln!("{} at {offset:#x}: {} {}", trouble.source, trouble.kind.as_str(), trouble.message);
        }
    }
}

fn main() -> io::Result<()> {
    let mut count = Count::default();
    let Some(format) = FORMATS.iter().find(|f| f.name == "evtx") else { return Ok(()) };
    let mut decoder = (format.decode)();
    for path in std::env::args().skip(1) {
        if path == "--print" {
            count.print = true;
            continue;
        }
        let mut file = File::open(&path)?;
        let source = Arc::new(SourceInfo { name: path.into(), format: format.name });
        let mut split = (format.split)();
        let mut part = Part { source, format, data: Vec::new(), offset: 0, first_record: 0, context: None };
        loop {
            part.data.clear();
            let mut troubles = Vec::new();
            let more = split.next(&mut file, &mut part, &mut |t| troubles.push(t))?;
            troubles.into_iter().for_each(|t| count.trouble(t));
            if !more {
                break;
            }
            decoder.decode(&part, &mut count);
        }
    }
    println!(
        "{} events, {} slots, {} bytes in slots, {} troubles, sum {:016x}",
        count.events, count.slots, count.bytes, count.troubles, count.sum
    );
    Ok(())
}
