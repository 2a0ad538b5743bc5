//! Plans back to rule types: the query's plan, and what a rule's file says beside the query. The other direction of
//! [`super::types`].

use std::fmt::Write as _;

use shikra_event::Value;
use shikra_ir::{
    Agg, AggFn, CmpOp, Duration, Expr, Join, JoinKind, Names, Op, Plan, Scalar, TimeBound, Window,
};
use shikra_lang_kql as kql;

/// What a rule's file says of a plan.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Written<'p> {
    /// The plan that the query says.
    pub input: &'p Plan,
    /// `threshold`, `new_terms`, `threat_match`; none where the query's language says it.
    pub kind: Option<&'static str>,
    /// How far back a run looks, in nanoseconds, where that is part of the plan.
    pub from: Option<Duration>,
    /// Lines of the table `[rule]`.
    pub lines: String,
    /// Tables below it.
    pub tables: String,
}

/// The rule type of a plan, and its query.
pub(crate) fn written(plan: &Plan) -> Written<'_> {
    threshold(plan).or_else(|| new_terms(plan)).or_else(|| threat_match(plan)).unwrap_or(Written {
        input: plan,
        kind: None,
        from: None,
        lines: String::new(),
        tables: String::new(),
    })
}

/// The index patterns of a plan's log sources, where all have the same.
pub(crate) fn indices(plan: &Plan) -> Option<&[String]> {
    let mut all: Option<&[String]> = None;
    let mut open = vec![plan];
    while let Some(p) = open.pop() {
        if let Plan::Scan(s) = p {
            if all.is_some_and(|a| a != s.indices) {
                return None;
            }
            all = Some(&s.indices);
        }
        open.extend(p.children());
    }
    all.filter(|a| !a.is_empty())
}

fn field(s: &Scalar) -> Option<&str> {
    match s {
        Scalar::Field(f) if f.names == Names::Ecs => Some(&f.name),
        _ => None,
    }
}

/// A distance from the present: `now-9m`.
pub(crate) fn ago(nanoseconds: Duration) -> Option<String> {
    const UNITS: &[(i64, &str)] = &[(86_400, "d"), (3600, "h"), (60, "m"), (1, "s")];
    let seconds = nanoseconds / 1_000_000_000;
    let (n, unit) = UNITS.iter().find(|(n, _)| seconds % n == 0)?;
    (nanoseconds % 1_000_000_000 == 0).then(|| format!("now-{}{unit}", seconds / n))
}

fn threshold(plan: &Plan) -> Option<Written<'_>> {
    let Plan::Filter(agg, conditions) = plan else { return None };
    let Plan::Agg(Agg { input, keys, columns, window: Window::Held(from) }) = &**agg else { return None };
    let fields: Option<Vec<String>> =
        keys.iter().map(|k| field(&k.value).filter(|f| **f == *k.name && !k.optional).map(quoted)).collect();
    let conditions = match conditions {
        Expr::And(v) => v.as_slice(),
        one => std::slice::from_ref(one),
    };
    if conditions.len() != columns.len() {
        return None;
    }
    let mut tables = String::new();
    for ((name, f), e) in columns.iter().zip(conditions) {
        let least = at_least(e, name)?;
        match f {
            AggFn::Count if tables.is_empty() => {
                let _ = write!(
                    tables,
                    "\n[rule.threshold]\nfield = [{}]\nvalue = {least}\n",
                    fields.as_ref()?.join(", ")
                );
            }
            AggFn::CountDistinct(of) if !tables.is_empty() => {
                let of = quoted(field(of)?);
                let _ = write!(tables, "\n[[rule.threshold.cardinality]]\nfield = {of}\nvalue = {least}\n");
            }
            _ => return None,
        }
    }
    Some(Written { input, kind: Some("threshold"), from: Some(*from), lines: String::new(), tables })
}

/// The number that a column must reach.
fn at_least(e: &Expr, column: &str) -> Option<i64> {
    let Expr::Test(t) = e else { return None };
    match (&t.subject, &t.op) {
        (Scalar::Field(f), Op::Compare(CmpOp::Ge, Scalar::Lit(Value::I64(n))))
            if f.names == Names::Column && *f.name == *column =>
        {
            Some(*n)
        }
        _ => None,
    }
}

fn new_terms(plan: &Plan) -> Option<Written<'_>> {
    let Plan::Join(Join { kind: JoinKind::Anti, left, right, keys, time, on: None, most: None }) = plan
    else {
        return None;
    };
    let Some(TimeBound { least: Some(window), most: Some(-1) }) = time else { return None };
    if left.1 != right.1 || (&*left.0, &*right.0) != ("new", "known") {
        return None;
    }
    let fields: Option<Vec<String>> =
        keys.iter().map(|(a, b)| field(a).filter(|_| a == b).map(quoted)).collect();
    let start = quoted(&ago(-window)?);
    let tables = format!(
        "\n[rule.new_terms]\nfield = \"new_terms_fields\"\nvalue = [{}]\n\n[[rule.new_terms.history_window_start]]\n\
         field = \"history_window_start\"\nvalue = {start}\n",
        fields?.join(", ")
    );
    Some(Written { input: &left.1, kind: Some("new_terms"), from: None, lines: String::new(), tables })
}

fn threat_match(plan: &Plan) -> Option<Written<'_>> {
    let Plan::Join(Join { kind: JoinKind::Semi, left, right, keys, time: None, on: None, most: None }) = plan
    else {
        return None;
    };
    let ([(event, indicator)], ("event", "indicator")) = (keys.as_slice(), (&*left.0, &*right.0)) else {
        return None;
    };
    let (names, query) = match &*right.1 {
        Plan::Table(names) => (names, None),
        Plan::Filter(table, e) => match &**table {
            Plan::Table(names) => (names, Some(e)),
            _ => return None,
        },
        _ => return None,
    };
    let mut tables = String::new();
    for alternative in mapping(event, indicator)? {
        tables.push_str("\n[[rule.threat_mapping]]\n");
        for (event, indicator) in alternative {
            let _ = write!(
                tables,
                "\n[[rule.threat_mapping.entries]]\nfield = {}\ntype = \"mapping\"\nvalue = {}\n",
                quoted(event),
                quoted(indicator)
            );
        }
    }
    let index: Vec<String> = names.split(',').map(quoted).collect();
    let mut lines = format!("threat_index = [{}]\n", index.join(", "));
    let query = match query {
        Some(e) => {
            let options = kql::Options { types: kql::Types::ecs(), ..kql::Options::default() };
            kql::print(e, &options).ok()?
        }
        None => "*:*".into(),
    };
    let _ = write!(lines, "threat_language = \"kuery\"\nthreat_query = {}\n", quoted(&query));
    Some(Written { input: &left.1, kind: Some("threat_match"), from: None, lines, tables })
}

/// Fields of the event and of the indicator that must be equal, by alternative.
fn mapping<'p>(event: &'p Scalar, indicator: &'p Scalar) -> Option<Vec<Vec<(&'p str, &'p str)>>> {
    if let (Some(a), Some(b)) = (field(event), field(indicator)) {
        return Some(vec![vec![(a, b)]]);
    }
    let args = |s: &'p Scalar, func: &str| match s {
        Scalar::Call(c) if c.func.0.name == func => Some(c.args.as_slice()),
        _ => None,
    };
    let each = args(event, "list")?.iter().zip(args(indicator, "list")?);
    each.map(|(a, b)| {
        let fields = |s| Some(args(s, "concat")?.iter().filter_map(field).collect::<Vec<&str>>());
        Some(fields(a)?.into_iter().zip(fields(b)?).collect())
    })
    .collect()
}

fn quoted(text: &str) -> String {
    crate::convert::toml(text)
}
