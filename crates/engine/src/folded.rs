//! Rules are fed from the kept events, all at once and in one reading of them as they lie, each value read of an event
//! once for all. Those all of whose rows come of single events are folded; sides of joins of which only what meets the
//! other side matters are fed when that is known. Only where answers depend on it are they fed
//! in order of time, in a reading of its own. What they hold together stays within a budget: where they outgrow it the
//! largest are given up, and left to those who can work in temporary files. For these, and for all others, what they
//! read is put aside.

use std::io;
use std::sync::Arc;

use hashbrown::HashMap;
use shikra_matcher::FilterId;
use shikra_rows::{Cells, Folder, Folding, Match};

use crate::kept::{Kept, Place, Times, Visit, Wanted};
use crate::plan::{Detector, Target};
use crate::reader::{Reader, ScalarId};
use crate::shared::Shared;
use crate::survivors::{Stream, Survivor, Survivors};

/// One program at work.
struct Running {
    /// Its number.
    program: usize,
    foldings: Vec<Arc<Folding>>,
    /// None once it has been given up.
    folder: Option<Folder>,
    /// Whether that was because events have to come in order of time.
    needs_order: bool,
    /// Events taken, and which was the last.
    taken: u64,
    last: Option<u64>,
}

/// What is read of the events that pass a filter, and for whom.
struct Part {
    reads: Vec<ScalarId>,
    to: To,
}

impl Part {
    /// Whether anybody takes what is read. Who does not now will not in this reading.
    fn is_fed(&self, running: &[Running]) -> bool {
        match self.to {
            To::Survivors { .. } => true,
            To::Folder { running: number, part } => {
                let folder = running.get(number).and_then(|r| r.folder.as_ref());
                folder.is_some_and(|f| !f.waits(part))
            }
        }
    }
}

enum To {
    /// Which of the programs at work, and which of its parts.
    Folder { running: usize, part: usize },
    /// Those that wait to be put in order.
    Survivors { stream: Stream, leaf: u32 },
}

/// Parts that are given the same event: those of the filters that it passed.
#[derive(Default)]
struct Companies {
    known: HashMap<Box<[FilterId]>, u32>,
    parts: Vec<Arc<[u32]>>,
}

impl Companies {
    /// Most that are remembered.
    const MOST: usize = 1 << 14;

    /// The number of a company with its parts, which are those `of` each filter; true: all numbers before are void.
    fn of(&mut self, filters: &[FilterId], of: impl Fn(FilterId) -> Option<u32>) -> (u32, Arc<[u32]>, bool) {
        if let Some(number) = self.known.get(filters)
            && let Some(parts) = self.parts.get(*number as usize)
        {
            return (*number, parts.clone(), false);
        }
        let full = self.parts.len() >= Companies::MOST;
        if full {
            *self = Companies::default();
        }
        let (number, parts) = (self.parts.len() as u32, filters.iter().filter_map(|f| of(*f)).collect());
        let parts: Arc<[u32]> = parts;
        self.known.insert(filters.into(), number);
        self.parts.push(parts.clone());
        (number, parts, full)
    }
}

/// Which reading of the kept events it is.
#[derive(Clone, Copy, PartialEq)]
enum Feeding {
    First,
    /// Of parts that have waited.
    Late,
    /// Events come in order of time.
    InTime,
}

/// Programs that have been fed all they take.
pub(crate) struct Folded(Vec<Running>);

/// What came of the kept events.
pub(crate) struct Fed {
    pub folded: Folded,
    /// What the other programs that are awake have to be fed yet.
    pub survivors: Survivors,
    /// Values of the survivors.
    pub shared: Shared,
}

/// Feeds the programs that are `awake`. What is folded takes `memory` bytes, what is put in order `order` bytes.
pub(crate) fn feed(
    detector: &Detector,
    kept: &Kept,
    awake: &[bool],
    memory: usize,
    order: usize,
) -> io::Result<Fed> {
    let mut at_once = Vec::new();
    let mut in_time = Vec::new();
    let mut others = awake.to_vec();
    for (program, keyed) in detector.keyed.iter().enumerate().filter(|(i, _)| awake.get(*i) == Some(&true)) {
        let Some(foldings) = keyed.program.foldings() else { continue };
        let needs_order = foldings.iter().any(Folding::needs_order);
        let foldings = foldings.into_iter().map(Arc::new).collect();
        if needs_order { &mut in_time } else { &mut at_once }.push((program, foldings));
        others.get_mut(program).into_iter().for_each(|o| *o = false);
    }
    let mut pass = Pass::new(detector, order);
    pass.fold(at_once, true);
    pass.gather(&others);
    pass.run(memory, Feeding::First, |wanted, f| kept.for_each(wanted, f))?;
    pass.begin();
    pass.fold_late()?;
    pass.run(memory, Feeding::Late, |wanted, f| kept.for_each(wanted, f))?;
    let (unsure, mut done): (Vec<Running>, Vec<Running>) =
        std::mem::take(&mut pass.running).into_iter().partition(|r| r.needs_order);
    in_time.extend(unsure.into_iter().map(|r| (r.program, r.foldings)));
    pass.begin();
    pass.fold(in_time, false);
    pass.run(memory, Feeding::InTime, |wanted, f| kept.in_time(wanted, order, f))?;
    done.append(&mut pass.running);
    let mut given_up = vec![false; others.len()];
    for r in done.iter().filter(|r| r.folder.is_none()) {
        given_up.get_mut(r.program).into_iter().for_each(|g| *g = true);
    }
    pass.begin();
    pass.gather(&given_up);
    pass.run(memory, Feeding::First, |wanted, f| kept.for_each(wanted, f))?;
    Ok(Fed { folded: Folded(done), survivors: pass.survivors, shared: pass.reader.into_shared() })
}

/// A reading of the kept events for some programs.
struct Pass<'a> {
    detector: &'a Detector,
    reader: Reader<'a>,
    running: Vec<Running>,
    parts: Vec<Part>,
    /// By filter, the number of the part that it is for.
    of_filter: Vec<Option<u32>>,
    survivors: Survivors,
    /// Bytes that what is folded takes, of earlier readings as well.
    used: usize,
}

impl<'a> Pass<'a> {
    fn new(detector: &'a Detector, order: usize) -> Pass<'a> {
        Pass {
            detector,
            reader: Reader::new(&detector.taxonomy),
            running: Vec::new(),
            parts: Vec::new(),
            of_filter: vec![None; detector.targets.len()],
            survivors: Survivors::new(order),
            used: 0,
        }
    }

    /// Another reading begins.
    fn begin(&mut self) {
        self.reader.renumber();
        self.parts.clear();
        self.of_filter.fill(None);
    }

    /// Has programs folded. `late`: there will be a reading for parts that wait.
    fn fold(&mut self, programs: Vec<(usize, Vec<Arc<Folding>>)>, late: bool) {
        let mut listening = Vec::new();
        for (program, foldings) in programs {
            let Some(keyed) = self.detector.keyed.get(program) else { continue };
            listening.extend((0..foldings.len()).map(|part| (self.running.len(), part)));
            let folder = Folder::new(&keyed.program, &foldings, &self.reader.seed);
            let folder = Some(if late { folder } else { folder.of_one_feeding() });
            self.running.push(Running {
                program,
                foldings,
                folder,
                needs_order: false,
                taken: 0,
                last: None,
            });
        }
        self.listen(listening);
    }

    /// Has parts that have waited folded.
    fn fold_late(&mut self) -> io::Result<()> {
        let mut listening = Vec::new();
        for (running, program) in self.running.iter_mut().enumerate() {
            if let Some(folder) = &mut program.folder {
                listening.extend(folder.second()?.into_iter().map(|part| (running, part)));
            }
        }
        self.listen(listening);
        Ok(())
    }

    /// Has events handed to parts of programs at work.
    fn listen(&mut self, parts: Vec<(usize, usize)>) {
        let mut of_leaf: HashMap<(usize, usize), u32> = HashMap::new();
        for (number, part) in parts {
            let Some(running) = self.running.get(number) else { continue };
            let Some(folding) = running.foldings.get(part) else { continue };
            of_leaf.insert((running.program, folding.leaf), self.parts.len() as u32);
            let reads = folding.reads.iter().map(|s| self.reader.intern(s, true)).collect();
            self.parts.push(Part { reads, to: To::Folder { running: number, part } });
        }
        for (target, part) in self.detector.targets.iter().zip(&mut self.of_filter) {
            if let Target::Leaf { program, leaf } = target
                && let Some(of_leaf) = of_leaf.get(&(*program as usize, *leaf as usize))
            {
                *part = Some(*of_leaf);
            }
        }
    }

    /// Has what these programs read put aside.
    fn gather(&mut self, programs: &[bool]) {
        let detector = self.detector;
        let wanted = |(program, _): &(u32, u32)| programs.get(*program as usize) == Some(&true);
        for (filter, target) in detector.targets.iter().enumerate() {
            let (stream, (program, leaf)) = match target {
                Target::Finding(_) | Target::Witness { .. } => continue,
                Target::Leaf { program, leaf } if wanted(&(*program, *leaf)) => {
                    (detector.stream(*program), (*program, *leaf))
                }
                Target::Leaf { .. } => continue,
                Target::Shared(n) => {
                    // All of them read the same.
                    let users = detector.shared.get(*n as usize);
                    let Some(user) = users.and_then(|u| u.iter().find(|u| wanted(u))) else { continue };
                    (Stream::of_shared(*n), *user)
                }
            };
            let leaves = detector.keyed.get(program as usize).map(|k| k.program.leaves());
            let Some(read) = leaves.and_then(|l| l.get(leaf as usize)) else { continue };
            let reads = read.values.iter().map(|s| self.reader.intern(s, false)).collect();
            let number = self.parts.len() as u32;
            self.parts.push(Part { reads, to: To::Survivors { stream, leaf } });
            self.of_filter.get_mut(filter).into_iter().for_each(|p| *p = Some(number));
        }
    }

    fn run(
        &mut self,
        memory: usize,
        feeding: Feeding,
        read: impl FnOnce(Wanted<'_>, &mut Visit<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        if self.parts.is_empty() {
            return Ok(());
        }
        let Pass { reader, running, parts, of_filter, survivors, used, .. } = self;
        let of = |filter: FilterId| of_filter.get(filter as usize).copied().flatten();
        let mut companies = Companies::default();
        read(&|filter| of(filter).is_some(), &mut |event, place, filters| {
            let (company, numbers, renumbered) = companies.of(filters, of);
            if renumbered {
                reader.renumber_companies();
            }
            let mut reading = reader.event(event, place.time, place.within);
            reading.read(company, || {
                let all = numbers.iter().filter_map(|n| Some((*n, parts.get(*n as usize)?)));
                all.filter(|(_, p)| p.is_fed(running)).map(|(n, p)| (n, p.reads.as_slice()))
            });
            for number in &*numbers {
                let Some(part) = parts.get(*number as usize) else { continue };
                match part.to {
                    To::Survivors { stream, leaf } => {
                        let survivor = Survivor::new(place, stream, leaf);
                        survivors.add(survivor, reading.of_part(*number).values())?;
                    }
                    To::Folder { running: program, part: number_there } => {
                        let Some(program) = running.get_mut(program) else { continue };
                        program.count(place, feeding);
                        if program.reads(number_there, place) {
                            let cells = reading.of_part(*number).cells;
                            program.take(number_there, place, cells, feeding, used);
                        }
                    }
                }
            }
            while *used > memory
                && let Some(freed) = give_up(running)
            {
                *used -= freed;
            }
            Ok(())
        })
    }
}

impl Running {
    /// Counts an event. Those of parts that wait have been counted when they are fed.
    fn count(&mut self, place: Place, feeding: Feeding) {
        let new = feeding != Feeding::Late && self.last.replace(place.order) != Some(place.order);
        self.taken += u64::from(new && self.folder.is_some());
    }

    /// Whether one of its parts is to be given what is read of an event.
    fn reads(&mut self, part: usize, place: Place) -> bool {
        let Some(folder) = &mut self.folder else { return false };
        let waits = folder.waits(part);
        if waits {
            folder.pass_by(place.time);
        }
        !waits
    }

    /// Takes what is read of an event for one of its parts; `used`: bytes that all programs hold.
    fn take(&mut self, part: usize, place: Place, cells: Cells<'_>, feeding: Feeding, used: &mut usize) {
        let Some(folder) = &mut self.folder else { return };
        let before = folder.size();
        folder.push(part, place.time, place.handle, cells);
        *used += folder.size() - before;
        let is_beyond = folder.is_beyond();
        if is_beyond || (feeding != Feeding::InTime && folder.needs_order()) {
            *used -= folder.size();
            (self.folder, self.needs_order) = (None, !is_beyond);
        }
    }
}

/// Gives up the program that takes most; answers how much that was.
fn give_up(running: &mut [Running]) -> Option<usize> {
    let largest = running.iter_mut().filter(|r| r.folder.is_some());
    let largest = largest.max_by_key(|r| r.folder.as_ref().map_or(0, Folder::size))?;
    largest.folder.take().map(|f| f.size())
}

impl Folded {
    /// Tells `f` of the programs that were not given up: number, events taken, what they tell, and rows lost. Those that
    /// hold most come last, when the others have made room for their rows.
    ///
    /// # Errors
    /// Where kept events cannot be read.
    pub(crate) fn finish(
        mut self,
        times: &mut Times<'_>,
        mut f: impl FnMut(usize, u64, Vec<Match>, u64),
    ) -> io::Result<()> {
        self.0.sort_by_key(|r| r.folder.as_ref().map_or(0, Folder::size));
        for r in self.0 {
            let Some(folder) = r.folder else { continue };
            let (matches, lost) = folder.finish(&mut |handle| times.of(handle))?;
            f(r.program, r.taken, matches, lost);
        }
        Ok(())
    }

    /// The numbers of the programs that are done with.
    pub(crate) fn programs(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().filter(|r| r.folder.is_some()).map(|r| r.program)
    }
}
