//! Events that a Logstash pipeline has given the names of OSSEM's common data model, as HELK writes them.

use crate::convert::Convert;

/// Field, and the name that Sysmon gives it.
const NAMES: &[(&str, &str)] = &[
    ("dst_ip_addr", "DestinationIp"),
    ("dst_host_name", "DestinationHostname"),
    ("dst_port", "DestinationPort"),
    ("file_company", "Company"),
    ("file_description", "Description"),
    ("file_name", "TargetFilename"),
    ("file_product", "Product"),
    ("file_version", "FileVersion"),
    ("hash_imphash", "imphash"),
    ("hash_md5", "md5"),
    ("hash_sha1", "sha1"),
    ("hash_sha256", "sha256"),
    ("module_loaded", "ImageLoaded"),
    ("network_protocol", "Protocol"),
    ("pipe_name", "PipeName"),
    ("process_call_trace", "CallTrace"),
    ("process_command_line", "CommandLine"),
    ("process_current_directory", "CurrentDirectory"),
    ("process_granted_access", "GrantedAccess"),
    ("process_guid", "ProcessGuid"),
    ("process_id", "ProcessId"),
    ("process_integrity_level", "IntegrityLevel"),
    ("process_parent_command_line", "ParentCommandLine"),
    ("process_parent_guid", "ParentProcessGuid"),
    ("process_parent_id", "ParentProcessId"),
    ("process_parent_path", "ParentImage"),
    ("process_path", "Image"),
    ("process_target_guid", "TargetProcessGuid"),
    ("process_target_id", "TargetProcessId"),
    ("process_target_path", "TargetImage"),
    ("registry_key_path", "TargetObject"),
    ("registry_key_value", "Details"),
    ("src_ip_addr", "SourceIp"),
    ("src_host_name", "SourceHostname"),
    ("src_port", "SourcePort"),
    ("thread_new_id", "NewThreadId"),
    ("thread_start_address", "StartAddress"),
    ("thread_start_function", "StartFunction"),
    ("thread_start_module", "StartModule"),
    ("user_account", "User"),
    ("user_logon_guid", "LogonGuid"),
    ("user_logon_id", "LogonId"),
    ("user_session_id", "TerminalSessionId"),
];

/// Fields that mean the acting process where another one is acted upon.
const ACTING: &[(&str, &str)] = &[
    ("process_guid", "SourceProcessGuid"),
    ("process_id", "SourceProcessId"),
    ("process_path", "SourceImage"),
];

/// What a field is called; `pair` where the event is about two processes. Text is kept as those pipelines escape
/// it, every backslash twice.
pub(crate) fn name(field: &str, pair: bool) -> Option<(&'static str, Convert)> {
    let find = |table: &[(&str, &'static str)]| table.iter().find(|(f, _)| *f == field).map(|(_, n)| *n);
    let name = if pair { find(ACTING).or_else(|| find(NAMES)) } else { find(NAMES) };
    name.map(|n| (n, Convert::Doubled))
}
