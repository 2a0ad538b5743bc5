//! Atomic Red Team tests as simulations: what their commands say will run.
//!
//! A test's command goes to [`crate::shell`] with its input arguments filled in. What a command line cannot say,
//! as what a downloaded script does, is named in [`Test::unknown`].

use shikra_syntax::Span;
use shikra_syntax::yaml::{Node, documents};

use crate::definition::{Deed, Process, Run, SCHEMA, Simulation, Step, Test};
use crate::shell::{Shell, Stage};

/// Where Invoke-AtomicRedTeam keeps the tests.
const FOLDER: &str = r"C:\AtomicRedTeam\atomics";
/// Longest command that is looked into.
const LONGEST: usize = 64 << 10;

/// Reads a definition of Atomic Red Team; none where the text is something else. Tests that do not run on Windows
/// are left out.
///
/// # Errors
/// Where it is one and lacks what every test has.
pub fn parse(text: &str) -> Result<Option<Simulation>, String> {
    if !text.contains("atomic_tests") {
        return Ok(None);
    }
    let all = documents(text, Span::new(0, text.len()));
    let Some(root) = all.first().and_then(|d| d.root.as_ref()) else { return Ok(None) };
    let (Some(technique), Some(tests)) = (root.text_of("attack_technique"), root.get("atomic_tests")) else {
        return Ok(None);
    };
    let mut out = Simulation {
        schema: SCHEMA.to_owned(),
        technique: technique.trim().to_ascii_uppercase(),
        title: root.text_of("display_name").unwrap_or(technique).to_owned(),
        ..Simulation::default()
    };
    for (number, node) in tests.items().iter().enumerate() {
        if node.texts_of("supported_platforms").iter().any(|p| p.eq_ignore_ascii_case("windows")) {
            let test =
                test(node, &out.technique, number + 1).map_err(|e| format!("test {}: {e}", number + 1))?;
            out.tests.push(test);
        }
    }
    Ok(Some(out))
}

fn test(node: &Node<'_>, technique: &str, number: usize) -> Result<Test, String> {
    let executor = node.get("executor").ok_or("there is no executor")?;
    let kind = executor.text_of("name").unwrap_or_default().to_ascii_lowercase();
    let fill = |text: &str| arguments(text, node.get("input_arguments"));
    let command = fill(executor.text_of("command").unwrap_or_default());
    let elevated = executor.text_of("elevation_required").is_some_and(|t| t.eq_ignore_ascii_case("true"));
    let mut out = Test {
        id: format!("{}-{number}", safe(technique)),
        name: node.text_of("name").unwrap_or("without a name").trim().to_owned(),
        description: node.text_of("description").unwrap_or_default().trim().to_owned(),
        run: Some(Run {
            atomic: node.text_of("auto_generated_guid").map(str::to_owned),
            executor: kind.clone(),
            command: String::new(),
            cleanup: String::new(),
            elevated,
        }),
        ..Test::default()
    };
    let mut stage = Stage::new(if elevated { "admin-shell" } else { "shell" });
    match kind.as_str() {
        _ if command.len() > LONGEST => stage.unknown("a command of that length"),
        "command_prompt" => {
            let one =
                command.lines().map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join(" & ");
            stage.executor("cmd.exe", &format!("\"cmd.exe\" /c {one}"));
            stage.run(Shell::Cmd, &command);
        }
        "powershell" => {
            stage.executor("powershell.exe", &format!("\"powershell.exe\" & {{{}}}", command.trim_end()));
            stage.script(&command);
            stage.run(Shell::PowerShell, &command);
        }
        "manual" => stage.unknown("what is done by hand"),
        other => stage.unknown(&format!("what the executor `{other}` runs on Windows")),
    }
    prerequisites(node, &mut stage, &fill);
    (out.steps, out.unknown) = stage.finish();
    Ok(out)
}

/// Files that have to be there beforehand are no part of the test; that they are not simulated is said.
fn prerequisites(node: &Node<'_>, stage: &mut Stage, fill: &dyn Fn(&str) -> String) {
    let Some(all) = node.get("dependencies") else { return };
    for need in all.items() {
        let words = fill(need.text_of("description").unwrap_or("without a description"));
        stage.assume(&words.split_whitespace().collect::<Vec<_>>().join(" "));
    }
}

/// Input arguments take the place of `#{name}`.
fn arguments(text: &str, inputs: Option<&Node<'_>>) -> String {
    let mut out = text.replace("$PathToAtomicsFolder", FOLDER).replace("PathToAtomicsFolder", FOLDER);
    // An argument's default may name others.
    for _ in 0..3 {
        for (name, input) in inputs.map(Node::entries).unwrap_or_default() {
            let (Some(name), Some(default)) = (name.text(), input.text_of("default")) else { continue };
            let default =
                default.replace("$PathToAtomicsFolder", FOLDER).replace("PathToAtomicsFolder", FOLDER);
            if out.len() < LONGEST {
                out = out.replace(&format!("#{{{name}}}"), default.trim_end());
            }
        }
    }
    out
}

/// As an id may be.
fn safe(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || ".-_".contains(*c)).take(40).collect()
}

impl Test {
    /// How much of its command could be understood.
    pub fn understood(&self) -> Understood {
        let deeds = self.steps.iter().filter(|s| !is_executor(s)).count();
        match (deeds, self.unknown.is_empty()) {
            (_, true) if !self.steps.is_empty() => Understood::Whole,
            (0, _) => Understood::Nothing,
            _ => Understood::Partly,
        }
    }
}

fn is_executor(step: &Step) -> bool {
    match &step.deed {
        Deed::Process(Process { .. }) => step.id == "executor",
        Deed::Script(_) => true,
        _ => false,
    }
}

/// How much of a test's command could be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Understood {
    /// All it says.
    Whole,
    /// Some; the rest is named.
    Partly,
    /// The shell that runs it, and nothing that it does.
    Nothing,
}
