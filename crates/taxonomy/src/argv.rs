//! Splitting a command line as `CommandLineToArgvW` does.
//!
//! The program name has rules of its own: quoted, it ends at the next quote; else at the next space or tab;
//! backslashes mean nothing in it. In what follows, 2n backslashes before a quote are n backslashes and the
//! quote delimits, 2n+1 are n backslashes and a literal quote, and three quotes in a row leave one.

/// The arguments, program name first. Empty text has none.
pub(crate) fn split(line: &str) -> Vec<String> {
    let mut args = Vec::new();
    if line.is_empty() {
        return args;
    }
    let rest = program(line, &mut args);
    arguments(rest.trim_start_matches(is_blank), &mut args);
    args
}

fn is_blank(c: char) -> bool {
    c == ' ' || c == '\t'
}

/// Takes the program name off the line.
fn program<'a>(line: &'a str, args: &mut Vec<String>) -> &'a str {
    let (name, rest) = match line.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
        None => line.split_at(line.find(is_blank).unwrap_or(line.len())),
    };
    args.push(name.to_owned());
    rest
}

fn arguments(line: &str, args: &mut Vec<String>) {
    let mut chars = line.chars().peekable();
    let mut arg: Option<String> = None;
    let (mut quotes, mut backslashes) = (0u8, 0usize);
    while let Some(c) = chars.next() {
        if is_blank(c) && quotes == 0 {
            args.extend(arg.take());
            backslashes = 0;
            continue;
        }
        let current = arg.get_or_insert_default();
        match c {
            '\\' => {
                current.push(c);
                backslashes += 1;
            }
            '"' => {
                current.truncate(current.len() - backslashes.div_ceil(2));
                if backslashes.is_multiple_of(2) {
                    quotes += 1;
                } else {
                    current.push('"');
                }
                backslashes = 0;
                while chars.next_if_eq(&'"').is_some() {
                    quotes += 1;
                    if quotes == 3 {
                        current.push('"');
                        quotes = 0;
                    }
                }
                if quotes == 2 {
                    quotes = 0;
                }
            }
            _ => {
                current.push(c);
                backslashes = 0;
            }
        }
    }
    args.extend(arg);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::split;

    /// An argument as a careful program writes it.
    fn quoted(arg: &str) -> String {
        let mut out = String::from("\"");
        let mut backslashes = 0;
        for c in arg.chars() {
            if c == '"' {
                out.extend(std::iter::repeat_n('\\', backslashes + 1));
            }
            backslashes = if c == '\\' { backslashes + 1 } else { 0 };
            out.push(c);
        }
        out.extend(std::iter::repeat_n('\\', backslashes));
        out.push('"');
        out
    }

    proptest! {
        #[test]
        fn undoes_careful_quoting(args in prop::collection::vec("[a \t\\\\\"é]{0,8}", 0..5)) {
            let line = args.iter().fold("x.exe".to_owned(), |line, arg| line + " " + &quoted(arg));
            let got = split(&line);
            prop_assert_eq!(&got[0], "x.exe");
            prop_assert_eq!(&got[1..], &args);
        }

        #[test]
        fn takes_any_text(line in "[ab \t\\\\\"]{0,24}") {
            split(&line);
        }
    }

    #[test]
    fn splits_as_windows_does() {
        let cases: &[(&str, &[&str])] = &[
            ("", &[]),
            (r#""C:\Windows\system32\notepad.exe" "#, &[r"C:\Windows\system32\notepad.exe"]),
            (r"a.exe b  c", &["a.exe", "b", "c"]),
            ("a.exe\tb\t\tc ", &["a.exe", "b", "c"]),
            (" a", &["", "a"]),
            (r#""a b"c d"#, &["a b", "c", "d"]),
            (r#"a\"b c\"d"#, &[r#"a\"b"#, r#"c"d"#]),
            (r#"x "a b" c"#, &["x", "a b", "c"]),
            (r#"x a"b c"d e"#, &["x", "ab cd", "e"]),
            (r#"x "a\\" b"#, &["x", r"a\", "b"]),
            (r#"x "a\\\" b""#, &["x", r#"a\" b"#]),
            (r#"x a\\b "c\d""#, &["x", r"a\\b", r"c\d"]),
            (r#"x """a""" b"#, &["x", "\"a\"", "b"]),
            (r#"x "a""b" c"#, &["x", r#"a"b c"#]),
            (r#"x "" y"#, &["x", "", "y"]),
            (r#"x "open end"#, &["x", "open end"]),
            (r#"x \\\\"a b""#, &["x", r"\\a b"]),
            (r#""open"#, &["open"]),
        ];
        for (line, want) in cases {
            assert_eq!(split(line), *want, "{line}");
        }
    }
}
