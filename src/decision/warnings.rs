//! Reasons to doubt a decision: numbers that are probably in another unit, and best uses that there is
//! not enough power or demand for.

use std::ops::RangeInclusive;

use super::candidate::Candidate;
use super::case::{Use, earnings};
use super::economics::subsidy;
use super::inputs::Factors;
use super::model::DeviceDecision;
use super::outlook::Outlook;
use super::site::{Hour, Response, Site, YEAR};
use crate::units::text::plain;
use crate::units::{UsdPerKwh, Watts};

/// Mean tariff above which its unit is probably wrong: single hours cost more at times, but no year
/// does.
const DEAR: UsdPerKwh = UsdPerKwh::new(2.0);

/// Returns the warnings of a site, its hardware and what was decided of it.
pub(super) fn warnings(
    site: &Site,
    outlook: &Outlook,
    (candidates, judged): (&[Candidate<'_>], &[DeviceDecision]),
    hours: &[Hour],
) -> Vec<String> {
    let mut warnings = asked_for(site, judged);
    let count = hours.len();
    let mean = hours.iter().map(|hour| hour.price).sum::<UsdPerKwh>() / count as f64;
    if mean > DEAR {
        warnings.push(format!(
            "power.tariff is {mean} on average: is it for a megawatt-hour, or in cents?"
        ));
    }
    warnings.extend(odd(site, outlook, candidates));
    if count != usize::from(YEAR) {
        warnings.push(format!("power.tariff has {count} hours, which stand for a year of {YEAR}"));
    }
    warnings
}

/// Hashprices in dollars that are no mistakes of unit: it was 3,400 at its height, in December 2017.
const HASHPRICES: RangeInclusive<f64> = 1.0..=10_000.0;

/// Energy of a terahash in joules that is no mistake of unit: the best machine of the catalogue takes 9,
/// and processors some thousand times what old machines take.
const LEAST_JOULES: f64 = 5.0;

/// Warns of numbers that are probably in another unit than was asked for.
fn odd(site: &Site, outlook: &Outlook, candidates: &[Candidate<'_>]) -> Vec<String> {
    let mut odd = Vec::new();
    let earnings = earnings(site, subsidy(outlook.height()), &Factors::ONE);
    let hashprice = earnings.map(|it| it.hashprice());
    if let Some(price) = hashprice.filter(|price| !HASHPRICES.contains(&price.value())) {
        odd.push(format!(
            "the hashprice is {price} for a PH/s and day: is the difficulty all of the number, as 150e12, \
             and the price of a bitcoin in dollars?"
        ));
    }
    for candidate in candidates {
        let Ok(hashing) = &candidate.hashing else { continue };
        let joules = hashing.power.wall.value() / (hashing.hashes_per_second / 1e12);
        if joules < LEAST_JOULES {
            let name = &candidate.entry.name;
            odd.push(format!("{name} takes {} J/TH: are its watts right?", plain(joules)));
        }
    }
    odd
}

/// Warns where the best uses of all devices together draw more than there is demand or power for: a
/// verdict is for one device more.
fn asked_for(site: &Site, judged: &[DeviceDecision]) -> Vec<String> {
    let drawn = |of: Use| -> Watts {
        let power = |device: &DeviceDecision| match of {
            Use::Rent => device.renting.as_ref().map(|it| it.metered_watts),
            Use::Host => device.hosting.as_ref().map(|it| it.metered_watts),
            _ => device.mining.as_ref().map(|it| it.metered_watts),
        };
        let best = judged.iter().filter(|device| device.verdict.best == of);
        let count = |device: &DeviceDecision| {
            f64::from(if of == Use::Host { device.making_way } else { device.count })
        };
        best.filter_map(|device| Some(power(device)? * count(device))).sum()
    };
    let mut told = Vec::new();
    let mut tell = |of: Use, most: Option<Watts>, who: &str| {
        let drawn = drawn(of);
        if let Some(most) = most.filter(|most| drawn > *most * 1.001) {
            told.push(format!(
                "what is best to {} draws {drawn}, and {who} {most} at the most: the plan says how \
                 much of it is",
                of.name()
            ));
        }
    };
    let market = site.ai.market.as_ref();
    tell(Use::Rent, market.and_then(|it| it.demand), "the market takes");
    // The most that is paid for in any hour; programmes of other months do not add up.
    let most = |pays: fn(&Response) -> bool| {
        let paying = site.power.responses.iter().filter(|it| pays(it));
        let most = paying.map(|it| it.most).collect::<Option<Vec<_>>>()?;
        most.into_iter().max_by(Watts::total_cmp)
    };
    tell(Use::Curtail, most(|it| it.credit.is_some()), "the grid pays for");
    tell(Use::Mine, most(|it| it.readiness.is_some()), "the grid pays for the readiness of");
    let signed = site.ai.contracts.iter().filter(|it| it.signed).map(|it| site.tenant(it));
    let signed: Watts = signed.sum();
    let all: Watts = [Use::Mine, Use::Rent, Use::Host].into_iter().map(drawn).sum();
    let left = site.place.power - signed;
    if all > left * 1.001 {
        let beside = if signed > Watts::ZERO { " beside its signed contracts" } else { "" };
        told.push(format!(
            "the best uses of all hardware draw {all}, and the site has {left}{beside}: the plan says how \
             much of each runs"
        ));
    }
    told
}
