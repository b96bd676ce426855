//! Everything that a decision says, as text.

use std::fmt::Write as _;

use super::page::Page;
use super::{advice, basis, because, from_utilisation, in_months, worth_of};
use crate::decision::{
    AiEconomics, Asic, Decision, DeviceDecision, MiningEconomics, Schedule, Sensitivity, Use,
    UseValue,
};
use crate::report::figures::clean;
use crate::report::lines::{WIDTH, cut};
use crate::units::text::{count, percent, plain, si};
use crate::units::{Usd, UsdPerKwh};

/// Returns all of a decision as text for a terminal of 80 columns: the summary, then the economics of
/// each use, sensitivities, fitness for AI, and what limits are worth.
#[must_use]
pub fn text(decision: &Decision) -> String {
    let mut page = Page(super::summary::text(decision));
    page.line("");
    page.paragraph(
        "",
        "details: dollars for a kilowatt-hour are at the site's meter; dollars a year are for one device, \
         as equal payments over the life of the hardware, halvings included, after energy, operations \
         and capital, and more than selling it",
    );
    for device in &decision.devices {
        page.device(device, decision);
    }
    page.limits(&decision.plan);
    page.0
}

impl Page {
    fn device(&mut self, device: &DeviceDecision, decision: &Decision) {
        let asics = &decision.asics;
        self.line("");
        let model = device.model.as_ref().map_or_else(String::new, |model| format!(", {model}"));
        let title = format!("{} x {}{model}", device.count, device.name);
        self.line(&cut(&title, WIDTH));
        let because = because(device, decision.years);
        self.paragraph("  ", &format!("{}: {because}", advice(device).to_uppercase()));
        if device.verdict.advice.is_some() {
            self.paragraph("  ", &device.verdict.because);
        }
        let row = |worth: &UseValue| {
            vec![
                worth.of.name_if(device.owned).to_owned(),
                worth.usd_per_year.to_string(),
                format!("{} .. {}", worth.low_usd_per_year, worth.high_usd_per_year),
                percent(worth.chance, 0),
            ]
        };
        let rows: Vec<_> = device.uses.iter().map(row).collect();
        self.table(&["use", "a year", "8 of 10 draws", "best in"], &rows);
        match (&device.mining, &device.no_mining) {
            (Some(mining), _) => self.mining(mining, device.owned, asics),
            (None, Some(why)) => self.paragraph("  mining: ", why),
            (None, None) => {}
        }
        match (&device.renting, &device.no_renting) {
            (Some(renting), _) => self.earning("  rented out: ", renting),
            (None, Some(why)) => self.paragraph("  not rented out: ", why),
            (None, None) => {}
        }
        if let Some(hosting) = &device.hosting {
            let tenant = device.tenant.as_deref().unwrap_or("the tenant");
            self.earning(&format!("  its power for {}: ", cut(&clean(tenant), 30)), hosting);
        }
        for fitness in &device.fitness {
            let fit = match fitness.fit {
                Some(true) => "fit",
                Some(false) => "not fit",
                None => "not known whether fit",
            };
            let reasons = fitness
                .reasons
                .iter()
                .filter(|it| it.enough != Some(true) || fitness.fit == Some(true));
            let reasons = fitness.against.iter().cloned().chain(reasons.map(ToString::to_string));
            let reasons = reasons.collect::<Vec<_>>().join(", ");
            self.paragraph(&format!("  {fit} for {}: ", fitness.class), &reasons);
        }
        let swings: Vec<_> = device.tornado.iter().take(6).map(swing).collect();
        if !swings.is_empty() {
            let header = format!("{}, a year", device.moved.name());
            self.table(&[&header, "at -20 %", "at +20 %"], &swings);
        }
    }

    fn mining(&mut self, mining: &MiningEconomics, owned: bool, asics: &[Asic]) {
        let MiningEconomics {
            usd_per_kwh, margin_usd_per_kwh, switch_off_usd_per_kwh: off, ..
        } = mining;
        let mut text = format!(
            "{usd_per_kwh} for {} J/TH{}; {margin_usd_per_kwh} are left; runs in {} of the hours, those \
             below {off}; with capital it pays up to {}",
            plain(mining.joules_per_terahash),
            basis(mining.basis),
            percent(mining.hours, 0),
            mining.break_even_usd_per_kwh,
        );
        if let Some(off) = mining.switch_off_after_halving_usd_per_kwh {
            let _ = write!(text, "; after the halving in those below {off}");
        }
        if let (Some(btc), Some(difficulty)) =
            (mining.break_even_btc_usd, mining.break_even_difficulty)
        {
            let _ = write!(
                text,
                "; earns power and operations from {btc} for a bitcoin, or a difficulty of {}",
                si(difficulty, "")
            );
        }
        if !owned {
            let _ = write!(text, "; pays its price back {}", in_months(mining.payback_months));
        }
        self.paragraph("  mining: ", &text);
        let miners: Vec<_> =
            asics.iter().map(|asic| format!("{} {}", asic.name, asic.usd_per_kwh)).collect();
        self.paragraph("  miners would earn: ", &miners.join(", "));
    }

    fn earning(&mut self, label: &str, earning: &AiEconomics) {
        let mut text = format!(
            "{}{}; {} are left before capital",
            earning.usd_per_kwh,
            basis(earning.basis),
            earning.margin_usd_per_kwh
        );
        if let Some(price) = earning.break_even_usd_per_kwh {
            let _ = if price > UsdPerKwh::ZERO {
                write!(text, "; with capital it pays up to {price} for power")
            } else {
                write!(text, "; with capital it pays at no price of power")
            };
        }
        if let Some(off) = earning.switch_off_usd_per_kwh {
            let _ = write!(text, ", and is better off from {off} on");
        }
        if let Some(share) = earning.break_even_utilisation {
            let _ = write!(text, "; worth more than selling {}", from_utilisation(share));
        }
        if let Some(share) = earning.mining_utilisation {
            let _ = write!(text, ", and than mining {}", from_utilisation(share));
        }
        let months = in_months(earning.payback_months);
        let _ = write!(text, "; {} to convert, paid back {months}", earning.conversion_usd);
        self.paragraph(label, &text);
    }

    fn limits(&mut self, plan: &Schedule) {
        self.line("");
        let title = format!(
            "plan of {} hours: {} of the energy goes to AI; something rests in {} hours",
            plan.hours,
            percent(plan.ai_share, 0),
            plan.hours_curtailed
        );
        self.paragraph("", &title);
        let share =
            |hours: f64, all: f64| if all > 0.0 { percent(hours / all, 0) } else { String::new() };
        let rows: Vec<_> = plan
            .classes
            .iter()
            .map(|it| {
                let all = it.mining_hours + it.ai_hours + it.off_hours;
                vec![
                    clean(&it.name),
                    count(it.count),
                    share(it.mining_hours, all),
                    share(it.ai_hours, all),
                    share(it.off_hours, all),
                    it.margin_usd.to_string(),
                ]
            })
            .collect();
        self.table(&["hours of", "count", "mining", "AI", "rest", "earns"], &rows);
        for limit in &plan.limits {
            self.paragraph(&format!("  one more MW of {}: ", limit.of), &worth_of(limit));
        }
    }
}

fn swing(swing: &Sensitivity) -> Vec<String> {
    let end = |usd: Usd, best: Use, of: bool| {
        if of { usd.to_string() } else { format!("{usd} ({})", best.name()) }
    };
    let same = swing.best_low == swing.best_high;
    vec![
        swing.input.name().to_owned(),
        end(swing.low_usd, swing.best_low, same),
        end(swing.high_usd, swing.best_high, same),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::example::decided;
    use crate::record::expected;

    #[test]
    fn the_text_is_as_it_was() {
        expected::is("decision-details.txt", &text(&decided()));
    }
}
