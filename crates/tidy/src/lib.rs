//! The rules of the tree, checked as tests.
//!
//! Layers (which crate may use which), dead source files, the length of functions and files (a ratchet: what
//! is over the bound is listed in `ratchet.txt` with its present length and may only shrink), and what the
//! lower crates must not touch (disk, network, clock, threads).

#[cfg(test)]
mod layers;
#[cfg(test)]
mod lengths;
#[cfg(test)]
mod sources;
