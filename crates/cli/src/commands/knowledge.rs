//! `shikra knowledge`: take copies of what the field knows, list them, show what is known.

use std::path::PathBuf;

use clap::{Arg, ArgMatches};
use shikra_engine::knowledge::{Shelf, parts};
use shikra_knowledge::{Entity, Kind, Knowledge, Resolved, tables};
use shikra_output::escape::for_terminal;
use shikra_output::knowledge::{entity_json, entity_page};
use shikra_output::paint::{bytes, count, pad};
use shikra_output::{Json, Paint};

use super::{Command, paths, paths_arg, report_format, shared, wants_json};
use crate::config::Merged;
use crate::exit::{Exit, Failure, Outcome};
use crate::settings::Settings;
use crate::stream;
use crate::terminal::Stream;

/// `knowledge add`.
pub static ADD: Command = Command {
    words: &["knowledge", "add"],
    about: "Keep your own copy of ATT&CK, D3FEND, CAR, Atomic Red Team, LOLBAS, sensor mappings",
    long: "Files are recognised by what stands in them; folders and checkouts are searched. Copies go to the data\n\
        folder. A new ATT&CK bundle takes the place of the one before.\n\n\
        Examples:\n  shikra knowledge add enterprise-attack-18.1.json\n  \
        shikra knowledge add ~/src/atomic-red-team/atomics ~/src/LOLBAS/yml ~/src/car",
    settings: &["data-dir", "threads"],
    args: |c| c.arg(paths_arg("Bundles, tables, folders, checkouts")),
    run: add,
};

/// `knowledge list`.
pub static LIST: Command = Command {
    words: &["knowledge", "list"],
    about: "List what is known, and the copies it comes from",
    long: "",
    settings: &["data-dir", "knowledge", "threads"],
    args: |c| c.arg(report_format()),
    run: list,
};

/// `knowledge show`.
pub static SHOW: Command = Command {
    words: &["knowledge", "show"],
    about: "Show what is known of a technique, tactic, group, software, mitigation, …",
    long: "Takes an id or a name. Revoked ids lead to what stands for them.\n\n\
        Examples:\n  shikra knowledge show T1191\n  shikra knowledge show MuddyWater\n  \
        shikra knowledge show cmstp.exe --format json",
    settings: &["data-dir", "knowledge", "threads"],
    args: |c| {
        let id = Arg::new("id")
            .value_name("ID")
            .required(true)
            .help("Id or name: T1218.003, G0080, D3-PSA, Cmstp.exe, …");
        c.arg(id).arg(page_format())
    },
    run: show,
};

/// `knowledge facts`.
pub static FACTS: Command = Command {
    words: &["knowledge", "facts"],
    about: "Write the tables of facts that ship with the program",
    long: "Ids, names, tactics and relations without prose, as in data/knowledge of the source tree.\n\n\
        Example:\n  shikra knowledge facts -o data/knowledge enterprise-attack.json d3fend.csv car/analytics LOLBAS/yml",
    settings: &["output", "threads"],
    args: |c| c.arg(paths_arg("Bundles, tables, folders")),
    run: facts,
};

/// `--format` of pages.
pub fn page_format() -> Arg {
    Arg::new("page")
        .long("format")
        .short('f')
        .value_name("FORMAT")
        .help("How the page is written")
        .value_parser(["text", "json", "markdown"])
        .default_value("text")
}

/// Everything that is known; tells of files that cannot be read.
///
/// # Errors
/// Where a path that the user named is not there.
pub fn known(settings: &Settings) -> Result<(Knowledge, bool), Failure> {
    shared::must_exist(&settings.knowledge, "knowledge")?;
    let shelf = Shelf::of(&settings.data_dir);
    let (known, failed) = shelf.load(&settings.knowledge, settings.threads);
    shared::tell_unreadable(&failed, settings);
    Ok((known, failed.is_empty()))
}

/// The exit code where some knowledge may be unreadable.
pub fn done(complete: bool) -> Exit {
    if complete { Exit::Done } else { Exit::Incomplete }
}

fn add(matches: &ArgMatches, merged: &Merged) -> Outcome {
    let settings = Settings::new(merged)?;
    let paths = paths(matches);
    shared::must_exist(&paths, "knowledge")?;
    let shelf = Shelf::of(&settings.data_dir);
    let added = shelf.add(&paths, settings.threads).map_err(Failure::new)?;
    let mut out = String::new();
    for (title, files) in &added.taken {
        out.push_str(&format!("{:>6}  {}\n", files, for_terminal(title)));
    }
    stream::print(&out)?;
    shared::tell_unreadable(&added.failed, &settings);
    if settings.verbose {
        added.troubles.iter().for_each(|t| stream::error(t));
    }
    if added.taken.is_empty() {
        return Err(Failure::new("nothing in these files is knowledge that Shikra reads"));
    }
    if !settings.quiet {
        let files = count(added.taken.values().sum::<usize>() as u64, "file");
        let things = count(added.entities as u64, "thing");
        let other = count(added.passed_over as u64, "other file");
        let folder = shelf.folder().display();
        stream::say(&format!("{files} with {things} kept in {folder}; {other} passed over"));
    }
    Ok(done(added.failed.is_empty()))
}

fn list(matches: &ArgMatches, merged: &Merged) -> Outcome {
    let settings = Settings::new(merged)?;
    let shelf = Shelf::of(&settings.data_dir);
    let (known, complete) = known(&settings)?;
    let kept = shelf.list();
    let mut by_kind: std::collections::BTreeMap<&str, (u64, u64, &str)> = Default::default();
    for k in &kept {
        let e = by_kind.entry(k.kind).or_insert((0, 0, k.title));
        e.0 += 1;
        e.1 += k.size;
    }
    let kinds = Kind::all().map(|k| (k, known.of_kind(k)));
    if wants_json(matches) {
        let mut out = Vec::new();
        for (kind, all) in kinds {
            Json::new(&mut out).object(|o| {
                o.key("kind").string(kind.as_str());
                o.key("known").number(all.len() as u64);
                let told = all.iter().filter(|e| !e.description.is_empty()).count();
                o.key("with_text").number(told as u64);
            });
            out.push(b'\n');
        }
        for k in &kept {
            Json::new(&mut out).object(|o| {
                o.key("file").string(&k.path.display().to_string());
                o.key("kind").string(k.kind);
                o.key("bytes").number(k.size);
            });
            out.push(b'\n');
        }
        stream::print(&String::from_utf8(out).unwrap_or_default())?;
        return Ok(done(complete));
    }
    let style = Stream::Out.style(settings.colour, settings.verbose);
    let mut out = format!("ATT&CK {}\n", for_terminal(known.attack_version()));
    for (kind, all) in kinds.filter(|(_, all)| !all.is_empty()) {
        let told = all.iter().filter(|e| !e.description.is_empty()).count();
        let text = if told > 0 { format!("{told} with text") } else { String::new() };
        let text = style.paint(Paint::Faint, &text);
        out.push_str(&format!("{:>7}  {} {text}\n", all.len(), pad(kind.plural(), 28)));
    }
    out.push_str(&format!(
        "\n{}\n",
        style.paint(Paint::Strong, &for_terminal(&shelf.folder().display().to_string()))
    ));
    for (files, size, title) in by_kind.values() {
        out.push_str(&format!(
            "{files:>7}  {} {}\n",
            pad(title, 28),
            style.paint(Paint::Faint, &bytes(*size))
        ));
    }
    if kept.is_empty() {
        out.push_str("  nothing added yet: only the facts that ship are known\n");
    }
    stream::print(&out)?;
    Ok(done(complete))
}

fn show(matches: &ArgMatches, merged: &Merged) -> Outcome {
    let settings = Settings::new(merged)?;
    let wanted = matches.get_one::<String>("id").map_or("", String::as_str);
    let (known, complete) = known(&settings)?;
    let found = one(&known, wanted)?;
    let style = Stream::Out.style(settings.colour, settings.verbose);
    let out = match matches.get_one::<String>("page").map_or("", String::as_str) {
        "json" => entity_json(&known, &found) + "\n",
        "markdown" => entity_page(&known, &found).to_markdown(),
        _ => entity_page(&known, &found).to_text(&style),
    };
    stream::print(&out)?;
    Ok(done(complete))
}

/// The technique that an id or a name means; what else there is of that name where no technique has it.
///
/// # Errors
/// As [`one`].
pub fn technique<'k>(known: &'k Knowledge, wanted: &str) -> Result<Resolved<'k>, Failure> {
    let found = known.find(wanted);
    let techniques: Vec<&&Entity> = found.iter().filter(|e| e.kind == Kind::Technique).collect();
    match techniques[..] {
        [e] => one(known, &e.id),
        _ => one(known, wanted),
    }
}

/// The one thing that an id or a name means.
///
/// # Errors
/// Where it means nothing, or several things.
pub fn one<'k>(known: &'k Knowledge, wanted: &str) -> Result<Resolved<'k>, Failure> {
    let found: Vec<&Entity> = known.find(wanted);
    match found[..] {
        [] => {
            let names =
                Kind::all().flat_map(|k| known.of_kind(k)).flat_map(|e| [e.id.as_str(), e.name.as_str()]);
            let near = crate::names::nearest(wanted, names);
            let near = near.map(|n| format!(": did you mean `{n}`?")).unwrap_or_default();
            Err(Failure::new(format!("nothing is known of `{wanted}`{near}")))
        }
        [e] => known.resolve(&e.id).ok_or_else(|| Failure::new(format!("nothing is known of `{wanted}`"))),
        _ => {
            let all: Vec<String> =
                found.iter().map(|e| format!("{} ({} {})", e.id, e.kind, e.name)).collect();
            Err(Failure::new(format!("`{wanted}` may be {}: give an id", all.join(", "))))
        }
    }
}

fn facts(matches: &ArgMatches, merged: &Merged) -> Outcome {
    let settings = Settings::new(merged)?;
    let paths = paths(matches);
    shared::must_exist(&paths, "knowledge")?;
    let (parts, failed) = parts(&paths, settings.threads);
    shared::tell_unreadable(&failed, &settings);
    let known = Knowledge::only(parts);
    let folder: PathBuf = settings.output.clone().unwrap_or_else(|| ".".into());
    for (name, text) in
        [("entities.tsv", tables::entities(&known)), ("relations.tsv", tables::relations(&known))]
    {
        let path = folder.join(name);
        std::fs::write(&path, text)
            .map_err(|e| Failure::new(format!("cannot write {}: {e}", path.display())))?;
    }
    Ok(done(failed.is_empty()))
}
