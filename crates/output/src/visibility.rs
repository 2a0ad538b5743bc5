//! What telemetry rules need, and what hides it from them.

use std::collections::{BTreeMap, BTreeSet};

use shikra_ir::RuleMeta;
use shikra_visibility::{EventNeed, Needs, Setting, Sight, Verdict, setting_of};

use crate::escape::for_terminal;
use crate::json::Json;
use crate::paint::{Paint, Style};

/// What is said of one rule.
#[derive(Clone, Debug)]
pub struct RuleSight<'a> {
    /// The rule.
    pub rule: &'a RuleMeta,
    /// What a configuration leaves of its events; none where none was given.
    pub verdict: Option<Verdict>,
    /// What was seen in logs; none where none were given.
    pub data: Option<Data>,
}

/// What logs say of a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Data {
    /// Whether events and fields that it needs were there.
    pub there: bool,
    /// Its findings.
    pub findings: u64,
    /// Those of them that the configuration would have left.
    pub left: u64,
}

impl Data {
    fn word(self) -> &'static str {
        match (self.there, self.findings) {
            (_, 1..) => "fired",
            (true, _) => "can fire",
            (false, _) => "no data",
        }
    }
}

impl RuleSight<'_> {
    /// As one line of JSON.
    pub fn to_json(&self) -> String {
        let mut out = Vec::new();
        Json::new(&mut out).object(|o| {
            o.key("rule").object(|o| {
                o.key("id").string(&self.rule.id);
                o.key("title").string(&self.rule.title);
                o.key("language").string(self.rule.language);
                o.key("path").string(&self.rule.path);
                o.key("techniques").strings(&self.rule.techniques());
            });
            if let Some(v) = &self.verdict {
                o.key("sight").string(v.sight.as_str());
                o.key("why").strings(&v.why);
            }
            if let Some(d) = &self.data {
                o.key("data").bool(d.there || d.findings > 0);
                o.key("findings").number(i128::from(d.findings));
                if self.verdict.is_some() {
                    o.key("findings_left").number(i128::from(d.left));
                }
            }
        });
        String::from_utf8(out).unwrap_or_default()
    }

    /// For people.
    pub fn render(&self, style: &Style) -> String {
        let mut out = String::new();
        if let Some(v) = &self.verdict {
            let paint = match v.sight {
                Sight::Blind => Paint::Bad,
                Sight::Narrowed => Paint::Warn,
                Sight::Excepted | Sight::Sees | Sight::Elsewhere => Paint::Good,
            };
            out.push_str(&style.paint(paint, &format!("{:10}", v.sight.as_str())));
        }
        if let Some(d) = &self.data {
            out.push_str(&format!("{:9}", d.word()));
            if d.findings > 0 && self.verdict.is_some() {
                out.push_str(&format!("{} of {} findings left  ", d.left, d.findings));
            } else if d.findings > 0 {
                out.push_str(&format!("{} findings  ", d.findings));
            }
        }
        let path = style.paint(Paint::Faint, &for_terminal(&self.rule.path));
        out.push_str(&format!("{}  {path}\n", for_terminal(&self.rule.title)));
        for reason in self.verdict.iter().flat_map(|v| &v.why) {
            out.push_str(&format!("    {}\n", for_terminal(reason)));
        }
        out
    }
}

/// One line over all rules.
pub fn sight_summary(all: &[RuleSight<'_>]) -> String {
    let mut parts = Vec::new();
    for sight in [Sight::Blind, Sight::Narrowed, Sight::Excepted, Sight::Sees, Sight::Elsewhere] {
        let n = all.iter().filter(|r| r.verdict.as_ref().is_some_and(|v| v.sight == sight)).count();
        if n > 0 {
            parts.push(format!("{n} {}", sight.as_str()));
        }
    }
    for word in ["fired", "can fire", "no data"] {
        let n = all.iter().filter(|r| r.data.is_some_and(|d| d.word() == word)).count();
        if n > 0 {
            parts.push(format!("{n} {word}"));
        }
    }
    format!("rules    {}: {}", all.len(), parts.join(", "))
}

/// An event that rules need.
#[derive(Clone, Debug, Default)]
struct Telemetry {
    fields: BTreeSet<String>,
    rules: BTreeSet<usize>,
}

/// Which telemetry rules need: events, fields, what switches them on, and how many rules read them.
pub fn telemetry(needs: &[Needs], style: Option<&Style>) -> String {
    let mut all: BTreeMap<(&str, &str, u32), Telemetry> = BTreeMap::new();
    for (number, event) in events(needs) {
        let t = all.entry((&event.provider, &event.channel, event.event_id)).or_default();
        t.fields.extend(event.fields.iter().cloned());
        t.rules.insert(number);
    }
    let mut out = String::new();
    for ((provider, channel, id), t) in &all {
        let fields: Vec<&str> = t.fields.iter().map(String::as_str).collect();
        let settings: Vec<String> = setting_of(channel, *id, &fields).into_iter().map(said).collect();
        match style {
            None => out.push_str(&telemetry_json(provider, channel, *id, t, &settings)),
            Some(style) => {
                let event = style.paint(Paint::Strong, &format!("{provider} {id}"));
                out.push_str(&format!("{event}  {} rules\n", t.rules.len()));
                out.push_str(&format!("    fields  {}\n", fields.join(", ")));
                settings.iter().for_each(|s| out.push_str(&format!("    needs   {s}\n")));
            }
        }
    }
    out
}

fn telemetry_json(provider: &str, channel: &str, id: u32, t: &Telemetry, settings: &[String]) -> String {
    let mut line = Vec::new();
    let fields: Vec<&String> = t.fields.iter().collect();
    Json::new(&mut line).object(|o| {
        o.key("provider").string(provider);
        o.key("channel").string(channel);
        o.key("event_id").number(id);
        o.key("fields").strings(&fields);
        o.key("settings").strings(settings);
        o.key("rules").number(t.rules.len() as i64);
    });
    String::from_utf8(line).unwrap_or_default() + "\n"
}

fn events(needs: &[Needs]) -> impl Iterator<Item = (usize, &EventNeed)> {
    let stages = needs.iter().enumerate().flat_map(|(n, needs)| needs.stages.iter().map(move |s| (n, s)));
    stages.flat_map(|(n, stage)| stage.events.iter().map(move |e| (n, e)))
}

fn said(setting: Setting) -> String {
    match setting {
        Setting::Audit(name) => format!("audit of {name}"),
        Setting::Registry(key, name, number) => format!(r"{key}\{name} = {number}"),
        Setting::Log(channel) => format!("the log {channel} switched on"),
    }
}
