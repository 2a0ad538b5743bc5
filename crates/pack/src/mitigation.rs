//! Mitigations as artefacts: from a small description (`mitigations/*.toml`) to policies of application control, and
//! the other way: which past uses a policy would have blocked.
//!
//! AppLocker lets a deny rule win over any allow rule, so a block with exceptions is written as "everybody may run
//! everything but this", and a rule for each named use beside it. App Control (WDAC) rules hold for a computer, not
//! for a user: it cannot make such exceptions, and says so.

use std::fmt::Write as _;

use shikra_syntax::{Diagnostic, Source, Span, xml};

use crate::object::{Object, document};

/// The schema of a description.
pub const MITIGATION_SCHEMA: &str = "shikra.mitigation/1";

/// What is to be blocked, and for whom not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Block {
    /// Name, for people.
    pub name: String,
    /// What it does.
    pub description: String,
    /// The programs.
    pub programs: Vec<Program>,
    /// Uses that may be allowed.
    pub profiles: Vec<Profile>,
}

/// A program to block.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Program {
    /// File name, `cmstp.exe`.
    pub file: String,
    /// Name in its version resource: renaming the file does not change it.
    pub original_name: String,
    /// Publisher, as AppLocker writes it.
    pub publisher: String,
    /// Where it stands.
    pub span: Span,
}

/// A use that may be allowed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// Short name.
    pub name: String,
    /// What it is.
    pub what: String,
    /// Who may: SID of a user or group.
    pub sid: String,
    /// Names and SIDs by which events show them.
    pub users: Vec<String>,
    /// Integrity levels by which events show them (`High`, `System`).
    pub integrity: Vec<String>,
}

/// What cannot be said in a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CannotBlock {
    /// There is no such profile; those that there are.
    NoProfile(String, Vec<String>),
    /// App Control knows no users.
    NoUsers,
}

impl std::fmt::Display for CannotBlock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            CannotBlock::NoProfile(name, known) => {
                write!(f, "there is no profile `{name}`, only {}", known.join(", "))
            }
            CannotBlock::NoUsers => f.write_str(
                "App Control (WDAC) tells no users apart: it cannot allow a profile. Leave the computers where it is \
                 needed out of the policy, or use AppLocker",
            ),
        }
    }
}

/// Reads a description.
pub fn parse_block(source: &Source) -> (Option<Block>, Vec<Diagnostic>) {
    document(source, |o| {
        let schema = o.need("schema");
        if !schema.is_empty() && schema != MITIGATION_SCHEMA {
            let message = format!("schema `{schema}` is not one this program reads");
            let help = format!("write `{MITIGATION_SCHEMA}`");
            o.tell(Diagnostic::error("schema", message, o.span_of("schema")).with_help(help));
        }
        let block = Block {
            name: o.need("name"),
            description: o.text("description"),
            programs: o.objects("block", program),
            profiles: o.objects("profile", profile),
        };
        if block.programs.is_empty() {
            o.tell(Diagnostic::error("missing-key", "there is no [[block]]: nothing is blocked", o.span()));
        }
        block
    })
}

fn program(o: &Object<'_>) -> Program {
    let file = o.need("file");
    if file.contains(['\\', '/', '*', ';']) {
        let message = format!("`{file}` is no file name: write it without a folder");
        o.tell(Diagnostic::error("wrong-type", message, o.span_of("file")));
    }
    Program { file, original_name: o.need("original_name"), publisher: o.need("publisher"), span: o.span() }
}

fn profile(o: &Object<'_>) -> Profile {
    let sid = o.need("sid");
    if !sid.starts_with("S-1-") || !sid.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'S' | b'-')) {
        o.tell(Diagnostic::error("wrong-type", format!("`{sid}` is no SID"), o.span_of("sid")));
    }
    Profile {
        name: o.need("name"),
        what: o.text("what"),
        sid,
        users: o.texts("users"),
        integrity: o.texts("integrity"),
    }
}

impl Block {
    /// The profiles of these names.
    ///
    /// # Errors
    /// Where there is no such profile.
    pub fn named(&self, names: &[String]) -> Result<Vec<&Profile>, CannotBlock> {
        let find = |name: &String| {
            let known = || self.profiles.iter().map(|p| p.name.clone()).collect();
            let found = self.profiles.iter().find(|p| p.name == *name);
            found.ok_or_else(|| CannotBlock::NoProfile(name.clone(), known()))
        };
        names.iter().map(find).collect()
    }

    /// An AppLocker policy: the executables' collection.
    pub fn applocker(&self, allowed: &[&Profile], audit: bool) -> String {
        let mode = if audit { "AuditOnly" } else { "Enabled" };
        let mut out = format!(
            "<!-- {}. Everybody may run everything else: in a network with rules of its own, take the exceptions \
             below into those in place of merging this. -->\n<AppLockerPolicy Version=\"1\">\n  <RuleCollection \
             Type=\"Exe\" EnforcementMode=\"{mode}\">\n",
            comment(&self.name)
        );
        let files: Vec<&str> = self.programs.iter().map(|p| p.file.as_str()).collect();
        let name = format!("All programs but {}", files.join(", "));
        let _ = writeln!(
            out,
            "    <FilePathRule Id=\"{}\" Name=\"{}\" Description=\"{}\" UserOrGroupSid=\"S-1-1-0\" Action=\"Allow\">",
            guid(&name),
            xml::attribute(&name),
            xml::attribute(&self.description)
        );
        out.push_str("      <Conditions>\n        <FilePathCondition Path=\"*\"/>\n      </Conditions>\n      <Exceptions>\n");
        for p in &self.programs {
            publisher(p, 8, &mut out);
            let _ = writeln!(out, "        <FilePathCondition Path=\"*\\{}\"/>", xml::attribute(&p.file));
        }
        out.push_str("      </Exceptions>\n    </FilePathRule>\n");
        for (profile, p) in allowed.iter().flat_map(|a| self.programs.iter().map(move |p| (a, p))) {
            let name = format!("{} for {}", p.file, profile.name);
            let _ = writeln!(
                out,
                "    <FilePublisherRule Id=\"{}\" Name=\"{}\" Description=\"{}\" UserOrGroupSid=\"{}\" Action=\"Allow\">",
                guid(&name),
                xml::attribute(&name),
                xml::attribute(&profile.what),
                xml::attribute(&profile.sid)
            );
            out.push_str("      <Conditions>\n");
            publisher(p, 8, &mut out);
            out.push_str("      </Conditions>\n    </FilePublisherRule>\n");
        }
        out.push_str("  </RuleCollection>\n</AppLockerPolicy>\n");
        out
    }

    /// An App Control for Business (WDAC) base policy: everything is allowed but the programs, by the name in their
    /// version resource.
    ///
    /// # Errors
    /// Where a profile is to be allowed.
    pub fn wdac(&self, allowed: &[&Profile], audit: bool) -> Result<String, CannotBlock> {
        if !allowed.is_empty() {
            return Err(CannotBlock::NoUsers);
        }
        let id = guid(&self.name);
        let mut options = vec![
            "Enabled:Unsigned System Integrity Policy",
            "Enabled:UMCI",
            "Enabled:Update Policy No Reboot",
        ];
        if audit {
            options.push("Enabled:Audit Mode");
        }
        let options: String = options
            .iter()
            .map(|o| format!("    <Rule>\n      <Option>{o}</Option>\n    </Rule>\n"))
            .collect();
        let mut rules = String::new();
        let mut refs = String::new();
        for (n, p) in self.programs.iter().enumerate() {
            let _ = writeln!(
                rules,
                "    <Deny ID=\"ID_DENY_{n}\" FriendlyName=\"{}\" FileName=\"{}\" MinimumFileVersion=\"65535.65535.65535.65535\"/>",
                xml::attribute(&p.file),
                xml::attribute(&p.original_name)
            );
            let _ = writeln!(refs, "          <FileRuleRef RuleID=\"ID_DENY_{n}\"/>");
        }
        let name = xml::attribute(&self.name);
        Ok(format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<SiPolicy xmlns=\"urn:schemas-microsoft-com:sipolicy\" \
             PolicyType=\"Base Policy\">\n  <VersionEx>1.0.0.0</VersionEx>\n  \
             <PlatformID>{{2E07F7E4-194C-4D20-B7C9-6F44A6C5A234}}</PlatformID>\n  <PolicyID>{{{id}}}</PolicyID>\n  \
             <BasePolicyID>{{{id}}}</BasePolicyID>\n  <Rules>\n{options}  </Rules>\n  <EKUs/>\n  <FileRules>\n    \
             <Allow ID=\"ID_ALLOW_DRIVERS\" FriendlyName=\"All drivers\" FileName=\"*\"/>\n    \
             <Allow ID=\"ID_ALLOW_PROGRAMS\" FriendlyName=\"All programs\" FileName=\"*\"/>\n{rules}  </FileRules>\n  \
             <Signers/>\n  <SigningScenarios>\n    <SigningScenario Value=\"131\" ID=\"ID_SCENARIO_DRIVERS\" \
             FriendlyName=\"Drivers\">\n      <ProductSigners>\n        <FileRulesRef>\n          \
             <FileRuleRef RuleID=\"ID_ALLOW_DRIVERS\"/>\n        </FileRulesRef>\n      </ProductSigners>\n    \
             </SigningScenario>\n    <SigningScenario Value=\"12\" ID=\"ID_SCENARIO_PROGRAMS\" \
             FriendlyName=\"Programs\">\n      <ProductSigners>\n        <FileRulesRef>\n          \
             <FileRuleRef RuleID=\"ID_ALLOW_PROGRAMS\"/>\n{refs}        </FileRulesRef>\n      </ProductSigners>\n    \
             </SigningScenario>\n  </SigningScenarios>\n  <UpdatePolicySigners/>\n  <CiSigners/>\n  \
             <HvciOptions>0</HvciOptions>\n  <Settings>\n    <Setting Provider=\"PolicyInfo\" Key=\"Information\" \
             ValueName=\"Name\">\n      <Value>\n        <String>{name}</String>\n      </Value>\n    </Setting>\n  \
             </Settings>\n</SiPolicy>\n"
        ))
    }

    /// A Sigma rule for every start of the programs, whatever the reason.
    pub fn uses_rule(&self) -> Source {
        let quoted = |text: String| format!("'{}'", text.replace('\'', "''"));
        let mut images = String::new();
        let mut names = String::new();
        for p in &self.programs {
            let _ = writeln!(images, "            - {}", quoted(format!("\\{}", p.file)));
            let _ = writeln!(names, "            - {}", quoted(p.original_name.clone()));
        }
        let text = format!(
            "title: Use of a program\nid: {USES}\nlogsource:\n    product: windows\n    category: process_creation\n\
             detection:\n    image:\n        Image|endswith:\n{images}    name:\n        OriginalFileName:\n{names}    \
             condition: image or name\nlevel: informational\n"
        );
        Source::new("uses.yml", text)
    }
}

/// The id of [`Block::uses_rule`].
pub const USES: &str = "5f0c5a10-6a3c-4d0e-8f54-0f1d6f1c9a00";

impl Profile {
    /// Whether this is who started a program, as its event tells: by user name or SID, or by integrity level.
    pub fn is(&self, field: &dyn Fn(&str) -> Option<String>) -> bool {
        let user =
            |name: &str| field(name).is_some_and(|v| self.users.iter().any(|u| u.eq_ignore_ascii_case(&v)));
        let level = || match field("MandatoryLabel").as_deref() {
            Some("S-1-16-12288") => Some("High".to_owned()),
            Some("S-1-16-16384") => Some("System".to_owned()),
            _ => field("IntegrityLevel"),
        };
        user("User")
            || user("SubjectUserSid")
            || level().is_some_and(|l| self.integrity.iter().any(|i| i.eq_ignore_ascii_case(&l)))
    }
}

fn publisher(p: &Program, indent: usize, out: &mut String) {
    let space = " ".repeat(indent);
    let _ = writeln!(
        out,
        "{space}<FilePublisherCondition PublisherName=\"{}\" ProductName=\"*\" BinaryName=\"{}\">\n{space}  \
         <BinaryVersionRange LowSection=\"*\" HighSection=\"*\"/>\n{space}</FilePublisherCondition>",
        xml::attribute(&p.publisher),
        xml::attribute(&p.original_name)
    );
}

fn comment(text: &str) -> String {
    xml::attribute(text).replace("--", "- -")
}

/// An id made of a name, always the same: FNV-1a over the text, twice.
fn guid(text: &str) -> String {
    let hash = |seed: u64| {
        text.bytes()
            .fold(0xcbf2_9ce4_8422_2325 ^ seed, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
    };
    let (a, b) = (hash(0), hash(0x5bd1_e995));
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        a >> 32,
        (a >> 16) & 0xffff,
        a & 0xfff,
        (b >> 48) & 0xfff,
        b & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block() -> Block {
        let source = Source::new("m.toml", include_str!("../../../packs/T1218.003/mitigations/cmstp.toml"));
        let (block, told) = parse_block(&source);
        assert_eq!(told, []);
        block.unwrap()
    }

    #[test]
    fn applocker_blocks_all_but_the_profiles() {
        let block = block();
        let allowed = block.named(&["administrators".to_owned()]).unwrap();
        let strict = block.applocker(&[], false);
        let some = block.applocker(&allowed, true);
        assert!(
            strict.contains("EnforcementMode=\"Enabled\"") && some.contains("EnforcementMode=\"AuditOnly\"")
        );
        assert!(strict.contains("<Exceptions>") && strict.contains("BinaryName=\"CMSTP.EXE\""));
        assert!(
            !strict.contains("S-1-5-32-544")
                && some.contains("UserOrGroupSid=\"S-1-5-32-544\" Action=\"Allow\"")
        );
        assert!(
            block
                .named(&["nobody".to_owned()])
                .unwrap_err()
                .to_string()
                .contains("administrators, deployment")
        );
    }

    #[test]
    fn app_control_blocks_for_all() {
        let block = block();
        let policy = block.wdac(&[], true).unwrap();
        assert!(policy.contains("Enabled:Audit Mode") && policy.contains("FileName=\"CMSTP.EXE\""));
        assert!(!block.wdac(&[], false).unwrap().contains("Audit"));
        let allowed = block.named(&["deployment".to_owned()]).unwrap();
        assert_eq!(block.wdac(&allowed, false), Err(CannotBlock::NoUsers));
    }

    #[test]
    fn names_cannot_break_out() {
        let mut block = block();
        block.name = "a -->\"<x>&".to_owned();
        let policy = block.applocker(&[], false);
        assert!(!policy.contains("<x>") && policy.matches("-->").count() == 1);
        assert!(block.wdac(&[], false).unwrap().contains("a --&gt;&quot;&lt;x&gt;&amp;"));
    }

    #[test]
    fn who_a_profile_is() {
        let block = block();
        let is = |name: &str, key: &str, value: &str| {
            let profile = block.profiles.iter().find(|p| p.name == name).unwrap();
            profile.is(&|f| (f == key).then(|| value.to_owned()))
        };
        assert!(
            is("administrators", "IntegrityLevel", "High")
                && is("administrators", "MandatoryLabel", "S-1-16-12288")
        );
        assert!(
            is("deployment", "User", "nt authority\\system")
                && is("deployment", "SubjectUserSid", "S-1-5-18")
        );
        assert!(
            !is("administrators", "IntegrityLevel", "Medium") && !is("deployment", "User", "CONTOSO\\anna")
        );
    }
}
