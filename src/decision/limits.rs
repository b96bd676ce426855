//! What a megawatt of each limit of a site is worth: the plan with a little more of it and with a
//! little less, against the plan as it is.
//!
//! Prices of a linear program are those of a little more or of a little less, and of which of the two
//! is by chance where a plan has just reached a limit. And a tenant's contract changes more than one
//! limit. So each is planned anew, from the site's file on.

use rayon::prelude::*;

use super::model::LimitValue;
use super::site::Site;
use crate::units::{Usd, Watts};

/// Step of a limit: a megawatt, or a hundredth of the limit if that is less.
const STEP: Watts = Watts::new(1e6);
const SHARE: f64 = 0.01;

/// A limit of a site: its name, and where it is in the site.
struct Limit {
    of: String,
    at: Box<Place>,
}

type Place = dyn Fn(&mut Site) -> Option<&mut Watts> + Send + Sync;

/// What the best plan of a site earns.
#[derive(Clone)]
pub(super) struct Profit {
    /// Profit of the plan that was found.
    pub(super) found: Usd,
    /// Profit that no plan exceeds.
    pub(super) bound: Usd,
    /// First hour in which each tenant is served.
    pub(super) tenants: Vec<usize>,
}

/// Returns the values of a megawatt of each limit, without those that are next to zero in both
/// directions. `plan` returns the profit of the best plan of a site, `None` where it has none, and
/// `now` is that of `site`.
pub(super) fn worth(
    site: &Site,
    now: &Profit,
    plan: impl Fn(&Site) -> Option<Profit> + Sync,
) -> Vec<LimitValue> {
    let of_limit = |limit: Limit| {
        let value = *(limit.at)(&mut site.clone())?;
        let step = STEP.min(value * SHARE);
        // What a megawatt gains, and by how much that may be off.
        let gain = |by: Watts| {
            // A tenant who comes or goes is a jump, and no price of a megawatt.
            let then = plan(&changed(site, &limit, value + by)?)?;
            if then.tenants != now.tenants {
                return None;
            }
            let open = (then.bound - then.found) + (now.bound - now.found);
            Some(((then.found - now.found) / (by / STEP), (open / (step / STEP)).value()))
        };
        let (more, less) = (gain(step), gain(step * -1.0));
        let open = [more, less].into_iter().flatten().map(|(_, open)| open).fold(0.5, f64::max);
        let counts = |usd: Usd| usd.value().abs() >= open;
        let (more, less) = (more.map(|(usd, _)| usd), less.map(|(usd, _)| usd));
        if !more.is_some_and(counts) && !less.is_some_and(counts) {
            return None;
        }
        // A slope that is the same in both directions.
        let less = match (more, less) {
            (Some(more), Some(less)) if !counts(more - less) => Some(more),
            _ => less,
        };
        let (more_usd_per_megawatt, less_usd_per_megawatt) = (more, less);
        Some(LimitValue { of: limit.of, more_usd_per_megawatt, less_usd_per_megawatt })
    };
    all(site).into_par_iter().filter_map(of_limit).collect()
}

/// Returns the site with another value of a limit.
fn changed(site: &Site, limit: &Limit, value: Watts) -> Option<Site> {
    let mut changed = site.clone();
    *(limit.at)(&mut changed)? = value;
    Some(changed)
}

fn all(site: &Site) -> Vec<Limit> {
    fn limit(
        of: &str,
        at: impl Fn(&mut Site) -> Option<&mut Watts> + Send + Sync + 'static,
    ) -> Limit {
        Limit { of: of.to_owned(), at: Box::new(at) }
    }
    let mut limits = vec![
        limit("the site's power", |site| Some(&mut site.place.power)),
        limit("the site's cooling", |site| site.place.cooling.as_mut()),
        limit("what AI is asked for", |site| site.ai.market.as_mut()?.demand.as_mut()),
        limit("the ramp", |site| site.power.ramp.as_mut()),
    ];
    for (at, response) in site.power.responses.iter().enumerate() {
        let Some(most) = response.most else { continue };
        let of = format!("the {most} that the grid pays for");
        limits.push(limit(&of, move |site| site.power.responses.get_mut(at)?.most.as_mut()));
    }
    for (at, contract) in site.ai.contracts.iter().enumerate() {
        let of = format!("the contract of {}", contract.name);
        limits.push(limit(&of, move |site| Some(&mut site.ai.contracts.get_mut(at)?.power)));
    }
    for (at, stage) in site.place.stages.iter().enumerate() {
        let of = format!("the room of {} for AI", stage.power);
        limits.push(limit(&of, move |site| Some(&mut site.place.stages.get_mut(at)?.power)));
    }
    limits
}
