//! The façade: load, resolve, plan, run, push findings to a sink. The only API its callers see.
//!
//! How findings leave the program is left to `output`; what is printed and when to exit, to `cli`.

mod acts;
pub mod baseline;
mod costs;
pub mod coverage;
pub mod differ;
mod explain;
pub mod fetch;
pub mod finding;
pub mod fold;
mod folded;
pub mod hunt;
mod indicators;
pub mod info;
mod kept;
mod keyed;
pub mod knowledge;
mod load;
mod ordered;
mod packs;
mod placeholders;
mod plan;
mod read;
mod reader;
mod scan;
pub mod search;
mod shared;
mod survivors;
mod twins;
pub mod view;
mod watched;

pub use explain::{EventRef, explain};
pub use shikra_languages as languages;

pub use indicators::load_indicators;
pub use load::{Unreadable, add_pipelines, embedded_rules, load_rules, pack_files};
pub use placeholders::load_placeholders;
pub use plan::{Detector, NotRun};
pub use scan::{ScanOptions, scan};
pub use twins::Twins;
