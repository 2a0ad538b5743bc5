//! A folder of its own for each test, with rules, logs and the program.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A folder that is gone after the test.
pub struct Place {
    dir: tempfile::TempDir,
}

/// What the program answered.
pub struct Answer {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Place {
    /// With `rules/` (a rule of level high and one of level low) and `log.ndjson` (10 events: 2 high, 3 low).
    pub fn new() -> Place {
        let place = Place { dir: tempfile::tempdir().unwrap() };
        place.write("rules/high.yml", rule("High", "high", "CommandLine|contains: evil"));
        place.write("rules/low.yml", rule("Low", "low", r"Image|endswith: '\low.exe'"));
        let events: String = (1..=10)
            .map(|n| match n {
                2 | 7 => event(n, r"C:\cmd.exe", "cmd /c evil"),
                3 | 4 | 8 => event(n, r"C:\low.exe", "low"),
                _ => event(n, r"C:\other.exe", "other"),
            })
            .collect();
        place.write("log.ndjson", &events);
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// The program in this folder, in an environment of its own.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut c = Command::new(env!("CARGO_BIN_EXE_shikra"));
        c.args(args).current_dir(self.dir.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SHIKRA_") {
                c.env_remove(name);
            }
        }
        c.env("XDG_CONFIG_HOME", self.path("xdg"))
            .env("XDG_DATA_HOME", self.path("data"))
            .env_remove("NO_COLOR")
            .env_remove("COLUMNS");
        c
    }

    /// Runs it to its end.
    pub fn run(&self, args: &[&str]) -> Answer {
        answer(self.command(args).output().unwrap())
    }
}

/// What a finished program answered.
pub fn answer(o: Output) -> Answer {
    Answer {
        code: o.status.code().unwrap_or(-1),
        out: String::from_utf8(o.stdout).expect("output is UTF-8"),
        err: String::from_utf8(o.stderr).expect("messages are UTF-8"),
    }
}

/// A Sigma rule for process creations.
pub fn rule(title: &str, level: &str, test: &str) -> String {
    format!(
        "title: {title}\nid: id-{title}\nlevel: {level}\ntags: [attack.t1218.003]\n\
         logsource: {{product: windows, category: process_creation}}\n\
         detection:\n  sel:\n    {test}\n  condition: sel\n"
    )
}

/// A process creation as `evtx_dump` writes it.
pub fn event(number: u64, image: &str, command: &str) -> String {
    let event = serde_json::json!({"Event": {
        "System": {
            "Provider": {"#attributes": {"Name": "Microsoft-Windows-Sysmon"}},
            "EventID": 1,
            "Channel": "Microsoft-Windows-Sysmon/Operational",
            "Computer": "PC1",
            "EventRecordID": number,
            "TimeCreated": {"#attributes": {"SystemTime": format!("2024-05-01T10:{:02}:{:02}Z", number / 60 % 60, number % 60)}},
        },
        "EventData": {"Image": image, "CommandLine": command, "ProcessId": number},
    }});
    format!("{event}\n")
}

/// The lines of NDJSON.
pub fn json_lines(text: &str) -> Vec<serde_json::Value> {
    text.lines().map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l}"))).collect()
}

/// The workspace.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
