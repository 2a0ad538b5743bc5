//! What a command line will do, as far as it says so: processes, registry, files, downloads, tasks, services.
//!
//! [`cmd`] and [`powershell`] take commands apart, [`programs`] knows what well-known programs do with their
//! arguments. Nothing here decides conditions: what a branch would run is played, and that it may not is said.

mod cmd;
mod powershell;
mod programs;
mod words;

use std::collections::{HashMap, HashSet};

use crate::binaries;
use crate::definition::{Deed, Dns, File, Network, Process, Registry, Script, Step};

/// A shell's language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    /// `cmd.exe`.
    Cmd,
    /// PowerShell.
    PowerShell,
}

/// Shells within shells.
const DEEPEST: usize = 5;
/// Most steps made of one command.
const MOST: usize = 300;
/// Most things that are named as not known.
const MOST_UNKNOWN: usize = 24;
/// Where the shell stands.
const HERE: &str = r"C:\Users\m.keller\AppData\Local\Temp";

/// Steps being made.
#[derive(Debug)]
pub struct Stage {
    steps: Vec<Step>,
    unknown: Vec<String>,
    assumed: Vec<String>,
    /// The process that acts.
    by: String,
    depth: usize,
    variables: HashMap<String, String>,
    /// Services and tasks of this test, and what they run.
    registered: HashMap<String, String>,
    /// Functions that the script has made itself.
    functions: HashSet<String>,
    folder: String,
}

impl Stage {
    /// Begins with a process that runs.
    pub fn new(by: &str) -> Stage {
        Stage {
            steps: Vec::new(),
            unknown: Vec::new(),
            assumed: Vec::new(),
            by: by.to_owned(),
            depth: 0,
            variables: HashMap::new(),
            registered: HashMap::new(),
            functions: HashSet::new(),
            folder: HERE.to_owned(),
        }
    }

    /// The steps, and what is not known.
    pub fn finish(self) -> (Vec<Step>, Vec<String>) {
        let assumed = self.assumed.into_iter().map(|a| format!("assumed: {a}"));
        // What is assumed to be there is no gap in what the command does.
        let mut unknown = self.unknown;
        if !unknown.is_empty() {
            unknown.extend(assumed);
        }
        (self.steps, unknown)
    }

    /// Names something that cannot be known.
    pub fn unknown(&mut self, what: &str) {
        let what: String = what.chars().take(160).collect();
        if self.unknown.len() < MOST_UNKNOWN && !self.unknown.contains(&what) {
            self.unknown.push(what);
        }
    }

    /// Names something that has to be there beforehand.
    pub fn assume(&mut self, what: &str) {
        self.assumed.push(what.chars().take(200).collect());
    }

    /// The shell that runs the test's command.
    pub fn executor(&mut self, image: &str, command: &str) {
        self.by = self.process_step("executor", image, command);
    }

    /// The script block that PowerShell logs.
    pub fn script(&mut self, text: &str) {
        let script = Script { text: text.to_owned(), path: String::new() };
        self.deed(Deed::Script(script));
    }

    /// Takes a command apart.
    pub fn run(&mut self, shell: Shell, text: &str) {
        if self.depth >= DEEPEST {
            return self.unknown("shells nested deeper");
        }
        self.depth += 1;
        match shell {
            Shell::Cmd => cmd::run(self, text),
            Shell::PowerShell => powershell::run(self, text),
        }
        self.depth -= 1;
    }

    /// Something that the present process does.
    fn deed(&mut self, deed: Deed) {
        let by = self.by.clone();
        self.deed_by(&by, deed);
    }

    fn deed_by(&mut self, by: &str, deed: Deed) {
        if self.steps.len() >= MOST {
            return self.unknown("steps beyond the first few hundred");
        }
        self.steps.push(Step { by: by.to_owned(), deed, ..Step::default() });
    }

    /// Starts a process under the present one; answers its name.
    fn process_step(&mut self, id: &str, image: &str, command: &str) -> String {
        let id = if id.is_empty() { format!("p{}", self.steps.len() + 1) } else { id.to_owned() };
        let process = Process {
            image: image.to_owned(),
            command: command.to_owned(),
            folder: format!("{}\\", self.folder),
            ..Process::default()
        };
        let by = self.by.clone();
        self.deed_by(&by, Deed::Process(process));
        match self.steps.last_mut() {
            Some(step) if self.unknown.last().is_none_or(|u| !u.starts_with("steps beyond")) => {
                step.id = id.clone();
                id
            }
            _ => by,
        }
    }

    /// A program with its arguments, as the shell starts it. `line` is the command line that the new process gets.
    fn program(&mut self, name: &str, arguments: &[String], line: &str) {
        let plain = name.trim_matches(['"', '\'']);
        let Some(image) = self.image_of(plain) else {
            return self.unknown(&format!("what `{plain}` is"));
        };
        let process = self.process_step("", &image, line);
        let above = std::mem::replace(&mut self.by, process);
        programs::effects(self, &image, arguments);
        self.by = above;
    }

    /// The path of a program; none where it could be anything.
    fn image_of(&self, name: &str) -> Option<String> {
        let extension = name.rsplit_once('.').map(|(_, e)| e.to_ascii_lowercase());
        let runs = extension.as_deref().is_some_and(|e| matches!(e, "exe" | "com" | "scr" | "pif"));
        let open = name.contains(['%', '$', '#', '*', '(', '{']);
        if open || name.is_empty() || name.len() > 400 {
            return None;
        }
        let bare = !name.contains(['\\', '/']);
        match binaries::named(name) {
            Some(known) if bare => Some(known.path()),
            _ if bare && runs => Some(format!("{}\\{name}", self.folder)),
            _ if bare => None,
            _ => self.absolute(name, runs),
        }
    }

    fn absolute(&self, name: &str, runs: bool) -> Option<String> {
        let path = self.path(name);
        if runs {
            return Some(path);
        }
        // `C:\Windows\System32\cmd` is `cmd.exe`; a file of another kind needs a program that is not named.
        let last = binaries::base_name(&path);
        (!last.contains('.') && binaries::named(last).is_some()).then(|| format!("{path}.exe"))
    }

    /// A path as the shell would take it.
    fn path(&self, name: &str) -> String {
        let name = name.trim_matches(['"', '\'']).replace('/', "\\");
        let rooted = name.as_bytes().get(1) == Some(&b':') || name.starts_with('\\');
        let joined =
            if rooted { name } else { format!("{}\\{}", self.folder, name.trim_start_matches(".\\")) };
        let mut parts: Vec<&str> = Vec::new();
        for part in joined.split('\\') {
            match part {
                "." => {}
                ".." if parts.len() > 1 => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        parts.join("\\")
    }

    /// A file that the present process writes.
    fn file(&mut self, path: &str, delete: bool) {
        let lower = path.to_ascii_lowercase();
        if matches!(lower.trim_matches('"'), "nul" | "con" | "$null" | "" | "&1" | "&2") {
            return;
        }
        if path.contains(['%', '$', '*', '?', '{', '(']) {
            return self.unknown(&format!("which file `{path}` is"));
        }
        let path = self.path(path);
        self.deed(Deed::File(File { path, delete, ..File::default() }));
    }

    /// A registry value or key.
    fn registry(&mut self, key: &str, value: Option<&str>, data: &str, delete: bool) {
        let Some(key) = words::registry_key(key) else {
            return self.unknown(&format!("which key `{key}` is"));
        };
        let value = value.map(str::to_owned);
        self.deed(Deed::Registry(Registry { key, value, data: data.to_owned(), delete }));
    }

    /// A download: the name, the connection, the file where there is one.
    fn download(&mut self, url: &str, file: Option<&str>) {
        self.connect(url);
        if let Some(file) = file {
            self.file(file, false);
        }
    }

    /// A connection to the host of a URL.
    fn connect(&mut self, url: &str) {
        let Some((host, port)) = words::host_of(url) else {
            return self.unknown(&format!("which host `{url}` is"));
        };
        let ip = match host.parse::<std::net::IpAddr>() {
            Ok(_) => host.clone(),
            Err(_) => {
                // An address of the block for documentation, the same for the same name.
                let ip = format!("203.0.113.{}", 1 + crate::rng::Rng::named(0, &host).below(250));
                self.deed(Deed::Dns(Dns { name: host.clone(), answers: vec![ip.clone()] }));
                ip
            }
        };
        self.deed(Deed::Network(Network { ip, port, host, ..Network::default() }));
    }
}
