//! What will never work, told from the IR and the taxonomy: for rules of every language.

mod address;
mod keys;
mod tags;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use shikra_ir::{
    Expr, FieldRef, LoadStatus, LogSource, Names, Op, Plan, Rule, Scalar, Test, Truth, eval, text,
};
use shikra_syntax::{Diagnostic, Span};
use shikra_taxonomy::Taxonomy;

pub use tags::lint_tags;

/// Everything there is to say of a rule by itself. Rejected rules have been told why already.
pub fn lint(rule: &Rule, taxonomy: &Taxonomy) -> Vec<Diagnostic> {
    let mut out = Vec::new();
    let head = head(rule);
    if rule.meta.title.is_empty() {
        out.push(Diagnostic::warning("missing-title", "no title", head));
    }
    if rule.meta.id.starts_with("x-") {
        let message = "no id: findings carry a hash of the file's name and the place of the rule in it";
        out.push(Diagnostic::note("missing-id", message, head));
    }
    if rule.status != LoadStatus::Rejected {
        walk(&rule.plan, taxonomy, head, &mut out);
        keys::lint(&rule.plan, taxonomy, head, &mut out);
    }
    let mut seen = BTreeSet::new();
    out.retain(|d| seen.insert((d.code, d.message.clone())));
    out
}

/// What there is to say of rules beside one another: ids that several have, unless they are the documents of one
/// collection. The position in `rules`, and what to say.
pub fn lint_set(rules: &[Rule]) -> Vec<(usize, Diagnostic)> {
    let mut first: BTreeMap<&str, &Rule> = BTreeMap::new();
    let mut out = Vec::new();
    for (at, rule) in rules.iter().enumerate() {
        let known = first.entry(&rule.meta.id).or_insert(rule);
        if known.meta.path != rule.meta.path {
            let message =
                format!("id {} is also that of {:?} in {}", rule.meta.id, known.meta.title, known.meta.path);
            out.push((at, Diagnostic::warning("duplicate-id", message, head(rule))));
        }
    }
    out
}

/// The first line of a rule.
fn head(rule: &Rule) -> Span {
    let span = rule.meta.span;
    // A rule's text ends with its own document, whatever comes before it.
    let own = rule.meta.text.len().saturating_sub(span.end - span.start);
    let own = rule.meta.text.get(own..).unwrap_or("");
    let start = span.start + (own.len() - own.trim_start().len());
    let width = own.trim_start().lines().next().map_or(0, |l| l.trim_end().len());
    Span::new(start, (start + width).min(span.end))
}

/// Looks at every part of a plan that is decided event by event.
fn walk(plan: &Plan, taxonomy: &Taxonomy, head: Span, out: &mut Vec<Diagnostic>) {
    if let Some((source, expr)) = plan.single_event() {
        Event { source, taxonomy, head, known: taxonomy.select(source).is_ok() }.lint(&expr, out);
        return;
    }
    plan.children().into_iter().for_each(|p| walk(p, taxonomy, head, out));
}

/// A condition on the events of a log source.
struct Event<'r> {
    source: &'r LogSource,
    taxonomy: &'r Taxonomy,
    head: Span,
    known: bool,
}

impl Event<'_> {
    fn lint(&self, expr: &Expr, out: &mut Vec<Diagnostic>) {
        if let (false, Err(unknown)) = (self.source.is_any(), self.taxonomy.select(self.source)) {
            let d = Diagnostic::warning(
                "unknown-logsource",
                format!("unknown log source {}", unknown.what),
                self.head,
            );
            out.push(match unknown.nearest {
                Some(n) => d.with_help(format!("did you mean {n:?}?")),
                None => d,
            });
        }
        regexes(expr, out);
        address::lint(self.source, expr, self.taxonomy, out);
        self.fields(expr, out);
        self.prospects(expr, out);
    }

    /// Whether events of the log source may have a field; also where nothing is known.
    fn may_have(&self, field: &FieldRef) -> bool {
        field.names == Names::Column
            || field.names == Names::Raw
            || !self.known
            || self.source.is_any()
            || self.taxonomy.can_have(self.source, field) != Some(false)
    }

    fn fields(&self, expr: &Expr, out: &mut Vec<Diagnostic>) {
        expr.tests(&mut |t| {
            let Scalar::Field(field) = &t.subject else { return };
            if self.may_have(field) {
                return;
            }
            let holds = if matches!(t.op, Op::IsNull) { "always" } else { "never" };
            let source = text::log_source(self.source);
            let source = source.split_once('{').map_or("", |(_, keys)| keys.trim_end_matches('}'));
            let message =
                format!("{} is no field of events of {source}: this test {holds} holds there", field.name);
            out.push(Diagnostic::warning("absent-field", message, t.span));
        });
    }

    /// Whether the condition, and each named part of it, can ever hold; and whether it holds of events that have
    /// nothing it asks for.
    fn prospects(&self, expr: &Expr, out: &mut Vec<Diagnostic>) {
        if !self.can_be(expr).0 {
            out.push(Diagnostic::warning("never-true", "the condition can never hold", self.head));
        } else if self.contradicts_itself(expr) {
            let message = "the condition can never hold: its parts exclude one another in every event of the log source";
            out.push(Diagnostic::warning("never-true", message, self.head));
        }
        let mut dead: BTreeMap<Arc<str>, Span> = BTreeMap::new();
        self.dead_parts(expr, &mut dead);
        for (name, span) in dead {
            let message = format!("selection `{name}` can never hit events of this log source");
            out.push(Diagnostic::warning("dead-selection", message, span));
        }
        let nothing = nothing_holds(expr);
        if nothing && self.can_be(expr).1 {
            let message = "the condition is made of negations only: it holds of every event that lacks them";
            out.push(Diagnostic::warning("negation-only", message, self.head));
        }
    }

    /// Whether it is proved that no event of the log source satisfies all that is asked of it.
    fn contradicts_itself(&self, expr: &Expr) -> bool {
        let mut unsupported = false;
        expr.opaques(&mut |_| unsupported = true);
        let Ok(selector) = self.taxonomy.select(self.source) else { return false };
        if unsupported || selector.any_of.is_empty() {
            return false;
        }
        let filter = shikra_matcher::Filter { selector, expr: expr.clone() };
        shikra_compare::satisfiable(&[filter], self.taxonomy) == shikra_compare::Answer::No
    }

    fn dead_parts(&self, expr: &Expr, out: &mut BTreeMap<Arc<str>, Span>) {
        match expr {
            Expr::And(v) | Expr::Or(v) => v.iter().for_each(|e| self.dead_parts(e, out)),
            Expr::Not(e) => self.dead_parts(e, out),
            Expr::Named(name, e) => {
                if !self.can_be(e).0 {
                    let mut span = None;
                    e.tests(&mut |t| span = Some(span.map_or(t.span, |s: Span| s.to(t.span))));
                    out.entry(name.clone()).or_insert(span.unwrap_or(self.head));
                }
                self.dead_parts(e, out);
            }
            Expr::Const(_) | Expr::Test(_) | Expr::Opaque(_) => {}
        }
    }

    /// Whether an expression can be true, and whether it can be false, of events of the log source.
    fn can_be(&self, e: &Expr) -> (bool, bool) {
        match e {
            Expr::Const(t) => (*t == Truth::True, *t == Truth::False),
            Expr::And(v) => {
                let parts: Vec<_> = v.iter().map(|e| self.can_be(e)).collect();
                (parts.iter().all(|p| p.0) && !contradicts(v), parts.iter().any(|p| p.1) || contradicts(v))
            }
            Expr::Or(v) => {
                let parts: Vec<_> = v.iter().map(|e| self.can_be(e)).collect();
                (parts.iter().any(|p| p.0), parts.iter().all(|p| p.1))
            }
            Expr::Not(e) => {
                let (t, f) = self.can_be(e);
                (f, t)
            }
            Expr::Named(_, e) => self.can_be(e),
            Expr::Test(t) => match &t.subject {
                Scalar::Field(f) if !self.may_have(f) => {
                    let null = matches!(t.op, Op::IsNull);
                    (null, !null)
                }
                _ => (true, true),
            },
            Expr::Opaque(_) => (false, false),
        }
    }
}

/// Whether the parts of a conjunction ask one field for different whole values, or for something and its opposite.
fn contradicts(parts: &[Expr]) -> bool {
    let mut values: BTreeMap<&FieldRef, BTreeSet<String>> = BTreeMap::new();
    let mut flat = Vec::new();
    flatten(parts, &mut flat);
    if negates_a_part(&flat) {
        return true;
    }
    for e in &flat {
        let Some((field, wanted)) = whole_values(e).filter(|(f, _)| has_one_value(f)) else { continue };
        match values.get_mut(field) {
            None => drop(values.insert(field, wanted)),
            Some(known) => {
                known.retain(|v| wanted.contains(v));
                if known.is_empty() {
                    return true;
                }
            }
        }
    }
    false
}

fn negates_a_part(parts: &[&Expr]) -> bool {
    let negated = |e: &&Expr| match e {
        Expr::Not(inner) => Some(text::expr(bare(inner))),
        _ => None,
    };
    let denied: BTreeSet<String> = parts.iter().filter_map(negated).collect();
    !denied.is_empty() && parts.iter().any(|e| denied.contains(&text::expr(e)))
}

fn flatten<'e>(parts: &'e [Expr], out: &mut Vec<&'e Expr>) {
    for p in parts {
        match bare(p) {
            Expr::And(v) => flatten(v, out),
            other => out.push(other),
        }
    }
}

fn bare(e: &Expr) -> &Expr {
    match e {
        Expr::Named(_, e) => bare(e),
        other => other,
    }
}

/// Whether an event has at most one value of a field. ECS has lists in many places: only fields that are known
/// to be none count.
fn has_one_value(field: &FieldRef) -> bool {
    const LISTS: &[&str] =
        &["args", "type", "category", "env_vars", "attributes", "ip", "mac", "resolved_ip", "roles"];
    const PARTS: &[&str] = &["process", "file", "registry", "dll", "user", "winlog", "event", "host"];
    let Names::Ecs = field.names else { return true };
    let last = field.name.rsplit('.').next().unwrap_or("");
    let first = field.name.split('.').next().unwrap_or("");
    PARTS.contains(&first) && !LISTS.contains(&last)
}

/// The values that a test asks a field for, where it asks for whole values only.
fn whole_values(e: &Expr) -> Option<(&FieldRef, BTreeSet<String>)> {
    let Expr::Test(Test { subject: Scalar::Field(field), op: Op::Like(patterns), words, .. }) = e else {
        return None;
    };
    let value = |p: &shikra_ir::Pattern| p.literal().map(|l| shikra_ir::func::fold(l, words.fold));
    let values: Option<BTreeSet<String>> = patterns.iter().map(value).collect();
    values.map(|v| (field, v))
}

/// Whether an expression holds where none of its tests does.
fn nothing_holds(e: &Expr) -> bool {
    match e {
        Expr::Const(t) => t.holds(),
        Expr::And(v) => v.iter().all(nothing_holds),
        Expr::Or(v) => v.iter().any(nothing_holds),
        Expr::Not(e) => !nothing_holds(e),
        Expr::Named(_, e) => nothing_holds(e),
        Expr::Test(t) => matches!(t.op, Op::IsNull),
        Expr::Opaque(_) => false,
    }
}

/// Regular expressions that do not compile.
fn regexes(expr: &Expr, out: &mut Vec<Diagnostic>) {
    expr.tests(&mut |t| {
        let Op::Regex(all) = &t.op else { return };
        for why in all.iter().filter_map(|r| eval::check_regex(r, &t.words).err()) {
            let why = why.lines().last().unwrap_or_default().to_owned();
            out.push(Diagnostic::error("regex", format!("regular expression: {why}"), t.span));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, load};
    use shikra_syntax::Source;

    fn check(rule: &str, want: &[&str]) {
        let rule = format!("title: T\nid: i\n{rule}");
        let source = Source::new("r.yml", rule.as_str());
        let set = load(std::slice::from_ref(&source), &Options::default());
        let told: Vec<String> =
            set.rules.iter().flat_map(|r| lint(r, &Taxonomy::embedded())).map(said).collect();
        assert_eq!(told, want, "{rule}");
    }

    fn said(d: Diagnostic) -> String {
        let help = d.help.map_or(String::new(), |h| format!(" ({h})"));
        format!("{}: {}{help}", d.code, d.message)
    }

    fn of_process(detection: &str, want: &[&str]) {
        check(
            &format!("logsource: {{product: windows, category: process_creation}}\ndetection:\n{detection}"),
            want,
        );
    }

    #[test]
    fn a_field_that_the_log_source_lacks() {
        check(
            "logsource: {product: windows, category: registry_event}\ndetection:\n  a: {TargetObject: x}\n  b: \
             {CallTrace: '*cmlua.dll*'}\n  condition: 1 of them\n",
            &[
                "absent-field: CallTrace is no field of events of category=registry_event, product=windows: this test \
                 never holds there",
                "dead-selection: selection `b` can never hit events of this log source",
            ],
        );
    }

    #[test]
    fn conditions_that_never_hold() {
        of_process(
            "  a: {Image: x}\n  b: {Image: y}\n  condition: a and b\n",
            &["never-true: the condition can never hold"],
        );
        of_process(
            "  a: {Image: x}\n  condition: a and not a\n",
            &["never-true: the condition can never hold"],
        );
        let apart = "never-true: the condition can never hold: its parts exclude one another in every event of the log \
                     source";
        of_process(
            "  a: {Image|endswith: .exe}\n  b: {Image|endswith: .dll}\n  condition: a and b\n",
            &[apart],
        );
        of_process(
            "  a: {Image|startswith: 'C:\\'}\n  b: {Image|re: '^D:'}\n  condition: a and b\n",
            &[apart],
        );
        of_process(
            "  a: {CommandLine|contains: xy}\n  b: {CommandLine|contains: x}\n  condition: a and not b\n",
            &[apart],
        );
        of_process("  a: {Image: [x, y]}\n  b: {Image: Y}\n  condition: a and b\n", &[]);
        of_process("  a: {Image: x*}\n  b: {Image: y*}\n  condition: a and b\n", &[apart]);
    }

    #[test]
    fn negations_only() {
        let only =
            "negation-only: the condition is made of negations only: it holds of every event that lacks them";
        of_process("  a: {Image: x}\n  condition: not a\n", &[only]);
        of_process("  a: {Image: x}\n  b: {User: x}\n  condition: a and not b\n", &[]);
    }

    #[test]
    fn unknown_log_sources() {
        check(
            "logsource: {product: windows, category: proces_creation}\ndetection:\n  a: {Image: x}\n  condition: a\n",
            &[
                "unknown-logsource: unknown log source category \"proces_creation\" of product \"windows\" (did you mean \
               \"process_creation\"?)",
            ],
        );
    }

    #[test]
    fn the_wrong_end_of_a_connection() {
        let told = |query: &str| -> Vec<String> {
            let page = format!("# A page\n```logpoint\n{query}\n```\n");
            let set = load(&[Source::new("p.md", page)], &Options::default());
            let all = set.rules.iter().flat_map(|r| lint(r, &Taxonomy::embedded()));
            all.filter(|d| d.code == "source-not-destination").map(|d| d.message).collect()
        };
        let wrong = told("norm_id=WindowsSysmon event_id=3 -source_address IN HOMENET");
        assert_eq!(wrong.len(), 1);
        assert!(wrong[0].starts_with("source_address is the source of a connection"));
        for fine in [
            "norm_id=WindowsSysmon event_id=3 -destination_address IN HOMENET",
            "norm_id=WindowsSysmon event_id=3 source_address IN HOMENET -destination_address IN HOMENET",
            "norm_id=WindowsSysmon event_id=3 source_address IN HOMENET",
            "norm_id=WinServer event_id=4624 -source_address IN HOMENET",
        ] {
            assert_eq!(told(fine), Vec::<String>::new(), "{fine}");
        }
    }

    #[test]
    fn ids_of_several_files() {
        let rule = "title: T\nid: i\nlogsource: {product: windows}\ndetection: {a: {A: 1}, condition: a}\n";
        let twice = format!("{rule}---\n{rule}");
        let sources = [Source::new("a.yml", twice.as_str()), Source::new("b.yml", rule)];
        let set = load(&sources, &Options::default());
        let told: Vec<String> =
            lint_set(&set.rules).into_iter().map(|(at, d)| format!("{at} {}", d.message)).collect();
        assert_eq!(told, ["2 id i is also that of \"T\" in a.yml"]);
    }
}
