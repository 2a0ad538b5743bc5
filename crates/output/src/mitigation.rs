//! Past uses of programs that a policy would block.

use std::collections::BTreeSet;

use shikra_engine::finding::EventView;

use crate::escape::for_terminal;
use crate::json::Json;
use crate::paint::{Paint, Style};

/// A start of a program.
#[derive(Clone, Copy, Debug)]
pub struct Use<'a> {
    /// The event.
    pub event: &'a EventView,
    /// The profile that allows it; none: it would have been blocked.
    pub allowed: Option<&'a str>,
    /// Titles of the detections that fired on it.
    pub fired: &'a BTreeSet<String>,
}

/// Fields that say who started what.
const SHOWN: &[&str] = &[
    "CommandLine",
    "User",
    "SubjectUserName",
    "IntegrityLevel",
    "MandatoryLabel",
    "ParentImage",
    "ParentProcessName",
];

impl Use<'_> {
    fn shown(&self) -> Vec<(&'static str, String)> {
        let of = |name: &&'static str| {
            let is = |own: &str| own == *name || own.strip_prefix("winlog.event_data.") == Some(*name);
            let value = self.event.fields.iter().find(|(n, _)| is(n))?.1.to_text()?;
            Some((*name, value.to_string()))
        };
        SHOWN.iter().filter_map(of).collect()
    }

    /// As one line of JSON.
    pub fn to_json(&self) -> String {
        let mut out = Vec::new();
        let fired: Vec<&String> = self.fired.iter().collect();
        Json::new(&mut out).object(|o| {
            o.key("time").time(self.event.time);
            o.key("host").string(&self.event.computer);
            o.key("blocked").bool(self.allowed.is_none());
            o.key("allowed_by").string_or_null(self.allowed);
            o.key("detected_by").strings(&fired);
            o.key("source").string(&self.event.source);
            o.key("record").number(self.event.record);
            o.key("fields").object(|o| self.shown().iter().for_each(|(n, v)| o.key(n).string(v)));
        });
        String::from_utf8(out).unwrap_or_default()
    }

    /// For people.
    pub fn render(&self, style: &Style) -> String {
        let verdict = match self.allowed {
            Some(name) => style.paint(Paint::Good, &format!("allowed ({})", for_terminal(name))),
            None => style.paint(Paint::Bad, "blocked"),
        };
        let ordinary = match self.fired.len() {
            0 => style.paint(Paint::Warn, "no detection fires on it"),
            1 => "1 detection fires on it".to_owned(),
            n => format!("{n} detections fire on it"),
        };
        let time = self.event.time.map(|t| t.to_string()).unwrap_or_default();
        let mut out = format!("{time}  {}  {verdict}, {ordinary}\n", for_terminal(&self.event.computer));
        for (name, value) in self.shown() {
            out.push_str(&format!("    {name}: {}\n", for_terminal(&value)));
        }
        out
    }
}

/// One line over all uses.
pub fn use_summary(uses: &[Use<'_>]) -> String {
    let blocked = uses.iter().filter(|u| u.allowed.is_none());
    let ordinary = blocked.clone().filter(|u| u.fired.is_empty()).count();
    let blocked = blocked.count();
    format!(
        "uses     {}: {blocked} blocked ({ordinary} of them without a detection), {} allowed",
        uses.len(),
        uses.len() - blocked
    )
}
