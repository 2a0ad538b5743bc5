//! Log sources: rows of keys, and the events each means.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use shikra_event::Form;
use shikra_ir::{Expr, Keys, LogSource, Names, Op, Part, Pattern, Scalar, Test, Words};

use crate::events::{EventRef, Logs};
use crate::nearest::nearest;
use crate::table::{Row, TableErrorKind as Kind, split_outside, words};
use crate::{Alternative, Selector, UnknownLogSource};

/// Log sources of all schemes.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    schemes: HashMap<Names, Scheme>,
}

/// Log sources of one scheme.
#[derive(Debug)]
struct Scheme {
    names: Names,
    rows: HashMap<Keys, Source>,
    /// Rows with a value that ends in `*`, and their text, in which `$` stands for what the `*` did.
    patterns: Vec<(Keys, String)>,
    /// Index names, as written in the table, with what each means.
    indices: Vec<(String, Source)>,
    /// The same for names that end in `*`.
    index_patterns: Vec<(String, String)>,
    /// Keys that some row has; others mean nothing to the taxonomy.
    known_keys: HashSet<String>,
}

/// What a row means: the selector, and the events it names for look-ups of their fields.
#[derive(Clone, Debug, Default)]
pub(crate) struct Source {
    pub selector: Selector,
    /// Events of Windows logs; of those without ids, all.
    pub events: Vec<EventRef>,
    /// Whether `events` is all that the selector admits, but for documents of other forms.
    pub bounded: bool,
}

impl Sources {
    /// Takes in a row: section `scheme key value…`, key `key value…` or `*` for the section alone; in a
    /// section `scheme indices`, the key is an index pattern.
    pub fn add(&mut self, row: &Row<'_>, logs: &Logs) -> Result<(), Kind> {
        let mut section = words(row.section).into_iter();
        let names = section.next().unwrap_or("");
        let names = Names::ALL.iter().find(|n| n.as_str() == names);
        let Some(names) = names else { return Err(Kind::Section(row.section.to_owned())) };
        let scheme = self.schemes.entry(*names).or_insert_with(|| Scheme::new(*names));
        let mut pairs: Vec<&str> = section.collect();
        if pairs == ["indices"] {
            return scheme.add_index(row, logs);
        }
        if row.key != "*" {
            pairs.extend(words(row.key));
        }
        if !pairs.len().is_multiple_of(2) {
            return Err(Kind::Value(row.key.to_owned()));
        }
        let keys: Keys = pairs.chunks_exact(2).map(|p| (p[0].to_lowercase(), p[1].to_lowercase())).collect();
        scheme.add(keys, row, logs)
    }

    /// The keys of all rows of a scheme without patterns, the shortest first.
    pub fn of(&self, names: Names) -> Vec<LogSource> {
        let rows = self.schemes.get(&names).into_iter().flat_map(|s| s.rows.keys());
        let mut all: Vec<LogSource> =
            rows.map(|keys| LogSource { names, keys: keys.clone(), indices: Vec::new() }).collect();
        all.sort_by(|a, b| a.keys.len().cmp(&b.keys.len()).then_with(|| a.keys.cmp(&b.keys)));
        all
    }

    /// What a log source means.
    pub fn find(&self, source: &LogSource, logs: &Logs) -> Result<Source, UnknownLogSource> {
        let Some(scheme) = self.schemes.get(&source.names) else { return Ok(Source::everything()) };
        let keys: Keys = source
            .keys
            .iter()
            .filter(|(k, v)| scheme.known_keys.contains(*k) && !v.trim().is_empty())
            .map(|(k, v)| (k.clone(), v.trim().to_lowercase()))
            .collect();
        let by_keys = scheme.by_keys(&keys, logs)?;
        if source.indices.is_empty() {
            return Ok(by_keys);
        }
        Ok(by_keys.and(&scheme.by_indices(&source.indices, logs)))
    }
}

impl Scheme {
    fn new(names: Names) -> Scheme {
        Scheme {
            names,
            rows: HashMap::new(),
            patterns: Vec::new(),
            indices: Vec::new(),
            index_patterns: Vec::new(),
            known_keys: HashSet::new(),
        }
    }

    fn add(&mut self, keys: Keys, row: &Row<'_>, logs: &Logs) -> Result<(), Kind> {
        self.known_keys.extend(keys.keys().cloned());
        // A pattern is read anew for each log source; here it is only checked.
        let source = source(&row.value, logs, self.names)?;
        let known = if keys.values().any(|v| v.ends_with('*')) {
            let known = self.patterns.iter().any(|(k, _)| *k == keys);
            self.patterns.push((keys, row.value.clone()));
            known
        } else {
            self.rows.insert(keys, source).is_some()
        };
        if known { Err(Kind::Duplicate(row.key.to_owned())) } else { Ok(()) }
    }

    fn add_index(&mut self, row: &Row<'_>, logs: &Logs) -> Result<(), Kind> {
        let source = source(&row.value, logs, self.names)?;
        match row.key.strip_suffix('*') {
            Some(prefix) => self.index_patterns.push((prefix.to_lowercase(), row.value.clone())),
            None => self.indices.push((row.key.to_lowercase(), source)),
        }
        Ok(())
    }

    fn by_keys(&self, keys: &Keys, logs: &Logs) -> Result<Source, UnknownLogSource> {
        if keys.is_empty() {
            return Ok(self.rows.get(keys).cloned().unwrap_or_else(Source::everything));
        }
        if let Some(found) = self.rows.get(keys) {
            return Ok(found.clone());
        }
        match self.combined(keys, logs) {
            Err(_) if !keys.contains_key("product") && self.known_keys.contains("product") => {
                self.any_product(keys, logs)
            }
            other => other,
        }
    }

    /// The meeting of the rows that together name every key.
    fn combined(&self, keys: &Keys, logs: &Logs) -> Result<Source, UnknownLogSource> {
        let fits = |row: &Keys| row.iter().all(|(k, v)| keys.get(k).is_some_and(|value| fits(v, value)));
        let exact = self.rows.iter().filter(|(row, _)| fits(row)).map(|(row, s)| (row, Cow::Borrowed(s)));
        let patterns = self.patterns.iter().filter(|(row, _)| fits(row)).filter_map(|(row, text)| {
            source(&filled(row, keys, text), logs, self.names).ok().map(|s| (row, Cow::Owned(s)))
        });
        let matching: Vec<(&Keys, Cow<'_, Source>)> = exact.chain(patterns).collect();
        let covered = |key: &String| matching.iter().any(|(row, _)| row.contains_key(key));
        let missing = || keys.iter().filter(|(key, _)| !covered(key));
        let unheard = || missing().find(|(k, v)| !self.rows.keys().any(|row| row.get(k) == Some(*v)));
        if let Some((key, value)) = unheard().or_else(|| missing().next()) {
            return self.unknown(keys, key, value);
        }
        let literal = |row: &Keys| row.values().map(|v| v.trim_end_matches('*').len()).sum::<usize>();
        let narrower = |row: &Keys| {
            let rank = |r: &Keys| (r.len(), literal(r));
            matching.iter().any(|(r, _)| rank(r) > rank(row) && row.keys().all(|k| r.contains_key(k)))
        };
        let mut narrow: Vec<_> = matching.iter().filter(|(row, _)| !narrower(row)).collect();
        narrow.sort_by_key(|(row, _)| *row);
        Ok(narrow.into_iter().fold(Source::everything(), |all, (_, source)| all.and(source)))
    }

    /// A log source that names no product means that of every product which has it.
    fn any_product(&self, keys: &Keys, logs: &Logs) -> Result<Source, UnknownLogSource> {
        let mut products: Vec<&String> = self.rows.keys().filter_map(|row| row.get("product")).collect();
        products.sort();
        products.dedup();
        let mut found: Option<Source> = None;
        let mut nearest = None;
        for product in products {
            let mut with = keys.clone();
            with.insert("product".to_owned(), product.clone());
            let named = self.rows.keys().any(|row| {
                row.len() > 1
                    && row.get("product") == Some(product)
                    && row.iter().all(|(k, v)| with.get(k) == Some(v))
            });
            match self.combined(&with, logs) {
                Ok(source) if named => match &mut found {
                    Some(all) => all.or(source),
                    None => found = Some(source),
                },
                Ok(_) => {}
                Err(e) => nearest = nearest.or(e.nearest),
            }
        }
        found.ok_or_else(|| UnknownLogSource { what: said(keys), nearest })
    }

    /// A value that no row has. A product other than Windows may have logs that the tables do not list.
    fn unknown(&self, keys: &Keys, key: &str, value: &str) -> Result<Source, UnknownLogSource> {
        let product = keys.get("product").filter(|_| key != "product");
        let ours = |row: &&Keys| product.is_none_or(|p| row.get("product").is_none_or(|r| r == p));
        let pairs = || self.rows.keys().filter(ours).flat_map(Keys::iter).filter(|(k, _)| *k != "product");
        let mut known: Vec<&str> =
            self.rows.keys().filter(ours).filter_map(|row| row.get(key)).map(String::as_str).collect();
        known.retain(|k| *k != value);
        known.sort_unstable();
        let elsewhere = || pairs().find(|(_, v)| *v == value).map(|(k, v)| format!("{k}: {v}"));
        let nearest = nearest(value, known).or_else(elsewhere);
        if nearest.is_none() && product.is_some_and(|p| p != "windows") {
            return Ok(Source::nothing());
        }
        let mut what = format!("{key} {value:?}");
        if let Some(product) = product {
            what.push_str(&format!(" of product {product:?}"));
        }
        Err(UnknownLogSource { what, nearest })
    }

    /// The union of what the patterns mean. A pattern that no row knows means nothing of Windows.
    fn by_indices(&self, patterns: &[String], logs: &Logs) -> Source {
        let mut all = Source::nothing();
        for pattern in patterns {
            let pattern = pattern.to_lowercase();
            let name = pattern.rsplit(':').next().unwrap_or("");
            let name = name.trim_end_matches('*').trim_end_matches(['-', '.', '*']);
            if name.is_empty() {
                return Source::everything();
            }
            self.by_index(name, logs).into_iter().for_each(|source| all.or(source));
        }
        all
    }

    /// The row of that name, with or without a name space behind it; else every row that begins so; else the
    /// pattern that it fits.
    fn by_index(&self, name: &str, logs: &Logs) -> Vec<Source> {
        let is = |known: &str| name.strip_prefix(known).is_some_and(|r| r.is_empty() || r.starts_with('-'));
        if let Some((_, source)) = self.indices.iter().filter(|(k, _)| is(k)).max_by_key(|(k, _)| k.len()) {
            return vec![source.clone()];
        }
        let wider = self.indices.iter().filter(|(known, _)| known.starts_with(name));
        let wider: Vec<Source> = wider.map(|(_, source)| source.clone()).collect();
        if !wider.is_empty() {
            return wider;
        }
        let rest = |(prefix, text): &(String, String)| {
            let rest = name.strip_prefix(prefix.as_str())?;
            source(&text.replace('$', rest), logs, self.names).ok()
        };
        self.index_patterns.iter().find_map(rest).into_iter().collect()
    }
}

/// Whether a value fits one of a row, which may end in `*`.
fn fits(row: &str, value: &str) -> bool {
    row.strip_suffix('*').map_or(row == value, |prefix| value.starts_with(prefix))
}

/// The text of a row whose key has a `*`, `$` replaced by what that stands for. Signs of the table's grammar
/// in it are dropped: nothing that Windows names has them.
fn filled(row: &Keys, keys: &Keys, text: &str) -> String {
    let rest =
        |(k, v): (&String, &String)| keys.get(k)?.strip_prefix(v.strip_suffix('*')?).map(str::to_owned);
    let rest = row.iter().find_map(rest).unwrap_or_default();
    text.replace('$', &rest.replace(['|', '&', ',', '=', '"'], ""))
}

fn said(keys: &Keys) -> String {
    let parts: Vec<String> = keys.iter().map(|(k, v)| format!("{k} {v:?}")).collect();
    parts.join(", ")
}

impl Source {
    fn everything() -> Source {
        Source { selector: Selector::everything(), events: Vec::new(), bounded: false }
    }

    fn nothing() -> Source {
        Source::default()
    }

    /// What both admit.
    fn and(&self, other: &Source) -> Source {
        let both = |a: &Alternative| -> Vec<Alternative> {
            other.selector.any_of.iter().filter_map(|b| a.and(b)).collect()
        };
        let selector = Selector::of(self.selector.any_of.iter().flat_map(both).collect());
        let (events, bounded) = match (self.bounded, other.bounded) {
            (true, true) => (meet(&self.events, &other.events), true),
            (true, false) => (self.events.clone(), true),
            (false, true) => (other.events.clone(), true),
            (false, false) => (Vec::new(), false),
        };
        let mut both = Source { selector, events, bounded };
        both.simplify();
        both
    }

    /// Leaves out alternatives that another one holds.
    fn simplify(&mut self) {
        let mut kept: Vec<Alternative> = Vec::new();
        for alternative in self.selector.any_of.iter() {
            if !kept.iter().any(|k| k.holds(alternative)) {
                kept.retain(|k| !alternative.holds(k));
                kept.push(alternative.clone());
            }
        }
        self.selector = Selector::of(kept);
    }

    /// What either admits.
    fn or(&mut self, other: Source) {
        self.bounded = other.bounded && (self.bounded || self.selector.any_of.is_empty());
        let own = Arc::make_mut(&mut self.selector.any_of);
        for alternative in other.selector.any_of.iter() {
            if !own.contains(alternative) {
                own.push(alternative.clone());
            }
        }
        self.events.extend(other.events);
    }
}

fn meet(a: &[EventRef], b: &[EventRef]) -> Vec<EventRef> {
    let pairs = a.iter().flat_map(|x| b.iter().filter(|y| y.log == x.log).map(move |y| (x, y)));
    let common = pairs.filter_map(|(x, y)| {
        let ids = common(&x.ids, &y.ids)?;
        Some(EventRef { log: x.log, ids })
    });
    common.collect()
}

/// The common part of two lists, where an empty one means all; none where they have none.
fn common<T: Clone + PartialEq>(a: &[T], b: &[T]) -> Option<Vec<T>> {
    match (a, b) {
        ([], all) | (all, []) => Some(all.to_vec()),
        _ => {
            let both: Vec<T> = a.iter().filter(|x| b.contains(x)).cloned().collect();
            if both.is_empty() { None } else { Some(both) }
        }
    }
}

impl Alternative {
    /// Whether it admits all that the other does.
    fn holds(&self, other: &Alternative) -> bool {
        fn within<T: PartialEq>(wide: &[T], narrow: &[T]) -> bool {
            wide.is_empty() || (!narrow.is_empty() && narrow.iter().all(|n| wide.contains(n)))
        }
        (self.when.is_none() || self.when == other.when)
            && within(&self.forms, &other.forms)
            && within(&self.channels, &other.channels)
            && within(&self.providers, &other.providers)
            && within(&self.event_ids, &other.event_ids)
    }

    /// What both admit, if anything.
    fn and(&self, other: &Alternative) -> Option<Alternative> {
        let lower = |v: &[String]| -> Vec<String> { v.iter().map(|s| s.to_ascii_lowercase()).collect() };
        let names = |a: &[String], b: &[String]| match (a, b) {
            ([], all) | (all, []) => Some(all.to_vec()),
            _ => common(&lower(a), &lower(b)),
        };
        let when: Vec<Expr> = self.when.iter().chain(&other.when).cloned().collect();
        Some(Alternative {
            forms: common(&self.forms, &other.forms)?,
            providers: names(&self.providers, &other.providers)?,
            channels: names(&self.channels, &other.channels)?,
            event_ids: common(&self.event_ids, &other.event_ids)?,
            when: if when.is_empty() { None } else { Some(Expr::and(when)) },
        })
    }
}

/// Reads `refs where name=value & name!=value | refs …`; `none` is nothing.
fn source(text: &str, logs: &Logs, names: Names) -> Result<Source, Kind> {
    let mut out = Source { bounded: true, ..Source::default() };
    if text == "none" {
        return Ok(Source::nothing());
    }
    let mut any_of = Vec::new();
    for part in split_outside(text, " | ") {
        let (events, when) = match part.split_once(" where ") {
            Some((events, when)) => (events, Some(condition(when, names)?)),
            None => (part, None),
        };
        if let Some(channel) = events.trim().strip_prefix("channel:") {
            let events = logs.channel(channel);
            let channels = logs.channels(channel);
            any_of.push(Alternative { channels, when, ..Alternative::default() });
            out.bounded &= !events.is_empty();
            out.events.extend(events);
            continue;
        }
        if let Some(alternative) = form_alternative(events) {
            out.bounded &= alternative.forms == [Form::Ecs] && !alternative.channels.is_empty()
                || alternative.forms == [Form::Other];
            any_of.push(Alternative { when, ..alternative });
            continue;
        }
        for event in logs.refs(events)? {
            any_of.extend(alternatives(&event, logs, when.as_ref()));
            out.events.push(event);
        }
    }
    out.bounded &= !out.events.is_empty();
    out.selector = Selector::of(any_of);
    Ok(out)
}

/// Words for documents by their form.
fn form_alternative(word: &str) -> Option<Alternative> {
    let form = |forms: &[Form]| Alternative { forms: forms.to_vec(), ..Alternative::default() };
    Some(match word.trim() {
        "everything" => Alternative::default(),
        "windows" => form(&[Form::Windows]),
        // An ECS document that is no event of a Windows log: Elastic Endpoint and the like.
        "ecs" => Alternative { channels: vec![String::new()], ..form(&[Form::Ecs]) },
        "any-ecs" => form(&[Form::Ecs]),
        "other" => form(&[Form::Other]),
        _ => return None,
    })
}

/// Events of a log: by channel, and by provider where there is no channel.
fn alternatives(event: &EventRef, logs: &Logs, when: Option<&Expr>) -> Vec<Alternative> {
    let Some(log) = logs.get(event.log) else { return Vec::new() };
    let with = |channels: Vec<String>, providers: Vec<String>| Alternative {
        forms: Vec::new(),
        channels,
        providers,
        event_ids: event.ids.clone(),
        when: when.cloned(),
    };
    let mut out = Vec::new();
    if !log.channels.is_empty() {
        out.push(with(log.channels.clone(), Vec::new()));
    }
    if !log.providers.is_empty() {
        out.push(with(vec![String::new()], log.providers.clone()));
    }
    out
}

/// Reads `name=value,value & name!=value`; values may hold `*`.
fn condition(text: &str, names: Names) -> Result<Expr, Kind> {
    let mut parts = Vec::new();
    for part in split_outside(text, " & ") {
        let (name, values) = part.split_once('=').ok_or_else(|| Kind::Value(part.to_owned()))?;
        let negated = name.ends_with('!');
        let patterns = values.split(',').map(|v| pattern(v.trim().trim_matches('"'))).collect();
        let test = Expr::Test(Test {
            subject: Scalar::field(names, name.trim_end_matches('!').trim()),
            op: Op::Like(patterns),
            words: Words::default(),
            span: Default::default(),
        });
        parts.push(if negated { test.negate() } else { test });
    }
    Ok(Expr::and(parts))
}

fn pattern(text: &str) -> Pattern {
    let mut out = Pattern::default();
    for (i, part) in text.split('*').enumerate() {
        if i > 0 {
            out.push(Part::Any);
        }
        out.push(Part::Lit(part.to_owned()));
    }
    out
}
