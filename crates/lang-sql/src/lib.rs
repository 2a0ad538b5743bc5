//! Playbook queries: Spark SQL as the notebooks of the ThreatHunter-Playbook have it, and the older
//! `object WHERE …` form of its pages, from text to IR and back.
//!
//! [`load`] reads a query and answers its plan with what there is to say of it. `dataTable` names all events, each
//! a row whose columns are its fields; a field that an event does not have is null. The parser is the crate
//! `sqlparser`; what its tree means is decided here, as Spark means it with case-sensitive names: three-valued
//! logic, LIKE that tells case apart, RLIKE that finds itself anywhere. Execution is left to others.

mod call;
mod expr;
mod from;
mod lower;
mod parse;
mod playbook;
mod print;
mod scope;
mod text;

pub use print::print;
use shikra_ir::{LoadStatus, Plan};
use shikra_syntax::{Diagnostic, Severity, Span};

/// Which form a text is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Dialect {
    /// Spark SQL over `dataTable`, fields by their own names.
    #[default]
    Spark,
    /// `process WHERE process_name == "x"`, fields by OSSEM's names.
    Playbook,
}

impl Dialect {
    /// `spark` and `playbook`.
    pub fn named(name: &str) -> Option<Dialect> {
        match name {
            "spark" => Some(Dialect::Spark),
            "playbook" => Some(Dialect::Playbook),
            _ => None,
        }
    }
}

/// A query as far as it could be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// What it does; none where it cannot be used.
    pub plan: Option<Plan>,
    /// Places are bytes of the query's text.
    pub diagnostics: Vec<Diagnostic>,
    /// [`LoadStatus::Partial`] where some part is unsupported.
    pub status: LoadStatus,
}

/// Names of the table of all events, in lower case; they are read in any.
pub fn tables() -> &'static [&'static str] {
    from::EVENTS
}

/// Reads a query.
pub fn load(text: &str, dialect: Dialect) -> Loaded {
    match dialect {
        Dialect::Spark => spark(text),
        Dialect::Playbook => older(text),
    }
}

fn older(text: &str) -> Loaded {
    let (plan, mut diagnostics) = playbook::read(text);
    let status = if plan.is_some() { LoadStatus::Ok } else { LoadStatus::Rejected };
    if plan.is_none() {
        let all = Span::new(0, text.len());
        diagnostics.insert(0, Diagnostic::error("not-a-query", "no query of the form `entity WHERE …`", all));
    }
    Loaded { plan, diagnostics, status }
}

fn spark(text: &str) -> Loaded {
    match read(text) {
        Ok(loaded) => loaded,
        Err(d) => {
            mended(text).unwrap_or(Loaded { plan: None, diagnostics: vec![d], status: LoadStatus::Rejected })
        }
    }
}

fn read(text: &str) -> Result<Loaded, Diagnostic> {
    let at = parse::Positions::new(text);
    let tree = parse::query(text, &at)?;
    let mut lower = lower::Lower::new(&at);
    let made = lower.query(&tree);
    let failed = lower.diagnostics.iter().any(|d| d.severity == Severity::Error);
    let status = match (failed, lower.unsupported) {
        (true, _) => LoadStatus::Rejected,
        (_, true) => LoadStatus::Partial,
        _ => LoadStatus::Ok,
    };
    let plan = (status != LoadStatus::Rejected).then_some(made.plan);
    Ok(Loaded { plan, diagnostics: lower.diagnostics, status })
}

/// A query in which `'\'` is meant as a text of one backslash. Places of what is said of it are those of the line.
fn mended(text: &str) -> Option<Loaded> {
    let place = text.find(r"'\'")?;
    let mut loaded = read(&text.replace(r"'\'", r"'\\\\'")).ok()?;
    let line = Span::new(place, place + 3);
    loaded.diagnostics.iter_mut().filter(|d| d.span.end > place).for_each(|d| d.span = line);
    let message = r"'\' does not end; read as a text of one backslash";
    loaded
        .diagnostics
        .insert(0, Diagnostic::warning("mended-text", message, line).with_help(r"write '\\\\'"));
    Some(loaded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_without_counterpart_are_named() {
        for (text, clause) in [
            ("FROM dataTable", "FROM without SELECT"),
            ("SELECT Image FROM dataTable GROUP BY ALL", "GROUP BY ALL"),
            ("SELECT TOP 3 Image FROM dataTable", "TOP"),
        ] {
            let loaded = load(text, Dialect::Spark);
            assert_ne!(loaded.status, LoadStatus::Ok, "{text}");
            assert!(
                loaded.diagnostics.iter().any(|d| d.message.contains(clause)),
                "{text} {:?}",
                loaded.diagnostics
            );
        }
    }

    /// What WITH names is put where it is read.
    #[test]
    fn tables_of_with_do_not_grow_without_measure() {
        let chained = |times: usize| {
            let one =
                |i: usize| format!(", t{i} AS (SELECT x.a FROM t{0} x JOIN t{0} y ON x.a = y.a)", i - 1);
            let more: String = (1..times).map(one).collect();
            format!("WITH t0 AS (SELECT a FROM dataTable){more} SELECT * FROM t{}", times - 1)
        };
        assert_eq!(load(&chained(4), Dialect::Spark).status, LoadStatus::Ok);
        let loaded = load(&chained(40), Dialect::Spark);
        assert_ne!(loaded.status, LoadStatus::Ok);
        assert!(loaded.diagnostics.iter().any(|d| d.message.contains("WITH")), "{:?}", loaded.diagnostics);
    }
}
