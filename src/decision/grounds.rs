//! What a decision rests on: what was measured and quoted, and what had to be assumed.

use super::candidate::{Basis, Candidate, Power, UNKNOWN_DEVIATION};
use super::site::{Course, Site};
use crate::input::listed;
use crate::units::text::{count, percent};

/// Number of names that a sentence has at the most.
const MOST_NAMED: usize = 6;

/// Returns what is known: quotes with their days, and what was measured.
pub(super) fn known(site: &Site, candidates: &[Candidate<'_>]) -> Vec<String> {
    let mut known = Vec::new();
    let mut dates: Vec<_> = site.prices().iter().map(|origin| origin.date).collect();
    dates.sort();
    if let (Some(first), Some(last)) = (dates.first(), dates.last()) {
        let when =
            if first == last { format!("of {first}") } else { format!("of {first} to {last}") };
        let quoted =
            if site.assumed.is_empty() { "quoted with their sources" } else { "as stated" };
        known.push(format!("{} prices and other numbers, {quoted}, {when}", dates.len()));
    }
    for candidate in candidates {
        let measured = |what: &str, power: Option<Power>| {
            let power = power.filter(|power| power.basis == Basis::Measured)?;
            let by = power
                .uncertainty
                .map_or_else(String::new, |of| format!(" (\u{b1}{})", percent(of, 1)));
            Some(format!("{what}{by}"))
        };
        let hashing = candidate.hashing.as_ref().ok().map(|it| it.power);
        let computing = candidate.computing.as_ref().ok().copied();
        let what: Vec<_> =
            [measured("hashes per joule", hashing), measured("power of AI", computing)]
                .into_iter()
                .flatten()
                .collect();
        if !what.is_empty() {
            known.push(format!("{}: {} measured", candidate.entry.name, what.join(" and ")));
        }
    }
    known
}

/// Returns what was assumed: what stands for measurements and for years to come.
pub(super) fn assumed(site: &Site, candidates: &[Candidate<'_>]) -> Vec<String> {
    let mut assumed = site.assumed.clone();
    let with = |basis: Basis| -> Vec<&str> {
        let is = |candidate: &&Candidate<'_>| powers(candidate).any(|it| it.basis == basis);
        candidates.iter().filter(is).map(|it| &*it.entry.name).collect()
    };
    let sheets = with(Basis::DataSheet);
    if !sheets.is_empty() {
        let names = listed(&sheets, ", ", MOST_NAMED);
        assumed.push(format!("what data sheets say of {names}: nothing of it was measured"));
    }
    let stated = with(Basis::Assumed);
    if !stated.is_empty() {
        let names = listed(&stated, ", ", MOST_NAMED);
        assumed.push(format!("the watts of {names}, which were stated and not measured"));
    }
    let single = |candidate: &&Candidate<'_>| {
        powers(candidate).any(|it| it.basis == Basis::Measured && it.uncertainty.is_none())
    };
    let single: Vec<&str> = candidates.iter().filter(single).map(|it| &*it.entry.name).collect();
    if !single.is_empty() {
        assumed.push(format!(
            "a standard deviation of {} for the joules of {}, which are of a single window; a score \
             without --quick has three",
            percent(UNKNOWN_DEVIATION, 0),
            listed(&single, ", ", MOST_NAMED)
        ));
    }
    let is_rented = |candidate: &Candidate<'_>| candidate.entry.rental.is_some();
    if site.ai.market.is_some() && candidates.iter().any(is_rented) {
        assumed.push("machines for rent draw full power at all times, rented or not".to_owned());
    }
    let life = site.capital.life_years;
    let short = site.ai.contracts.iter().filter(|it| it.years < life).map(|it| &*it.name);
    let short: Vec<&str> = short.collect();
    if !short.is_empty() {
        assumed.push(format!(
            "the contracts of {} are renewed as they are until {} years are over",
            listed(&short, ", ", MOST_NAMED),
            count(life)
        ));
    }
    if let Some(mining) = site.mining.as_ref().filter(|_| site.assumed.is_empty()) {
        let years = count(site.capital.life_years);
        let course = |what: &str, course: &Course| match course {
            Course::Flat => format!("{what} stays as quoted for {years} years, within its range"),
            Course::Growth(growth) => {
                format!("{what} grows by {} a year, within its range", percent(growth.value, 0))
            }
            Course::Path { points, .. } => {
                let last = points.last().map_or_else(String::new, |(day, _)| day.to_string());
                format!("{what} follows its path until {last}, and stays there")
            }
        };
        assumed.push(course("the price of a bitcoin", &mining.btc_course));
        assumed.push(course("the difficulty", &mining.difficulty_course));
    }
    assumed
}

fn powers(candidate: &Candidate<'_>) -> impl Iterator<Item = Power> {
    let hashing = candidate.hashing.as_ref().ok().map(|it| it.power);
    hashing.into_iter().chain(candidate.computing.as_ref().ok().copied())
}
