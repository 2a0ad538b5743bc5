//! Filters beside a query: what Kibana's filter bar writes, in Elasticsearch's query language.

use shikra_event::Value;
use shikra_ir::{Coerce, Expr, Flavor, Fold, Names, Op, Opaque, Pattern, Scalar, Test, Words};
use shikra_syntax::{Diagnostic, Span};

use super::node::Node;

/// Deepest nesting of clauses.
const MAX_DEPTH: usize = 16;

/// What all filters of a list ask. A clause that is not known is unsupported.
pub(super) fn all(list: Option<Node<'_>>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Expr> {
    let mut out = Vec::new();
    for filter in list.unwrap_or_default().items() {
        let meta = filter.get("meta").unwrap_or_default();
        let is = |name| meta.get(name).is_some_and(|n| n.truth());
        if is("disabled") {
            continue;
        }
        let clause = filter.get("query").unwrap_or(filter);
        let found = clause.members().into_iter().find_map(|(name, body)| known(name, &body, 0));
        let expr = found.unwrap_or_else(|| {
            let names: Vec<&str> = clause.members().iter().map(|(n, _)| *n).collect();
            let reason = format!("a filter of another kind ({})", names.join(", "));
            diagnostics.push(Diagnostic::warning("unsupported", reason.clone(), filter.span()));
            Expr::Opaque(Opaque { reason, span: filter.span() })
        });
        out.push(if is("negate") { expr.negate() } else { expr });
    }
    out
}

/// A clause of Elasticsearch's query language.
fn known(name: &str, body: &Node<'_>, depth: usize) -> Option<Expr> {
    if depth > MAX_DEPTH {
        return None;
    }
    match name {
        "exists" => {
            let field = body.text_of("field")?;
            Some(test(&field, Op::IsNull, Fold::None, body.span()).negate())
        }
        "term" | "match_phrase" | "match" => one(body, "value", "query", Pattern::exact),
        "terms" => {
            let (field, values) = body.members().into_iter().find(|(n, _)| *n != "boost")?;
            let patterns = values.texts().iter().map(|v| Pattern::exact(v)).collect();
            Some(test(field, Op::Like(patterns), Fold::None, body.span()))
        }
        "wildcard" => one(body, "value", "wildcard", Pattern::of_glob),
        "prefix" => one(body, "value", "prefix", |t| Pattern::exact(t).any_after()),
        "match_all" => Some(Expr::TRUE),
        "bool" => boolean(body, depth),
        _ => None,
    }
}

/// `{field: "x"}` or `{field: {value: "x", case_insensitive: true}}`.
fn one(body: &Node<'_>, value: &str, other: &str, pattern: impl Fn(&str) -> Pattern) -> Option<Expr> {
    let (field, asked) = body.members().into_iter().next()?;
    let text =
        asked.scalar().or_else(|| asked.get(value)?.scalar()).or_else(|| asked.get(other)?.scalar())?;
    let ignores_case = asked.get("case_insensitive").is_some_and(|n| n.truth());
    let fold = if ignores_case { Fold::Unicode } else { Fold::None };
    Some(test(field, Op::Like(vec![pattern(&text)]), fold, body.span()))
}

fn boolean(body: &Node<'_>, depth: usize) -> Option<Expr> {
    let clauses = |name: &str| -> Option<Vec<Expr>> {
        let mut out = Vec::new();
        for clause in body.get(name).unwrap_or_default().items() {
            for (name, body) in clause.members() {
                out.push(known(name, &body, depth + 1)?);
            }
        }
        Some(out)
    };
    let mut parts = clauses("must")?;
    parts.extend(clauses("filter")?);
    let should = clauses("should")?;
    if !should.is_empty() && (parts.is_empty() || body.get("minimum_should_match").is_some()) {
        parts.push(Expr::or(should));
    }
    parts.extend(clauses("must_not")?.into_iter().map(Expr::negate));
    Some(Expr::and(parts))
}

pub(super) fn test(field: &str, op: Op, fold: Fold, span: Span) -> Expr {
    let words = Words { fold, coerce: Coerce::Stringify, regex: Flavor::Lucene, ..Words::default() };
    Expr::Test(Test { subject: Scalar::field(Names::Ecs, field), op, words, span })
}

/// A comparison of a column that the plan made with a number.
pub(super) fn at_least(column: &str, least: i64, span: Span) -> Expr {
    let subject = Scalar::field(Names::Column, column);
    let op = Op::Compare(shikra_ir::CmpOp::Ge, Scalar::Lit(Value::I64(least)));
    Expr::Test(Test { subject, op, words: Words::default(), span })
}
