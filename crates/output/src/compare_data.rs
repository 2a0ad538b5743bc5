//! What two detections do on logs, and which clauses make the difference, for people and as JSON.

use shikra_engine::differ::{Because, Difference, Only, Why};
use shikra_syntax::Source;

use crate::escape::for_terminal;
use crate::json::Members;
use crate::paint::clip;
use crate::{Paint, Style};

/// Reasons shown where nobody asked for all.
const SHOWN: usize = 6;
/// Longest clause shown where nobody asked for all.
const WIDTH: usize = 300;

/// Two detections on logs.
pub struct OnData<'a> {
    /// What they do.
    pub difference: &'a Difference,
    /// The files of both, for line numbers.
    pub sources: [&'a Source; 2],
}

/// Names of the sides, as sentences and JSON have them.
const SIDES: [&str; 2] = ["first", "second"];

impl OnData<'_> {
    pub(crate) fn render(&self, style: &Style, out: &mut String) {
        let d = self.difference;
        let [a, b] = &d.findings;
        let title = style.paint(Paint::Strong, "on these logs");
        out.push_str(&format!(
            "  {title}: {a} {} of the first, {b} of the second\n",
            if *a == 1 { "finding" } else { "findings" }
        ));
        for (side, why) in SIDES.iter().zip(&d.not_run) {
            if let Some(why) = why {
                let said = format!("the {side} does not run: {}", for_terminal(why));
                out.push_str(&format!("    {}\n", style.paint(Paint::Warn, &said)));
            }
        }
        out.push_str(&format!("    both             {}\n", events(d.both)));
        for (side, only) in d.only.iter().enumerate() {
            let [name, other] = if side == 0 { ["first ", "second"] } else { ["second", "first"] };
            out.push_str(&format!("    only the {name}  {}\n", events(only.events)));
            self.reasons(only, 1 - side, other, style, out);
        }
        if d.cut {
            let said = "there are more events in findings than were compared: these numbers are too small";
            out.push_str(&format!("    {}\n", style.paint(Paint::Warn, said)));
        }
    }

    fn reasons(&self, only: &Only, of: usize, name: &str, style: &Style, out: &mut String) {
        let shown = if style.verbose { usize::MAX } else { SHOWN };
        for because in only.because.iter().take(shown) {
            let what = match &because.why {
                Why::LogSource => format!("the {name} is for other log sources"),
                Why::State => {
                    format!(
                        "the conditions of the {name} hold; number, order, keys or time of its events do not fit"
                    )
                }
                Why::Clause(reason) => {
                    let text = for_terminal(&reason.text);
                    let text = if style.verbose { text } else { clip(&text, WIDTH) };
                    let within = reason.name.as_ref().map(|n| format!(" in {}", for_terminal(n)));
                    let does = if reason.holds { "excludes" } else { "asks for" };
                    let line = self.sources.get(of).map_or(0, |s| s.position(reason.span.start).0);
                    let place = format!("  (line {line}{})", within.unwrap_or_default());
                    format!("the {name} {does} {text}{}", style.paint(Paint::Faint, &place))
                }
            };
            let example =
                format!("{} record {}", for_terminal(&because.example.source), because.example.record);
            let example = style.paint(Paint::Faint, &format!("e.g. {example}"));
            out.push_str(&format!("      {:>6}  {what}\n              {example}\n", because.events));
        }
        if only.because.len() > shown {
            out.push_str(&format!("              and {} more reasons (-v)\n", only.because.len() - shown));
        }
    }

    pub(crate) fn write(&self, o: &mut Members<'_>) {
        let d = self.difference;
        o.key("cut").bool(d.cut);
        o.key("both").object(|o| o.key("events").number(d.both));
        for (side, name) in SIDES.iter().enumerate() {
            let (Some(only), Some(findings), Some(not_run)) =
                (d.only.get(side), d.findings.get(side), d.not_run.get(side))
            else {
                continue;
            };
            o.key(name).object(|o| {
                o.key("findings").number(*findings);
                o.key("events").number(d.both + only.events);
                o.key("not_run").string_or_null(not_run.as_deref());
            });
            o.key(&format!("only_{name}")).object(|o| {
                o.key("events").number(only.events);
                o.key("because").array(|a| {
                    for because in &only.because {
                        a.item().object(|o| self.because(because, 1 - side, o));
                    }
                });
            });
        }
    }

    fn because(&self, because: &Because, of: usize, o: &mut Members<'_>) {
        match &because.why {
            Why::LogSource => o.key("why").string("log-source"),
            Why::State => o.key("why").string("state"),
            Why::Clause(reason) => {
                o.key("why").string(if reason.holds { "excluded" } else { "clause" });
                o.key("text").string(&reason.text);
                o.key("name").string_or_null(reason.name.as_deref());
                let line = self.sources.get(of).map_or(0, |s| s.position(reason.span.start).0);
                o.key("line").number(line as u64);
            }
        }
        o.key("events").number(because.events);
        o.key("example").object(|o| {
            o.key("source").string(&because.example.source);
            o.key("record").number(because.example.record);
        });
    }
}

fn events(n: u64) -> String {
    format!("{n} {}", if n == 1 { "event" } else { "events" })
}
