//! Spans of time.

use super::Parser;
use crate::token::Tok;

const SECOND: f64 = 1e9;

/// Unit and its nanoseconds. Elastic knows the short ones, endgame those from seconds on and the long ones.
const UNITS: &[(&[&str], f64)] = &[
    (&["nanos"], 1.0),
    (&["micros"], 1e3),
    (&["ms", "millisecond", "milliseconds"], 1e6),
    (&["s", "sec", "secs", "second", "seconds"], SECOND),
    (&["m", "min", "mins", "minute", "minutes"], 60.0 * SECOND),
    (&["h", "hr", "hrs", "hour", "hours"], 3600.0 * SECOND),
    (&["d", "day", "days"], 86400.0 * SECOND),
];

impl Parser<'_> {
    /// A number and its unit, in nanoseconds; seconds where no unit follows.
    pub(super) fn duration(&mut self) -> Option<i64> {
        let start = self.span();
        let number = match self.peek() {
            Tok::Int(n) => *n as f64,
            Tok::Float(n) => *n,
            _ => {
                self.expected("a span of time such as `5m`");
                return None;
            }
        };
        self.bump();
        let adjacent = self.span().start == self.from(start).end;
        let unit = match self.peek() {
            Tok::Word { text, quoted: false, .. } if adjacent || known(text).is_some() => Some(text.clone()),
            _ => None,
        };
        let scale = match &unit {
            None => Some(SECOND),
            Some(u) => {
                self.bump();
                known(u)
            }
        };
        let nanoseconds = scale.map(|s| number * s);
        match nanoseconds.filter(|n| *n > 0.0 && *n < i64::MAX as f64) {
            Some(n) => Some(n as i64),
            None => {
                let span = self.from(start);
                let units = "ms, s, m, h and d";
                self.error("duration", format!("not a span of time; the units are {units}"), span);
                None
            }
        }
    }
}

fn known(unit: &str) -> Option<f64> {
    UNITS.iter().find(|(names, _)| names.contains(&unit)).map(|(_, scale)| *scale)
}
