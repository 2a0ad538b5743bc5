//! `shikra site`: everything known, every rule and what was proven, as a static site.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, value_parser};
use shikra_engine::ScanOptions;
use shikra_engine::coverage::{Coverage, Proof, Question};
use shikra_ir::Rule;
use shikra_knowledge::Attack;
use shikra_output::Style;
use shikra_output::validation::FORMS;
use shikra_simulate::Format;
use shikra_site::{Built, Site, Tries, build};
use shikra_validate::{Options, embedded, validate};

use super::coverage::{look_at, proof, read};
use super::technique::{packs, packs_argument};
use super::{Command, knowledge, shared};
use crate::config::Merged;
use crate::exit::{Exit, Failure, Outcome};
use crate::settings::Settings;
use crate::stream;

/// `site`.
pub static COMMAND: Command = Command {
    words: &["site"],
    about: "Write a static site: techniques, rules, data sources, groups, matrix, gaps, search",
    long: "The site needs no server: open its index.html. It asks nothing of any other place.\n\n\
        Examples:\n  shikra site -o site --rules sigma/rules --knowledge enterprise-attack.json\n  \
        shikra validate --rules sigma/rules --format json > proof.json\n  \
        shikra site -o site --rules sigma/rules --proof proof.json --data logs",
    settings: &["rules", "knowledge", "data-dir", "threads", "placeholders", "indicators", "pipeline"],
    args: |c| {
        let paths = |name: &'static str, value: &'static str, help: &'static str| {
            let arg = Arg::new(name).long(name).value_name(value).help(help);
            arg.action(ArgAction::Append).value_parser(value_parser!(PathBuf))
        };
        let into = Arg::new("into").short('o').long("output").value_name("DIR").required(true);
        c.arg(into.help("Folder to write to; it is made").value_parser(value_parser!(PathBuf)))
            .arg(paths("data", "PATH", "Logs: which rules have the data they need, repeatable"))
            .arg(paths("proof", "FILE", "Results of `shikra validate --format json` in place of those of the packs' own tests, repeatable"))
            .arg(packs_argument())
    },
    run,
};

fn run(matches: &ArgMatches, merged: &Merged) -> Outcome {
    let settings = Settings::new(merged)?;
    let many = |name: &str| -> Vec<PathBuf> {
        matches.get_many::<PathBuf>(name).into_iter().flatten().cloned().collect()
    };
    let (inputs, proof_files) = (many("data"), many("proof"));
    shared::must_exist(&inputs, "data")?;
    let into = matches.get_one::<PathBuf>("into").cloned().unwrap_or_default();
    let (known, mut complete) = knowledge::known(&settings)?;
    let packs = packs(matches)?;
    let mut set = shared::load(&settings.rules, &settings)?;
    let mut proofs = proof_files.iter().map(|p| proof(p)).collect::<Result<Vec<_>, _>>()?;
    let mut tries = Tries::default();
    if proof_files.is_empty() {
        let said = validated(&set.rules, &settings)?;
        proofs.extend(Proof::read(&said));
        tries.read(&said).map_err(Failure::new)?;
    }
    for path in &proof_files {
        tries.read(&read(path)?).map_err(|e| Failure::new(format!("proof: {}: {e}", path.display())))?;
    }
    let mut data = None;
    if !inputs.is_empty() {
        let (rules, seen, totals) = look_at(std::mem::take(&mut set.rules), &inputs, &settings)?;
        complete &= !totals.unreadable() && !totals.cancelled;
        (set.rules, data) = (rules, Some(seen));
    }
    let coverage = Coverage::of(&Question {
        known: &known,
        rules: &set.rules,
        data: data.as_ref(),
        proofs: &proofs,
        platform: None,
        attack: Attack::default(),
    });
    let taxonomy = shared::taxonomy();
    let site = Site {
        known: &known,
        rules: &set,
        taxonomy: &taxonomy,
        packs: &packs,
        coverage: &coverage,
        tries: &tries,
        threads: settings.threads,
    };
    let built = write(&site, &into)
        .map_err(|e| Failure::new(format!("cannot write the site to {}: {e}", into.display())))?;
    if !settings.quiet {
        let size = built.bytes.div_ceil(1 << 20);
        stream::say(&format!("{} pages, {size} MiB, in {}", built.pages, into.display()));
    }
    Ok(if complete { Exit::Done } else { Exit::Incomplete })
}

/// What the simulations of the packs say of the rules of their techniques, as `shikra validate --format json` does.
fn validated(rules: &[Rule], settings: &Settings) -> Result<String, Failure> {
    let loaded = embedded(None);
    let techniques: HashSet<&str> = loaded.iter().map(|l| l.simulation.technique.as_str()).collect();
    let named = |r: &Rule| r.meta.techniques().iter().any(|t| techniques.contains(t.as_str()));
    let rules = rules.iter().filter(|r| !r.reports || named(r)).cloned().collect();
    let options = Options {
        play: shikra_simulate::Options::default(),
        format: Format::Evtx,
        scan: ScanOptions { threads: settings.threads, ..ScanOptions::default() },
    };
    let report = validate(rules, &shared::taxonomy(), &loaded, &options)?;
    let json = FORMS.iter().find(|f| f.name == "json");
    Ok(json.map_or(String::new(), |f| (f.render)(&report, &Style::default())))
}

fn write(site: &Site<'_>, into: &Path) -> io::Result<Built> {
    let mut made = HashSet::new();
    build(site, &mut |path, bytes| {
        let file = into.join(path);
        if let Some(folder) = file.parent()
            && made.insert(folder.to_owned())
        {
            fs::create_dir_all(folder)?;
        }
        fs::write(file, bytes)
    })
}
