//! What a validation proved, as `shikra validate --format json` writes it (`shikra.validation/1`).
//!
//! Read tolerantly: one JSON document with `rows`, or one row per line; members that are not known are passed over.

use std::collections::BTreeMap;

use serde_json::Value;
use shikra_knowledge::Knowledge;

/// One file of proofs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// What was tried.
    pub rows: Vec<ProofRow>,
    /// Rows that could not be understood.
    pub unusable: usize,
}

/// A rule that was tried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProofRow {
    /// Id or title of the rule.
    pub rule: String,
    /// Techniques that were tried on it; empty: those of the rule.
    pub techniques: Vec<String>,
    /// Whether it fired, as it should.
    pub fired: bool,
}

impl ProofRow {
    /// Whether it says something of a technique.
    pub(super) fn is_of(&self, latest: &str, known: &Knowledge) -> bool {
        self.techniques.is_empty() || self.techniques.iter().any(|t| known.latest(t) == latest)
    }
}

impl Proof {
    /// Reads a file.
    ///
    /// # Errors
    /// Where it is no JSON, or says nothing of rules.
    pub fn read(text: &str) -> Result<Proof, String> {
        let mut proof = Proof::default();
        match serde_json::from_str::<Value>(text) {
            Ok(whole) => proof.take(&whole),
            Err(whole) => {
                for line in text.lines().filter(|l| !l.trim().is_empty()) {
                    let row = serde_json::from_str::<Value>(line).map_err(|_| format!("no JSON: {whole}"))?;
                    proof.take(&row);
                }
            }
        }
        if proof.rows.is_empty() && proof.unusable == 0 {
            return Err("it has no rows of a validation".to_owned());
        }
        Ok(proof)
    }

    fn take(&mut self, value: &Value) {
        if let Some(rows) = value.get("rows").or(value.get("results")).and_then(Value::as_array) {
            let tests = techniques_of_tests(value);
            rows.iter().for_each(|r| self.row(r, &tests));
        } else if let Some(rows) = value.as_array() {
            rows.iter().for_each(|r| self.row(r, &BTreeMap::new()));
        } else if value.get("rule").is_some() {
            self.row(value, &BTreeMap::new());
        }
    }

    fn row(&mut self, row: &Value, tests: &BTreeMap<&str, &str>) {
        let rule = row.get("rule");
        let named = rule.and_then(Value::as_str).or_else(|| {
            let rule = rule?;
            rule.get("id").or(rule.get("title")).and_then(Value::as_str)
        });
        let result = row.get("result").or(row.get("status")).and_then(Value::as_str);
        let (Some(rule), Some(result)) = (named, result) else {
            self.unusable += 1;
            return;
        };
        let texts = |key: &str| -> Vec<String> {
            let all = row.get(key).and_then(Value::as_array).into_iter().flatten();
            all.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let mut techniques = texts("techniques");
        techniques.extend(row.get("technique").and_then(Value::as_str).map(str::to_owned));
        // A rule that fires on a test of one technique proves nothing of the others that its tags name.
        if let Some(tested) = row.get("test").and_then(Value::as_str).and_then(|t| tests.get(t)) {
            let told = !techniques.is_empty();
            techniques.retain(|t| are_kin(t, tested));
            if told && techniques.is_empty() {
                return;
            }
        }
        let fired = match result {
            "fired" | "passed" | "hit" => true,
            "missed" | "failed" | "miss" => false,
            // Not tried, not runnable, or fired on a look-alike: neither proof nor its opposite.
            _ => return,
        };
        self.rows.push(ProofRow { rule: rule.to_owned(), techniques, fired });
    }
}

/// Techniques of the tests of a validation, by the id of the test; those that tell theirs.
fn techniques_of_tests(value: &Value) -> BTreeMap<&str, &str> {
    let tests = value.get("tests").and_then(Value::as_array).into_iter().flatten();
    let told = tests.filter_map(|t| Some((t.get("id")?.as_str()?, t.get("technique")?.as_str()?)));
    told.filter(|(_, technique)| !technique.is_empty()).collect()
}

/// Whether two techniques are one, or one a sub-technique of the other.
fn are_kin(a: &str, b: &str) -> bool {
    let within = |sub: &str, of: &str| {
        sub.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    within(a, b) || within(b, a)
}

/// Rules by technique of an ATT&CK Navigator layer: what its `rules` metadata says, else one where the score is above
/// zero or there is none; none where the text is no layer.
pub fn layer_rules(text: &str) -> Option<BTreeMap<String, usize>> {
    let layer: Value = serde_json::from_str(text).ok()?;
    let techniques = layer.get("techniques")?.as_array()?;
    layer.get("domain").or(layer.get("versions")).or(layer.get("version"))?;
    let mut out = BTreeMap::new();
    for t in techniques {
        let Some(id) = t.get("techniqueID").and_then(Value::as_str) else { continue };
        let metadata = t.get("metadata").and_then(Value::as_array).into_iter().flatten();
        let told = metadata
            .filter(|m| m.get("name").and_then(Value::as_str) == Some("rules"))
            .find_map(|m| m.get("value")?.as_str()?.parse::<usize>().ok());
        let score = t.get("score").and_then(Value::as_f64);
        let on = t.get("enabled").and_then(Value::as_bool).unwrap_or(true);
        let rules = told.unwrap_or(usize::from(on && score.is_none_or(|s| s > 0.0)));
        if rules > 0 {
            *out.entry(id.to_owned()).or_insert(0) = rules;
        }
    }
    Some(out)
}

/// Rows by the rule they are of.
pub(super) fn by_rule(proofs: &[Proof]) -> BTreeMap<String, Vec<&ProofRow>> {
    let mut out: BTreeMap<String, Vec<&ProofRow>> = BTreeMap::new();
    for row in proofs.iter().flat_map(|p| &p.rows) {
        out.entry(row.rule.clone()).or_default().push(row);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_in_several_forms() {
        let whole = r#"{"schema":"shikra.validation/1","rows":[
            {"rule":"a","techniques":["T1"],"result":"fired","more":1},
            {"rule":{"id":"b","title":"B"},"technique":"T2","result":"missed"},
            {"rule":"c","result":"fired-on-near-miss"},{"rule":7,"result":"fired"}]}"#;
        let proof = Proof::read(whole).unwrap();
        assert_eq!((proof.rows.len(), proof.unusable), (2, 1));
        assert!(proof.rows[0].fired && !proof.rows[1].fired);
        assert_eq!(proof.rows[1].techniques, ["T2"]);
        let lines = "{\"rule\":\"a\",\"result\":\"fired\"}\n\n{\"rule\":\"b\",\"result\":\"missed\"}\n";
        assert_eq!(Proof::read(lines).unwrap().rows.len(), 2);
        for bad in ["", "{", "{}", "[]", "7", &"[".repeat(100_000)] {
            assert!(Proof::read(bad).is_err(), "{bad:.20}");
        }
    }

    #[test]
    fn a_test_proves_its_own_technique() {
        let text = r#"{"tests":[{"id":"t","technique":"T1218.003"},{"id":"u","technique":""}],"rows":[
            {"rule":"a","techniques":["T1218","T1218.003","T1218.0031","T1559.001"],"test":"t","result":"fired"},
            {"rule":"b","techniques":["T1559.001"],"test":"t","result":"fired"},
            {"rule":"c","techniques":["T1559.001"],"test":"u","result":"fired"}]}"#;
        let proof = Proof::read(text).unwrap();
        let told: Vec<(&str, &[String])> =
            proof.rows.iter().map(|r| (r.rule.as_str(), r.techniques.as_slice())).collect();
        assert_eq!(told.len(), 2);
        assert_eq!(told[0], ("a", &["T1218".to_owned(), "T1218.003".to_owned()][..]));
        assert_eq!(told[1], ("c", &["T1559.001".to_owned()][..]));
    }

    #[test]
    fn layers() {
        let layer = r#"{"domain":"enterprise-attack","techniques":[{"techniqueID":"T1","score":1},
            {"techniqueID":"T2","score":0},{"techniqueID":"T3"},{"techniqueID":"T4","enabled":false},
            {"techniqueID":"T5","score":2,"metadata":[{"name":"rules","value":"7"}]},{"x":1}]}"#;
        let rules = layer_rules(layer).unwrap();
        assert_eq!(
            rules.into_iter().collect::<Vec<_>>(),
            [("T1".into(), 1), ("T3".into(), 1), ("T5".into(), 7)]
        );
        assert!(layer_rules("{}").is_none() && layer_rules("[").is_none());
    }
}
