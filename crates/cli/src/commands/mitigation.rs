//! `shikra pack mitigation` and `shikra pack would-block`: policies of application control, and what they would have
//! blocked.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Arg, ArgAction, ArgMatches};
use shikra_engine::finding::{EventView, Finding, FindingSink};
use shikra_engine::languages::Options;
use shikra_engine::{Detector, scan};
use shikra_output::mitigation::{Use, use_summary};
use shikra_pack::{Block, Bundle, CannotBlock, Profile, USES, parse_block};

use super::{Command, paths, paths_arg, report_format, shared, wants_json};
use crate::config::Merged;
use crate::exit::{Exit, Failure, Outcome};
use crate::progress::Bar;
use crate::settings::Settings;
use crate::terminal::Stream;
use crate::{interrupt, stream};

/// `pack mitigation`.
pub static MITIGATION: Command = Command {
    words: &["pack", "mitigation"],
    about: "Write an AppLocker or App Control (WDAC) policy that blocks a pack's programs",
    long: "Examples:\n  shikra pack mitigation T1218.003 --kind applocker --audit\n  \
           shikra pack mitigation T1218.003 --kind applocker --allow administrators --allow deployment\n  \
           shikra pack mitigation T1218.003 --kind wdac\n\n\
           Try it with --audit first, and with `shikra pack would-block` on past logs. App Control knows no users: it \
           takes no --allow.",
    settings: &[],
    args: |c| {
        let kind = Arg::new("kind")
            .long("kind")
            .value_name("KIND")
            .value_parser(["applocker", "wdac"])
            .required(true);
        c.arg(pack_arg())
            .arg(kind.help("What the policy is for"))
            .arg(Arg::new("audit").long("audit").action(ArgAction::SetTrue).help("Report, do not block"))
            .arg(allow_arg())
    },
    run: write,
};

/// `pack would-block`.
pub static WOULD_BLOCK: Command = Command {
    words: &["pack", "would-block"],
    about: "Show which past uses of a pack's programs a policy would have blocked",
    long: "Examples:\n  shikra pack would-block T1218.003 logs/\n  \
           shikra pack would-block T1218.003 logs/ --allow administrators --format ndjson\n\n\
           Every start of the programs is named, with who started it, whether it would have been blocked, and whether \
           a detection of the pack fires on it: what is blocked and not detected is the ordinary use to think of.",
    settings: &["threads", "since", "until"],
    args: |c| c.arg(pack_arg()).arg(paths_arg("Logs")).arg(allow_arg()).arg(report_format()),
    run: would_block,
};

fn pack_arg() -> Arg {
    Arg::new("pack")
        .value_name("PATH|ID")
        .required(true)
        .help("A pack: its folder, or the id of one that ships")
}

fn allow_arg() -> Arg {
    Arg::new("allow")
        .long("allow")
        .value_name("PROFILE")
        .action(ArgAction::Append)
        .help("A named use of the pack that stays allowed; repeatable")
}

/// The pack and what it blocks.
fn block(matches: &ArgMatches) -> Result<(Bundle, Block), Failure> {
    let name = matches.get_one::<String>("pack").map_or("", String::as_str);
    let bundle = super::pack::find(name)?.into_iter().next();
    let bundle = bundle.ok_or_else(|| Failure::new(format!("there is no pack `{name}`")))?;
    let mut all = Block::default();
    for file in bundle.folder("mitigations").filter(|f| f.path.ends_with(".toml")) {
        let (read, told) = parse_block(&file.source);
        if let Some(d) = told.first() {
            return Err(Failure::new(d.render(&file.source)));
        }
        let Some(block) = read else { continue };
        if all.programs.is_empty() {
            (all.name, all.description) = (block.name, block.description);
        }
        all.programs.extend(block.programs);
        all.profiles.extend(block.profiles);
    }
    if all.programs.is_empty() {
        let id = &bundle.pack.id;
        return Err(Failure::new(format!("the pack {id} blocks nothing: it has no mitigations/*.toml")));
    }
    Ok((bundle, all))
}

fn allowed<'b>(block: &'b Block, matches: &ArgMatches) -> Result<Vec<&'b Profile>, Failure> {
    let names: Vec<String> = matches.get_many::<String>("allow").into_iter().flatten().cloned().collect();
    block.named(&names).map_err(cannot)
}

fn cannot(e: CannotBlock) -> Failure {
    Failure::new(e.to_string())
}

fn write(matches: &ArgMatches, _: &Merged) -> Outcome {
    let (_, block) = block(matches)?;
    let allowed = allowed(&block, matches)?;
    let audit = matches.get_flag("audit");
    let wdac = matches.get_one::<String>("kind").is_some_and(|k| k == "wdac");
    let policy =
        if wdac { block.wdac(&allowed, audit).map_err(cannot)? } else { block.applocker(&allowed, audit) };
    stream::print(&policy)?;
    Ok(Exit::Done)
}

/// Uses of the programs, and which detections fired on the same record.
#[derive(Default)]
struct Uses {
    uses: Vec<Arc<EventView>>,
    fired: BTreeMap<(Arc<str>, u64), BTreeSet<String>>,
}

impl FindingSink for Uses {
    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        if finding.rule.id == USES {
            self.uses.extend(finding.events.first().cloned());
            return Ok(());
        }
        for event in &finding.events {
            let fired = self.fired.entry((event.source.clone(), event.record)).or_default();
            fired.insert(finding.rule.title.clone());
        }
        Ok(())
    }
}

fn would_block(matches: &ArgMatches, merged: &Merged) -> Outcome {
    let settings = Settings::new(merged)?;
    let inputs: Vec<PathBuf> = paths(matches);
    shared::must_exist(&inputs, "input")?;
    let (bundle, block) = block(matches)?;
    let allowed = allowed(&block, matches)?;
    let rules = bundle.detections_with(&[block.uses_rule()], &Options::default());
    let detector = Detector::new(rules, shared::taxonomy());
    interrupt::listen();
    let mut found = Uses::default();
    let bar = Bar::new(settings.quiet);
    let totals = scan(&detector, &inputs, &super::scan::scan_options(&settings), &mut found, &bar)?;
    drop(bar);
    let style = Stream::Out.style(settings.colour, settings.verbose);
    let nobody = BTreeSet::new();
    let uses: Vec<Use<'_>> = found
        .uses
        .iter()
        .map(|event| {
            let value = |name: &str| field(event, name);
            let fired = found.fired.get(&(event.source.clone(), event.record)).unwrap_or(&nobody);
            Use { event, allowed: allowed.iter().find(|p| p.is(&value)).map(|p| p.name.as_str()), fired }
        })
        .collect();
    for one in &uses {
        stream::print(&if wants_json(matches) { one.to_json() + "\n" } else { one.render(&style) })?;
    }
    if !settings.quiet {
        stream::say(&use_summary(&uses));
    }
    Ok(if totals.unreadable() || totals.cancelled { Exit::Incomplete } else { Exit::Done })
}

fn field(event: &EventView, name: &str) -> Option<String> {
    let is = |own: &str| own == name || own.strip_prefix("winlog.event_data.") == Some(name);
    event.fields.iter().find(|(n, _)| is(n)).and_then(|(_, v)| v.to_text()).map(|t| t.to_string())
}
