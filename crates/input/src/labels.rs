//! What Windows calls the values that it renders into messages under labels.
//!
//! From the message texts and the event schemas of the Security log's provider.

/// Sections that tell of the account that acts.
const SUBJECT: &[&str] = &["Subject", "Creator Subject"];
/// Sections that tell of the account that is acted upon.
const TARGET: &[&str] = &[
    "Target Subject",
    "New Logon",
    "Target Account",
    "New Account",
    "Account Information",
    "Account That Was Locked Out",
    "Account For Which Logon Failed",
    "Account Whose Credentials Were Used",
    "User",
    "Group",
];

/// Label, name in a section of [`SUBJECT`], name in one of [`TARGET`].
const ACCOUNTS: &[(&str, &str, &str)] = &[
    ("Security ID", "SubjectUserSid", "TargetUserSid"),
    ("Account Name", "SubjectUserName", "TargetUserName"),
    ("Group Name", "SubjectUserName", "TargetUserName"),
    ("Account Domain", "SubjectDomainName", "TargetDomainName"),
    ("Logon ID", "SubjectLogonId", "TargetLogonId"),
    ("Logon GUID", "LogonGuid", "TargetLogonGuid"),
];

/// Labels that mean the same in every section.
const ANYWHERE: &[(&str, &str)] = &[
    ("New Process ID", "NewProcessId"),
    ("New Process Name", "NewProcessName"),
    ("Token Elevation Type", "TokenElevationType"),
    ("Mandatory Label", "MandatoryLabel"),
    ("Creator Process ID", "ProcessId"),
    ("Creator Process Name", "ParentProcessName"),
    ("Process Command Line", "CommandLine"),
    ("Process ID", "ProcessId"),
    ("Process Name", "ProcessName"),
    ("Caller Process ID", "ProcessId"),
    ("Caller Process Name", "ProcessName"),
    ("Logon Type", "LogonType"),
    ("Logon GUID", "LogonGuid"),
    ("Logon Process", "LogonProcessName"),
    ("Authentication Package", "AuthenticationPackageName"),
    ("Transited Services", "TransmittedServices"),
    ("Package Name (NTLM only)", "LmPackageName"),
    ("Key Length", "KeyLength"),
    ("Workstation Name", "WorkstationName"),
    ("Source Workstation", "Workstation"),
    ("Source Network Address", "IpAddress"),
    ("Source Address", "IpAddress"),
    ("Client Address", "IpAddress"),
    ("Source Port", "IpPort"),
    ("Client Port", "IpPort"),
    ("Failure Reason", "FailureReason"),
    ("Status", "Status"),
    ("Sub Status", "SubStatus"),
    ("Failure Code", "Status"),
    ("Object Server", "ObjectServer"),
    ("Object Type", "ObjectType"),
    ("Object Name", "ObjectName"),
    ("Handle ID", "HandleId"),
    ("Operation Type", "OperationType"),
    ("Accesses", "AccessList"),
    ("Access Mask", "AccessMask"),
    ("Properties", "Properties"),
    ("Service Name", "ServiceName"),
    ("Service File Name", "ServiceFileName"),
    ("Service ID", "ServiceSid"),
    ("Ticket Options", "TicketOptions"),
    ("Ticket Encryption Type", "TicketEncryptionType"),
    ("Pre-Authentication Type", "PreAuthType"),
    ("Share Name", "ShareName"),
    ("Share Path", "ShareLocalPath"),
    ("Relative Target Name", "RelativeTargetName"),
    ("Task Name", "TaskName"),
    ("Task Content", "TaskContent"),
    ("Privileges", "PrivilegeList"),
    ("ScriptBlock ID", "ScriptBlockId"),
];

/// Labels that mean something else outside of sections: those of the service control manager.
const OUTSIDE: &[(&str, &str)] = &[
    ("Service File Name", "ImagePath"),
    ("Service Type", "ServiceType"),
    ("Service Start Type", "StartType"),
    ("Service Account", "AccountName"),
];

/// The field that `label` in `section` is; labels that the tables lack are called as Splunk calls them.
pub(crate) fn field_of(section: &str, label: &str) -> String {
    let account = ACCOUNTS.iter().find(|(name, ..)| *name == label);
    if let Some((_, subject, target)) = account {
        if SUBJECT.contains(&section) {
            return subject.to_string();
        }
        if TARGET.contains(&section) {
            return target.to_string();
        }
    }
    let outside = if section.is_empty() { OUTSIDE } else { &[] };
    match outside.iter().chain(ANYWHERE).find(|(name, _)| *name == label) {
        Some((_, field)) => field.to_string(),
        None => label.replace(' ', "_"),
    }
}
