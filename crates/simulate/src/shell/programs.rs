//! What programs do with their arguments: a table. What is in it does what it says; a program that is not, and is
//! not one of Windows' own, does what nobody can know from here.

use super::{Shell, Stage, cmd, powershell, words};
use crate::binaries::{self, base_name};
use crate::definition::{Account, Deed, Dns, Process, Service, Task};

type Effect = fn(&mut Stage, &[String]);

/// Programs by file name without `.exe`.
const EFFECTS: &[(&str, Effect)] = &[
    ("reg", reg),
    ("schtasks", schtasks),
    ("sc", sc),
    ("net", net),
    ("net1", net),
    ("wmic", wmic),
    ("curl", curl),
    ("certutil", certutil),
    ("bitsadmin", bitsadmin),
    ("cmd", cmd::nested),
    ("powershell", powershell::nested),
    ("pwsh", powershell::nested),
    ("nslookup", lookup),
    ("ping", lookup),
    ("xcopy", target_file),
    ("forfiles", |stage, words| {
        if let Some(command) = words::after(words, &["c"]) {
            stage.run(Shell::Cmd, &words::plain(command));
        }
    }),
    ("mshta", runs_content),
    ("rundll32", runs_content),
    ("regsvr32", runs_content),
    ("cscript", runs_content),
    ("wscript", runs_content),
    ("msbuild", runs_content),
    ("installutil", runs_content),
    ("regasm", runs_content),
    ("regsvcs", runs_content),
    ("msiexec", runs_content),
    ("cmstp", runs_content),
    ("odbcconf", runs_content),
    ("hh", runs_content),
    ("control", runs_content),
    ("mmc", runs_content),
    ("sdbinst", runs_content),
    ("diskshadow", runs_content),
    ("regedit", runs_content),
    ("regini", runs_content),
    ("ftp", runs_content),
    ("makecab", |stage, words| {
        if let Some(to) = words.iter().filter(|w| !w.starts_with('/')).nth(1) {
            stage.file(&words::plain(to), false);
        }
    }),
];

/// What a program does, once it runs.
pub fn effects(stage: &mut Stage, image: &str, arguments: &[String]) {
    let name = base_name(image).to_ascii_lowercase();
    let name = name.strip_suffix(".exe").unwrap_or(&name);
    let known = binaries::at(image).is_some();
    match EFFECTS.iter().find(|(n, _)| *n == name) {
        Some((_, effect)) if known => effect(stage, arguments),
        _ if known => {}
        _ => {
            let line = arguments.join(" ");
            words::urls(&line).iter().for_each(|u| stage.connect(u));
            stage.unknown(&format!("what {} does", base_name(image)));
        }
    }
}

/// Programs that run what their arguments name: a script, a library, a package.
fn runs_content(stage: &mut Stage, arguments: &[String]) {
    let line = arguments.join(" ");
    let urls = words::urls(&line);
    urls.iter().for_each(|u| stage.connect(u));
    stage.unknown(&format!("what it runs: {line}"));
}

fn reg(stage: &mut Stage, words: &[String]) {
    let verb = words.first().map(|w| w.to_ascii_lowercase()).unwrap_or_default();
    let Some(key) = words.get(1).map(|w| words::plain(w)) else { return };
    let named = words::after(words, &["v"]).map(words::plain);
    let value = if words::has(words, &["ve"]) { Some("(Default)".to_owned()) } else { named };
    match verb.as_str() {
        "add" => {
            let data = words::after(words, &["d"]).map(words::plain).unwrap_or_default();
            let data = words::registry_data(words::after(words, &["t"]).unwrap_or_default(), &data);
            stage.registry(&key, value.as_deref(), &data, false);
        }
        "delete" => stage.registry(&key, value.as_deref(), "", true),
        "save" | "export" => {
            if let Some(file) = words.get(2) {
                stage.file(&words::plain(file), false);
            }
        }
        "import" | "load" | "restore" => stage.unknown(&format!("what is in {key}")),
        _ => {}
    }
}

fn schtasks(stage: &mut Stage, words: &[String]) {
    let name = words::after(words, &["tn"]).map(words::plain);
    let Some(name) = name else { return };
    if words::has(words, &["create"]) {
        let Some(run) = words::after(words, &["tr"]).map(|w| w.trim_matches('"').to_owned()) else {
            return stage.unknown(&format!("what the task {name} runs"));
        };
        let all = words::split(&run);
        let command = all.first().map(|w| words::plain(w)).unwrap_or_default();
        let arguments = all.get(1..).unwrap_or_default().join(" ");
        stage.registered.insert(format!("task {}", name.to_ascii_lowercase()), run);
        stage.deed(Deed::Task(Task { name, command, arguments }));
    } else if words::has(words, &["run"]) {
        match stage.registered.get(&format!("task {}", name.to_ascii_lowercase())).cloned() {
            Some(run) => under(stage, "schedule", &run, "user"),
            None => stage.unknown(&format!("what the task {name} runs")),
        }
    }
}

/// Runs a command line under a process of the system.
fn under(stage: &mut Stage, by: &str, run: &str, user: &str) {
    let all = words::split(run);
    let Some(image) = all.first().map(|w| words::plain(w)).and_then(|w| stage.image_of(&w)) else {
        return stage.unknown(&format!("what `{run}` starts"));
    };
    let above = std::mem::replace(&mut stage.by, by.to_owned());
    let id = stage.process_step("", &image, run);
    if let Some(Deed::Process(Process { user: as_user, .. })) = stage.steps.last_mut().map(|s| &mut s.deed) {
        *as_user = user.to_owned();
    }
    stage.by = id;
    if stage.depth < super::DEEPEST {
        stage.depth += 1;
        effects(stage, &image, all.get(1..).unwrap_or_default());
        stage.depth -= 1;
    }
    stage.by = above;
}

fn sc(stage: &mut Stage, words: &[String]) {
    let words =
        words.get(usize::from(words.first().is_some_and(|w| w.starts_with(r"\\")))..).unwrap_or_default();
    let (Some(verb), Some(name)) =
        (words.first().map(|w| w.to_ascii_lowercase()), words.get(1).map(|w| words::plain(w)))
    else {
        return;
    };
    let image = words.iter().enumerate().find_map(|(n, w)| {
        let rest = w.get(..8).filter(|p| p.eq_ignore_ascii_case("binpath=")).and_then(|_| w.get(8..))?;
        let value = if rest.is_empty() { words.get(n + 1)?.as_str() } else { rest };
        Some(value.trim_matches('"').to_owned())
    });
    let key = format!(r"HKLM\System\CurrentControlSet\Services\{name}");
    match (verb.as_str(), image) {
        ("create", Some(image)) => {
            stage.registered.insert(format!("service {}", name.to_ascii_lowercase()), image.clone());
            stage.deed(Deed::Service(Service { name, image, account: String::new() }));
        }
        ("config", Some(image)) => {
            stage.registered.insert(format!("service {}", name.to_ascii_lowercase()), image.clone());
            stage.deed_by("services", set(&key, "ImagePath", &image));
        }
        ("config", None) => {
            let disabled = words.iter().any(|w| w.eq_ignore_ascii_case("disabled"));
            stage.deed_by(
                "services",
                set(&key, "Start", if disabled { "DWORD (0x00000004)" } else { "DWORD (0x00000002)" }),
            );
        }
        ("start", _) => {
            match stage.registered.get(&format!("service {}", name.to_ascii_lowercase())).cloned() {
                Some(image) => under(stage, "services", &image, "system"),
                None => stage.unknown(&format!("what the service {name} runs")),
            }
        }
        ("delete", _) => {
            let deed = crate::definition::Registry { key, delete: true, ..Default::default() };
            stage.deed_by("services", Deed::Registry(deed));
        }
        _ => {}
    }
}

fn set(key: &str, value: &str, data: &str) -> Deed {
    Deed::Registry(crate::definition::Registry {
        key: key.to_owned(),
        value: Some(value.to_owned()),
        data: data.to_owned(),
        delete: false,
    })
}

/// What `net.exe` hands to `net1.exe`.
const NET1: &[&str] = &[
    "accounts",
    "computer",
    "config",
    "continue",
    "file",
    "group",
    "localgroup",
    "pause",
    "session",
    "share",
    "start",
    "statistics",
    "stop",
    "time",
    "user",
];

fn net(stage: &mut Stage, words: &[String]) {
    let Some(verb) = words.first().map(|w| w.to_ascii_lowercase()) else { return };
    let asked = |w: &String| w.eq_ignore_ascii_case("/add");
    let add = words.iter().any(asked);
    if NET1.contains(&verb.as_str()) && !stage.by_is("net1.exe") {
        let line = format!(r"C:\Windows\system32\net1  {}", words.join(" "));
        let id = stage.process_step("", r"C:\Windows\System32\net1.exe", &line);
        let above = std::mem::replace(&mut stage.by, id);
        account(stage, &verb, words, add);
        stage.by = above;
    } else {
        account(stage, &verb, words, add);
    }
}

fn account(stage: &mut Stage, verb: &str, words: &[String], add: bool) {
    let names: Vec<String> =
        words.iter().skip(1).filter(|w| !w.starts_with('/')).map(|w| words::plain(w)).collect();
    let deed = match (verb, names.as_slice()) {
        ("user", [name, ..]) if add => Account { name: name.clone(), group: String::new() },
        ("localgroup" | "group", [group, name, ..]) if add => {
            Account { name: name.clone(), group: group.clone() }
        }
        _ => return,
    };
    stage.deed(Deed::Account(deed));
}

fn wmic(stage: &mut Stage, words: &[String]) {
    let lower: Vec<String> = words.iter().map(|w| w.to_ascii_lowercase()).collect();
    let Some(at) = lower.iter().position(|w| w == "create") else { return };
    if !lower.iter().any(|w| w == "call") {
        return;
    }
    let run = words.get(at + 1..).unwrap_or_default().join(" ");
    let run = run.trim_matches(['"', '\'']).to_owned();
    if lower.iter().any(|w| w.starts_with("/node")) {
        return stage.unknown(&format!("what happens on the other computer: {run}"));
    }
    under(stage, "wmi", &run, "user");
}

/// `Win32_Process.Create` by PowerShell's cmdlets.
pub fn by_wmi(stage: &mut Stage, text: &str) {
    let lower = text.to_ascii_lowercase();
    if !lower.contains("win32_process") || !lower.contains("create") {
        return stage.unknown(&format!("what the method does: {text}"));
    }
    let line = lower
        .find("commandline")
        .and_then(|at| text.get(at + 11..))
        .map(|rest| rest.trim_start_matches([' ', '=', '"', '\'']));
    let end = |rest: &str| rest.find(['"', '\'', ';', '}']).unwrap_or(rest.len());
    let run = line.and_then(|rest| rest.get(..end(rest))).map(str::trim).filter(|r| !r.is_empty());
    match run {
        Some(_) if lower.contains("-computername") || lower.contains("cimsession") => {
            stage.unknown("what happens on the other computer");
        }
        Some(run) => under(stage, "wmi", run, "user"),
        None => stage.unknown(&format!("what process is created: {text}")),
    }
}

fn curl(stage: &mut Stage, words: &[String]) {
    let line = words.join(" ");
    let file = words::after(words, &["o", "-output"]).map(words::plain);
    let own_name = words.iter().any(|w| w == "-O" || w == "--remote-name");
    for url in words::urls(&line) {
        let named = url.rsplit('/').next().filter(|n| own_name && !n.is_empty()).map(str::to_owned);
        let file = if own_name { named } else { file.clone() };
        stage.download(&url, file.as_deref());
    }
}

fn certutil(stage: &mut Stage, words: &[String]) {
    let last = words.last().map(|w| words::plain(w));
    let urls = words::urls(&words.join(" "));
    match urls.first() {
        Some(url) => {
            let file = last.filter(|l| !l.contains("://"));
            stage.download(url, file.as_deref());
        }
        None if words::has(words, &["encode", "decode", "decodehex", "exportPFX"]) => {
            if let Some(file) = last {
                stage.file(&file, false);
            }
        }
        None => {}
    }
}

fn bitsadmin(stage: &mut Stage, words: &[String]) {
    let urls = words::urls(&words.join(" "));
    let file = words.last().map(|w| words::plain(w)).filter(|w| w.contains('\\'));
    if let Some(url) = urls.first() {
        // The service downloads, not the tool.
        let above = std::mem::replace(&mut stage.by, "netsvcs".to_owned());
        stage.download(url, file.as_deref());
        stage.by = above;
    }
    if words::has(words, &["SetNotifyCmdLine"]) {
        let run = words.iter().skip_while(|w| !w.eq_ignore_ascii_case("/SetNotifyCmdLine")).nth(2);
        stage.unknown(&format!("whether the job runs {}", run.map_or("its command", String::as_str)));
    }
}

fn lookup(stage: &mut Stage, words: &[String]) {
    let host = words.iter().rev().map(|w| words::plain(w)).find(|w| {
        !w.starts_with(['-', '/']) && w.contains('.') && w.chars().any(|c| c.is_ascii_alphabetic())
    });
    if let Some((host, _)) = host.as_deref().and_then(words::host_of) {
        let ip = format!("203.0.113.{}", 1 + crate::rng::Rng::named(0, &host).below(250));
        stage.deed(Deed::Dns(Dns { name: host, answers: vec![ip] }));
    }
}

fn target_file(stage: &mut Stage, words: &[String]) {
    if let Some(to) = words.iter().filter(|w| !w.starts_with('/')).nth(1) {
        stage.file(&words::plain(to), false);
    }
}

impl Stage {
    /// Whether the present process is that program.
    fn by_is(&self, name: &str) -> bool {
        let step = self.steps.iter().rev().find(|s| s.id == self.by);
        step.is_some_and(
            |s| matches!(&s.deed, Deed::Process(p) if base_name(&p.image).eq_ignore_ascii_case(name)),
        )
    }
}
