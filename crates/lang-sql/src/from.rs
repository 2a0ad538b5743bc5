//! FROM and its joins.

use std::sync::Arc;

use shikra_ir::{Expr as Pred, Join, JoinKind, LogSource, Names, Plan, Scalar};
use shikra_syntax::{Diagnostic, Span};
use sqlparser::ast::{
    BinaryOperator, Expr, Ident, JoinConstraint, JoinOperator, Query, Spanned, TableAlias, TableFactor,
    TableWithJoins,
};

use crate::expr::{Place, chain};
use crate::lower::{Lower, Needed};
use crate::scope::{Form, Scope, Source};

/// A FROM clause.
pub(crate) struct From {
    pub sources: Vec<Source>,
    /// How each source after the first is joined.
    pub joins: Vec<Joining>,
    /// `x IN (SELECT …)` among the conditions of WHERE.
    pub memberships: Vec<(Box<Expr>, Box<Query>, bool)>,
}

/// How a source is joined to those before it.
pub(crate) struct Joining {
    pub kind: JoinKind,
    /// The operands of ON's AND.
    pub on: Vec<Expr>,
}

/// Names under which all events are known.
pub(crate) const EVENTS: &[&str] = &["datatable", "events", "event", "logs", "data", "dataset", "df"];

impl Lower<'_> {
    pub fn from(&mut self, tables: &[TableWithJoins], span: Span) -> Option<From> {
        let mut from = From { sources: vec![], joins: vec![], memberships: vec![] };
        for table in tables {
            self.add(&mut from, &table.relation, JoinKind::Inner, vec![]);
            for join in &table.joins {
                let Some((kind, constraint)) = join_kind(&join.join_operator) else {
                    self.opaque(format!("the join {join}"), self.at.span(join.span()));
                    continue;
                };
                let on = self.constraint(constraint, &from, &join.relation);
                self.add(&mut from, &join.relation, kind, on);
            }
        }
        if from.sources.is_empty() {
            self.say(Diagnostic::error("no-table", "a query needs FROM", span));
            return None;
        }
        Some(from)
    }

    fn add(&mut self, from: &mut From, table: &TableFactor, kind: JoinKind, on: Vec<Expr>) {
        let number = from.sources.len();
        let (plan, columns, alias) = match table {
            TableFactor::Table { name, alias, .. } => {
                let written = name.to_string().replace('`', "");
                let (plan, columns) = self.table(&written, self.at.span(name.span()));
                let last = written.rsplit('.').next().unwrap_or_default().to_owned();
                (plan, columns, Some(alias_or(alias.as_ref(), &last)))
            }
            TableFactor::Derived { subquery, alias, .. } => {
                let made = self.query(subquery);
                (made.plan, made.columns, alias.as_ref().map(|a| a.name.value.clone()))
            }
            other => {
                let span = self.at.span(other.span());
                self.opaque(format!("{other} in FROM"), span);
                (Plan::Scan(LogSource::any(Names::Raw)), None, None)
            }
        };
        let mut name = alias.unwrap_or_else(|| format!("table#{number}"));
        if from.sources.iter().any(|s| s.name.eq_ignore_ascii_case(&name)) {
            name = format!("{name}#{number}");
        }
        if number > 0 {
            from.joins.push(Joining { kind, on });
        }
        from.sources.push(Source { name: Arc::from(name), plan, columns });
    }

    fn table(&mut self, name: &str, span: Span) -> (Plan, Option<Vec<Arc<str>>>) {
        let key = name.to_ascii_lowercase();
        if let Some(known) = self.named_table(&key, span) {
            return (known.plan, known.columns);
        }
        if !EVENTS.contains(&key.as_str()) {
            let message = format!("the table {name} is read as all events");
            self.say(Diagnostic::note("table", message, span));
        }
        (Plan::Scan(LogSource::any(Names::Raw)), None)
    }

    /// ON's operands; USING as equalities.
    fn constraint(&mut self, c: &JoinConstraint, from: &From, right: &TableFactor) -> Vec<Expr> {
        match c {
            JoinConstraint::On(e) => chain(e, &BinaryOperator::And).into_iter().cloned().collect(),
            JoinConstraint::Using(columns) => {
                let right = match right {
                    TableFactor::Table { alias, name, .. } => alias_or(alias.as_ref(), &name.to_string()),
                    TableFactor::Derived { alias: Some(a), .. } => a.name.value.clone(),
                    _ => String::new(),
                };
                let left = from.sources.first().map(|s| s.name.to_string()).unwrap_or_default();
                let of = |table: &str, c: &str| {
                    Box::new(Expr::CompoundIdentifier(vec![Ident::new(table), Ident::new(c)]))
                };
                columns
                    .iter()
                    .map(|c| c.to_string().replace('`', ""))
                    .map(|c| Expr::BinaryOp {
                        left: of(&left, &c),
                        op: BinaryOperator::Eq,
                        right: of(&right, &c),
                    })
                    .collect()
            }
            JoinConstraint::Natural => {
                self.opaque("NATURAL JOIN", Span::default());
                vec![]
            }
            JoinConstraint::None => vec![],
        }
    }

    /// The sources joined, each with those conditions of WHERE that are about it alone. Those are taken out of
    /// `filters`, which stand beside `conditions`, their trees.
    pub fn joined(
        &mut self,
        sources: &[Source],
        joins: &[Joining],
        conditions: &[&Expr],
        filters: &mut Vec<Pred>,
        mut needed: Needed,
    ) -> Plan {
        if let [one] = sources {
            return one.plan.clone();
        }
        let scope = Scope { sources, form: Form::Whole };
        let place = Place { scope, groups: None, depth: 0 };
        let on: Vec<Vec<Pred>> =
            joins.iter().map(|j| j.on.iter().map(|e| self.predicate(e, place)).collect()).collect();
        on.iter().flatten().for_each(|e| needed.expr(e));
        let mut own: Vec<Vec<Pred>> = vec![vec![]; sources.len()];
        let mut left = Vec::new();
        for (filter, e) in std::mem::take(filters).into_iter().zip(conditions) {
            match only_source(&filter, scope).filter(|i| filtered_early(*i, joins)) {
                Some(i) => {
                    let place = Place { scope: Scope { form: Form::Raw(i), ..scope }, ..place };
                    own.get_mut(i).into_iter().for_each(|o| o.push(self.predicate(e, place)));
                }
                None => left.push(filter),
            }
        }
        *filters = left;
        let mut sides =
            sources.iter().zip(own).enumerate().map(|(i, (s, own))| side(s, i, own, &needed, scope));
        let Some(mut plan) = sides.next() else { return Plan::Union(vec![]) };
        for (i, ((join, on), right)) in joins.iter().zip(on).zip(sides).enumerate() {
            let first = if i == 0 { sources.first().map(|s| s.name.clone()) } else { None };
            let left = (first.unwrap_or_else(|| Arc::from("")), Box::new(plan));
            let name = sources.get(i + 1).map(|s| s.name.clone()).unwrap_or_else(|| Arc::from(""));
            let (keys, rest) = self.keys(i + 1, join, on, scope);
            plan = Plan::Join(Join {
                kind: join.kind,
                left,
                right: (name, Box::new(right)),
                keys,
                time: None,
                on: (!rest.is_empty()).then(|| Box::new(Pred::and(rest))),
                most: None,
            });
        }
        plan
    }

    /// Equalities between the sides as keys of the join, the rest as conditions.
    fn keys(
        &mut self,
        right: usize,
        join: &Joining,
        on: Vec<Pred>,
        scope: Scope<'_>,
    ) -> (Vec<(Scalar, Scalar)>, Vec<Pred>) {
        let (mut keys, mut rest) = (vec![], vec![]);
        for (e, p) in join.on.iter().zip(on) {
            match self.key(right, e, scope) {
                Some(key) => keys.push(key),
                None => rest.push(p),
            }
        }
        (keys, rest)
    }

    fn key(&mut self, right: usize, e: &Expr, scope: Scope<'_>) -> Option<(Scalar, Scalar)> {
        let mut e = e;
        while let Expr::Nested(inner) = e {
            e = inner;
        }
        let Expr::BinaryOp { left: a, op: BinaryOperator::Eq, right: b } = e else { return None };
        let whole = Place { scope, groups: None, depth: 0 };
        let mut sides = [a, b].map(|e| (e, sources_of(&self.scalar(e, whole), scope)));
        if sides[0].1 == [right] {
            sides.reverse();
        }
        let [(l, from), (r, to)] = sides;
        if to != [right] || from.is_empty() || from.iter().any(|i| *i >= right) {
            return None;
        }
        // The left side of the first join has one source, and its columns their own names.
        let form = if right == 1 { Form::Side(0) } else { Form::Whole };
        let left = self.scalar(l, Place { scope: Scope { form, ..scope }, ..whole });
        let right = self.scalar(r, Place { scope: Scope { form: Form::Side(right), ..scope }, ..whole });
        Some((left, right))
    }
}

fn alias_or(alias: Option<&TableAlias>, name: &str) -> String {
    alias.map_or_else(|| name.to_owned(), |a| a.name.value.clone())
}

fn join_kind(op: &JoinOperator) -> Option<(JoinKind, &JoinConstraint)> {
    Some(match op {
        JoinOperator::Join(c) | JoinOperator::Inner(c) | JoinOperator::CrossJoin(c) => (JoinKind::Inner, c),
        JoinOperator::Left(c) | JoinOperator::LeftOuter(c) => (JoinKind::Left, c),
        JoinOperator::FullOuter(c) => (JoinKind::Full, c),
        JoinOperator::Semi(c) | JoinOperator::LeftSemi(c) => (JoinKind::Semi, c),
        JoinOperator::Anti(c) | JoinOperator::LeftAnti(c) => (JoinKind::Anti, c),
        _ => return None,
    })
}

/// Whether a condition on a source may be asked before the joins: not where unmatched rows of others stay.
fn filtered_early(source: usize, joins: &[Joining]) -> bool {
    let kept =
        |j: &Joining| matches!(j.kind, JoinKind::Inner | JoinKind::Left | JoinKind::Semi | JoinKind::Anti);
    let own = source.checked_sub(1).and_then(|i| joins.get(i));
    joins.iter().all(kept) && own.is_none_or(|j| j.kind == JoinKind::Inner)
}

/// The sources that a value reads.
fn sources_of(s: &Scalar, scope: Scope<'_>) -> Vec<usize> {
    let mut out = Vec::new();
    s.fields(&mut |f| out.extend(scope.split(&f.name).map(|(i, _)| i).filter(|_| f.names == Names::Column)));
    out.sort_unstable();
    out.dedup();
    out
}

/// The one source that a condition reads.
fn only_source(e: &Pred, scope: Scope<'_>) -> Option<usize> {
    let mut found = Vec::new();
    e.fields(&mut |f| found.push(scope.split(&f.name).map(|(i, _)| i)));
    let first = (*found.first()?)?;
    found.iter().all(|f| *f == Some(first)).then_some(first)
}

/// A source as it enters a join: its own conditions, then the columns that are read of it.
fn side(source: &Source, number: usize, own: Vec<Pred>, needed: &Needed, scope: Scope<'_>) -> Plan {
    let mut plan = source.plan.clone();
    if !own.is_empty() {
        plan = Plan::Filter(Box::new(plan), Pred::and(own));
    }
    let raw = Scope { form: Form::Raw(number), ..scope };
    let columns = needed.0.iter().filter_map(|name| {
        let (i, own) = scope.split(name)?;
        (i == number).then(|| (Arc::from(own), raw.of(number, own)))
    });
    Plan::Project(Box::new(plan), columns.collect())
}
