//! What `rules convert` says of a rule: a line of JSON, or a line for people for each clause that was refused.

use shikra_ir::RuleMeta;

use crate::json::Json;

/// What became of a rule.
#[derive(Clone, Debug)]
pub struct ConvertLine<'a> {
    /// The rule.
    pub meta: &'a RuleMeta,
    /// Language it was to be written in.
    pub to: &'a str,
    /// Id of the new rule, where there is one.
    pub id: Option<&'a str>,
    /// Its query.
    pub query: Option<&'a str>,
    /// File it was written to.
    pub file: Option<String>,
    /// What to know of it.
    pub notes: &'a [String],
    /// Clauses that cannot be said: line in the rule's file, clause (empty: the rule as a whole), reason.
    pub refused: Vec<(usize, String, String)>,
}

impl ConvertLine<'_> {
    /// As one line of JSON, without the line end.
    pub fn to_json(&self) -> String {
        let mut out = Vec::new();
        Json::new(&mut out).object(|o| {
            o.key("path").string(&self.meta.path);
            o.key("id").string(&self.meta.id);
            o.key("title").string(&self.meta.title);
            o.key("from").string(self.meta.language);
            o.key("to").string(self.to);
            o.key("converted").string_or_null(self.id);
            o.key("file").string_or_null(self.file.as_deref());
            o.key("query").string_or_null(self.query);
            o.key("notes").strings(self.notes);
            o.key("refused").array(|a| {
                for (line, clause, reason) in &self.refused {
                    a.item().object(|o| {
                        o.key("line").number(*line as u64);
                        o.key("clause").string(clause);
                        o.key("reason").string(reason);
                    });
                }
            });
        });
        String::from_utf8(out).unwrap_or_default()
    }

    /// `file:line: clause: reason`, one for each clause. Clauses are put on one line and cut short.
    pub fn refusals(&self) -> Vec<String> {
        let one = |(line, clause, reason): &(usize, String, String)| {
            let clause: Vec<&str> = clause.split_whitespace().collect();
            let clause: String = clause.join(" ").chars().take(80).collect();
            let what = if clause.is_empty() { String::new() } else { format!(" `{clause}`:") };
            format!("{}:{line}: refused:{what} {reason}", self.meta.path)
        };
        self.refused.iter().map(one).collect()
    }
}
