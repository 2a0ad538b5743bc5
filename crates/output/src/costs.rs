//! What rules cost in a scan, as a table and as JSON.

use shikra_engine::finding::RuleCost;

use crate::escape::for_terminal;
use crate::json::Json;
use crate::paint::thousands;
use crate::{Paint, Style};

/// The dearest rules, one a line: what was run for them on values and events not seen before.
pub fn render(costs: &[RuleCost], most: usize, style: &Style) -> String {
    const HEADS: [&str; 6] = ["regexes", "comparisons", "own", "conditions", "passed", "rule"];
    let mut rows = vec![HEADS.map(str::to_owned)];
    for c in costs.iter().filter(|c| **c != free(c)).take(most) {
        let kept = if c.keeps && c.passed > 0 { " (kept)" } else { "" };
        let [regexes, comparisons, own, conditions] =
            [c.work.regexes, c.work.comparisons, c.work.own, c.work.conditions].map(thousands);
        let name = format!("{} ({})", for_terminal(&c.title), for_terminal(&c.path));
        rows.push([regexes, comparisons, own, conditions, thousands(c.passed) + kept, name]);
    }
    let wide = |n: usize| rows.iter().map(|r| r[n].len()).max().unwrap_or(0);
    let widths: [usize; 5] = std::array::from_fn(wide);
    let mut out = String::new();
    for (n, row) in rows.iter().enumerate() {
        let cells = widths.iter().zip(row).map(|(w, cell)| format!("{cell:>w$}"));
        let line = cells.chain([row[5].clone()]).collect::<Vec<_>>().join("  ");
        out.push_str(&if n == 0 { style.paint(Paint::Strong, &line) } else { line });
        out.push('\n');
    }
    let rest = costs.len() - (rows.len() - 1);
    if rest > 0 {
        out.push_str(&format!("… and {} rules that cost less or nothing\n", thousands(rest as u64)));
    }
    out
}

/// The same rule, had it cost nothing.
fn free(c: &RuleCost) -> RuleCost {
    RuleCost { work: Default::default(), passed: 0, ..c.clone() }
}

/// A rule's cost as an object.
pub(crate) fn write(c: &RuleCost, json: Json<'_>) {
    json.object(|o| {
        o.key("id").string(&c.id);
        o.key("title").string(&c.title);
        o.key("path").string(&c.path);
        o.key("regexes").number(c.work.regexes);
        o.key("comparisons").number(c.work.comparisons);
        o.key("own").number(c.work.own);
        o.key("conditions").number(c.work.conditions);
        o.key("passed").number(c.passed);
        o.key("kept").bool(c.keeps);
    });
}
