//! Hostile text: damage and excess end in troubles, not in panics, hangs or memory.

use shikra_event::Event;
use shikra_input::{Item, Options, Parts, Sink, Trouble, TroubleKind};

use crate::support::{Read, read};

fn read_text(name: &str, text: &[u8]) -> Read {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    read(&path)
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 as usize % limit
    }
}

#[test]
fn mutated_texts_read_on() {
    let xml = "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='P'/>\
               <EventID>1</EventID></System><EventData><Data Name='A'>b &lt; c</Data></EventData></Event>\n";
    let kv =
        "07/20/2022 01:51:37 PM\nLogName=Security\nEventCode=1\nMessage=M\n\nSubject:\n\tAccount Name:\tx\n";
    let csv = "EventID,Channel,Data\n1,Security,\"a \"\"b\"\"\n\"\n2,Security,c\n";
    let json = "{\"EventID\":1,\"Channel\":\"Security\",\"x\":{\"y\":[{\"z\":\"\\\"\"},2]}}\n";
    let pretty =
        "[\n  {\n    \"EventID\": 1,\n    \"Channel\": \"Security\"\n  },\n  {\n    \"a\": [1]\n  }\n]\n";
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let alphabet = b"<>\"'=&;/\\{}[],:\n\r\t \x00\xffA";
    for (name, text) in [("x", xml), ("x", kv), ("x.csv", csv), ("x", json), ("x", pretty)] {
        let text = text.repeat(20).into_bytes();
        let whole = read_text(name, &text).events.len();
        assert!(whole >= 20, "{name}");
        for _ in 0..100 {
            let mut damaged = text.clone();
            let at = damaged.len() / 4 + random.below(damaged.len() / 2);
            match random.below(3) {
                0 => damaged[at] = alphabet[random.below(alphabet.len())],
                1 => drop(damaged.drain(at..(at + random.below(30)).min(text.len()))),
                _ => damaged.insert(at, alphabet[random.below(alphabet.len())]),
            }
            let kept = read_text(name, &damaged).events.len();
            // Only an open quote in a table swallows what follows.
            assert!(kept + 4 >= whole || name == "x.csv", "{kept} of {whole}: {}", damaged.escape_ascii());
        }
    }
}

#[test]
fn a_line_over_the_limit_is_skipped_in_bounded_memory() {
    let mut text = b"{\"a\":1}\n{\"a\":\"".to_vec();
    text.resize(100 << 20, b'x');
    text.extend_from_slice(b"\"}\n{\"a\":2}\n");
    let read = read_text("x", &text);
    assert_eq!(read.events.iter().map(|e| e.record).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(
        read.troubles.iter().map(|t| (t.kind, t.record)).collect::<Vec<_>>(),
        [(TroubleKind::Limit, Some(2))]
    );
}

/// Counts, and keeps nothing.
#[derive(Default)]
struct Count(u64, u64);

impl Sink for Count {
    fn event(&mut self, event: &Event<'_>) {
        self.0 += 1;
        assert_eq!(event.slots.len(), event.shape.fields().len());
    }
    fn trouble(&mut self, _: Trouble) {
        self.1 += 1;
    }
}

#[test]
fn a_million_distinct_names_are_let_go_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    let line = |i: usize| (0..20).map(|k| format!("\"k{i}_{k}\":{k}")).collect::<Vec<_>>().join(",");
    let text: String = (0..50_000).map(|i| format!("{{{}}}\n", line(i))).collect();
    std::fs::write(&path, text).unwrap();
    let mut parts = Parts::new([path], Options::default());
    let (mut count, mut decoder) = (Count::default(), None);
    while let Some(item) = parts.next(None) {
        if let Item::Part(part) = item {
            decoder.get_or_insert_with(part.format.decode).decode(&part, &mut count);
        }
    }
    assert_eq!((count.0, count.1), (50_000, 0));
}

#[test]
fn wide_and_deep_events_are_cut() {
    let wide: Vec<String> = (0..1_000_000).map(|i| format!("\"k{i}\":1")).collect();
    let read = read_text("x", format!("{{{}}}\n", wide.join(",")).as_bytes());
    assert_eq!(read.events[0].shape().fields().len(), 4096);
    assert_eq!(read.troubles[0].kind, TroubleKind::Limit);
    let deep = format!("{}1{}\n", "{\"a\":[".repeat(200_000), "]}".repeat(200_000));
    assert_eq!(read_text("x", deep.as_bytes()).events.len(), 1);
    let columns: Vec<String> = (0..10_000).map(|i| format!("c{i}")).collect();
    read_text("x.csv", format!("{}\n1,2\n", columns.join(",")).as_bytes());
}
