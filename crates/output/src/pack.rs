//! Technique packs, for people and as JSON. One table of parts and labels makes both.

use shikra_ir::Rule;
use shikra_pack::model::Step;
use shikra_pack::{Bundle, Pack, Problem};

use crate::escape::for_terminal;
use crate::json::Json;
use crate::page::{Block, Page};
use crate::paint::{Paint, Style};

/// What stands under a label.
enum Said {
    One(String),
    Many(Vec<String>),
}

/// A part of a pack: a procedure, a step, a reference.
type Entry = Vec<(&'static str, Said)>;

fn one(text: impl ToString) -> Said {
    Said::One(text.to_string())
}

fn many(texts: &[String]) -> Said {
    Said::Many(texts.to_vec())
}

/// A line per pack: id, name, what is in it.
pub fn pack_line(bundle: &Bundle, rules: &[Rule], style: Option<&Style>) -> String {
    let p = &bundle.pack;
    let mut languages: Vec<&str> = rules.iter().map(|r| r.meta.language).collect();
    languages.sort_unstable();
    languages.dedup();
    if let Some(style) = style {
        let id = style.paint(Paint::Strong, &format!("{:10}", for_terminal(&p.id)));
        let name = format!("{:30}", for_terminal(&p.name));
        return format!("{id} {name} {} detections in {}", rules.len(), languages.join(", "));
    }
    let mut out = Vec::new();
    Json::new(&mut out).object(|o| {
        o.key("id").string(&p.id);
        o.key("name").string(&p.name);
        o.key("place").string(&bundle.place);
        o.key("detections").number(rules.len() as i64);
        o.key("languages").strings(&languages);
    });
    String::from_utf8(out).unwrap_or_default()
}

/// A pack as a page for the terminal.
pub fn pack_page(bundle: &Bundle, rules: &[Rule], style: &Style) -> String {
    let p = &bundle.pack;
    let mut out = style.paint(Paint::Strong, &format!("{} {}", for_terminal(&p.id), for_terminal(&p.name)));
    out.push_str("\n\n");
    lines(&facts(p), 2, &mut out);
    for (title, text) in [("Hypothesis", &p.hypothesis), ("Description", &p.description)] {
        heading(title, style, &mut out);
        crate::escape::terminal_lines(text, &mut out);
        out.push('\n');
    }
    for (title, entries) in parts(bundle, rules) {
        if entries.is_empty() {
            continue;
        }
        heading(title, style, &mut out);
        for entry in &entries {
            out.push_str("- ");
            let mut text = String::new();
            lines(entry, 2, &mut text);
            out.push_str(text.strip_prefix("  ").unwrap_or(&text));
        }
    }
    out
}

fn heading(title: &str, style: &Style, out: &mut String) {
    out.push('\n');
    out.push_str(&style.paint(Paint::Strong, title));
    out.push('\n');
}

/// `label: text` lines, indented; texts of several lines go below their label.
fn lines(entry: &Entry, indent: usize, out: &mut String) {
    let space = " ".repeat(indent);
    for (label, said) in entry {
        let text = match said {
            Said::One(t) => t.clone(),
            Said::Many(t) => t.join(", "),
        };
        match text.contains('\n') {
            _ if text.is_empty() => {}
            false => out.push_str(&format!("{space}{label}: {}\n", for_terminal(&text))),
            true => {
                out.push_str(&format!("{space}{label}:\n"));
                text.lines().for_each(|l| out.push_str(&format!("{space}  {}\n", for_terminal(l))));
            }
        }
    }
}

/// All that a pack says, as a part of a page: what stands under its labels, entry by entry.
pub fn pack_blocks(bundle: &Bundle, rules: &[Rule], page: &mut Page) {
    let told = |entry: &Entry| {
        let text = |said: &Said| match said {
            Said::One(t) => t.clone(),
            Said::Many(t) => t.join(", "),
        };
        entry.iter().map(|(label, said)| (label.replace('_', " "), text(said))).collect::<Vec<_>>()
    };
    let p = &bundle.pack;
    page.heading(2, "The pack");
    let known: Vec<_> = told(&facts(p)).into_iter().filter(|(_, v)| !v.is_empty()).collect();
    page.blocks.push(Block::Facts(known));
    for (title, entries) in parts(bundle, rules).into_iter().filter(|(_, e)| !e.is_empty()) {
        page.heading(3, format!("{title} ({})", entries.len()));
        for entry in &entries {
            let entry = told(entry).into_iter().filter(|(_, v)| !v.is_empty()).collect();
            page.blocks.push(Block::Facts(entry));
        }
    }
}

/// A pack as one JSON object.
pub fn pack_json(bundle: &Bundle, rules: &[Rule]) -> String {
    let p = &bundle.pack;
    let mut out = Vec::new();
    let fill = |entry: &Entry, o: &mut crate::json::Members<'_>| {
        for (label, said) in entry {
            match said {
                Said::One(t) => o.key(label).string(t),
                Said::Many(t) => o.key(label).strings(t),
            }
        }
    };
    Json::new(&mut out).object(|o| {
        o.key("schema").string(shikra_pack::model::SCHEMA);
        o.key("id").string(&p.id);
        o.key("name").string(&p.name);
        fill(&facts(p), o);
        o.key("hypothesis").string(&p.hypothesis);
        o.key("description").string(&p.description);
        for (title, entries) in parts(bundle, rules) {
            o.key(&title.to_lowercase().replace(' ', "_")).array(|a| {
                entries.iter().for_each(|e| a.item().object(|o| fill(e, o)));
            });
        }
    });
    String::from_utf8(out).unwrap_or_default()
}

/// What is wrong with a pack, for people.
pub fn problem_text(problem: &Problem) -> String {
    let mut out = String::new();
    crate::escape::terminal_lines(&problem.render(), &mut out);
    out.push('\n');
    out
}

/// What is wrong with a pack, as JSON.
pub fn problem_json(bundle: &Bundle, problem: &Problem) -> String {
    let (line, column) = problem.source.position(problem.diagnostic.span.start);
    let d = &problem.diagnostic;
    let mut out = Vec::new();
    Json::new(&mut out).object(|o| {
        o.key("pack").string(&bundle.pack.id);
        o.key("severity").string(d.severity.as_str());
        o.key("code").string(d.code);
        o.key("message").string(&d.message);
        o.key("file").string(&problem.source.name);
        o.key("line").number(line as i64);
        o.key("column").number(column as i64);
        o.key("help").string_or_null(d.help.as_deref());
    });
    String::from_utf8(out).unwrap_or_default()
}

fn facts(p: &Pack) -> Entry {
    let named = |all: &mut dyn Iterator<Item = &shikra_pack::model::Named>| -> Vec<String> {
        all.map(|n| format!("{} {}", n.id, n.name)).collect()
    };
    vec![
        ("formerly", many(&p.formerly)),
        ("parent", Said::Many(named(&mut p.parent.iter()))),
        ("tactics", Said::Many(named(&mut p.tactics.iter()))),
        ("platforms", many(&p.platforms)),
        ("permissions", many(&p.permissions)),
        ("bypasses", many(&p.bypasses)),
        ("severity", one(p.severity.as_str())),
        ("risk_score", one(p.risk_score)),
        ("confidence", one(&p.confidence)),
        ("version", one(p.version)),
        ("authors", many(&p.authors)),
        ("created", one(&p.created)),
        ("modified", one(&p.modified)),
        ("cites", many(&p.cites)),
    ]
}

/// All parts but the facts, in the order of the page.
fn parts(bundle: &Bundle, rules: &[Rule]) -> Vec<(&'static str, Vec<Entry>)> {
    let p = &bundle.pack;
    vec![
        ("Procedures", procedures(p)),
        ("Related", related(p)),
        ("Data", data(p)),
        ("Events", events(p)),
        ("Detections", rules.iter().map(detection).collect()),
        ("Analytics", analytics(p)),
        ("Countermeasures", countermeasures(p)),
        ("False positives", false_positives(p)),
        ("Mitigations", mitigations(p)),
        ("Configuration", configuration(p)),
        ("Investigation", p.investigation.iter().map(step).collect()),
        ("Response", p.response.iter().map(step).collect()),
        ("Hunting notes", p.hunting.notes.iter().map(|n| vec![("note", one(n))]).collect()),
        ("Hunting ideas", ideas(p)),
        ("Hunting techniques", techniques(p)),
        ("Tests", tests(p)),
        ("Files", bundle.files.iter().map(|f| vec![("file", one(&f.path))]).collect()),
        ("References", references(p)),
    ]
}

fn procedures(p: &Pack) -> Vec<Entry> {
    let entry = |x: &shikra_pack::model::Procedure| -> Entry {
        vec![
            ("id", one(&x.id)),
            ("name", one(&x.name)),
            ("kind", one(&x.kind)),
            ("what", one(&x.what)),
            ("command", one(&x.command)),
            ("with", many(&x.with)),
            ("references", many(&x.references)),
        ]
    };
    p.procedures.iter().map(entry).collect()
}

fn related(p: &Pack) -> Vec<Entry> {
    let entry = |x: &shikra_pack::model::Related| -> Entry {
        vec![
            ("id", one(&x.id)),
            ("name", one(&x.name)),
            ("formerly", many(&x.formerly)),
            ("why", one(&x.why)),
        ]
    };
    p.related.iter().map(entry).collect()
}

fn data(p: &Pack) -> Vec<Entry> {
    let entry = |x: &shikra_pack::model::DataComponent| -> Entry {
        vec![
            ("id", one(&x.id)),
            ("name", one(&x.name)),
            ("source", one(&x.source)),
            ("shows", one(&x.shows)),
            ("logs", many(&x.logs)),
            ("tables", many(&x.tables)),
        ]
    };
    p.data.iter().map(entry).collect()
}

fn events(p: &Pack) -> Vec<Entry> {
    let entry = |x: &shikra_pack::model::EventField| -> Entry {
        vec![
            ("event", one(format!("{} {} {}", x.provider, x.event_id, x.field))),
            ("value", one(&x.value)),
            ("shows", one(&x.shows)),
            ("references", many(&x.references)),
        ]
    };
    p.events.iter().map(entry).collect()
}

fn detection(rule: &Rule) -> Entry {
    let m = &rule.meta;
    vec![
        ("id", one(&m.id)),
        ("title", one(&m.title)),
        ("language", one(m.language)),
        ("level", one(m.level.as_str())),
        ("file", one(&m.path)),
    ]
}

fn analytics(p: &Pack) -> Vec<Entry> {
    let entry = |x: &shikra_pack::model::Analytic| -> Entry {
        let facts = x.facts.iter().map(|(k, v)| format!("{k} = {v}")).collect();
        vec![
            ("id", one(&x.id)),
            ("name", one(&x.name)),
            ("publisher", one(&x.publisher)),
            ("authors", many(&x.authors)),
            ("created", one(&x.created)),
            ("modified", one(&x.modified)),
            ("languages", many(&x.languages)),
            ("looks_for", one(&x.looks_for)),
            ("caveat", one(&x.caveat)),
            ("data_model", many(&x.data_model)),
            ("facts", Said::Many(facts)),
            ("ours", many(&x.ours)),
            ("references", many(&x.references)),
        ]
    };
    p.analytics.iter().map(entry).collect()
}

fn countermeasures(p: &Pack) -> Vec<Entry> {
    let entry = |x: &shikra_pack::model::Countermeasure| -> Entry {
        vec![
            ("id", one(&x.id)),
            ("name", one(&x.name)),
            ("what", one(&x.what)),
            ("references", many(&x.references)),
        ]
    };
    p.countermeasures.iter().map(entry).collect()
}

fn false_positives(p: &Pack) -> Vec<Entry> {
    let entry = |x: &shikra_pack::model::FalsePositive| -> Entry {
        let tests =
            x.tests.iter().map(|t| format!("{}: {}", if t.excluded { "excluded" } else { "kept" }, t.name));
        vec![
            ("id", one(&x.id)),
            ("what", one(&x.what)),
            ("tuning", one(&x.tuning)),
            ("rules", many(&x.rules)),
            ("exclusion", one(&x.exclusion)),
            ("tests", Said::Many(tests.collect())),
        ]
    };
    p.false_positives.iter().map(entry).collect()
}

fn mitigations(p: &Pack) -> Vec<Entry> {
    let entry = |x: &shikra_pack::model::Mitigation| -> Entry {
        vec![
            ("id", one(&x.id)),
            ("name", one(&x.name)),
            ("what", one(&x.what)),
            ("artefact", one(&x.artefact)),
            ("references", many(&x.references)),
        ]
    };
    p.mitigations.iter().map(entry).collect()
}

fn configuration(p: &Pack) -> Vec<Entry> {
    let entry = |x: &shikra_pack::model::Configuration| -> Entry {
        vec![
            ("title", one(&x.title)),
            ("what", one(&x.what)),
            ("setting", one(&x.setting)),
            ("references", many(&x.references)),
        ]
    };
    p.configuration.iter().map(entry).collect()
}

fn step(x: &Step) -> Entry {
    vec![
        ("phase", one(&x.phase)),
        ("what", one(&x.what)),
        ("look_at", many(&x.look_at)),
        ("means", one(&x.means)),
    ]
}

fn ideas(p: &Pack) -> Vec<Entry> {
    let entry = |x: &shikra_pack::model::Idea| -> Entry {
        vec![
            ("kind", one(&x.kind)),
            ("language", one(&x.language)),
            ("query", one(&x.query)),
            ("object", one(&x.object)),
            ("shows", one(&x.shows)),
            ("references", many(&x.references)),
        ]
    };
    p.hunting.ideas.iter().map(entry).collect()
}

fn techniques(p: &Pack) -> Vec<Entry> {
    let entry = |x: &shikra_pack::model::Technique| -> Entry {
        vec![
            ("name", one(&x.name)),
            ("serves", one(if x.serves { "yes" } else { "no" })),
            ("why", one(&x.why)),
        ]
    };
    p.hunting.techniques.iter().map(entry).collect()
}

fn tests(p: &Pack) -> Vec<Entry> {
    let entry = |x: &shikra_pack::model::TestPlan| -> Entry {
        let expect = x.expect.iter().map(|s| format!("{} {}: {}", s.provider, s.event_id, s.what));
        vec![
            ("name", one(&x.name)),
            ("what", one(&x.what)),
            ("publisher", one(&x.publisher)),
            ("simulation", one(&x.simulation)),
            ("expect", Said::Many(expect.collect())),
            ("references", many(&x.references)),
        ]
    };
    p.tests.iter().map(entry).collect()
}

fn references(p: &Pack) -> Vec<Entry> {
    let entry = |x: &shikra_pack::model::Reference| -> Entry {
        vec![
            ("id", one(&x.id)),
            ("author", one(&x.author)),
            ("title", one(&x.title)),
            ("date", one(&x.date)),
            ("retrieved", one(&x.retrieved)),
            ("url", one(&x.url)),
        ]
    };
    p.references.iter().map(entry).collect()
}
