use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use shikra_engine::finding::{Finding, FindingSink};
use shikra_engine::languages::Options;
use shikra_engine::{Detector, ScanOptions, embedded_rules, load_rules, scan};
use shikra_syntax::Source;
use shikra_sysmon::{Config, parse};
use shikra_taxonomy::Taxonomy;
use shikra_visibility::{Needs, Reach, Sight, needs, reach, sight, sysmon_config};

fn corpora() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let found = std::env::var_os("SHIKRA_CORPORA").map_or(root.join("target/corpora"), PathBuf::from);
    if !found.join("knowledge/sysmon").exists() {
        eprintln!("skipped: no corpora");
        return None;
    }
    Some(found)
}

fn config(path: &Path) -> Config {
    let (config, told) =
        parse(&Source::new(path.display().to_string(), std::fs::read_to_string(path).unwrap()));
    assert!(told.is_empty(), "{told:?}");
    config
}

fn read(text: String) -> Config {
    let (config, told) = parse(&Source::new("written.xml", text));
    assert!(told.is_empty(), "{told:?}");
    config
}

/// Findings by rule: kept and lost under each configuration.
struct Kept<'a> {
    configs: &'a [Config],
    by_rule: HashMap<String, Vec<(u64, u64)>>,
}

impl FindingSink for Kept<'_> {
    fn finding(&mut self, f: &Finding) -> io::Result<()> {
        let counts = self
            .by_rule
            .entry(f.rule.path.clone() + &f.rule.id)
            .or_insert_with(|| vec![(0, 0); self.configs.len()]);
        for (count, config) in counts.iter_mut().zip(self.configs) {
            match reach(f, config) {
                Reach::Kept => count.0 += 1,
                Reach::Lost => count.1 += 1,
            }
        }
        Ok(())
    }
}

/// Holds verdicts against findings; answers the rules that a configuration blinds, the confirmed ones among them.
fn held(
    detector: &Detector,
    needs: &[Needs],
    config: &Config,
    number: usize,
    kept: &Kept<'_>,
) -> (Vec<String>, u64) {
    let mut blinded = Vec::new();
    let mut confirmed = 0;
    for (rule, need) in detector.rules().iter().zip(needs) {
        let verdict = sight(need, config);
        let (stay, lost) =
            kept.by_rule.get(&(rule.meta.path.clone() + &rule.meta.id)).map_or((0, 0), |c| c[number]);
        match verdict.sight {
            Sight::Blind => {
                assert!(!verdict.why.is_empty(), "{} is blind for no reason", rule.meta.title);
                assert_eq!(
                    stay, 0,
                    "{} is called blind and has findings left: {:?}",
                    rule.meta.path, verdict.why
                );
                confirmed += u64::from(lost > 0);
                blinded.push(rule.meta.title.clone());
            }
            Sight::Sees => assert_eq!(lost, 0, "{} is called seeing and loses findings", rule.meta.path),
            Sight::Narrowed | Sight::Excepted => {
                assert!(!verdict.why.is_empty(), "{} is narrowed for no reason", rule.meta.title)
            }
            Sight::Elsewhere => {}
        }
    }
    (blinded, confirmed)
}

#[test]
fn own_rules_under_configurations_of_different_strictness() {
    let Some(corpora) = corpora() else { return };
    let detector = Detector::new(embedded_rules(&Options::default()).rules, Arc::new(Taxonomy::embedded()));
    let needs = needs(&detector);
    let sysmon = corpora.join("knowledge/sysmon");
    let configs = [
        config(&sysmon.join("swiftonsecurity/sysmonconfig-export.xml")),
        config(&sysmon.join("sysmon-modular/sysmonconfig-excludes-only.xml")),
    ];
    let logs = [
        corpora.join("json/otrf/defense_evasion/psh_cmstp_execution_bypassuac.ndjson"),
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/cmstp"),
    ];
    let mut kept = Kept { configs: &configs, by_rule: HashMap::new() };
    scan(&detector, &logs, &ScanOptions::default(), &mut kept, &()).unwrap();
    let (strict, confirmed) = held(&detector, &needs, &configs[0], 0, &kept);
    let (wide, _) = held(&detector, &needs, &configs[1], 1, &kept);
    for title in ["Process Access Through CMLUA.dll", "Process Opened Through CMLUA"] {
        assert!(strict.iter().any(|t| t == title), "{strict:?}");
        assert!(!wide.iter().any(|t| t == title), "{wide:?}");
    }
    assert!(confirmed >= 2);
}

#[test]
fn sigma_rules_under_configurations_on_all_recordings() {
    let Some(corpora) = corpora() else { return };
    let rules = corpora.join("rules/sigma/rules/windows");
    let (set, _) = load_rules(&[rules], &Options::default(), 2);
    let detector = Detector::new(set.rules, Arc::new(Taxonomy::embedded()));
    let needs = needs(&detector);
    let sysmon = corpora.join("knowledge/sysmon");
    let configs = [
        config(&sysmon.join("swiftonsecurity/sysmonconfig-export.xml")),
        config(&sysmon.join("sysmon-modular/sysmonconfig.xml")),
        config(&sysmon.join("sysmon-modular/sysmonconfig-excludes-only.xml")),
        read(sysmon_config(&needs)),
    ];
    let mut kept = Kept { configs: &configs, by_rule: HashMap::new() };
    let logs =
        ["defense_evasion", "execution", "privilege_escalation"].map(|f| corpora.join("json/otrf").join(f));
    scan(&detector, &logs, &ScanOptions::default(), &mut kept, &()).unwrap();
    let mut blinded = Vec::new();
    for (n, config) in configs.iter().enumerate() {
        let (titles, confirmed) = held(&detector, &needs, config, n, &kept);
        println!("configuration {n}: {} blinded, {confirmed} of them seen to be", titles.len());
        blinded.push((titles.len(), confirmed));
    }
    assert!(blinded[0].0 > blinded[2].0 && blinded[0].1 > 0, "{blinded:?}");
    assert_eq!(blinded[3].0, 0, "what was written for the rules blinds none of them");
    let lost: Vec<&String> = kept.by_rule.iter().filter(|(_, c)| c[3].1 > 0).map(|(rule, _)| rule).collect();
    assert!(lost.is_empty(), "findings lost under the configuration that was written for them: {lost:?}");
}
