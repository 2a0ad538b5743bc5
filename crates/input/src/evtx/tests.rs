//! BinXML that Windows seldom writes, made by hand.

use std::sync::Arc;

use shikra_event::Event;

use super::{CHUNK, FORMAT};
use crate::format::{Part, Sink, SourceInfo, Trouble, TroubleKind};

/// Tokens in the making, at their place in a chunk.
struct Tokens(Vec<u8>);

impl Tokens {
    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// A name reference with the name behind it.
    fn name(self, name: &str) -> Self {
        let at = self.0.len() as u32 + 4;
        let tokens = self.raw(&at.to_le_bytes()).raw(&[0; 6]).units(name);
        tokens.raw(&[0, 0])
    }

    /// Text behind its length.
    fn units(self, text: &str) -> Self {
        let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        self.raw(&(units.len() as u16 / 2).to_le_bytes()).raw(&units)
    }

    fn open(self, name: &str) -> Self {
        self.raw(&[0x01, 0, 0, 0, 0]).name(name).raw(&[0x02])
    }

    fn open_with(self, name: &str, attributes: &[(&str, &str)]) -> Self {
        let start = self.raw(&[0x41, 0, 0, 0, 0]).name(name).raw(&[0; 4]);
        let tokens = attributes
            .iter()
            .fold(start, |t, (name, value)| t.raw(&[0x06]).name(name).raw(&[0x05, 0x01]).units(value));
        tokens.raw(&[0x02])
    }

    fn text(self, text: &str) -> Self {
        self.raw(&[0x05, 0x01]).units(text)
    }

    fn close(self) -> Self {
        self.raw(&[0x04])
    }
}

#[derive(Default)]
struct Seen {
    events: Vec<Vec<(String, String)>>,
    troubles: Vec<Trouble>,
}

impl Sink for Seen {
    fn event(&mut self, event: &Event<'_>) {
        let fields = event.shape.fields().iter().zip(event.slots);
        let texts = fields.filter_map(|(name, slot)| Some((name.to_string(), slot.to_text()?)));
        self.events.push(texts.collect());
    }

    fn trouble(&mut self, trouble: Trouble) {
        self.troubles.push(trouble);
    }
}

/// Decodes a chunk with one record, whose BinXML `build` adds.
fn decode(build: impl FnOnce(Tokens) -> Tokens) -> Seen {
    let mut start = vec![0; 512];
    start[..8].copy_from_slice(b"ElfChnk\0");
    start.extend_from_slice(b"**\0\0\0\0\0\0");
    start.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0]);
    start.extend_from_slice(&132_478_052_651_234_567u64.to_le_bytes());
    let mut chunk = build(Tokens(start)).0;
    let size = (chunk.len() + 4 - 512) as u32;
    chunk.extend_from_slice(&size.to_le_bytes());
    chunk[516..520].copy_from_slice(&size.to_le_bytes());
    let free = (chunk.len() as u32).to_le_bytes();
    chunk[44..48].copy_from_slice(&512u32.to_le_bytes());
    chunk[48..52].copy_from_slice(&free);
    chunk[24] = 1;
    chunk[32] = 1;
    chunk.resize(CHUNK, 0);
    let source = Arc::new(SourceInfo { name: "test".into(), format: "evtx" });
    let part = Part { source, format: &FORMAT, data: chunk, offset: 0, first_record: 0, context: None };
    let mut seen = Seen::default();
    let mut decoder = (FORMAT.decode)();
    // Twice: what is remembered must not change the outcome.
    decoder.decode(&part, &mut Seen::default());
    decoder.decode(&part, &mut seen);
    seen
}

fn check(build: impl FnOnce(Tokens) -> Tokens, expected: &[(&str, &str)]) {
    let seen = decode(build);
    assert_eq!(seen.troubles, []);
    let fields = seen.events[0].iter().map(|(name, text)| (name.as_str(), text.as_str()));
    assert_eq!(fields.collect::<Vec<_>>(), expected);
}

#[test]
fn plain_elements_are_named_by_the_rule() {
    let build = |t: Tokens| {
        t.raw(&[0x0f, 1, 1, 0])
            .open_with("Event", &[("xmlns", "http://example.org")])
            .open("System")
            .open_with("Provider", &[("Name", "P"), ("EventSourceName", "Old")])
            .close()
            .open_with("EventID", &[("Qualifiers", "5")])
            .text("7")
            .close()
            .open("Channel")
            .close()
            .close()
            .open("EventData")
            .open_with("Data", &[("Name", "X"), ("Other", "dropped")])
            .text("x")
            .close()
            .open("Data")
            .text("one")
            .close()
            .open("Data")
            .close()
            .open("Binary")
            .text("00FF")
            .close()
            .close()
            .open("UserData")
            .open_with("p:Outer", &[("xmlns:p", "urn"), ("p:id", "3")])
            .text(" ")
            .open("Inner")
            .text("deep")
            .close()
            .close()
            .close()
            .close()
            .raw(&[0])
    };
    let expected = [
        ("Provider_Name", "P"),
        ("Provider_EventSourceName", "Old"),
        ("EventID_Qualifiers", "5"),
        ("EventID", "7"),
        ("X", "x"),
        ("Data", "one"),
        ("Data", ""),
        ("Binary", "00FF"),
        ("Outer_id", "3"),
        ("Inner", "deep"),
    ];
    check(build, &expected);
}

#[test]
fn all_kinds_of_text_are_put_together() {
    let build = |t: Tokens| {
        t.open("Event")
            .open("EventData")
            .open("Data")
            .text("a")
            .raw(&[0x08, b'b', 0, 0x09])
            .name("lt")
            .raw(&[0x47])
            .units("c")
            .raw(&[0x05, 0x08, 44, 1, 0, 0])
            .raw(&[0x0a])
            .name("target")
            .raw(&[0x0b])
            .units("dropped")
            .close()
            .close()
            .close()
    };
    check(build, &[("Data", "ab<c300")]);
}

#[test]
fn damaged_tokens_are_told_of() {
    let unknown = decode(|t| t.raw(&[0x0f, 1, 1, 0, 0x77]));
    let unclosed = decode(|t| t.open("Event").open("System").close());
    let stray = decode(|t| t.open("Event").raw(&[0x0d, 0, 0, 1]).close());
    let far = decode(|t| t.raw(&[0x01, 0, 0, 0, 0]).raw(&u32::MAX.to_le_bytes()).raw(&[0x02, 0x04]));
    let elsewhere = decode(|t| t.raw(&[0x0c, 1]).raw(&[9; 4]).raw(&u32::MAX.to_le_bytes()).raw(&[0; 5]));
    for seen in [unknown, unclosed, stray, far, elsewhere] {
        assert_eq!(seen.events.len(), 0);
        assert_eq!(seen.troubles.len(), 1);
        let trouble = &seen.troubles[0];
        assert_eq!(
            (trouble.kind, trouble.offset, trouble.record),
            (TroubleKind::CorruptRecord, Some(512), Some(1))
        );
    }
}

#[test]
fn nesting_is_bounded() {
    let deep = decode(|t| (0..2000).fold(t, |t, _| t.open("E")));
    assert_eq!(deep.troubles.len(), 1);
    // An instance whose values hold the fragment that comes next, sixty times.
    let nested = decode(|t| {
        let place = t.0.len();
        let definition = place + 3000;
        let mut bytes = Vec::new();
        for level in (0..60u16).rev() {
            let mut instance = vec![0x0c, 1, 0, 0, 0, 0];
            instance.extend_from_slice(&(definition as u32).to_le_bytes());
            instance.extend_from_slice(&[1, 0, 0, 0]);
            let size = bytes.len() as u16;
            instance.extend_from_slice(&size.to_le_bytes());
            instance.extend_from_slice(&[if level == 59 { 0 } else { 0x21 }, 0]);
            instance.append(&mut bytes);
            bytes = instance;
        }
        bytes.resize(3000, 0);
        // next, GUID, size; then <E>%0</E>
        let t = t.raw(&bytes).raw(&[0; 20]).raw(&60u32.to_le_bytes());
        t.raw(&[0x01, 0xff, 0xff, 0, 0, 0, 0]).name("E").raw(&[0x02, 0x0e, 0, 0, 0x21, 0x04]).raw(&[0; 60])
    });
    assert_eq!(nested.events.len(), 0);
    assert_eq!(nested.troubles[0].kind, TroubleKind::Limit);
}

#[test]
fn text_ends_at_nul() {
    let naive = |text: &[u8]| {
        let units: Vec<_> =
            text.chunks_exact(2).take_while(|unit| unit != &[0, 0]).flatten().copied().collect();
        units
    };
    let mut state = 1u32;
    for len in 0..200 {
        for _ in 0..20 {
            let mut text: Vec<u8> = (0..len).map(|i| if i % 2 == 0 { b'a' } else { 0 }).collect();
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let at = (state >> 8) as usize % (len + 1);
            if let Some(byte) = text.get_mut(at) {
                *byte = 0;
            }
            assert_eq!(super::instance::until_nul(&text), naive(&text), "{text:?}");
        }
    }
}
