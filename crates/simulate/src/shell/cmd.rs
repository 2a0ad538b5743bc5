//! `cmd.exe`: commands joined by `&`, `&&`, `||` and `|`, blocks, redirections, built-in commands.

use super::{Shell, Stage, words};

/// Takes a text apart, line by line.
pub fn run(stage: &mut Stage, text: &str) {
    for line in text.lines() {
        for command in commands(line) {
            command_of(stage, &command, 0);
        }
    }
}

/// Cuts a line into commands: outside of quotes, at `&` and `|`; blocks lose their brackets.
fn commands(line: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let redirected = out.last().is_some_and(|w| w.ends_with('>') || w.ends_with('<'));
        match c {
            '"' => quoted = !quoted,
            '^' if !quoted => {
                if let (Some(escaped), Some(word)) = (chars.next(), out.last_mut()) {
                    word.push(escaped);
                }
                continue;
            }
            '&' | '|' if !(quoted || c == '&' && redirected) => {
                out.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(word) = out.last_mut() {
            word.push(c);
        }
    }
    out.into_iter().map(|c| c.trim().to_owned()).filter(|c| !c.is_empty()).collect()
}

/// `%NAME%` filled in where it is known.
fn expand(stage: &Stage, text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        match after.split_once('%') {
            Some((name, behind)) if !name.contains(char::is_whitespace) && !name.is_empty() => {
                let own = stage.variables.get(&name.to_ascii_lowercase()).cloned();
                match own.or_else(|| words::variable(name).map(str::to_owned)) {
                    Some(value) => out.push_str(&value),
                    None => out.push_str(&format!("%{name}%")),
                }
                rest = behind;
            }
            _ => {
                out.push('%');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// One command; `depth` counts `if` and `for` around it.
fn command_of(stage: &mut Stage, command: &str, depth: usize) {
    let command = expand(stage, command);
    let command = command.trim().trim_start_matches(['@', '(']).trim();
    let command = if command.contains('(') { command } else { command.trim_end_matches(')').trim_end() };
    if command.is_empty() || command.starts_with("::") || depth > 8 {
        return;
    }
    let (line, files) = redirections(command);
    let all = words::split(&line);
    let Some(first) = all.first() else { return };
    let name = words::plain(first).to_ascii_lowercase();
    let rest = all.get(1..).unwrap_or_default();
    if !built_in(stage, &name, rest, &line, depth) {
        stage.program(&words::plain(first), rest, line.trim());
    }
    files.iter().for_each(|f| stage.file(f, false));
}

/// The line without its redirections, and the files that it writes.
fn redirections(command: &str) -> (String, Vec<String>) {
    let mut line = String::new();
    let mut files = Vec::new();
    let mut quoted = false;
    let mut chars = command.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '"' {
            quoted = !quoted;
        }
        if quoted || !matches!(c, '>' | '<') {
            line.push(c);
            continue;
        }
        while chars.next_if(|n| *n == '>' || n.is_whitespace()).is_some() {}
        // A handle's number stands before.
        if line.ends_with(['1', '2']) && line.trim_end_matches(['1', '2']).ends_with(char::is_whitespace) {
            line.pop();
        }
        let mut file = String::new();
        let mut inside = false;
        while let Some(n) = chars.next_if(|n| inside || !n.is_whitespace() && *n != '>' && *n != '<') {
            inside ^= n == '"';
            file.push(n);
        }
        if c == '>' && !file.starts_with('&') {
            files.push(file);
        }
    }
    (line, files)
}

/// Whether it was a command of the shell itself.
fn built_in(stage: &mut Stage, name: &str, rest: &[String], line: &str, depth: usize) -> bool {
    match name {
        "copy" | "move" => copy(stage, name, rest),
        "del" | "erase" => {
            rest.iter().filter(|w| !w.starts_with('/')).for_each(|w| stage.file(&words::plain(w), true));
        }
        "set" => {
            if let Some((key, value)) =
                line.get(3..).unwrap_or_default().trim().trim_matches('"').split_once('=')
            {
                stage.variables.insert(key.trim().to_ascii_lowercase(), value.to_owned());
            }
        }
        "cd" | "chdir" | "pushd" => {
            if let Some(to) = rest.iter().find(|w| !w.starts_with('/')) {
                stage.folder = stage.path(&words::plain(to)).trim_end_matches('\\').to_owned();
            }
        }
        "if" => branch(stage, rest, depth),
        "for" => repeat(stage, line, depth),
        "else" => command_of(stage, line.get(4..).unwrap_or_default(), depth + 1),
        "call" => command_of(stage, line.get(4..).unwrap_or_default(), depth + 1),
        "start" => start(stage, rest, depth),
        "mklink" | "ren" | "rename" => {
            if let Some(link) = rest.iter().find(|w| !w.starts_with('/')) {
                stage.file(&words::plain(link), false);
            }
        }
        "echo" | "echo." | "echo:" | "dir" | "type" | "mkdir" | "md" | "rmdir" | "rd" | "exit" | "rem"
        | "ver" | "vol" | "cls" | "popd" | "pause" | "title" | "setlocal" | "endlocal" | "path"
        | "prompt" | "date" | "time" | "goto" | ")" | "assoc" | "ftype" | "verify" | "color" | "more"
        | "sort" | "break" => {}
        "powershell.exe" | "powershell" if rest.is_empty() => return false,
        _ => return false,
    }
    true
}

fn copy(stage: &mut Stage, name: &str, rest: &[String]) {
    let paths: Vec<String> = rest.iter().filter(|w| !w.starts_with('/')).map(|w| words::plain(w)).collect();
    let (Some(from), Some(to)) = (paths.first(), paths.last()) else { return };
    let base = crate::binaries::base_name(from);
    let folder = to.ends_with('\\') || !crate::binaries::base_name(to).contains('.');
    let target = if folder { format!("{}\\{base}", to.trim_end_matches('\\')) } else { to.clone() };
    if paths.len() > 1 {
        stage.file(&target, false);
    }
    if name == "move" {
        stage.file(from, true);
    }
}

/// What a condition guards is played: whether it holds cannot be known.
fn branch(stage: &mut Stage, rest: &[String], depth: usize) {
    let negated = rest.first().is_some_and(|w| w.eq_ignore_ascii_case("not"));
    let rest = rest.get(usize::from(negated)..).unwrap_or_default();
    let skip = match rest.first().map(|w| w.to_ascii_lowercase()).as_deref() {
        Some("exist" | "errorlevel" | "defined") => 2,
        Some("/i") => 4,
        _ if rest.get(1).is_some_and(|w| w.starts_with("==")) && rest.get(1).is_some_and(|w| w.len() > 2) => {
            2
        }
        _ if rest.get(1).is_some_and(|w| w == "==" || w.len() == 3) => 3,
        _ => 1,
    };
    let body = rest.get(skip..).unwrap_or_default().join(" ");
    let leaves = body.trim_matches(['(', ' ']).to_ascii_lowercase().starts_with("exit");
    if body.trim().is_empty() || leaves {
        return;
    }
    stage.unknown(&format!(
        "whether the condition of `if {}` holds",
        rest.get(..skip).unwrap_or_default().join(" ")
    ));
    command_of(stage, &body, depth + 1);
}

/// The body of a loop is played once.
fn repeat(stage: &mut Stage, line: &str, depth: usize) {
    let lower = line.to_ascii_lowercase();
    let Some(at) = lower.find(" do ") else { return stage.unknown("what a loop runs through") };
    stage.unknown("what a loop runs through");
    if let Some(body) = line.get(at + 4..) {
        command_of(stage, body, depth + 1);
    }
}

fn start(stage: &mut Stage, rest: &[String], depth: usize) {
    let title = usize::from(rest.first().is_some_and(|w| w.starts_with('"')) && rest.len() > 1);
    let rest = rest.get(title..).unwrap_or_default();
    let skip = rest.iter().take_while(|w| w.starts_with('/')).count();
    let body = rest.get(skip..).unwrap_or_default().join(" ");
    match body.is_empty() {
        true => stage.unknown("what `start` starts"),
        false => command_of(stage, &body, depth + 1),
    }
}

/// The command that `cmd.exe` is given with `/c`, `/k` or `/r`.
pub fn given(arguments: &[String]) -> Option<String> {
    let at = arguments.iter().position(|w| {
        w.get(..2).is_some_and(|s| ["/c", "/k", "/r"].iter().any(|x| s.eq_ignore_ascii_case(x)))
    })?;
    let joined = arguments.get(at..)?.join(" ");
    let text = joined.get(2..)?.trim();
    let inner = text.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
    Some(inner.filter(|t| t.matches('"').count() % 2 == 0).unwrap_or(text).to_owned())
}

/// A command within another process.
pub fn nested(stage: &mut Stage, arguments: &[String]) {
    match given(arguments) {
        Some(command) => stage.run(Shell::Cmd, &command),
        None if arguments.is_empty() => {}
        None => stage.unknown(&format!("what `cmd.exe {}` runs", arguments.join(" "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_commands() {
        assert_eq!(commands(r#"a & b && "c & d" | e 2>&1"#), ["a", "b", r#""c & d""#, "e 2>&1"]);
        assert_eq!(commands("a ^& b"), ["a & b"]);
    }

    #[test]
    fn redirections_are_files() {
        assert_eq!(
            redirections("net user > C:\\x.txt 2>&1"),
            ("net user  ".to_owned(), vec!["C:\\x.txt".to_owned()])
        );
        assert_eq!(redirections(r#"echo "a>b""#).1, Vec::<String>::new());
    }

    #[test]
    fn commands_of_the_shell_given() {
        assert_eq!(given(&words::split(r#"/q /c "whoami /all""#)).as_deref(), Some("whoami /all"));
        assert_eq!(given(&words::split("/cwhoami")).as_deref(), Some("whoami"));
        assert_eq!(given(&words::split("/q")), None);
    }
}
