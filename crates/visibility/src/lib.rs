//! What telemetry rules need, and what a Sysmon configuration hides from them.
//!
//! [`needs`] reads it off the rules: events, fields, and what is asked of the fields. [`sight`] holds that against a
//! configuration and says which rules are blind, with the reason. [`policy`] writes the configuration and the audit
//! policy that collect what is needed. What is claimed is on the safe side: a rule is called blind only where every
//! event that it could match is dropped, and seeing only where none is.

mod audit;
mod needs;
mod pattern;
mod policy;
mod reach;
mod sight;

pub use audit::{Setting, setting_of};
pub use needs::{Clause, Constraint, EventNeed, Needs, Stage, needs};
pub use policy::{audit_policy, sysmon_config};
pub use reach::{Reach, keeps, reach};
pub use sight::{Sight, Verdict, sight};

/// The provider of Sysmon's events.
pub const SYSMON: &str = "Microsoft-Windows-Sysmon";
