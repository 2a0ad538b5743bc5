//! Keys of joins and sequences that events of one side do not have: they never meet.

use shikra_ir::{Expr, FieldRef, LogSource, Names, Plan, Scalar};
use shikra_syntax::{Diagnostic, Span};
use shikra_taxonomy::Taxonomy;

/// Looks at every join and sequence of a plan.
pub(super) fn lint(plan: &Plan, taxonomy: &Taxonomy, head: Span, out: &mut Vec<Diagnostic>) {
    let mut check = |keys: &[&Scalar], of: &Plan, what: &str| {
        for field in keys.iter().filter_map(|k| field(k)) {
            if lacks(of, field, taxonomy) {
                let message = format!("{what} has no {}: as a key it never meets another", field.name);
                out.push(Diagnostic::warning("absent-key", message, head));
            }
        }
    };
    match plan {
        Plan::Join(j) => {
            let (left, right): (Vec<&Scalar>, Vec<&Scalar>) = j.keys.iter().map(|(a, b)| (a, b)).unzip();
            check(&left, &j.left.1, "the first side of the join");
            check(&right, &j.right.1, "the second side of the join");
        }
        Plan::Seq(s) => {
            let shared = s.keys.iter().filter(|k| !k.optional);
            let shared: Vec<&Scalar> = shared.map(|k| &k.value).collect();
            for (i, stage) in s.stages.iter().enumerate().filter(|(_, t)| !t.absent) {
                let own = stage.keys.iter().filter(|k| !k.optional).map(|k| &k.value);
                let keys: Vec<&Scalar> = shared.iter().copied().chain(own).collect();
                check(&keys, &stage.plan, &format!("stage {} of the sequence", i + 1));
            }
        }
        Plan::Set(s) => {
            for member in &s.members {
                let keys: Vec<&Scalar> =
                    member.keys.iter().filter(|k| !k.optional).map(|k| &k.value).collect();
                check(&keys, &member.plan, &format!("`{}`", member.name));
            }
        }
        _ => {}
    }
    plan.children().into_iter().for_each(|p| lint(p, taxonomy, head, out));
}

/// The field of the events that a key is.
fn field(key: &Scalar) -> Option<&FieldRef> {
    match key {
        Scalar::Field(f) if !matches!(f.names, Names::Column | Names::Raw) => Some(f),
        _ => None,
    }
}

/// Whether it is known that no event of a side has a field. A side that makes columns of its own may.
fn lacks(side: &Plan, field: &FieldRef, taxonomy: &Taxonomy) -> bool {
    let absent = |(source, _): &(&LogSource, Expr)| {
        !source.is_any() && taxonomy.can_have(source, field) == Some(false)
    };
    side.single_events().is_some_and(|all| !all.is_empty() && all.iter().all(absent))
}

#[cfg(test)]
mod tests {
    use shikra_ir::{Join, JoinKind};

    use super::*;

    #[test]
    fn a_key_that_one_side_lacks() {
        let side = |category: &str| {
            let keys = [("product", "windows"), ("category", category)];
            ("".into(), Box::new(Plan::Scan(LogSource::with_keys(Names::Sigma, keys))))
        };
        let told = |key: &str| {
            let key = Scalar::field(Names::Sigma, key);
            let (left, right) = (side("create_remote_thread"), side("pipe_created"));
            let keys = vec![(key.clone(), key)];
            let join = Join { kind: JoinKind::Inner, left, right, keys, time: None, on: None, most: None };
            let mut out = Vec::new();
            lint(&Plan::Join(join), &Taxonomy::embedded(), Span::default(), &mut out);
            out.into_iter().map(|d| d.message).collect::<Vec<String>>()
        };
        let lacks = "the second side of the join has no StartAddress: as a key it never meets another";
        assert_eq!(told("StartAddress"), [lacks]);
        assert_eq!(told("UtcTime"), Vec::<String>::new());
    }
}
