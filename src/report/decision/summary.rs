//! What a decision says on one screen: the plan of the site, the verdict on each kind of hardware with
//! its money, and what all of it rests on.

use super::page::Page;
use super::{advice, basis, because, btc, halving, in_use, lines_of, over_years, powers, shares};
use crate::decision::{Decision, DeviceDecision, Use, UseValue};
use crate::report::figures::clean;
use crate::units::Usd;
use crate::units::text::{count as figure, percent, plain, si};

/// Returns the decision on one screen of 80 columns: the plan, each kind of hardware, and three lists.
#[must_use]
pub fn text(decision: &Decision) -> String {
    let mut page = Page::default();
    page.head(decision);
    page.plan(decision);
    for device in &decision.devices {
        page.kind(device, decision.years, decision.prices.mining.is_some());
    }
    if decision.devices.len() > 1 {
        page.total(decision);
    }
    page.list("known", &decision.known);
    page.list("assumed", &decision.assumed);
    page.list("would change it", &turning_points(decision));
    page.list("warnings", &decision.warnings);
    page.0
}

/// Returns what would change the verdicts, with the kinds where there are several.
pub(crate) fn turning_points(decision: &Decision) -> Vec<String> {
    let several = decision.devices.len() > 1;
    let of_kind = |device: &DeviceDecision| {
        let words: Vec<_> = device.turning_points.iter().map(|it| it.words.clone()).collect();
        let kind = if several { format!("{}: ", clean(&device.name)) } else { String::new() };
        (!words.is_empty()).then(|| format!("{kind}{}", words.join("; ")))
    };
    decision.devices.iter().filter_map(of_kind).collect()
}

impl Page {
    fn head(&mut self, decision: &Decision) {
        let prices = &decision.prices;
        let title = format!(
            "{}, decided by perjoule {} at {}",
            decision.site, decision.perjoule, decision.decided
        );
        self.paragraph("", &title);
        let (mean, from, to) =
            (prices.tariff_usd_per_kwh, prices.cheapest_usd_per_kwh, prices.dearest_usd_per_kwh);
        let mut text = if from == to {
            format!("power {mean}")
        } else {
            format!("power {mean} on average, {from} to {to}")
        };
        if let Some(mining) = &prices.mining {
            text = format!(
                "{text}; bitcoin {}, {} BTC a block, difficulty {}, hashprice {} a PH/s and day; {} \
                 blocks to the next halving",
                mining.btc_usd,
                btc(mining.btc_per_block),
                si(mining.difficulty, "").trim_end(),
                mining.hashprice_usd,
                figure(f64::from(mining.blocks_to_halving)),
            );
        }
        self.paragraph("", &text);
    }

    fn plan(&mut self, decision: &Decision) {
        let plan = &decision.plan;
        self.line("");
        if plan.classes.is_empty() {
            self.line("BEST PLAN: nothing is worth keeping or buying");
            return;
        }
        let title = format!("BEST PLAN of {} hours: {}", figure(plan.hours as f64), powers(plan));
        self.paragraph("", &title);
        let mut rows: Vec<Vec<String>> = lines_of(&plan.money)
            .into_iter()
            .map(|(name, usd)| vec![name.to_owned(), usd.to_string()])
            .collect();
        rows.push(vec!["left".to_owned(), plan.profit_usd.to_string()]);
        if plan.money.capital_usd != Usd::ZERO {
            let capital = plan.money.capital_usd;
            rows.push(vec!["capital of what runs".to_owned(), (capital * -1.0).to_string()]);
            rows.push(vec!["after capital".to_owned(), (plan.profit_usd - capital).to_string()]);
        }
        self.table(&[], &rows);
        if let Some(text) = shares(decision) {
            self.paragraph(" ", &text);
        }
        for why in &plan.left_out {
            self.paragraph(" not planned: ", why);
        }
    }

    fn kind(&mut self, device: &DeviceDecision, years: f64, asks_mining: bool) {
        self.line("");
        let model = device.model.as_ref().map_or_else(String::new, |model| format!(", {model}"));
        let marked = device.basis.map_or("", basis);
        let title = format!("{} x {}{model}{marked}", figure(f64::from(device.count)), device.name);
        self.paragraph("", &title);
        let verdict = advice(device).to_uppercase();
        self.paragraph("  ", &format!("{verdict}: {}", because(device, years)));
        let count = |of: Use| f64::from(in_use(device, of));
        let row = |worth: &UseValue| {
            vec![
                worth.of.name_if(device.owned).to_owned(),
                figure(count(worth.of)),
                (worth.now_usd * count(worth.of)).to_string(),
                (worth.cash_usd_per_year * count(worth.of)).to_string(),
                (worth.life_usd * count(worth.of)).to_string(),
                percent(worth.chance, 0),
                payback(device, worth.of),
            ]
        };
        let header = ["use", "of", "now", "a year", &*over_years(years), "best in", "paid back"];
        let rows: Vec<_> = device.uses.iter().map(row).collect();
        self.table(&header, &rows);
        for (when, worth) in halving(device) {
            let name = worth.of.name_if(device.owned);
            let than = if device.owned { "selling" } else { "not buying" };
            let text = format!("best to {name}, {} a year for each", worth.usd_per_year);
            let text =
                if worth.of == Use::Sell { text } else { format!("{text} more than {than}") };
            self.paragraph(&format!("  {when}: "), &text);
        }
        let fit: Vec<&str> = device
            .fitness
            .iter()
            .filter(|fitness| fitness.fit == Some(true))
            .map(|fitness| &*fitness.class)
            .collect();
        match (&device.no_renting, &*fit) {
            (Some(why), _) if !device.fitness.is_empty() => {
                self.paragraph("  not rented out: ", why);
            }
            (None, [_, ..]) => self.paragraph("  fit for AI: ", &fit.join(", ")),
            _ => {}
        }
        if device.without_power > 0 {
            let dark = figure(f64::from(device.without_power));
            let instead = if device.owned { "sell them" } else { "do not buy them" };
            self.paragraph("  ", &format!("for {dark} there is no power: {instead}"));
        }
        let why =
            device.no_mining.as_ref().filter(|_| asks_mining && device.verdict.advice.is_some());
        if let Some(why) = why {
            self.paragraph("  not mined with: ", why);
        }
    }

    fn total(&mut self, decision: &Decision) {
        self.line("");
        let total = &decision.total;
        let text = format!(
            "{} now, {} a year before capital, {} more {} than selling all and buying nothing",
            total.now_usd,
            total.cash_usd_per_year,
            total.life_usd,
            over_years(decision.years),
        );
        self.paragraph("all kinds in their best use: ", &text);
    }

    fn list(&mut self, title: &str, items: &[String]) {
        if items.is_empty() {
            return;
        }
        self.line("");
        self.line(title);
        for item in items {
            self.paragraph("  - ", item);
        }
    }
}

/// Returns the months until a use has paid for what it needs, in words; nothing where that is nothing.
fn payback(device: &DeviceDecision, of: Use) -> String {
    let months = match of {
        Use::Mine if device.owned => return String::new(),
        Use::Mine => device.mining.as_ref().map(|it| it.payback_months),
        Use::Rent => device.renting.as_ref().map(|it| it.payback_months),
        Use::Host => device.hosting.as_ref().map(|it| it.payback_months),
        Use::Curtail | Use::Sell => return String::new(),
    };
    match months {
        Some(Some(0.0)) => "at once".to_owned(),
        Some(Some(months)) => format!("{} months", plain(months)),
        Some(None) => "never".to_owned(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr as _;

    use super::*;
    use crate::decision::example::decided;
    use crate::record::expected;
    use crate::report::decision::{details, hours};
    use crate::report::lines::WIDTH;

    #[test]
    fn the_text_is_as_it_was() {
        expected::is("decision.txt", &text(&decided()));
    }

    #[test]
    fn it_fits_into_80_columns_whatever_names_there_are() {
        let mut decision = decided();
        let long = "a name that is long, \x1b[31m and 图形处理器 ".repeat(9);
        decision.site.clone_from(&long);
        for device in &mut decision.devices {
            device.name.clone_from(&long);
            device.model = Some(long.clone());
            device.tenant = Some(long.clone());
            device.verdict.because.clone_from(&long);
        }
        decision.plan.classes.iter_mut().for_each(|it| it.name.clone_from(&long));
        decision.plan.left_out.push(long.clone());
        decision.warnings.push(long);
        for line in details(&decision).lines() {
            assert!(line.width() <= WIDTH && !line.contains('\x1b'), "{line}");
        }
    }

    #[test]
    fn every_hour_has_its_line() {
        let decision = decided();
        let lines = hours(&decision);
        assert_eq!(lines.lines().count(), 1 + decision.plan.hours);
        let first = lines.lines().nth(1).expect("an hour");
        assert!(first.starts_with("2026-07-01T12:00:00Z,0.05,3500000,"), "{first}");
    }
}
