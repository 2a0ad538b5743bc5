//! What was tried on rules, as a validation told it.

use std::collections::HashMap;

use serde_json::Value;
use shikra_ir::RuleMeta;

/// One test of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// The test.
    pub test: String,
    /// `fired`, `missed` where it had to, `did_not_fire` where it only might have, `near_miss`, `silent`.
    pub result: String,
}

/// Tests by rule.
#[derive(Clone, Debug, Default)]
pub struct Tries(HashMap<String, Vec<Tried>>);

impl Tries {
    /// Reads what `shikra validate --format json` wrote, beside what is there.
    ///
    /// # Errors
    /// Where it is not that.
    pub fn read(&mut self, text: &str) -> Result<(), String> {
        let whole: Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
        let rows = whole.get("rows").and_then(Value::as_array).ok_or("it has no rows of a validation")?;
        for row in rows {
            let text = |at: &str| row.pointer(at).and_then(Value::as_str).filter(|t| !t.is_empty());
            let rule = text("/rule/id").or_else(|| text("/rule/title"));
            let (Some(rule), Some(test), Some(result)) = (rule, text("/test"), text("/result")) else {
                continue;
            };
            let failed = row.get("failed").and_then(Value::as_bool).unwrap_or(true);
            let result = if result == "missed" && !failed { "did_not_fire" } else { result };
            // Of what was not tried there is nothing to tell.
            if result != "untested" {
                self.add(rule, Tried { test: test.to_owned(), result: result.to_owned() });
            }
        }
        Ok(())
    }

    /// Adds the result of a test of the rule with an id, or, where it has none, a title.
    pub fn add(&mut self, rule: &str, tried: Tried) {
        self.0.entry(rule.to_owned()).or_default().push(tried);
    }

    /// Tests of a rule.
    pub fn of(&self, rule: &RuleMeta) -> &[Tried] {
        let found = self.0.get(&rule.id).or_else(|| self.0.get(&rule.title));
        found.map_or(&[], Vec::as_slice)
    }

    /// Whether there is anything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
