//! Derivations: one field's value from another's.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use shikra_event::Value;

use crate::argv;

/// A derivation of one field's value from another's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Derive {
    /// Last part of a path: `process.name` of `Image`. Separators `\` and `/`.
    BaseName,
    /// All but the last part of a path, without the separator.
    DirName,
    /// What follows the last dot of the last path part, without the dot.
    Extension,
    /// Arguments of a command line, split as `CommandLineToArgvW` does: a list.
    Args,
    /// Number of arguments of a command line.
    ArgsCount,
    /// One hash of Sysmon's `Hashes` (`SHA1=…,MD5=…`), by algorithm name.
    Hash(Arc<str>),
    /// What follows the `\` of `DOMAIN\user`, or the whole.
    User,
    /// What precedes the `\` of `DOMAIN\user`.
    Domain,
    /// Lower case.
    Lower,
    /// Hexadecimal text (`0x1a4`) as a number, e.g. process ids of Security 4688. Decimal text too.
    HexNumber,
    /// Decimal text as a number.
    Number,
    /// `true` or `false`, in any case, as a truth.
    Bool,
    /// Without surrounding braces: GUIDs.
    NoBraces,
    /// Without blanks and line breaks around it: as Splunk extracts values from XML.
    Trim,
    /// A value by a table, names in any case; what the table lacks is null.
    Map(Arc<[(String, String)]>),
    /// First part of a registry path, short form (`HKLM`).
    RegistryHive,
    /// A registry path without its hive.
    RegistryKey,
    /// Last part of a registry path.
    RegistryValue,
    /// A registry path as the kernel writes it (`\REGISTRY\MACHINE\…`) in the form that Sysmon writes
    /// (`HKLM\…`).
    RegistryPath,
    /// Number or text that Sysmon's `Details` of a registry value holds: `DWORD (0x00000004)` is `4`.
    RegistryData,
    /// Type of what Sysmon's `Details` of a registry value holds, as ECS names it: `SZ_DWORD`, `SZ_QWORD`,
    /// `REG_SZ`.
    RegistryType,
    /// What stands in the parentheses of Sysmon's `Details`: `DWORD (0x00000004)` is `0x00000004`; other text as
    /// it is.
    RegistryNumber,
    /// A decimal number as Sysmon's `Details` writes a DWORD: `4` is `DWORD (0x00000004)`; other text null.
    Dword,
    /// Value of a line `name=value` in a text of several lines: `HostApplication` in the classic PowerShell
    /// log.
    Line(Arc<str>),
    /// The non-empty parts of a text between a separator: a list. Surrounding blanks are dropped.
    Split(Arc<str>),
    /// A 16-bit unsigned, big-endian pair or dotted text as an address, for address fields: text as it is
    /// where it is already an address. IPv4 in IPv6 (`::ffff:10.0.0.1`) is IPv4; what is no address is null.
    Address,
}

impl Derive {
    /// Applies one derivation to one value; null and missing stay as they are, what cannot be derived is
    /// null, and of a list each element is derived.
    pub fn apply(&self, value: Value) -> Value {
        match value {
            v if v.is_null() => v,
            Value::List(all) => {
                let derived = all.into_iter().map(|v| self.apply(v));
                Value::List(derived.flat_map(|v| v.elements().to_vec()).collect())
            }
            v => self.scalar(&v).unwrap_or(Value::Null),
        }
    }

    /// Applies several, left to right.
    pub fn apply_all(all: &[Derive], value: Value) -> Value {
        all.iter().fold(value, |v, d| d.apply(v))
    }

    fn scalar(&self, value: &Value) -> Option<Value> {
        if let (Derive::HexNumber | Derive::Number, Value::I64(_)) = (self, value) {
            return Some(value.clone());
        }
        let text = value.to_text()?;
        let text = text.as_str();
        Some(match self {
            Derive::BaseName => base_name(text).into(),
            Derive::DirName => Value::from(&text[..text.rfind(['\\', '/'])?]),
            Derive::Extension => base_name(text).rsplit_once('.')?.1.into(),
            Derive::Args => list(argv::split(text)),
            Derive::ArgsCount => i64::try_from(argv::split(text).len()).ok()?.into(),
            Derive::Hash(algorithm) => hash(text, algorithm)?.into(),
            Derive::User => text.split_once('\\').map_or(text, |(_, user)| user).into(),
            Derive::Domain => text.split_once('\\')?.0.into(),
            Derive::Lower => Value::from(&*text.to_lowercase()),
            Derive::HexNumber => hex_number(text)?.into(),
            Derive::Number => text.trim().parse::<i64>().ok()?.into(),
            Derive::Bool => text.to_ascii_lowercase().parse::<bool>().ok()?.into(),
            Derive::NoBraces => {
                text.strip_prefix('{').and_then(|t| t.strip_suffix('}')).unwrap_or(text).into()
            }
            Derive::Trim => text.trim().into(),
            Derive::Map(table) => table.iter().find(|(k, _)| k.eq_ignore_ascii_case(text))?.1.as_str().into(),
            Derive::RegistryHive => registry_hive(text)?.into(),
            Derive::RegistryKey => Value::from(&*without_hive(text)?),
            Derive::RegistryValue => text.rsplit_once('\\')?.1.into(),
            Derive::RegistryPath => Value::from(&*registry_path(text)),
            Derive::RegistryData => Value::from(&*registry_data(text)),
            Derive::RegistryNumber => registry_number(text, "DWORD")
                .or_else(|| registry_number(text, "QWORD"))
                .unwrap_or(text)
                .into(),
            Derive::RegistryType => registry_type(text).into(),
            Derive::Dword => Value::from(&*format!("DWORD (0x{:08x})", text.trim().parse::<u32>().ok()?)),
            Derive::Line(name) => line(text, name)?.into(),
            Derive::Split(separator) => {
                let parts = text.split(separator.as_ref()).map(str::trim).filter(|p| !p.is_empty());
                list(parts.map(str::to_owned).collect())
            }
            Derive::Address => Value::from(&*address(value, text)?.to_string()),
        })
    }
}

fn list(texts: Vec<String>) -> Value {
    Value::List(texts.iter().map(|t| Value::from(t.as_str())).collect())
}

fn base_name(path: &str) -> &str {
    path.rsplit(['\\', '/']).next().unwrap_or("")
}

fn hash<'a>(hashes: &'a str, algorithm: &str) -> Option<&'a str> {
    let mut pairs = hashes.split(',').filter_map(|p| p.trim().split_once('='));
    pairs.find(|(name, _)| name.eq_ignore_ascii_case(algorithm)).map(|(_, digest)| digest)
}

fn hex_number(text: &str) -> Option<i64> {
    let text = text.trim();
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Long names of the hives, with the short ones.
const HIVES: &[(&str, &str)] = &[
    ("HKEY_LOCAL_MACHINE", "HKLM"),
    ("HKEY_USERS", "HKU"),
    ("HKEY_CURRENT_USER", "HKCU"),
    ("HKEY_CLASSES_ROOT", "HKCR"),
    ("HKEY_CURRENT_CONFIG", "HKCC"),
];

fn registry_hive(path: &str) -> Option<&str> {
    if path.is_empty() {
        return None;
    }
    let first = path.split('\\').next()?;
    if first.is_empty() {
        let kernel = registry_path(path);
        return ["HKLM", "HKU"].into_iter().find(|h| kernel.split('\\').next() == Some(*h));
    }
    Some(HIVES.iter().find(|(long, _)| long.eq_ignore_ascii_case(first)).map_or(first, |(_, short)| short))
}

fn without_hive(path: &str) -> Option<String> {
    Some(registry_path(path).split_once('\\')?.1.to_owned())
}

/// `\REGISTRY\MACHINE\SYSTEM\ControlSet001\x` as `HKLM\System\CurrentControlSet\x`; other paths as they are.
fn registry_path(path: &str) -> String {
    let Some(rest) = strip_prefix_any_case(path, "\\REGISTRY\\") else { return path.to_owned() };
    let (root, rest) = rest.split_once('\\').unwrap_or((rest, ""));
    let hive = match root.to_ascii_uppercase().as_str() {
        "MACHINE" => "HKLM",
        "USER" => "HKU",
        _ => return path.to_owned(),
    };
    match strip_prefix_any_case(rest, "SYSTEM\\ControlSet00") {
        Some(set) if hive == "HKLM" => {
            let after = set.trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{hive}\\System\\CurrentControlSet{after}")
        }
        _ if rest.is_empty() => hive.to_owned(),
        _ => format!("{hive}\\{rest}"),
    }
}

fn strip_prefix_any_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

/// Digits within `KIND (…)`.
fn registry_number<'a>(details: &'a str, kind: &str) -> Option<&'a str> {
    details.strip_prefix(kind)?.strip_prefix(" (")?.strip_suffix(')')
}

fn registry_data(details: &str) -> String {
    let hex = |t: &str| u64::from_str_radix(t.trim_start_matches("0x"), 16).ok();
    let dword = || hex(registry_number(details, "DWORD")?);
    let qword = || {
        let (high, low) = registry_number(details, "QWORD")?.split_once('-')?;
        Some(hex(high)? << 32 | hex(low)? & 0xffff_ffff)
    };
    dword().or_else(qword).map_or_else(|| details.to_owned(), |n| n.to_string())
}

fn registry_type(details: &str) -> &'static str {
    match details {
        d if registry_number(d, "DWORD").is_some() => "SZ_DWORD",
        d if registry_number(d, "QWORD").is_some() => "SZ_QWORD",
        "Binary Data" => "REG_BINARY",
        _ => "REG_SZ",
    }
}

fn line<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = text.lines().filter_map(|l| l.trim().split_once('='));
    pairs.find(|(n, _)| n.trim().eq_ignore_ascii_case(name)).map(|(_, v)| v.trim())
}

fn address(value: &Value, text: &str) -> Option<IpAddr> {
    if let Value::I64(n) = value {
        return u32::try_from(*n).ok().map(|n| IpAddr::V4(Ipv4Addr::from(n)));
    }
    let text = text.trim().split('%').next()?;
    let ip: IpAddr = text.parse().ok()?;
    Some(ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(derive: Derive, cases: &[(&str, Value)]) {
        for (input, want) in cases {
            assert_eq!(derive.apply(Value::from(*input)), *want, "{derive:?} of {input:?}");
        }
    }

    fn texts(all: &[&str]) -> Value {
        Value::List(all.iter().map(|t| Value::from(*t)).collect())
    }

    #[test]
    fn paths() {
        let s = |t: &str| Value::str(t);
        check(
            Derive::BaseName,
            &[(r"C:\a\b.exe", s("b.exe")), ("b", s("b")), ("/x/y", s("y")), ("a\\", s(""))],
        );
        check(Derive::DirName, &[(r"C:\a\b.exe", s(r"C:\a")), ("b", Value::Null)]);
        check(Derive::Extension, &[(r"C:\a.b\c.tar.gz", s("gz")), (r"C:\a.b\c", Value::Null), ("x.", s(""))]);
    }

    #[test]
    fn users_and_numbers() {
        let s = |t: &str| Value::str(t);
        check(Derive::User, &[(r"NT AUTHORITY\SYSTEM", s("SYSTEM")), ("bob", s("bob"))]);
        check(Derive::Domain, &[(r"NT AUTHORITY\SYSTEM", s("NT AUTHORITY")), ("bob", Value::Null)]);
        check(
            Derive::HexNumber,
            &[("0x1a4", 420.into()), ("0x1A4", 420.into()), ("420", 420.into()), ("x", Value::Null)],
        );
        check(Derive::Number, &[("420", 420.into()), ("-", Value::Null)]);
        assert_eq!(Derive::HexNumber.apply(Value::I64(7)), Value::I64(7));
        check(Derive::Bool, &[("True", true.into()), ("false", false.into()), ("?", Value::Null)]);
        check(Derive::Trim, &[("\n\t\t%{S-1}", s("%{S-1}")), ("a b", s("a b"))]);
        check(Derive::NoBraces, &[("{A-B}", s("A-B")), ("A-B", s("A-B")), ("{A", s("{A"))]);
        check(Derive::Lower, &[("ÄB", s("äb"))]);
    }

    #[test]
    fn hashes_and_maps() {
        let sha1 = Derive::Hash("sha1".into());
        check(sha1, &[("SHA1=AB,MD5=CD", "AB".into()), ("MD5=CD", Value::Null), ("AB", Value::Null)]);
        check(Derive::Hash("MD5".into()), &[("SHA1=AB, MD5=CD", "CD".into())]);
        let map = Derive::Map(vec![("S-1-16-8192".to_owned(), "Medium".to_owned())].into());
        check(map, &[("s-1-16-8192", "Medium".into()), ("x", Value::Null)]);
    }

    #[test]
    fn registry() {
        let s = |t: &str| Value::str(t);
        check(
            Derive::RegistryHive,
            &[
                (r"HKLM\System\x", s("HKLM")),
                (r"HKEY_USERS\S-1", s("HKU")),
                (r"\REGISTRY\MACHINE\x", s("HKLM")),
                ("", Value::Null),
            ],
        );
        check(Derive::RegistryKey, &[(r"HKU\S-1\Key 1", s(r"S-1\Key 1")), ("HKLM", Value::Null)]);
        check(Derive::RegistryValue, &[(r"HKU\S-1\Key 1", s("Key 1")), ("HKLM", Value::Null)]);
        check(
            Derive::RegistryPath,
            &[
                (
                    r"\REGISTRY\MACHINE\SYSTEM\ControlSet001\Services",
                    s(r"HKLM\System\CurrentControlSet\Services"),
                ),
                (r"\Registry\User\S-1-5\x", s(r"HKU\S-1-5\x")),
                (r"\REGISTRY\A\x", s(r"\REGISTRY\A\x")),
                (r"HKLM\x", s(r"HKLM\x")),
                ("\\REGISTRY\\MACHINE", s("HKLM")),
                ("\\REGISTRÄ", s("\\REGISTRÄ")),
            ],
        );
        check(
            Derive::RegistryData,
            &[
                ("DWORD (0x00000004)", s("4")),
                ("QWORD (0x00000001-0x00000002)", s("4294967298")),
                ("DWORD (zz)", s("DWORD (zz)")),
                ("calc.exe", s("calc.exe")),
            ],
        );
        check(Derive::RegistryNumber, &[("DWORD (0x00000004)", s("0x00000004")), ("x (y)", s("x (y)"))]);
        check(Derive::RegistryType, &[("DWORD (0x00000004)", s("SZ_DWORD")), ("x", s("REG_SZ"))]);
        check(Derive::Dword, &[("4", s("DWORD (0x00000004)")), ("x", Value::Null)]);
    }

    #[test]
    fn lists_lines_and_addresses() {
        let s = |t: &str| Value::str(t);
        check(Derive::Args, &[(r#"a.exe "b c""#, texts(&["a.exe", "b c"]))]);
        check(
            Derive::Line("HostApplication".into()),
            &[("\tA=1\r\n\tHostApplication=x = y\r\n", s("x = y"))],
        );
        check(Derive::Split(";".into()), &[("a; b;;", texts(&["a", "b"])), (";", texts(&[]))]);
        check(
            Derive::Address,
            &[
                ("::ffff:10.0.0.1", s("10.0.0.1")),
                ("fe80::1%7", s("fe80::1")),
                ("0:0:0:0:0:0:0:1", s("::1")),
                ("-", Value::Null),
            ],
        );
        assert_eq!(Derive::Address.apply(Value::I64(0x0a00_0001)), s("10.0.0.1"));
        let both = Value::List(vec![s("a b"), s("c"), Value::Null]);
        assert_eq!(Derive::Args.apply(both), Value::List(vec![s("a"), s("b"), s("c"), Value::Null]));
        assert_eq!(Derive::BaseName.apply(Value::Missing), Value::Missing);
        assert_eq!(Derive::BaseName.apply(Value::Null), Value::Null);
    }
}
