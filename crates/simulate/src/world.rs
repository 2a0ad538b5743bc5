//! A computer that is made up: its accounts and the processes that run on it.
//!
//! What a deed leaves in the log is left to [`crate::events`].

use std::collections::HashMap;

use shikra_evtx_write::Guid;

use crate::binaries;
use crate::rng::Rng;

/// Ticks of FILETIME in a second.
pub const SECOND: u64 = 10_000_000;
/// Domain of all made-up computers: no name under `.example` can exist.
pub const DOMAIN: &str = "synthetic.example";
/// The same as NetBIOS has it.
pub const NETBIOS: &str = "SYNTHETIC";

/// Number of a process in [`World::processes`].
pub type Pid = usize;

/// An account with its logon session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Name in definitions.
    pub key: &'static str,
    /// Domain.
    pub domain: String,
    /// Name.
    pub name: String,
    /// Security identifier.
    pub sid: String,
    /// Logon id, and that of the linked session with full rights.
    pub logon: [u64; 2],
    /// When it logged on: FILETIME.
    pub since: u64,
    /// Terminal session.
    pub session: u32,
}

impl Account {
    /// `DOMAIN\name`.
    pub fn full(&self) -> String {
        format!("{}\\{}", self.domain, self.name)
    }

    /// Whether it stands for the computer.
    pub fn is_service(&self) -> bool {
        self.session == 0
    }
}

/// A process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// Sysmon's GUID of it.
    pub guid: Guid,
    /// Process id.
    pub pid: u32,
    /// Path of its program.
    pub image: String,
    /// Name that the program was compiled as; empty: as the table of programs has it.
    pub original: String,
    /// Command line.
    pub command: String,
    /// Working folder.
    pub folder: String,
    /// Account.
    pub account: usize,
    /// Integrity level.
    pub integrity: &'static str,
    /// Who started it.
    pub parent: Option<Pid>,
}

/// Processes that always run: name, program, command line, parent, account, integrity.
const STANDING: &[(&str, &str, &str, &str, &str, &str)] = &[
    ("system", "System", "", "", "system", "System"),
    ("smss", "smss.exe", r"\SystemRoot\System32\smss.exe", "system", "system", "System"),
    ("wininit", "wininit.exe", "wininit.exe", "smss", "system", "System"),
    ("services", "services.exe", r"C:\Windows\system32\services.exe", "wininit", "system", "System"),
    ("lsass", "lsass.exe", r"C:\Windows\system32\lsass.exe", "wininit", "system", "System"),
    ("winlogon", "winlogon.exe", "winlogon.exe", "smss", "system", "System"),
    (
        "dcom",
        "svchost.exe",
        r"C:\Windows\system32\svchost.exe -k DcomLaunch -p",
        "services",
        "system",
        "System",
    ),
    (
        "netsvcs",
        "svchost.exe",
        r"C:\Windows\system32\svchost.exe -k netsvcs -p",
        "services",
        "system",
        "System",
    ),
    (
        "schedule",
        "svchost.exe",
        r"C:\Windows\system32\svchost.exe -k netsvcs -p -s Schedule",
        "services",
        "system",
        "System",
    ),
    (
        "appinfo",
        "svchost.exe",
        r"C:\Windows\system32\svchost.exe -k netsvcs -p -s Appinfo",
        "services",
        "system",
        "System",
    ),
    (
        "dnscache",
        "svchost.exe",
        r"C:\Windows\system32\svchost.exe -k NetworkService -p -s Dnscache",
        "services",
        "network-service",
        "System",
    ),
    (
        "eventlog",
        "svchost.exe",
        r"C:\Windows\System32\svchost.exe -k LocalServiceNetworkRestricted -p -s EventLog",
        "services",
        "local-service",
        "System",
    ),
    (
        "wmi",
        "WmiPrvSE.exe",
        r"C:\Windows\system32\wbem\wmiprvse.exe -secured -Embedding",
        "dcom",
        "network-service",
        "System",
    ),
    ("msi", "msiexec.exe", r"C:\Windows\system32\msiexec.exe /V", "services", "system", "System"),
    (
        "defender",
        r"C:\ProgramData\Microsoft\Windows Defender\Platform\4.18.24090.11-0\MsMpEng.exe",
        r#""C:\ProgramData\Microsoft\Windows Defender\Platform\4.18.24090.11-0\MsMpEng.exe""#,
        "services",
        "system",
        "System",
    ),
    ("userinit", "userinit.exe", r"C:\Windows\system32\userinit.exe", "winlogon", "user", "Medium"),
    ("explorer", "explorer.exe", r"C:\Windows\Explorer.EXE", "userinit", "user", "Medium"),
    ("taskhostw", "taskhostw.exe", "taskhostw.exe", "schedule", "user", "Medium"),
    (
        "outlook",
        "OUTLOOK.EXE",
        r#""C:\Program Files\Microsoft Office\root\Office16\OUTLOOK.EXE""#,
        "explorer",
        "user",
        "Medium",
    ),
    (
        "word",
        "WINWORD.EXE",
        r#""C:\Program Files\Microsoft Office\root\Office16\WINWORD.EXE" /n"#,
        "explorer",
        "user",
        "Medium",
    ),
    (
        "shell",
        "powershell.exe",
        r#""C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe" "#,
        "explorer",
        "user",
        "Medium",
    ),
    (
        "admin-shell",
        "powershell.exe",
        r#""C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe" "#,
        "explorer",
        "user",
        "High",
    ),
];

/// Whether that process runs without a step that starts it.
pub fn is_standing(name: &str) -> bool {
    STANDING.iter().any(|s| s.0 == name)
}

/// The names of the processes that always run.
pub fn standing() -> impl Iterator<Item = &'static str> {
    STANDING.iter().map(|s| s.0)
}

/// The computer.
#[derive(Clone, Debug)]
pub struct World {
    /// Its name without the domain.
    pub host: String,
    /// Its address.
    pub address: String,
    /// Accounts.
    pub accounts: Vec<Account>,
    /// All processes, those that have ended included.
    pub processes: Vec<Running>,
    /// FILETIME.
    pub now: u64,
    /// Where the numbers come from.
    pub rng: Rng,
    /// When the last event was written.
    last: u64,
    /// First part of Sysmon's GUIDs on this computer.
    machine: u32,
    /// Running number of GUIDs.
    serial: u32,
    names: HashMap<String, Pid>,
}

const LEVELS: &[&str] = &["Low", "Medium", "High", "System"];

impl World {
    /// A computer of that name; its boot lies some hours before `now`.
    pub fn new(host: &str, now: u64, seed: u64) -> World {
        let mut rng = Rng::named(seed, host);
        let authority = format!(
            "S-1-5-21-{}-{}-{}",
            rng.between(1 << 30, 1 << 32),
            rng.between(1 << 30, 1 << 32),
            rng.between(1 << 30, 1 << 32)
        );
        let mut world = World {
            host: host.to_owned(),
            address: format!("10.20.{}.{}", rng.between(1, 30), rng.between(10, 250)),
            accounts: Vec::new(),
            processes: Vec::new(),
            now: now.saturating_sub(3 * 3600 * SECOND),
            last: 0,
            machine: rng.next() as u32,
            serial: 0x100,
            rng,
            names: HashMap::new(),
        };
        world.accounts = accounts(&authority, world.now, &mut world.rng);
        for (name, image, command, parent, account, integrity) in STANDING {
            world.now += world.rng.between(SECOND / 10, 40 * SECOND);
            let process = Running {
                guid: Guid::default(),
                pid: 0,
                image: program(image),
                original: String::new(),
                command: (*command).to_owned(),
                folder: r"C:\Windows\system32\".to_owned(),
                account: world.account(account),
                integrity,
                parent: world.find(parent),
            };
            world.start(name, process);
        }
        if let Some(system) = world.processes.first_mut() {
            system.pid = 4;
        }
        world.now = now;
        world
    }

    /// `WS01.synthetic.example`: every record says where it is from.
    pub fn computer(&self) -> String {
        format!("{}.{DOMAIN}", self.host)
    }

    /// The process of that name.
    pub fn find(&self, name: &str) -> Option<Pid> {
        self.names.get(name).copied()
    }

    /// A process by its number; the first one where there is none of that number.
    pub fn process(&self, pid: Pid) -> &Running {
        self.processes.get(pid).unwrap_or(&self.processes[0])
    }

    /// The account of a process.
    pub fn account_of(&self, process: &Running) -> &Account {
        self.accounts.get(process.account).unwrap_or(&self.accounts[0])
    }

    /// Number of the account that definitions call so; the user where there is none.
    pub fn account(&self, key: &str) -> usize {
        self.accounts.iter().position(|a| a.key == key).unwrap_or(0)
    }

    /// Adds a process: gives it its id and GUID.
    pub fn start(&mut self, name: &str, mut process: Running) -> Pid {
        process.guid = self.guid();
        process.pid = loop {
            let pid = self.rng.between(400, 12_000) as u32 & !3;
            if pid > 400 && !self.processes.iter().any(|p| p.pid == pid) {
                break pid;
            }
        };
        self.processes.push(process);
        let number = self.processes.len() - 1;
        if !name.is_empty() {
            self.names.insert(name.to_owned(), number);
        }
        number
    }

    /// When an event of now is written: a little later, and never before the one before it.
    pub fn writing_time(&mut self) -> u64 {
        let jitter = self.rng.between(2_000, 40_000);
        self.last = (self.now + jitter).max(self.last + 10);
        self.last
    }

    /// A GUID as Sysmon makes them: machine, second, running number.
    fn guid(&mut self) -> Guid {
        self.serial += 1 + self.rng.below(5) as u32;
        let second = unix(self.now);
        self.guid_of(second, u64::from(self.serial) | 0x0a << 48)
    }

    /// Sysmon's GUID of a logon session.
    pub fn logon_guid(&self, account: &Account, high: bool) -> Guid {
        self.guid_of(unix(account.since), account.logon[usize::from(high)])
    }

    fn guid_of(&self, second: u64, rest: u64) -> Guid {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&self.machine.to_le_bytes());
        bytes[4..8].copy_from_slice(&(second as u32).to_le_bytes());
        bytes[8..].copy_from_slice(&rest.to_le_bytes());
        Guid(bytes)
    }
}

/// Seconds since 1970 of a FILETIME.
pub fn unix(time: u64) -> u64 {
    (time / SECOND).saturating_sub(11_644_473_600)
}

/// The integrity level of that name.
pub fn integrity(name: &str) -> Option<&'static str> {
    LEVELS.iter().find(|l| l.eq_ignore_ascii_case(name)).copied()
}

/// The path of a program that may be named without one.
pub fn program(image: &str) -> String {
    if image.contains(['\\', '/']) {
        return image.to_owned();
    }
    binaries::named(image).map_or_else(|| image.to_owned(), binaries::Binary::path)
}

fn accounts(authority: &str, since: u64, rng: &mut Rng) -> Vec<Account> {
    let logon = |rng: &mut Rng| {
        let low = rng.between(0x2_0000, 0x8f_ffff);
        [low + rng.between(0x40, 0x200), low]
    };
    let person = |key, name: &str, rid: u32, logon| Account {
        key,
        domain: NETBIOS.to_owned(),
        name: name.to_owned(),
        sid: format!("{authority}-{rid}"),
        logon,
        since,
        session: 1,
    };
    let service = |key, name: &str, sid: &str, logon| Account {
        key,
        domain: "NT AUTHORITY".to_owned(),
        name: name.to_owned(),
        sid: sid.to_owned(),
        logon: [logon; 2],
        since,
        session: 0,
    };
    vec![
        person("user", "m.keller", 1104, logon(rng)),
        person("admin", "adm.keller", 1105, logon(rng)),
        service("system", "SYSTEM", "S-1-5-18", 0x3e7),
        service("local-service", "LOCAL SERVICE", "S-1-5-19", 0x3e5),
        service("network-service", "NETWORK SERVICE", "S-1-5-20", 0x3e4),
    ]
}

/// A GUID that means nothing, in lower case without braces.
pub fn guid_text(rng: &mut Rng) -> String {
    let hex = rng.hex(32).to_ascii_lowercase();
    let part = |from, to| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}
