//! What Elastic's rule files tell of their rules.

use shikra_ir::{Level, RuleMeta};

use super::node::Node;

/// A rule of the detection engine.
pub(super) fn detection(root: &Node<'_>, rule: &Node<'_>) -> RuleMeta {
    let about = root.get("metadata").unwrap_or_default();
    let mut tags = threats(&rule.get("threat").unwrap_or_default());
    if rule.get("building_block_type").is_some() {
        tags.push("elastic.building-block".to_owned());
    }
    let risk = rule.get("risk_score").and_then(|n| n.number());
    let severity = rule.text_of("severity").and_then(|s| Level::parse(&s));
    let fields = rule.get("investigation_fields").unwrap_or_default().texts_of("field_names");
    RuleMeta {
        id: rule.text_of("rule_id").unwrap_or_default(),
        title: rule.text_of("name").unwrap_or_default(),
        level: severity.unwrap_or_else(|| of_risk(risk.unwrap_or(0))),
        status: about.text_of("maturity"),
        date: about.text_of("creation_date"),
        modified: about.text_of("updated_date"),
        description: rule.text_of("description"),
        author: Some(rule.texts_of("author").join(", ")).filter(|a| !a.is_empty()),
        references: rule.texts_of("references"),
        false_positives: rule.texts_of("false_positives"),
        fields,
        tags,
        ..RuleMeta::default()
    }
}

/// A behaviour rule of Elastic Endpoint. It has no severity: what it finds, it acts on.
pub(super) fn endpoint(root: &Node<'_>, rule: &Node<'_>) -> RuleMeta {
    RuleMeta {
        id: rule.text_of("id").unwrap_or_default(),
        title: rule.text_of("name").unwrap_or_default(),
        level: Level::High,
        description: rule.text_of("description"),
        references: rule.texts_of("reference"),
        tags: threats(&root.get("threat").unwrap_or_default()),
        ..RuleMeta::default()
    }
}

/// A hunt, which reports what a person is to look at.
pub(super) fn hunt(hunt: &Node<'_>) -> RuleMeta {
    let technique = |t: &String| format!("attack.{}", t.to_lowercase());
    RuleMeta {
        id: hunt.text_of("uuid").unwrap_or_default(),
        title: hunt.text_of("name").unwrap_or_default(),
        level: Level::Informational,
        description: hunt.text_of("description"),
        author: hunt.text_of("author"),
        references: hunt.texts_of("references"),
        tags: hunt.texts_of("mitre").iter().map(technique).collect(),
        ..RuleMeta::default()
    }
}

/// Severities as Kibana derives them from risk scores.
fn of_risk(score: i64) -> Level {
    match score {
        ..=21 => Level::Low,
        22..=47 => Level::Medium,
        48..=73 => Level::High,
        _ => Level::Critical,
    }
}

/// Tags for tactics, techniques and subtechniques of ATT&CK.
fn threats(threats: &Node<'_>) -> Vec<String> {
    let mut tags = Vec::new();
    let mut add = |tag: String| {
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    };
    for threat in threats.items() {
        if threat.text_of("framework").is_some_and(|f| f != "MITRE ATT&CK") {
            continue;
        }
        if let Some(tactic) = threat.get("tactic").and_then(|t| t.text_of("name")) {
            add(format!("attack.{}", tactic.to_lowercase().replace(' ', "-")));
        }
        for technique in threat.get("technique").unwrap_or_default().items() {
            let below = technique.get("subtechnique").unwrap_or_default().items();
            for named in std::iter::once(technique).chain(below) {
                if let Some(id) = named.text_of("id") {
                    add(format!("attack.{}", id.to_lowercase()));
                }
            }
        }
    }
    tags
}
