//! Reading rules from disk.
//!
//! What a file is and what it means is left to `languages`; here files are found, read and parsed by several
//! threads, in sorted order, and the outcome is the same whatever their number.

use std::fs;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use shikra_languages::{Options, ParsedFile, RuleSet, assemble, parse_file};
use shikra_syntax::{Diagnostic, Source};

use crate::ordered;

/// Rule files larger than this are skipped, by name.
const LARGEST: u64 = 32 << 20;
/// Files that a thread reads at a time.
const BATCH: usize = 64;
/// Bytes that nearly every rule file fits into.
const ROOM: usize = 8 << 10;
/// Larger buffers are not kept.
const MOST_ROOM: usize = 1 << 20;
/// Folders within folders.
const DEEPEST: usize = 64;
/// Extensions of files that may hold rules. A file named on the command line is read whatever its name.
const EXTENSIONS: &[&str] = &[
    "yml", "yaml", "md", "markdown", "txt", "html", "htm", "toml", "eql", "kql", "json", "ipynb", "csv",
    "spl",
];

/// A rule file that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The path.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// Reads all rules beneath `paths` (files or folders).
pub fn load_rules(paths: &[PathBuf], options: &Options, threads: usize) -> (RuleSet, Vec<Unreadable>) {
    let (mut failed, mut unread) = (Vec::new(), Vec::new());
    let mut files = None;
    let mut parsed: Vec<ParsedFile> = Vec::new();
    ordered::run(
        threads.max(1),
        ordered::ALL,
        |_| {
            // By whoever comes first, while the other threads begin.
            let files = files.get_or_insert_with(|| all_files(paths, &mut failed).into_iter());
            let batch: Vec<PathBuf> = files.by_ref().take(BATCH).collect();
            (!batch.is_empty()).then_some(batch)
        },
        Vec::new,
        |buffer, batch: Vec<PathBuf>| {
            batch.iter().map(|p| read(p, buffer).map(|s| parse_file(&s, options))).collect::<Vec<_>>()
        },
        drop,
        |batch| {
            for file in batch {
                match file {
                    Ok(file) => parsed.push(file),
                    Err(e) => unread.push(e),
                }
            }
            ControlFlow::Continue(())
        },
    );
    failed.extend(unread);
    (assemble(parsed, options), failed)
}

/// Reads Sigma processing pipelines into `options`.
///
/// # Errors
/// Where one cannot be read or used; the message names the file and the places.
pub fn add_pipelines(options: &mut Options, paths: &[PathBuf]) -> Result<(), String> {
    for path in paths {
        let source = read(path, &mut Vec::new()).map_err(|e| format!("{}: {}", e.path, e.reason))?;
        let told = |d: Vec<Diagnostic>| d.iter().map(|d| d.render(&source)).collect::<Vec<_>>().join("\n");
        options.add_pipeline(&source).map_err(told)?;
    }
    Ok(())
}

/// The rules that ship with the program.
pub fn embedded_rules(options: &Options) -> RuleSet {
    let parse = |(name, text): &(&str, &str)| parse_file(&Source::new(*name, *text), options);
    let detections = crate::packs::FILES.iter().filter(|(name, _)| name.contains("/detections/"));
    assemble(detections.map(parse).collect(), options)
}

/// The files of the packs that ship with the program: path, beginning with `packs/`, and text.
pub fn pack_files() -> &'static [(&'static str, &'static str)] {
    crate::packs::FILES
}

fn unreadable(path: &Path, reason: impl ToString) -> Unreadable {
    Unreadable { path: path.display().to_string(), reason: reason.to_string() }
}

/// Reads a text by way of a buffer that serves for the next one.
fn read(path: &Path, buffer: &mut Vec<u8>) -> Result<Source, Unreadable> {
    let file = fs::File::open(path).map_err(|e| unreadable(path, e))?;
    buffer.clear();
    buffer.reserve(ROOM);
    file.take(LARGEST + 1).read_to_end(buffer).map_err(|e| unreadable(path, e))?;
    if buffer.len() as u64 > LARGEST {
        return Err(unreadable(path, format!("larger than {} MiB", LARGEST >> 20)));
    }
    let source = Source::new(path.to_string_lossy(), shikra_event::file_text(buffer));
    if buffer.capacity() > MOST_ROOM {
        *buffer = Vec::new();
    }
    Ok(source)
}

/// The files beneath all paths.
fn all_files(paths: &[PathBuf], failed: &mut Vec<Unreadable>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    paths.iter().for_each(|path| collect(path, &mut files, failed));
    files
}

/// Adds the files beneath a path that the user named, sorted by name within each folder. Symbolic links to folders
/// are followed only there.
fn collect(path: &Path, files: &mut Vec<PathBuf>, failed: &mut Vec<Unreadable>) {
    match fs::metadata(path) {
        Ok(m) if m.is_dir() => within(path, 0, files, failed),
        Ok(_) => files.push(path.to_owned()),
        Err(e) => failed.push(unreadable(path, e)),
    }
}

/// The same for a folder.
fn within(folder: &Path, depth: usize, files: &mut Vec<PathBuf>, failed: &mut Vec<Unreadable>) {
    if depth > DEEPEST {
        return failed.push(unreadable(folder, format!("more than {DEEPEST} folders within one another")));
    }
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) => return failed.push(unreadable(folder, e)),
    };
    let named = entries.filter_map(|e| e.ok().map(|e| (e.file_name(), e.file_type())));
    let mut inside: Vec<_> = named.filter(|(n, _)| !n.as_encoded_bytes().starts_with(b".")).collect();
    inside.sort_by(|(a, _), (b, _)| a.cmp(b));
    for (name, kind) in inside {
        let path = folder.join(name);
        match kind {
            Ok(kind) if kind.is_dir() => within(&path, depth + 1, files, failed),
            // A link within a folder may be a file; reading it follows the link.
            Ok(kind) => {
                let file = || kind.is_file() || fs::metadata(&path).is_ok_and(|m| m.is_file());
                if is_known(&path) && file() {
                    files.push(path);
                }
            }
            Err(e) => failed.push(unreadable(&path, e)),
        }
    }
}

/// Whether a file may hold rules by its name.
fn is_known(path: &Path) -> bool {
    let extension = path.extension().and_then(|e| e.to_str());
    extension.is_some_and(|e| EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(e)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_rules_all_load() {
        let set = embedded_rules(&Options::default());
        assert!(set.rules.len() >= 6);
        for rule in &set.rules {
            assert_eq!(rule.status, shikra_ir::LoadStatus::Ok, "{}: {:?}", rule.meta.path, rule.diagnostics);
        }
    }

    #[test]
    fn folders_are_read_in_order_and_failures_named() {
        let dir = tempfile::tempdir().unwrap();
        let rule = |t: &str| {
            format!(
                "title: {t}\nid: {t}\nlogsource: {{product: windows}}\ndetection:\n  s: {{A: b}}\n  condition: s\n"
            )
        };
        fs::create_dir(dir.path().join("sub")).unwrap();
        for (name, text) in
            [("b.yml", rule("b")), ("a.yml", rule("a")), ("sub/c.yml", rule("c")), ("x.bin", rule("x"))]
        {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let units = format!("\u{feff}{}", rule("d"));
        let utf16: Vec<u8> = units.encode_utf16().flat_map(u16::to_le_bytes).collect();
        fs::write(dir.path().join("utf16.yml"), utf16).unwrap();
        let missing = dir.path().join("missing");
        for threads in [1, 3] {
            let (set, failed) =
                load_rules(&[dir.path().into(), missing.clone()], &Options::default(), threads);
            let titles: Vec<&str> = set.rules.iter().map(|r| r.meta.title.as_str()).collect();
            assert_eq!(titles, ["a", "b", "c", "d"]);
            assert_eq!(failed.len(), 1);
        }
    }
}
