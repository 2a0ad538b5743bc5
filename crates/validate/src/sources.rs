//! Finding simulations: those of the packs that ship with the program, and those of files and folders.

use std::fs;
use std::path::{Path, PathBuf};

use shikra_simulate::Simulation;

include!(concat!(env!("OUT_DIR"), "/simulations.rs"));

/// Larger files are no definitions.
const LARGEST: u64 = 8 << 20;
/// Folders within folders.
const DEEPEST: usize = 16;

/// A simulation, and where it is from.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// Path of its file.
    pub path: String,
    /// What it says.
    pub simulation: Simulation,
}

/// A file that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// Its path.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// The simulations that ship with the program; of one technique only, where one is named.
pub fn embedded(technique: Option<&str>) -> Vec<Loaded> {
    let wanted = |path: &str| {
        technique.is_none_or(|t| path.split(['/', '\\']).nth(1).is_some_and(|p| p.eq_ignore_ascii_case(t)))
    };
    FILES
        .iter()
        .filter(|(path, _)| wanted(path))
        .filter_map(|(path, text)| {
            Some(Loaded { path: (*path).to_owned(), simulation: Simulation::parse(text).ok()? })
        })
        .collect()
}

/// Reads simulations: of a pack's folder those in `simulations`, of other folders all beneath.
pub fn load(path: &Path) -> (Vec<Loaded>, Vec<Unusable>) {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    let own = path.join("simulations");
    let mut files = Vec::new();
    collect(if own.is_dir() { &own } else { path }, 0, &mut files, &mut bad);
    for file in files {
        let named = file == path;
        match read(&file) {
            Ok(Some(simulation)) => good.push(Loaded { path: file.display().to_string(), simulation }),
            Ok(None) if !named => {}
            Ok(None) => {
                bad.push(unusable(&file, "it is neither a simulation nor an Atomic Red Team definition"))
            }
            Err(reason) => bad.push(unusable(&file, reason)),
        }
    }
    (good, bad)
}

fn unusable(path: &Path, reason: impl ToString) -> Unusable {
    Unusable { path: path.display().to_string(), reason: reason.to_string() }
}

/// None where the file is of another kind.
fn read(path: &Path) -> Result<Option<Simulation>, String> {
    let size = fs::metadata(path).map_err(|e| e.to_string())?.len();
    if size > LARGEST {
        return Err(format!("larger than {} MiB", LARGEST >> 20));
    }
    let bytes = fs::read(path).map_err(|e| e.to_string())?;
    let text = String::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned())?;
    match path.extension().and_then(|e| e.to_str()) {
        Some("toml") if !text.contains("shikra.simulation/") => Ok(None),
        Some("toml") => Simulation::parse(&text).map(Some),
        _ => shikra_simulate::atomic::parse(&text),
    }
}

fn collect(path: &Path, depth: usize, files: &mut Vec<PathBuf>, bad: &mut Vec<Unusable>) {
    let kind = if depth == 0 { fs::metadata(path) } else { fs::symlink_metadata(path) };
    match kind {
        Err(e) => bad.push(unusable(path, e)),
        Ok(meta) if !meta.is_dir() => {
            let known = path
                .extension()
                .and_then(|e| e.to_str())
                .is_some_and(|e| matches!(e, "toml" | "yaml" | "yml"));
            if depth == 0 || known {
                files.push(path.to_owned());
            }
        }
        Ok(_) if depth > DEEPEST => bad.push(unusable(path, "too many folders within one another")),
        Ok(_) => match fs::read_dir(path) {
            Err(e) => bad.push(unusable(path, e)),
            Ok(entries) => {
                let mut inside: Vec<PathBuf> = entries.filter_map(|e| e.ok().map(|e| e.path())).collect();
                inside.sort();
                inside.iter().for_each(|p| collect(p, depth + 1, files, bad));
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_simulations_can_be_read() {
        assert!(FILES.len() >= 4);
        for (path, text) in FILES {
            let read = Simulation::parse(text).unwrap_or_else(|e| panic!("{path}: {e}"));
            assert!(path.contains(&read.technique), "{path} is in the pack of another technique");
        }
        assert_eq!(embedded(Some("t1218.003")).iter().flat_map(|l| &l.simulation.tests).count(), 6);
        assert!(embedded(Some("T9999")).is_empty());
    }
}
