//! Everything known, every rule and what was proven, as a static site: files that need no server and ask nothing
//! of anybody.
//!
//! [`build`] hands every file to the caller; nothing here touches the disk. What stands on a page of knowledge is
//! `output`'s, as on a terminal; here it gets its place, its links, and the pages that only a site has: the matrix,
//! lists, a page for each rule, search. Every text is escaped where it is written ([`shell`]); scripts and styles are
//! files of their own, so that the policy on each page can forbid all others.

mod entity;
mod lists;
mod matrix;
mod places;
mod rule;
mod search;
mod shell;
mod tried;

use std::io;

use shikra_engine::coverage::Coverage;
use shikra_knowledge::Knowledge;
use shikra_languages::RuleSet;
use shikra_pack::Bundle;
use shikra_taxonomy::Taxonomy;

use places::Places;
pub use tried::{Tried, Tries};

/// What a site is made of.
pub struct Site<'a> {
    /// What is known.
    pub known: &'a Knowledge,
    /// The rules.
    pub rules: &'a RuleSet,
    /// What field names mean, to say rules in other languages.
    pub taxonomy: &'a Taxonomy,
    /// Technique packs.
    pub packs: &'a [Bundle],
    /// Rules, data and proof by technique.
    pub coverage: &'a Coverage,
    /// Results of validation.
    pub tries: &'a Tries,
    /// Threads that render pages.
    pub threads: usize,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Built {
    /// HTML pages.
    pub pages: usize,
    /// Bytes of all files.
    pub bytes: u64,
}

/// Takes a file: its path below the site, with `/`, and its bytes.
pub type Write<'w> = &'w mut dyn FnMut(&str, &[u8]) -> io::Result<()>;

/// Writes a site.
///
/// # Errors
/// Where a file cannot be written.
pub fn build(site: &Site<'_>, write: Write<'_>) -> io::Result<Built> {
    let mut built = Built::default();
    let places = Places::new(site);
    let mut put = |path: &str, bytes: &[u8]| {
        built.pages += usize::from(path.ends_with(".html"));
        built.bytes += bytes.len() as u64;
        write(path, bytes)
    };
    put("assets/site.css", include_bytes!("../assets/site.css"))?;
    put("assets/site.js", include_bytes!("../assets/site.js"))?;
    put("assets/search.js", search::index(site, &places).as_bytes())?;
    for (path, page) in lists::all(site, &places) {
        put(path, page.as_bytes())?;
    }
    put("matrix.html", matrix::page(site, &places).as_bytes())?;
    entity::all(site, &places, &mut put)?;
    rule::all(site, &places, &mut put)?;
    Ok(built)
}
