//! Where findings go: the contract of all formats, and their list.

use std::io::{self, Write};

use shikra_engine::finding::{Encoder, Finding, FindingSink, Totals};

use crate::finding::RuleViews;
use crate::{Item, Style};
use crate::{csv, navigator, ndjson, table, timesketch};

/// Takes findings in order, then the totals.
pub trait Sink: Send {
    /// One finding.
    ///
    /// # Errors
    /// Where it cannot be written; a broken pipe is for the caller to judge.
    fn finding(&mut self, item: Item<'_>) -> io::Result<()>;

    /// See [`FindingSink::encoder`].
    fn encoder(&self) -> Option<Box<dyn Encoder>> {
        None
    }

    /// See [`FindingSink::encoded`].
    ///
    /// # Errors
    /// As [`Sink::finding`].
    fn encoded(&mut self, _bytes: &[u8]) -> io::Result<()> {
        Ok(())
    }

    /// The end of the run: collected formats write all they have. Flushes.
    ///
    /// # Errors
    /// As [`Sink::finding`].
    fn finish(&mut self, totals: &Totals) -> io::Result<()>;
}

/// How a format is to be written.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Colour and width of the terminal, for formats that people read.
    pub style: Style,
    /// Examples shown per rule in the table; 0 takes the default.
    pub examples: usize,
}

/// A format: an entry of [`OUTPUTS`].
pub struct Output {
    /// Name on the command line.
    pub name: &'static str,
    /// One line of help.
    pub about: &'static str,
    /// Whether findings are written as they come; otherwise at the end, from a bounded summary.
    pub streams: bool,
    /// Usual file name extension, without the dot.
    pub extension: &'static str,
    /// A writer.
    pub open: fn(Box<dyn Write + Send>, Settings) -> Box<dyn Sink>,
}

/// All formats of `scan`; the first is for people.
pub static OUTPUTS: &[&Output] = &[
    &table::OUTPUT,
    &ndjson::OUTPUT,
    &csv::OUTPUT,
    &timesketch::JSONL,
    &timesketch::CSV,
    &navigator::OUTPUT,
];

/// A format at work: takes what the engine finds and tells the sink.
pub struct Writer {
    sink: Box<dyn Sink>,
    rules: RuleViews,
}

impl Writer {
    /// Writes in a format to `out`.
    pub fn new(output: &Output, out: Box<dyn Write + Send>, settings: Settings) -> Writer {
        Writer { sink: (output.open)(out, settings), rules: RuleViews::default() }
    }

    /// See [`Sink::finish`].
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn finish(mut self, totals: &Totals) -> io::Result<()> {
        self.sink.finish(totals)
    }
}

impl FindingSink for Writer {
    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        let rule = self.rules.view(&finding.rule);
        self.sink.finding(Item::new(&rule, finding))
    }

    fn encoder(&self) -> Option<Box<dyn Encoder>> {
        self.sink.encoder()
    }

    fn encoded(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sink.encoded(bytes)
    }
}

impl Output {
    /// The format of that name.
    pub fn named(name: &str) -> Option<&'static Output> {
        OUTPUTS.iter().copied().find(|o| o.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::escape::is_unsafe;
    use crate::finding::tests::{Shared, event, finding, of, rule};
    use shikra_event::Value;
    use shikra_ir::Level;
    use std::sync::Arc;

    /// What a format makes of findings.
    fn written(name: &str, findings: &[Finding], style: Style) -> String {
        let out = Shared::default();
        let settings = Settings { style, examples: 0 };
        let mut writer = Writer::new(Output::named(name).unwrap(), Box::new(out.clone()), settings);
        let mut totals = Totals { events: 5, ..Totals::default() };
        for f in findings {
            writer.finding(f).unwrap();
            *totals.findings.entry(f.rule.level).or_default() += 1;
        }
        writer.finish(&totals).unwrap();
        let bytes = out.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    fn hostile() -> Vec<Finding> {
        const BAD: &str = "=cmd|'/C calc'!A0\x1b]0;x\x07\u{202e}<script>\0\u{9b}2J\r\n\"";
        let mut rule = (*rule(BAD, BAD, Level::Critical)).clone();
        (rule.path, rule.tags, rule.fields) =
            (BAD.into(), vec![BAD.into(), "attack.t1".into()], vec![BAD.into()]);
        let rule = Arc::new(rule);
        let mut e = (*event(1, &[(BAD, BAD), ("Image", BAD), ("host", BAD)])).clone();
        e.fields.push(("list".into(), Value::List(vec![BAD.into(), Value::Null])));
        (e.source, e.provider, e.channel) = (BAD.into(), BAD.into(), BAD.into());
        e.computer = BAD.into();
        let e = Arc::new(e);
        vec![
            of(&rule, vec![e.clone()]),
            of(&rule, vec![e.clone(), e.clone()]),
            Finding { row: vec![(BAD.into(), BAD.into())], ..of(&rule, vec![]) },
        ]
    }

    #[test]
    fn no_format_passes_on_what_commands() {
        for output in OUTPUTS {
            for colour in [false, true] {
                let style = Style { colour, width: Some(90), verbose: true };
                let text = written(output.name, &hostile(), style);
                let allowed = |c| "\n\r\t".contains(c) || (colour && output.name == "table" && c == '\x1b');
                let bad = text.chars().find(|c| is_unsafe(*c) && !allowed(*c));
                assert_eq!(bad, None, "{}: {text:?}", output.name);
                assert!(!text.contains("\x1b]"), "{}", output.name);
            }
        }
    }

    #[test]
    fn line_formats_have_whole_lines_of_json() {
        for name in ["ndjson", "timesketch"] {
            let text = written(name, &[hostile(), vec![finding()]].concat(), Style::default());
            assert!(text.ends_with('\n'));
            for line in text.lines() {
                let value: serde_json::Value = serde_json::from_str(line).unwrap();
                assert!(value.is_object());
            }
        }
    }

    #[test]
    fn csv_has_equal_rows_without_formulas() {
        for name in ["csv", "timesketch-csv"] {
            let text = written(name, &[hostile(), vec![finding()]].concat(), Style::default());
            let rows = csv_rows(&text);
            assert_eq!(rows.len(), 6, "{name}");
            for row in &rows {
                assert_eq!(row.len(), rows[0].len(), "{name}: {row:?}");
                assert!(!row.iter().any(|c| c.starts_with(['=', '+', '-', '@'])), "{name}: {row:?}");
            }
            assert_eq!(csv_rows(&written(name, &[], Style::default())).len(), 1);
        }
    }

    /// A plain RFC 4180 reader.
    fn csv_rows(text: &str) -> Vec<Vec<String>> {
        let (mut rows, mut row, mut cell, mut quoted) = (vec![], vec![], String::new(), false);
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '"' if quoted && chars.peek() == Some(&'"') => cell.push(chars.next().unwrap()),
                '"' => quoted = !quoted,
                ',' if !quoted => row.push(std::mem::take(&mut cell)),
                '\r' if !quoted => {}
                '\n' if !quoted => {
                    row.push(std::mem::take(&mut cell));
                    rows.push(std::mem::take(&mut row));
                }
                c => cell.push(c),
            }
        }
        rows
    }

    #[test]
    fn timesketch_has_its_columns() {
        let text = written("timesketch", &[finding()], Style::default());
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["message"], "[high] CMSTP: CallTrace: cmlua.dll");
        assert_eq!(value["datetime"], "2020-10-22T01:54:25.123456+00:00");
        assert_eq!(value["timestamp_desc"], "Event Logged");
        assert_eq!(value["CallTrace"], "cmlua.dll");
        let twins = of(&finding().rule, vec![event(0, &[("Image", "a")]), event(1, &[("Image", "a")])]);
        let text = written("timesketch", &[Finding { twins: true, ..twins }], Style::default());
        let value: serde_json::Value = serde_json::from_str(&text).expect("one entry for two records");
        assert_eq!(value["message"], "[high] CMSTP: Image: a (also Sysmon 10, record 1)");
        let long = of(&finding().rule, vec![event(0, &[("host", &"é".repeat(40_000))])]);
        let value: serde_json::Value =
            serde_json::from_str(&written("timesketch", &[long], Style::default())).unwrap();
        let text = value["field_host"].as_str().unwrap();
        assert!(text.len() <= 32_766 && text.ends_with("… [cut]"));
    }

    #[test]
    fn navigator_scores_techniques() {
        let low = of(&rule("2", "Low one", Level::Low), vec![event(1, &[])]);
        let text = written("navigator", &[finding(), low.clone(), low], Style::default());
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["versions"]["layer"], "4.5");
        let t = &value["techniques"][0];
        assert_eq!((t["techniqueID"].as_str(), t["score"].as_u64()), (Some("T1218.003"), Some(3)));
        assert_eq!(t["comment"], "2 × Low one\n1 × CMSTP");
        assert_eq!(t["color"], "#ef3b2c");
    }

    #[test]
    fn table_groups_and_fits() {
        let often = rule("1", "Often", Level::Medium);
        let mut findings: Vec<Finding> = (0..50)
            .map(|i| {
                let image = format!("C:\\{}\\{}.exe", "long\\".repeat(30), i % 10);
                of(&often, vec![event(i * 1_000_000_000, &[("Image", &image)])])
            })
            .collect();
        findings.push(finding());
        for columns in [40, 80, 200] {
            for verbose in [false, true] {
                let style = Style { colour: false, width: Some(columns), verbose };
                let text = written("table", &findings, style);
                assert!(text.find(" HIGH ").unwrap() < text.find(" MEDIUM ").unwrap(), "{text}");
                assert!(text.contains("50 × Often"), "{text}");
                if columns >= 80 {
                    assert!(text.contains("2020-10-22 01:54:25 to 01:55:14"), "{text}");
                    let widest = text.lines().map(crate::paint::width).max().unwrap();
                    assert!(widest <= columns, "{widest} > {columns}: {text}");
                }
            }
        }
        assert!(written("table", &findings, Style::default()).contains("… and 35 more"));
    }
}
