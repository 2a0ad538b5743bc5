//! From the tree to a plan: FROM, WHERE, GROUP BY, HAVING, ORDER BY, SELECT, DISTINCT, LIMIT, in this order.
//!
//! A condition of WHERE that reads one table of a join only is asked of that table's events, so that no more rows
//! are joined than need be.

use std::collections::HashMap;
use std::sync::Arc;

use shikra_event::Value;
use shikra_ir::{
    Agg, AggFn, Dedup, Expr as Pred, Join, JoinKind, Key, Names, Opaque, Plan, Scalar, Sort, SortKey, Window,
};
use shikra_syntax::{Diagnostic, Span};
use sqlparser::ast::{
    self, BinaryOperator, Distinct, Expr, GroupByExpr, LimitClause, OrderByKind, Query, Select, SelectItem,
    SetExpr, SetOperator, SetQuantifier, Spanned,
};

use crate::call;
use crate::expr::{Place, chain};
use crate::parse::Positions;
use crate::scope::{Form, Scope, Source, column};

/// A query being lowered.
pub(crate) struct Lower<'a> {
    pub at: &'a Positions<'a>,
    pub diagnostics: Vec<Diagnostic>,
    /// Some part is opaque.
    pub unsupported: bool,
    /// Tables of WITH.
    named: HashMap<String, Arc<Lowered>>,
    /// Operators of those that were read, as often as they were.
    repeated: usize,
    depth: usize,
}

/// A plan and the columns it makes; none where they are those of events.
#[derive(Clone, Debug)]
pub(crate) struct Lowered {
    pub plan: Plan,
    pub columns: Option<Vec<Arc<str>>>,
}

/// Expressions that grouping has made columns of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups {
    keys: Vec<Expr>,
    aggregates: Vec<Expr>,
}

impl Groups {
    /// The column that an expression is after grouping.
    pub fn column_of(&self, e: &Expr) -> Option<Scalar> {
        let at = |list: &[Expr]| list.iter().position(|k| k == e);
        let key = at(&self.keys).map(key_name);
        key.or_else(|| at(&self.aggregates).map(aggregate_name)).map(|n| column(&n))
    }
}

// Names that no field has, so that none is hidden by them.
fn key_name(i: usize) -> String {
    format!("key#{i}")
}

fn aggregate_name(i: usize) -> String {
    format!("aggregate#{i}")
}

/// Operators of tables that WITH names, counted each time that one is read: where each is made of the one before
/// twice, they would be 2 to the power of their number.
const MAX_REPEATED: usize = 5000;
/// Subqueries in one another.
const MAX_QUERIES: usize = 24;

impl<'a> Lower<'a> {
    pub fn new(at: &'a Positions<'a>) -> Lower<'a> {
        Lower {
            at,
            diagnostics: Vec::new(),
            unsupported: false,
            named: HashMap::new(),
            repeated: 0,
            depth: 0,
        }
    }

    pub fn say(&mut self, d: Diagnostic) {
        if !self.diagnostics.contains(&d) {
            self.diagnostics.push(d);
        }
    }

    /// A table that WITH names, in lower case, for a query to read.
    pub fn named_table(&mut self, name: &str, span: Span) -> Option<Lowered> {
        let known = self.named.get(name)?.clone();
        self.repeated += known.plan.operators();
        if self.repeated > MAX_REPEATED {
            return Some(self.opaque_plan("tables of WITH that are read so often", span));
        }
        Some(Lowered::clone(&known))
    }

    fn opaque_plan(&mut self, reason: &str, span: Span) -> Lowered {
        self.unsupported = true;
        self.say(Diagnostic::warning("unsupported", reason, span));
        Lowered { plan: Plan::Opaque(None, Opaque { reason: reason.into(), span }), columns: Some(vec![]) }
    }

    pub fn query(&mut self, q: &Query) -> Lowered {
        let span = self.at.span(q.span());
        if self.depth >= MAX_QUERIES {
            return self.opaque_plan("subqueries nested too deeply", span);
        }
        self.depth += 1;
        let outer = self.named.clone();
        for cte in q.with.iter().flat_map(|w| &w.cte_tables) {
            let made = self.query(&cte.query);
            self.named.insert(cte.alias.name.value.to_ascii_lowercase(), made.into());
        }
        let made = self.ordered(q, span);
        self.named = outer;
        self.depth -= 1;
        made
    }

    fn ordered(&mut self, q: &Query, span: Span) -> Lowered {
        if !q.pipe_operators.is_empty() || q.fetch.is_some() {
            return self.opaque_plan("pipe operators and FETCH", span);
        }
        let order = match &q.order_by {
            None => vec![],
            Some(o) => match &o.kind {
                OrderByKind::Expressions(v) => v.clone(),
                OrderByKind::All(_) => return self.opaque_plan("ORDER BY ALL", span),
            },
        };
        let Lowered { mut plan, columns } = match &*q.body {
            SetExpr::Select(s) => self.select(s, &order),
            other => {
                let made = self.set(other, span);
                self.sorted_set(made, &order)
            }
        };
        match &q.limit_clause {
            None => {}
            Some(LimitClause::LimitOffset { limit, offset: None, limit_by }) if limit_by.is_empty() => {
                match limit.as_ref().map(|e| self.constant(e)) {
                    None => {}
                    Some(Some(n)) => plan = Plan::Limit(Box::new(plan), n),
                    Some(None) => return self.opaque_plan("LIMIT that is no number", span),
                }
            }
            Some(_) => return self.opaque_plan("OFFSET", span),
        }
        Lowered { plan, columns }
    }

    fn constant(&mut self, e: &Expr) -> Option<u64> {
        let scope = Scope { sources: &[], form: Form::Whole };
        match self.scalar(e, Place { scope, groups: None, depth: 0 }) {
            Scalar::Lit(Value::I64(n)) => u64::try_from(n).ok(),
            _ => None,
        }
    }

    /// UNION, EXCEPT, INTERSECT, a query in parentheses.
    fn set(&mut self, body: &SetExpr, span: Span) -> Lowered {
        match body {
            SetExpr::Select(s) => self.select(s, &[]),
            SetExpr::Query(q) => self.query(q),
            SetExpr::SetOperation { left, op, set_quantifier, right } => {
                if self.depth >= MAX_QUERIES {
                    return self.opaque_plan("set operations nested too deeply", span);
                }
                self.depth += 1;
                let (l, r) = (self.set(left, span), self.set(right, span));
                self.depth -= 1;
                self.combined(*op, *set_quantifier, l, r, span)
            }
            _ => self.opaque_plan("only SELECT", span),
        }
    }

    fn combined(
        &mut self,
        op: SetOperator,
        how: SetQuantifier,
        l: Lowered,
        r: Lowered,
        span: Span,
    ) -> Lowered {
        let (Some(names), Some(others)) = (l.columns.clone(), r.columns.clone()) else {
            return self.opaque_plan("set operations over SELECT *", span);
        };
        if names.len() != others.len() {
            let message = format!("{} columns on one side, {} on the other", names.len(), others.len());
            self.say(Diagnostic::error("set-columns", message, span));
        }
        // Columns go by position; the left side names them.
        let renamed = names.iter().zip(&others).map(|(n, o)| (n.clone(), column(o))).collect();
        let right = Box::new(Plan::Project(Box::new(r.plan), renamed));
        let all = matches!(how, SetQuantifier::All);
        let columns: Vec<Scalar> = names.iter().map(|n| column(n)).collect();
        let plan = match op {
            SetOperator::Union => Plan::Union(vec![l.plan, *right]),
            _ if all => return self.opaque_plan("EXCEPT ALL and INTERSECT ALL", span),
            SetOperator::Except | SetOperator::Minus => {
                let keys = columns.iter().map(|c| (c.clone(), c.clone())).collect();
                Plan::Except(Box::new(l.plan), right, keys)
            }
            SetOperator::Intersect => Plan::Join(Join {
                kind: JoinKind::Semi,
                left: (Arc::from(""), Box::new(l.plan)),
                right: (Arc::from(""), right),
                keys: columns.iter().map(|c| (c.clone(), c.clone())).collect(),
                time: None,
                on: None,
                most: None,
            }),
        };
        let plan = if all { plan } else { distinct(plan, columns) };
        Lowered { plan, columns: Some(names) }
    }

    fn sorted_set(&mut self, made: Lowered, order: &[ast::OrderByExpr]) -> Lowered {
        let source =
            Source { name: Arc::from(""), plan: Plan::Table(String::new()), columns: made.columns.clone() };
        let scope = Scope { sources: std::slice::from_ref(&source), form: Form::Whole };
        let keys = self.sort_keys(order, &[], Place { scope, groups: None, depth: 0 });
        Lowered { plan: sorted(made.plan, keys), ..made }
    }

    fn select(&mut self, s: &Select, order: &[ast::OrderByExpr]) -> Lowered {
        let span = self.at.span(s.span());
        if let Some(what) = unsupported_clause(s) {
            return self.opaque_plan(what, span);
        }
        let Some(mut from) = self.from(&s.from, span) else { return self.opaque_plan("FROM", span) };
        let mut rest = Vec::new();
        if let Some(w) = &s.selection {
            for e in chain(w, &BinaryOperator::And) {
                match e {
                    Expr::InSubquery { expr, subquery, negated } => {
                        from.memberships.push((expr.clone(), subquery.clone(), *negated));
                    }
                    other => rest.push(other),
                }
            }
        }
        let items = self.items(s, &from.sources);
        let aliases = aliases(s);
        let (keys, aggregates) = (self.group_keys(s, &aliases), find_aggregates(s, order));
        let grouped = !keys.is_empty() || !aggregates.is_empty();
        let groups = Groups { keys, aggregates };
        let sources = std::mem::take(&mut from.sources);
        let scope = Scope { sources: &sources, form: Form::Whole };
        let before = Place { scope, groups: None, depth: 0 };
        let after = Place { groups: grouped.then_some(&groups), ..before };

        let mut filters: Vec<Pred> = rest.iter().map(|e| self.predicate(e, before)).collect();
        let agg = grouped.then(|| self.grouping(&groups, before));
        let having = s.having.as_ref().map(|h| self.predicate(&substituted(h, &aliases), after));
        let sort = self.sort_keys(order, &aliases, after);
        let output: Option<Vec<(Arc<str>, Scalar)>> =
            items.map(|v| named(v.iter().map(|(n, e)| (n.clone(), self.scalar(e, after))).collect()));
        let members = self.memberships(&from.memberships, before);

        let mut needed = Needed::default();
        filters.iter().for_each(|f| needed.expr(f));
        if let Some(a) = &agg {
            a.keys.iter().for_each(|k| needed.scalar(&k.value));
            a.columns.iter().for_each(|(_, f)| needed.aggregate(f));
        }
        sort.iter().for_each(|k| needed.scalar(&k.value));
        output.iter().flatten().for_each(|(_, s)| needed.scalar(s));
        members.iter().for_each(|(s, ..)| needed.scalar(s));

        let mut plan = self.joined(&sources, &from.joins, &rest, &mut filters, needed);
        if !filters.is_empty() {
            plan = Plan::Filter(Box::new(plan), Pred::and(filters));
        }
        for (value, wanted, kind) in members {
            plan = semi(plan, value, wanted, kind);
        }
        if let Some(agg) = agg {
            plan = Plan::Agg(Agg { input: Box::new(plan), ..agg });
        }
        if let Some(h) = having {
            plan = Plan::Filter(Box::new(plan), h);
        }
        plan = sorted(plan, sort);
        let Some(output) = output else {
            let columns = match sources.as_slice() {
                [one] => one.columns.clone(),
                _ => None,
            };
            return Lowered { plan, columns };
        };
        let columns: Vec<Arc<str>> = output.iter().map(|(n, _)| n.clone()).collect();
        plan = Plan::Project(Box::new(plan), output);
        if matches!(s.distinct, Some(Distinct::Distinct)) {
            plan = distinct(plan, columns.iter().map(|n| column(n)).collect());
        }
        Lowered { plan, columns: Some(columns) }
    }

    /// The columns of SELECT with their names; none for `*` over events.
    fn items(&mut self, s: &Select, sources: &[Source]) -> Option<Vec<(Arc<str>, Expr)>> {
        let mut out = Vec::new();
        for item in &s.projection {
            match item {
                SelectItem::UnnamedExpr(e) => out.push((Arc::from(name_of(e)), e.clone())),
                SelectItem::ExprWithAlias { expr, alias } => {
                    out.push((Arc::from(alias.value.as_str()), expr.clone()));
                }
                SelectItem::Wildcard(_) => {
                    for source in sources {
                        out.extend(all_columns(source)?);
                    }
                }
                SelectItem::QualifiedWildcard(kind, _) => {
                    let name = kind.to_string();
                    let fits = |s: &&Source| s.name.eq_ignore_ascii_case(name.trim_matches('`'));
                    out.extend(all_columns(sources.iter().find(fits)?)?);
                }
                SelectItem::ExprWithAliases { expr, .. } => {
                    let span = self.at.span(expr.span());
                    self.say(Diagnostic::error("syntax", "several names for one column", span));
                }
            }
        }
        Some(out)
    }

    fn group_keys(&mut self, s: &Select, aliases: &[(String, Expr)]) -> Vec<Expr> {
        let GroupByExpr::Expressions(keys, modifiers) = &s.group_by else { return vec![] };
        if !modifiers.is_empty() {
            let span = self.at.span(s.span());
            self.opaque("GROUP BY with ROLLUP or CUBE", span);
        }
        let nth = |e: &Expr| match e {
            Expr::Value(v) => match &v.value {
                ast::Value::Number(n, _) => match s
                    .projection
                    .get(n.parse::<usize>().ok()?.checked_sub(1)?)?
                {
                    SelectItem::UnnamedExpr(e) | SelectItem::ExprWithAlias { expr: e, .. } => Some(e.clone()),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        };
        keys.iter().map(|k| nth(k).unwrap_or_else(|| substituted(k, aliases))).collect()
    }

    fn grouping(&mut self, groups: &Groups, p: Place<'_>) -> Agg {
        let key = |(i, e): (usize, &Expr)| Key {
            name: Arc::from(key_name(i)),
            value: self.scalar(e, p),
            optional: true,
        };
        let keys = groups.keys.iter().enumerate().map(key).collect();
        let mut columns = Vec::new();
        for (i, e) in groups.aggregates.iter().enumerate() {
            let Expr::Function(f) = e else { continue };
            let made = self.aggregate(f, p);
            if made.is_none() {
                let span = self.at.span(e.span());
                self.opaque(format!("the aggregate {e}"), span);
            }
            let made = made.unwrap_or_else(|| AggFn::Other(call::name(f), vec![]));
            columns.push((Arc::from(aggregate_name(i)), made));
        }
        Agg { input: Box::new(Plan::Table(String::new())), keys, columns, window: Window::None }
    }

    fn sort_keys(
        &mut self,
        order: &[ast::OrderByExpr],
        aliases: &[(String, Expr)],
        p: Place<'_>,
    ) -> Vec<SortKey> {
        let key = |o: &ast::OrderByExpr| {
            let descending = o.options.sort.as_ref().is_some_and(|s| matches!(s, ast::OrderBySort::Desc));
            SortKey {
                value: self.scalar(&substituted(&o.expr, aliases), p),
                descending,
                nulls_first: o.options.nulls_first.unwrap_or(!descending),
            }
        };
        order.iter().map(key).collect()
    }

    /// `x IN (SELECT …)` and its negation: value, the other rows with their column, kind of join.
    fn memberships(
        &mut self,
        all: &[(Box<Expr>, Box<Query>, bool)],
        p: Place<'_>,
    ) -> Vec<(Scalar, (Plan, Scalar), JoinKind)> {
        let mut out = Vec::new();
        for (e, q, negated) in all {
            let value = self.scalar(e, p);
            let inner = self.query(q);
            let span = self.at.span(q.span());
            let Some([name]) = inner.columns.as_deref() else {
                self.opaque("IN over a subquery with more than one column", span);
                continue;
            };
            let kind = if *negated { JoinKind::Anti } else { JoinKind::Semi };
            out.push((value, (inner.plan, column(name)), kind));
        }
        out
    }
}

fn semi(plan: Plan, value: Scalar, (rows, wanted): (Plan, Scalar), kind: JoinKind) -> Plan {
    Plan::Join(Join {
        kind,
        left: (Arc::from(""), Box::new(plan)),
        right: (Arc::from(""), Box::new(rows)),
        keys: vec![(value, wanted)],
        time: None,
        on: None,
        most: None,
    })
}

/// Clauses of Hive and others that have no counterpart here.
fn unsupported_clause(s: &Select) -> Option<&'static str> {
    let clauses = [
        (!s.lateral_views.is_empty(), "LATERAL VIEW"),
        (s.top.is_some(), "TOP"),
        (s.into.is_some(), "INTO"),
        (s.qualify.is_some(), "QUALIFY"),
        (!s.connect_by.is_empty(), "CONNECT BY"),
        (matches!(s.distinct, Some(Distinct::On(_))), "DISTINCT ON"),
        (matches!(s.group_by, GroupByExpr::All(_)), "GROUP BY ALL"),
        (s.projection.is_empty(), "FROM without SELECT"),
    ];
    clauses.into_iter().find(|(there, _)| *there).map(|(_, what)| what)
}

fn sorted(plan: Plan, keys: Vec<SortKey>) -> Plan {
    if keys.is_empty() { plan } else { Plan::Sort(Sort { input: Box::new(plan), keys }) }
}

fn distinct(plan: Plan, keys: Vec<Scalar>) -> Plan {
    Plan::Dedup(Dedup { input: Box::new(plan), keys, keep: 1 })
}

fn all_columns(source: &Source) -> Option<Vec<(Arc<str>, Expr)>> {
    let ident = |name: &str| ast::Ident::with_quote('`', name);
    let one = |c: &Arc<str>| (c.clone(), Expr::CompoundIdentifier(vec![ident(&source.name), ident(c)]));
    Some(source.columns.as_ref()?.iter().map(one).collect())
}

/// The name of a column that is given none: a column's own, else the expression's text.
fn name_of(e: &Expr) -> String {
    match e {
        Expr::Identifier(i) => i.value.clone(),
        Expr::CompoundIdentifier(v) => v.last().map(|i| i.value.clone()).unwrap_or_default(),
        Expr::CompoundFieldAccess { access_chain, .. } => match access_chain.last() {
            Some(ast::AccessExpr::Dot(Expr::Value(v))) => v.value.clone().into_string().unwrap_or_default(),
            _ => e.to_string(),
        },
        other => other.to_string(),
    }
}

/// Columns of equal names are told apart by number.
fn named(columns: Vec<(Arc<str>, Scalar)>) -> Vec<(Arc<str>, Scalar)> {
    let mut out: Vec<(Arc<str>, Scalar)> = Vec::new();
    for (name, s) in columns {
        let mut unique = name.clone();
        let mut n = 1;
        while out.iter().any(|(o, _)| *o == unique) {
            n += 1;
            unique = Arc::from(format!("{name}_{n}"));
        }
        out.push((unique, s));
    }
    out
}

fn aliases(s: &Select) -> Vec<(String, Expr)> {
    let alias = |i: &SelectItem| match i {
        SelectItem::ExprWithAlias { expr, alias } => Some((alias.value.clone(), expr.clone())),
        _ => None,
    };
    s.projection.iter().filter_map(alias).collect()
}

/// An expression with the names that SELECT gives to columns replaced by what they name, at its top and one level
/// beneath: `n`, `n > 3`, `n DESC`.
fn substituted(e: &Expr, aliases: &[(String, Expr)]) -> Expr {
    let known = |e: &Expr| match e {
        Expr::Identifier(i) => aliases.iter().find(|(n, _)| *n == i.value).map(|(_, e)| e.clone()),
        _ => None,
    };
    if let Some(found) = known(e) {
        return found;
    }
    match e {
        Expr::BinaryOp { left, op, right } => Expr::BinaryOp {
            left: Box::new(substituted(left, aliases)),
            op: op.clone(),
            right: Box::new(substituted(right, aliases)),
        },
        Expr::Nested(inner) => Expr::Nested(Box::new(substituted(inner, aliases))),
        other => other.clone(),
    }
}

/// The aggregates of SELECT, HAVING and ORDER BY, each once.
fn find_aggregates(s: &Select, order: &[ast::OrderByExpr]) -> Vec<Expr> {
    let mut out = Vec::new();
    for item in &s.projection {
        if let SelectItem::UnnamedExpr(e) | SelectItem::ExprWithAlias { expr: e, .. } = item {
            aggregates_in(e, &mut out, 0);
        }
    }
    s.having.iter().for_each(|h| aggregates_in(h, &mut out, 0));
    order.iter().for_each(|o| aggregates_in(&o.expr, &mut out, 0));
    let mut once: Vec<Expr> = Vec::new();
    for e in out {
        if !once.contains(&e) {
            once.push(e);
        }
    }
    once
}

fn aggregates_in(e: &Expr, out: &mut Vec<Expr>, depth: usize) {
    if depth > 200 {
        return;
    }
    let mut each = |e: &Expr| aggregates_in(e, out, depth + 1);
    match e {
        Expr::Function(f) if call::aggregates(f) => out.push(e.clone()),
        Expr::Function(f) => call::arguments(f).into_iter().flatten().for_each(each),
        Expr::BinaryOp { left, right, .. } => {
            each(left);
            each(right);
        }
        Expr::Nested(x)
        | Expr::UnaryOp { expr: x, .. }
        | Expr::Cast { expr: x, .. }
        | Expr::IsNull(x)
        | Expr::IsNotNull(x)
        | Expr::Like { expr: x, .. }
        | Expr::RLike { expr: x, .. }
        | Expr::InList { expr: x, .. }
        | Expr::Ceil { expr: x, .. }
        | Expr::Floor { expr: x, .. }
        | Expr::CompoundFieldAccess { root: x, .. } => each(x),
        Expr::Between { expr, low, high, .. } => [expr, low, high].into_iter().for_each(|e| each(e)),
        Expr::Case { operand, conditions, else_result, .. } => {
            operand.iter().chain(else_result).for_each(|e| each(e));
            conditions.iter().for_each(|c| {
                each(&c.condition);
                each(&c.result);
            });
        }
        _ => {}
    }
}

/// Qualified columns that are read after the tables have been joined.
#[derive(Default)]
pub(crate) struct Needed(pub Vec<Arc<str>>);

impl Needed {
    fn add(&mut self, f: &shikra_ir::FieldRef) {
        if f.names == Names::Column && !self.0.contains(&f.name) {
            self.0.push(f.name.clone());
        }
    }
    pub fn expr(&mut self, e: &Pred) {
        e.fields(&mut |f| self.add(f));
    }
    pub fn scalar(&mut self, s: &Scalar) {
        s.fields(&mut |f| self.add(f));
    }
    fn aggregate(&mut self, f: &AggFn) {
        use AggFn::{
            Avg, Count, CountDistinct, CountOf, Earliest, First, Last, Latest, List, Max, Median, Min, Mode,
            Other, Percentile, StdDev, Sum, Values, Var,
        };
        match f {
            Count => {}
            Other(_, args) => args.iter().for_each(|s| self.scalar(s)),
            CountOf(s)
            | CountDistinct(s)
            | Sum(s)
            | Avg(s)
            | Min(s)
            | Max(s)
            | Median(s)
            | Percentile(s, _)
            | StdDev(s)
            | Var(s)
            | Earliest(s)
            | Latest(s)
            | First(s)
            | Last(s)
            | Values(s)
            | List(s)
            | Mode(s) => {
                self.scalar(s);
            }
        }
    }
}
