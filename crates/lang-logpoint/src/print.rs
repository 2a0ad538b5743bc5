//! IR to text, where LogPoint can say it; what cannot be said is refused with the reason.
//!
//! Reading what is printed gives the same plan. Field names are not translated: those of another scheme are
//! refused.

use shikra_event::Value;
use shikra_ir::said::{Said, refuse};
use shikra_ir::{
    Agg, AggFn, CmpOp, Coerce, Expr, Fold, LogSource, Multi, Names, Nulls, Op, Part, Pattern, Plan, Scalar,
    Sort, Test, Truth, Window, Words,
};

/// The text of a plan.
///
/// # Errors
/// What cannot be said.
pub fn print(plan: &Plan) -> Said {
    if let Some((source, expr)) = plan.single_event() {
        return events(source, &expr);
    }
    match plan {
        Plan::Union(all) => {
            let each = all.iter().map(|p| match p.single_event() {
                Some((source, expr)) => Ok(format!("({})", events(source, &expr)?)),
                None => refuse("a union of more than events"),
            });
            Ok(each.collect::<Said<Vec<_>>>()?.join(" OR "))
        }
        Plan::Filter(input, e) => Ok(format!("{}\n| search {}", print(input)?, condition(e, 0)?)),
        Plan::Limit(input, n) => Ok(format!("{}\n| limit {n}", print(input)?)),
        Plan::Sort(s) => Ok(format!("{}\n| order by {}", print(&s.input)?, order(s)?)),
        Plan::Agg(a) => Ok(format!("{}\n| {}", print(&a.input)?, chart(a)?)),
        Plan::Opaque(_, o) => refuse(format!("unsupported: {}", o.reason)),
        _ => refuse("an operator that LogPoint does not have"),
    }
}

/// `norm_id=x condition`.
fn events(source: &LogSource, e: &Expr) -> Said {
    if source.names != Names::LogPoint {
        return refuse(format!("a log source of the scheme {}", source.names.as_str()));
    }
    let mut parts = Vec::new();
    for (key, value) in source.keys.iter() {
        let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '*' | '-');
        if key != "norm_id" || value.is_empty() || value.starts_with('-') || !value.chars().all(word) {
            return refuse(format!("log source {key}={value}"));
        }
        parts.push(format!("norm_id={value}"));
    }
    if *e != Expr::TRUE && *e != Expr::And(vec![]) {
        parts.push(condition(e, 1)?);
    }
    Ok(parts.join(" "))
}

/// A condition; `above` is 0 where nothing joins it, 1 within a conjunction, 2 where it must stand as one.
fn condition(e: &Expr, above: u8) -> Said {
    let within = |text: String, loose: bool| if loose { text } else { format!("({text})") };
    match e {
        Expr::Named(_, e) => condition(e, above),
        Expr::And(v) if !v.is_empty() => {
            let parts = v.iter().map(|e| condition(e, 1)).collect::<Said<Vec<_>>>()?;
            Ok(within(parts.join(" "), above < 2))
        }
        Expr::Or(v) if !v.is_empty() => {
            let parts = v.iter().map(|e| condition(e, 2)).collect::<Said<Vec<_>>>()?;
            Ok(format!("({})", parts.join(" OR ")))
        }
        Expr::Not(e) => Ok(format!("-{}", condition(e, 2)?)),
        Expr::Test(t) => test(t),
        Expr::Const(Truth::True) => refuse("a condition that always holds"),
        Expr::Const(_) | Expr::And(_) | Expr::Or(_) => refuse("a condition that never holds"),
        Expr::Opaque(o) => refuse(format!("unsupported: {}", o.reason)),
    }
}

fn test(t: &Test) -> Said {
    if let (Scalar::AnyField, Op::Like(patterns)) = (&t.subject, &t.op) {
        plain(&t.words)?;
        let one = |p: &Pattern| match &*p.parts() {
            [Part::Any, inner @ .., Part::Any] => {
                quoted(&glob(&Pattern::new(inner.iter().map(Part::owned)))?)
            }
            _ => refuse("a keyword that is a whole value"),
        };
        let all = patterns.iter().map(one).collect::<Said<Vec<_>>>()?;
        return Ok(if all.len() == 1 { all.concat() } else { format!("({})", all.join(" OR ")) });
    }
    let field = field(&t.subject)?;
    match &t.op {
        Op::Like(patterns) => {
            plain(&t.words)?;
            let texts = patterns.iter().map(glob).collect::<Said<Vec<_>>>()?;
            if texts.iter().any(|t| t.parse::<ipnet::IpNet>().is_ok()) {
                return refuse("a text that LogPoint takes for a network");
            }
            let values = doubled_once(&texts)?.into_iter().map(quoted).collect::<Said<Vec<_>>>()?;
            Ok(match values.as_slice() {
                [one] => format!("{field}={one}"),
                all => format!("{field} IN [{}]", all.join(", ")),
            })
        }
        Op::Cidr(nets) => {
            plain(&t.words)?;
            let nets: Vec<String> = nets.iter().map(|n| format!("\"{n}\"")).collect();
            Ok(format!("{field} IN [{}]", nets.join(", ")))
        }
        Op::Compare(op, Scalar::Lit(v @ (Value::I64(_) | Value::F64(_)))) => {
            if t.words.coerce != Coerce::NumericIfBoth
                && !matches!(&t.subject, Scalar::Field(f) if f.names == Names::Column)
            {
                return refuse("an order of text and numbers");
            }
            if t.words.null == Nulls::Three {
                return refuse("three-valued logic");
            }
            match op {
                CmpOp::Eq | CmpOp::Ne => refuse("equality by number"),
                _ => Ok(format!("{field} {} {}", op.as_str(), shikra_ir::text::value(v))),
            }
        }
        Op::Exists => Ok(format!("{field}=*")),
        Op::IsNull => Ok(format!("-{field}=*")),
        Op::Regex(_) => refuse("a regular expression"),
        _ => refuse(format!("a comparison of {field} that LogPoint does not have")),
    }
}

/// Whether the words are LogPoint's own.
fn plain(words: &Words) -> Said<()> {
    match words {
        Words { fold: Fold::None, .. } => refuse("a comparison that heeds case"),
        Words { null: Nulls::Three, .. } => refuse("three-valued logic"),
        Words { multi, .. } if *multi != Multi::Any => refuse("a condition on all values of a field"),
        _ => Ok(()),
    }
}

fn field(s: &Scalar) -> Said {
    match s {
        Scalar::Field(f) if matches!(f.names, Names::LogPoint | Names::Column) => {
            let simple = f.name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'));
            let word = ["and", "or", "not", "in"].iter().any(|w| f.name.eq_ignore_ascii_case(w));
            if simple && !word && !f.name.is_empty() {
                Ok(f.name.to_string())
            } else {
                refuse(format!("field name {:?}", f.name))
            }
        }
        Scalar::Field(f) => refuse(format!("field {} of the scheme {}", f.name, f.names.as_str())),
        _ => refuse("a value that is computed"),
    }
}

fn glob(p: &Pattern) -> Said {
    let mut out = String::new();
    for part in p.parts().iter() {
        match part {
            Part::Any => out.push('*'),
            Part::One => out.push('?'),
            Part::Lit(s) if s.contains(['*', '?']) => {
                return refuse("a star or question mark that is no wildcard");
            }
            Part::Lit(s) => out.push_str(s),
        }
    }
    Ok(out)
}

/// Values without those that LogPoint adds of its own: behind one with doubled backslashes that with single ones.
fn doubled_once(texts: &[String]) -> Said<Vec<&str>> {
    let mut out = Vec::new();
    let mut rest = texts.iter().peekable();
    while let Some(text) = rest.next() {
        let added = super::lower::single(text);
        if added.is_some() && rest.next_if(|next| Some(*next) == added.as_ref()).is_none() {
            return refuse("a backslash that stands twice");
        }
        out.push(text.as_str());
    }
    Ok(out)
}

fn quoted(text: &str) -> Said {
    match (text.contains('"'), text.contains('\'')) {
        (false, _) => Ok(format!("\"{text}\"")),
        (true, false) => Ok(format!("'{text}'")),
        (true, true) => refuse("both kinds of quotes in one value"),
    }
}

fn order(s: &Sort) -> Said {
    let one = |k: &shikra_ir::SortKey| {
        Ok(format!("{}{}", field(&k.value)?, if k.descending { " desc" } else { " asc" }))
    };
    Ok(s.keys.iter().map(one).collect::<Said<Vec<_>>>()?.join(", "))
}

fn chart(a: &Agg) -> Said {
    let (command, every) = match a.window {
        Window::None => ("chart", String::new()),
        Window::Tumbling(n) if n % 1_000_000_000 == 0 => {
            ("timechart", format!(" every {} seconds", n / 1_000_000_000))
        }
        _ => return refuse("a sliding window"),
    };
    let column = |(name, f): &(std::sync::Arc<str>, AggFn)| {
        let call = aggregate(f)?;
        Ok(if *call == **name {
            call
        } else {
            format!("{call} as {}", field(&Scalar::field(Names::Column, name))?)
        })
    };
    let columns = a.columns.iter().map(column).collect::<Said<Vec<_>>>()?.join(", ");
    let keys = a.keys.iter().map(|k| field(&k.value)).collect::<Said<Vec<_>>>()?.join(", ");
    let by = if keys.is_empty() { String::new() } else { format!(" by {keys}") };
    Ok(format!("{command} {columns}{by}{every}"))
}

fn aggregate(f: &AggFn) -> Said {
    let of = |name: &str, s: &Scalar| {
        let inner = match s {
            Scalar::Call(c) if c.func.0.name == "number" => c.args.first().unwrap_or(s),
            other => other,
        };
        Ok(format!("{name}({})", field(inner)?))
    };
    match f {
        AggFn::Count => Ok("count()".into()),
        AggFn::CountOf(Scalar::Case(arms, None)) => match arms.as_slice() {
            [(e, Scalar::Lit(Value::I64(1)))] => {
                let text = condition(e, 0)?;
                // A quoted text alone would be the name of a field.
                let quoted = text.starts_with(['"', '\'']);
                Ok(if quoted { format!("count(({text}))") } else { format!("count({text})") })
            }
            _ => refuse("a count of computed values"),
        },
        AggFn::CountOf(s) => of("count", s),
        AggFn::CountDistinct(s) => of("distinct_count", s),
        AggFn::Values(s) => of("distinct_list", s),
        AggFn::List(s) => of("list", s),
        AggFn::Sum(s) => of("sum", s),
        AggFn::Avg(s) => of("avg", s),
        AggFn::Min(s) => of("min", s),
        AggFn::Max(s) => of("max", s),
        AggFn::Var(s) => of("var", s),
        other => refuse(format!("the aggregate {other:?}")),
    }
}
