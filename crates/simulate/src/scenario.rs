//! A test played: its steps on a made-up computer, in the middle of an ordinary day.

use shikra_evtx_write::{Record, Value};

use crate::background;
use crate::binaries;
use crate::definition::{Deed, Process, RawEvent, Step, Test};
use crate::events::{security, sysmon};
use crate::world::{self, Pid, Running, SECOND, World};

/// How a test is played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The same seed gives the same events.
    pub seed: u64,
    /// When the day begins: FILETIME.
    pub start: u64,
    /// About how many events of ordinary activity surround the test.
    pub background: usize,
    /// Name of the computer, without its domain.
    pub host: String,
}

impl Default for Options {
    fn default() -> Options {
        // 2026-03-02T08:00:00Z
        Options { seed: 1, start: 134_169_120_000_000_000, background: 200, host: "WS01".to_owned() }
    }
}

/// What left an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A step of the test: its id, else its number from 1.
    Step(String),
    /// An activity of the ordinary day around it: its name.
    Ordinary(&'static str),
}

/// An event, and what left it.
#[derive(Clone, Debug, PartialEq)]
pub struct Emitted {
    /// The event.
    pub record: Record,
    /// What left it.
    pub cause: Cause,
}

impl Emitted {
    /// The step that left it; none for background.
    pub fn step(&self) -> Option<&str> {
        match &self.cause {
            Cause::Step(step) => Some(step),
            Cause::Ordinary(_) => None,
        }
    }
}

/// Plays a test: all events in order of time.
pub fn play(test: &Test, options: &Options) -> Vec<Emitted> {
    let mut stage = Stage::new(options, &test.id);
    let before = options.background / 2;
    background::play(&mut stage, before);
    for (number, step) in test.steps.iter().enumerate() {
        let label = if step.id.is_empty() { (number + 1).to_string() } else { step.id.clone() };
        stage.cause = Cause::Step(label);
        stage.step(step);
    }
    stage.settle();
    background::play(&mut stage, options.background - before);
    stage.settle();
    stage.out.sort_by_key(|e| e.record.time);
    stage.out
}

/// A process that is going to end.
struct Ending {
    at: u64,
    pid: Pid,
    cause: Cause,
}

/// Where steps are played.
pub(crate) struct Stage {
    pub world: World,
    pub cause: Cause,
    out: Vec<Emitted>,
    endings: Vec<Ending>,
}

impl Stage {
    fn new(options: &Options, name: &str) -> Stage {
        let seed = options.seed ^ crate::rng::Rng::named(0, name).next();
        Stage {
            world: World::new(&options.host, options.start, seed),
            cause: Cause::Ordinary(""),
            out: Vec::new(),
            endings: Vec::new(),
        }
    }

    /// Events so far.
    pub fn count(&self) -> usize {
        self.out.len()
    }

    fn emit(&mut self, record: Record) {
        self.out.push(Emitted { record, cause: self.cause.clone() });
    }

    /// Time goes on; what ends until then ends.
    pub fn wait(&mut self, ticks: u64) {
        let until = self.world.now + ticks;
        loop {
            let next =
                self.endings.iter().enumerate().filter(|(_, e)| e.at <= until).min_by_key(|(_, e)| e.at);
            let Some((place, _)) = next else { break };
            let ending = self.endings.remove(place);
            self.world.now = ending.at;
            let cause = std::mem::replace(&mut self.cause, ending.cause);
            self.end(ending.pid, 0);
            self.cause = cause;
        }
        self.world.now = until;
    }

    /// Lets everything end that is going to.
    pub fn settle(&mut self) {
        if let Some(last) = self.endings.iter().map(|e| e.at).max() {
            self.wait(last.saturating_sub(self.world.now) + SECOND);
        }
    }

    /// Plays a step.
    pub fn step(&mut self, step: &Step) {
        let ticks = match step.after {
            Some(seconds) => (seconds * SECOND as f64) as u64,
            None => self.world.rng.between(SECOND / 20, SECOND / 2),
        };
        self.wait(ticks);
        let by = match self.world.find(&step.by) {
            Some(pid) => pid,
            None => self.world.find("explorer").unwrap_or(0),
        };
        if let Deed::Process(process) = &step.deed {
            self.start(&step.id, by, process);
        } else {
            self.deed(by, &step.deed);
        }
    }

    fn deed(&mut self, by: Pid, deed: &Deed) {
        let world = &mut self.world;
        let target = |world: &World, name: &str| world.find(name).unwrap_or(0);
        let records = match deed {
            Deed::Process(_) => Vec::new(),
            Deed::End(end) => {
                self.endings.retain(|e| e.pid != by);
                return self.end(by, end.status);
            }
            Deed::Network(n) => vec![sysmon::connected(world, by, n), security::connected(world, by, n)],
            Deed::Dns(d) => vec![sysmon::asked(world, by, d)],
            Deed::Registry(r) => vec![sysmon::registry(world, by, r)],
            Deed::File(f) => sysmon::file(world, by, f),
            Deed::Load(l) => vec![sysmon::loaded(world, by, l)],
            Deed::Access(a) => {
                let target = target(world, &a.target);
                vec![sysmon::accessed(world, by, target, &a.granted, &a.trace)]
            }
            Deed::Thread(t) => {
                let target = target(world, &t.target);
                vec![sysmon::thread(world, by, target, t)]
            }
            Deed::Pipe(p) => vec![sysmon::pipe(world, by, &p.name, p.connect)],
            Deed::Script(s) => vec![security::script(world, by, s)],
            Deed::Service(s) => return self.service(by, s),
            Deed::Task(t) => return self.task(by, t),
            Deed::Account(a) => vec![security::account(world, by, a)],
            Deed::Logon(l) => {
                let account = world.account(&l.user);
                let account = world.accounts[account].clone();
                let mut out =
                    vec![security::logon(world, &account, if l.kind == 0 { 2 } else { l.kind }, &l.ip)];
                if account.key == "system" {
                    out.push(security::privileges(world, by));
                }
                out
            }
            Deed::Event(e) => vec![raw(world, e)],
        };
        records.into_iter().for_each(|r| self.emit(r));
    }

    /// A process starts, with its console where it needs one.
    pub fn start(&mut self, name: &str, by: Pid, process: &Process) -> Pid {
        let parent = self.world.process(by).clone();
        let image = world::program(&process.image);
        let account =
            if process.user.is_empty() { parent.account } else { self.world.account(&process.user) };
        let service = self.world.accounts.get(account).is_some_and(|a| a.is_service());
        let inherited = if process.user.is_empty() {
            parent.integrity
        } else if service {
            "System"
        } else {
            "Medium"
        };
        let command =
            if process.command.is_empty() { format!("\"{image}\" ") } else { process.command.clone() };
        let pid = self.world.start(
            name,
            Running {
                guid: Default::default(),
                pid: 0,
                original: process.original_name.clone(),
                command,
                folder: if process.folder.is_empty() {
                    parent.folder.clone()
                } else {
                    process.folder.clone()
                },
                account,
                integrity: world::integrity(&process.integrity).unwrap_or(inherited),
                parent: Some(by),
                image,
            },
        );
        self.emit_start(pid);
        let lives = process.lives.map(|s| (s * SECOND as f64) as u64);
        let lives = lives.unwrap_or_else(|| self.world.rng.between(SECOND, 4 * SECOND));
        if lives > 0 {
            self.endings.push(Ending { at: self.world.now + lives, pid, cause: self.cause.clone() });
        }
        if needs_console(&self.world.process(pid).image, &parent.image) {
            self.console(pid, lives);
        }
        pid
    }

    fn emit_start(&mut self, pid: Pid) {
        let records = [sysmon::created(&mut self.world, pid), security::created(&mut self.world, pid)];
        records.into_iter().for_each(|r| self.emit(r));
    }

    fn console(&mut self, owner: Pid, lives: u64) {
        self.world.now += SECOND / 100;
        let above = self.world.process(owner).clone();
        let console = Running {
            image: world::program("conhost.exe"),
            command: r"\??\C:\Windows\system32\conhost.exe 0xffffffff -ForceV1".to_owned(),
            folder: r"C:\Windows".to_owned(),
            original: String::new(),
            parent: Some(owner),
            ..above
        };
        let pid = self.world.start("", console);
        self.emit_start(pid);
        if lives > 0 {
            self.endings.push(Ending { at: self.world.now + lives, pid, cause: self.cause.clone() });
        }
    }

    fn end(&mut self, pid: Pid, status: u32) {
        let records = [sysmon::ended(&mut self.world, pid), security::ended(&mut self.world, pid, status)];
        records.into_iter().for_each(|r| self.emit(r));
    }

    /// A service: the events of its installation, and its key.
    fn service(&mut self, by: Pid, s: &crate::definition::Service) {
        let services = self.world.find("services").unwrap_or(0);
        let key = format!(r"HKLM\System\CurrentControlSet\Services\{}", s.name);
        for (value, data) in [("Start", "DWORD (0x00000003)"), ("ImagePath", s.image.as_str())] {
            let set = crate::definition::Registry {
                key: key.clone(),
                value: Some(value.to_owned()),
                data: data.to_owned(),
                delete: false,
            };
            let record = sysmon::registry(&mut self.world, services, &set);
            self.emit(record);
        }
        security::service(&mut self.world, by, s).into_iter().for_each(|r| self.emit(r));
    }

    /// A task: its file, its key, its registration.
    fn task(&mut self, by: Pid, t: &crate::definition::Task) {
        let schedule = self.world.find("schedule").unwrap_or(0);
        let name = t.name.trim_start_matches('\\');
        let file = crate::definition::File {
            path: format!(r"C:\Windows\System32\Tasks\{name}"),
            ..Default::default()
        };
        let key =
            format!(r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache\Tree\{name}");
        let set = crate::definition::Registry {
            key,
            value: Some("Id".to_owned()),
            data: format!("{{{}}}", world::guid_text(&mut self.world.rng)),
            delete: false,
        };
        let mut records = sysmon::file(&mut self.world, schedule, &file);
        records.push(sysmon::registry(&mut self.world, schedule, &set));
        records.push(security::task(
            &mut self.world,
            by,
            &crate::definition::Task { name: format!("\\{name}"), ..t.clone() },
        ));
        records.into_iter().for_each(|r| self.emit(r));
    }
}

/// A console program has a console of its own unless its parent has one.
fn needs_console(image: &str, parent: &str) -> bool {
    let console = |path: &str| binaries::named(path).is_some_and(|b| b.console);
    console(image) && !console(parent)
}

fn raw(world: &mut World, e: &RawEvent) -> Record {
    Record {
        provider: if e.provider.is_empty() { e.channel.clone() } else { e.provider.clone() },
        event_id: e.id,
        version: e.version,
        level: 4,
        time: world.writing_time(),
        channel: e.channel.clone(),
        computer: world.computer(),
        data: e.fields.iter().map(|(n, v)| (n.clone(), Value::Text(v.clone()))).collect(),
        ..Record::default()
    }
}
