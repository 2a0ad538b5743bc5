//! Keyed rules on the survivors of a scan.

use std::io;
use std::sync::Arc;

use shikra_event::Value;
use shikra_relational::DataFusion;
use shikra_rows::outside::Room;
use shikra_rows::{Input, Limits, Machine, Match};

use crate::finding::Finding;
use crate::plan::{Detector, Keyed};
use crate::survivors::Survivors;
use crate::view::event_view;

/// Runs all keyed rules and tells `sink` their findings in order of time, then of rule; answers what limits were
/// reached. `memory`: bytes for rows that wait for relational operators; beyond it they go to temporary files.
pub(crate) fn run(
    detector: &Detector,
    survivors: &mut Survivors,
    memory: usize,
    sink: &mut dyn FnMut(Finding) -> io::Result<()>,
) -> io::Result<Vec<String>> {
    if detector.keyed.is_empty() {
        return Ok(vec![]);
    }
    let room = Room::new(memory, Arc::new(DataFusion::new(memory)?));
    let machine = |k: &Keyed| Machine::within(&k.program, Limits::default(), Some(&room));
    let mut machines: Vec<(Machine, Vec<Match>)> =
        detector.keyed.iter().map(|k| (machine(k), Vec::new())).collect();
    survivors.for_each(|s| {
        let Some((machine, matches)) = machines.get_mut(s.program as usize) else { return Ok(()) };
        let order = ((s.order >> 32) as u32, s.order & u64::from(u32::MAX));
        machine.push(Input { time: Some(s.time), order, handle: s.event, hits: s.hits }, matches);
        Ok(())
    })?;
    let mut all = Vec::new();
    let mut limits = Vec::new();
    for (number, (mut machine, mut matches)) in machines.into_iter().enumerate() {
        machine.finish(&mut matches)?;
        if machine.stats().degraded() {
            let title = &detector.rules[detector.keyed[number].rule as usize].meta.title;
            limits.push(format!("rule {title:?}: {:?}", machine.stats()));
        }
        // A rule's own order stays (it may have sorted): a match stands no earlier than the one before it.
        let mut latest = None;
        for m in matches.into_iter().filter(tells) {
            latest = latest.max(Some(m.time));
            all.push((latest, number, m));
        }
    }
    all.sort_by_key(|(time, number, _)| (*time, *number));
    for (_, number, m) in all {
        sink(finding(detector, number, m, survivors)?)?;
    }
    Ok(limits)
}

/// Whether a match tells of anything: a group without keys is there even where it is empty.
fn tells(m: &Match) -> bool {
    let nothing = |v: &Value| v.elements().iter().all(|v| v.is_null() || *v == Value::I64(0));
    !m.events.is_empty() || m.keys.iter().chain(&m.columns).any(|(_, v)| !nothing(v))
}

fn finding(detector: &Detector, number: usize, matched: Match, survivors: &Survivors) -> io::Result<Finding> {
    let keyed = &detector.keyed[number];
    let mut events = Vec::new();
    for handle in matched.events.iter().filter_map(|e| e.event) {
        let (source, event) = survivors.event(handle)?;
        events.push(Arc::new(event.with(|e| event_view(e, &source))));
    }
    Ok(Finding {
        rule: detector.rules[keyed.rule as usize].meta.clone(),
        time: events.iter().filter_map(|e| e.time).max(),
        host: events.first().map_or_else(|| Arc::from(""), |e| e.computer.clone()),
        events,
        row: matched.keys.into_iter().chain(matched.columns).collect(),
    })
}
