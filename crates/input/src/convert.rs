//! Values that some producers write differently from Windows, brought back to how Windows renders them.

use shikra_event::{Kind, Slot, Timestamp};

/// How a value is brought to the form that the same field has in an EVTX record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Convert {
    /// As it is.
    #[default]
    Keep,
    /// A null or an empty object stands for an element without content: no value at all.
    NullIsMissing,
    /// The name of a level (`Information`) to its number.
    Level,
    /// A GUID without braces gets them, in lower case as in the XML of Windows.
    Braces,
    /// Keywords written as a signed number to hexadecimal.
    Keywords,
    /// The display name of a provider to its name.
    Provider,
    /// Text in which every backslash is written twice has them once.
    Doubled,
    /// What Splunk calls the source of an event to its log.
    Source,
}

impl Convert {
    /// Converts `slot` in place; where new bytes are needed they are handed to `own` with their kind.
    pub fn apply(self, slot: &mut Slot<'_>, own: impl FnOnce(Kind, Vec<u8>)) {
        match self {
            Convert::Keep => {}
            Convert::NullIsMissing => {
                if slot.kind == Kind::JSON_NULL || slot.kind == Kind::JSON_OBJECT {
                    *slot = Slot::MISSING;
                }
            }
            Convert::Level => {
                if let Some(number) = level(slot.data) {
                    *slot = Slot { kind: Kind::UTF8, data: number };
                }
            }
            Convert::Braces => {
                if is_bare_guid(slot.data) {
                    own(slot.kind, [b"{", slot.data.to_ascii_lowercase().as_slice(), b"}"].concat());
                }
            }
            Convert::Doubled => {
                // A JSON string holds its own escapes still.
                let unit: &[u8] = if slot.kind == Kind::JSON_STRING { b"\\\\" } else { b"\\" };
                if let Some(single) = undoubled(slot.data, unit) {
                    own(slot.kind, single);
                }
            }
            Convert::Source => {
                if let Some(log) = log_of_source(slot.data) {
                    *slot = Slot { kind: slot.kind, data: log };
                }
            }
            Convert::Keywords => {
                if let Some(known) = keywords(slot.data) {
                    *slot = Slot { kind: Kind::UTF8, data: known };
                    return;
                }
                let number = std::str::from_utf8(slot.data).ok().and_then(|t| t.parse::<i64>().ok());
                if let Some(number) = number {
                    own(Kind::UTF8, format!("{number:#x}").into_bytes());
                }
            }
            Convert::Provider => {
                let shown = DISPLAYED.iter().find(|(shown, _)| shown.as_bytes() == slot.data);
                if let Some((_, name)) = shown {
                    *slot = Slot { kind: Kind::UTF8, data: name.as_bytes() };
                }
            }
        }
    }
}

/// Names under which providers are shown, and their own.
pub(crate) const DISPLAYED: &[(&str, &str)] = &[
    ("Microsoft Windows security auditing.", SECURITY),
    ("Microsoft-Windows-Service Control Manager", "Service Control Manager"),
];
/// The provider of the Security log.
pub(crate) const SECURITY: &str = "Microsoft-Windows-Security-Auditing";

/// `text` with half of its backslashes, where there are any and all stand in pairs; a backslash is `unit`.
fn undoubled(text: &[u8], unit: &[u8]) -> Option<Vec<u8>> {
    let pair = unit.repeat(2);
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let (before, from) = rest.split_at_checked(at)?;
        out.extend_from_slice(before);
        if let Some(after) = from.strip_prefix(pair.as_slice()) {
            out.extend_from_slice(unit);
            rest = after;
        } else if unit.len() > 1 && from.get(1).is_some_and(|c| *c != b'\\') {
            // Another escape of JSON, e.g. of a quote.
            let (escape, after) = from.split_at_checked(2)?;
            out.extend_from_slice(escape);
            rest = after;
        } else {
            return None;
        }
    }
    out.extend_from_slice(rest);
    (out.len() < text.len()).then_some(out)
}

fn level(name: &[u8]) -> Option<&'static [u8]> {
    const LEVELS: [(&[u8], &[u8]); 7] = [
        (b"information", b"4"),
        (b"info", b"4"),
        (b"warning", b"3"),
        (b"error", b"2"),
        (b"critical", b"1"),
        (b"verbose", b"5"),
        (b"informational", b"4"),
    ];
    LEVELS.iter().find(|(text, _)| name.eq_ignore_ascii_case(text)).map(|(_, number)| *number)
}

/// The usual keywords, so that they cost nothing: as numbers, and as Event Viewer shows them.
fn keywords(text: &[u8]) -> Option<&'static [u8]> {
    const KNOWN: [(&[u8], &[u8]); 7] = [
        (b"-9223372036854775808", b"0x8000000000000000"),
        (b"-9214364837600034816", b"0x8020000000000000"),
        (b"-9218868437227405312", b"0x8010000000000000"),
        (b"36028797018963968", b"0x80000000000000"),
        (b"0", b"0x0"),
        (b"Audit Success", b"0x8020000000000000"),
        (b"Audit Failure", b"0x8010000000000000"),
    ];
    KNOWN.iter().find(|(from, _)| *from == text).map(|(_, to)| *to)
}

/// The log of `WinEventLog:Security`, `XmlWinEventLog:Microsoft-Windows-Sysmon/Operational`.
pub(crate) fn log_of_source(source: &[u8]) -> Option<&[u8]> {
    [b"XmlWinEventLog:".as_slice(), b"WinEventLog:"].iter().find_map(|prefix| source.strip_prefix(*prefix))
}

/// Time as Kibana shows it, `Mar 2, 2026 @ 08:20:15.123`, taken as UTC.
pub(crate) fn kibana_time(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (date, clock) = text.split_once(" @ ")?;
    let (day, year) = date.split_once(", ")?;
    let (month, day) = day.split_once(' ')?;
    let month = MONTHS.iter().position(|m| *m == month)? + 1;
    Timestamp::parse(&format!("{year}-{month:02}-{day:0>2}T{clock}Z"))
}

/// Local time as Splunk writes it, `07/20/2022 06:51:37 AM`, taken as UTC.
pub(crate) fn american_time(text: &str) -> Option<Timestamp> {
    let mut parts = text.split(' ');
    let mut date = parts.next()?.split('/').map(str::parse::<u32>);
    let (month, day, year) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let mut clock = parts.next()?.split([':', '.']);
    let (hour, minute, second) = (clock.next()?.parse::<u32>().ok()?, clock.next()?, clock.next()?);
    let afternoon = match parts.next()? {
        "AM" => 0,
        "PM" => 12,
        _ => return None,
    };
    let (minute, second) = (minute.parse().ok()?, second.parse().ok()?);
    Timestamp::from_civil(i64::from(year), month, day, hour % 12 + afternoon, minute, second, 0)
}

/// Milliseconds since 1970 as .NET writes them in JSON: `/Date(1772439615123)/`, with escaped slashes or without.
pub(crate) fn date_call(text: &str) -> Option<Timestamp> {
    let (_, number) = text.split_once("/Date(")?;
    let millis: i64 = number.split(')').next()?.parse().ok()?;
    millis.checked_mul(1_000_000).map(Timestamp)
}

fn is_bare_guid(text: &[u8]) -> bool {
    text.len() == 36
        && text.iter().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => *b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

/// A point in time written as a number: seconds, milliseconds, microseconds or nanoseconds since 1970, or a
/// FILETIME, told apart by their size (years 1973 to 5138).
pub(crate) fn epoch(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let number: i64 = whole.parse().ok()?;
    let scale = match number {
        100_000_000..100_000_000_000 => return seconds(number, fraction),
        100_000_000_000..100_000_000_000_000 => 1_000_000,
        100_000_000_000_000..50_000_000_000_000_000 => 1_000,
        50_000_000_000_000_000..1_000_000_000_000_000_000 => {
            return Timestamp::from_filetime(number.unsigned_abs());
        }
        1_000_000_000_000_000_000.. => 1,
        _ => return None,
    };
    number.checked_mul(scale).map(Timestamp)
}

fn seconds(whole: i64, fraction: &str) -> Option<Timestamp> {
    let mut nanos = 0i64;
    let mut scale = 100_000_000;
    for digit in fraction.bytes().take(9) {
        if !digit.is_ascii_digit() {
            return None;
        }
        nanos += i64::from(digit - b'0') * scale;
        scale /= 10;
    }
    whole.checked_mul(1_000_000_000)?.checked_add(nanos).map(Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_epoch() {
        let expected = Timestamp::parse("2020-10-22T01:54:25.123Z");
        for text in ["1603331665.123", "1603331665123", "1603331665123000", "1603331665123000000"] {
            assert_eq!(epoch(text), expected, "{text}");
        }
        assert_eq!(epoch("132478052651230000"), expected);
        for text in ["", "12", "-5", "x", "1603331665.1x"] {
            assert_eq!(epoch(text), None, "{text}");
        }
    }

    #[test]
    fn backslashes_written_twice() {
        let check = |text: &str, unit: &str, want: Option<&str>| {
            let got = undoubled(text.as_bytes(), unit.as_bytes());
            assert_eq!(got.as_deref(), want.map(str::as_bytes), "{text}");
        };
        let (plain, json) = (r"\", r"\\");
        check(r"c:\\a\\b", plain, Some(r"c:\a\b"));
        check(r"c:\a\\b", plain, None);
        check(r"c:\\\\a", json, Some(r"c:\\a"));
        check(r#"\"c:\\\\a\" x"#, json, Some(r#"\"c:\\a\" x"#));
        check(r"c:\\a", json, None);
        check("none", json, None);
    }

    #[test]
    fn guids_levels_keywords() {
        let check = |convert: Convert, text: &str, expected: &str| {
            let mut slot = Slot::utf8(text);
            let mut made = None;
            convert.apply(&mut slot, |_, bytes| made = Some(String::from_utf8(bytes).unwrap()));
            assert_eq!(made.or_else(|| slot.to_text()).as_deref(), Some(expected));
        };
        check(
            Convert::Braces,
            "0197231E-005A-6928-A50B-000000000D00",
            "{0197231e-005a-6928-a50b-000000000d00}",
        );
        check(Convert::Braces, "{x}", "{x}");
        check(Convert::Level, "Information", "4");
        check(Convert::Level, "4", "4");
        check(Convert::Keywords, "-9223372036854775808", "0x8000000000000000");
        check(Convert::Keywords, "0x80", "0x80");
        check(Convert::Provider, "Microsoft Windows security auditing.", SECURITY);
    }
}
