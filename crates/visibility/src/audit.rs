//! What switches on the events that Windows itself writes.

/// How an event is switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Setting {
    /// A subcategory of the audit policy.
    Audit(&'static str),
    /// A value of the registry: key, name, number.
    Registry(&'static str, &'static str, u32),
    /// A log that is off at first.
    Log(&'static str),
}

const SECURITY: &[(&[u32], &str)] = &[
    (&[4688, 4696], "Process Creation"),
    (&[4689], "Process Termination"),
    (&[4624, 4625, 4648, 4675], "Logon"),
    (&[4634, 4647], "Logoff"),
    (&[4672, 4964], "Special Logon"),
    (&[4768, 4771, 4772], "Kerberos Authentication Service"),
    (&[4769, 4770, 4773], "Kerberos Service Ticket Operations"),
    (&[4774, 4775, 4776, 4777], "Credential Validation"),
    (
        &[4720, 4722, 4723, 4724, 4725, 4726, 4738, 4740, 4765, 4766, 4767, 4780, 4781, 4794, 4798],
        "User Account Management",
    ),
    (&[4741, 4742, 4743], "Computer Account Management"),
    (
        &[
            4727, 4728, 4729, 4730, 4731, 4732, 4733, 4734, 4735, 4737, 4754, 4755, 4756, 4757, 4758, 4764,
            4799,
        ],
        "Security Group Management",
    ),
    (&[4697, 4610, 4611, 4614, 4622], "Security System Extension"),
    (&[4698, 4699, 4700, 4701, 4702], "Other Object Access Events"),
    (
        &[4656, 4658, 4660, 4663, 4670],
        "File System, Registry, Kernel Object or SAM, with a SACL on the object",
    ),
    (&[4657], "Registry"),
    (&[4661], "SAM"),
    (&[4662], "Directory Service Access"),
    (&[5136, 5137, 5138, 5139, 5141], "Directory Service Changes"),
    (&[5140, 5142, 5143, 5144, 5168], "File Share"),
    (&[5145], "Detailed File Share"),
    (&[5156, 5157, 5158, 5159, 5154, 5155], "Filtering Platform Connection"),
    (&[4719, 4817, 4902, 4904, 4905, 4906, 4907, 4912], "Audit Policy Change"),
    (&[4704, 4705, 4706, 4707, 4713, 4716, 4717, 4718, 4739, 4864, 4865], "Authentication Policy Change"),
    (&[4673, 4674], "Sensitive Privilege Use"),
    (&[4703], "Authorization Policy Change"),
    (
        &[4944, 4945, 4946, 4947, 4948, 4949, 4950, 4951, 4952, 4953, 4954, 4956, 4957, 4958],
        "MPSSVC Rule-Level Policy Change",
    ),
    (&[4616], "Security State Change"),
    (&[4778, 4779, 4800, 4801, 4802, 4803, 5378, 4649], "Other Logon/Logoff Events"),
    (&[4886, 4887, 4888, 4898, 4899, 4900], "Certification Services"),
    (&[6416, 6419, 6420, 6421, 6422, 6423, 6424], "Plug and Play Events"),
    (&[1102, 1100, 1104], "always on"),
];

const COMMAND_LINE: Setting = Setting::Registry(
    r"HKLM\Software\Microsoft\Windows\CurrentVersion\Policies\System\Audit",
    "ProcessCreationIncludeCmdLine_Enabled",
    1,
);
const SCRIPT_BLOCKS: Setting = Setting::Registry(
    r"HKLM\Software\Policies\Microsoft\Windows\PowerShell\ScriptBlockLogging",
    "EnableScriptBlockLogging",
    1,
);
const MODULES: Setting = Setting::Registry(
    r"HKLM\Software\Policies\Microsoft\Windows\PowerShell\ModuleLogging",
    "EnableModuleLogging",
    1,
);

/// Logs that are off until somebody enables them.
const OFF: &[&str] = &[
    "Microsoft-Windows-DNS-Client/Operational",
    "Microsoft-Windows-TaskScheduler/Operational",
    "Microsoft-Windows-CAPI2/Operational",
    "Microsoft-Windows-DriverFrameworks-UserMode/Operational",
    "Microsoft-Windows-LSA/Operational",
    "Microsoft-Windows-PrintService/Operational",
    "Microsoft-Windows-SmbClient/Security",
];

/// What must be set for an event with these fields; none where nothing need be, or nothing is known.
pub fn setting_of(channel: &str, event_id: u32, fields: &[&str]) -> Vec<Setting> {
    let mut out = Vec::new();
    match channel {
        "Security" => {
            let known = SECURITY.iter().find(|(ids, name)| ids.contains(&event_id) && *name != "always on");
            out.extend(known.map(|(_, name)| Setting::Audit(name)));
            if event_id == 4688 && fields.contains(&"CommandLine") {
                out.push(COMMAND_LINE);
            }
        }
        "Microsoft-Windows-PowerShell/Operational" if event_id == 4104 => out.push(SCRIPT_BLOCKS),
        "Microsoft-Windows-PowerShell/Operational" if event_id == 4103 => out.push(MODULES),
        other => out.extend(OFF.iter().find(|o| o.eq_ignore_ascii_case(other)).map(|o| Setting::Log(o))),
    }
    out
}
