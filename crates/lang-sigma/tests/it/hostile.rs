//! Damaged and hostile texts: whatever is said of them, nothing panics and every span lies within the text.

use shikra_ir::LoadStatus;
use shikra_lang_sigma::{Options, Pipeline, assemble, parse};
use shikra_syntax::{Source, Span};

const RULES: &[&str] = &[
    include_str!("../../../../tests/cases/sigma/correlations.md"),
    include_str!("../../../../tests/cases/sigma/version1.md"),
    include_str!("../../../../tests/cases/sigma/filters.md"),
    include_str!("../../../../tests/cases/sigma/strings.md"),
    include_str!("../../../../tests/cases/sigma/values.md"),
    include_str!("../../../../tests/cases/sigma/conditions.md"),
];

/// What makes YAML and conditions go wrong.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ": ",
    "- ",
    "---\n",
    "&a ",
    "*a",
    "<<: ",
    "|",
    ">",
    "'",
    "\"",
    "\\",
    "%",
    "#",
    "\t",
    "\n",
    "\r",
    " ",
    "é",
    "\u{feff}",
    "!!str ",
    "? ",
    "not ",
    "(",
    ")",
    "1 of ",
    "null",
    "|re: '['",
    "|all: x",
    "action: repeat\n",
    "action: global\n",
    "\u{85}",
    "\u{2028}",
    "\0",
    "@",
    "`",
    "~",
    "0x",
    "99999999999999999999",
];

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }
}

fn check(text: &str) {
    let source = Source::new("h.yml", text);
    let rules = assemble(vec![parse(&source, Span::new(0, text.len()), &Options::default())]);
    for r in &rules {
        for d in &r.diagnostics {
            assert!(d.span.start <= d.span.end && d.span.end <= text.len(), "{:?} in {text:?}", d);
            d.render(&source);
        }
        if r.status != LoadStatus::Ok {
            assert!(!r.diagnostics.is_empty(), "rejected without a reason: {text:?}");
        }
    }
    let _ = Pipeline::parse(&source);
}

/// The rules of a page of cases.
fn rules(page: &str) -> Vec<String> {
    let blocks = page.split("```sigma\n").skip(1).filter_map(|b| b.split("```").next());
    blocks.map(str::to_owned).collect()
}

#[test]
fn damaged_rules() {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let texts: Vec<String> = RULES.iter().flat_map(|p| rules(p)).collect();
    for text in &texts {
        for _ in 0..40 {
            let mut damaged = text.clone();
            for _ in 0..=numbers.below(3) {
                let mut at = numbers.below(damaged.len());
                while !damaged.is_char_boundary(at) {
                    at -= 1;
                }
                match numbers.below(4) {
                    0 => damaged.truncate(at),
                    1 => drop(damaged.remove(at.min(damaged.len().saturating_sub(1)))),
                    _ => damaged.insert_str(at, PIECES[numbers.below(PIECES.len())]),
                }
                if damaged.len() < 2 {
                    break;
                }
            }
            check(&damaged);
        }
    }
}

#[test]
fn expansion_is_bounded() {
    let names: String = (0..300).map(|i| format!("  s{i}: {{ A|windash: '-a /b -c /d' }}\n")).collect();
    let repeated = vec!["all of s*"; 400].join(" or ");
    check(&format!("title: T\ndetection:\n{names}  condition: {repeated}\n"));
    check(&format!("title: T\ndetection:\n{names}  condition: 150 of s*\n"));
    check(&format!("title: T\ndetection:\n  a: {{ A: 1 }}\n  condition: {}\n", "not ".repeat(100_000) + "a"));
    check(&format!(
        "title: T\ndetection:\n  a: {{ A: 1 }}\n  condition: {}\n",
        vec!["a"; 50_000].join(" and ")
    ));
    let rules: String = (0..60)
        .map(|i| {
            format!(
                "title: T\nname: c{i}\ncorrelation: {{ type: temporal, rules: [c{}], timespan: 1m }}\n---\n",
                i + 1
            )
        })
        .collect();
    check(&format!("{rules}title: B\nname: c60\ndetection: {{ a: {{ A: 1 }}, condition: a }}\n"));
}
