//! How two detections relate, for people and as JSON.

use shikra_compare::{Answer, Comparison, Relation, Verdict, Witness};
use shikra_ir::RuleMeta;

use crate::compare_data::OnData;
use crate::escape::for_terminal;
use crate::json::{Json, Members};
use crate::{Paint, Style};

/// Event types named where nobody asked for all.
const NAMED: usize = 6;

/// Two rules and how they relate.
pub struct Compared<'a> {
    /// The first.
    pub first: &'a RuleMeta,
    /// The second.
    pub second: &'a RuleMeta,
    /// What reasoning came to.
    pub verdict: &'a Verdict,
    /// What they do on logs, where logs were given.
    pub on_data: Option<OnData<'a>>,
}

/// The relation in a word, as JSON has it.
pub fn relation_word(r: Relation) -> &'static str {
    match r {
        Relation::Equal => "equal",
        Relation::FirstWithin => "first-implies-second",
        Relation::SecondWithin => "second-implies-first",
        Relation::Overlap => "overlap",
        Relation::Disjoint => "disjoint",
        Relation::Undecided => "undecided",
    }
}

fn sentence(r: Relation) -> &'static str {
    match r {
        Relation::Equal => "equal: they match the same events",
        Relation::FirstWithin => "the first implies the second: whatever it matches, the second matches too",
        Relation::SecondWithin => "the second implies the first: whatever it matches, the first matches too",
        Relation::Overlap => {
            "they overlap: some events both match, some only the first, some only the second"
        }
        Relation::Disjoint => "disjoint: no event is matched by both",
        Relation::Undecided => "not decided",
    }
}

impl Compared<'_> {
    /// For people.
    pub fn render(&self, style: &Style) -> String {
        let mut out = String::new();
        for (which, m) in [("first ", self.first), ("second", self.second)] {
            let title = style.paint(Paint::Strong, &for_terminal(&m.title));
            let place = style.paint(Paint::Faint, &format!("{} {}", m.language, for_terminal(&m.path)));
            out.push_str(&format!("{which}  {title}  {place}\n"));
        }
        let relation = self.verdict.relation();
        let paint = if relation == Relation::Undecided { Paint::Warn } else { Paint::Good };
        out.push_str(&format!("  {}\n", style.paint(paint, sentence(relation))));
        match self.verdict {
            Verdict::Events(c) => comparison(c, 2, style, &mut out),
            Verdict::Stages(all) => {
                out.push_str("  both keep state in the same way; stage by stage:\n");
                for (i, c) in all.iter().enumerate() {
                    out.push_str(&format!("  {}. {}\n", i + 1, sentence(c.relation())));
                    comparison(c, 5, style, &mut out);
                }
            }
            Verdict::Apart(why) => out.push_str(&format!("  {}\n", for_terminal(why))),
        }
        if let Some(data) = &self.on_data {
            data.render(style, &mut out);
        }
        out
    }

    /// As one line of JSON, without the line end.
    pub fn to_json(&self) -> String {
        let mut out = Vec::new();
        Json::new(&mut out).object(|o| {
            o.key("schema").string("shikra.comparison/1");
            for (key, m) in [("first", self.first), ("second", self.second)] {
                o.key(key).object(|o| rule(m, o));
            }
            o.key("relation").string(relation_word(self.verdict.relation()));
            match self.verdict {
                Verdict::Events(c) => write(c, o),
                Verdict::Stages(all) => o.key("stages").array(|a| {
                    for c in all {
                        a.item().object(|o| {
                            o.key("relation").string(relation_word(c.relation()));
                            write(c, o);
                        });
                    }
                }),
                Verdict::Apart(why) => o.key("why").string(why),
            }
            if let Some(data) = &self.on_data {
                o.key("data").object(|o| data.write(o));
            }
        });
        String::from_utf8(out).unwrap_or_default()
    }
}

pub(crate) fn rule(m: &RuleMeta, o: &mut Members<'_>) {
    o.key("id").string(&m.id);
    o.key("title").string(&m.title);
    o.key("language").string(m.language);
    o.key("path").string(&m.path);
}

fn comparison(c: &Comparison, indent: usize, style: &Style, out: &mut String) {
    let pad = " ".repeat(indent);
    for (which, answer) in [
        ("only the first ", &c.only_first),
        ("only the second", &c.only_second),
        ("both           ", &c.both),
    ] {
        let said = match answer {
            Answer::Yes(w) => for_terminal(&event(w)),
            Answer::No => "no such event".to_owned(),
            Answer::Unknown(tests) if tests.is_empty() => {
                style.paint(Paint::Warn, "not decided: too many cases")
            }
            Answer::Unknown(tests) => {
                style.paint(Paint::Warn, &format!("not decided: {}", for_terminal(&tests.join("; "))))
            }
        };
        out.push_str(&format!("{pad}{which}  {said}\n"));
    }
    if let Some(w) = &c.unless_paths {
        let odd = for_terminal(&event(w));
        out.push_str(&format!("{pad}but for programs told without their folder: {odd}\n"));
    }
    let shown = if style.verbose { usize::MAX } else { NAMED };
    let mut over: Vec<String> = c.over.iter().take(shown).map(|o| for_terminal(o)).collect();
    if c.over.len() > shown {
        over.push(format!("and {} more", c.over.len() - shown));
    }
    let over = if over.is_empty() { "no event that is known of".to_owned() } else { over.join(", ") };
    out.push_str(&format!("{pad}{}\n", style.paint(Paint::Faint, &format!("looked at: {over}"))));
}

/// An event as a JSON document that can be scanned.
pub fn event(w: &Witness) -> String {
    let mut out = Vec::new();
    Json::new(&mut out).object(|o| fields(w, o));
    String::from_utf8(out).unwrap_or_default()
}

fn fields(w: &Witness, o: &mut Members<'_>) {
    for (name, value) in &w.fields {
        o.key(name).value(value);
    }
}

fn write(c: &Comparison, o: &mut Members<'_>) {
    for (key, answer) in [("only_first", &c.only_first), ("only_second", &c.only_second), ("both", &c.both)] {
        o.key(key).object(|o| match answer {
            Answer::Yes(w) => {
                o.key("answer").string("yes");
                o.key("event").object(|o| fields(w, o));
            }
            Answer::No => o.key("answer").string("no"),
            Answer::Unknown(tests) => {
                o.key("answer").string("undecided");
                o.key("tests").strings(tests);
            }
        });
    }
    match &c.unless_paths {
        Some(w) => o.key("unless_paths").object(|o| fields(w, o)),
        None => o.key("unless_paths").null(),
    }
    o.key("over").strings(&c.over);
}
