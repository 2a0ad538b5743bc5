//! Rules of each language, printed in it and read again: how many can be said, and that they mean the same then.

use std::collections::BTreeMap;

use shikra_ir::said::{Said, refuse};
use shikra_ir::{Expr, LoadStatus, Op, Plan, Rule, text};
use shikra_languages::convert::{Converter, Target};
use shikra_languages::{Options, load, query, said};
use shikra_syntax::{Source, Span};

use crate::corpus;

/// A language with a printer, and its own rules.
pub(crate) struct Case {
    pub(crate) language: &'static str,
    dialect: Option<&'static str>,
    folders: &'static [&'static str],
    /// What the query says alone, without what the rule around it adds.
    alone: bool,
    pub(crate) print: fn(&Plan) -> Said,
    /// Per cent of the rules that can be said at least, and that read the same then.
    least: (usize, usize),
}

pub(crate) const CASES: &[Case] = &[
    Case {
        language: "eql",
        dialect: Some("elastic"),
        folders: &["rules/elastic"],
        alone: true,
        print: |p| own("eql", p),
        least: (100, 100),
    },
    Case {
        language: "kql",
        dialect: Some("ecs"),
        folders: &["rules/elastic"],
        alone: true,
        print: |p| own("kql", p),
        least: (99, 100),
    },
    Case {
        language: "esql",
        dialect: None,
        folders: &["rules/elastic"],
        alone: true,
        print: |p| own("esql", p),
        least: (99, 100),
    },
    Case {
        language: "spl",
        dialect: None,
        folders: &["rules/splunk"],
        alone: false,
        print: |p| own("spl", p),
        least: (98, 100),
    },
    Case {
        language: "sigma",
        dialect: None,
        folders: &[
            "rules/sigma/rules",
            "rules/sigma/rules-emerging-threats",
            "rules/sigma/rules-threat-hunting",
        ],
        alone: false,
        print: |p| match p.single_event() {
            Some((source, e)) => {
                shikra_lang_sigma::print(source, &e).map(|d| format!("title: t\nid: i\n{d}"))
            }
            None => refuse("more than a condition on single events"),
        },
        least: (100, 100),
    },
    Case {
        language: "car",
        dialect: None,
        folders: &["rules/car"],
        alone: false,
        print: |p| own("car", p),
        least: (88, 100),
    },
    Case {
        language: "logpoint",
        dialect: None,
        folders: &["rules/car"],
        alone: false,
        print: |p| own("logpoint", p),
        least: (100, 100),
    },
    Case {
        language: "sql",
        dialect: None,
        folders: &[],
        alone: true,
        print: |p| own("sql", p),
        least: (0, 0),
    },
];

fn own(language: &str, plan: &Plan) -> Said {
    said(language, plan).unwrap_or_else(|| refuse("no printer"))
}

impl Case {
    /// What a text says in this language.
    pub(crate) fn read(&self, text: &str) -> Option<Rule> {
        self.read_with(text, &Options::default())
    }

    fn read_with(&self, text: &str, options: &Options) -> Option<Rule> {
        match self.language {
            // Its rules are files.
            "sigma" => load(&[Source::new("r.yml", text)], options).rules.into_iter().next(),
            language => query(language, self.dialect, &Source::new("query", text), options),
        }
    }
}

/// A plan as text, without places, needless brackets and the order of alternatives.
pub(crate) fn bare(mut plan: Plan) -> String {
    plan.each_span(&mut |s| *s = Span::default());
    flatten(&mut plan);
    text::plan(&plan)
}

fn flatten(plan: &mut Plan) {
    if let Plan::Filter(_, e) = plan {
        *e = flat(e);
    }
    plan.children_mut().into_iter().for_each(flatten);
}

fn flat(e: &Expr) -> Expr {
    let parts = |v: &[Expr], all: bool| {
        let mut out: Vec<Expr> = Vec::new();
        for e in v.iter().map(flat) {
            match e {
                Expr::And(v) if all => out.extend(v),
                Expr::Or(v) if !all => out.extend(v),
                one => out.push(one),
            }
        }
        out.sort_by_cached_key(text::expr);
        out.dedup_by_key(|e| text::expr(e));
        out
    };
    match e {
        Expr::And(v) => Expr::and(parts(v, true)),
        Expr::Or(v) => Expr::or(parts(v, false)),
        Expr::Not(e) => match flat(e) {
            Expr::Not(twice) => *twice,
            once => Expr::Not(Box::new(once)),
        },
        Expr::Named(_, e) => flat(e),
        Expr::Test(t) => {
            let mut t = t.clone();
            if let Op::Like(all) = &mut t.op {
                all.sort_by_cached_key(ToString::to_string);
            }
            Expr::Test(t)
        }
        other => other.clone(),
    }
}

#[test]
fn printed_and_read_again() {
    let mut short = Vec::new();
    for case in CASES {
        let mut sources = Vec::new();
        for folder in case.folders {
            sources.extend(corpus(folder).unwrap_or_default());
        }
        if sources.is_empty() {
            continue;
        }
        short.extend(measure(case, &sources));
    }
    assert!(short.is_empty(), "{}", short.join("\n"));
}

/// What there is to say where a language falls short.
fn measure(case: &Case, sources: &[Source]) -> Option<String> {
    let set = load(sources, &Options::default());
    let (mut all, mut said, mut same) = (0, 0, 0);
    let mut refused: BTreeMap<String, usize> = BTreeMap::new();
    for rule in set.rules.iter().filter(|r| r.meta.language == case.language && r.status == LoadStatus::Ok) {
        let plan = if case.alone { case.read(&rule.meta.text)?.plan } else { rule.plan.clone() };
        all += 1;
        match (case.print)(&plan) {
            Ok(printed) => {
                said += 1;
                // Look-ups are in tables that ship with the rules.
                let mut options = Options::default();
                options.spl.tables = shikra_lang_spl::tables(&plan);
                let (was, is) = (
                    bare(plan),
                    case.read_with(&printed, &options).map(|r| bare(r.plan)).unwrap_or_default(),
                );
                if was == is {
                    same += 1;
                } else if said - same < 4 {
                    println!("{} differs: {}\n{printed}\n{was}\n{is}", case.language, rule.meta.path);
                }
            }
            Err(e) => *refused.entry(e.reason.chars().take(160).collect()).or_default() += 1,
        }
    }
    let mut why: Vec<(usize, String)> = refused.into_iter().map(|(reason, n)| (n, reason)).collect();
    why.sort_unstable_by(|a, b| b.cmp(a));
    let line = format!("{}: {said} of {all} said, {same} read the same", case.language);
    println!("{line}");
    why.iter().take(20).for_each(|(n, reason)| println!("  refused {n:5}: {reason}"));
    let (least_said, least_same) = case.least;
    (said * 100 < all * least_said || same * 100 < said * least_same).then_some(line)
}

/// Rules as files of their own language: what they say beside the query (types, thresholds, indices) is kept too.
#[test]
fn files_written_again() {
    let taxonomy = shikra_taxonomy::Taxonomy::embedded();
    let mut converter = Converter::new(&taxonomy);
    let options = Options::default();
    let mut counts: BTreeMap<String, [usize; 3]> = BTreeMap::new();
    for (folder, languages) in
        [("rules/elastic/rules", &["eql", "kql", "esql"][..]), ("rules/splunk/detections", &["spl"])]
    {
        let sources = corpus(folder).unwrap_or_default();
        let set = load(&sources, &options);
        for rule in set.rules.iter().filter(|r| r.status == LoadStatus::Ok) {
            let language = rule.meta.language;
            let target = Target::named(language).filter(|_| languages.contains(&language));
            let source = sources.iter().find(|s| *s.name == *rule.meta.path);
            let (Some(target), Some(source)) = (target, source) else { continue };
            let kind =
                source.text.lines().find_map(|l| l.strip_prefix("type = ")).filter(|_| language != "spl");
            let [all, said, same] =
                counts.entry(format!("{language} {}", kind.unwrap_or_default())).or_default();
            *all += 1;
            let Ok(made) = converter.convert(rule, source, target) else { continue };
            *said += 1;
            let again = load(&[Source::new(format!("r.{}", made.extension), made.file.as_str())], &options);
            let is = again.rules.first().map(|r| bare(r.plan.clone())).unwrap_or_default();
            if bare(rule.plan.clone()) == is {
                *same += 1;
            } else if *said - *same < 3 {
                println!(
                    "{} {language} differs:\n{}\n{}\n{is}",
                    rule.meta.path,
                    made.file,
                    bare(rule.plan.clone())
                );
            }
        }
    }
    for (kind, [all, said, same]) in &counts {
        println!("{kind}: {all} rules, {said} said, {same} read the same");
        assert!(*said * 100 >= all * 95 && same == said, "{kind}");
    }
}
