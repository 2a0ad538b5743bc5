//! Layers of the ATT&CK Navigator: every object has the properties that format 4.5 asks for, of their types, and no
//! others.

use serde_json::Value;

use super::place::Place;

/// Object, property (`!`: it must be there), what its value is: a type, or an object of this table, `[]` for several.
const FORMAT: &[(&str, &str, &str)] = &[
    ("layer", "name!", "string"),
    ("layer", "versions!", "versions"),
    ("layer", "domain!", "string"),
    ("layer", "description", "string"),
    ("layer", "filters", "filter"),
    ("layer", "sorting", "number"),
    ("layer", "layout", "layout"),
    ("layer", "hideDisabled", "boolean"),
    ("layer", "techniques!", "technique[]"),
    ("layer", "gradient!", "gradient"),
    ("layer", "legendItems", "legend[]"),
    ("layer", "showTacticRowBackground", "boolean"),
    ("layer", "tacticRowBackground", "string"),
    ("layer", "selectTechniquesAcrossTactics", "boolean"),
    ("layer", "selectSubtechniquesWithParent", "boolean"),
    ("layer", "selectVisibleTechniques", "boolean"),
    ("layer", "metadata", "metadata[]"),
    ("layer", "links", "link[]"),
    ("versions", "attack", "string"),
    ("versions", "navigator!", "string"),
    ("versions", "layer!", "string"),
    ("filter", "platforms", "string[]"),
    ("technique", "techniqueID!", "string"),
    ("technique", "tactic", "string"),
    ("technique", "comment", "string"),
    ("technique", "enabled", "boolean"),
    ("technique", "score", "number"),
    ("technique", "color", "string"),
    ("technique", "metadata", "metadata[]"),
    ("technique", "links", "link[]"),
    ("technique", "showSubtechniques", "boolean"),
    ("gradient", "colors!", "string[]"),
    ("gradient", "minValue!", "number"),
    ("gradient", "maxValue!", "number"),
    ("legend", "label!", "string"),
    ("legend", "color!", "string"),
    ("metadata", "name!", "string"),
    ("metadata", "value!", "string"),
    ("link", "label!", "string"),
    ("link", "url!", "string"),
    ("layout", "layout", "string"),
    ("layout", "showID", "boolean"),
    ("layout", "showName", "boolean"),
    ("layout", "showAggregateScores", "boolean"),
    ("layout", "countUnscored", "boolean"),
    ("layout", "aggregateFunction", "string"),
    ("layout", "expandedSubtechniques", "string"),
];

/// Holds a value against what the format says it is.
fn check(value: &Value, what: &str, place: &str) {
    if let Some(one) = what.strip_suffix("[]") {
        let all = value.as_array().unwrap_or_else(|| panic!("{place} is no list: {value}"));
        return all.iter().enumerate().for_each(|(i, v)| check(v, one, &format!("{place}[{i}]")));
    }
    match what {
        "string" => assert!(value.is_string(), "{place}: {value}"),
        "number" => assert!(value.is_number(), "{place}: {value}"),
        "boolean" => assert!(value.is_boolean(), "{place}: {value}"),
        object => {
            let has = value.as_object().unwrap_or_else(|| panic!("{place} is no object: {value}"));
            let rows: Vec<_> = FORMAT.iter().filter(|r| r.0 == object).collect();
            for (_, name, _) in rows.iter().filter(|r| r.1.ends_with('!')) {
                assert!(has.contains_key(name.trim_end_matches('!')), "{place} lacks {name}");
            }
            for (key, inner) in has {
                let row = rows.iter().find(|r| r.1.trim_end_matches('!') == key);
                let (.., of) = row.unwrap_or_else(|| panic!("{place}.{key} is not of the format"));
                check(inner, of, &format!("{place}.{key}"));
            }
        }
    }
}

#[test]
fn layers_are_of_format_4_5() {
    let p = Place::new();
    p.write("log.ndjson", r#"{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":1,"Image":"C:\\Windows\\System32\\cmstp.exe","CommandLine":"cmstp.exe /s x.inf","TimeCreated":"2026-01-01T00:00:00Z"}"#);
    for args in [
        &["scan", "log.ndjson", "-f", "navigator"][..],
        &["coverage", "-f", "navigator"],
        &["coverage", "--data", "log.ndjson", "--group", "MuddyWater", "-f", "navigator"],
        &["coverage", "--attack", "18", "--platform", "all", "-f", "navigator"],
    ] {
        let layer: Value = serde_json::from_str(&p.run(args).out).unwrap_or_else(|e| panic!("{args:?}: {e}"));
        check(&layer, "layer", "layer");
        assert_eq!(layer["versions"]["layer"], "4.5");
        assert_eq!(layer["domain"], "enterprise-attack");
        assert!(layer["gradient"]["maxValue"].as_f64() > layer["gradient"]["minValue"].as_f64(), "{args:?}");
        assert!(!layer["techniques"].as_array().unwrap().is_empty(), "{args:?}");
    }
}
