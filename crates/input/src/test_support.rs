//! Helpers of this crate's tests.

use std::sync::Arc;

use shikra_event::{Event, Form, OwnedEvent};

use crate::format::{Format, Part, Sink, SourceInfo, Trouble};

/// A part of `text`, read as `format`.
pub(crate) fn part(format: &'static Format, text: impl AsRef<[u8]>) -> Part {
    Part {
        source: Arc::new(SourceInfo { name: "test".into(), format: format.name }),
        format,
        data: text.as_ref().to_vec(),
        offset: 0,
        first_record: 1,
        context: None,
    }
}

/// A sink that keeps all it is told.
#[derive(Default)]
pub(crate) struct Kept {
    pub events: Vec<OwnedEvent>,
    pub troubles: Vec<Trouble>,
}

impl Sink for Kept {
    fn event(&mut self, event: &Event<'_>) {
        self.events.push(event.to_owned_event());
    }
    fn trouble(&mut self, trouble: Trouble) {
        self.troubles.push(trouble);
    }
}

impl Kept {
    /// Form, origin, provider, channel, event id of event `index`.
    pub fn identity(&self, index: usize) -> (Form, &'static str, String, String, Option<u32>) {
        let shape = self.events[index].shape();
        let (provider, channel) = (shape.provider().to_string(), shape.channel().to_string());
        (shape.form(), shape.origin(), provider, channel, shape.event_id())
    }

    /// `name=value` of event `index`, in shape order; absent values are left out, nulls read `null`.
    pub fn fields(&self, index: usize) -> Vec<String> {
        self.events[index].with(|e| {
            let pairs = e.shape.fields().iter().zip(e.slots).filter(|(_, s)| !s.is_missing());
            pairs.map(|(n, s)| format!("{n}={}", s.to_text().unwrap_or("null".into()))).collect()
        })
    }
}

/// All that a source of `text` holds, cut and decoded as `format`.
pub(crate) fn read(format: &'static Format, text: impl AsRef<[u8]>) -> Kept {
    let mut kept = Kept::default();
    let mut troubles = Vec::new();
    let (mut split, mut decode) = ((format.split)(), (format.decode)());
    let (mut input, mut part) = (text.as_ref(), part(format, ""));
    while split.next(&mut input, &mut part, &mut |t| troubles.push(t)).unwrap() {
        decode.decode(&part, &mut kept);
    }
    kept.troubles.extend(troubles);
    kept
}
