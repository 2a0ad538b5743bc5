//! Runs rules over a log and tells how fast, and how much work it was.
//!
//! `match_bench RULES_DIR LOG [COPIES]`: COPIES sets of the rules, all but the first with altered literals.
//! Times are processor time of one thread (Linux): reading and decoding alone, then with matching.

#![allow(clippy::print_stdout, clippy::expect_used, clippy::unwrap_used)] // a tool for developers

use std::path::PathBuf;
use std::sync::Arc;

use shikra_cases::{events, filters, rules_below};
use shikra_ir::{Expr, Op, Part, Pattern, Scalar};
use shikra_matcher::{Filter, Matcher};
use shikra_taxonomy::Taxonomy;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (rules, log) = (PathBuf::from(&args[0]), PathBuf::from(&args[1]));
    let copies: usize = args.get(2).map_or(1, |n| n.parse().expect("COPIES"));
    let start = Clock::now();
    let rules = rules_below(&rules);
    println!("load        {:8.1} ms  {} rules", ms(start), rules.len());
    let taxonomy = Arc::new(Taxonomy::embedded());
    let start = Clock::now();
    let originals: Vec<Filter> = filters(&rules, &taxonomy).into_iter().map(|n| n.filter).collect();
    let mut all = originals.clone();
    for n in 1..copies {
        let altered = |f: &Filter| Filter { selector: f.selector.clone(), expr: alter(&f.expr, n) };
        all.extend(originals.iter().map(altered));
    }
    println!("filters     {:8.1} ms  {}", ms(start), all.len());
    let start = Clock::now();
    let matcher = Matcher::new(all, taxonomy);
    println!("compile     {:8.1} ms", ms(start));

    let mut count = 0;
    let reading = (0..5).map(|_| {
        let start = Clock::now();
        count = events(vec![log.clone()], &mut |_| {}).expect("log");
        ms(start)
    });
    let reading = reading.fold(f64::MAX, f64::min);
    println!("read        {reading:8.1} ms  {count} events");
    let mut scratch = matcher.scratch();
    let (mut hits, mut total) = (Vec::new(), 0usize);
    for round in ["cold", "warm", "warm", "warm", "warm"] {
        let start = Clock::now();
        events(vec![log.clone()], &mut |e| {
            hits.clear();
            matcher.run(&mut scratch, e, &mut hits);
            total += hits.len();
        })
        .expect("log");
        let all = ms(start);
        let each = (all - reading) * 1e6 / count as f64;
        println!("match {round}  {all:8.1} ms  {each:.0} ns/event beyond reading, {total} hits");
        println!("            {:?}", scratch.work());
    }
    println!("unable      {} filters", matcher.unable(scratch.seen()).len());
}

/// Processor time of this thread in milliseconds, so that a busy machine does not matter.
#[derive(Clone, Copy)]
struct Clock(f64);

impl Clock {
    fn now() -> Clock {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        let nanoseconds = text.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(0.0);
        Clock(nanoseconds / 1e6)
    }
}

fn ms(start: Clock) -> f64 {
    Clock::now().0 - start.0
}

/// The same expression with other texts: every literal of four characters or more is altered.
fn alter(e: &Expr, n: usize) -> Expr {
    match e {
        Expr::And(v) => Expr::And(v.iter().map(|e| alter(e, n)).collect()),
        Expr::Or(v) => Expr::Or(v.iter().map(|e| alter(e, n)).collect()),
        Expr::Not(e) => Expr::Not(Box::new(alter(e, n))),
        Expr::Named(name, e) => Expr::Named(name.clone(), Box::new(alter(e, n))),
        Expr::Test(t) => {
            let mut t = t.clone();
            if let (Op::Like(patterns), Scalar::Field(_)) = (&mut t.op, &t.subject) {
                for p in patterns {
                    *p = Pattern::new(p.parts().iter().map(|part| match part {
                        Part::Lit(s) if s.chars().count() >= 4 => Part::Lit(alter_text(s, n)),
                        other => other.owned(),
                    }));
                }
            }
            Expr::Test(t)
        }
        other => other.clone(),
    }
}

/// One letter in the middle replaced by a digit.
fn alter_text(s: &str, n: usize) -> String {
    let at = s.chars().count() / 2;
    s.chars().enumerate().map(|(i, c)| if i == at { char::from(b'0' + (n % 10) as u8) } else { c }).collect()
}
