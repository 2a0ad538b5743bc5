//! What the fuzz targets do with their bytes. A target is one line in `fuzz_targets`; nothing here may panic,
//! hang or take memory without bound, whatever the bytes.

use std::io::Write;

use shikra_event::Event;
use shikra_input::{Decode, Item, Options as InputOptions, Parts, Sink, Trouble};
use shikra_ir::{LoadStatus, text};
use shikra_languages::Options;
use shikra_syntax::Source;

/// Longest text that is tried: time grows with length, and length finds little.
const LONGEST: usize = 16 << 10;

/// Languages whose printers give what reads as the very same plan; the others may say a condition in another form.
const EXACT: &[&str] = &["logpoint", "car"];
/// Languages in which a condition may be said in another form, but what was read from that is said the same.
const SETTLED: &[&str] = &["spl"];

/// Reads bytes as a query of a language. What is understood must have a canonical text, and, where the language
/// can say it again, read back: as the same plan in the languages of [`EXACT`], as one that is said the same in those
/// of [`SETTLED`].
pub fn query(language: &str, bytes: &[u8]) {
    let Some(source) = source("query", bytes) else { return };
    let Some(rule) = shikra_languages::query(language, None, &source, &Options::default()) else { return };
    if rule.status != LoadStatus::Ok {
        return;
    }
    let canonical = text::plan(&rule.plan);
    if let Some(Ok(said)) = shikra_languages::said(language, &rule.plan) {
        let again = shikra_languages::query(language, None, &Source::new("again", said.as_str()), &Options::default());
        let again = again.filter(|r| r.status == LoadStatus::Ok);
        let settled = |plan| matches!(shikra_languages::said(language, plan), Some(Ok(s)) if s == said);
        let same = again.as_ref().is_some_and(|a| {
            text::plan(&a.plan) == canonical
                || !EXACT.contains(&language) && (!SETTLED.contains(&language) || settled(&a.plan))
        });
        let again = again.map(|a| text::plan(&a.plan));
        assert!(same, "{canonical}\nprinted as {said}\nread as {again:?}");
    }
}

/// Reads bytes as a file of rules of any kind: Sigma, TOML, YAML, pages, notebooks.
pub fn rules(name: &str, bytes: &[u8]) {
    let Some(source) = source(name, bytes) else { return };
    for rule in shikra_languages::load(&[source], &Options::default()).rules {
        let _ = text::plan(&rule.plan);
    }
}

fn source(name: &str, bytes: &[u8]) -> Option<Source> {
    let text = std::str::from_utf8(bytes.get(..bytes.len().min(LONGEST))?).ok()?;
    Some(Source::new(name, text))
}

/// Renders every field of every event.
struct Render;

impl Sink for Render {
    fn event(&mut self, event: &Event<'_>) {
        for slot in event.slots {
            let _ = slot.to_text();
        }
    }
    fn trouble(&mut self, _: Trouble) {}
}

/// Reads bytes as a file of logs, whatever form they turn out to have.
pub fn log(bytes: &[u8]) {
    let Ok(mut file) = tempfile::NamedTempFile::new() else { return };
    if file.write_all(bytes).and_then(|()| file.flush()).is_err() {
        return;
    }
    let options = InputOptions { max_unpacked: 8 << 20, ratio_free: 1 << 20, ..InputOptions::default() };
    let mut parts = Parts::new([file.path().to_owned()], options);
    let mut spare = None;
    while let Some(item) = parts.next(spare.take()) {
        let Item::Part(part) = item else { continue };
        let mut decode: Box<dyn Decode> = (part.format.decode)();
        decode.decode(&part, &mut Render);
        spare = Some(part.data);
    }
}
