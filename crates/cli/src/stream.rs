//! Standard output, standard error, and the file named by `-o`.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use shikra_output::escape;

use crate::exit::Failure;

/// Bytes gathered before they are written; more at once go out as they are.
const BUFFER: usize = 32 << 10;

/// Writes a result to standard output.
///
/// # Errors
/// Where it cannot be written.
pub fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Writes a line that is no result to standard error. There is nobody to tell where that fails.
pub fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// [`say`], of a text that may hold names from anywhere.
pub fn notice(text: &str) {
    let mut safe = String::new();
    escape::terminal_lines(text, &mut safe);
    say(&safe);
}

/// Tells what went wrong. The text may hold names from anywhere.
pub fn error(text: &str) {
    let mut safe = String::new();
    escape::terminal_lines(text, &mut safe);
    say(&format!("shikra: {safe}"));
}

/// Where results go: the file, or standard output where none is named or it is `-`.
///
/// # Errors
/// Where the file cannot be created, is one of the inputs or lies within one: evidence is not written over.
pub fn open(file: Option<&Path>, inputs: &[PathBuf]) -> Result<Box<dyn Write + Send>, Failure> {
    let Some(path) = file.filter(|p| *p != Path::new("-")) else {
        return Ok(Box::new(BufWriter::with_capacity(BUFFER, io::stdout())));
    };
    outside(path, inputs)?;
    let file =
        File::create(path).map_err(|e| Failure::new(format!("cannot create {}: {e}", path.display())))?;
    Ok(Box::new(BufWriter::with_capacity(BUFFER, file)))
}

/// # Errors
/// Where a file to be written is one of the inputs or lies within one.
pub fn outside(path: &Path, inputs: &[PathBuf]) -> Result<(), Failure> {
    match within(path, inputs) {
        None => Ok(()),
        Some(input) => Err(Failure::new(format!(
            "output file {} lies within the input {}: choose another place",
            path.display(),
            input.display()
        ))),
    }
}

/// The input that `path` is, or lies beneath.
fn within<'a>(path: &Path, inputs: &'a [PathBuf]) -> Option<&'a PathBuf> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let place = path.canonicalize().or_else(|_| folder.canonicalize()).ok()?;
    inputs.iter().find(|input| input.canonicalize().is_ok_and(|i| place.starts_with(i)))
}
