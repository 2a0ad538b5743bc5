//! The façade: load, resolve, plan, run, push findings to a sink. The only API its callers see.
//!
//! What findings look like is `output`'s; what is printed and when to exit, `cli`'s.

pub mod finding;
pub mod info;
#[allow(dead_code)] // TEMP
mod ordered;
#[allow(dead_code)] // TEMP
mod survivors;
#[allow(dead_code)] // TEMP
mod view;
