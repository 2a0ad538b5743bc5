//! Coverage of techniques: a table for people, CSV, JSON lines, an ATT&CK Navigator layer (format 4.5).

use std::collections::BTreeMap;

use shikra_engine::coverage::{Best, Coverage, Covered, Gap, Seen, Side};
use shikra_knowledge::{Attack, Knowledge, versions};

use crate::json::{Json, Members};
use crate::paint::{clip, count, pad, thousands, width};
use crate::{Paint, Style, escape};

/// What there is to tell.
pub struct Report<'a> {
    /// Everything that is known.
    pub known: &'a Knowledge,
    /// Coverage of all techniques.
    pub coverage: &'a Coverage,
    /// What of groups is seen.
    pub gaps: Vec<Gap>,
    /// Difference to another rule set, by newest id.
    pub diff: Option<BTreeMap<String, (Side, usize, usize)>>,
    /// Platform of the techniques; none: all.
    pub platform: Option<&'a str>,
    /// Name of the layer.
    pub name: String,
}

/// Most rules named in a comment.
const MAX_NAMED: usize = 20;
/// Most techniques named in a line of a gap where not all are asked for.
const MAX_MISSING: usize = 400;

/// Colours of a layer: nothing, rule, data, proven.
const COLOURS: &[(Best, &str, &str)] = &[
    (Best::Rule, "#fdd49e", "a rule names it"),
    (Best::Data, "#74a9cf", "a rule names it and the data has what it needs"),
    (Best::Proven, "#41ab5d", "a rule was shown to fire on it"),
];
/// Colour of what only another technique's rules see.
const NEAR: &str = "#f0f0f0";
/// Colour of what the data would show and no rule names.
const UNWATCHED: &str = "#fde0dd";
/// Colours of a difference.
const SIDES: &[(Side, &str, &str)] = &[
    (Side::Here, "#41ab5d", "only here"),
    (Side::There, "#ef6548", "only there"),
    (Side::Both, "#bdbdbd", "in both"),
];

impl Report<'_> {
    /// For people. All techniques are listed where the style is verbose.
    pub fn table(&self, style: &Style) -> String {
        let mut out = String::new();
        self.summary(style, &mut out);
        if let Some(diff) = &self.diff {
            self.differences(diff, style, &mut out);
        }
        self.unwatched(style, &mut out);
        for gap in &self.gaps {
            self.gap(gap, style, &mut out);
        }
        if style.verbose {
            self.techniques(style, &mut out);
        }
        out
    }

    fn summary(&self, style: &Style, out: &mut String) {
        let c = self.coverage;
        let platform = self.platform.map_or(String::new(), |p| format!(" · {}", escape::for_terminal(p)));
        out.push_str(&style.paint(
            Paint::Strong,
            &format!(
                "Coverage of {} · ATT&CK {}{platform}\n\n",
                count(c.rules as u64, "rule"),
                c.attack.as_str()
            ),
        ));
        let mut heads = vec!["tactic".to_owned(), "techniques".to_owned(), "rule".to_owned()];
        heads.extend(c.has_data.then(|| "data".to_owned()));
        heads.extend(c.has_proof.then(|| "proven".to_owned()));
        heads.extend(c.has_data.then(|| "data, no rule".to_owned()));
        let mut rows = Vec::new();
        for tactic in versions::tactics(c.attack) {
            let of: Vec<&Covered> = c.techniques.values().filter(|t| t.tactics.contains(&tactic)).collect();
            if !of.is_empty() {
                let name = versions::tactic(tactic).map_or(tactic, |t| t.1);
                rows.push(self.counts(name, &of));
            }
        }
        rows.push(self.counts("all", &c.techniques.values().collect::<Vec<_>>()));
        columns(&heads, &rows, style, out);
        out.push('\n');
        if c.untagged > 0 {
            out.push_str(&format!("{} name no technique\n", count(c.untagged as u64, "rule")));
        }
        if !c.elsewhere.is_empty() {
            let rules: usize = c.elsewhere.values().sum();
            let more = if style.verbose {
                format!(
                    ": {}",
                    c.elsewhere.keys().map(|k| escape::for_terminal(k)).collect::<Vec<_>>().join(", ")
                )
            } else {
                String::new()
            };
            out.push_str(&format!(
                "{} of {} lead to techniques that are not known or not of the platform{more}\n",
                count(rules as u64, "tag"),
                count(c.elsewhere.len() as u64, "id"),
            ));
        }
    }

    fn counts(&self, name: &str, of: &[&Covered]) -> Vec<String> {
        let part = |n: usize| format!("{n} {:>4}", format!("{}%", n * 100 / of.len().max(1)));
        let with = |f: &dyn Fn(&Covered) -> bool| part(of.iter().filter(|t| f(t)).count());
        let mut row = vec![name.to_owned(), of.len().to_string(), with(&|t| t.rule_count() > 0)];
        row.extend(self.coverage.has_data.then(|| with(&|t| t.ready.unwrap_or(0) > 0)));
        row.extend(self.coverage.has_proof.then(|| with(&|t| t.proven > 0)));
        row.extend(self.coverage.has_data.then(|| with(&Covered::unwatched)));
        row
    }

    fn differences(&self, diff: &BTreeMap<String, (Side, usize, usize)>, style: &Style, out: &mut String) {
        for (side, title, paint) in [
            (Side::Here, "Only here", Paint::Good),
            (Side::There, "Only there", Paint::Bad),
            (Side::Both, "In both", Paint::Faint),
        ] {
            let of: Vec<_> = diff.iter().filter(|d| d.1.0 == side).collect();
            out.push_str(&format!("\n{}\n", style.paint(Paint::Strong, &format!("{title} ({})", of.len()))));
            if side == Side::Both && !style.verbose {
                continue;
            }
            for (id, (_, here, there)) in of {
                let name = self.coverage.techniques.get(id).map_or("", |t| t.name.as_str());
                let rules = if side == Side::There { there } else { here };
                let shown = self.coverage.shown_as(self.known, id).join(" ");
                let line = format!("{} {:>5}  {}", pad(&shown, 11), rules, escape::for_terminal(name));
                out.push_str(&format!("  {}\n", style.paint(paint, &line)));
            }
        }
    }

    /// Techniques that the data would show and no rule names.
    fn unwatched(&self, style: &Style, out: &mut String) {
        let of = self.coverage.techniques.iter().filter(|(_, t)| t.unwatched());
        let ids: Vec<String> = of.flat_map(|(id, _)| self.coverage.shown_as(self.known, id)).collect();
        if !ids.is_empty() {
            let title = format!("Data is there, no rule ({})", ids.len());
            out.push_str(&format!("\n{}\n", style.paint(Paint::Strong, &title)));
            out.push_str(&in_lines(&ids, style));
        }
    }

    fn gap(&self, gap: &Gap, style: &Style, out: &mut String) {
        let here = gap.count(|s| s != Seen::Elsewhere);
        let seen = gap.count(|s| matches!(s, Seen::Own(_)));
        let title = format!("{} {}", gap.id, escape::for_terminal(&gap.name));
        let percent = seen * 100 / here.max(1);
        out.push_str(&format!(
            "\n{}  {seen} of {here} techniques have a rule ({percent}%)\n",
            style.paint(Paint::Strong, &title)
        ));
        for (which, title, paint) in GAP_LINES {
            let of: Vec<_> = gap.techniques.iter().filter(|t| which(t.2)).collect();
            if of.is_empty() {
                continue;
            }
            out.push_str(&format!("  {}\n", style.paint(*paint, &format!("{title} ({})", of.len()))));
            if matches!(paint, Paint::Good | Paint::Faint) && !style.verbose {
                let ids = of.iter().flat_map(|t| self.coverage.shown_as(self.known, &t.0));
                out.push_str(&in_lines(&ids.collect::<Vec<_>>(), style));
                continue;
            }
            for (id, name, _, through) in of.into_iter().take(MAX_MISSING) {
                let through = through
                    .as_ref()
                    .map_or(String::new(), |t| format!(" (through {})", escape::for_terminal(t)));
                let shown = self.coverage.shown_as(self.known, id).join(" ");
                out.push_str(&format!("    {} {}{through}\n", pad(&shown, 11), escape::for_terminal(name)));
                if *paint == Paint::Bad {
                    self.advice(id, style, out);
                }
            }
        }
    }

    /// What D3FEND has against a technique that is not seen.
    fn advice(&self, id: &str, style: &Style, out: &mut String) {
        let Some(t) = self.coverage.techniques.get(id) else { return };
        let detect: Vec<String> = t
            .countermeasures
            .iter()
            .filter(|c| c.2 == "Detect")
            .map(|c| format!("{} {}", c.0, c.1))
            .collect();
        if detect.is_empty() {
            return;
        }
        let line = format!("D3FEND: {}", escape::for_terminal(&detect.join(", ")));
        let line =
            if style.verbose { line } else { clip(&line, style.width.unwrap_or(120).saturating_sub(17)) };
        out.push_str(&format!("                {}\n", style.paint(Paint::Faint, &line)));
    }

    fn techniques(&self, style: &Style, out: &mut String) {
        let c = self.coverage;
        let mut heads: Vec<String> = ["technique", "rules"].map(str::to_owned).into();
        heads.extend(c.has_data.then(|| "ready".to_owned()));
        heads.extend(c.has_proof.then(|| "proven".to_owned()));
        heads.extend(["D3FEND", "name"].map(str::to_owned));
        let rows: Vec<Vec<String>> = c
            .techniques
            .iter()
            .map(|(id, t)| {
                let mut row = vec![c.shown_as(self.known, id).join(" "), t.rule_count().to_string()];
                row.extend(c.has_data.then(|| t.ready.unwrap_or(0).to_string()));
                row.extend(c.has_proof.then(|| t.proven.to_string()));
                row.push(t.countermeasures.len().to_string());
                row.push(escape::for_terminal(&t.name));
                row
            })
            .collect();
        out.push('\n');
        columns(&heads, &rows, style, out);
    }

    /// One row per technique.
    pub fn csv(&self) -> String {
        let mut out = String::new();
        row(&CSV_COLUMNS.map(str::to_owned), &mut out);
        for (id, t) in &self.coverage.techniques {
            let gaps = self.users(id);
            let number = |n: Option<usize>| n.map_or(String::new(), |n| n.to_string());
            let languages: Vec<String> = t.rules.iter().map(|(l, n)| format!("{l}:{n}")).collect();
            let d3: Vec<&str> = t.countermeasures.iter().map(|c| c.0.as_str()).collect();
            let difference = self.diff.as_ref().and_then(|d| d.get(id)).map_or("", |d| d.0.as_str());
            for shown in self.coverage.shown_as(self.known, id) {
                row(
                    &[
                        shown,
                        t.name.clone(),
                        t.tactics.join(" "),
                        t.best().as_str().to_owned(),
                        t.rule_count().to_string(),
                        languages.join(" "),
                        number(t.ready),
                        t.findings.to_string(),
                        t.proven.to_string(),
                        t.missed.to_string(),
                        t.below.to_string(),
                        t.above.to_string(),
                        gaps.join("; "),
                        d3.join(" "),
                        difference.to_owned(),
                        t.seen.map_or("", |s| if s { "yes" } else { "no" }).to_owned(),
                    ],
                    &mut out,
                );
            }
        }
        out
    }

    /// Groups asked about that use a technique.
    fn users(&self, id: &str) -> Vec<String> {
        let uses = |g: &&Gap| g.techniques.iter().any(|t| t.0 == id);
        self.gaps.iter().filter(uses).map(|g| g.name.clone()).collect()
    }

    /// One object per technique, then one per group.
    pub fn ndjson(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (id, t) in &self.coverage.techniques {
            Json::new(&mut out).object(|o| self.technique(id, t, o));
            out.push(b'\n');
        }
        for gap in &self.gaps {
            Json::new(&mut out).object(|o| gap_members(gap, o));
            out.push(b'\n');
        }
        out
    }

    fn technique(&self, id: &str, t: &Covered, o: &mut Members<'_>) {
        o.key("schema").string("shikra.coverage/1");
        o.key("technique").string(id);
        o.key("shown_as").strings(&self.coverage.shown_as(self.known, id));
        o.key("name").string(&t.name);
        o.key("tactics").strings(&t.tactics);
        o.key("state").string(t.best().as_str());
        o.key("rules").number(t.rule_count() as u64);
        o.key("languages").object(|o| {
            for (language, n) in &t.rules {
                o.key(language).number(*n as u64);
            }
        });
        match t.ready {
            Some(n) => o.key("ready").number(n as u64),
            None => o.key("ready").null(),
        }
        match t.seen {
            Some(seen) => o.key("data_shows_it").bool(seen),
            None => o.key("data_shows_it").null(),
        }
        o.key("findings").number(t.findings);
        o.key("proven").number(t.proven as u64);
        o.key("missed").number(t.missed as u64);
        o.key("rules_of_sub_techniques").number(t.below as u64);
        o.key("rules_of_parent").number(t.above as u64);
        o.key("used_by").strings(&self.users(id));
        o.key("countermeasures").array(|a| {
            for (id, name, tactic) in &t.countermeasures {
                a.item().object(|o| {
                    o.key("id").string(id);
                    o.key("name").string(name);
                    o.key("tactic").string(tactic);
                });
            }
        });
        if let Some((side, here, there)) = self.diff.as_ref().and_then(|d| d.get(id)) {
            o.key("diff").object(|o| {
                o.key("side").string(side.as_str());
                o.key("here").number(*here as u64);
                o.key("there").number(*there as u64);
            });
        }
    }

    /// A layer: colours say rule, data, proven; of a difference, here, there, both.
    pub fn layer(&self) -> Vec<u8> {
        let mut out = Vec::new();
        Json::new(&mut out).object(|o| self.layer_members(o));
        out.push(b'\n');
        out
    }

    fn layer_members(&self, o: &mut Members<'_>) {
        let c = self.coverage;
        o.key("name").string(&self.name);
        o.key("versions").object(|o| {
            o.key("attack").string(c.attack.as_str());
            o.key("navigator").string("5.1.0");
            o.key("layer").string("4.5");
        });
        o.key("domain").string("enterprise-attack");
        let groups: Vec<String> = self.gaps.iter().map(|g| format!("{} {}", g.id, g.name)).collect();
        let of = if groups.is_empty() {
            String::new()
        } else {
            format!("; techniques of {} are marked", groups.join(", "))
        };
        o.key("description").string(&format!("{}{of}", count(c.rules as u64, "rule")));
        if let Some(p) = self.platform {
            o.key("filters").object(|o| o.key("platforms").strings(&[p]));
        }
        o.key("sorting").number(3);
        o.key("layout").object(|o| {
            o.key("layout").string("side");
            o.key("showID").bool(true);
            o.key("showName").bool(true);
        });
        o.key("hideDisabled").bool(false);
        o.key("techniques").array(|a| {
            for (id, t) in &c.techniques {
                for shown in c.shown_as(self.known, id) {
                    if let Some((score, colour)) = self.look(id, t) {
                        a.item().object(|o| self.layer_technique(id, &shown, t, score, colour, o));
                    }
                }
            }
        });
        o.key("gradient").object(|o| {
            o.key("colors").strings(&["#ffffff", "#fdd49e", "#74a9cf", "#41ab5d"]);
            o.key("minValue").number(0);
            o.key("maxValue").number(3);
        });
        o.key("legendItems").array(|a| {
            let legend: Vec<(&str, &str)> = match self.diff {
                Some(_) => SIDES.iter().map(|s| (s.2, s.1)).collect(),
                None => COLOURS
                    .iter()
                    .map(|c| (c.2, c.1))
                    .chain([("the data would show it, no rule names it", UNWATCHED)])
                    .chain([("only a parent or sub-technique has a rule", NEAR)])
                    .collect(),
            };
            for (label, colour) in legend {
                a.item().object(|o| {
                    o.key("label").string(label);
                    o.key("color").string(colour);
                });
            }
        });
        o.key("selectTechniquesAcrossTactics").bool(true);
        o.key("selectSubtechniquesWithParent").bool(false);
    }

    /// Score and colour of a technique in a layer; none where it is left out.
    fn look(&self, id: &str, t: &Covered) -> Option<(u64, &'static str)> {
        if let Some(diff) = &self.diff {
            let (side, ..) = diff.get(id)?;
            return SIDES.iter().position(|s| s.0 == *side).map(|i| (i as u64 + 1, SIDES[i].1));
        }
        let best = t.best();
        match COLOURS.iter().position(|c| c.0 == best) {
            Some(i) => Some((i as u64 + 1, COLOURS[i].1)),
            None if t.unwatched() => Some((0, UNWATCHED)),
            None if t.below + t.above > 0 || !self.users(id).is_empty() => Some((0, NEAR)),
            None => None,
        }
    }

    fn layer_technique(
        &self,
        id: &str,
        shown: &str,
        t: &Covered,
        score: u64,
        colour: &str,
        o: &mut Members<'_>,
    ) {
        let mut titles: Vec<String> =
            t.titles.iter().take(MAX_NAMED).map(|s| escape::for_terminal(s)).collect();
        if t.titles.len() > MAX_NAMED {
            titles.push(format!("and {} more", t.titles.len() - MAX_NAMED));
        }
        o.key("techniqueID").string(shown);
        o.key("score").number(score);
        o.key("color").string(colour);
        o.key("comment").string(&titles.join("\n"));
        o.key("enabled").bool(true);
        let mut facts = vec![
            ("coverage".to_owned(), t.best().as_str().to_owned()),
            ("rules".to_owned(), t.rule_count().to_string()),
        ];
        facts.extend(t.ready.map(|n| ("rules with data".to_owned(), n.to_string())));
        facts.extend(t.seen.map(|s| ("data shows it".to_owned(), s.to_string())));
        facts.push(("rules proven".to_owned(), t.proven.to_string()));
        facts.extend(self.users(id).into_iter().map(|g| ("used by".to_owned(), g)));
        if let Some((side, here, there)) = self.diff.as_ref().and_then(|d| d.get(id)) {
            facts.push(("difference".to_owned(), format!("{}: {here} here, {there} there", side.as_str())));
        }
        o.key("metadata").array(|a| {
            for (name, value) in &facts {
                a.item().object(|o| {
                    o.key("name").string(name);
                    o.key("value").string(value);
                });
            }
        });
        o.key("showSubtechniques").bool(t.below > 0);
    }
}

/// How techniques of a group are seen, worst first.
type GapLine = (fn(Seen) -> bool, &'static str, Paint);
static GAP_LINES: &[GapLine] = &[
    (|s| s == Seen::Not, "not seen", Paint::Bad),
    (|s| s == Seen::Above, "only rules of the technique it belongs to", Paint::Warn),
    (|s| s == Seen::Below, "only rules of sub-techniques", Paint::Warn),
    (|s| s == Seen::Own(Best::Rule), "a rule", Paint::Good),
    (|s| s == Seen::Own(Best::Data), "a rule, and data for it", Paint::Good),
    (|s| s == Seen::Own(Best::Proven), "proven", Paint::Good),
    (|s| s == Seen::Elsewhere, "of other platforms", Paint::Faint),
];

const CSV_COLUMNS: [&str; 16] = [
    "technique",
    "name",
    "tactics",
    "state",
    "rules",
    "languages",
    "ready",
    "findings",
    "proven",
    "missed",
    "rules_of_sub_techniques",
    "rules_of_parent",
    "used_by",
    "d3fend",
    "diff",
    "data_shows_it",
];

fn gap_members(gap: &Gap, o: &mut Members<'_>) {
    o.key("schema").string("shikra.coverage-gap/1");
    o.key("id").string(&gap.id);
    o.key("name").string(&gap.name);
    let here = gap.count(|s| s != Seen::Elsewhere);
    o.key("techniques").number(here as u64);
    o.key("with_rule").number(gap.count(|s| matches!(s, Seen::Own(_))) as u64);
    o.key("with_data").number(gap.count(|s| matches!(s, Seen::Own(Best::Data | Best::Proven))) as u64);
    o.key("proven").number(gap.count(|s| s == Seen::Own(Best::Proven)) as u64);
    o.key("seen").array(|a| {
        for (id, name, seen, through) in &gap.techniques {
            a.item().object(|o| {
                o.key("technique").string(id);
                o.key("name").string(name);
                o.key("seen").string(seen.as_str());
                o.key("through").string_or_null(through.as_deref());
            });
        }
    });
}

/// Ids side by side, as many on a line as fit.
fn in_lines(ids: &[String], style: &Style) -> String {
    let per_line = (style.width.unwrap_or(100).saturating_sub(4) / 11).clamp(1, 12);
    let line = |ids: &[String]| {
        let cells: String = ids.iter().map(|i| pad(i, 11)).collect();
        format!("    {}\n", cells.trim_end())
    };
    ids.chunks(per_line).map(line).collect()
}

fn row(cells: &[String], out: &mut String) {
    for (i, cell) in cells.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        escape::csv_cell(cell, out);
    }
    out.push('\n');
}

/// Rows under heads; the first and the last column to the left, the rest to the right.
fn columns(heads: &[String], rows: &[Vec<String>], style: &Style, out: &mut String) {
    let last = heads.len().saturating_sub(1);
    let prose = heads.last().is_some_and(|h| h == "name");
    let widths: Vec<usize> = (0..heads.len())
        .map(|c| {
            rows.iter().chain([&heads.to_vec()]).filter_map(|r| r.get(c)).map(|t| width(t)).max().unwrap_or(0)
        })
        .collect();
    let line = |cells: &[String]| {
        let mut line = String::new();
        for (c, cell) in cells.iter().enumerate() {
            let room = widths.get(c).copied().unwrap_or(0);
            if c > 0 {
                line.push_str("  ");
            }
            if c == 0 {
                line.push_str(&pad(cell, room));
            } else if c == last && prose {
                line.push_str(cell);
            } else {
                line.push_str(&" ".repeat(room.saturating_sub(width(cell))));
                line.push_str(cell);
            }
        }
        line
    };
    out.push_str(&style.paint(Paint::Faint, line(heads).trim_end()));
    out.push('\n');
    for r in rows {
        out.push_str(line(r).trim_end());
        out.push('\n');
    }
}

/// Number of techniques, as a word for the end of a run.
pub fn told(c: &Coverage) -> String {
    let with = c.techniques.values().filter(|t| t.rule_count() > 0).count();
    format!("{} of {} techniques have a rule", thousands(with as u64), thousands(c.techniques.len() as u64))
}

/// The versions of ATT&CK by which a report can name things.
pub fn versions_offered() -> [&'static str; 2] {
    [Attack::V18.as_str(), Attack::V19.as_str()]
}
