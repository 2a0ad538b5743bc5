//! Finds files: arguments in their order, folders recursively in byte order of path.

use std::collections::HashSet;
use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};
use std::vec::IntoIter;

/// A place to read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Stdin,
    File(PathBuf),
}

/// A path that could not be looked at, and why.
pub(crate) type Failure = (PathBuf, io::Error);

/// Iterator over the files that arguments name.
pub(crate) struct Files {
    arguments: IntoIter<PathBuf>,
    /// Entries yet to visit of each folder that is open, innermost last.
    open: Vec<IntoIter<PathBuf>>,
    /// Folders visited under the current argument, by their real path: links may form loops.
    seen: HashSet<PathBuf>,
}

impl Files {
    pub fn new(arguments: Vec<PathBuf>) -> Files {
        Files { arguments: arguments.into_iter(), open: Vec::new(), seen: HashSet::new() }
    }

    fn argument(&mut self) -> Option<Result<Place, Failure>> {
        let path = self.arguments.next()?;
        self.seen.clear();
        if path.as_os_str() == "-" {
            return Some(Ok(Place::Stdin));
        }
        // Whatever is named outright is opened, pipes and devices too.
        if !path.is_dir() {
            return Some(Ok(Place::File(path)));
        }
        Some(self.enter(path).map_or_else(Err, |()| Ok(Place::File(PathBuf::new()))))
    }

    fn enter(&mut self, path: PathBuf) -> Result<(), Failure> {
        let real = fs::canonicalize(&path).map_err(|e| (path.clone(), e))?;
        if self.seen.insert(real) {
            let entries = sorted_entries(&path).map_err(|e| (path, e))?;
            self.open.push(entries.into_iter());
        }
        Ok(())
    }

    fn visit(&mut self, path: PathBuf) -> Option<Result<Place, Failure>> {
        let kind = match fs::metadata(&path) {
            Ok(meta) => meta.file_type(),
            Err(e) => return Some(Err((path, e))),
        };
        if kind.is_dir() {
            return self.enter(path).err().map(Err);
        }
        if kind.is_file() {
            return Some(Ok(Place::File(path)));
        }
        Some(Err((path, io::Error::other("not a regular file"))))
    }
}

impl Iterator for Files {
    type Item = Result<Place, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some(folder) = self.open.last_mut() else {
                match self.argument()? {
                    Ok(Place::File(path)) if path.as_os_str().is_empty() => continue,
                    found => return Some(found),
                }
            };
            let Some(path) = folder.next() else {
                self.open.pop();
                continue;
            };
            if let Some(found) = self.visit(path) {
                return Some(found);
            }
        }
    }
}

/// The paths in a folder, in the order that sorting all paths below it by their bytes gives.
fn sorted_entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<DirEntry>>>()?;
    entries.sort_by_cached_key(|entry| {
        let mut key = entry.file_name().into_encoded_bytes();
        if entry.path().is_dir() {
            key.push(b'/');
        }
        key
    });
    Ok(entries.into_iter().map(|e| e.path()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(root: &Path) -> Vec<String> {
        let files = Files::new(vec![root.to_path_buf()]);
        let name = |p: Result<Place, Failure>| match p {
            Ok(Place::File(path)) => path.strip_prefix(root).unwrap().to_string_lossy().into_owned(),
            other => format!("{other:?}"),
        };
        files.map(name).collect()
    }

    #[test]
    fn folders_come_in_byte_order_of_path() {
        let root = tempfile::tempdir().unwrap();
        for file in ["b/x", "b.txt", "a/z/1", "a-1", "a/b", "B"] {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let mut sorted = found(root.path());
        assert_eq!(sorted, ["B", "a-1", "a/b", "a/z/1", "b.txt", "b/x"]);
        sorted.sort();
        assert_eq!(sorted, found(root.path()));
    }

    #[cfg(unix)]
    #[test]
    fn loops_of_links_end() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("a/b")).unwrap();
        fs::write(root.path().join("a/b/file"), "").unwrap();
        std::os::unix::fs::symlink(root.path(), root.path().join("a/b/up")).unwrap();
        std::os::unix::fs::symlink("nowhere", root.path().join("dangling")).unwrap();
        let all = found(root.path());
        assert_eq!(all.len(), 2, "{all:?}");
        assert_eq!(all[0], "a/b/file");
        assert!(all[1].contains("dangling"), "{all:?}");
    }
}
