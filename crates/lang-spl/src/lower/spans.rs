//! Spans of time: buckets of a given width, and of a width that suits the range of all times (`timechart` and
//! `bin _time` without `span`).

use std::sync::Arc;

use shikra_event::Value;
use shikra_ir::{CmpOp, Names, Op, Scalar, Window};
use shikra_syntax::Span;

use super::group::function;
use super::search::test;
use super::text::seconds;
use super::{EVAL, Lower, Stream, call};
use crate::ast::{Options, option};

/// The widths that Splunk chooses from, in seconds; beyond them it takes months.
const WIDTHS: [f64; 10] = [1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 1800.0, 3600.0, 86_400.0];
/// Buckets at most where `bins` does not say otherwise.
const BINS: f64 = 100.0;
/// The field of an event's time.
pub(super) const TIME: &str = "_time";
/// What a time is taken back to, for months of the calendar.
pub(crate) const MONTH: &str = "@mon";
/// Columns for a moment: the range of all times, and the width that suits it.
const FIRST: &str = "_first";
const LAST: &str = "_last";
const WIDTH: &str = "_width";
pub(super) const OWN: [&str; 3] = [FIRST, LAST, WIDTH];

fn number(n: f64) -> Scalar {
    Scalar::Lit(Value::F64(n))
}

/// Where the bucket of a value begins; none where the text is no span. One month is one of the calendar.
pub(super) fn bucket(value: Scalar, span: &str) -> Option<Scalar> {
    let month = matches!(span.trim().strip_prefix('1').unwrap_or(span.trim()), "mon" | "month" | "months");
    let width = seconds(span)?;
    Some(if month { month_of(value) } else { call("bin", vec![value, number(width)], EVAL) })
}

fn month_of(value: Scalar) -> Scalar {
    call("relative-time", vec![value, Scalar::Lit(Value::str(MONTH))], EVAL)
}

impl Lower<'_> {
    /// Puts times into buckets, all equally wide: the narrowest of Splunk's widths of which `bins` cover the range from
    /// the first time to the last. Leaves [`OWN`] columns.
    pub fn suitable_buckets(&mut self, s: &mut Stream, to: Arc<str>, options: &Options, at: Span) {
        let said = |name: &str| option(options, name).and_then(|w| w.text.trim().parse::<f64>().ok());
        let bins = said("bins").filter(|n| *n >= 1.0).unwrap_or(BINS);
        let least = option(options, "minspan").and_then(|w| seconds(&w.text)).unwrap_or(0.0);
        let column_of = |(name, f): (&str, &str)| Some((name.into(), function(f, Some(s.field(TIME)))?));
        let range = [(FIRST, "min"), (LAST, "max")].into_iter().filter_map(column_of).collect();
        s.window(vec![], range, Window::None);
        let column = |name| Scalar::field(Names::Column, name);
        let origin = self.text.origin(at);
        let covers = |width: f64| {
            let range = call("spl-minus", vec![column(LAST), column(FIRST)], EVAL);
            let most = Op::Compare(CmpOp::Le, number(width * bins));
            (test(range, most, EVAL, origin), number(width))
        };
        let widths = WIDTHS.iter().filter(|w| **w >= least).map(|w| covers(*w)).collect();
        s.eval(vec![(WIDTH.into(), Scalar::Case(widths, None))]);
        let months = test(column(WIDTH), Op::IsNull, EVAL, origin);
        let buckets =
            call("spl-floor", vec![call("spl-divide", vec![s.field(TIME), column(WIDTH)], EVAL)], EVAL);
        let start = call("spl-times", vec![buckets, column(WIDTH)], EVAL);
        let value = Scalar::Case(vec![(months, month_of(s.field(TIME)))], Some(Box::new(start)));
        s.eval(vec![(to, value)]);
    }
}
