//! What threads that run a matcher together have in common: what is known of values, and plans of shapes, so that what
//! all of them meet is worked out by one.
//!
//! A plan that has been told to all is dropped. How values are known is in `known`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shikra_event::{Event, Form, SlotIndex};

use crate::known::Known;
use crate::memo::{Hasher, Sets};
use crate::plan::ShapePlan;
use crate::scratch::Limits;

/// Plans that are held before all are dropped.
const MOST_PLANS: usize = 1024;

/// Threads that run a matcher together: see [`crate::Matcher::team`].
#[derive(Clone)]
pub struct Team(Arc<Common>);

impl Team {
    /// Of so many threads, which together remember what one would under these limits.
    pub(crate) fn new(threads: usize, limits: Limits) -> Team {
        Team(Arc::new(Common {
            limits,
            hasher: Hasher::default(),
            others: threads.saturating_sub(1),
            world: Mutex::new(Arc::new(World::new(limits.values))),
            plans: Mutex::default(),
        }))
    }

    pub(crate) fn common(&self) -> Arc<Common> {
        self.0.clone()
    }
}

/// What a team has in common.
pub(crate) struct Common {
    pub limits: Limits,
    /// Every thread's: hashes are the same for all.
    pub hasher: Hasher,
    /// Threads but one.
    others: usize,
    world: Mutex<Arc<World>>,
    plans: Mutex<HashMap<PlanKey, (Arc<ShapePlan>, usize)>>,
}

/// Values and the classes that they are known for: these are numbers, so both are forgotten together.
pub(crate) struct World {
    pub known: Arc<Known>,
    pub classes: Arc<Mutex<Sets>>,
}

impl World {
    fn new(bytes: usize) -> World {
        World { known: Arc::new(Known::new(bytes)), classes: Arc::default() }
    }
}

/// The lock, also behind a thread that panicked: what it holds is whole at any time.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Common {
    /// What is known now.
    pub fn world(&self) -> Arc<World> {
        lock(&self.world).clone()
    }

    /// What takes the place of `old`, in which there is too much.
    pub fn next_world(&self, old: &Arc<World>) -> Arc<World> {
        let mut world = lock(&self.world);
        if Arc::ptr_eq(&world, old) {
            *world = Arc::new(World::new(self.limits.values));
        }
        world.clone()
    }

    /// Whether there is nobody to tell.
    pub fn is_alone(&self) -> bool {
        self.others == 0
    }

    /// The plan for all events that `key` stands for, made by whoever comes first.
    pub fn plan(&self, key: PlanKey, make: impl FnOnce() -> ShapePlan) -> Arc<ShapePlan> {
        let mut plans = lock(&self.plans);
        if let Some((plan, left)) = plans.get_mut(&key) {
            let plan = plan.clone();
            *left -= 1;
            if *left == 0 {
                plans.remove(&key);
            }
            return plan;
        }
        if plans.len() >= MOST_PLANS {
            plans.clear();
        }
        let made = Arc::new(make());
        plans.insert(key, (made.clone(), self.others));
        made
    }
}

/// All that a plan depends on: what a shape is, for each reader has shapes of its own, and what is taken as given.
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct PlanKey {
    form: Form,
    event_id: Option<u32>,
    version: Option<u32>,
    /// Provider, channel, fields, slots that are taken as given and their values, each with its length.
    rest: Vec<u8>,
}

impl PlanKey {
    pub fn new(event: &Event<'_>, fixed: &[SlotIndex]) -> PlanKey {
        let shape = event.shape;
        let mut rest = Vec::with_capacity(1024);
        let mut push = |bytes: &[u8]| {
            rest.extend((bytes.len() as u64).to_le_bytes());
            rest.extend_from_slice(bytes);
        };
        push(shape.provider().as_bytes());
        push(shape.channel().as_bytes());
        push(&shape.fields().len().to_le_bytes());
        shape.fields().iter().for_each(|name| push(name.as_bytes()));
        for &i in fixed {
            let slot = event.slot(i);
            push(&i.to_le_bytes());
            push(&[slot.kind.0]);
            push(slot.data);
        }
        PlanKey { form: shape.form(), event_id: shape.event_id(), version: shape.version(), rest }
    }
}
