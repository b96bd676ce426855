//! A decision as text for a terminal, never wider than 80 columns, and the hours of its plan as
//! CSV.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use super::csv::written;
use super::figures::clean;
use super::lines::{WIDTH, columns, cut, wrapped};
use crate::decision::{
    AiEconomics, Asic, Basis, Decision, DeviceDecision, LimitValue, MiningEconomics, Schedule,
    Sensitivity, Use, UseValue, Verdict,
};
use crate::units::text::{count, percent, plain, si};
use crate::units::{Usd, Watts};

/// Returns the decision as text for a terminal of 80 columns.
#[must_use]
pub fn text(decision: &Decision) -> String {
    let mut page = Page::default();
    page.head(decision);
    for device in &decision.devices {
        page.device(device, &decision.asics);
    }
    page.plan(&decision.plan);
    page.warnings(&decision.warnings);
    page.0
}

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
        Some(Use::Rent) => "rent it out for AI",
        Some(Use::Host) if !device.owned => "do not buy, and host AI",
        Some(Use::Host) => "sell, and host AI",
        Some(Use::Curtail) => "curtail",
        Some(Use::Sell) => "sell",
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

/// Formats a least utilisation: `from a utilisation of 43 % on`; `at no utilisation` above 100 %.
pub(super) fn from_utilisation(share: f64) -> String {
    if share > 1.0 {
        "at no utilisation".to_owned()
    } else {
        format!("from a utilisation of {} on", percent(share, 0))
    }
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn line(&mut self, line: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "{}", line.trim_end());
    }

    /// Writes words after a label, in as many lines as it takes, indented like the first word.
    fn paragraph(&mut self, label: &str, words: &str) {
        let indent = columns(label);
        for (at, line) in wrapped(words, WIDTH - indent).into_iter().enumerate() {
            let before = if at == 0 { label.to_owned() } else { " ".repeat(indent) };
            self.line(&format!("{before}{line}"));
        }
    }

    fn table(&mut self, header: &[&str], rows: &[Vec<String>]) {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_content_arrangement(ContentArrangement::Disabled);
        if !header.is_empty() {
            table.set_header(header.iter().copied());
        }
        for row in rows {
            table.add_row(row.iter().map(|cell| cut(cell, 26)));
        }
        for (at, column) in table.column_iter_mut().enumerate() {
            if at > 0 {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        for line in table.trim_fmt().lines() {
            self.line(&format!(" {}", cut(line.trim_end(), WIDTH - 1)));
        }
    }

    fn head(&mut self, decision: &Decision) {
        let prices = &decision.prices;
        let title = format!(
            "{}, decided by perjoule {} at {}",
            decision.site, decision.perjoule, decision.decided
        );
        self.paragraph("", &title);
        self.paragraph(
            "",
            &format!(
                "power {} on average, {} to {}, in {} hours; bitcoin {}, {} BTC a block, difficulty \
                 {}, hashprice {} a PH/s and day; {} blocks to the next halving",
                prices.tariff_usd_per_kwh,
                prices.cheapest_usd_per_kwh,
                prices.dearest_usd_per_kwh,
                prices.hours,
                prices.btc_usd,
                btc(prices.btc_per_block),
                si(prices.difficulty, ""),
                prices.hashprice_usd,
                prices.blocks_to_halving,
            ),
        );
        self.paragraph(
            "",
            "dollars for a kilowatt-hour are at the site's meter; dollars a year are for one device, as \
             equal payments over the life of the hardware, halvings included, after energy, \
             operations and capital, and more than selling it",
        );
    }

    fn device(&mut self, device: &DeviceDecision, asics: &[Asic]) {
        self.line("");
        let model = device.model.as_ref().map_or_else(String::new, |model| format!(", {model}"));
        let title = format!("{} x {}{model}", device.count, device.name);
        self.line(&cut(&title, WIDTH));
        let Verdict { because, .. } = &device.verdict;
        self.paragraph("  ", &format!("{}: {because}", advice(device).to_uppercase()));
        let row = |worth: &UseValue| {
            vec![
                worth.of.name().to_owned(),
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
            self.earning("  its power for the tenant: ", hosting);
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
        for (when, worth) in halving(device) {
            let text = format!("best to {}, {} a year", worth.of.name(), worth.usd_per_year);
            self.paragraph(&format!("  {when}: "), &text);
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
            let _ = write!(text, "; with capital it pays up to {price} for power");
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

    fn plan(&mut self, plan: &Schedule) {
        self.line("");
        let title = format!(
            "plan of {} hours: {} after energy, operations and conversion",
            plan.hours, plan.profit_usd
        );
        self.paragraph("", &title);
        let text = format!(
            "mining {}, AI {}, resting {} on average; {} of the energy goes to AI; something rests in {} \
             hours",
            plan.mining_watts,
            plan.ai_watts,
            plan.curtailed_watts,
            percent(plan.ai_share, 0),
            plan.hours_curtailed
        );
        self.paragraph("  ", &text);
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
        for why in &plan.left_out {
            self.paragraph("  not planned: ", why);
        }
    }

    fn warnings(&mut self, warnings: &[String]) {
        for (at, warning) in warnings.iter().enumerate() {
            if at == 0 {
                self.line("");
                self.line("warnings");
            }
            self.paragraph(" ", warning);
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
    use unicode_width::UnicodeWidthStr as _;

    use super::*;
    use crate::decision::example::decided;
    use crate::record::expected;

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
            device.verdict.because.clone_from(&long);
        }
        decision.plan.classes.iter_mut().for_each(|it| it.name.clone_from(&long));
        decision.plan.left_out.push(long.clone());
        decision.warnings.push(long);
        for line in text(&decision).lines() {
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
