//! The languages that rules are converted to: how each names events and compares, and its printer.

use std::collections::BTreeSet;

use shikra_event::Value;
use shikra_ir::{
    Coerce, Expr, Fold, LogSource, Names, Nulls, Op, Pattern, Plan, RuleMeta, Scalar, Test, Words,
};
use shikra_lang_eql as eql;
use shikra_lang_esql as esql;
use shikra_lang_logpoint as logpoint;
use shikra_lang_sigma as sigma;
use shikra_lang_spl as spl;
use shikra_lang_sql as sql;

use super::logic::{self, Manner};
use super::places::Where;
use crate::said::{in_kql, said};

/// A language that rules are converted to.
pub struct Target {
    /// Name, as in findings.
    pub name: &'static str,
    pub(super) manner: Manner,
    /// The text of a condition on events, or what it cannot say.
    pub(super) print: fn(&LogSource, &Expr, &RuleMeta) -> Result<String, String>,
    /// The text of a rule of the same language, where more than conditions can be written.
    pub(super) again: fn(&Plan) -> Option<Result<String, String>>,
    /// Where the target keeps what is known of events.
    header: Header,
}

/// Names of what every event has.
struct Header {
    channel: &'static str,
    /// Put before a channel's name.
    prefix: &'static str,
    id: &'static str,
    /// Ids are compared as numbers.
    numbers: bool,
    fold: Fold,
}

const ECS: Header =
    Header { channel: "winlog.channel", prefix: "", id: "event.code", numbers: false, fold: Fold::Unicode };

const fn manner(names: Names, three_valued: bool, lowered_first: bool) -> Manner {
    Manner { names, three_valued, lowered_first, single: false }
}

fn never(_: &Plan) -> Option<Result<String, String>> {
    None
}

fn again(language: &str, plan: &Plan) -> Option<Result<String, String>> {
    said(language, plan).map(|s| s.map_err(|u| u.reason))
}

fn filter(source: &LogSource, e: &Expr) -> Plan {
    Plan::Filter(Box::new(Plan::Scan(source.clone())), e.clone())
}

/// Indices whose events may be Windows'.
pub(super) const INDICES: &[&str] =
    &["winlogbeat-*", "logs-windows.*", "logs-system.*", "logs-endpoint.events.*"];

/// All targets.
pub static TARGETS: &[&Target] = &[
    &Target {
        name: "sigma",
        manner: manner(Names::Sigma, false, false),
        print: |source, e, _| sigma::print(source, e).map_err(|u| u.reason),
        again: never,
        header: Header { channel: "Channel", prefix: "", id: "EventID", numbers: false, fold: Fold::Unicode },
    },
    &Target {
        name: "eql",
        manner: manner(Names::Ecs, true, false),
        print: |source, e, _| eql::print(&filter(source, e), eql::Dialect::Elastic).map_err(|u| u.reason),
        again: |plan| again("eql", plan).filter(Result::is_ok),
        header: ECS,
    },
    &Target {
        name: "spl",
        manner: manner(Names::Splunk, false, false),
        print: |source, e, _| spl::print(&filter(source, e)).map_err(|u| u.reason),
        again: |plan| {
            // A condition on single events may still be said in other names.
            again("spl", plan).filter(|s| s.is_ok() || plan.single_events().is_none())
        },
        header: Header {
            channel: "source",
            prefix: "XmlWinEventLog:",
            id: "EventCode",
            numbers: true,
            fold: Fold::Unicode,
        },
    },
    &Target {
        name: "kql",
        manner: manner(Names::Ecs, false, true),
        print: |_, e, _| in_kql(e).map_err(|u| u.reason),
        again: |plan| again("kql", plan).filter(Result::is_ok),
        header: Header { fold: Fold::None, ..ECS },
    },
    &Target {
        name: "esql",
        manner: Manner { single: true, ..manner(Names::Ecs, true, false) },
        print: |source, e, _| {
            let indices = INDICES.iter().map(|i| (*i).to_owned()).collect();
            esql::print(&filter(&LogSource { indices, ..source.clone() }, e)).map_err(|u| u.reason)
        },
        again: |plan| again("esql", plan).filter(Result::is_ok),
        header: ECS,
    },
    &Target {
        name: "logpoint",
        manner: manner(Names::LogPoint, false, false),
        print: |source, e, _| logpoint::print(&filter(source, e)).map_err(|u| u.reason),
        again: never,
        header: Header {
            channel: "channel",
            prefix: "",
            id: "event_id",
            numbers: false,
            fold: Fold::Unicode,
        },
    },
    &Target {
        name: "sql",
        manner: manner(Names::Raw, true, false),
        print: |source, e, _| sql::print(&filter(source, e)).map_err(|u| u.reason),
        again: |plan| again("sql", plan).filter(Result::is_ok),
        header: Header { channel: "Channel", prefix: "", id: "EventID", numbers: true, fold: Fold::Unicode },
    },
];

impl Target {
    /// By name.
    pub fn named(name: &str) -> Option<&'static Target> {
        TARGETS.iter().find(|t| t.name == name).copied()
    }
}

/// Which events, as a condition in the target's names.
pub(super) fn place(which: &Where, target: &Target) -> Expr {
    let h = &target.header;
    let test = |name: &str, op| {
        let null = if target.manner.three_valued { Nulls::Three } else { Nulls::Two };
        let coerce = if h.numbers { Coerce::NumericIfBoth } else { Coerce::Stringify };
        let words = Words { fold: h.fold, null, coerce, ..Words::default() };
        let subject = Scalar::field(target.manner.names, name);
        Expr::Test(Test { subject, op, words, span: Default::default() })
    };
    let ids = |ids: &BTreeSet<u32>| {
        test(
            h.id,
            match h.numbers {
                true => Op::In(ids.iter().map(|id| Value::I64(i64::from(*id))).collect()),
                false => Op::Like(ids.iter().map(|id| Pattern::exact(&id.to_string())).collect()),
            },
        )
    };
    match which {
        Where::Everything => Expr::TRUE,
        Where::Windows => test(h.channel, Op::IsNull).negate(),
        Where::Documents => test(h.channel, Op::IsNull),
        Where::Channel { name, only, except } => {
            let name = format!("{}{name}", h.prefix);
            let mut names = vec![Pattern::exact(&name)];
            // Where case matters: as Windows writes it, and as some exporters do.
            if h.fold == Fold::None && name.to_lowercase() != name {
                names.push(Pattern::exact(&name.to_lowercase()));
            }
            let mut parts = vec![test(h.channel, Op::Like(names))];
            if !only.is_empty() {
                parts.push(ids(only));
            }
            if !except.is_empty() {
                parts.push(ids(except).negate());
            }
            logic::and(parts)
        }
    }
}
