//! Technique packs: all that is known of one technique, and what detects it, in one folder.
//!
//! The format (`docs/pack.md`): `pack.toml` read into a [`Pack`], the folders beside it into a [`Bundle`].
//! [`check`] says what of it does not hold. How hunts and simulations are run is left to their own crates, how
//! a pack is shown to `output`.

mod bundle;
mod check;
mod fire;
mod mitigation;
pub mod model;
mod object;
mod read;

pub use bundle::{Bundle, File, MANIFEST, embedded, open};
pub use check::{Problem, check};
pub use fire::{fires, ndjson};
pub use mitigation::{Block, CannotBlock, MITIGATION_SCHEMA, Profile, Program, USES, parse_block};
pub use model::Pack;
pub use read::parse;
