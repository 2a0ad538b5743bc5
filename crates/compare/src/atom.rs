//! Atoms: single questions about the value of one field of one event type, and how two of them relate.

use std::cell::OnceCell;
use std::net::IpAddr;

use ipnet::IpNet;
use shikra_event::Value;
use shikra_ir::{CmpOp, Flavor, Fold, Op, Pattern, Scalar, Test, Truth, eval};
use shikra_taxonomy::Derive;

use crate::automaton::Automaton;
use crate::glob;
use crate::product::{self, Found};
use crate::sample::{relaxed, shortest};

/// What an atom asks.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// The value matches this pattern; with `fold`, the pattern is in lower case.
    Like(Pattern, bool),
    /// A regular expression finds itself.
    Regex,
    /// The value is there.
    Present,
    /// The value is an address of these networks.
    Net(Vec<IpNet>),
    /// The value, read as a number, compares so.
    Number(CmpOp, f64),
    /// Something that can be asked of a value, but not reasoned about.
    Opaque,
}

/// One question about one field.
#[derive(Debug)]
pub(crate) struct Atom {
    /// Which field; none where it reads several.
    pub var: Option<u32>,
    /// How the value asked about is made of the field's.
    pub derive: Vec<Derive>,
    /// What is asked, for evaluation: on the derived value where `on_value`, else on the event.
    pub test: Test,
    pub on_value: bool,
    /// The truth asked for.
    pub truth: Truth,
    pub kind: Kind,
    pub(crate) automaton: OnceCell<Option<Automaton>>,
    pub(crate) sample: OnceCell<Option<String>>,
}

/// How one atom relates to another on the same field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Relation {
    /// Wherever the first holds, the second does.
    pub within: bool,
    /// They never hold together.
    pub apart: bool,
}

impl Atom {
    pub fn new(var: Option<u32>, derive: Vec<Derive>, test: Test, kind: Kind) -> Atom {
        let (automaton, sample) = (OnceCell::new(), OnceCell::new());
        Atom { var, derive, test, on_value: true, truth: Truth::True, kind, automaton, sample }
    }

    /// Whether it holds of a value of its field; only for those asked of the derived value.
    pub fn holds(&self, value: &Value) -> bool {
        let derived = Derive::apply_all(&self.derive, value.clone());
        if let Kind::Present = self.kind {
            return !derived.elements().iter().all(Value::is_null);
        }
        let right = match &self.test.op {
            Op::Compare(_, Scalar::Lit(v)) => Some(v.clone()),
            _ => None,
        };
        eval::test_value(&self.test, &derived, right.as_ref()) == self.truth
    }

    /// The texts of the field of which it holds, where that is a set that an automaton can tell.
    pub fn automaton(&self) -> Option<&Automaton> {
        self.automaton.get_or_init(|| self.build()).as_ref()
    }

    /// A short text of which it holds.
    pub fn sample(&self) -> Option<&str> {
        let find = || match (self.automaton(), &self.test.op) {
            (Some(automaton), _) => shortest(automaton),
            (None, Op::Regex(all)) => {
                relaxed(all.first()?, &self.test.words, &|t| self.holds(&Value::str(t)))
            }
            (None, _) => None,
        };
        self.sample.get_or_init(find).as_deref()
    }

    fn build(&self) -> Option<Automaton> {
        let own = match &self.kind {
            Kind::Like(p, fold) => Automaton::glob(p, *fold)?,
            Kind::Regex => {
                let Op::Regex(all) = &self.test.op else { return None };
                let compiled = shikra_ir::regex::cached(all.first()?, &self.test.words).ok()?;
                let mut linear = compiled.linear()?.clone();
                linear.dot_all |= self.test.words.regex == Flavor::Lucene;
                Automaton::regex(&linear)?
            }
            Kind::Present => Automaton::all(),
            _ => return None,
        };
        self.derive.iter().rev().try_fold(own, |a, d| match d {
            Derive::Lower => Some(a.lowered()),
            Derive::BaseName => a.last_part(&['\\', '/']),
            Derive::User => a.second_part_or_whole('\\'),
            Derive::Domain => a.first_part('\\'),
            _ => None,
        })
    }

    /// The one text asked for, where it is one.
    pub fn exact(&self) -> Option<&str> {
        match &self.kind {
            Kind::Like(p, _) if self.derive.is_empty() => p.literal(),
            _ => None,
        }
    }

    fn folds(&self) -> bool {
        match &self.kind {
            Kind::Like(_, fold) => *fold,
            Kind::Regex => self.test.words.fold == Fold::Unicode,
            Kind::Net(_) | Kind::Number(..) | Kind::Present => true,
            Kind::Opaque => false,
        }
    }

    /// How it relates to another on the same field; `among` the texts that the field can hold, where that is
    /// bounded; `effort`: tuples that finding it out may take, brought down by those it took; 0: only what their forms tell.
    pub fn relation(&self, other: &Atom, among: Option<&Automaton>, effort: &mut usize) -> Relation {
        if let Some(known) = self.by_form(other, among.is_some()) {
            return known;
        }
        if *effort == 0 {
            return Relation::default();
        }
        let (Some(a), Some(b)) = (self.automaton(), other.automaton()) else { return Relation::default() };
        let each = *effort;
        let mut nothing = |wanted: bool| {
            let mut left = each;
            let mut all = vec![(a, true), (b, wanted)];
            all.extend(among.map(|p| (p, true)));
            let found = product::find(&all, &mut left);
            *effort = effort.saturating_sub(each - left);
            found == Found::Nothing
        };
        let within = nothing(false);
        Relation { within, apart: !within && nothing(true) }
    }

    /// Where the forms of the two tell; `bounded`: the field does not hold all texts.
    fn by_form(&self, other: &Atom, bounded: bool) -> Option<Relation> {
        let within = |w: bool| Some(Relation { within: w, apart: false });
        if let Kind::Present = other.kind {
            let same = other.derive.is_empty() || other.derive == self.derive;
            return (same && !matches!(self.kind, Kind::Opaque))
                .then_some(Relation { within: true, apart: false });
        }
        if let Some(text) = self.exact()
            && other.on_value
            && (other.folds() || !self.folds() || !text.chars().any(char::is_alphabetic))
        {
            let holds = other.holds(&Value::str(text));
            return Some(Relation { within: holds, apart: !holds });
        }
        if self.derive != other.derive {
            return None;
        }
        match (&self.kind, &other.kind) {
            (Kind::Like(a, fa), Kind::Like(b, fb)) => glob::relate((a, *fa), (b, *fb), bounded),
            (Kind::Net(a), Kind::Net(b)) => {
                let held = a.iter().all(|x| b.iter().any(|y| y.contains(x)));
                let meet = a.iter().any(|x| b.iter().any(|y| x.contains(y) || y.contains(x)));
                Some(Relation { within: held, apart: !meet })
            }
            (Kind::Number(a, x), Kind::Number(b, y)) => Some(numbers(*a, *x, *b, *y)),
            (Kind::Present, _) => within(false),
            _ => None,
        }
    }
}

/// How two comparisons of one number relate.
fn numbers(a: CmpOp, x: f64, b: CmpOp, y: f64) -> Relation {
    // Whatever tells two comparisons apart lies at, beside or between their numbers.
    let mut points = vec![x, y, x - 0.5, x + 0.5, y - 0.5, y + 0.5, (x + y) / 2.0];
    points.extend([x.min(y) - 1.0, x.max(y) + 1.0]);
    let holds = |op: CmpOp, n: f64, at: f64| at.partial_cmp(&n).is_some_and(|o| op.accepts(o));
    let both = points.iter().any(|p| holds(a, x, *p) && holds(b, y, *p));
    let first = points.iter().any(|p| holds(a, x, *p) && !holds(b, y, *p));
    Relation { within: !first, apart: !both }
}

/// Addresses in and around networks.
pub(crate) fn addresses(nets: &[IpNet]) -> Vec<String> {
    nets.iter()
        .flat_map(|n| n.hosts().nth(6).or_else(|| n.hosts().next()))
        .map(|ip: IpAddr| ip.to_string())
        .collect()
}
