//! Event time: nanoseconds since the Unix epoch, and the textual forms logs use.
//!
//! Times outside the years 1678 to 2261 do not fit and read as absent: no real event has one.

use std::fmt;

/// Nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp(pub i64);

/// 100 ns ticks between 1601-01-01 (FILETIME zero) and 1970-01-01.
pub const FILETIME_UNIX_OFFSET: i64 = 116_444_736_000_000_000;

impl Timestamp {
    /// From a Windows FILETIME (100 ns ticks since 1601). None where it does not fit.
    pub fn from_filetime(ticks: u64) -> Option<Timestamp> {
        let since_unix = i64::try_from(ticks).ok()?.checked_sub(FILETIME_UNIX_OFFSET)?;
        since_unix.checked_mul(100).map(Timestamp)
    }

    /// From calendar fields (UTC). None where a field is out of range.
    pub fn from_civil(
        year: i64,
        month: u32,
        day: u32,
        h: u32,
        m: u32,
        s: u32,
        nanos: u32,
    ) -> Option<Timestamp> {
        let ok = (1..=12).contains(&month)
            && day >= 1
            && day <= days_in_month(year, month)
            && h < 24
            && m < 60
            && s < 60
            && nanos < 1_000_000_000;
        if !ok || !(1600..=2300).contains(&year) {
            return None;
        }
        let secs = days_from_civil(year, month, day) * 86_400 + i64::from(h * 3600 + m * 60 + s);
        secs.checked_mul(1_000_000_000)?.checked_add(i64::from(nanos)).map(Timestamp)
    }

    /// Reads the forms that logs use: RFC 3339 with any number of fraction digits and `Z`, an offset or
    /// none (taken as UTC), `T` or a space between date and time, `/` for `-`, or a date alone.
    pub fn parse(text: &str) -> Option<Timestamp> {
        parse(text.trim().as_bytes())
    }

    /// Calendar fields in UTC: year, month, day, hour, minute, second, nanosecond.
    pub fn civil(self) -> (i64, u32, u32, u32, u32, u32, u32) {
        let secs = self.0.div_euclid(1_000_000_000);
        let nanos = self.0.rem_euclid(1_000_000_000) as u32;
        let (y, mo, d, h, mi, s) = civil_from_seconds(secs);
        (y, mo, d, h, mi, s, nanos)
    }

    /// Day of the week, Monday = 1 … Sunday = 7 (ISO 8601).
    pub fn iso_weekday(self) -> u32 {
        let days = self.0.div_euclid(86_400_000_000_000);
        ((days + 3).rem_euclid(7) + 1) as u32
    }

    /// ISO 8601 week number, 1 to 53.
    pub fn iso_week(self) -> u32 {
        let (year, ..) = self.civil();
        let day = self.0.div_euclid(86_400_000_000_000);
        let thursday = day + 4 - i64::from(self.iso_weekday());
        let (thursday_year, ..) = civil_from_days(thursday);
        debug_assert!((thursday_year - year).abs() <= 1);
        ((thursday - days_from_civil(thursday_year, 1, 1)) / 7 + 1) as u32
    }
}

/// RFC 3339 in UTC with the fewest of 3, 6, 7 or 9 fraction digits that lose nothing (none for whole seconds).
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; TEXT];
        let used = self.write_text(&mut text);
        f.write_str(std::str::from_utf8(&text[..used]).unwrap_or_default())
    }
}

/// Longest text of a time: `-1677-09-21T00:12:43.145224192Z`, with room to spare.
const TEXT: usize = 40;

impl Timestamp {
    /// Writes the text form; answers its length. By hand: findings are full of times, and formatting machinery
    /// took longer than everything else about them.
    fn write_text(self, out: &mut [u8; TEXT]) -> usize {
        let (y, mo, d, h, mi, s, nanos) = self.civil();
        let mut at = 0;
        let mut digits = |mut n: u32, count: usize, then: u8| {
            for place in (at..at + count).rev() {
                out[place] = b'0' + (n % 10) as u8;
                n /= 10;
            }
            out[at + count] = then;
            at += count + 1;
        };
        digits(y.unsigned_abs() as u32, 4, b'-');
        digits(mo, 2, b'-');
        digits(d, 2, b'T');
        digits(h, 2, b':');
        digits(mi, 2, b':');
        match nanos {
            0 => digits(s, 2, b'Z'),
            n => {
                digits(s, 2, b'.');
                match n {
                    _ if n % 1_000_000 == 0 => digits(n / 1_000_000, 3, b'Z'),
                    _ if n % 1_000 == 0 => digits(n / 1_000, 6, b'Z'),
                    _ if n % 100 == 0 => digits(n / 100, 7, b'Z'),
                    _ => digits(n, 9, b'Z'),
                }
            }
        }
        at
    }
}

fn parse(b: &[u8]) -> Option<Timestamp> {
    let number = |from: usize, len: usize| -> Option<u32> {
        let digits = b.get(from..from + len)?;
        digits.iter().try_fold(0u32, |n, d| d.is_ascii_digit().then(|| n * 10 + u32::from(d - b'0')))
    };
    let separator = |at: usize| matches!(b.get(at), Some(b'-' | b'/'));
    if !separator(4) || !separator(7) {
        return None;
    }
    let (y, mo, d) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    if b.len() == 10 {
        return Timestamp::from_civil(i64::from(y), mo, d, 0, 0, 0, 0);
    }
    if !matches!(b.get(10), Some(b'T' | b't' | b' ')) || b.get(13) != Some(&b':') {
        return None;
    }
    let (h, mi) = (number(11, 2)?, number(14, 2)?);
    let mut at = 16;
    let s = if b.get(16) == Some(&b':') {
        at = 19;
        number(17, 2)?
    } else {
        0
    };
    let mut nanos = 0u32;
    if at == 19 && matches!(b.get(at), Some(b'.' | b',')) {
        at += 1;
        let mut scale = 100_000_000;
        while let Some(d) = b.get(at).filter(|d| d.is_ascii_digit()) {
            nanos += u32::from(d - b'0') * scale;
            scale /= 10;
            at += 1;
        }
    }
    let base = Timestamp::from_civil(i64::from(y), mo, d, h, mi, s.min(59), nanos)?;
    let offset = parse_offset(b.get(at..)?)?;
    base.0.checked_sub(offset.checked_mul(1_000_000_000)?).map(Timestamp)
}

/// Seconds east of UTC of a trailing zone: nothing, `Z`, ` UTC`, `+hh:mm`, `-hhmm`, `+hh`.
fn parse_offset(zone: &[u8]) -> Option<i64> {
    let zone = zone.strip_prefix(b" ").unwrap_or(zone);
    match zone {
        b"" | b"Z" | b"z" | b"UTC" | b"GMT" => return Some(0),
        _ => {}
    }
    let (sign, rest) = match zone.split_first()? {
        (b'+', r) => (1, r),
        (b'-', r) => (-1, r),
        _ => return None,
    };
    let digits: Vec<i64> = rest.iter().filter(|b| **b != b':').map(|b| i64::from(*b) - 48).collect();
    if digits.iter().any(|d| !(0..=9).contains(d)) {
        return None;
    }
    let minutes = match digits[..] {
        [a, b] => (a * 10 + b) * 60,
        [a, b, c, d] => (a * 10 + b) * 60 + c * 10 + d,
        _ => return None,
    };
    Some(sign * minutes * 60)
}

pub(crate) fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date in the proleptic Gregorian calendar (Hinnant, "chrono-compatible date algorithms").
fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let mp = i64::from((month + 9) % 12);
    let doy = (153 * mp + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

/// Calendar fields of so many seconds since 1970-01-01T00:00:00Z.
pub(crate) fn civil_from_seconds(seconds: i64) -> (i64, u32, u32, u32, u32, u32) {
    let (y, mo, d) = civil_from_days(seconds.div_euclid(86_400));
    let s = seconds.rem_euclid(86_400) as u32;
    (y, mo, d, s / 3600, s / 60 % 60, s % 60)
}

/// Inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = (doy - (153 * mp + 2) / 5 + 1) as u32;
    let month = if mp < 10 { mp + 3 } else { mp - 9 } as u32;
    (yoe + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_forms_agree() {
        let t = Timestamp::parse("2020-10-22T01:54:25.1234567Z").unwrap();
        assert_eq!(t.to_string(), "2020-10-22T01:54:25.1234567Z");
        for other in [
            "2020-10-22 01:54:25.1234567",
            "2020/10/22 03:54:25.1234567+02:00",
            "2020-10-21T20:54:25.1234567-0500",
            "2020-10-22 01:54:25.1234567 UTC",
        ] {
            assert_eq!(Timestamp::parse(other), Some(t), "{other}");
        }
        assert_eq!(Timestamp::parse("2020-10-22").unwrap().to_string(), "2020-10-22T00:00:00Z");
        for bad in ["", "2020", "2020-13-01", "2020-02-30", "2020-01-01T25:00", "yesterday", "2020-01-01Tééé"]
        {
            assert_eq!(Timestamp::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn filetime_and_calendar() {
        assert_eq!(Timestamp::from_filetime(116_444_736_000_000_000), Some(Timestamp(0)));
        assert_eq!(Timestamp::from_filetime(u64::MAX), None);
        let leap = Timestamp::parse("2024-02-29T12:00:00Z").unwrap();
        assert_eq!(leap.to_string(), "2024-02-29T12:00:00Z");
        assert_eq!((leap.iso_weekday(), leap.iso_week()), (4, 9));
        assert_eq!(Timestamp::parse("2021-01-03T00:00:00Z").unwrap().iso_week(), 53);
        assert_eq!(Timestamp(-1).to_string(), "1969-12-31T23:59:59.999999999Z");
    }
}
