//! Values for the placeholders of rules (`%admins%` of Sigma's `expand`), read from disk.
//!
//! A file gives values to the placeholder of its name: `admins.txt` to `%admins%`, one value per line. Empty
//! lines and lines that begin with `#` are left out. Of a folder, the files `*.txt` in it are read.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Largest file read.
const LARGEST: u64 = 64 << 20;

/// Reads all files and folders of `paths`. Values of one name add up.
///
/// # Errors
/// Where one cannot be read; the message names it.
pub fn load_placeholders(paths: &[PathBuf]) -> Result<BTreeMap<String, Vec<String>>, String> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for path in paths {
        for file in files(path).map_err(|e| format!("{}: {e}", path.display()))? {
            let text = read(&file).map_err(|e| format!("{}: {e}", file.display()))?;
            let name = file.file_stem().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            let values = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
            all.entry(name).or_default().extend(values.map(str::to_owned));
        }
    }
    Ok(all)
}

fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("txt")) && path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn read(path: &Path) -> io::Result<String> {
    if fs::metadata(path)?.len() > LARGEST {
        return Err(io::Error::other("too large for a list of values"));
    }
    let bytes = fs::read(path)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    Ok(shikra_event::file_text(bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_folders() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("admins.txt"), "\u{feff}# who\nalice\r\n\n bob \n").unwrap();
        fs::write(dir.path().join("other.md"), "x").unwrap();
        let extra = dir.path().join("dcs.list");
        fs::write(&extra, "dc1\n").unwrap();
        let all = load_placeholders(&[dir.path().into(), extra]).unwrap();
        assert_eq!(all["admins"], ["alice", "bob"]);
        assert_eq!(all["dcs"], ["dc1"]);
        assert_eq!(all.len(), 2);
        assert!(load_placeholders(&[dir.path().join("missing")]).unwrap_err().contains("missing"));
    }
}
