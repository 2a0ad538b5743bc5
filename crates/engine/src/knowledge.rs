//! Knowledge on disk: the user's own copies of ATT&CK, D3FEND, CAR, Atomic Red Team, LOLBAS.
//!
//! They are kept under `knowledge/` of the user's data folder, one folder per kind of file, as they came. What a
//! file is and what it says is left to `shikra-knowledge`.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use shikra_knowledge::{FileKind, Knowledge, Part, load, recognise};

use crate::load::Unreadable;
use crate::ordered;

/// Largest file read.
const LARGEST: u64 = shikra_knowledge::stix::LARGEST;
/// Folders within folders.
const DEEPEST: usize = 64;
/// Most files looked at beneath the paths of one call.
const MOST_FILES: usize = 200_000;
/// Bytes by which a file is recognised.
const HEAD: u64 = 16 << 10;

/// Where the user's copies are.
#[derive(Clone, Debug)]
pub struct Shelf {
    folder: PathBuf,
}

/// A copy on the shelf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Where.
    pub path: PathBuf,
    /// What, as [`FileKind::name`].
    pub kind: &'static str,
    /// What, for people.
    pub title: &'static str,
    /// Bytes.
    pub size: u64,
}

/// What [`Shelf::add`] did.
#[derive(Clone, Debug, Default)]
pub struct Added {
    /// Files taken, by title of what they hold: `ATT&CK 18.1`.
    pub taken: BTreeMap<String, usize>,
    /// Entities in them.
    pub entities: usize,
    /// Files that are of no kind known here.
    pub passed_over: usize,
    /// Files that could not be used.
    pub failed: Vec<Unreadable>,
    /// What could not be used in files that were taken, with their names.
    pub troubles: Vec<String>,
}

/// A file, what it is and what it says.
struct Found {
    path: PathBuf,
    kind: &'static FileKind,
    bytes: Vec<u8>,
    part: Part,
}

/// What became of a file.
enum Outcome {
    Found(Box<Found>),
    Foreign,
    Failed(Unreadable),
}

impl Shelf {
    /// The shelf in a data folder, which need not be there yet.
    pub fn of(data: &Path) -> Shelf {
        Shelf { folder: data.join("knowledge") }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Takes copies of all files beneath `paths` that hold knowledge. A bundle of ATT&CK takes the place of the one
    /// before; of several at once the newest Enterprise bundle is taken.
    ///
    /// # Errors
    /// Where a copy cannot be written.
    pub fn add(&self, paths: &[PathBuf], threads: usize) -> Result<Added, String> {
        let mut added = Added::default();
        let mut found = Vec::new();
        for outcome in read_all(paths, threads) {
            match outcome {
                Outcome::Found(f) => found.push(*f),
                Outcome::Foreign => added.passed_over += 1,
                Outcome::Failed(e) => added.failed.push(e),
            }
        }
        keep_newest_bundle(&mut found, &mut added);
        let mut written: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
        for f in &found {
            let folder = self.folder.join(f.kind.name);
            if f.part.attack_version.is_some() {
                let _ = fs::remove_dir_all(&folder);
            }
            let target = target(&folder, &f.path, &written);
            write(&target, &f.bytes)?;
            written.insert(target, f.path.clone());
            added.entities += f.part.entities.len();
            *added.taken.entry(f.part.title.clone()).or_insert(0) += 1;
            let name = f.path.display();
            added.troubles.extend(f.part.troubles.iter().map(|t| format!("{name}: {t}")));
        }
        Ok(added)
    }

    /// What is on the shelf.
    pub fn list(&self) -> Vec<Kept> {
        let mut out = Vec::new();
        for path in files_beneath(std::slice::from_ref(&self.folder)).0 {
            let Ok(head) = read(&path, HEAD) else { continue };
            let name = path.display().to_string();
            if let Some(kind) = recognise(&name, &head) {
                let size = fs::metadata(&path).map_or(0, |m| m.len());
                out.push(Kept { path, kind: kind.name, title: kind.title, size });
            }
        }
        out
    }

    /// Everything that is known: what ships, what is on the shelf, and what is beneath `more`, which wins.
    pub fn load(&self, more: &[PathBuf], threads: usize) -> (Knowledge, Vec<Unreadable>) {
        let mut paths = Vec::new();
        if self.folder.is_dir() {
            paths.push(self.folder.clone());
        }
        paths.extend_from_slice(more);
        let (parts, failed) = parts(&paths, threads);
        (Knowledge::with(parts), failed)
    }
}

/// What the files beneath `paths` know, in the order of their names.
pub fn parts(paths: &[PathBuf], threads: usize) -> (Vec<Part>, Vec<Unreadable>) {
    let (mut parts, mut failed) = (Vec::new(), Vec::new());
    for outcome in read_all(paths, threads) {
        match outcome {
            Outcome::Found(f) => parts.push(f.part),
            Outcome::Foreign => {}
            Outcome::Failed(e) => failed.push(e),
        }
    }
    (parts, failed)
}

/// Where a copy goes: by its name; beneath its folder's name too where another file of that name came along.
fn target(folder: &Path, from: &Path, written: &BTreeMap<PathBuf, PathBuf>) -> PathBuf {
    let name = from.file_name().unwrap_or_default();
    let simple = folder.join(name);
    if !written.contains_key(&simple) {
        return simple;
    }
    let parent = from.parent().and_then(Path::file_name).unwrap_or_default();
    folder.join(parent).join(name)
}

fn write(target: &Path, bytes: &[u8]) -> Result<(), String> {
    let fail = |e: std::io::Error| format!("cannot write {}: {e}", target.display());
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder).map_err(fail)?;
    }
    // Whole or not at all.
    let mut part = target.as_os_str().to_owned();
    part.push(".part");
    fs::write(&part, bytes).map_err(fail)?;
    fs::rename(&part, target).map_err(fail)
}

fn keep_newest_bundle(found: &mut Vec<Found>, added: &mut Added) {
    let rank = |f: &Found| {
        let version = f.part.attack_version.as_deref()?;
        let number = |n: Option<&str>| n.and_then(|n| n.parse::<u32>().ok()).unwrap_or(0);
        let mut numbers = version.split('.');
        let enterprise = f.path.to_string_lossy().to_lowercase().contains("enterprise");
        Some((enterprise, number(numbers.next()), number(numbers.next())))
    };
    let Some(best) = found.iter().filter_map(rank).max() else { return };
    let mut chosen = false;
    found.retain(|f| match rank(f) {
        None => true,
        Some(r) => {
            let take = r == best && !chosen;
            chosen |= take;
            if !take {
                let path = f.path.display().to_string();
                let reason = format!("{} is another bundle beside the newest", f.part.title);
                added.failed.push(Unreadable { path, reason });
            }
            take
        }
    });
}

fn read_all(paths: &[PathBuf], threads: usize) -> Vec<Outcome> {
    let (files, failed) = files_beneath(paths);
    let mut out: Vec<Outcome> = failed.into_iter().map(Outcome::Failed).collect();
    let mut batches = files.chunks(16);
    ordered::run(
        threads.max(1),
        ordered::ALL,
        |()| batches.next(),
        || (),
        |(), batch: &[PathBuf]| batch.iter().map(|p| examine(p)).collect::<Vec<_>>(),
        drop,
        |batch| {
            out.extend(batch);
            ControlFlow::Continue(())
        },
    );
    out
}

fn examine(path: &Path) -> Outcome {
    let fail = |reason: String| Outcome::Failed(Unreadable { path: path.display().to_string(), reason });
    let name = path.display().to_string();
    let head = match read(path, HEAD) {
        Ok(head) => head,
        Err(e) => return fail(e),
    };
    let Some(kind) = recognise(&name, &head) else { return Outcome::Foreign };
    let bytes = match read(path, LARGEST + 1) {
        Ok(bytes) if bytes.len() as u64 > LARGEST => {
            return fail(format!("larger than {} MiB", LARGEST >> 20));
        }
        Ok(bytes) => bytes,
        Err(e) => return fail(e),
    };
    match load(kind, &name, &bytes) {
        Ok(part) => Outcome::Found(Box::new(Found { path: path.to_owned(), kind, bytes, part })),
        Err(shikra_knowledge::Error::Unknown) => Outcome::Foreign,
        Err(e) => fail(e.to_string()),
    }
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|e| e.to_string())?;
    file.take(most).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    Ok(bytes)
}

/// All files beneath `paths`, in the order of names. Links within folders are not followed.
fn files_beneath(paths: &[PathBuf]) -> (Vec<PathBuf>, Vec<Unreadable>) {
    let (mut files, mut failed) = (Vec::new(), Vec::new());
    let mut todo: Vec<(PathBuf, usize)> = paths.iter().rev().map(|p| (p.clone(), 0)).collect();
    while let Some((path, depth)) = todo.pop() {
        let mut fail = |reason: String| failed.push(Unreadable { path: path.display().to_string(), reason });
        let meta = if depth == 0 { fs::metadata(&path) } else { fs::symlink_metadata(&path) };
        match meta {
            Err(e) => fail(e.to_string()),
            Ok(m) if m.is_file() && files.len() < MOST_FILES => files.push(path),
            Ok(m) if m.is_dir() && depth < DEEPEST => match fs::read_dir(&path) {
                Err(e) => fail(e.to_string()),
                Ok(entries) => {
                    let mut inside: Vec<PathBuf> = entries.filter_map(|e| e.ok().map(|e| e.path())).collect();
                    let hidden =
                        |p: &PathBuf| p.file_name().is_some_and(|n| n.as_encoded_bytes().starts_with(b"."));
                    inside.retain(|p| !hidden(p));
                    inside.sort();
                    todo.extend(inside.into_iter().rev().map(|p| (p, depth + 1)));
                }
            },
            Ok(_) => {}
        }
    }
    (files, failed)
}
