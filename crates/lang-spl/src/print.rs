//! IR to SPL.

use shikra_ir::Plan;

/// Why something cannot be said in SPL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsayable {
    /// The clause, and what SPL lacks.
    pub reason: String,
}

/// Writes a plan as a search.
///
/// # Errors
/// Where SPL has no counterpart.
pub fn print(_plan: &Plan) -> Result<String, Unsayable> {
    Err(Unsayable { reason: "not yet".into() })
}
