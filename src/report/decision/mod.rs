//! A decision as text for a terminal, never wider than 80 columns, and the hours of its plan as
//! CSV.

mod details;
mod models;
mod page;
mod summary;

use super::csv::written;
use crate::decision::{
    Basis, Decision, DeviceDecision, LimitValue, Money, Schedule, SharePoint, Use, UseValue,
};
use crate::units::text::{count as figure, percent, plain};
use crate::units::{Usd, Watts};

pub use self::details::text as details;
pub use self::models::models;
pub use self::summary::text;
pub(crate) use self::summary::turning_points;

/// Returns every hour of the plan as CSV after RFC 4180.
///
/// The columns are the start of the hour, the price of power in dollars per kilowatt-hour, and the
/// watts at the site's meter that go to mining, to AI, and to nothing (curtailed).
#[must_use]
pub fn hours(decision: &Decision) -> String {
    let header = ["start", "tariff_usd_per_kwh", "mining_watts", "ai_watts", "curtailed_watts"];
    let hours = decision.plan.by_hour.iter().map(|hour| {
        let watts = |watts: Watts| format!("{:.0}", watts.value());
        vec![
            hour.start.to_string(),
            hour.tariff.value().to_string(),
            watts(hour.mining),
            watts(hour.ai),
            watts(hour.curtailed),
        ]
    });
    written(std::iter::once(header.map(str::to_owned).into()).chain(hours))
}

/// Returns the verdict on a device in a few words.
#[must_use]
pub(super) fn advice(device: &DeviceDecision) -> &'static str {
    match device.verdict.advice {
        None => "inconclusive",
        Some(Use::Sell) if !device.owned => "do not buy",
        Some(Use::Mine) if device.owned => "keep mining",
        Some(Use::Mine) => "buy, and mine",
        Some(Use::Rent) if !device.owned => "buy, and rent it out for AI",
        Some(Use::Rent) => "rent it out for AI",
        Some(Use::Host) if !device.owned => "do not buy, and host AI",
        Some(Use::Host) => "sell, and host AI",
        Some(Use::Curtail) if !device.owned => "buy, and curtail",
        Some(Use::Curtail) => "curtail",
        Some(Use::Sell) => "sell now",
    }
}

/// Returns a note on how the power is known; empty if it was measured.
pub(super) fn basis(basis: Basis) -> &'static str {
    match basis {
        Basis::Measured => "",
        Basis::Assumed => " (~ watts were stated, not measured)",
        Basis::DataSheet => " (by its data sheet, not measured)",
    }
}

/// Returns what is best until the next halving and after it, where a halving makes a difference.
pub(crate) fn halving(device: &DeviceDecision) -> Vec<(&'static str, &UseValue)> {
    let (until, after) = (device.until_halving.as_ref(), device.after_halving.as_ref());
    let both = [
        ("until the next halving, all as today", until),
        ("after the next halving, all else as today", after),
    ];
    let differs = until != after;
    both.into_iter().filter_map(|(when, worth)| Some((when, worth.filter(|_| differs)?))).collect()
}

/// Formats what one more megawatt of a limit is worth, and one less where that is another amount.
pub(crate) fn worth_of(limit: &LimitValue) -> String {
    let more = limit.more_usd_per_megawatt;
    let text = more.map_or_else(|| "not possible".to_owned(), |usd| usd.to_string());
    match limit.less_usd_per_megawatt {
        less if less == more => text,
        None => format!("{text}; one less is not possible"),
        Some(less) if less < Usd::ZERO => format!("{text}; one less would add {}", less * -1.0),
        Some(less) => format!("{text}; one less would take away {less}"),
    }
}

/// Formats an amount of bitcoin with up to five decimals, which a subsidy needs for some halvings.
pub(super) fn btc(amount: f64) -> String {
    let text = format!("{amount:.5}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Formats a number of months: `in 6.71 months`; `never` for `None`.
pub(super) fn in_months(months: Option<f64>) -> String {
    months.map_or_else(|| "never".to_owned(), |months| format!("in {} months", plain(months)))
}

/// Formats a least utilisation: `from a utilisation of 43 % on`; `never` above 100 %.
pub(super) fn from_utilisation(share: f64) -> String {
    if share > 1.0 {
        "never".to_owned()
    } else {
        format!("from a utilisation of {} on", percent(share, 0))
    }
}

/// Returns the income and costs of a plan, without those that are nothing, with a sign each: costs are
/// below zero.
pub(crate) fn lines_of(money: &Money) -> Vec<(&'static str, Usd)> {
    let lines = [
        ("mining", money.mining_usd),
        ("machines rented out", money.renting_usd),
        ("tenants", money.tenants_usd),
        ("credits for curtailment", money.credits_usd),
        ("readiness", money.readiness_usd),
        ("energy", money.energy_usd * -1.0),
        ("fees of pool and market", money.fees_usd * -1.0),
        ("operations", money.operations_usd * -1.0),
        ("conversion to AI", money.conversion_usd * -1.0),
    ];
    lines.into_iter().filter(|(_, usd)| *usd != Usd::ZERO).collect()
}

/// Returns what the plan does with the site's power, in a few words.
pub(crate) fn powers(plan: &Schedule) -> String {
    format!(
        "mining {}, AI {}, off {} on average",
        plan.mining_watts, plan.ai_watts, plan.curtailed_watts
    )
}

/// Returns the share of AI at which the plan earns most of those that were planned, and what is earned
/// at others, in a sentence; `None` where there is nothing but AI, or none.
pub(crate) fn shares(decision: &Decision) -> Option<String> {
    let plan = &decision.plan;
    let is_asked =
        decision.prices.mining.is_some() || decision.devices.iter().any(|it| it.tenant.is_some());
    if !is_asked {
        return None;
    }
    if plan.shares.len() < 2 {
        return None;
    }
    let best = plan.shares.iter().reduce(|best, next| {
        // What is more by rounding is not more.
        let little = 1e-6 * best.profit_usd.value().abs();
        if next.profit_usd.value() > best.profit_usd.value() + little { next } else { best }
    })?;
    let same =
        |a: &SharePoint, b: &SharePoint| a.profit_usd.to_string() == b.profit_usd.to_string();
    let others: Vec<String> = plan
        .shares
        .chunk_by(same)
        .filter_map(|points| {
            let (first, last) = (points.first()?, points.last()?);
            let until = if points.len() > 1 {
                format!(" to {}", percent(last.share, 0))
            } else {
                String::new()
            };
            Some(format!("{}{until} {}", percent(first.share, 0), first.profit_usd))
        })
        .collect();
    let others = others.join(", ");
    Some(if best.share > 0.0 {
        format!(
            "after capital, with contracts of any size, most would be left with up to {} of the site's power for AI: \
             {others}",
            percent(best.share, 0)
        )
    } else {
        format!(
            "after capital, AI of no size leaves more; by what it may take of the site's power: {others}"
        )
    })
}

/// Returns a number of years in words: `over 4 years`.
pub(crate) fn over_years(years: f64) -> String {
    let text = figure(years);
    format!("over {text} {}", if text == "1" { "year" } else { "years" })
}

/// Returns the number of devices that can be in a use: there may not be power, or need, for all.
pub(crate) fn in_use(device: &DeviceDecision, of: Use) -> u32 {
    match of {
        Use::Host => device.making_way,
        Use::Mine | Use::Rent if of == device.verdict.best => device.count - device.without_power,
        _ => device.count,
    }
}

/// Returns the verdict with its money in a sentence, without the verdict itself.
pub(crate) fn because(device: &DeviceDecision, years: f64) -> String {
    let verdict = &device.verdict;
    let Some(advice) = verdict.advice else { return verdict.because.clone() };
    let in_use = in_use(device, advice);
    let is_part = in_use < device.count;
    let count = f64::from(in_use);
    let all = |of: Use| device.uses.iter().find(|it| it.of == of);
    let over = over_years(years);
    let chance = match (verdict.chance * 100.0).floor() {
        whole if whole >= 100.0 => "in all draws".to_owned(),
        whole => format!("in {whole:.0} of 100 draws"),
    };
    let Some(best) = all(advice) else { return verdict.because.clone() };
    let each =
        if device.count == 1 { String::new() } else { format!(" for all {}", figure(count)) };
    let each = if is_part {
        format!(" for {} of {}", figure(count), figure(f64::from(device.count)))
    } else {
        each
    };
    let Some(next) = verdict.next.and_then(all) else {
        let money = best.now_usd * count;
        return format!("{money}{each}; there is nothing else to do with it");
    };
    let lead = (best.life_usd - next.life_usd) * count;
    let instead = match next.of {
        Use::Mine if device.owned => "mining on",
        Use::Mine => "buying and mining",
        Use::Rent if device.owned => "renting out",
        Use::Rent => "buying and renting out",
        Use::Host => "hosting AI with their power",
        Use::Curtail if device.owned => "keeping them off",
        Use::Curtail => "buying and curtailing",
        Use::Sell if device.owned => "selling",
        Use::Sell => "not buying",
    };
    let now = (best.now_usd * count, (next.now_usd * count));
    match advice {
        Use::Sell if device.owned => {
            format!("{}{each}; {instead} would earn {lead} less {over}, {chance}", now.0)
        }
        Use::Sell => format!("{instead} would lose {lead} {over}{each}, {chance}"),
        _ => {
            let pays = if now.0 < Usd::ZERO {
                format!("for {} now, ", now.0 * -1.0)
            } else if now.0 > Usd::ZERO {
                format!("{} now, and ", now.0)
            } else {
                String::new()
            };
            let than = if next.of == Use::Sell && device.owned {
                format!("{instead} now for {}", now.1)
            } else {
                instead.to_owned()
            };
            format!("{pays}{lead} more {over}{each} than {than}, {chance}")
        }
    }
}
