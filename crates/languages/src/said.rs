//! Plans in the words of a query language: the printers by the language's name, each with what it needs of the others.

use shikra_ir::said::{Said, refuse};
use shikra_ir::{Expr, Plan};

/// A plan in a language, or what that has no words for; none where there is no such language or it has no printer of
/// queries. [`crate::query`] reads it again; KQL is printed and meant to be read with the fields of ECS (dialect `ecs`).
pub fn said(language: &str, plan: &Plan) -> Option<Said> {
    type Printer = (&'static str, fn(&Plan) -> Said);
    const PRINTERS: &[Printer] = &[
        ("eql", |p| shikra_lang_eql::print(p, shikra_lang_eql::Dialect::Elastic)),
        ("kql", |p| match p.single_event() {
            Some((_, e)) => in_kql(&e),
            None => refuse("more than a condition on single events"),
        }),
        ("esql", |p| shikra_lang_esql::print_with(p, Some(&in_kql))),
        ("spl", shikra_lang_spl::print),
        ("logpoint", shikra_lang_logpoint::print),
        ("car", shikra_lang_car::print),
        ("sql", shikra_lang_sql::print),
    ];
    PRINTERS.iter().find(|(name, _)| *name == language).map(|(_, print)| print(plan))
}

/// A condition in KQL, on fields of ECS.
pub(crate) fn in_kql(e: &Expr) -> Said {
    use shikra_lang_kql::{Options, Types, print};
    print(e, &Options { types: Types::ecs(), ..Options::default() })
}
