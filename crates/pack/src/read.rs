//! From the text of `pack.toml` to a [`Pack`]. A table a function, a key a line.

use shikra_ir::Level;
use shikra_syntax::{Diagnostic, Source};

use crate::model::*;
use crate::object::{Object, document};

const LEVELS: &[(&str, Level)] = &[
    ("informational", Level::Informational),
    ("low", Level::Low),
    ("medium", Level::Medium),
    ("high", Level::High),
    ("critical", Level::Critical),
];
const CONFIDENCE: &[(&str, &str)] = &[("low", "low"), ("medium", "medium"), ("high", "high")];
const KINDS: &[(&str, &str)] = &[("group", "group"), ("software", "software"), ("campaign", "campaign")];
const EXPECT: &[(&str, bool)] = &[("excluded", true), ("kept", false)];

/// Reads a pack. There is none where the text is no TOML; what else is wrong is told and left out.
pub fn parse(source: &Source) -> (Option<Pack>, Vec<Diagnostic>) {
    document(source, pack)
}

fn pack(o: &Object<'_>) -> Pack {
    let schema = o.need("schema");
    if !schema.is_empty() && schema != SCHEMA {
        let message = format!("schema `{schema}` is not one this program reads");
        o.tell(
            Diagnostic::error("schema", message, o.span_of("schema")).with_help(format!("write `{SCHEMA}`")),
        );
    }
    let risk_score = o.number("risk_score").unwrap_or_default();
    if risk_score > 100 {
        o.tell(Diagnostic::error(
            "wrong-type",
            "`risk_score` must be from 0 to 100",
            o.span_of("risk_score"),
        ));
    }
    let severity = o.word("severity", LEVELS).unwrap_or_default();
    Pack {
        id: o.need("id"),
        name: o.need("name"),
        formerly: o.texts("formerly"),
        parent: o.object("parent", named),
        tactics: o.objects("tactics", named),
        platforms: o.texts("platforms"),
        permissions: o.texts("permissions"),
        bypasses: o.texts("bypasses"),
        severity,
        risk_score,
        confidence: o.word("confidence", CONFIDENCE).unwrap_or_default().to_owned(),
        version: o.number("version").unwrap_or_default(),
        authors: o.texts("authors"),
        created: o.text("created"),
        modified: o.text("modified"),
        hypothesis: o.need("hypothesis"),
        description: o.need("description"),
        cites: o.texts("cites"),
        procedures: o.objects("procedures", procedure),
        related: o.objects("related", related),
        data: o.objects("data", data),
        events: o.objects("events", event),
        analytics: o.objects("analytics", analytic),
        countermeasures: o.objects("countermeasures", countermeasure),
        false_positives: o.objects("false_positives", false_positive),
        mitigations: o.objects("mitigations", mitigation),
        configuration: o.objects("configuration", configuration),
        investigation: o.objects("investigation", step),
        response: o.objects("response", step),
        hunting: o.object("hunting", hunting).unwrap_or_default(),
        tests: o.objects("tests", test_plan),
        references: o.objects("references", reference),
    }
}

fn named(o: &Object<'_>) -> Named {
    Named { id: o.need("id"), name: o.need("name") }
}

fn procedure(o: &Object<'_>) -> Procedure {
    Procedure {
        id: o.need("id"),
        name: o.need("name"),
        kind: o.word("kind", KINDS).unwrap_or("group").to_owned(),
        what: o.need("what"),
        command: o.text("command"),
        with: o.texts("with"),
        references: o.texts("references"),
        span: o.span(),
    }
}

fn related(o: &Object<'_>) -> Related {
    Related { id: o.need("id"), name: o.need("name"), formerly: o.texts("formerly"), why: o.need("why") }
}

fn data(o: &Object<'_>) -> DataComponent {
    DataComponent {
        id: o.need("id"),
        name: o.need("name"),
        source: o.text("source"),
        logs: o.texts("logs"),
        tables: o.texts("tables"),
        shows: o.need("shows"),
    }
}

fn event(o: &Object<'_>) -> EventField {
    EventField {
        provider: o.need("provider"),
        event_id: need_number(o, "event_id"),
        field: o.need("field"),
        value: o.text("value"),
        shows: o.need("shows"),
        references: o.texts("references"),
        span: o.span(),
    }
}

fn need_number(o: &Object<'_>, key: &'static str) -> u32 {
    o.number(key).unwrap_or_else(|| {
        o.tell(Diagnostic::error("missing-key", format!("`{key}` is missing"), o.span()));
        0
    })
}

fn analytic(o: &Object<'_>) -> Analytic {
    Analytic {
        id: o.need("id"),
        name: o.need("name"),
        publisher: o.need("publisher"),
        languages: o.texts("languages"),
        authors: o.texts("authors"),
        created: o.text("created"),
        modified: o.text("modified"),
        facts: o.pairs("facts"),
        data_model: o.texts("data_model"),
        looks_for: o.need("looks_for"),
        caveat: o.text("caveat"),
        ours: o.texts("ours"),
        references: o.texts("references"),
        span: o.span(),
    }
}

fn countermeasure(o: &Object<'_>) -> Countermeasure {
    Countermeasure {
        id: o.need("id"),
        name: o.need("name"),
        what: o.need("what"),
        references: o.texts("references"),
        span: o.span(),
    }
}

fn false_positive(o: &Object<'_>) -> FalsePositive {
    FalsePositive {
        id: o.need("id"),
        what: o.need("what"),
        rules: o.texts("rules"),
        tuning: o.need("tuning"),
        exclusion: o.text("exclusion"),
        tests: o.objects("tests", exclusion_test),
        span: o.span(),
    }
}

fn exclusion_test(o: &Object<'_>) -> ExclusionTest {
    let excluded = o.word("expect", EXPECT);
    if excluded.is_none() {
        o.tell(Diagnostic::error("missing-key", "`expect` must be `excluded` or `kept`", o.span()));
    }
    ExclusionTest {
        name: o.need("name"),
        excluded: excluded.unwrap_or_default(),
        rules: o.texts("rules"),
        event: o.pairs("event"),
        span: o.span(),
    }
}

fn mitigation(o: &Object<'_>) -> Mitigation {
    Mitigation {
        id: o.need("id"),
        name: o.need("name"),
        what: o.need("what"),
        artefact: o.text("artefact"),
        references: o.texts("references"),
        span: o.span(),
    }
}

fn configuration(o: &Object<'_>) -> Configuration {
    Configuration {
        title: o.need("title"),
        what: o.need("what"),
        setting: o.text("setting"),
        references: o.texts("references"),
        span: o.span(),
    }
}

fn step(o: &Object<'_>) -> Step {
    Step { phase: o.need("phase"), what: o.need("what"), look_at: o.texts("look_at"), means: o.text("means") }
}

fn hunting(o: &Object<'_>) -> Hunting {
    Hunting {
        notes: o.texts("notes"),
        ideas: o.objects("ideas", |o| Idea {
            kind: o.need("kind"),
            language: o.need("language"),
            query: o.need("query"),
            object: o.text("object"),
            shows: o.need("shows"),
            references: o.texts("references"),
        }),
        techniques: o.objects("techniques", |o| Technique {
            name: o.need("name"),
            serves: o.flag("serves"),
            why: o.need("why"),
        }),
    }
}

fn test_plan(o: &Object<'_>) -> TestPlan {
    TestPlan {
        name: o.need("name"),
        what: o.need("what"),
        publisher: o.text("publisher"),
        simulation: o.text("simulation"),
        expect: o.objects("expect", |o| Signal {
            provider: o.need("provider"),
            event_id: need_number(o, "event_id"),
            what: o.need("what"),
        }),
        references: o.texts("references"),
        span: o.span(),
    }
}

fn reference(o: &Object<'_>) -> Reference {
    Reference {
        id: o.need("id"),
        author: o.text("author"),
        title: o.need("title"),
        date: o.text("date"),
        retrieved: o.text("retrieved"),
        url: o.need("url"),
        span: o.span(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &str) -> Vec<(&'static str, usize)> {
        let source = Source::new("pack.toml", text);
        let (_, told) = parse(&source);
        told.iter().map(|d| (d.code, source.position(d.span.start).0)).collect()
    }

    const LEAST: &str =
        "schema = \"shikra.pack/1\"\nid = \"T1\"\nname = \"n\"\nhypothesis = \"h\"\ndescription = \"d\"\n";

    #[test]
    fn the_least_pack() {
        assert_eq!(codes(LEAST), []);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (more, want) in [
            ("hypotesis = 1", vec![("unknown-key", 6)]),
            ("severity = \"bad\"", vec![("unknown-word", 6)]),
            ("version = \"1\"", vec![("wrong-type", 6)]),
            ("risk_score = 101", vec![("wrong-type", 6)]),
            ("procedures = 3", vec![("wrong-type", 6)]),
            (
                "[[references]]\nid = \"a\"\ntitel = \"t\"\nurl = \"u\"",
                vec![("missing-key", 7), ("unknown-key", 8)],
            ),
            ("[[events]]\nprovider = \"p\"\nfield = \"f\"\nshows = \"s\"", vec![("missing-key", 6)]),
            ("x = ", vec![("toml", 6)]),
        ] {
            assert_eq!(codes(&format!("{LEAST}{more}\n")), want, "{more}");
        }
    }

    #[test]
    fn another_schema() {
        assert_eq!(codes(&LEAST.replace("/1", "/9")), [("schema", 1)]);
    }
}
