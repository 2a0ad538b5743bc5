//! What is known of one thing, as a page or as JSON.

use shikra_knowledge::{
    Attack, Details, Entity, Kind, Knowledge, LogSource, Related, Relates, Resolved, State, versions,
};

use crate::json::{Json, Members};
use crate::page::{Block, Page};

/// One direction of a relation, as a section of a page.
struct Section {
    how: Relates,
    /// Whether the entity is the one that the relation reads to.
    inward: bool,
    /// Kind of the other entity.
    kind: Kind,
    title: &'static str,
}

const fn outward(how: Relates, kind: Kind, title: &'static str) -> Section {
    Section { how, inward: false, kind, title }
}

const fn inward(how: Relates, kind: Kind, title: &'static str) -> Section {
    Section { how, inward: true, kind, title }
}

/// All sections, in their order on a page.
static SECTIONS: &[Section] = &[
    inward(Relates::Within, Kind::Technique, "Sub-techniques"),
    outward(Relates::AttributedTo, Kind::Group, "Attributed to"),
    inward(Relates::AttributedTo, Kind::Campaign, "Campaigns"),
    inward(Relates::Uses, Kind::Group, "Groups that use it"),
    inward(Relates::Uses, Kind::Campaign, "Campaigns that used it"),
    inward(Relates::Uses, Kind::Software, "Software that uses it"),
    outward(Relates::Uses, Kind::Technique, "Techniques used"),
    outward(Relates::Uses, Kind::Software, "Software used"),
    inward(Relates::Mitigates, Kind::Mitigation, "Mitigations"),
    outward(Relates::Mitigates, Kind::Technique, "Techniques it is against"),
    inward(Relates::Detects, Kind::Strategy, "Detection strategies"),
    outward(Relates::Detects, Kind::Technique, "Techniques it detects"),
    outward(Relates::HasAnalytic, Kind::Analytic, "Analytics"),
    inward(Relates::HasAnalytic, Kind::Strategy, "Of detection strategies"),
    outward(Relates::Reads, Kind::DataComponent, "Data components"),
    inward(Relates::Shows, Kind::SensorEvent, "Events that show it"),
    outward(Relates::Shows, Kind::DataComponent, "Data components it shows"),
    inward(Relates::Reads, Kind::Analytic, "Analytics that read it"),
    inward(Relates::Reads, Kind::Strategy, "Detection strategies that read it"),
    inward(Relates::OfSource, Kind::DataComponent, "Data components"),
    outward(Relates::OfSource, Kind::DataSource, "Data source"),
    inward(Relates::Counters, Kind::Countermeasure, "D3FEND countermeasures"),
    outward(Relates::Counters, Kind::Technique, "Techniques it is against"),
    inward(Relates::Covers, Kind::CarAnalytic, "CAR analytics"),
    outward(Relates::Covers, Kind::Technique, "Techniques covered"),
    outward(Relates::Implements, Kind::Countermeasure, "D3FEND countermeasures"),
    inward(Relates::Implements, Kind::CarAnalytic, "CAR analytics"),
    inward(Relates::Serves, Kind::Lolbas, "LOLBAS"),
    outward(Relates::Serves, Kind::Technique, "Techniques it serves"),
    inward(Relates::Tests, Kind::Atomic, "Atomic tests"),
    outward(Relates::Tests, Kind::Technique, "Technique it tests"),
];

impl Section {
    fn related<'k>(&self, known: &'k Knowledge, id: &str) -> Vec<Related<'k>> {
        let all = if self.inward { known.to(id, self.how) } else { known.from(id, self.how) };
        all.into_iter().filter(|r| r.entity.kind == self.kind).collect()
    }
}

/// A page of what is known of an entity, by whatever id it was asked for.
pub fn entity_page(known: &Knowledge, found: &Resolved<'_>) -> Page {
    let mut page = Page::default();
    head(known, found, &mut page);
    page.prose(&found.entity.description);
    details(found.entity, &mut page);
    for s in SECTIONS {
        relations(known, found.entity, s, &mut page);
    }
    page
}

/// Title, facts and remarks on the standing of an entity; what it cites becomes what the page may cite.
pub(crate) fn head(known: &Knowledge, found: &Resolved<'_>, page: &mut Page) {
    let e = found.entity;
    page.heading(1, title(known, e));
    if let [first, ..] = found.passed[..] {
        page.blocks.push(Block::Warning(format!(
            "{first} ({}) is revoked: {} stands for it",
            found.asked.name, e.id
        )));
    }
    match &e.state {
        State::Current => {}
        State::Deprecated => page.blocks.push(Block::Warning(format!("{} is deprecated", e.id))),
        State::Revoked(_) => page.blocks.push(Block::Warning(format!("{} is revoked", e.id))),
    }
    if let Some(m) = known.versions().successor(&e.id) {
        let text = format!("From ATT&CK {} on this is {} {}", m.since, m.to, m.name);
        page.blocks.push(Block::Warning(text));
    }
    let before = known.versions().before(&e.id);
    if !before.is_empty() {
        page.blocks.push(Block::Note(format!("Before ATT&CK 19 this was {}", before.join(", "))));
    }
    page.facts([
        ("what", e.kind.title().to_owned()),
        ("tactics", tactics(known, e)),
        ("platforms", e.platforms.join(", ")),
        ("also", e.aliases.join(", ")),
        ("page", e.url.clone()),
    ]);
    cite(e, page);
    if e.description.is_empty()
        && !matches!(e.kind, Kind::Strategy | Kind::Countermeasure | Kind::SensorEvent)
    {
        let text =
            "Only facts ship with Shikra: for the text, add your own copy with `shikra knowledge add PATH`";
        page.blocks.push(Block::Note(text.to_owned()));
    }
}

/// What an entity cites becomes what the page may cite.
pub(crate) fn cite(e: &Entity, page: &mut Page) {
    page.references.extend(e.references.iter().map(reference));
}

/// What a reference is called in a text, and what stands in the list.
pub(crate) fn reference(r: &shikra_knowledge::Reference) -> (String, String) {
    let text = if r.text.is_empty() { &r.name } else { &r.text };
    (r.name.clone(), format!("{text} {}", r.url).trim().to_owned())
}

/// `T1218.003 · System Binary Proxy Execution: CMSTP`.
pub(crate) fn title(known: &Knowledge, e: &Entity) -> String {
    let parent = known.from(&e.id, Relates::Within).first().map(|r| r.entity.name.clone());
    match parent {
        Some(parent) => format!("{} · {parent}: {}", e.id, e.name),
        None if e.id == e.name || e.name.is_empty() => e.id.clone(),
        None => format!("{} · {}", e.id, e.name),
    }
}

/// Tactics of a technique, in the newest version and, where they differ, in the one before.
pub(crate) fn tactics(known: &Knowledge, e: &Entity) -> String {
    if e.kind != Kind::Technique {
        return String::new();
    }
    let of = |v| {
        let names = known.tactics(e, v).into_iter().filter_map(versions::tactic).map(|t| t.1);
        names.collect::<Vec<_>>().join(", ")
    };
    let (old, new) = (of(Attack::V18), of(Attack::V19));
    if old == new || old.is_empty() {
        return new;
    }
    let new = if new.is_empty() { "none".to_owned() } else { new };
    format!("{new} (ATT&CK 18: {old})")
}

fn relations(known: &Knowledge, e: &Entity, s: &Section, page: &mut Page) {
    let related = s.related(known, &e.id);
    let texts = related.iter().any(|r| !r.link.text.is_empty());
    let rows = related
        .iter()
        .map(|r| {
            page.references.extend(r.link.references.iter().map(reference));
            let text = if r.link.text.is_empty() && s.kind == Kind::Countermeasure {
                side(r.entity)
            } else {
                r.link.text.clone()
            };
            let mut row = vec![short_id(r.entity), name(r.entity)];
            row.extend((texts || s.kind == Kind::Countermeasure).then_some(text));
            row
        })
        .collect();
    let heads: &[&'static str] =
        if texts || s.kind == Kind::Countermeasure { &["id", "name", "what"] } else { &["id", "name"] };
    page.section(s.title, heads, rows);
}

fn side(e: &Entity) -> String {
    match &e.details {
        Details::Countermeasure(c) => c.tactic.clone(),
        _ => String::new(),
    }
}

/// GUIDs are for machines.
pub(crate) fn short_id(e: &Entity) -> String {
    match &e.details {
        Details::Atomic(a) => format!("{} #{}", a.technique, a.number),
        _ => e.id.clone(),
    }
}

/// The name, marked where it is not current.
pub(crate) fn name(e: &Entity) -> String {
    match e.state {
        State::Current => e.name.clone(),
        _ => format!("{} ({})", e.name, e.state.as_str()),
    }
}

/// Logs of Windows first. A component's own sources do not name it.
fn log_sources(sources: &[LogSource], page: &mut Page) {
    let mut all: Vec<&LogSource> = sources.iter().collect();
    all.sort_by_key(|s| !s.name.starts_with("WinEventLog"));
    let row = |s: &&LogSource| vec![s.component.clone(), s.name.clone(), s.channel.clone()];
    let mut rows: Vec<Vec<String>> = all.iter().map(row).collect();
    let mut heads = vec!["component", "log", "what"];
    if all.iter().all(|s| s.component.is_empty()) {
        heads.remove(0);
        rows.iter_mut().for_each(|r| drop(r.remove(0)));
    }
    page.section("Log sources", &heads, rows);
}

/// What only its kind has.
pub(crate) fn details(e: &Entity, page: &mut Page) {
    match &e.details {
        Details::Telemetry(t) => {
            log_sources(&t.sources, page);
            let rows = t.tunable.iter().map(|(f, d)| vec![f.clone(), d.clone()]);
            page.section("To be set", &["field", "what for"], rows.collect());
        }
        Details::Countermeasure(c) => page.facts([
            ("tactic", c.tactic.clone()),
            ("kind of", c.parents.join(", ")),
            ("artefacts", c.artifacts.join(", ")),
        ]),
        Details::Car(c) => {
            page.facts([
                ("submitted", c.date.clone()),
                ("tactics", c.tactics.join(", ")),
                ("reads", c.reads.join(", ")),
            ]);
            for (language, code) in &c.implementations {
                page.heading(3, language.clone());
                page.blocks.push(Block::Code("", code.clone()));
            }
        }
        Details::CarObject(o) => {
            let rows = |p: &[(String, String)]| p.iter().map(|(n, d)| vec![n.clone(), d.clone()]).collect();
            page.section("Actions", &["action", "what"], rows(&o.actions));
            page.section("Fields", &["field", "what"], rows(&o.fields));
        }
        Details::CarSensor(m) => {
            let row = |m: &shikra_knowledge::SensorMapping| {
                vec![format!("{}/{}", m.object, m.action), m.fields.join(", ")]
            };
            page.section("Sees", &["event", "fields"], m.iter().map(row).collect());
        }
        Details::Atomic(a) => atomic(a, page),
        Details::Lolbas(l) => lolbas(l, page),
        _ => {}
    }
}

fn atomic(a: &shikra_knowledge::AtomicTest, page: &mut Page) {
    page.facts([
        ("executor", a.executor.clone()),
        ("rights", if a.elevated { "administrator".to_owned() } else { String::new() }),
    ]);
    page.blocks.push(Block::Code("", a.command.clone()));
    let rows = a.inputs.iter().map(|i| vec![i.name.clone(), i.default.clone(), i.description.clone()]);
    page.section("Arguments", &["name", "default", "what"], rows.collect());
    let rows = a.needs.iter().map(|n| vec![n.description.clone()]);
    page.section("Needs", &["what"], rows.collect());
}

fn lolbas(l: &shikra_knowledge::Lolbas, page: &mut Page) {
    page.facts([("lies in", l.paths.join(", "))]);
    let row = |c: &shikra_knowledge::LolbasCommand| {
        vec![c.technique.clone(), c.category.clone(), format!("{}\n{}", c.command, c.description)]
    };
    page.section("Abuses", &["technique", "category", "command"], l.commands.iter().map(row).collect());
    let rows = l.detections.iter().map(|(k, t)| vec![k.clone(), t.clone()]);
    page.section("Gives it away", &["kind", "what"], rows.collect());
}

/// What is known of an entity, as one JSON object.
pub fn entity_json(known: &Knowledge, found: &Resolved<'_>) -> String {
    let mut out = Vec::new();
    Json::new(&mut out).object(|o| {
        o.key("schema").string("shikra.knowledge/1");
        entity_members(known, found, o);
    });
    String::from_utf8(out).unwrap_or_default()
}

/// The members that tell of an entity and its relations.
pub(crate) fn entity_members(known: &Knowledge, found: &Resolved<'_>, o: &mut Members<'_>) {
    o.key("asked").string(&found.asked.id);
    o.key("passed").strings(&found.passed);
    write_entity(known, found.entity, o);
    o.key("relations").array(|a| {
        for s in SECTIONS {
            for r in s.related(known, &found.entity.id) {
                a.item().object(|o| {
                    o.key("relation").string(s.how.as_str());
                    o.key("direction").string(if s.inward { "in" } else { "out" });
                    o.key("kind").string(r.entity.kind.as_str());
                    o.key("id").string(&r.entity.id);
                    o.key("name").string(&r.entity.name);
                    o.key("text").string(&r.link.text);
                });
            }
        }
    });
}

/// The members that an entity has of its own.
pub(crate) fn write_entity(known: &Knowledge, e: &Entity, o: &mut Members<'_>) {
    o.key("id").string(&e.id);
    o.key("kind").string(e.kind.as_str());
    o.key("name").string(&e.name);
    o.key("aliases").strings(&e.aliases);
    o.key("state").string(e.state.as_str());
    let next = known.versions().successor(&e.id);
    o.key("successor").string_or_null(match &e.state {
        State::Revoked(by) => by.as_deref(),
        _ => next.map(|m| m.to.as_str()),
    });
    o.key("before").strings(known.versions().before(&e.id));
    o.key("tactics").object(|o| {
        if e.kind == Kind::Technique {
            o.key("18").strings(&known.tactics(e, Attack::V18));
            o.key("19").strings(&known.tactics(e, Attack::V19));
        }
    });
    o.key("platforms").strings(&e.platforms);
    o.key("url").string(&e.url);
    o.key("description").string(&e.description);
    o.key("references").array(|a| {
        for r in &e.references {
            a.item().object(|o| {
                o.key("name").string(&r.name);
                o.key("text").string(&r.text);
                o.key("url").string(&r.url);
            });
        }
    });
    o.key("details").object(|o| write_details(&e.details, o));
}

fn write_details(details: &Details, o: &mut Members<'_>) {
    match details {
        Details::Telemetry(t) => {
            o.key("log_sources").array(|a| {
                for s in &t.sources {
                    a.item().object(|o| {
                        o.key("component").string(&s.component);
                        o.key("name").string(&s.name);
                        o.key("channel").string(&s.channel);
                    });
                }
            });
            pairs("tunable", &t.tunable, o);
        }
        Details::Countermeasure(c) => {
            o.key("tactic").string(&c.tactic);
            o.key("parents").strings(&c.parents);
            o.key("artifacts").strings(&c.artifacts);
        }
        Details::Car(c) => {
            o.key("date").string(&c.date);
            o.key("tactics").strings(&c.tactics);
            o.key("reads").strings(&c.reads);
            pairs("implementations", &c.implementations, o);
        }
        Details::CarObject(c) => {
            pairs("actions", &c.actions, o);
            pairs("fields", &c.fields, o);
        }
        Details::CarSensor(all) => o.key("sees").array(|a| {
            for m in all {
                a.item().object(|o| {
                    o.key("object").string(&m.object);
                    o.key("action").string(&m.action);
                    o.key("fields").strings(&m.fields);
                    o.key("notes").string(&m.notes);
                });
            }
        }),
        Details::Atomic(a) => write_atomic(a, o),
        Details::Lolbas(l) => {
            o.key("paths").strings(&l.paths);
            o.key("commands").array(|a| {
                for c in &l.commands {
                    a.item().object(|o| {
                        o.key("command").string(&c.command);
                        o.key("description").string(&c.description);
                        o.key("usecase").string(&c.usecase);
                        o.key("category").string(&c.category);
                        o.key("privileges").string(&c.privileges);
                        o.key("technique").string(&c.technique);
                    });
                }
            });
            pairs("detections", &l.detections, o);
        }
        _ => {}
    }
}

fn write_atomic(t: &shikra_knowledge::AtomicTest, o: &mut Members<'_>) {
    o.key("technique").string(&t.technique);
    o.key("number").number(t.number as u64);
    o.key("executor").string(&t.executor);
    o.key("elevated").bool(t.elevated);
    o.key("command").string(&t.command);
    o.key("cleanup").string(&t.cleanup);
    o.key("inputs").array(|a| {
        for i in &t.inputs {
            a.item().object(|o| {
                o.key("name").string(&i.name);
                o.key("description").string(&i.description);
                o.key("type").string(&i.kind);
                o.key("default").string(&i.default);
            });
        }
    });
    o.key("needs").array(|a| {
        for n in &t.needs {
            a.item().object(|o| {
                o.key("description").string(&n.description);
                o.key("check").string(&n.check);
                o.key("get").string(&n.get);
            });
        }
    });
}

/// Pairs as a list of objects, since names may stand twice.
fn pairs(key: &str, pairs: &[(String, String)], o: &mut Members<'_>) {
    o.key(key).array(|a| {
        for (name, text) in pairs {
            a.item().object(|o| {
                o.key("name").string(name);
                o.key("text").string(text);
            });
        }
    });
}
