//! All predicates on the values of one group of slots.

use std::sync::{Arc, OnceLock};

use shikra_event::{Event, Kind, Slot, Value};
use shikra_ir::eval::{self, Row};
use shikra_ir::{FieldRef, Multi, Names, Nulls, Pattern, Test, Truth};
use shikra_taxonomy::Binding;

use crate::compile::{Pred, PredId};
use crate::machine::{Found, Local, Machine, Text};
use crate::sieve::{Needs, Sieve};

/// A predicate that is not false: its number and whether it is merely unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Entry(u32);

impl Entry {
    /// None for false.
    pub fn new(pred: PredId, truth: Truth) -> Option<Entry> {
        match truth {
            Truth::False => None,
            Truth::Unknown => Some(Entry(pred << 1 | 1)),
            Truth::True => Some(Entry(pred << 1)),
        }
    }
    pub fn pred(self) -> PredId {
        self.0 >> 1
    }
    pub fn truth(self) -> Truth {
        if self.0 & 1 == 0 { Truth::True } else { Truth::Unknown }
    }
}

/// Predicates on what one group of slots holds, under one or more bindings to it.
#[derive(Debug)]
pub(crate) struct Program {
    /// Unique number, never used again.
    pub id: u32,
    inputs: Vec<Arc<Input>>,
    /// Bit n: no predicate can hold for values whose text is made of alphabet n. Made when first asked for.
    hopeless: OnceLock<u8>,
    /// For JSON strings; made when the first one comes.
    sieve: OnceLock<Option<Sieve>>,
    /// See [`Program::is_cheap`]; found out when the first value comes.
    cheap: OnceLock<bool>,
}

/// The predicates of one variable under one binding. Programs that have it in common share it.
#[derive(Debug)]
pub(crate) struct Input {
    /// Slots are positions in the group.
    binding: Binding,
    /// The binding is the one slot as it is.
    plain: bool,
    /// Made when first used: plans are made by one thread at a time, this by several.
    machine: OnceLock<Machine>,
    /// The machine's comparisons, and their predicates.
    tests: Vec<Arc<Test>>,
    preds: Vec<PredId>,
    /// Predicates that are unknown where there is no value: told without the machine, which thousands of fields that
    /// never have a value then do not need.
    unknown_if_absent: Vec<PredId>,
    /// Predicates on the value as a whole.
    whole: Vec<(PredId, Arc<Test>)>,
    /// The variable stands for many fields: one of them without a value says nothing.
    spread: bool,
}

/// Buffers of evaluations.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    text: String,
    folded: String,
    pub found: Found,
    counts: Vec<(u32, u32)>,
}

/// Characters that the folded text of some kinds is made of.
const ALPHABETS: [&str; 4] = ["-0123456789", "0123456789abcdefx{}-", "0123456789-t:.z", "0123456789-sabcdef"];

/// Alphabet of a slot whose text is made of few characters and which certainly has a value.
fn alphabet(slot: Slot<'_>) -> Option<usize> {
    match (slot.kind, slot.data.len()) {
        (
            Kind::I8 | Kind::U8 | Kind::I16 | Kind::U16 | Kind::I32 | Kind::U32 | Kind::I64 | Kind::U64,
            1 | 2 | 4 | 8,
        ) => Some(0),
        (Kind::GUID, 16) | (Kind::HEX32, 4) | (Kind::HEX64 | Kind::SIZE, 8) => Some(1),
        (Kind::FILETIME, 8) | (Kind::SYSTEMTIME, 16) => Some(2),
        (Kind::SID, 8..) => Some(3),
        (Kind::JSON_NUMBER, 1..=18) if slot.data.iter().all(|b| matches!(b, b'-' | b'0'..=b'9')) => Some(0),
        _ => None,
    }
}

impl Program {
    /// A program of these inputs.
    pub fn new(id: u32, inputs: Vec<Arc<Input>>) -> Program {
        Program { id, inputs, hopeless: OnceLock::new(), sieve: OnceLock::new(), cheap: OnceLock::new() }
    }

    fn find_hopeless(&self) -> u8 {
        let hopeless = ALPHABETS.iter().enumerate().filter(|(_, a)| {
            let possible = |i: &Arc<Input>| {
                !i.plain || !i.whole.is_empty() || i.machine().could_hold(&|c| a.contains(c))
            };
            !self.inputs.iter().any(possible)
        });
        hopeless.fold(0, |bits, (n, _)| bits | 1 << n)
    }

    /// All its predicates.
    pub fn preds(&self) -> impl Iterator<Item = PredId> {
        self.inputs.iter().flat_map(|i| i.preds.iter().copied().chain(i.whole.iter().map(|(p, _)| *p)))
    }

    /// Whether it can be told at a glance that every predicate is false for a slot.
    pub fn is_hopeless(&self, slot: Slot<'_>) -> bool {
        if slot.kind == Kind::JSON_STRING {
            let sieve = self.sieve.get_or_init(|| self.make_sieve());
            return sieve.as_ref().is_some_and(|s| s.holds_back(slot.data));
        }
        alphabet(slot).is_some_and(|a| self.hopeless.get_or_init(|| self.find_hopeless()) & 1 << a != 0)
    }

    fn make_sieve(&self) -> Option<Sieve> {
        let mut needs = Needs::default();
        let all = self.inputs.iter().all(|i| i.takes_text() && i.machine().needs(&mut needs));
        all.then(|| Sieve::new(needs)).flatten()
    }

    /// Whether to evaluate a short text takes less time than to find it among many remembered ones.
    pub fn is_cheap(&self) -> bool {
        let each = |i: &Arc<Input>| i.takes_text() && i.machine().is_cheap();
        *self.cheap.get_or_init(|| self.inputs.iter().all(each))
    }

    /// Appends the outcome for a group: an event of its slots.
    pub fn evaluate(&self, group: &Event<'_>, buffers: &mut Buffers, out: &mut Vec<Entry>) {
        let slot = group.slot(0);
        let has_text = is_text(slot.kind);
        for input in self.inputs.iter().filter(|i| !(has_text && i.takes_text())) {
            input.value(&input.binding.value(group), buffers, out);
        }
        if has_text && self.inputs.iter().any(|i| i.takes_text()) {
            self.text(slot, buffers, out);
        }
        out.sort_unstable();
    }

    /// Appends the outcome of the inputs that take text.
    fn text(&self, slot: Slot<'_>, buffers: &mut Buffers, out: &mut Vec<Entry>) {
        let Buffers { text, folded, found, .. } = buffers;
        let raw = as_it_is(slot).unwrap_or_else(|| {
            text.clear();
            slot.render(text);
            text
        });
        let text = Text::new(raw, folded);
        for input in self.inputs.iter().filter(|i| i.takes_text()) {
            input.machine().folded(&text, false, found);
            input.tell(found, out);
        }
    }
}

/// Whether the value of a slot of this kind is its text.
pub(crate) fn is_text(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::UTF16
            | Kind::ANSI
            | Kind::UTF8
            | Kind::JSON_STRING
            | Kind::XML_TEXT
            | Kind::GUID
            | Kind::SID
            | Kind::HEX32
            | Kind::HEX64
            | Kind::SIZE
            | Kind::BINARY
            | Kind::SYSTEMTIME
            | Kind::JSON_OBJECT
    )
}

/// Whether it is certain without looking at the value that a binding gives text.
pub(crate) fn certainly_text(binding: &Binding, event: &Event<'_>) -> bool {
    match binding {
        Binding::Slots { slots, derive } if derive.is_empty() => {
            slots.iter().any(|&s| is_text(event.slot(s).kind))
        }
        _ => false,
    }
}

/// The text of a slot, where it stands in the file as it is.
fn as_it_is<'a>(slot: Slot<'a>) -> Option<&'a str> {
    let plain = match slot.kind {
        Kind::UTF8 => true,
        Kind::JSON_STRING => memchr::memchr(b'\\', slot.data).is_none(),
        _ => false,
    };
    if plain { std::str::from_utf8(slot.data).ok() } else { None }
}

impl Input {
    /// The predicates `preds` of `all` on a variable that is bound so; `spread` where it is one of many fields.
    pub fn new(binding: Binding, preds: &[PredId], all: &[Pred], spread: bool) -> Input {
        let known = preds.iter().filter_map(|&p| Some((p, all.get(p as usize)?)));
        let (each, whole): (Vec<_>, Vec<_>) = known.partition(|(_, p)| p.elementwise);
        Input {
            plain: binding == Binding::slot(0),
            binding,
            machine: OnceLock::new(),
            unknown_if_absent: each
                .iter()
                .filter(|(_, p)| p.test.words.null == Nulls::Three)
                .map(|(id, _)| *id)
                .collect(),
            tests: each.iter().map(|(_, p)| p.test.clone()).collect(),
            preds: each.iter().map(|(id, _)| *id).collect(),
            whole: whole.into_iter().map(|(id, p)| (id, p.test.clone())).collect(),
            spread,
        }
    }

    fn machine(&self) -> &Machine {
        self.machine.get_or_init(|| Machine::new(self.tests.clone()))
    }

    /// Where the value of the slot is its text, that is all there is to know.
    fn takes_text(&self) -> bool {
        self.plain && self.whole.is_empty() && self.machine().text_suffices()
    }

    fn tell(&self, found: &mut Found, out: &mut Vec<Entry>) {
        self.settle(found);
        found.drain(|local, truth| out.extend(Entry::new(self.preds[local as usize], truth)));
    }

    /// Where costs are counted: says whose they are.
    fn settle(&self, found: &mut Found) {
        if let Some(tally) = &mut found.tally {
            tally.settle(&self.preds);
        }
    }

    /// Appends the outcome for a value.
    pub fn value(&self, value: &Value, buffers: &mut Buffers, out: &mut Vec<Entry>) {
        for (pred, test) in &self.whole {
            out.extend(Entry::new(*pred, eval::test(test, &OneValue(value))));
        }
        let mut there = value.elements().iter().filter(|v| !v.is_null());
        match (there.next(), there.next()) {
            (None, _) if self.spread => {}
            (None, _) => {
                out.extend(self.unknown_if_absent.iter().filter_map(|&p| Entry::new(p, Truth::Unknown)));
            }
            (Some(one), None) => {
                self.machine().value(one, &mut buffers.found);
                self.tell(&mut buffers.found, out);
            }
            _ => self.several(value, buffers, out),
        }
    }

    /// More than one value: each by itself, then joined as each comparison's `multi` says.
    fn several(&self, value: &Value, buffers: &mut Buffers, out: &mut Vec<Entry>) {
        let Buffers { found, counts, .. } = buffers;
        counts.clear();
        counts.resize(self.machine().len(), (0, 0));
        let mut total = 0;
        for v in value.elements().iter().filter(|v| !v.is_null()) {
            total += 1;
            self.machine().value(v, found);
            found.drain(|local, truth| match truth {
                Truth::True => counts[local as usize].0 += 1,
                _ => counts[local as usize].1 += 1,
            });
        }
        self.settle(found);
        let of_all = |yes: u32, unknown: u32| match (yes == total, yes + unknown == total) {
            (true, _) => Truth::True,
            (false, true) => Truth::Unknown,
            _ => Truth::False,
        };
        for (i, &(yes, unknown)) in counts.iter().enumerate() {
            let truth = match self.machine().multi(i as Local) {
                Multi::Null => Truth::Unknown,
                _ if yes + unknown == 0 => Truth::False,
                Multi::All => of_all(yes, unknown),
                Multi::Any => {
                    if yes > 0 {
                        Truth::True
                    } else {
                        Truth::Unknown
                    }
                }
            };
            out.extend(Entry::new(self.preds[i], truth));
        }
    }
}

/// A row in which every field has the same value: for tests of one field.
struct OneValue<'a>(&'a Value);

impl Row for OneValue<'_> {
    fn field(&self, _: &FieldRef) -> Value {
        self.0.clone()
    }
    fn all_fields(&self) -> Vec<Value> {
        self.0.elements().to_vec()
    }
    fn fields_like(&self, _: Names, _: &Pattern) -> Vec<Value> {
        self.0.elements().to_vec()
    }
}
