//! Events that a detection matches, kept to tell quickly which others do not include it.
//!
//! A search for one pair is dear; asking another detection about an event that this one is known to match is not, and
//! settles most pairs. Events come from searches that found one, so that each search settles later pairs as well.

use std::collections::{HashMap, HashSet};

use shikra_event::Value;

use crate::formula::Formula;
use crate::world::World;

/// Most events kept of one detection.
const MOST: usize = 24;

/// Events that one detection matches.
#[derive(Default)]
pub(crate) struct Matched {
    events: Vec<Known>,
    /// Shapes of which an event was looked for.
    sought: HashSet<usize>,
}

/// One event, and what was asked of it.
struct Known {
    shape: usize,
    values: Vec<(u32, Value)>,
    told: HashMap<u32, Option<bool>>,
}

impl Matched {
    /// Whether there is no event of this shape yet and none was looked for.
    pub fn first(&mut self, shape: usize) -> bool {
        !self.events.iter().any(|e| e.shape == shape) && self.sought.insert(shape)
    }

    /// Keeps an event for which `formula`, what the detection asks of this shape, is seen to hold.
    pub fn keep(&mut self, world: &World<'_>, shape: usize, formula: &Formula, values: Vec<(u32, Value)>) {
        let mut event = Known { shape, values, told: HashMap::new() };
        if self.events.len() < MOST && event.holds(world, formula) == Some(true) {
            self.events.push(event);
        }
    }

    /// Whether an event of this shape is known of which `formula` does not hold.
    pub fn refute(&mut self, world: &World<'_>, shape: usize, formula: &Formula) -> bool {
        let mut of_shape = self.events.iter_mut().filter(|e| e.shape == shape);
        of_shape.any(|e| e.holds(world, formula) == Some(false))
    }
}

impl Known {
    fn holds(&mut self, world: &World<'_>, f: &Formula) -> Option<bool> {
        // What decides the whole, and what it is otherwise.
        let (parts, decides) = match f {
            Formula::True => return Some(true),
            Formula::False => return Some(false),
            Formula::Is(a, is) => return self.atom(world, *a).map(|t| t == *is),
            Formula::All(v) => (v, false),
            Formula::Any(v) => (v, true),
        };
        let mut whole = Some(!decides);
        for p in parts {
            match self.holds(world, p) {
                Some(t) if t == decides => return Some(decides),
                Some(_) => {}
                None => whole = None,
            }
        }
        whole
    }

    fn atom(&mut self, world: &World<'_>, atom: u32) -> Option<bool> {
        let (shape, values) = (self.shape, &self.values);
        *self.told.entry(atom).or_insert_with(|| {
            world.step();
            world.told(atom, shape, values)
        })
    }
}
