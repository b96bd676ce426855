//! What each use of a device earns and needs: break-evens, margins and paybacks.

use super::candidate::{Basis, Candidate, UnknownUse};
use super::case::Case;
use super::inputs::Factors;
use super::model::{AiEconomics, MiningEconomics};
use super::operating::OperatingPoint;
use super::site::{Hardware, Market, YEAR};
use super::verdict::Eligibility;
use crate::units::{Usd, UsdPerHour, UsdPerKwh};

pub(super) fn mining(case: &Case<'_>, candidate: &Candidate<'_>) -> Option<MiningEconomics> {
    let one = Factors::ONE;
    let hashing = candidate.hashing.as_ref().ok()?;
    let running = case.mining(&one)?;
    let mined = case.mined(&one)?;
    let per_kwh = running.per_kwh();
    // Revenue is proportional to the price of a bitcoin, and to one by the difficulty.
    let cost = case.tariff(&one) + running.operations.at(running.power);
    let times = cost / per_kwh;
    let earnings = case.earnings(&one)?;
    let hashes_per_joule = hashing.hashes_per_second / hashing.power.wall.value();
    let payback = match candidate.entry.hardware {
        Hardware::Owned(_) => None,
        Hardware::ToBuy(_) => case.mining_pays_back(case.worth(&one), &one).map(|it| it * 12.0),
    };
    let after = case.halving().and_then(|_| case.mining_halved(&one));
    Some(MiningEconomics {
        basis: hashing.power.basis,
        wall_watts: hashing.power.wall,
        metered_watts: running.power,
        hashes_per_joule,
        joules_per_terahash: 1e12 / hashes_per_joule,
        usd_per_kwh: per_kwh,
        margin_usd_per_kwh: per_kwh - cost,
        hours: mined.hours,
        switch_off_usd_per_kwh: running.worth(),
        switch_off_after_halving_usd_per_kwh: after.map(|after| after.worth()),
        break_even_usd_per_kwh: case.mining_bears(yearly(case.keep(&one), &running), &one)?,
        break_even_btc_usd: positive(times).map(|times| earnings.btc_price * times),
        break_even_difficulty: positive(1.0 / times).map(|times| earnings.difficulty * times),
        payback_months: payback,
    })
}

pub(super) fn renting(case: &Case<'_>, candidate: &Candidate<'_>) -> Option<AiEconomics> {
    let one = Factors::ONE;
    let running = case.renting(&one)?;
    let basis = candidate.computing.as_ref().ok()?.basis;
    // A year is linear in the utilisation: what it is at none, and what all of it adds.
    let full = case.full_rent()?.over(f64::from(YEAR)) * running.converted;
    let without = case.always(&OperatingPoint { revenue: UsdPerHour::ZERO, ..running }, &one);
    let utilisation = |than: Usd| finite((than - without) / full).map(|share| share.max(0.0));
    let mined = case.mined(&one).map(|mined| mined.value);
    let mining = mined.map_or(Usd::ZERO, |mined| if mined > Usd::ZERO { mined } else { Usd::ZERO });
    let capital = match candidate.entry.hardware {
        Hardware::Owned(_) => running.conversion,
        Hardware::ToBuy(_) => running.conversion + case.worth(&one),
    };
    let instead =
        if matches!(candidate.entry.hardware, Hardware::Owned(_)) { mining } else { Usd::ZERO };
    Some(AiEconomics {
        break_even_utilisation: utilisation(case.keep(&one)),
        mining_utilisation: mined.and_then(utilisation),
        payback_months: paid_back(case, capital, case.operating(&running, &one) - instead),
        ..earning(case, &running, basis, case.keep(&one))
    })
}

pub(super) fn hosting(case: &Case<'_>, candidate: &Candidate<'_>) -> Option<AiEconomics> {
    let one = Factors::ONE;
    let running = case.hosting(&one)?;
    let (hashing, computing) = (&candidate.hashing, &candidate.computing);
    let power = hashing.as_ref().map(|it| it.power).or_else(|_| computing.clone()).ok()?;
    let basis = power.basis;
    let mined = case.mined(&one).map_or(Usd::ZERO, |mined| mined.value);
    let instead = if mined > Usd::ZERO { mined } else { Usd::ZERO };
    Some(AiEconomics {
        payback_months: paid_back(
            case,
            running.conversion,
            case.operating(&running, &one) - instead,
        ),
        ..earning(case, &running, basis, Usd::ZERO)
    })
}

/// Returns dollars per year as dollars per kilowatt-hour of something that runs at all times.
fn yearly(dollars: Usd, running: &OperatingPoint) -> UsdPerKwh {
    UsdPerHour::new(dollars.value() / f64::from(YEAR)).at(running.power)
}

/// Returns the economics of AI at an operating point, on hardware with a holding cost per year.
fn earning(case: &Case<'_>, running: &OperatingPoint, basis: Basis, keep: Usd) -> AiEconomics {
    let one = Factors::ONE;
    let per_kwh = running.per_kwh();
    let left = running.worth();
    let share = running.energy_share;
    let tariff = case.tariff(&one) * share;
    let bears = left * running.converted - yearly(running.conversion_yearly + keep, running);
    let paid = share > 0.0;
    AiEconomics {
        basis,
        metered_watts: running.power,
        usd_per_kwh: per_kwh,
        margin_usd_per_kwh: left - tariff,
        switch_off_usd_per_kwh: paid.then(|| left / share),
        break_even_usd_per_kwh: (paid && running.converted > 0.0)
            .then(|| bears / (running.converted * share)),
        break_even_utilisation: None,
        mining_utilisation: None,
        conversion_usd: running.conversion,
        payback_months: None,
    }
}

/// Returns why a device is not rented out on a market, if there is one; `None` where it is.
pub(super) fn no_renting(
    market: Option<&Market>,
    candidate: &Candidate<'_>,
    allowed: Eligibility,
) -> Option<NoRentalReason> {
    if candidate.entry.rental.is_none() {
        return Some(NoRentalReason::NoRental);
    }
    if market.is_none() {
        return Some(NoRentalReason::NoMarket);
    }
    if !allowed.renting() {
        let reasons = candidate.fitness.iter().min_by_key(|it| {
            it.against.len() + it.reasons.iter().filter(|it| it.enough == Some(false)).count()
        });
        let lacking = reasons.map(|it| {
            let lacking = it.reasons.iter().filter(|it| it.enough == Some(false));
            it.against.iter().cloned().chain(lacking.map(ToString::to_string)).collect::<Vec<_>>()
        });
        return Some(NoRentalReason::NotFit(lacking.unwrap_or_default()));
    }
    candidate.computing.as_ref().err().cloned().map(NoRentalReason::Unknown)
}

/// Why a device is not rented out.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum NoRentalReason {
    #[error("it has no rental in the site's file")]
    NoRental,
    #[error("the site's file has no ai.market")]
    NoMarket,
    /// What it lacks for the kind of work that it is nearest to.
    #[error("not fit for AI: {}", .0.join(", "))]
    NotFit(Vec<String>),
    #[error(transparent)]
    Unknown(UnknownUse),
}

/// Returns the months until what AI earns in a year has paid for some capital, conversion time included;
/// `None` where nothing is earned, and 0 where there is nothing to pay.
fn paid_back(case: &Case<'_>, capital: Usd, yearly: Usd) -> Option<f64> {
    let months = |capital: Usd| 12.0 * (capital / yearly) + case.months_to_convert();
    (yearly > Usd::ZERO).then(|| if capital > Usd::ZERO { months(capital) } else { 0.0 })
}

fn positive(value: f64) -> Option<f64> {
    finite(value).filter(|value| *value > 0.0)
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}
