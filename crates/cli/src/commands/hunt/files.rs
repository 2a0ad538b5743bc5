//! `shikra hunt run` and `shikra hunt list`: hunts that are files, in packs or anywhere.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command as Clap};
use shikra_engine::pack_files;
use shikra_hunt::HuntResult;
use shikra_hunt::file::HuntFile;
use shikra_output::{Json, escape};

use super::{Asked, answer, filters, result_arguments, write};
use crate::commands::{Command, paths, paths_arg, report_format, wants_json};
use crate::config::Merged;
use crate::exit::{Exit, Failure, Outcome};
use crate::names::nearest;
use crate::settings::Settings;
use crate::stream;

/// `hunt run`.
pub static RUN: Command = Command {
    words: &["hunt", "run"],
    about: "Run hunts that are files: those that ship with the program, or others",
    long: "Several hunts are run in one pass over the logs.\n\n\
        Examples:\n  \
        shikra hunt run logs/\n  \
        shikra hunt run --hunt T1218.003-stack --top 10 logs/\n  \
        shikra hunt run --hunt my-hunts/ --format ndjson logs/",
    settings: super::SETTINGS,
    args: |c| {
        let c = which(c.arg(paths_arg("Files and folders to look through")));
        let over =
            |name: &'static str, help: &'static str| Arg::new(name).long(name).value_name("N").help(help);
        let c = c
            .arg(over("top", "Rows to list of each hunt; 0: all [default: what the hunt says]"))
            .arg(over("seed", "Seed of all hunts that involve chance [default: what the hunt says]"));
        result_arguments(c)
    },
    run,
};

/// `hunt list`.
pub static LIST: Command = Command {
    words: &["hunt", "list"],
    about: "List hunts and analytics",
    long: "Examples:\n  shikra hunt list\n  shikra hunt list --hunt my-hunts/ --format ndjson",
    settings: &[],
    args: |c| which(c).arg(report_format()),
    run: list,
};

/// Files larger than this are no hunts.
const LARGEST: u64 = 1 << 20;

fn which(c: Clap) -> Clap {
    let arg = Arg::new("hunt").long("hunt").short('H').value_name("HUNT").action(ArgAction::Append);
    c.arg(arg.help("A hunt by id, or a file or folder of hunts, repeatable [default: those that ship]"))
}

fn embedded() -> Result<Vec<HuntFile>, Failure> {
    let files = pack_files().iter().filter(|(path, _)| path.contains("/hunts/") && path.ends_with(".toml"));
    files.map(|(path, text)| parse(path, text)).collect()
}

fn parse(path: &str, text: &str) -> Result<HuntFile, Failure> {
    HuntFile::parse(text).map_err(|why| Failure::new(format!("hunt {path}: {why}")))
}

fn chosen(matches: &ArgMatches) -> Result<Vec<HuntFile>, Failure> {
    let own = embedded()?;
    let Some(wanted) = matches.get_many::<String>("hunt") else { return Ok(own) };
    let mut out = Vec::new();
    for name in wanted {
        if let Some(h) = own.iter().find(|h| h.id == *name) {
            out.push(h.clone());
        } else if Path::new(name).exists() {
            out.extend(of_path(Path::new(name))?);
        } else {
            let near = nearest(name, own.iter().map(|h| h.id.as_str()));
            let near = near.map(|n| format!(": did you mean `{n}`?")).unwrap_or_default();
            return Err(Failure::new(format!("there is no hunt `{name}`{near}")));
        }
    }
    Ok(out)
}

fn of_path(path: &Path) -> Result<Vec<HuntFile>, Failure> {
    let failed = |e: std::io::Error| Failure::new(format!("cannot read {}: {e}", path.display()));
    if !path.is_dir() {
        if path.metadata().map_err(failed)?.len() > LARGEST {
            return Err(Failure::new(format!("{} is too large to be a hunt", path.display())));
        }
        let text = std::fs::read_to_string(path).map_err(failed)?;
        return Ok(vec![parse(&path.display().to_string(), &text)?]);
    }
    let entries = std::fs::read_dir(path).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    let mut files: Vec<PathBuf> = entries.iter().map(std::fs::DirEntry::path).collect();
    files.retain(|p| p.extension().is_some_and(|e| e == "toml"));
    files.sort();
    Ok(files.iter().map(|f| of_path(f)).collect::<Result<Vec<_>, _>>()?.concat())
}

fn run(matches: &ArgMatches, merged: &Merged) -> Outcome {
    let settings = Settings::new(merged)?;
    let over: Vec<(String, Vec<String>)> = ["top", "seed"]
        .iter()
        .filter_map(|k| Some(((*k).to_owned(), vec![matches.get_one::<String>(k)?.clone()])))
        .collect();
    let hunts = chosen(matches)?;
    if hunts.is_empty() {
        return Err(Failure::new("there are no hunts to run"));
    }
    let asked = hunts.into_iter().map(|h| {
        let named = |why: String| Failure::new(format!("hunt {}: {why}", h.id));
        let (analytic, params) = h.ready(&over).map_err(named)?;
        Ok(Asked {
            analytic,
            params,
            filters: filters(&h.filters, &h.language, h.category.as_deref())?,
            about: HuntResult {
                id: h.id,
                title: h.title,
                techniques: h.techniques,
                hypothesis: h.hypothesis,
                confirms: h.confirms,
                refutes: h.refutes,
                ..HuntResult::default()
            },
        })
    });
    let asked = asked.collect::<Result<Vec<_>, Failure>>()?;
    let (_, results, totals) = answer(asked, &paths(matches), &settings)?;
    write(&results, &totals, matches, &settings)
}

fn list(matches: &ArgMatches, _: &Merged) -> Outcome {
    let hunts = chosen(matches)?;
    let mut out = Vec::new();
    if wants_json(matches) {
        for h in &hunts {
            Json::new(&mut out).object(|o| {
                o.key("id").string(&h.id);
                o.key("title").string(&h.title);
                o.key("analytic").string(&h.analytic);
                o.key("techniques").strings(&h.techniques);
                o.key("hypothesis").string(&h.hypothesis);
                o.key("data").strings(&h.data);
                o.key("category").string_or_null(h.category.as_deref());
                o.key("language").string(&h.language);
                o.key("where").strings(&h.filters);
                o.key("confirms").strings(&h.confirms);
                o.key("refutes").strings(&h.refutes);
            });
            out.push(b'\n');
        }
        stream::print(&String::from_utf8_lossy(&out))?;
        return Ok(Exit::Done);
    }
    let mut text = String::from("hunts\n");
    for h in &hunts {
        let line = format!("  {:24} {:8} {}", h.id, h.analytic, h.title);
        escape::terminal_lines(&line, &mut text);
        text.push('\n');
    }
    text.push_str("\nanalytics\n");
    for a in shikra_hunt::ANALYTICS {
        text.push_str(&format!("  {:24} {}\n", a.name, a.about));
    }
    stream::print(&text)?;
    Ok(Exit::Done)
}
