//! What several commands do: load rules, tell of what could not be read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use shikra_baseline::Baseline;
use shikra_engine::baseline::load_baseline;
use shikra_engine::{
    Unreadable, add_pipelines, embedded_rules, load_indicators, load_placeholders, load_rules,
};
use shikra_ir::{Rule, Seen};
use shikra_languages::{Options, RuleSet};
use shikra_taxonomy::Taxonomy;

use crate::exit::Failure;
use crate::names::nearest;
use crate::settings::Settings;
use crate::stream;

/// Files named one by one where nobody asked for all.
const NAMED: usize = 5;

/// How rules are read.
///
/// # Errors
/// Where a placeholder file or a pipeline cannot be read.
pub fn rule_options(settings: &Settings) -> Result<Options, Failure> {
    let mut options = Options::default();
    options.sigma.seen = settings.known()?.map(|b| Seen(b));
    options.sigma.placeholders = load_placeholders(&settings.placeholders).map_err(Failure::new)?;
    options.indicators = load_indicators(&settings.indicators).map_err(Failure::new)?.map(Arc::new);
    add_pipelines(&mut options, &settings.pipelines).map_err(Failure::new)?;
    Ok(options)
}

/// Reads a baseline.
///
/// # Errors
/// Where it cannot be used.
pub fn read_baseline(path: &Path) -> Result<Baseline, Failure> {
    load_baseline(path).map_err(|e| Failure::new(format!("cannot use the baseline {e}")))
}

/// The rules of `paths`; those that ship with the program where there are none.
///
/// # Errors
/// Where a path that the user named is not there.
pub fn load(paths: &[PathBuf], settings: &Settings) -> Result<RuleSet, Failure> {
    load_with(paths, &rule_options(settings)?, settings)
}

/// The same for who asks nothing but findings of them, which spares the room of what rules say beside.
///
/// # Errors
/// As [`load`].
pub fn load_condensed(paths: &[PathBuf], settings: &Settings) -> Result<RuleSet, Failure> {
    let mut options = rule_options(settings)?;
    options.sigma.digest = Some(shikra_output::rule_digest);
    load_with(paths, &options, settings)
}

fn load_with(paths: &[PathBuf], options: &Options, settings: &Settings) -> Result<RuleSet, Failure> {
    if paths.is_empty() {
        return Ok(embedded_rules(options));
    }
    must_exist(paths, "rules")?;
    let (set, failed) = load_rules(paths, options, settings.threads);
    tell_unreadable(&failed, settings);
    tell_skipped(&set, settings);
    Ok(set)
}

/// # Errors
/// Where none of the paths is there, or one of several rule paths is not.
pub fn must_exist(paths: &[PathBuf], what: &str) -> Result<(), Failure> {
    let missing = |p: &&PathBuf| p.as_path() != Path::new("-") && std::fs::symlink_metadata(p).is_err();
    match paths.iter().find(missing) {
        Some(p) => Err(Failure::new(format!("{what}: {} does not exist", p.display()))),
        None => Ok(()),
    }
}

/// Says which files could not be read; a few, or all where asked for.
pub fn tell_unreadable(failed: &[Unreadable], settings: &Settings) {
    let shown = if settings.verbose { usize::MAX } else { NAMED };
    for f in failed.iter().take(shown) {
        stream::error(&format!("cannot read {}: {}", f.path, f.reason));
    }
    if failed.len() > shown {
        stream::error(&format!("and {} more files that cannot be read", failed.len() - shown));
    }
}

fn tell_skipped(set: &RuleSet, settings: &Settings) {
    if !settings.verbose {
        return;
    }
    for file in &set.files {
        if let Some(reason) = &file.skipped {
            stream::error(&format!("no rules in {}: {reason}", file.source.name));
        }
    }
}

/// The tables that ship with the program.
pub fn taxonomy() -> Arc<Taxonomy> {
    Arc::new(Taxonomy::embedded())
}

/// The rules among which `wanted` is to be looked for: those of the file, where it names one, else those of the
/// settings.
///
/// # Errors
/// As [`load`].
pub fn load_for(wanted: &str, settings: &Settings) -> Result<RuleSet, Failure> {
    let path = PathBuf::from(wanted);
    if path.exists() { load(&[path], settings) } else { load(&settings.rules, settings) }
}

/// The rules that `wanted` means: all of a file or folder, else by id, name or title.
///
/// # Errors
/// Where there is none.
pub fn find<'a>(rules: &'a [Rule], wanted: &str) -> Result<Vec<&'a Rule>, Failure> {
    let in_file = Path::new(wanted).exists();
    let is = |r: &&Rule| {
        let m = &r.meta;
        in_file || m.id == wanted || m.name.as_deref() == Some(wanted) || m.title.eq_ignore_ascii_case(wanted)
    };
    let found: Vec<&Rule> = rules.iter().filter(is).collect();
    if found.is_empty() {
        let near = nearest(wanted, rules.iter().map(|r| r.meta.title.as_str()));
        let near = near.map(|n| format!(": did you mean `{n}`?")).unwrap_or_default();
        return Err(Failure::new(format!("there is no rule `{wanted}` among {}{near}", rules.len())));
    }
    Ok(found)
}
