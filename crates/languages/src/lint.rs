//! What will never work, told from the IR and the taxonomy: for rules of every language.

use shikra_ir::Rule;
use shikra_syntax::Diagnostic;
use shikra_taxonomy::Taxonomy;

/// Everything there is to say of a rule that loaded.
pub fn lint(_rule: &Rule, _taxonomy: &Taxonomy) -> Vec<Diagnostic> {
    Vec::new()
}
