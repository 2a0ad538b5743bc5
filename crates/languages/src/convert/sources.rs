//! Log sources of Sigma by the events that they mean.

use std::collections::{BTreeMap, BTreeSet};

use shikra_ir::{Expr, LogSource, Names};
use shikra_taxonomy::Taxonomy;

use super::places::{Own, Where, World};

/// Event ids by channel; none: all.
type Events = BTreeMap<String, BTreeSet<u32>>;

/// What each log source of `product: windows` means.
pub(super) struct Catalogue {
    all: Vec<(Events, LogSource)>,
}

impl Catalogue {
    pub fn new(taxonomy: &Taxonomy, world: &mut World) -> Catalogue {
        let ours = |s: &LogSource| s.keys.get("product").is_some_and(|p| p == "windows") && s.keys.len() == 2;
        let mut all = Vec::new();
        for source in taxonomy.log_sources(Names::Sigma).into_iter().filter(ours) {
            let Ok(selector) = taxonomy.select(&source) else { continue };
            let places = world.places(&selector, &Own::default(), &[], false);
            let events: Vec<(Where, Option<Expr>)> = places.into_iter().map(|p| (p.which, p.when)).collect();
            if let Some(events) = plain(&events) {
                all.push((events, source));
            }
        }
        Catalogue { all }
    }

    /// The log source that means just these events.
    pub fn named(&self, events: &[(Where, Option<Expr>)]) -> Option<LogSource> {
        let wanted = plain(events)?;
        self.all.iter().find(|(e, _)| *e == wanted).map(|(_, s)| s.clone())
    }
}

/// Channels and ids, where there is nothing else to it.
fn plain(events: &[(Where, Option<Expr>)]) -> Option<Events> {
    let mut out = Events::new();
    for (which, when) in events {
        match which {
            Where::Channel { name, only, except } if except.is_empty() && when.is_none() => {
                let known = out.entry(name.to_lowercase());
                match known {
                    std::collections::btree_map::Entry::Vacant(v) => drop(v.insert(only.clone())),
                    std::collections::btree_map::Entry::Occupied(mut o) => {
                        let wide = o.get().is_empty() || only.is_empty();
                        if wide { o.get_mut().clear() } else { o.get_mut().extend(only) }
                    }
                }
            }
            _ => return None,
        }
    }
    Some(out).filter(|e| !e.is_empty())
}
