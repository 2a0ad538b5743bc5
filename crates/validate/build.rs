//! Lists the simulations under `packs/`, so that those that ship with the program are inside of it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let packs = Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../../packs");
    println!("cargo::rerun-if-changed={}", packs.display());
    let mut files = Vec::new();
    for pack in fs::read_dir(&packs)? {
        let folder = pack?.path().join("simulations");
        if folder.is_dir() {
            let inside: Vec<PathBuf> =
                fs::read_dir(folder)?.filter_map(|e| e.ok().map(|e| e.path())).collect();
            files.extend(inside.into_iter().filter(|p| p.extension().is_some_and(|e| e == "toml")));
        }
    }
    files.sort();
    let mut code = String::from("pub(crate) static FILES: &[(&str, &str)] = &[\n");
    for file in files {
        let name = Path::new("packs").join(file.strip_prefix(&packs).unwrap_or(&file));
        let _ = writeln!(
            code,
            "    ({:?}, include_str!({:?})),",
            name.display().to_string(),
            file.canonicalize()?
        );
    }
    code.push_str("];\n");
    fs::write(Path::new(&env::var("OUT_DIR").unwrap_or_default()).join("simulations.rs"), code)
}
