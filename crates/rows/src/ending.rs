//! What a folded program tells when the input has ended: its rows, through the operators. The events of groups are
//! named last, of the rows that are left: most come to nothing, and one group may be of all events there are.

use std::io;

use shikra_event::{Timestamp, Value};
use shikra_sequence::{Limits, MatchedEvent};

use crate::compile::{Core, Program};
use crate::folding::{Kept, TimeOf};
use crate::machine::for_another;
use crate::merge::{Kind, brought_together};
use crate::more;
use crate::operate;
use crate::row::Row;

/// In the place of a stage: what stands there are the events of a group, its handle the numbers of part and group.
const GROUP: u32 = u32::MAX;

/// The end of the input.
pub(crate) struct End<'k, 't> {
    /// What is kept, part by part.
    parts: &'k [Kept],
    /// The part that comes next.
    next: u32,
    now: Value,
    most: usize,
    /// Rows that were too many to be looked at.
    pub lost: u64,
    /// None: nobody asks for the events.
    times: Option<TimeOf<'t>>,
}

impl<'k, 't> End<'k, 't> {
    /// `last`: time of the latest event.
    pub fn new(parts: &'k [Kept], last: Timestamp, times: Option<TimeOf<'t>>) -> End<'k, 't> {
        let most = Limits::default().max_events;
        End { parts, next: 0, now: Value::Time(last), most, lost: 0, times }
    }

    /// The rows of a program through its operators; the next parts are its own and those of the programs that feed it.
    /// Their events are yet to be [named](End::name_events).
    pub fn rows(&mut self, program: &Program) -> io::Result<Vec<Row>> {
        let (rows, done) = match &program.core {
            Core::Events(_) => {
                let number = self.next;
                self.next += 1;
                let part = self.parts.get(number as usize);
                let asked = self.times.is_some();
                let handle = |group: u32| Some(u64::from(number) << 32 | u64::from(group));
                let named = |group| asked.then(|| MatchedEvent { stage: GROUP, event: handle(group) });
                part.map(|p| p.rows(program, &self.now, named)).unwrap_or_default()
            }
            Core::Merged(merge) => {
                let mut inputs = Vec::new();
                for input in &merge.inputs {
                    let mut rows = self.rows(&input.program)?;
                    if !matches!(merge.kind, Kind::Union) {
                        // Of two rows that become one each event is named once.
                        self.name_events(&mut rows)?;
                    }
                    inputs.push(rows.into_iter().map(for_another).collect());
                }
                (self.brought_together(program, inputs), 0)
            }
            Core::Values(_) | Core::Keyed(_) => (self.brought_together(program, Vec::new()), 0),
        };
        let operators = more::bind(program.operators.get(done..).unwrap_or_default(), &self.now);
        Ok(operate::all(&program.reads, &operators, rows))
    }

    fn brought_together(&mut self, program: &Program, inputs: Vec<Vec<Row>>) -> Vec<Row> {
        let found = brought_together(program, inputs, self.most);
        self.lost += found.as_ref().map_or(0, |f| f.lost);
        found.map(|f| f.rows).unwrap_or_default()
    }

    /// Names the events of groups in rows.
    pub fn name_events(&mut self, rows: &mut [Row]) -> io::Result<()> {
        let Some(times) = &mut self.times else { return Ok(()) };
        for row in rows {
            if !row.found.events.iter().any(|e| e.stage == GROUP) {
                continue;
            }
            let mut events = Vec::new();
            for event in std::mem::take(&mut row.found.events) {
                let Some(handle) = event.event.filter(|_| event.stage == GROUP) else {
                    events.push(event);
                    continue;
                };
                let Some(part) = self.parts.get((handle >> 32) as usize) else { continue };
                let (handles, lost) = part.events_of(handle as u32, &mut **times)?;
                events.extend(handles.into_iter().map(|h| MatchedEvent { stage: 0, event: Some(h) }));
                row.found.lost += lost;
            }
            row.found.events = events;
        }
        Ok(())
    }
}
