//! Packs as files: those that ship, and broken ones.

mod packs;
