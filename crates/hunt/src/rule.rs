//! From a row of a result to a Sigma rule, or a correlation where the row is about a number of events.

use std::fmt::Write as _;

use shikra_event::Value;
use shikra_ir::Names;

use crate::column::{Change, ColumnSource, ColumnSpec};
use crate::feature::Feature;
use crate::params::Params;
use crate::result::{HuntResult, ResultRow};
use crate::text::hash_bytes;

/// Longest text of a threshold: a regular expression has to count it.
const LONGEST: f64 = 4000.0;

/// Names of ECS and CAR for what Sigma calls otherwise.
const SIGMA_NAMES: &[(&str, &str, Change)] = &[
    ("process.name", "Image", Change::Name),
    ("process.executable", "Image", Change::None),
    ("process.command_line", "CommandLine", Change::None),
    ("process.parent.name", "ParentImage", Change::Name),
    ("process.parent.executable", "ParentImage", Change::None),
    ("process.parent.command_line", "ParentCommandLine", Change::None),
    ("user.name", "User", Change::None),
    ("exe", "Image", Change::Name),
    ("parent_exe", "ParentImage", Change::Name),
    ("image_path", "Image", Change::None),
    ("command_line", "CommandLine", Change::None),
];

/// What a hunt asked of events beside its category, and how that goes into a rule.
#[derive(Clone, Copy, Debug)]
pub struct Filter<'a> {
    /// As it was asked.
    pub asked: &'a str,
    /// `logsource` and `detection` of what the rule would ask without it and the filter together; or why there are
    /// none.
    pub said: Result<&'a str, &'a str>,
}

/// The rule of a row. `category`: of the hunt.
///
/// # Errors
/// Where what made the row cannot be said in Sigma; in words.
pub fn sigma(
    result: &HuntResult,
    row: usize,
    params: &Params,
    category: Option<&str>,
    filter: Option<Filter<'_>>,
) -> Result<String, String> {
    let Some(of) = result.rows.get(row.wrapping_sub(1)) else {
        return Err(format!("there is no row {row}: the result has {}", result.rows.len()));
    };
    let selection = match result.analytic {
        "stack" => values(of, &params.columns("by")?)?,
        "outlier" => values(of, &params.columns("of")?)?,
        "cluster" if params.list("features").is_empty() => masked(of, &params.columns("of")?)?,
        "cluster" => values(of, &params.columns("of")?)?,
        "rare" if !params.list("of").is_empty() => {
            values(of, &[params.columns("of")?, params.columns("given")?].concat())?
        }
        "rare" if !params.list("text").is_empty() => values(of, &params.columns("text")?)?,
        "search" => return Err("a search finds events by a rule already".to_owned()),
        "box" => {
            let groups = params.columns("group")?;
            let feature = Feature::parse(params.word("feature"))?;
            if !feature.is_length() {
                let entity = [groups, params.columns("of")?].concat();
                return correlation(result, of, &entity, &feature, (category, filter));
            }
            let mut lines = values(of, &groups)?;
            lines.push(longer(of, &feature, groups.len() + params.columns("of")?.len())?);
            lines
        }
        "scatter" => values(of, &params.columns("of")?)?,
        other => return Err(format!("a row of {other} cannot be said as one Sigma rule")),
    };
    Ok(document(result, of, (category, filter), &selection))
}

/// A field of Sigma and what was made of it.
fn field(column: &ColumnSpec) -> Result<(String, Change), String> {
    let plain = |name: &str| Ok((name.to_owned(), column.change));
    match &column.source {
        ColumnSource::Host => plain("Computer"),
        ColumnSource::User => plain("User"),
        ColumnSource::Provider => plain("Provider_Name"),
        ColumnSource::Channel => plain("Channel"),
        ColumnSource::EventId => plain("EventID"),
        ColumnSource::Field(fields) => {
            let name = fields.first().map_or("", |f| &f.name);
            let known = SIGMA_NAMES.iter().find(|n| n.0 == name);
            let sigma = fields.iter().any(|f| f.names == Names::Sigma);
            match known {
                Some((_, own, change)) if column.change == Change::None => Ok(((*own).to_owned(), *change)),
                Some((_, own, _)) => plain(own),
                None if sigma => plain(name),
                None => Err(format!("{:?} has no name in Sigma", column.text)),
            }
        }
        _ => Err(format!("{:?} cannot be said in Sigma", column.text)),
    }
}

/// The value of a text as Sigma writes it: nothing in it is a wildcard.
fn literal(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if matches!(c, '*' | '?' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// A YAML text in double quotes.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() || ('\u{200b}'..='\u{206f}').contains(&c) || c == '\u{feff}' => {
                let _ = write!(out, "\\U{:08x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn values(row: &ResultRow, columns: &[ColumnSpec]) -> Result<Vec<String>, String> {
    let mut lines = Vec::new();
    for (column, cell) in columns.iter().zip(&row.cells) {
        let Some(text) = cell.to_text() else { continue };
        let (name, change) = field(column)?;
        let name = yaml_key(&name)?;
        lines.push(match change {
            Change::None => format!("{name}: {}", quoted(&literal(&text))),
            Change::Name => format!("{name}|endswith: {}", quoted(&literal(&format!("\\{text}")))),
            Change::Folder => format!("{name}|startswith: {}", quoted(&literal(&format!("{text}\\")))),
            Change::Mask => format!("{name}: {}", quoted(&wild(&text))),
        });
    }
    Ok(lines)
}

fn masked(row: &ResultRow, columns: &[ColumnSpec]) -> Result<Vec<String>, String> {
    let [one] = columns else {
        return Err("a cluster of several columns cannot be said as one Sigma rule".to_owned());
    };
    values(row, &[ColumnSpec { change: Change::Mask, ..one.clone() }])
}

/// A masked text with wildcards for what was masked.
fn wild(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let end = rest[at..].find('>').map(|e| at + e);
        let masked =
            end.filter(|e| ["guid", "sid", "ip", "hex", "base64", "n", "user"].contains(&&rest[at + 1..*e]));
        match masked {
            Some(e) => {
                out.push_str(&literal(&rest[..at]));
                out.push('*');
                rest = &rest[e + 1..];
            }
            None => {
                out.push_str(&literal(&rest[..=at]));
                rest = &rest[at + 1..];
            }
        }
    }
    out.push_str(&literal(rest));
    out
}

fn yaml_key(name: &str) -> Result<String, String> {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "_.-".contains(c));
    if plain { Ok(name.to_owned()) } else { Err(format!("{name:?} cannot be the name of a field in a rule")) }
}

fn threshold(row: &ResultRow, columns: usize) -> Result<f64, String> {
    match row.cells.get(columns + 1) {
        Some(Value::F64(t)) if *t > 0.0 => Ok(t.floor() + 1.0),
        _ => Err("the row has no threshold".to_owned()),
    }
}

/// A text of at least so many characters.
fn longer(row: &ResultRow, feature: &Feature, columns: usize) -> Result<String, String> {
    let least = threshold(row, columns)?;
    if least > LONGEST {
        return Err(format!("texts of more than {LONGEST} characters cannot be asked for in a rule"));
    }
    let column = feature.column().ok_or("the feature has no column")?;
    let (name, change) = field(column)?;
    if change != Change::None {
        return Err(format!("the length of {:?} cannot be asked for in a rule", column.text));
    }
    Ok(format!("{}|re: '^[\\s\\S]{{{least}}}'", yaml_key(&name)?))
}

fn header(title: &str, id: &str, description: &str, result: &HuntResult) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "title: {}", quoted(title));
    let _ = writeln!(out, "id: {}", uuid(id));
    let _ = writeln!(out, "status: experimental");
    let _ = writeln!(out, "description: {}", quoted(description));
    if !result.techniques.is_empty() {
        let tags = result.techniques.iter().map(|t| format!("attack.{}", t.to_lowercase()));
        let _ = writeln!(out, "tags: [{}]", tags.collect::<Vec<_>>().join(", "));
    }
    out
}

/// A UUID that the content decides.
fn uuid(content: &str) -> String {
    let (a, b) = (hash_bytes(content.as_bytes()), hash_bytes(format!("{content}\0").as_bytes()));
    let (c, d) = ((b >> 48) & 0x3fff | 0x8000, b & 0xffff_ffff_ffff);
    format!("{:08x}-{:04x}-8{:03x}-{c:04x}-{d:012x}", a >> 32, (a >> 16) & 0xffff, a & 0xfff)
}

fn said(result: &HuntResult, row: &ResultRow, filter: Option<Filter<'_>>) -> String {
    let reasons: Vec<&str> = row.reasons.iter().take(3).map(|r| r.words.as_str()).collect();
    let of = if result.id.is_empty() { result.analytic } else { &result.id };
    let asked = match filter {
        None => String::new(),
        Some(Filter { asked, said: Ok(_) }) => format!(" Of events that the hunt's filter finds: {asked}"),
        Some(Filter { asked, said: Err(why) }) => {
            format!(" The rule lacks the hunt's filter, which Sigma cannot say ({why}): {asked}")
        }
    };
    format!("Made from a row of the hunt {of}: {}.{asked}", reasons.join("; "))
}

fn log_source(category: Option<&str>) -> String {
    match category {
        Some(c) => format!("logsource:\n  product: windows\n  category: {}\n", quoted(c)),
        None => "logsource:\n  product: windows\n".to_owned(),
    }
}

/// Log source and condition: those with the filter where it could be said.
fn query((category, filter): (Option<&str>, Option<Filter<'_>>), selection: &[String]) -> String {
    if let Some(Filter { said: Ok(query), .. }) = filter {
        return query.to_owned();
    }
    let mut out = log_source(category);
    out.push_str("detection:\n  selection:\n");
    for line in selection {
        let _ = writeln!(out, "    {line}");
    }
    out.push_str("  condition: selection\n");
    out
}

fn document(
    result: &HuntResult,
    row: &ResultRow,
    events: (Option<&str>, Option<Filter<'_>>),
    selection: &[String],
) -> String {
    let first = row.cells.iter().find_map(Value::to_text).unwrap_or_default();
    let short: String = first.chars().take(80).collect();
    let title = format!("Hunted: {short}");
    let query = query(events, selection);
    let mut out = header(&title, &query, &said(result, row, events.1), result);
    out.push_str(&query);
    out.push_str("level: low\n");
    out
}

/// More events, or more different values, than the threshold within the time that was looked at.
fn correlation(
    result: &HuntResult,
    row: &ResultRow,
    entity: &[ColumnSpec],
    feature: &Feature,
    events: (Option<&str>, Option<Filter<'_>>),
) -> Result<String, String> {
    let least = threshold(row, entity.len())?;
    let mut keys = Vec::new();
    for c in entity {
        match field(c)? {
            (name, Change::None) => keys.push(yaml_key(&name)?),
            _ => return Err(format!("{:?} cannot group the events of a rule", c.text)),
        }
    }
    let (kind, condition) = match (feature.text.split('(').next(), feature.column()) {
        (Some("count"), _) => ("event_count", format!("gte: {least}")),
        (Some("distinct"), Some(c)) => match field(c)? {
            (name, Change::None) => ("value_count", format!("field: {}\n    gte: {least}", yaml_key(&name)?)),
            _ => return Err(format!("different values of {:?} cannot be counted by a rule", c.text)),
        },
        _ => return Err(format!("a threshold of {} cannot be said in Sigma", feature.text)),
    };
    let days = result.population.span.map_or(0, |(a, b)| b.0.saturating_sub(a.0) / 86_400_000_000_000) + 1;
    let description = said(result, row, events.1);
    let any = format!("{}|exists: true", keys.first().map_or("EventID", String::as_str));
    let query = query(events, &[any]);
    let (base, own) = (format!("base{keys:?}{query}"), format!("own{keys:?}{least}{kind}{query}"));
    let mut out = header("Hunted: events that are counted", &base, &description, result);
    let _ = writeln!(out, "name: hunted_events");
    out.push_str(&query);
    out.push_str("level: informational\n---\n");
    out.push_str(&header(
        &format!("Hunted: {} of {least} or more", feature.text),
        &own,
        &description,
        result,
    ));
    let _ = writeln!(
        out,
        "correlation:\n  type: {kind}\n  rules: [hunted_events]\n  group-by: [{}]\n  timespan: {days}d\n  condition:\n    {condition}\nlevel: low",
        keys.join(", ")
    );
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_texts() {
        assert_eq!(literal("a*\\b?"), "a\\*\\\\b\\?");
        assert_eq!(quoted("a\"\\\n\u{202e}"), "\"a\\\"\\\\\\U0000000a\\U0000202e\"");
        assert_eq!(wild("x <n> <b> <guid>*"), "x * <b> *\\*");
    }
}
