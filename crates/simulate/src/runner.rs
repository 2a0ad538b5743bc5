//! A PowerShell script that runs a simulation's tests for real, on a test computer, and marks in the event log where
//! each begins and ends.
//!
//! The marks are events of the Application log whose text [`read_mark`] understands; `shikra validate --logs` looks
//! between them.

use std::fmt::Write as _;

use crate::definition::{Simulation, Test};

/// Event id of a mark at the start of a test.
pub const START: u32 = 901;
/// Event id of a mark at its end.
pub const END: u32 = 902;
/// What the text of a mark begins with.
const MARK: &str = "shikra simulation";

/// The test that a mark's text names, and whether it is the start.
pub fn read_mark(text: &str) -> Option<(&str, bool)> {
    let mut words = text.trim().strip_prefix(MARK)?.split_whitespace();
    let (word, test) = (words.next()?, words.next()?);
    match word {
        "start" => Some((test, true)),
        "end" => Some((test, false)),
        _ => None,
    }
}

/// A text in single quotes.
fn quoted(text: &str) -> String {
    // Windows PowerShell takes typographic quotes for plain ones.
    let safe: String = text.chars().filter(|c| !c.is_control() || *c == '\n').collect();
    let doubled = ['\'', '‘', '’', '‚', '‛'].iter().fold(safe, |t, q| t.replace(*q, &format!("{q}{q}")));
    format!("'{doubled}'")
}

const HEAD: &str = r#"# Runs tests for real and marks them in the event log. For a test computer that may be harmed, never for another.
# Written by shikra simulate --runner.
#
#   powershell -ExecutionPolicy Bypass -File THIS.ps1 [-Folder C:\evidence] [-Test ID] [-Confirmed]
#
# Needs an elevated prompt: it registers the event source "Shikra" and exports the Security log. Atomic Red Team tests
# need the module Invoke-AtomicRedTeam. Afterwards: shikra validate PACK --logs FOLDER
[CmdletBinding()]
param([string]$Folder = "$env:SystemDrive\shikra-evidence", [string[]]$Test = @(), [switch]$Confirmed, [int]$Wait = 5)
$ErrorActionPreference = 'Stop'
if (-not $Confirmed) {
    $answer = Read-Host 'This runs attack techniques on this computer. Type YES to go on'
    if ($answer -cne 'YES') { return }
}
if (-not [System.Diagnostics.EventLog]::SourceExists('Shikra')) { New-EventLog -LogName Application -Source Shikra }
New-Item -ItemType Directory -Force -Path $Folder | Out-Null
$begun = (Get-Date).ToUniversalTime().AddSeconds(-2)
function Write-Mark([int]$Id, [string]$Text) {
    Write-EventLog -LogName Application -Source Shikra -EventId $Id -EntryType Information -Message $Text
}
function Invoke-Marked([string]$Id, [scriptblock]$Run, [scriptblock]$Undo) {
    if ($Test.Count -and $Test -notcontains $Id) { return }
    Write-Host "test $Id"
    Write-Mark 901 "shikra simulation start $Id"
    try { & $Run } catch { Write-Warning "$Id : $_" }
    Start-Sleep -Seconds $Wait
    Write-Mark 902 "shikra simulation end $Id"
    try { & $Undo } catch { Write-Warning "$Id, undoing it: $_" }
}
"#;

const FOOT: &str = r#"
$since = $begun.ToString('yyyy-MM-ddTHH:mm:ss.000Z')
$query = "*[System[TimeCreated[@SystemTime>='$since']]]"
foreach ($log in 'Application', 'Security', 'System', 'Microsoft-Windows-Sysmon/Operational', 'Microsoft-Windows-PowerShell/Operational') {
    $file = Join-Path $Folder (($log -replace '[^A-Za-z0-9-]', '_') + '.evtx')
    wevtutil.exe epl $log $file "/q:$query" /ow:true
}
Write-Host "logs are in $Folder"
"#;

/// The script for all tests of a simulation that can be run; those that cannot are named in it.
pub fn script(simulations: &[&Simulation]) -> String {
    let mut out = HEAD.to_owned();
    for simulation in simulations {
        for test in &simulation.tests {
            out.push('\n');
            one(&simulation.technique, test, &mut out);
        }
    }
    out.push_str(FOOT);
    out
}

fn one(technique: &str, test: &Test, out: &mut String) {
    let comment: String = test.name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let _ = writeln!(out, "# {comment}");
    let Some(run) = &test.run else {
        let _ = writeln!(out, "# {} has nothing to run: it is only simulated.", test.id);
        return;
    };
    let (go, undo) = match &run.atomic {
        Some(guid) => {
            let call = |more: &str| {
                format!("Invoke-AtomicTest {} -TestGuids {}{more}", quoted(technique), quoted(guid))
            };
            (format!("{}; {}", call(" -GetPrereqs"), call("")), call(" -Cleanup"))
        }
        None if run.command.is_empty() => {
            let _ = writeln!(out, "# {} does not say how it is run.", test.id);
            return;
        }
        None => (command(&run.executor, &run.command), command(&run.executor, &run.cleanup)),
    };
    let _ = writeln!(out, "Invoke-Marked {} {{ {go} }} {{ {undo} }}", quoted(&test.id));
}

/// A command of the test's own, handed over as text so that it cannot leave its block.
fn command(executor: &str, command: &str) -> String {
    match (command.is_empty(), executor) {
        (true, _) => String::new(),
        (_, "powershell") => format!("Invoke-Expression {}", quoted(command)),
        _ => format!("& \"$env:ComSpec\" /c {}", quoted(command)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::Run;

    #[test]
    fn marks_are_read_as_they_are_written() {
        assert_eq!(read_mark("shikra simulation start a-1"), Some(("a-1", true)));
        assert_eq!(read_mark("shikra simulation end a-1\r\n"), Some(("a-1", false)));
        assert_eq!(read_mark("shikra simulation stop a-1"), None);
        assert!(
            HEAD.contains("901 \"shikra simulation start $Id\"")
                && HEAD.contains("902 \"shikra simulation end $Id\"")
        );
    }

    #[test]
    fn hostile_text_stays_in_its_quotes() {
        let run =
            Run {
                executor: "powershell".into(), command: "a' } ; evil; { '’ ; b".into(), ..Run::default()
            };
        let test =
            Test { id: "x".into(), name: "n\nRemove-Item C:\\".into(), run: Some(run), ..Test::default() };
        let text = script(&[&Simulation { tests: vec![test], ..Simulation::default() }]);
        assert!(text.contains("Invoke-Expression 'a'' } ; evil; { ''’’ ; b'"));
        assert!(text.contains("# n Remove-Item"));
    }
}
