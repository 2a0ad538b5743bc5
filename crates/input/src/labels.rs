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
    ("User Right", "PrivilegeList"),
    ("Restricted Admin Mode", "RestrictedAdminMode"),
    ("Virtual Account", "VirtualAccount"),
    ("Elevated Token", "ElevatedToken"),
    ("Impersonation Level", "ImpersonationLevel"),
    ("Linked Logon ID", "TargetLinkedLogonId"),
    ("Network Account Name", "TargetOutboundUserName"),
    ("Network Account Domain", "TargetOutboundDomainName"),
    ("Caller Workstation", "Workstation"),
    ("Status Code", "Status"),
    ("Result Code", "Status"),
    ("Error Code", "Status"),
    ("Object Value Name", "ObjectValueName"),
    ("Old Value Type", "OldValueType"),
    ("Old Value", "OldValue"),
    ("New Value Type", "NewValueType"),
    ("New Value", "NewValue"),
    ("Certificate Issuer Name", "CertIssuerName"),
    ("Certificate Serial Number", "CertSerialNumber"),
    ("Certificate Thumbprint", "CertThumbprint"),
    ("SAM Account Name", "SamAccountName"),
    ("User Principal Name", "UserPrincipalName"),
    ("SID History", "SidHistory"),
    ("DNS Host Name", "DnsHostName"),
    ("Service Principal Names", "ServicePrincipalNames"),
    ("Request ID", "RequestId"),
    ("ScriptBlock ID", "ScriptBlockId"),
];

/// Section, label and name, where the section decides; outside of sections those of the service control manager.
const WITHIN: &[(&str, &str, &str)] = &[
    ("", "Service File Name", "ImagePath"),
    ("", "Service Type", "ServiceType"),
    ("", "Service Start Type", "StartType"),
    ("", "Service Account", "AccountName"),
    ("", "Logon Account", "TargetUserName"),
    ("Member", "Security ID", "MemberSid"),
    ("Member", "Account Name", "MemberName"),
    ("Directory Service", "Name", "DSName"),
    ("Directory Service", "Type", "DSType"),
    ("Object", "DN", "ObjectDN"),
    ("Object", "GUID", "ObjectGUID"),
    ("Object", "Class", "ObjectClass"),
    ("Attribute", "LDAP Display Name", "AttributeLDAPDisplayName"),
    ("Attribute", "Syntax (OID)", "AttributeSyntaxOID"),
    ("Attribute", "Value", "AttributeValue"),
    ("Operation", "Type", "OperationType"),
    ("Operation", "Correlation ID", "OpCorrelationID"),
    ("Operation", "Application Correlation ID", "AppCorrelationID"),
    ("Audit Policy Change", "Category", "CategoryId"),
    ("Audit Policy Change", "Subcategory", "SubcategoryId"),
    ("Audit Policy Change", "Subcategory GUID", "SubcategoryGuid"),
    ("Audit Policy Change", "Changes", "AuditPolicyChanges"),
    ("Service Information", "Service Type", "ServiceType"),
    ("Service Information", "Service Start Type", "ServiceStartType"),
    ("Service Information", "Service Account", "ServiceAccount"),
];

/// The field that `label` in `section` is; labels that the tables lack are called as Splunk calls them.
pub(crate) fn field_of(section: &str, label: &str) -> String {
    let within = WITHIN.iter().find(|(of, name, _)| *of == section && *name == label);
    if let Some((.., field)) = within {
        return field.to_string();
    }
    let account = ACCOUNTS.iter().find(|(name, ..)| *name == label);
    if let Some((_, subject, target)) = account {
        if SUBJECT.contains(&section) {
            return subject.to_string();
        }
        if TARGET.contains(&section) {
            return target.to_string();
        }
    }
    match ANYWHERE.iter().find(|(name, _)| *name == label) {
        Some((_, field)) => field.to_string(),
        None => label.replace(' ', "_"),
    }
}

#[cfg(test)]
mod tests {
    use super::field_of;

    #[test]
    fn sections_decide_what_labels_mean() {
        for (section, label, want) in [
            ("Subject", "Account Name", "SubjectUserName"),
            ("Group", "Account Name", "TargetUserName"),
            ("Member", "Account Name", "MemberName"),
            ("", "Service File Name", "ImagePath"),
            ("Service Information", "Service File Name", "ServiceFileName"),
            ("Attribute", "LDAP Display Name", "AttributeLDAPDisplayName"),
            ("Other", "Odd Thing", "Odd_Thing"),
        ] {
            assert_eq!(field_of(section, label), want, "{section}: {label}");
        }
    }
}
