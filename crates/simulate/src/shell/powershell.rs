//! PowerShell: statements, variables with plain values, the cmdlets that leave traces, and programs.

use super::{Shell, Stage, words};
use crate::binaries;
use crate::definition::{Account, Deed, Service, Task};

/// A cmdlet's arguments: named ones in lower case without the dash, others in order.
struct Arguments {
    named: Vec<(String, String)>,
    others: Vec<String>,
}

type Effect = fn(&mut Stage, &Arguments);

/// Cmdlets that leave traces, with their aliases.
const CMDLETS: &[(&[&str], Effect)] = &[
    (&["set-itemproperty", "new-itemproperty", "sp"], set_property),
    (&["remove-itemproperty", "rp"], |stage, a| property(stage, a, true)),
    (&["new-item", "ni"], new_item),
    (&["remove-item", "rm", "del", "ri", "erase"], remove_item),
    (&["start-process", "saps", "start"], start_process),
    (&["invoke-webrequest", "iwr", "wget", "invoke-restmethod", "irm", "start-bitstransfer"], web),
    (&["set-content", "add-content", "out-file", "tee-object", "sc"], |stage, a| {
        if let Some(path) = a.get(&["path", "filepath", "literalpath"], 0) {
            stage.file(&path, false);
        }
    }),
    (
        &["copy-item", "copy", "cp", "move-item", "move", "mv", "compress-archive", "expand-archive"],
        copy_item,
    ),
    (&["new-service"], |stage, a| {
        let (name, image) = (a.get(&["name"], 0), a.get(&["binarypathname"], 1));
        if let (Some(name), Some(image)) = (name, image) {
            stage.deed(Deed::Service(Service { name, image, account: String::new() }));
        }
    }),
    (&["register-scheduledtask"], |stage, a| {
        let name = a.get(&["taskname"], 0).unwrap_or_else(|| "unnamed".to_owned());
        stage.unknown(&format!("what the task {name} runs"));
        stage.deed(Deed::Task(Task { name, ..Task::default() }));
    }),
    (&["new-localuser"], |stage, a| {
        if let Some(name) = a.get(&["name"], 0) {
            stage.deed(Deed::Account(Account { name, group: String::new() }));
        }
    }),
    (&["add-localgroupmember"], |stage, a| {
        if let (Some(group), Some(name)) = (a.get(&["group"], 0), a.get(&["member"], 1)) {
            stage.deed(Deed::Account(Account { name, group }));
        }
    }),
    (&["iex", "invoke-expression"], |stage, a| {
        let text = a.others.join(" ");
        if words::urls(&text).is_empty() {
            stage.unknown(&format!("what is evaluated: {text}"));
        }
    }),
    (&["invoke-cimmethod", "invoke-wmimethod", "icim", "iwmi"], |stage, a| {
        let all: Vec<String> =
            a.named.iter().map(|(_, v)| v.clone()).chain(a.others.iter().cloned()).collect();
        super::programs::by_wmi(stage, &all.join(" "));
    }),
    (&["add-mppreference", "set-mppreference"], defender),
    (&["set-location", "cd", "chdir", "push-location"], |stage, a| {
        if let Some(path) = a.get(&["path", "literalpath"], 0).filter(|p| !p.contains(['$', '('])) {
            stage.folder = stage.path(&path).trim_end_matches('\\').to_owned();
        }
    }),
];

/// Verbs of cmdlets that leave no trace of their own in these logs.
const QUIET: &[&str] = &[
    "get-",
    "write-",
    "select-",
    "where-",
    "sort-",
    "measure-",
    "test-",
    "format-",
    "out-",
    "convert",
    "start-sleep",
    "foreach-",
    "join-",
    "split-",
    "group-",
    "compare-",
    "resolve-",
    "wait-",
    "read-",
    "stop-process",
    "set-variable",
    "new-object",
    "clear-host",
    "pop-location",
    "new-variable",
    "set-strictmode",
    "new-timespan",
    "receive-job",
    "remove-variable",
    "set-executionpolicy",
];

/// Words of the language.
const LANGUAGE: &[&str] = &[
    "if", "else", "elseif", "foreach", "for", "while", "do", "try", "catch", "finally", "function", "param",
    "return", "exit", "break", "continue", "throw", "switch", "begin", "process", "end", "echo", "ls", "dir",
    "cat", "type", "gc", "gci", "sleep", "ps", "kill", "pwd", "cls", "select", "where", "sort", "%", "?",
    "sls", "in", "until", "filter", "mkdir", "md", "using",
];

/// Takes a text apart.
pub fn run(stage: &mut Stage, text: &str) {
    for statement in statements(text) {
        let mut words = statement.split_whitespace();
        if words
            .next()
            .is_some_and(|w| w.eq_ignore_ascii_case("function") || w.eq_ignore_ascii_case("filter"))
        {
            let name = words.next().unwrap_or_default().split('(').next().unwrap_or_default();
            stage.functions.insert(name.to_ascii_lowercase());
            continue;
        }
        statement_of(stage, &statement);
    }
}

/// Cuts at line ends, `;`, `|`, `{` and `}` outside of strings and hash tables; comments go.
fn statements(text: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut at = Place::default();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if at.quote.is_none() && c == '`' {
            // An escape, or a line that goes on.
            let next = chars.next().unwrap_or('\n');
            if next == '\r' {
                chars.next_if_eq(&'\n');
            }
            push(&mut out, if matches!(next, '\n' | '\r') { ' ' } else { next });
            continue;
        }
        if at.comment(c) {
            while chars.next_if(|n| *n != '\n').is_some() {}
            continue;
        }
        let next = chars.peek().copied();
        if at.cuts(c, next) {
            out.push(String::new());
        } else {
            push(&mut out, if at.table > 0 && matches!(c, '\n' | '\r') { ';' } else { c });
        }
    }
    out.into_iter().map(|s| s.trim().to_owned()).filter(|s| !s.is_empty()).collect()
}

/// Where in a script a character stands.
#[derive(Default)]
struct Place {
    /// The quote that is open.
    quote: Option<char>,
    /// Whether the quote is a here-string's, which ends at `\n'@`.
    here: bool,
    /// Braces of hash tables that are open.
    table: usize,
    last: char,
}

impl Place {
    fn comment(&self, c: char) -> bool {
        c == '#' && self.quote.is_none() && (self.last.is_whitespace() || matches!(self.last, ';' | '\0'))
    }

    /// Takes the next character: whether a statement ends there.
    fn cuts(&mut self, c: char, next: Option<char>) -> bool {
        let last = std::mem::replace(&mut self.last, c);
        match (self.quote, c) {
            (Some(q), c) if c == q && (!self.here || next == Some('@') && matches!(last, '\n' | '\r')) => {
                self.quote = None;
                self.here = false;
                false
            }
            (Some(_), _) => false,
            (None, '"' | '\'') => {
                self.quote = Some(c);
                self.here = last == '@' && matches!(next, Some('\n' | '\r'));
                false
            }
            (None, '{') if last == '@' || self.table > 0 => {
                self.table += 1;
                false
            }
            (None, '}') if self.table > 0 => {
                self.table -= 1;
                false
            }
            (None, ';' | '\n' | '{' | '}' | '|') => self.table == 0,
            _ => false,
        }
    }
}

fn push(out: &mut [String], c: char) {
    if let Some(word) = out.last_mut() {
        word.push(c);
    }
}

fn statement_of(stage: &mut Stage, statement: &str) {
    let text = expand(stage, statement);
    if let Some((name, value)) = assignment(&text) {
        let simple = literal(value);
        match simple {
            Some(value) => drop(stage.variables.insert(name.to_ascii_lowercase(), value)),
            None => {
                stage.variables.remove(&name.to_ascii_lowercase());
                downloads(stage, value);
                statement_of_call(stage, value.trim(), true);
            }
        }
        return;
    }
    downloads(stage, &text);
    statement_of_call(stage, &text, false);
}

/// What .NET's clients fetch.
fn downloads(stage: &mut Stage, text: &str) {
    let lower = text.to_ascii_lowercase();
    let fetched =
        ["downloadstring", "downloadfile", "downloaddata", "openread"].iter().any(|w| lower.contains(w));
    let run = lower.contains("iex") || lower.contains("invoke-expression");
    let by_cmdlet = ["iwr", "invoke-webrequest", "wget "].iter().any(|w| lower.contains(w));
    if !(fetched || run && by_cmdlet) {
        return;
    }
    for url in words::urls(text) {
        stage.connect(&url);
        if run {
            stage.unknown(&format!("what the script from {url} does"));
        }
    }
    if lower.contains("downloadfile")
        && let Some(file) = quoted(text).into_iter().find(|q| q.contains('\\') && !q.contains("://"))
    {
        stage.file(&file, false);
    }
}

/// Texts in quotes.
fn quoted(text: &str) -> Vec<String> {
    text.split(['"', '\'']).skip(1).step_by(2).map(str::to_owned).collect()
}

/// One command with its arguments.
fn statement_of_call(stage: &mut Stage, text: &str, assigned: bool) {
    let (line, redirected) = redirection(text.trim_start_matches(['(', '@', '[']).trim());
    let all = split(&line);
    let Some(first) = all.first() else { return };
    let called = matches!(first.as_str(), "&" | ".");
    let all = all.get(usize::from(called)..).unwrap_or_default();
    let Some(first) = all.first() else { return };
    let name = first.trim_matches(['"', '\'', '(', ')']);
    let lower = name.to_ascii_lowercase();
    let rest = all.get(1..).unwrap_or_default();
    let cmdlet = CMDLETS.iter().find(|(names, _)| names.contains(&lower.as_str()));
    // `sc` is an alias of a cmdlet here, `sc.exe` the program.
    if let Some((_, effect)) = cmdlet {
        effect(stage, &arguments(rest));
    } else if !is_language(&lower, text) {
        program(stage, name, rest, assigned, called);
    }
    redirected.iter().for_each(|f| stage.file(f, false));
}

/// Expressions, words of the language, cmdlets that only look.
fn is_language(lower: &str, text: &str) -> bool {
    let expression = |c: char| c.is_ascii_digit() || "$[\"'@-,+=<>)!*".contains(c);
    LANGUAGE.contains(&lower.split('(').next().unwrap_or_default())
        || QUIET.iter().any(|q| lower.starts_with(q))
        || lower.is_empty()
        || text.starts_with(expression)
        || lower.starts_with(expression) && !lower.contains('\\')
        || lower.starts_with("new-object")
}

fn program(stage: &mut Stage, name: &str, rest: &[String], assigned: bool, called: bool) {
    let known = binaries::named(name).is_some() && !name.contains('-');
    let lower = name.to_ascii_lowercase();
    let path = name.contains('\\') || lower.ends_with(".exe");
    if !(known || path) {
        let own = stage.functions.contains(&lower);
        if !own && (!(assigned && name.contains(['.', '(', ':'])) || called) {
            stage.unknown(&format!("what `{name}` does"));
        }
        return;
    }
    let arguments: Vec<String> = rest.iter().map(|w| requote(w)).collect();
    let image = stage.image_of(name);
    let shown = image.as_deref().unwrap_or(name);
    let line = format!("\"{shown}\" {}", arguments.join(" "));
    stage.program(name, &arguments, &line);
}

/// A word as a program gets it.
fn requote(word: &str) -> String {
    match word.strip_prefix('\'').and_then(|w| w.strip_suffix('\'')) {
        Some(inner) if inner.contains(char::is_whitespace) => format!("\"{inner}\""),
        Some(inner) => inner.to_owned(),
        None => word.to_owned(),
    }
}

/// Cuts into words at blanks outside of both kinds of quotes.
fn split(line: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut quote: Option<char> = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, c) if c.is_whitespace() => {
                out.push(String::new());
                continue;
            }
            _ => {}
        }
        push(&mut out, c);
    }
    out.retain(|w| !w.is_empty());
    out
}

fn redirection(text: &str) -> (String, Option<String>) {
    match text.split_once(" > ").or_else(|| text.split_once(" >> ")) {
        Some((line, file)) if line.matches(['"', '\'']).count() % 2 == 0 => {
            (line.to_owned(), split(file).first().map(|f| f.trim_matches(['"', '\'']).to_owned()))
        }
        _ => (text.to_owned(), None),
    }
}

/// `$name = value`.
fn assignment(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.strip_prefix('$')?.split_once('=')?;
    let name = name.trim().trim_end_matches('+');
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    (!name.is_empty() && name.chars().all(plain) && !value.starts_with('=')).then_some((name, value.trim()))
}

/// The value of a plain text or number.
fn literal(value: &str) -> Option<String> {
    let inner = ['"', '\''].iter().find_map(|q| value.strip_prefix(*q)?.strip_suffix(*q));
    match inner {
        Some(text) if !text.contains(['"', '\'', '$']) => Some(text.to_owned()),
        Some(_) => None,
        None => value.chars().all(|c| c.is_ascii_digit()).then(|| value.to_owned()),
    }
}

/// `$name`, `$env:NAME` and `${name}` filled in where they are known, outside of single quotes.
fn expand(stage: &Stage, text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    let assigned = assignment(text).map_or(0, |(name, _)| name.len() + 1);
    if assigned > 0 {
        let (name, value) = text.split_at_checked(assigned).unwrap_or((text, ""));
        out.push_str(name);
        rest = value;
    }
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let braced = after.strip_prefix('{');
        let body = braced.unwrap_or(after);
        let end =
            body.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':')).unwrap_or(body.len());
        let name = body.get(..end).unwrap_or_default().trim_end_matches(':');
        let lower = name.to_ascii_lowercase();
        let value = match lower.strip_prefix("env:") {
            Some(name) => words::variable(name).map(str::to_owned),
            None => stage
                .variables
                .get(&lower)
                .cloned()
                .or_else(|| (lower == "pwd").then(|| stage.folder.clone())),
        };
        match value {
            Some(value) if out.len() < 64 << 10 => {
                out.push_str(&value);
                let behind = body.get(name.len()..).unwrap_or_default();
                rest = if braced.is_some() { behind.strip_prefix('}').unwrap_or(behind) } else { behind };
            }
            _ => {
                out.push('$');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// Cmdlets' switches that take no value.
const SWITCHES: &[&str] = &[
    "force",
    "recurse",
    "passthru",
    "wait",
    "usebasicparsing",
    "nonewwindow",
    "append",
    "verbose",
    "whatif",
    "noclobber",
];

fn arguments(rest: &[String]) -> Arguments {
    let mut out = Arguments { named: Vec::new(), others: Vec::new() };
    let clean = |w: &str| w.trim_matches(['"', '\'', ')', '(']).to_owned();
    let mut at = 0;
    while let Some(word) = rest.get(at) {
        at += 1;
        let dashed = word.strip_prefix('-').filter(|w| w.starts_with(|c: char| c.is_ascii_alphabetic()));
        let Some(name) = dashed else {
            out.others.push(clean(word));
            continue;
        };
        let (name, joined) = name.split_once(':').unwrap_or((name, ""));
        let name = name.to_ascii_lowercase();
        let mut value = clean(joined);
        let follows = rest.get(at).filter(|w| !w.starts_with('-') || w.len() == 1);
        if value.is_empty()
            && !SWITCHES.contains(&name.as_str())
            && let Some(word) = follows
        {
            value = clean(word);
            at += 1;
            // A list goes on behind a comma.
            while value.ends_with(',') || rest.get(at).is_some_and(|w| w.starts_with(',')) {
                let Some(more) = rest.get(at) else { break };
                value.push_str(&clean(more));
                at += 1;
            }
        }
        out.named.push((name, value));
    }
    out
}

impl Arguments {
    /// The value of one of these parameters (a name may be cut short), or the argument at that place.
    fn get(&self, names: &[&str], place: usize) -> Option<String> {
        let named = self.named.iter().find(|(n, _)| names.iter().any(|w| w.starts_with(n.as_str())));
        named.map(|(_, v)| v.clone()).or_else(|| self.others.get(place).cloned()).filter(|v| !v.is_empty())
    }

    fn exactly(&self, name: &str) -> Option<&str> {
        self.named.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

fn set_property(stage: &mut Stage, a: &Arguments) {
    property(stage, a, false);
}

fn property(stage: &mut Stage, a: &Arguments, delete: bool) {
    let Some(path) = a.get(&["path", "literalpath"], 0) else { return };
    if words::registry_key(&path).is_none() {
        if path.contains('$') {
            stage.unknown(&format!("which item `{path}` is"));
        }
        return;
    }
    let name = a.get(&["name"], 1).unwrap_or_else(|| "(Default)".to_owned());
    let data = a.get(&["value"], 2).unwrap_or_default();
    let kind = a.exactly("propertytype").or_else(|| a.exactly("type")).unwrap_or_default();
    let guessed = if kind.is_empty() && data.chars().all(|c| c.is_ascii_digit()) && !data.is_empty() {
        "dword"
    } else {
        kind
    };
    let data = words::registry_data(guessed, &data);
    stage.registry(&path, Some(&name), &data, delete);
}

fn new_item(stage: &mut Stage, a: &Arguments) {
    let Some(path) = a.get(&["path", "literalpath"], 0) else { return };
    let path = a.exactly("name").map_or_else(|| path.clone(), |n| format!("{path}\\{n}"));
    let folder =
        a.get(&["itemtype", "type"], usize::MAX).is_some_and(|t| t.eq_ignore_ascii_case("directory"));
    if words::registry_key(&path).is_some() {
        stage.registry(&path, None, "", false);
    } else if !folder {
        stage.file(&path, false);
    }
}

fn remove_item(stage: &mut Stage, a: &Arguments) {
    let Some(path) = a.get(&["path", "literalpath"], 0) else { return };
    if words::registry_key(&path).is_some() {
        stage.registry(&path, None, "", true);
    } else {
        stage.file(&path, true);
    }
}

fn start_process(stage: &mut Stage, a: &Arguments) {
    let Some(file) = a.get(&["filepath"], 0) else { return };
    let given = a.get(&["argumentlist", "args"], 1).unwrap_or_default();
    let given: Vec<String> =
        given.split(',').map(|w| w.trim().trim_matches(['"', '\'']).to_owned()).collect();
    let line = given.join(" ");
    let shown = stage.image_of(&file).unwrap_or_else(|| file.clone());
    if a.exactly("verb").is_some_and(|v| v.eq_ignore_ascii_case("runas")) {
        stage.unknown("whether the user agrees to run it with full rights");
    }
    stage.program(&file, &words::split(&line), &format!("\"{shown}\" {line}"));
}

/// Settings of Defender, which its service writes.
fn defender(stage: &mut Stage, a: &Arguments) {
    const KEY: &str = r"HKLM\SOFTWARE\Microsoft\Windows Defender";
    for (name, value) in a.named.iter().filter(|(n, _)| !n.starts_with("erroraction") && n != "force") {
        let kind = ["path", "process", "extension"].iter().zip(["Paths", "Processes", "Extensions"]);
        let excluded = kind.into_iter().find(|(k, _)| name == &format!("exclusion{k}"));
        let (key, value, data) = match excluded {
            Some((_, folder)) => (format!(r"{KEY}\Exclusions\{folder}"), value.clone(), 0),
            None => {
                let on = value.is_empty()
                    || value.trim_start_matches('$').eq_ignore_ascii_case("true")
                    || value == "1";
                (format!(r"{KEY}\Real-Time Protection"), name.clone(), u32::from(on))
            }
        };
        let data = format!("DWORD (0x{data:08x})");
        let set = crate::definition::Registry { key, value: Some(value), data, delete: false };
        stage.deed_by("defender", Deed::Registry(set));
    }
}

fn web(stage: &mut Stage, a: &Arguments) {
    let Some(url) = a.get(&["uri", "source"], 0) else { return };
    let file = a.get(&["outfile", "destination"], usize::MAX);
    stage.download(&url, file.as_deref());
}

fn copy_item(stage: &mut Stage, a: &Arguments) {
    let from = a.get(&["path", "literalpath"], 0);
    let Some(to) = a.get(&["destination", "destinationpath"], 1) else { return };
    let base = from.as_deref().map(binaries::base_name).unwrap_or_default();
    let folder = to.ends_with('\\') || !binaries::base_name(&to).contains('.');
    let target =
        if folder && !base.is_empty() { format!("{}\\{base}", to.trim_end_matches('\\')) } else { to };
    stage.file(&target, false);
}

/// What `powershell.exe` is given on its command line.
pub fn nested(stage: &mut Stage, arguments: &[String]) {
    let mut at = 0;
    while let Some(word) = arguments.get(at) {
        at += 1;
        let Some(name) = word.strip_prefix(['-', '/']).map(str::to_ascii_lowercase) else {
            at -= 1;
            break;
        };
        let is = |full: &str, least: usize| name.len() >= least && full.starts_with(&name);
        if is("encodedcommand", 1) && !is("executionpolicy", 2) || name == "enc" || name == "ec" {
            return encoded(stage, arguments.get(at).map_or("", String::as_str));
        }
        if is("file", 1) {
            let file = arguments.get(at).cloned().unwrap_or_default();
            return stage.unknown(&format!("what the script {file} does"));
        }
        if is("command", 1) {
            break;
        }
        let takes = [
            "executionpolicy",
            "ep",
            "windowstyle",
            "version",
            "inputformat",
            "outputformat",
            "psconsolefile",
            "configurationname",
            "workingdirectory",
        ];
        if takes.iter().any(|t| t.starts_with(&name)) || name == "ex" {
            at += 1;
        }
    }
    let text = arguments.get(at..).unwrap_or_default().join(" ");
    let text = text.trim();
    let inner = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
    if !inner.is_empty() {
        stage.script(inner);
        stage.run(Shell::PowerShell, inner);
    }
}

/// A command in Base64 of UTF-16.
fn encoded(stage: &mut Stage, text: &str) {
    let decoded = base64(text.trim_matches(['"', '\''])).map(|bytes| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|p| u16::from_le_bytes([p[0], p[1]])).collect();
        String::from_utf16_lossy(&units)
    });
    match decoded.filter(|t| !t.is_empty()) {
        Some(script) => {
            stage.script(&script);
            stage.run(Shell::PowerShell, &script);
        }
        None => stage.unknown("what the encoded command says"),
    }
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let (mut bits, mut count) = (0u32, 0);
    for b in text.trim_end_matches('=').bytes() {
        let six = match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_statements() {
        let text = "a 'x;y' # comment\nif ($b) { c `\n -d } | e";
        assert_eq!(statements(text), ["a 'x;y'", "if ($b)", "c   -d", "e"]);
    }

    #[test]
    fn encoded_commands_are_read() {
        assert_eq!(base64("dwA="), Some(vec![0x77, 0]));
        assert_eq!(base64("ä"), None);
    }

    #[test]
    fn parameters_have_names_or_places() {
        let a = arguments(&split(r#"-Path "HKCU:\A B" -Name x -Force 7"#));
        assert_eq!(a.get(&["path"], 0).as_deref(), Some(r"HKCU:\A B"));
        assert_eq!(a.get(&["value"], 0).as_deref(), Some("7"));
    }
}
