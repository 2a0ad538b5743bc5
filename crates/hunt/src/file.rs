//! Hunt files: a hypothesis, what is needed to test it, an analytic with its parameters, and what would confirm
//! or refute it. The format is described in `docs/hunting.md`.

use toml::Value as Toml;

use crate::analytic::Analytic;
use crate::params::Params;

/// A hunt.
#[derive(Clone, Debug, Default)]
pub struct HuntFile {
    /// Its id: letters, digits, `.`, `-`, `_`.
    pub id: String,
    /// Title.
    pub title: String,
    /// ATT&CK techniques.
    pub techniques: Vec<String>,
    /// What is supposed.
    pub hypothesis: String,
    /// What telemetry it needs, in words.
    pub data: Vec<String>,
    /// What would confirm it.
    pub confirms: Vec<String>,
    /// What would refute it.
    pub refutes: Vec<String>,
    /// Only events of this category, as Sigma names it.
    pub category: Option<String>,
    /// Language of the filters.
    pub language: String,
    /// Filters.
    pub filters: Vec<String>,
    /// Name of the analytic.
    pub analytic: String,
    /// What it sets of the analytic's parameters.
    pub parameters: Vec<(String, Vec<String>)>,
}

/// Language of filters where none is named.
const LANGUAGE: &str = "kql";

impl HuntFile {
    /// Reads a hunt.
    ///
    /// # Errors
    /// Where it is no TOML, lacks a key, has one that is not known, or its parameters do not suit its analytic.
    pub fn parse(text: &str) -> Result<HuntFile, String> {
        let table: toml::Table = text.parse().map_err(|e: toml::de::Error| e.to_string())?;
        let mut hunt = HuntFile { language: LANGUAGE.to_owned(), ..HuntFile::default() };
        for (key, value) in &table {
            let text = || texts(key, value).map(|t| prose(&t.join(" ")));
            let list = || texts(key, value).map(|all| all.iter().map(|t| prose(t)).collect::<Vec<_>>());
            match key.as_str() {
                "id" => hunt.id = text()?,
                "title" => hunt.title = text()?,
                "hypothesis" => hunt.hypothesis = text()?,
                "category" => hunt.category = Some(text()?),
                "language" => hunt.language = text()?,
                "analytic" => hunt.analytic = text()?,
                "techniques" => hunt.techniques = list()?,
                "data" => hunt.data = list()?,
                "confirms" => hunt.confirms = list()?,
                "refutes" => hunt.refutes = list()?,
                "where" => hunt.filters = texts(key, value)?,
                "parameters" => hunt.parameters = parameters(value)?,
                _ => return Err(format!("there is no key {key:?} in a hunt")),
            }
        }
        hunt.complete()?;
        Ok(hunt)
    }

    fn complete(&self) -> Result<(), String> {
        for (key, value) in [
            ("id", &self.id),
            ("title", &self.title),
            ("hypothesis", &self.hypothesis),
            ("analytic", &self.analytic),
        ] {
            if value.trim().is_empty() {
                return Err(format!("a hunt must have the key {key:?}"));
            }
        }
        if !self.id.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c)) {
            return Err(format!("{:?} is no id: use letters, digits, '.', '-' and '_'", self.id));
        }
        for (key, value) in [("data", &self.data), ("confirms", &self.confirms), ("refutes", &self.refutes)] {
            if value.is_empty() {
                return Err(format!("a hunt must say {key:?}"));
            }
        }
        let (analytic, params) = self.ready(&[])?;
        let ask = (analytic.ask)(&params)?;
        if self.filters.len() > ask.filters {
            return Err(format!("{} takes one filter, here are {}", analytic.name, self.filters.len()));
        }
        Ok(())
    }

    /// Its analytic, and the parameters with what the user has set over them. Of those, a parameter that the
    /// analytic does not have is left out.
    ///
    /// # Errors
    /// Where a parameter cannot be understood.
    pub fn ready(&self, over: &[(String, Vec<String>)]) -> Result<(&'static Analytic, Params), String> {
        let analytic = Analytic::named(&self.analytic).ok_or_else(|| {
            let all: Vec<&str> = crate::ANALYTICS.iter().map(|a| a.name).collect();
            format!("there is no analytic {:?}: it is one of {}", self.analytic, all.join(", "))
        })?;
        let known = |name: &str| analytic.parameters.iter().chain(crate::COMMON).any(|p| p.name == name);
        let over = over.iter().filter(|(name, _)| known(name)).cloned();
        let params = analytic.params(self.parameters.iter().cloned().chain(over))?;
        Ok((analytic, params))
    }
}

fn parameters(value: &Toml) -> Result<Vec<(String, Vec<String>)>, String> {
    let Some(table) = value.as_table() else { return Err("\"parameters\" must be a table".to_owned()) };
    table.iter().map(|(k, v)| Ok((k.clone(), texts(k, v)?))).collect()
}

/// Lines of a text as one.
fn prose(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text, number, switch, or a list of them, as texts.
fn texts(key: &str, value: &Toml) -> Result<Vec<String>, String> {
    match value {
        Toml::String(s) => Ok(vec![s.trim().to_owned()]),
        Toml::Integer(n) => Ok(vec![n.to_string()]),
        Toml::Float(n) => Ok(vec![n.to_string()]),
        Toml::Boolean(b) => Ok(vec![b.to_string()]),
        Toml::Array(items) if items.iter().all(|i| !i.is_array()) => {
            Ok(items.iter().map(|i| texts(key, i)).collect::<Result<Vec<_>, _>>()?.concat())
        }
        _ => Err(format!("{key:?} must be a text, a number, or a list of them")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        id = "x"
        title = "X"
        hypothesis = "h"
        data = "d"
        confirms = ["c"]
        refutes = ["r"]
        analytic = "stack"
        parameters = { by = ["Image", "mask(CommandLine)"], top = 5 }
    "#;

    #[test]
    fn hunts_are_read() {
        let h = HuntFile::parse(GOOD).unwrap();
        let (analytic, params) =
            h.ready(&[("top".into(), vec!["7".into()]), ("seed".into(), vec![])]).unwrap();
        assert_eq!((analytic.name, params.whole("top")), ("stack", 7));
        assert_eq!(params.list("by"), ["Image", "mask(CommandLine)"]);
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (from, to) in [
            ("id = \"x\"", ""),
            ("id = \"x\"", "id = \"a b\""),
            ("\"stack\"", "\"guess\""),
            ("top = 5", "top = \"many\""),
            ("top = 5", "bottom = 5"),
            ("by =", "of ="),
            ("refutes = [\"r\"]", ""),
            ("title =", "titel ="),
            ("title = \"X\"", "title = [[\"X\"]]"),
            ("id", "id = ["),
        ] {
            assert!(HuntFile::parse(&GOOD.replacen(from, to, 1)).is_err(), "{from} -> {to}");
        }
    }
}
