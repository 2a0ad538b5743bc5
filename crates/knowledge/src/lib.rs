//! What the field knows: ATT&CK, D3FEND, the Cyber Analytics Repository, Atomic Red Team, LOLBAS.
//!
//! [`Knowledge::embedded`] holds the facts that ship with the program (ids, names, tactics, relations, revocations;
//! no prose), so that tags resolve offline. Texts come from the user's own copies: [`recognise`] says what a file is
//! and [`load`] reads it into a [`Part`]; [`Knowledge::with`] joins parts and facts. Revoked ids lead to their
//! successors, and the versions of ATT&CK before and after 19 are bridged ([`versions`]).
//!
//! Nothing here touches the disk: callers hand in bytes. All input is hostile: depth, size and the number of things
//! told of a file are bounded.

mod atomics;
mod car;
mod details;
mod error;
mod files;
mod kinds;
mod lolbas;
mod model;
mod store;
mod table;
mod tags;

pub mod d3fend;
mod sensors;
pub mod stix;
pub mod tables;
pub mod versions;

pub use details::*;
pub use error::Error;
pub use kinds::{FileKind, load, recognise};
pub use model::{Entity, Kind, Link, MAX_TROUBLES, Part, Reference, Relates, State};
pub use store::{Knowledge, Related, Resolved};
pub use tags::{Verdict, is_asked};
pub use versions::Attack;
