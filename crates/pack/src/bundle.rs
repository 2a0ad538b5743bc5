//! A pack with its files: those that ship with the program, or those of a folder.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use shikra_engine::languages::{Options, RuleSet, assemble, parse_file};
use shikra_ir::Rule;
use shikra_syntax::{Diagnostic, Source};

use crate::model::Pack;
use crate::read::parse;

/// The file that makes a folder a pack.
pub const MANIFEST: &str = "pack.toml";
/// Larger files are no part of a pack.
const LARGEST: u64 = 8 << 20;
/// More files than this in a folder are an error: it is no pack.
const MOST_FILES: usize = 10_000;
/// Folders within folders.
const DEEPEST: usize = 8;

/// A file of a pack.
#[derive(Clone, Debug)]
pub struct File {
    /// Path within the pack, with `/`: `detections/sigma/a.yml`.
    pub path: String,
    /// Its text, under the name that messages show.
    pub source: Source,
}

/// A pack with its files.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// Where it is: `packs/T1218.003`.
    pub place: String,
    /// The text of `pack.toml`.
    pub source: Source,
    /// What it says.
    pub pack: Pack,
    /// What was wrong in reading it.
    pub diagnostics: Vec<Diagnostic>,
    /// The other files, sorted by path.
    pub files: Vec<File>,
}

impl Bundle {
    fn new(place: String, source: Source, mut files: Vec<File>) -> Bundle {
        let (pack, diagnostics) = parse(&source);
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Bundle { place, source, pack: pack.unwrap_or_default(), diagnostics, files }
    }

    /// The files of a folder of the pack: `detections`, `hunts`, `simulations`, `mitigations`.
    pub fn folder<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a File> {
        self.files.iter().filter(move |f| f.path.split('/').next() == Some(name))
    }

    /// A file by its path within the pack.
    pub fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|f| f.path == path)
    }

    /// The detections, read.
    pub fn detections(&self, options: &Options) -> RuleSet {
        let files = self.folder("detections").map(|f| parse_file(&f.source, options));
        assemble(files.collect(), options)
    }

    /// The detections with further sources among them, such as filters.
    pub fn detections_with(&self, more: &[Source], options: &Options) -> Vec<Rule> {
        let own = self.folder("detections").map(|f| &f.source);
        assemble(own.chain(more).map(|s| parse_file(s, options)).collect(), options).rules
    }
}

/// The packs that ship with the program, by id.
pub fn embedded() -> Vec<Bundle> {
    let mut out: Vec<Bundle> = Vec::new();
    let all = shikra_engine::pack_files();
    for (path, text) in all.iter().filter(|(p, _)| p.ends_with("/pack.toml")) {
        let Some(place) = path.strip_suffix("/pack.toml") else { continue };
        let inside = |(p, text): &(&str, &'static str)| {
            let within = p.strip_prefix(place)?.strip_prefix('/')?;
            (within != MANIFEST).then(|| File { path: within.to_owned(), source: Source::new(*p, *text) })
        };
        let files = all.iter().filter_map(inside).collect();
        out.push(Bundle::new(place.to_owned(), Source::new(*path, *text), files));
    }
    out
}

/// The packs at a path: a pack's folder, its `pack.toml`, or a folder of packs.
///
/// # Errors
/// Where the path cannot be read or holds no pack.
pub fn open(path: &Path) -> io::Result<Vec<Bundle>> {
    let folder = match path.file_name().is_some_and(|n| n == MANIFEST) {
        true => path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")),
        false => path,
    };
    if folder.join(MANIFEST).is_file() {
        return Ok(vec![read(folder)?]);
    }
    let mut inner: Vec<PathBuf> = fs::read_dir(folder)?.filter_map(|e| Some(e.ok()?.path())).collect();
    inner.retain(|p| p.join(MANIFEST).is_file());
    inner.sort();
    if inner.is_empty() {
        let why = format!("{} holds no {MANIFEST}", folder.display());
        return Err(io::Error::new(io::ErrorKind::NotFound, why));
    }
    inner.iter().map(|p| read(p)).collect()
}

fn read(folder: &Path) -> io::Result<Bundle> {
    let mut paths = Vec::new();
    collect(folder, 0, &mut paths)?;
    let mut files = Vec::new();
    let mut manifest = Source::new(folder.join(MANIFEST).display().to_string(), "");
    for path in paths {
        let source = Source::new(path.display().to_string(), text(&path)?);
        let within: Vec<_> =
            path.strip_prefix(folder).unwrap_or(&path).iter().map(|p| p.to_string_lossy()).collect();
        match within.join("/") {
            p if p == MANIFEST => manifest = source,
            path => files.push(File { path, source }),
        }
    }
    Ok(Bundle::new(folder.display().to_string(), manifest, files))
}

fn text(path: &Path) -> io::Result<Arc<str>> {
    let named = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", path.display()));
    let mut bytes = Vec::new();
    fs::File::open(path).map_err(named)?.take(LARGEST + 1).read_to_end(&mut bytes).map_err(named)?;
    if bytes.len() as u64 > LARGEST {
        let why = format!("{}: larger than {} MiB", path.display(), LARGEST >> 20);
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    Ok(String::from_utf8_lossy(&bytes).into())
}

/// The files beneath a folder; hidden ones and links to folders are left out.
fn collect(folder: &Path, depth: usize, out: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if hidden || out.len() > MOST_FILES {
            continue;
        }
        if kind.is_dir() && depth < DEEPEST {
            collect(&entry.path(), depth + 1, out)?;
        } else if kind.is_file() {
            out.push(entry.path());
        }
    }
    match out.len() > MOST_FILES {
        true => Err(io::Error::new(io::ErrorKind::InvalidData, format!("more than {MOST_FILES} files"))),
        false => Ok(()),
    }
}
