//! The commands: one table from name to how its arguments are read.

use shikra_syntax::Span;

use super::Parser;
use crate::ast::{Boundary, Convert, Head, Kind, Lookup, Options, Search, Word, flag, option};

/// What becomes of a command.
enum How {
    /// Its arguments are read.
    Read(fn(&mut Parser<'_>) -> Kind),
    /// It has no effect on what is found, for this reason.
    Nothing(&'static str),
    /// It is not to be had, for this reason.
    Not(&'static str),
}
use How::{Not, Nothing, Read};

/// All commands that can be read, by name.
const COMMANDS: &[(&str, How)] = &[
    ("search", Read(|p| Kind::Search(p.search()))),
    ("where", Read(where_)),
    ("eval", Read(eval)),
    ("regex", Read(regex)),
    ("stats", Read(|p| Kind::Stats(p.stats()))),
    ("sistats", Read(|p| Kind::Stats(p.stats()))),
    ("eventstats", Read(|p| Kind::Stats(p.stats()))),
    ("streamstats", Read(|p| Kind::Stats(p.stats()))),
    ("chart", Read(|p| Kind::Stats(p.stats()))),
    ("timechart", Read(|p| Kind::Stats(p.stats()))),
    ("tstats", Read(|p| Kind::Tstats(Box::new(p.tstats())))),
    ("top", Read(|p| Kind::Top(p.top()))),
    ("rare", Read(|p| Kind::Top(p.top()))),
    ("rename", Read(rename)),
    ("rex", Read(rex)),
    ("spath", Read(spath)),
    ("lookup", Read(lookup)),
    ("inputlookup", Read(input_lookup)),
    ("join", Read(join)),
    ("append", Read(subsearches)),
    ("appendcols", Read(beside)),
    ("appendpipe", Read(pipes)),
    ("union", Read(subsearches)),
    ("multisearch", Read(subsearches)),
    ("transaction", Read(transaction)),
    ("dedup", Read(dedup)),
    ("bin", Read(bin)),
    ("bucket", Read(bin)),
    ("discretize", Read(bin)),
    ("mvexpand", Read(|p| p.fields_and(&["limit"]))),
    ("makemv", Read(|p| p.fields_and(&["delim", "tokenizer", "allowempty", "setsv"]))),
    ("mvcombine", Read(|p| p.fields_and(&["delim"]))),
    ("nomv", Read(|p| p.fields_and(&[]))),
    ("foreach", Read(foreach)),
    ("fillnull", Read(|p| p.fields_and(&["value"]))),
    ("filldown", Read(|p| p.fields_and(&[]))),
    ("convert", Read(convert)),
    ("table", Read(|p| p.fields_and(&[]))),
    ("fields", Read(fields)),
    ("sort", Read(sort)),
    ("head", Read(head)),
    ("tail", Read(tail)),
    ("reverse", Read(|p| p.fields_and(&[]))),
    ("replace", Read(replace)),
    ("addtotals", Read(|p| p.fields_and(&["fieldname", "row", "col", "labelfield", "label"]))),
    ("addinfo", Read(|p| p.fields_and(&[]))),
    ("iplocation", Read(|p| p.fields_and(&["prefix", "allfields", "lang"]))),
    ("xmlkv", Read(|p| p.fields_and(&["maxinputs"]))),
    ("xpath", Not("xpath evaluates XPath expressions")),
    ("extract", Read(|p| p.fields_and(KV))),
    ("kv", Read(|p| p.fields_and(KV))),
    ("fromjson", Read(|p| p.fields_and(&["prefix"]))),
    ("strcat", Read(|p| p.fields_and(&["allrequired"]))),
    ("makeresults", Read(|p| p.fields_and(&["count", "annotate", "splunk_server", "format", "data"]))),
    ("return", Read(|p| p.fields_and(&[]))),
    ("format", Read(|p| p.fields_and(&["mvsep", "maxresults", "emptystr"]))),
    ("datamodel", Read(|p| p.fields_and(&["summariesonly", "allow_old_summaries", "strict_fields"]))),
    ("from", Read(from)),
    ("untable", Read(|p| p.fields_and(&[]))),
    ("xyseries", Read(|p| p.fields_and(&["grouped", "sep", "format"]))),
    ("accum", Read(|p| p.fields_and(&[]))),
    ("delta", Read(|p| p.fields_and(&["p"]))),
    ("autoregress", Read(|p| p.fields_and(&["p"]))),
    ("addcoltotals", Read(|p| p.fields_and(&["labelfield", "label"]))),
    ("tojson", Not("tojson writes whole rows as JSON")),
    ("outputlookup", Nothing("nothing is written")),
    ("outputcsv", Nothing("nothing is written")),
    ("collect", Nothing("nothing is written")),
    ("summaryindex", Nothing("nothing is written")),
    ("sendemail", Nothing("nothing is sent")),
    ("sendalert", Nothing("nothing is sent")),
    ("fieldformat", Nothing("how values are shown is left to the output")),
    ("fieldsummary", Not("fieldsummary describes fields, not events")),
    ("highlight", Nothing("how values are shown is left to the output")),
    ("noop", Nothing("it does nothing")),
    ("localop", Nothing("it says where a search runs")),
    ("apply", Not("apply runs a trained model of the machine learning toolkit")),
    ("fit", Not("fit trains a model of the machine learning toolkit")),
    ("summary", Not("summary reads a trained model of the machine learning toolkit")),
    ("mstats", Not("mstats reads a metric index")),
    ("cyberchef", Not("cyberchef runs recipes of another program")),
    ("anomalydetection", Not("anomalydetection scores events by a model of Splunk's own")),
    ("outlier", Not("outlier replaces values by a model of Splunk's own")),
    ("cluster", Not("cluster groups events by a likeness of Splunk's own")),
    ("predict", Not("predict forecasts by a model of Splunk's own")),
    ("map", Read(map)),
    ("multikv", Not("multikv reads tables out of the raw text of events")),
    ("rest", Not("rest asks a Splunk server")),
    ("metadata", Not("metadata asks a Splunk index")),
    ("dbinspect", Not("dbinspect asks a Splunk index")),
    ("loadjob", Not("loadjob reads results kept by a Splunk server")),
    ("savedsearch", Not("savedsearch runs a search kept by a Splunk server")),
];

/// Commands that do something.
pub(crate) fn commands() -> impl Iterator<Item = &'static str> {
    // These are read, and refused, or told to do nothing, when they are lowered.
    let refused = |name: &str| name == "iplocation";
    COMMANDS.iter().filter(move |(n, how)| matches!(how, Read(_)) && !refused(n)).map(|(name, _)| *name)
}

const KV: &[&str] = &["pairdelim", "kvdelim", "limit", "auto", "clean_keys", "mv_add", "maxchars"];

/// Whether a search may begin with this command without a pipe before it.
pub(crate) fn opens(name: &str) -> bool {
    matches!(
        name,
        "search"
            | "tstats"
            | "inputlookup"
            | "makeresults"
            | "multisearch"
            | "union"
            | "from"
            | "datamodel"
            | "mstats"
    )
}

/// Reads the arguments of a command.
pub(super) fn parse(p: &mut Parser<'_>, name: &str) -> Kind {
    let name = name.to_ascii_lowercase();
    if name.is_empty() {
        p.rest("a command");
        return Kind::Nothing("it could not be read");
    }
    let kind = match COMMANDS.iter().find(|(n, _)| *n == name) {
        Some((_, Read(read))) => read(p),
        Some((_, Nothing(reason))) => Kind::Nothing(reason),
        Some((_, Not(reason))) => Kind::Unsupported((*reason).to_owned()),
        None => Kind::Unsupported(format!("there is no command {name}")),
    };
    match kind {
        Kind::Unsupported(_) | Kind::Nothing(_) => p.at = p.end,
        _ => p.rest(&format!("the command {name}")),
    }
    kind
}

fn unsupported(reason: &str) -> Kind {
    Kind::Unsupported(reason.to_owned())
}

impl Parser<'_> {
    fn fields_and(&mut self, known: &[&str]) -> Kind {
        let (fields, options) = self.names_and_options(known);
        Kind::Fields { fields, options }
    }
}

fn where_(p: &mut Parser<'_>) -> Kind {
    Kind::Where(p.eval())
}

fn eval(p: &mut Parser<'_>) -> Kind {
    let mut out = Vec::new();
    loop {
        p.gap();
        if p.at >= p.end {
            return Kind::Eval(out);
        }
        let Some(name) = p.word() else { return Kind::Eval(out) };
        if !p.eat("=") {
            p.error("expected-equals", "eval needs NAME=EXPRESSION", name.span);
            p.at = p.end;
            return Kind::Eval(out);
        }
        out.push((name, p.eval()));
        if !p.eat(",") {
            return Kind::Eval(out);
        }
    }
}

fn regex(p: &mut Parser<'_>) -> Kind {
    p.space();
    let start = p.at;
    let first = p.word().unwrap_or_default();
    let negated = p.eat("!=");
    if negated || p.eat("=") {
        let pattern = p.word().unwrap_or_default();
        return Kind::Regex { field: Some(first), negated, pattern };
    }
    p.at = p.at.max(start);
    Kind::Regex { field: None, negated: false, pattern: first }
}

fn rename(p: &mut Parser<'_>) -> Kind {
    let mut out = Vec::new();
    loop {
        p.gap();
        let Some(from) = p.word() else { return Kind::Rename(out) };
        if !p.eat_word("AS") {
            p.error("expected-as", "rename needs NAME as NAME", from.span);
            p.at = p.end;
            return Kind::Rename(out);
        }
        // A new name may hold blanks without quotes.
        let Some(mut to) = p.word() else { return Kind::Rename(out) };
        while !to.quoted && !p.done() && !p.left().starts_with(',') {
            let before = p.at;
            match p.word() {
                Some(_) if p.left().trim_start().get(..3).is_some_and(|l| l.eq_ignore_ascii_case("as ")) => {
                    p.at = before;
                    break;
                }
                Some(more) => {
                    to.text = format!("{} {}", to.text, more.text);
                    to.span = to.span.to(more.span);
                }
                None => break,
            }
        }
        out.push((from, to));
    }
}

fn rex(p: &mut Parser<'_>) -> Kind {
    let known = &["field", "mode", "max_match", "offset_field"];
    let mut options = p.options(known);
    let pattern = p.word().unwrap_or_default();
    options.extend(p.options(known));
    let field = option(&options, "field").cloned();
    Kind::Rex { field, pattern, options }
}

fn spath(p: &mut Parser<'_>) -> Kind {
    let (names, mut options) = p.names_and_options(&["input", "output", "path"]);
    let path = option(&options, "path").cloned().or_else(|| names.into_iter().next());
    options.retain(|(n, _)| n != "path");
    Kind::Spath { path, options }
}

fn lookup(p: &mut Parser<'_>) -> Kind {
    let known = &["local", "update", "event_time_field", "append"];
    p.options(known);
    let mut out = Lookup { table: p.word().unwrap_or_default(), ..Lookup::default() };
    let mut output = false;
    loop {
        p.gap();
        if p.eat_word("OUTPUTNEW") {
            (output, out.only_new) = (true, true);
        } else if p.eat_word("OUTPUT") {
            output = true;
        } else if let Some(name) = p.word() {
            let field = if p.eat_word("AS") { p.word().unwrap_or_default() } else { name.clone() };
            if output { out.output.push((name, field)) } else { out.on.push((name, field)) }
        } else {
            return Kind::Lookup(out);
        }
    }
}

fn input_lookup(p: &mut Parser<'_>) -> Kind {
    let known = &["append", "start", "max", "strict"];
    let mut options = p.options(known);
    let table = p.word().unwrap_or_default();
    options.extend(p.options(known));
    let condition = p.eat_word("WHERE").then(|| p.search());
    options.extend(p.options(known));
    Kind::InputLookup { table, condition, options }
}

fn join(p: &mut Parser<'_>) -> Kind {
    let known = &["type", "max", "usetime", "earlier", "overwrite", "left", "right"];
    let (mut fields, mut options) = (Vec::new(), Options::new());
    loop {
        p.gap();
        if let Some(o) = p.option(known) {
            options.push(o);
        } else if p.peek() == Some('[') {
            let with = p.subsearch();
            return Kind::Join { fields, with, options };
        } else if p.at_word("where") && option(&options, "left").is_some() {
            p.at = p.end;
            return unsupported("join with left and right is not supported");
        } else {
            match p.word() {
                Some(w) => fields.push(w),
                None => break,
            }
        }
    }
    p.error("no-subsearch", "join needs a subsearch in brackets", Span::new(p.at, p.end));
    Kind::Unsupported("join has no subsearch".into())
}

fn map(p: &mut Parser<'_>) -> Kind {
    let known = &["search", "maxsearches"];
    let mut options = p.options(known);
    if p.peek_is('[') {
        let part = p.bracketed('[', ']');
        let text = p.text.get(part.start..part.end).unwrap_or("").to_owned();
        options.push(("search".into(), Word { text, quoted: true, span: part }));
    }
    options.extend(p.options(known));
    match option(&options, "search") {
        Some(w) => Kind::Map(w.clone()),
        None => unsupported("map without a search of its own"),
    }
}

/// Options of a subsearch, of which only `override` is heeded.
const SUBSEARCH: &[&str] = &["extendtimerange", "maxtime", "maxout", "timeout", "run_in_preview", "override"];

fn subsearches(p: &mut Parser<'_>) -> Kind {
    let mut out = Vec::new();
    loop {
        p.options(SUBSEARCH);
        p.gap();
        if p.peek() != Some('[') {
            return Kind::Subsearches(out);
        }
        out.push(p.subsearch());
    }
}

/// `appendcols override=true [ search … ]`.
fn beside(p: &mut Parser<'_>) -> Kind {
    let options = p.options(SUBSEARCH);
    p.gap();
    if p.peek() != Some('[') {
        return unsupported("appendcols without a subsearch in brackets");
    }
    Kind::Beside { part: p.subsearch(), over: flag(&options, "override") }
}

/// `appendpipe`: commands that go on, so that the first is no search.
fn pipes(p: &mut Parser<'_>) -> Kind {
    p.options(&["run_in_preview"]);
    if !p.peek_is('[') {
        return Kind::Subsearches(vec![]);
    }
    let part = p.bracketed('[', ']');
    Kind::Subsearches(vec![p.within(part, |p| p.pipeline(false))])
}

fn transaction(p: &mut Parser<'_>) -> Kind {
    let known = &[
        "maxspan",
        "maxpause",
        "maxevents",
        "connected",
        "unifyends",
        "keeporphans",
        "keepevicted",
        "mvlist",
        "delim",
        "mvraw",
        "nullstr",
        "name",
    ];
    let (mut fields, mut options) = (Vec::new(), Options::new());
    let (mut starts, mut ends) = (None, None);
    loop {
        p.gap();
        if let Some(o) = p.option(known) {
            options.push(o);
        } else if p.eat_word("startswith") || p.eat_named("startswith") {
            starts = Some(boundary(p));
        } else if p.eat_named("endswith") {
            ends = Some(boundary(p));
        } else if let Some(w) = p.word() {
            fields.push(w);
        } else {
            return Kind::Transaction { fields, starts, ends, options };
        }
    }
}

impl Parser<'_> {
    /// A name with an equals sign behind it, which stays.
    fn eat_named(&mut self, name: &str) -> bool {
        let hit = self.left().get(..name.len()).is_some_and(|n| n.eq_ignore_ascii_case(name))
            && self.left().get(name.len()..).is_some_and(|l| l.trim_start().starts_with('='));
        if hit {
            self.at += name.len();
        }
        hit
    }
}

/// `=(condition)`, `="term"` or `=eval(expression)`.
fn boundary(p: &mut Parser<'_>) -> Boundary {
    p.eat("=");
    p.space();
    if p.left().get(..5).is_some_and(|l| l.eq_ignore_ascii_case("eval(")) {
        p.at += 4;
        let part = p.bracketed('(', ')');
        return Boundary::Eval(p.within(part, |p| p.eval()));
    }
    if p.peek() == Some('(') {
        let part = p.bracketed('(', ')');
        return Boundary::Search(p.within(part, |p| p.search()));
    }
    let text = p.word().unwrap_or_default();
    Boundary::Search(Search::Term { text, cased: false })
}

fn dedup(p: &mut Parser<'_>) -> Kind {
    let (mut fields, mut options) = p.names_and_options(&["keepevents", "keepempty", "consecutive"]);
    if let Some(at) = fields.iter().position(|w| w.text == "sortby") {
        let rest = fields.split_off(at);
        let text = rest.iter().skip(1).map(|w| w.text.as_str()).collect::<Vec<_>>().join(" ");
        options.push(("sortby".into(), Word { text, ..Word::default() }));
    }
    let number = fields.first().and_then(|w| w.text.parse().ok());
    if number.is_some() {
        fields.remove(0);
    }
    Kind::Dedup { keep: number.unwrap_or(1), fields, options }
}

fn bin(p: &mut Parser<'_>) -> Kind {
    let known = &["span", "bins", "minspan", "start", "end", "aligntime"];
    let mut options = p.options(known);
    let field = p.word().unwrap_or_default();
    options.extend(p.options(known));
    let to = if p.eat_word("AS") { p.word() } else { None };
    options.extend(p.options(known));
    Kind::Bin { field, to, options }
}

fn foreach(p: &mut Parser<'_>) -> Kind {
    let mut options = p.options(&["mode", "fieldstr", "matchstr", "matchseg1", "itemstr"]);
    let mut fields = Vec::new();
    loop {
        p.gap();
        match p.peek() {
            Some('[') => {
                let body = p.bracketed('[', ']');
                return Kind::Foreach { fields, body, options };
            }
            _ => match p.word() {
                Some(w) => fields.push(w),
                None => break,
            },
        }
        options.extend(p.options(&["mode", "fieldstr", "matchstr", "itemstr"]));
    }
    unsupported("foreach has no template in brackets")
}

fn convert(p: &mut Parser<'_>) -> Kind {
    let known = &["timeformat"];
    let mut options = p.options(known);
    let mut items = Vec::new();
    loop {
        p.gap();
        options.extend(p.options(known));
        let Some(func) = p.word() else { return Kind::Convert { items, options } };
        p.space();
        if p.peek() != Some('(') {
            p.error("expected-bracket", "convert needs FUNCTION(FIELD)", func.span);
            p.at = p.end;
            return Kind::Convert { items, options };
        }
        let part = p.bracketed('(', ')');
        let field = p.within(part, |p| p.word().unwrap_or_default());
        let to = if p.eat_word("AS") { p.word() } else { None };
        items.push(Convert { func: func.text.to_ascii_lowercase(), field, to });
    }
}

fn fields(p: &mut Parser<'_>) -> Kind {
    p.space();
    let without = p.left().starts_with('-');
    if without || p.left().starts_with("+ ") {
        p.bump();
    }
    let names = p.names(&[]);
    if without { Kind::Without(names) } else { Kind::Fields { fields: names, options: Options::new() } }
}

fn sort(p: &mut Parser<'_>) -> Kind {
    let mut limit = 0;
    let mut keys: Vec<(Word, bool, String)> = Vec::new();
    let mut descending = false;
    loop {
        p.gap();
        if let Some((_, n)) = p.option(&["limit"]) {
            limit = n.text.parse().unwrap_or(0);
            continue;
        }
        let Some(mut w) = p.word() else { return Kind::Sort { limit, keys } };
        if !w.quoted {
            if keys.is_empty() && w.text.parse::<u64>().is_ok() {
                limit = w.text.parse().unwrap_or(0);
                continue;
            }
            if let Some(rest) = w.text.strip_prefix(['-', '+']) {
                let minus = w.text.starts_with('-');
                if rest.is_empty() {
                    descending = minus;
                    continue;
                }
                (descending, w.text) = (minus, rest.to_owned());
            } else if !keys.is_empty() && matches!(&*w.text, "d" | "desc") {
                keys.iter_mut().for_each(|k| k.1 = !k.1);
                continue;
            }
        }
        let mut how = "auto".to_owned();
        if p.peek() == Some('(') {
            how = w.text.to_ascii_lowercase();
            let part = p.bracketed('(', ')');
            w = p.within(part, |p| p.word().unwrap_or_default());
        }
        keys.push((w, descending, how));
        // A sign alone holds for the name behind it.
        descending = false;
    }
}

fn head(p: &mut Parser<'_>) -> Kind {
    p.space();
    let condition = (p.peek() == Some('(')).then(|| p.eval());
    let (names, options) = p.names_and_options(&["limit", "null", "keeplast"]);
    let word = option(&options, "limit").or(names.first());
    let usual = if condition.is_some() { u64::MAX } else { 10 };
    let limit = word.and_then(|w| w.text.parse().ok()).unwrap_or(usual);
    Kind::Head(Head { limit, condition, options })
}

fn tail(p: &mut Parser<'_>) -> Kind {
    p.fields_and(&["limit"])
}

fn replace(p: &mut Parser<'_>) -> Kind {
    let (mut pairs, mut fields) = (Vec::new(), Vec::new());
    loop {
        p.gap();
        if p.eat_word("IN") {
            fields = p.names(&[]);
        }
        let Some(from) = p.word() else { return Kind::Replace { pairs, fields } };
        if !p.eat_word("WITH") {
            p.error("expected-with", "replace needs VALUE with VALUE", from.span);
            p.at = p.end;
            return Kind::Replace { pairs, fields };
        }
        pairs.push((from, p.word().unwrap_or_default()));
    }
}

fn from(p: &mut Parser<'_>) -> Kind {
    let text = p.left().trim().to_owned();
    let span = Span::new(p.at, p.end);
    p.at = p.end;
    Kind::From(Word { text, quoted: false, span })
}
