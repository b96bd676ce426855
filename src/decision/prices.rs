//! The prices that a decision is made with, and what well-known miners would earn by them.

use super::case::earnings;
use super::curve::Curve;
use super::economics::{Earnings, blocks_to_halving, subsidy};
use super::inputs::Factors;
use super::miners::{ReferenceMiner, reference_miners};
use super::model::{Asic, MiningPrices, PriceSource, Prices};
use super::outlook::Outlook;
use super::site::{Hour, Origin, Site};
use crate::units::{UsdPerKwh, Watts};

/// Returns the prices and network figures of a site, with their sources.
pub(super) fn prices(site: &Site, curve: &Curve, outlook: &Outlook, hours: &[Hour]) -> Prices {
    let mining = |it: Earnings| MiningPrices {
        btc_usd: it.btc_price,
        difficulty: it.difficulty,
        btc_per_block: it.btc_per_block,
        blocks_to_halving: blocks_to_halving(outlook.height()),
        hashprice_usd: it.hashprice(),
    };
    let prices = || hours.iter().map(|hour| hour.price);
    let extreme = |it: Option<UsdPerKwh>| it.unwrap_or(UsdPerKwh::ZERO);
    let quote = |origin: &Origin| PriceSource {
        key: origin.key.clone(),
        date: origin.date.to_string(),
        source: origin.source.clone(),
    };
    Prices {
        tariff_usd_per_kwh: curve.mean(),
        cheapest_usd_per_kwh: extreme(prices().min_by(UsdPerKwh::total_cmp)),
        dearest_usd_per_kwh: extreme(prices().max_by(UsdPerKwh::total_cmp)),
        hours: hours.len(),
        mining: earnings(site, subsidy(outlook.height()), &Factors::ONE).map(mining),
        quotes: site.origins().into_iter().map(quote).collect(),
    }
}

/// Returns what reference miners would earn at a site; nothing where nothing mines.
pub(super) fn asics(site: &Site, outlook: &Outlook) -> Vec<Asic> {
    let Some(earnings) = earnings(site, subsidy(outlook.height()), &Factors::ONE) else {
        return Vec::new();
    };
    let asic = |miner: ReferenceMiner| {
        let joules = miner.joules_per_terahash;
        let at_the_wall = earnings.per_kwh(1e12 / joules);
        // What a kilowatt-hour at the site's meter leaves of one at the wall.
        let share = site.machines(Watts::new(1.0), site.mining_pue()).value();
        Asic {
            name: miner.name.to_owned(),
            joules_per_terahash: joules,
            usd_per_kwh: at_the_wall * share,
        }
    };
    reference_miners().map(asic).collect()
}
