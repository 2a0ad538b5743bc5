//! The façade: load, resolve, plan, run, push findings to a sink. The only API its callers see.
//!
//! How findings leave the program is left to `output`; what is printed and when to exit, to `cli`.

pub mod finding;
#[allow(dead_code)] // TEMP
mod ordered;
#[allow(dead_code)] // TEMP
mod view;
