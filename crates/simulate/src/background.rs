//! The ordinary day around a test: activities drawn by weight from `data/simulate/background.toml`.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::definition::Step;
use crate::scenario::{Cause, Stage};
use crate::world::SECOND;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Day {
    activity: Vec<Activity>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Activity {
    name: String,
    weight: u64,
    step: Vec<Step>,
}

/// The file is ours: a test holds that it can be read.
static DAY: LazyLock<Day> = LazyLock::new(|| {
    toml::from_str(include_str!("../../../data/simulate/background.toml")).unwrap_or_default()
});

/// Plays activities until about so many events more are there.
pub(crate) fn play(stage: &mut Stage, events: usize) {
    let goal = stage.count() + events;
    let total: u64 = DAY.activity.iter().map(|a| a.weight).sum();
    while stage.count() < goal {
        let mut at = stage.world.rng.below(total);
        let drawn = DAY.activity.iter().find(|a| {
            let found = at < a.weight;
            at = at.saturating_sub(a.weight);
            found
        });
        let Some(activity) = drawn else { return };
        let pause = stage.world.rng.between(SECOND, 90 * SECOND);
        stage.wait(pause);
        stage.cause = Cause::Ordinary(&activity.name);
        activity.step.iter().for_each(|s| stage.step(s));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_can_be_read() {
        let day: Day = toml::from_str(include_str!("../../../data/simulate/background.toml")).unwrap();
        assert!(day.activity.len() > 10);
        assert!(day.activity.iter().all(|a| a.weight > 0 && !a.step.is_empty()));
    }
}
