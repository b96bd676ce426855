//! Decisions on the example, against numbers by hand, and what has to hold for all of them.

mod contracts;
mod random;

use crate::decision::candidate::NamedRecord;
use crate::record::Named;
use crate::record::{DeviceId, NoEnergy};
use crate::workload::{Kind, Variant};
use std::fmt::Write as _;

const GPU: DeviceId = DeviceId::Gpu(0);

use super::case::{Case, best};
use super::curve::Curve;
use super::example::{now, records, site, text};
use super::grid::HourProgrammes;
use super::inputs::{Doubt, Factors};
use super::site::Catalogue;
use super::*;
use crate::units::{Usd, UsdPerKwh, Watts};

fn options() -> Options {
    Options { draws: 2_000, ..Options::at(now()) }
}

fn decided(text: &str) -> Decision {
    decide(&site(text), &records(), &options()).expect("a decision")
}

/// The conclusion of the example in which some texts stand for others.
fn changed(changes: &[(&str, &str)]) -> Decision {
    let mut text = text();
    for (old, new) in changes {
        assert!(text.contains(old), "{old}");
        text = text.replace(old, new);
    }
    decided(&text)
}

fn worth(device: &DeviceDecision, of: Use) -> f64 {
    let found = device.uses.iter().find(|worth| worth.of == of).expect("that use");
    found.usd_per_year.value()
}

#[track_caller]
fn close(value: f64, expected: f64) {
    assert!((value / expected - 1.0).abs() < 1e-9, "{value} is not {expected}");
}

/// Dollars for a hash at 64,000 dollars, 3.125 bitcoin and a difficulty of 88.40 T.
const PER_HASH: f64 = 64_000.0 * 3.125 / (88.40e12 * 4_294_967_296.0);

/// Share of the four years of the example, without interest, that is before the halving: 200,000
/// blocks on the day of the difficulty, 16 days before the decision.
const BEFORE: f64 = (200_000.0 - 16.0 * 144.0) / 52_560.0 / 4.0;

#[test]
fn mining_by_hand() {
    let decision = decided(&text());
    let prices = decision.prices.mining.as_ref().expect("it mines");
    assert_eq!(prices.hashprice_usd.to_string(), "$45.51");
    assert_eq!(prices.blocks_to_halving, 197_696);
    let miner = &decision.devices[0];
    let mining = miner.mining.as_ref().expect("known by its data sheet");
    let per_kwh = 200e12 / 3_500.0 * 3.6e6 * PER_HASH;
    close(mining.usd_per_kwh.value(), per_kwh);
    close(mining.joules_per_terahash, 17.5);
    // Operations are a cent for each kilowatt-hour.
    close(mining.switch_off_usd_per_kwh.value(), per_kwh - 0.01);
    close(mining.margin_usd_per_kwh.value(), per_kwh - 0.06);
    close(mining.break_even_btc_usd.expect("finite").value(), 64_000.0 * 0.06 / per_kwh);
    close(mining.break_even_difficulty.expect("finite"), 88.40e12 * per_kwh / 0.06);
    // After the halving it earns less than the tariff and operations, and rests.
    close(mining.hours, BEFORE);
    assert_eq!(mining.basis, Basis::DataSheet);
    let after = mining.switch_off_after_halving_usd_per_kwh.expect("a halving");
    close(after.value(), per_kwh / 2.0 - 0.01);
    // Keeping it costs a quarter of its worth each year.
    let even = mining.break_even_usd_per_kwh.value();
    close(even, per_kwh - 0.01 - 250.0 / (3.5 * 8_760.0) / BEFORE);
    // At the tariff that it pays up to, mining comes to nothing.
    let flat = format!("usd_per_kwh = {even:.12},");
    let at_even = changed(&[("usd_per_kwh = 0.05, low = 0.04, high = 0.06,", &flat)]);
    assert!(worth(&at_even.devices[0], Use::Mine).abs() < 1e-3);
    close(worth(miner, Use::Mine), BEFORE * (per_kwh - 0.06) * 3.5 * 8_760.0 - 250.0);
    assert_eq!(worth(miner, Use::Sell), 0.0);
    assert!(miner.renting.is_none() && miner.no_renting.is_some());
    assert_eq!(miner.verdict.advice, Some(Use::Mine), "{:?}", miner.verdict);
}

#[test]
fn renting_by_hand() {
    let decision = decided(&text());
    let card = &decision.devices[1];
    // 700 W of products and 250 W around them through a supply of 95 %, by the PUE of AI.
    let wall = (700.0 + 250.0) / 0.95;
    let renting = card.renting.as_ref().expect("fit");
    close(renting.metered_watts.value(), wall * 1.25);
    let kilowatts = wall * 1.25 / 1e3;
    let revenue = 2.5 * 0.7 * 0.8;
    close(renting.usd_per_kwh.value(), revenue / kilowatts);
    // The formula of the contract form: price by hour, utilisation and fee, by kW at the wall and PUE.
    close(renting.margin_usd_per_kwh.value(), revenue / kilowatts - 0.05 - 0.1);
    close(renting.conversion_usd.value(), 500_000.0 * kilowatts / 1e3);
    let operating = (revenue - 0.15 * kilowatts) * 8_760.0;
    // Half a year of four is spent on conversion.
    let value = operating * 3.5 / 4.0 - renting.conversion_usd.value() / 4.0 - 5_000.0;
    close(worth(card, Use::Rent), value);
    // At the tariff of the break-even, and at the utilisation, renting comes to nothing.
    let tariff = renting.break_even_usd_per_kwh.expect("it is paid for").value();
    let flat = format!("usd_per_kwh = {tariff:.12},");
    let even = changed(&[("usd_per_kwh = 0.05, low = 0.04, high = 0.06,", &flat)]);
    assert!(worth(&even.devices[1], Use::Rent).abs() < 1e-3);
    let at = renting.break_even_utilisation.expect("finite");
    let even = changed(&[("share = 0.7, low = 0.5, high = 0.9", &format!("share = {at:.12}"))]);
    assert!(worth(&even.devices[1], Use::Rent).abs() < 1e-3);

    // A GPU earns next to nothing by hashing, beside a miner of today.
    let mining = card.mining.as_ref().expect("metered");
    let hashing = 7e9 / ((350.0 + 250.0) / 0.95) * 3.6e6 * PER_HASH;
    close(mining.usd_per_kwh.value(), hashing);
    let best_asic = decision.asics.last().expect("miners");
    assert_eq!(best_asic.name, "S21 XP");
    close(best_asic.usd_per_kwh.value(), 1e12 / 13.5 * 3.6e6 * PER_HASH);
    assert!(mining.usd_per_kwh * 1_000.0 < best_asic.usd_per_kwh);
}

#[test]
fn a_tenant_by_hand() {
    let market = "market = { fee = { share = 0.2, date = 2026-06-15, source = \"the market\" } }\n";
    let contract = "contract = { total = { usd = 70e6, date = 2026-06-15, source = \"x\" }, \
                    years = 10, mw = 5, tenant_pays_power = true, signed = false }\n";
    let build = "build_out = { usd_per_mw = 4e6, date = 2026-06-15, source = \"x\" }\nmonths_to";
    // The miners would have to make way: 6.25 MW of 7.
    let small = ("power_mw = 10", "power_mw = 7");
    let decision = changed(&[(market, contract), ("months_to", build), small]);
    let miner = &decision.devices[0];
    let hosting = miner.hosting.as_ref().expect("a contract");
    // 3.5 kW at the meter are 2.8 kW of the tenant's machines.
    let per_kwh = 70e6 / (10.0 * 8_760.0 * 5_000.0) * 0.8;
    close(hosting.usd_per_kwh.value(), per_kwh);
    close(hosting.margin_usd_per_kwh.value(), per_kwh - 0.1);
    let yearly = (per_kwh - 0.1) * 3.5 * 8_760.0;
    close(worth(miner, Use::Host), yearly * (1.0 - 0.05) - 4e6 * 2.8e-3 / 10.0);
    assert_eq!(hosting.switch_off_usd_per_kwh, None, "the tenant pays for power");
}

#[test]
fn dear_hours_are_not_mined_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let per_kwh = 200e12 / 3_500.0 * 3.6e6 * PER_HASH;
    // A hundred hours: fifty are free, thirty are paid for, and twenty cost more than mining earns.
    let start: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
    let mut lines = "time,usd_per_kwh\n".to_owned();
    for hour in 0..100_i64 {
        let at = start + jiff::SignedDuration::from_hours(hour);
        let price = match hour % 10 {
            0..5 => 0.0,
            5..8 => -0.02,
            _ => 1.0,
        };
        writeln!(lines, "{at},{price}").expect("a string takes everything");
    }
    std::fs::write(folder.path().join("prices.csv"), lines).expect("a file");
    let text =
        text().replace("usd_per_kwh = 0.05, low = 0.04, high = 0.06,", "file = \"prices.csv\",");
    let read = |text: &str| {
        let site = site::Site::parse(text, folder.path(), Catalogue::built_in()).expect("a site");
        decide(&site, &records(), &options()).expect("a decision")
    };
    let decision = read(&text);
    let miner = &decision.devices[0];
    close(miner.mining.as_ref().expect("known").hours, 0.8);
    let per_kwh = per_kwh * (BEFORE + (1.0 - BEFORE) / 2.0);
    let earned = (per_kwh - 0.01) * 0.8 + 0.02 * 0.3;
    close(worth(miner, Use::Mine), earned * 3.5 * 8_760.0 - 250.0);
    // The plan, too, rests in these hours.
    let plan = &decision.plan;
    assert_eq!((plan.hours, plan.hours_curtailed), (100, 20));

    // A credit for 10 of 100 hours makes up for those among the most expensive.
    let paid = text.replace(
        "loss = 0.0",
        "loss = 0.0\ndemand_response = { credit = { usd_per_kwh = 0.5, date = 2026-06-15, source = \"x\" }, hours_per_year = 876 }",
    );
    let decision = read(&paid);
    let miner = &decision.devices[0];
    close(worth(miner, Use::Mine), (earned + 0.5 * 0.1) * 3.5 * 8_760.0 - 250.0);
    close(worth(miner, Use::Curtail), 0.5 * 0.1 * 3.5 * 8_760.0 - 250.0);
}

#[test]
fn what_was_not_measured_leaves_it_open() {
    let unmetered = vec![("score.json".to_owned(), crate::record::example::unmetered())];
    let decision = decide(&site(&text()), &unmetered, &options()).expect("a decision");
    let card = &decision.devices[1];
    assert_eq!(card.verdict.advice, None);
    assert!(card.verdict.because.contains("no joules of sha256d: /sys/class/powercap"), "{card:?}");
    assert!(card.mining.is_none() && card.no_mining.is_some());
    // A row that another stands for comes first, and is not the cause.
    let mut record = crate::record::example::unmetered();
    let its = |row: &&crate::record::Row| row.device == GPU && row.workload == Kind::Sha256d;
    let mut first = record.rows.iter().find(its).expect("it hashes").clone();
    first.no_energy = Some(Named::Known(NoEnergy::Another));
    record.rows.insert(0, first);
    let records = [("score.json".to_owned(), record)];
    let other = decide(&site(&text()), &records, &options()).expect("a decision");
    assert_eq!(other.devices[1].verdict.because, card.verdict.because);
    // The miner has its data sheet.
    assert_eq!(decision.devices[0].verdict.advice, Some(Use::Mine));
    // Without the memory's size it is not known whether the card is fit.
    let open =
        changed(&[("memory = { gib = 141, date = 2026-06-15, source = \"the maker\" }\n", "")]);
    let verdict = &open.devices[1].verdict;
    assert_eq!(verdict.best, Use::Rent);
    assert!(verdict.advice.is_none(), "{verdict:?}");
    assert!(verdict.because.contains("memory"), "{verdict:?}");
}

#[test]
fn a_throttled_card_is_not_fit() {
    let mut records = records();
    for row in &mut records[0].1.rows {
        if row.device == GPU && row.workload == Kind::Matmul && row.variant == Variant::F16 {
            row.per_second.best = 5e12;
        }
    }
    let rows = &mut records[0].1.rows;
    rows.retain(|row| !(row.device == GPU && row.variant == Variant::F32));
    // As a card whose fused multiply-adds are throttled to a sixteenth.
    let throttled = |row: &&mut crate::record::Row| {
        row.variant == Variant::FmaF32 && row.device != DeviceId::Cpu
    };
    rows.iter_mut().filter(throttled).for_each(|row| row.per_second.best = 3.9e12);
    let decision = decide(&site(&text()), &records, &options()).expect("a decision");
    let card = &decision.devices[1];
    assert!(card.renting.is_none());
    let why = card.no_renting.as_ref().expect("a reason");
    assert!(why.contains("matrix rate 5.00 TFLOP/s (8.00 TFLOP/s needed)"), "{why}");
    assert!(
        why.contains("unthrottled share of fused multiply-adds 0.0637 (0.900 needed)"),
        "{why}"
    );
    assert!(card.uses.iter().all(|worth| worth.of != Use::Rent));
}

#[test]
fn ranges_across_the_break_even_are_inconclusive() {
    // At this tariff an S21 is worth mining with at 64,000 dollars for a bitcoin, and not at 57,000.
    let tariff = "usd_per_kwh = 0.079, low = 0.0789, high = 0.0791,";
    let decision = changed(&[("usd_per_kwh = 0.05, low = 0.04, high = 0.06,", tariff)]);
    let verdict = &decision.devices[0].verdict;
    assert_eq!((verdict.best, verdict.advice), (Use::Mine, None), "{verdict:?}");
    assert!(verdict.deciding.contains(&UncertainInput::BtcPrice), "{verdict:?}");
    assert!(verdict.because.contains("BTC price"), "{verdict:?}");
    assert!((0.1..0.9).contains(&verdict.chance));
}

#[test]
fn draws_are_the_same_by_the_same_seed() {
    let with = |seed| {
        let options = Options { seed, ..options() };
        decide(&site(&text()), &records(), &options).expect("a decision")
    };
    assert_eq!(with(7), with(7));
    let low = |decision: &Decision| decision.devices[0].uses[0].low_usd_per_year;
    assert_ne!(low(&with(7)), low(&with(8)));
}

#[test]
fn evenly_drawn_ranges_have_their_percentiles() {
    // Only the price of a bitcoin is in doubt, and revenue is proportional to it.
    let decision = changed(&[("low = 0.04, high = 0.06, ", "")]);
    let miner = &decision.devices[0];
    let mine = &miner.uses[0];
    let revenue = miner.mining.as_ref().expect("known").usd_per_kwh.value() * 3.5 * 8_760.0;
    let width = (mine.high_usd_per_year - mine.low_usd_per_year).value();
    // From 0.75 to 1.25, of which eight tenths are between the percentiles.
    assert!((width / (revenue * 0.5 * 0.8) - 1.0).abs() < 0.05, "{width} of {revenue}");
}

#[test]
fn scores_and_entries_have_to_fit() {
    let told = |changes: &[(&str, &str)], records: &[NamedRecord]| {
        let mut text = text();
        for (old, new) in changes {
            text = text.replace(old, new);
        }
        decide(&site(&text), records, &options()).expect_err("something is wrong").to_string()
    };
    for (old, new, expected) in [
        (
            "score = \"gpu:0\"",
            "score = \"gpu:7\"",
            "device card: score gpu:7 is not in its file, expected one of cpu, gpu:0",
        ),
        (
            "score = \"gpu:0\"",
            "score = \"gpu:0\"\nfile = \"x.json\"",
            "file x.json was not given, expected one of score.json",
        ),
        ("host_watts = 250\n", "", "host_watts is missing: its score has the power of gpu:0 only"),
        ("supply_efficiency = 0.95\n", "", "supply_efficiency is missing"),
    ] {
        let told = told(&[(old, new)], &records());
        assert!(told.contains(expected), "{told}");
    }
    let mut two = [records(), vec![("b.json".to_owned(), records()[0].1.clone())]].concat();
    two[1].1.devices[1].name = "another card".to_owned();
    assert!(told(&[], &two).contains("and of another card of b.json: expected one model"));
    assert!(told(&[], &[]).contains("no score was given"));

    // What was metered at the wall needs nothing around it.
    let mut walls = records();
    for energy in walls[0].1.rows.iter_mut().filter_map(|row| row.energy.as_mut()) {
        energy.charged = vec!["machine".into()];
    }
    assert!(told(&[], &walls).contains("contradict its score"));
    let text = text().replace("host_watts = 250\nsupply_efficiency = 0.95\n", "");
    let decision = decide(&site(&text), &walls, &options()).expect("a decision");
    close(decision.devices[1].mining.as_ref().expect("metered").wall_watts.value(), 350.0);
}

#[test]
fn warnings_tell_what_is_old_assumed_or_left_out() {
    let of_gpu_1 = changed(&[("score = \"gpu:0\"", "score = \"gpu:1\"")]);
    let assumed = of_gpu_1.assumed.join("; ");
    assert!(assumed.contains("the watts of card, which were stated and not measured"), "{assumed}");
    let warnings = of_gpu_1.warnings.join("; ");
    assert!(warnings.contains("gpu:0 of score.json is in no section"), "{warnings}");
    assert!(warnings.contains("cpu of score.json is in no section"), "{warnings}");
    assert!(!warnings.contains("gpu:2"), "a software driver: {warnings}");
    let late = Options { now: "2026-09-01T00:00:00Z".parse().expect("a time"), ..options() };
    let late = decide(&site(&text()), &records(), &late).expect("a decision");
    let expected = "power.tariff, site.mining_operations, site.ai_operations, and 10 more are of 2026-06-15, 78 days ago";
    assert!(late.warnings[0].contains(expected), "{}", late.warnings[0]);
}

#[test]
fn joules_of_a_single_window_are_not_taken_as_certain() {
    let mut records = records();
    for energy in records[0].1.rows.iter_mut().filter_map(|row| row.energy.as_mut()) {
        energy.uncertainty = None;
    }
    let unknown = decide(&site(&text()), &records, &options()).expect("a decision");
    let assumed = unknown.assumed.join("; ");
    assert!(assumed.contains("for the joules of card, which are of a single window"), "{assumed}");
    let width = |decision: &Decision| {
        let uses = &decision.devices[1].uses;
        let renting = uses.iter().find(|worth| worth.of == Use::Rent).expect("that use");
        (renting.high_usd_per_year - renting.low_usd_per_year).value()
    };
    let known = decided(&text());
    assert!(width(&unknown) > width(&known), "{} {}", width(&unknown), width(&known));
    assert!(!known.assumed.join("; ").contains("single window"));
}

/// A plan of so large a problem would take gigabytes.
#[test]
fn more_devices_and_hours_than_a_plan_has_room_for_are_refused_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut lines = String::from("time,usd_per_kwh\n");
    for hour in 0..8_760_u32 {
        let start = now().checked_add(jiff::SignedDuration::from_hours(hour.into()));
        let price = 0.05 + f64::from(hour) * 1e-6;
        writeln!(lines, "{},{price}", start.expect("a time")).expect("a text");
    }
    std::fs::write(folder.path().join("prices.csv"), lines).expect("a file");
    let device = text().split("[[device]]").nth(1).expect("a device").to_owned();
    let mut series =
        text().replace("usd_per_kwh = 0.05, low = 0.04, high = 0.06,", "file = \"prices.csv\",");
    for at in 0..1_000 {
        series += "[[device]]";
        series += &device.replace("\"S21\"", &format!("\"S21 of row {at}\""));
    }
    let site =
        super::site::Site::parse(&series, folder.path(), Catalogue::built_in()).expect("a site");
    let refused = decide(&site, &records(), &options()).expect_err("too large").to_string();
    assert_eq!(
        refused,
        "no plan: 1002 kinds of hardware in 8760 hours that differ are more than a plan has room for, \
         2,000,000 of one by the other; put what is alike into one section with its count, or plan \
         fewer hours"
    );
}

#[test]
fn a_tariff_that_is_for_megawatt_hours_is_asked_about() {
    let warned = |price: &str| {
        let flat = format!("usd_per_kwh = {price},");
        let decision = changed(&[("usd_per_kwh = 0.05, low = 0.04, high = 0.06,", &flat)]);
        decision.warnings.join("; ").contains("is it for a megawatt-hour, or in cents?")
    };
    assert!(warned("20"));
    assert!(!warned("0.5"));
}

#[test]
fn what_there_is_and_what_is_needed_are_told_apart() {
    use super::fitness::{Property, Reason};
    let reason = |has, needed, enough| Reason { of: Property::Memory, needed, has, enough };
    for (reason, expected) in [
        (reason(Some(80.0), 8.0, Some(true)), "memory 80.0 GiB (8.00 GiB needed)"),
        (reason(Some(7.999), 8.0, Some(false)), "memory 7.999 GiB (8.000 GiB needed)"),
        (reason(Some(4.0), 8.0, None), "memory 4.00 GiB or more (8.00 GiB needed)"),
        (reason(None, 8.0, None), "memory not measured (8.00 GiB needed)"),
    ] {
        assert_eq!(reason.to_string(), expected);
    }
}

#[test]
fn hardware_that_has_to_be_bought_is_paid_back() {
    let decision = changed(&[("resale = { usd = 1000,", "price = { usd = 3000,")]);
    let miner = &decision.devices[0];
    let mining = miner.mining.as_ref().expect("known");
    let yearly = mining.margin_usd_per_kwh.value() * 3.5 * 8_760.0;
    close(mining.payback_months.expect("it pays"), 12.0 * 3_000.0 / yearly);
    // What the years to the halving leave is paid by half of the subsidy, where that pays at all.
    let cheap = changed(&[("resale = { usd = 1000,", "price = { usd = 12000,"), CHEAP]);
    let mining = cheap.devices[0].mining.as_ref().expect("known");
    let before = mining.margin_usd_per_kwh.value() * 3.5 * 8_760.0;
    let after = before - mining.usd_per_kwh.value() / 2.0 * 3.5 * 8_760.0;
    let years = 4.0 * BEFORE + (12_000.0 - 4.0 * BEFORE * before) / after;
    close(mining.payback_months.expect("it pays"), 12.0 * years);
    let never = changed(&[
        ("resale = { usd = 1000,", "price = { usd = 3000,"),
        ("usd_per_kwh = 0.05, low = 0.04, high = 0.06,", "usd_per_kwh = 2,"),
    ]);
    let miner = &never.devices[0];
    assert_eq!(miner.mining.as_ref().expect("known").payback_months, None);
    assert_eq!(miner.verdict.best, Use::Sell);
    assert_eq!(never.plan.left_out, ["S21: not worth its price", "card: worth more sold"]);
}

#[test]
fn nothing_rented_is_never_paid_back() {
    let decision = changed(&[("share = 0.7, low = 0.5, high = 0.9", "share = 0.0")]);
    let card = &decision.devices[1];
    let renting = card.renting.as_ref().expect("a rental");
    assert_eq!((renting.usd_per_kwh, renting.payback_months), (UsdPerKwh::ZERO, None));
    assert!(worth(card, Use::Rent) < 0.0);
    let usual = decided(&text()).devices[1].renting.clone().expect("a rental");
    assert_eq!(renting.break_even_utilisation, usual.break_even_utilisation);
    // Nothing to pay back is not paid back by what loses money.
    let free = changed(&[
        ("share = 0.7, low = 0.5, high = 0.9", "share = 0.0"),
        ("usd_per_mw = 500000, low = 300000, high = 800000", "usd_per_mw = 0"),
    ]);
    assert_eq!(free.devices[1].renting.as_ref().expect("a rental").payback_months, None);
}

const CHEAP: (&str, &str) = ("usd_per_kwh = 0.05, low = 0.04, high = 0.06,", "usd_per_kwh = 0.01,");

/// Moves the quote of the network to the day of the decision.
const QUOTED_TODAY: (&str, &str) = (
    "difficulty = { number = 88.40e12, date = 2026-06-15",
    "difficulty = { number = 88.40e12, date = 2026-07-01",
);

#[test]
fn the_halving_takes_half_of_the_subsidy() {
    let decision = decided(&text());
    let after = decision.devices[0].after_halving.as_ref().expect("a miner");
    assert_eq!(after.of, Use::Sell, "half of {:?}", decision.devices[0].mining);
    let cheap = changed(&[CHEAP]);
    let miner = &cheap.devices[0];
    let per_kwh = miner.mining.as_ref().expect("known").usd_per_kwh.value();
    let yearly = |revenue: f64| (revenue - 0.02) * 3.5 * 8_760.0 - 250.0;
    let until = miner.until_halving.as_ref().expect("a halving");
    close(until.usd_per_year.value(), yearly(per_kwh));
    let after = miner.after_halving.as_ref().expect("a miner");
    close(after.usd_per_year.value(), yearly(per_kwh / 2.0));
    // The years are both, each by its share.
    let both = BEFORE * yearly(per_kwh) + (1.0 - BEFORE) * yearly(per_kwh / 2.0);
    close(worth(miner, Use::Mine), both);
}

#[test]
fn a_halving_at_the_first_day_halves_all_mining_and_at_the_last_none() {
    let yearly = |revenue: f64| (revenue - 0.02) * 3.5 * 8_760.0 - 1_000.0 / 3.0;
    let at = |height: &str| {
        let height = ("height = 850000", height);
        changed(&[CHEAP, QUOTED_TODAY, ("life_years = 4", "life_years = 3"), height])
    };
    let first = at("height = 1049999");
    let per_kwh = first.devices[0].mining.as_ref().expect("known").usd_per_kwh.value();
    close_to(worth(&first.devices[0], Use::Mine), yearly(per_kwh / 2.0), 1e-4);
    // Three years of blocks before the halving.
    let last = at("height = 892320");
    close(worth(&last.devices[0], Use::Mine), yearly(per_kwh));
    assert!(last.devices[0].until_halving.is_none());
}

/// What is left for the years after a halving in 35 days, by hand: 5,040 blocks.
#[test]
fn a_halving_that_comes_soon_is_in_the_verdict() {
    let soon = changed(&[
        QUOTED_TODAY,
        ("height = 850000", "height = 1044960"),
        ("usd_per_kwh = 0.05, low = 0.04, high = 0.06,", "usd_per_kwh = 0.04,"),
        ("discount_rate = 0", "discount_rate = 0.1"),
    ]);
    let miner = &soon.devices[0];
    let per_kwh = miner.mining.as_ref().expect("known").usd_per_kwh.value();
    let until = 5_040.0 / 52_560.0;
    let before = (1.0 - 1.1_f64.powf(-until)) / (1.0 - 1.1_f64.powf(-4.0));
    let annuity = 0.1 / (1.0 - 1.1_f64.powf(-4.0));
    let yearly = |revenue: f64| (revenue - 0.05) * 3.5 * 8_760.0;
    let by_hand =
        before * yearly(per_kwh) + (1.0 - before) * yearly(per_kwh / 2.0) - annuity * 1_000.0;
    close(worth(miner, Use::Mine), by_hand);
    let until = miner.until_halving.as_ref().expect("a halving");
    assert!(until.of == Use::Mine && until.usd_per_year > Usd::new(1_000.0), "{until:?}");
    assert!(by_hand < 0.0 && miner.verdict.best == Use::Sell, "{by_hand} {:?}", miner.verdict);
}

#[test]
fn what_grows_is_in_the_value() {
    let growth = |key: &str| {
        changed(&[
            CHEAP,
            QUOTED_TODAY,
            ("life_years = 4", "life_years = 1"),
            (
                "height = 850000",
                &format!(
                    "height = 850000\n{key} = {{ share_per_year = 1, date = 2026-06-15, source = \"x\" }}"
                ),
            ),
        ])
    };
    let yearly = |revenue: f64| (revenue - 0.02) * 3.5 * 8_760.0 - 1_000.0;
    let middles = [0.125, 0.375, 0.625, 0.875];
    let harder = growth("difficulty_growth");
    let per_kwh = harder.devices[0].mining.as_ref().expect("known").usd_per_kwh.value();
    let mean = middles.map(|at: f64| 0.5_f64.powf(at)).iter().sum::<f64>() / 4.0;
    close(worth(&harder.devices[0], Use::Mine), yearly(per_kwh * mean));
    let flat =
        changed(&[CHEAP, QUOTED_TODAY, ("life_years = 4", "life_years = 1")]).plan.money.mining_usd;
    close(harder.plan.money.mining_usd / flat, mean);
    let dearer = growth("btc_price_growth");
    let mean = middles.map(|at: f64| 2.0_f64.powf(at)).iter().sum::<f64>() / 4.0;
    close(worth(&dearer.devices[0], Use::Mine), yearly(per_kwh * mean));
    close(dearer.plan.money.mining_usd / flat, mean);
    assert!(dearer.devices[0].tornado.iter().any(|it| it.input == UncertainInput::BtcGrowth));
    // What nearly vanishes does so in all scenarios.
    let vanishing = changed(&[(
        "height = 850000",
        "height = 850000\nbtc_price_growth = { share_per_year = -0.95, date = 2026-06-15, source = \"x\" }",
    )]);
    for swing in &vanishing.devices[0].tornado {
        assert!(swing.low_usd.is_finite() && swing.high_usd.is_finite(), "{swing:?}");
    }
}

#[test]
fn a_halving_within_the_year_is_in_the_plan() {
    // Half a year of blocks: 26,280.
    let worthless = ("resale = { usd = 1000,", "resale = { usd = 0,");
    let half = changed(&[QUOTED_TODAY, worthless, ("height = 850000", "height = 1023720")]);
    let mines: Vec<bool> =
        half.plan.by_hour.iter().map(|hour| hour.mining > Watts::new(3e6)).collect();
    assert_eq!(mines.iter().filter(|&&mines| mines).count(), 4_380);
    assert!(mines[..4_380].iter().all(|&mines| mines));
    let per_kwh = half.devices[0].mining.as_ref().expect("known").usd_per_kwh.value();
    // Both halves mine where power is cheap, the second for half of the subsidy.
    let cheap = changed(&[CHEAP, QUOTED_TODAY, ("height = 850000", "height = 1023720")]);
    let expected = 3.5e3 * 4_380.0 * (per_kwh + per_kwh / 2.0);
    close_to(cheap.plan.money.mining_usd.value(), expected, 1e-6);
}

#[test]
fn the_plan_fills_the_site_and_says_what_more_is_worth() {
    let decision = decided(&text());
    let plan = &decision.plan;
    // 1,000 miners of 3.5 kW and eight cards fit into 10 MW: power is no limit.
    close(plan.mining_watts.value(), 3.5e6);
    assert!(plan.limits.iter().all(|it| it.of != "the site's power"), "{:?}", plan.limits);
    assert!(plan.ai_share > 0.0);
    let placed = plan.classes.iter().find(|it| it.name == "card").expect("the card");
    assert!((placed.converted - 8.0).abs() < 1e-3);

    // Of 2 MW the cards take their share, and each further megawatt is one of miners.
    let tight = changed(&[("power_mw = 10", "power_mw = 2")]);
    let power = tight.plan.limits.iter().find(|it| it.of == "the site's power").expect("a limit");
    let margin = tight.devices[0].mining.as_ref().expect("known").margin_usd_per_kwh.value();
    for value in [power.more_usd_per_megawatt, power.less_usd_per_megawatt] {
        close_to(value.expect("a plan").value(), margin * 1e3 * 8_760.0, 1e-3);
    }
    let drawn = tight.plan.mining_watts + tight.plan.ai_watts;
    assert!((drawn.value() / 2e6 - 1.0).abs() < 1e-6);
    assert!(tight.plan.by_hour.iter().all(|hour| hour.mining + hour.ai <= Watts::new(2e6 + 1.0)));
}

#[test]
fn json_and_back_is_the_same() {
    let decision = decided(&text());
    let json = serde_json::to_string(&decision).expect("JSON");
    let mut back: Decision = serde_json::from_str(&json).expect("a decision");
    back.plan.by_hour.clone_from(&decision.plan.by_hour);
    assert_eq!(back, decision);
}

#[test]
fn the_thresholds_can_be_read() {
    let thresholds = fitness::Thresholds::default();
    let told = fitness::Thresholds::parse("[[class]]\nname = \"x\"\n").expect_err("incomplete");
    assert!(
        told.iter().any(|it| it.to_string() == "line 1: class[1].memory_gib: missing"),
        "{told:?}"
    );
    let decision = decided(&text());
    let classes: Vec<_> =
        decision.devices[1].fitness.iter().map(|it| (&*it.class, it.fit)).collect();
    assert_eq!(
        classes,
        [
            ("inference small", Some(true)),
            ("inference large", Some(true)),
            ("fine-tuning", Some(true))
        ],
        "{thresholds:?}"
    );
    assert_eq!(decision.devices[1].verdict.advice, Some(Use::Rent));
}

/// A case of the example's miner, with the given tariff.
fn with_case<T>(tariff: f64, of: impl for<'c, 'a> Fn(&'c Case<'a>) -> T) -> T {
    let site = site(&text());
    let thresholds = fitness::Thresholds::default();
    let records = records();
    let candidates = join::candidates(&site.devices, &records, &thresholds).expect("fit");
    let hour = (UsdPerKwh::new(tariff), HourProgrammes::default());
    let curve = Curve::new([hour]).expect("an hour");
    let capital = &site.capital;
    let outlook = outlook::Outlook::new(850_000, capital.life_years, capital.discount_rate, None);
    of(&Case::new(&site, &curve, &outlook, &candidates[0]))
}

proptest::proptest! {
    /// A higher tariff never raises what a use is worth.
    #[test]
    fn dearer_power_is_never_better(tariff in -0.1_f64..0.5, more in 0.0_f64..0.5) {
        let (before, after) = (
            with_case(tariff, |case| case.values(&Factors::ONE)),
            with_case(tariff + more, |case| case.values(&Factors::ONE)),
        );
        for (before, after) in before.into_iter().zip(after) {
            proptest::prop_assert!(after <= before);
        }
    }

    /// Twice the difficulty is half the revenue, at any price of a bitcoin.
    #[test]
    fn twice_the_difficulty_is_half_the_revenue(price in 0.1_f64..5.0) {
        let (once, twice) = with_case(0.05, |case| {
            let factors = Factors::ONE.with(UncertainInput::BtcPrice, price);
            let revenue = |factors: &Factors| case.mining(factors).expect("a miner").revenue;
            (revenue(&factors), revenue(&factors.with(UncertainInput::Difficulty, 2.0)))
        });
        proptest::prop_assert!((once / twice - 2.0).abs() < 1e-12);
    }

    /// The best use is worth no less than any other, and no less than to sell.
    #[test]
    fn the_best_use_is_the_best(price in 0.0_f64..5.0, tariff in -0.1_f64..0.5) {
        let values = with_case(tariff, |case| {
            case.values(&Factors::ONE.with(UncertainInput::BtcPrice, price))
        });
        let most = values[best(&values) as usize].expect("it is there");
        proptest::prop_assert!(most >= Usd::ZERO);
        proptest::prop_assert!(values.into_iter().flatten().all(|value| value <= most));
    }
}

#[test]
fn doubts_are_the_ranges_that_matter() {
    let doubts = with_case(0.05, |case: &Case<'_>| Case::doubts(case));
    let range =
        |of: UncertainInput| doubts.iter().find(|(input, _)| *input == of).map(|(_, doubt)| *doubt);
    assert_eq!(range(UncertainInput::BtcPrice), Some(Doubt::Range(0.75, 1.25)));
    assert!(range(UncertainInput::Utilisation).is_none(), "a miner is not rented out");
}

#[test]
fn permuting_devices_changes_nothing() {
    let text = text();
    let (head, devices) = text.split_once("[[device]]").expect("devices");
    let (first, second) = devices.split_once("[[device]]").expect("two");
    let turned = decided(&format!("{head}[[device]]{second}[[device]]{first}"));
    let straight = decided(&text);
    let find = |decision: &Decision, name: &str| {
        let mut devices = decision.devices.iter();
        devices.find(|device| device.name == name).cloned().expect("that device")
    };
    for name in ["S21", "card"] {
        let (a, b) = (find(&turned, name), find(&straight, name));
        assert_eq!((a.mining, a.renting, a.tornado), (b.mining, b.renting, b.tornado));
        assert_eq!(a.verdict.advice, b.verdict.advice);
    }
    close(turned.plan.profit_usd.value(), straight.plan.profit_usd.value());
}

#[test]
fn what_never_runs_is_curtailed_or_sold() {
    let dear = ("usd_per_kwh = 0.05, low = 0.04, high = 0.06,", "usd_per_kwh = 2,");
    let worthless = ("resale = { usd = 1000,", "resale = { usd = 0,");
    let sold = changed(&[dear, worthless]);
    assert_eq!(sold.devices[0].verdict.advice, Some(Use::Sell), "{:?}", sold.devices[0].verdict);
    let response = "loss = 0.0\ndemand_response = { credit = { usd_per_kwh = 3, \
                    date = 2026-06-15, source = \"x\" }, hours_per_year = 876 }";
    let paid = changed(&[dear, ("loss = 0.0", response)]);
    let miner = &paid.devices[0];
    assert_eq!(miner.verdict.advice, Some(Use::Curtail), "{:?}", miner.verdict);
    close(worth(miner, Use::Curtail), 3.0 * 3.5 * 876.0 - 250.0);
    // The plan is paid in no more hours than the programme has: the miners' 3.5 MW, and the cards.
    let cards = paid.devices[1].renting.as_ref().map_or(0.0, |it| it.metered_watts.value() * 8.0);
    let most = 3.0 * (3.5e6 + cards) / 1e3 * 876.0;
    let credits = paid.plan.money.credits_usd.value();
    assert!(
        credits <= most * 1.001 && credits > 3.0 * 3.5e3 * 876.0 * 0.999,
        "{credits} of {most}"
    );
}

/// The example with a contract in place of the market.
fn with_contract(mw: f64, signed: bool, changes: &[(&str, &str)]) -> Decision {
    let market = "market = { fee = { share = 0.2, date = 2026-06-15, source = \"the market\" } }\n";
    let contract = format!(
        "contract = {{ total = {{ usd = {}, date = 2026-06-15, source = \"x\" }}, years = 10, \
         mw = {mw}, tenant_pays_power = true, signed = {signed} }}\n",
        mw * 14e6
    );
    let build = "build_out = { usd_per_mw = 4e6, date = 2026-06-15, source = \"x\" }\nmonths_to";
    changed(&[&[(market, &*contract), ("months_to", build)], changes].concat())
}

#[test]
fn signed_contracts_are_served_whatever_they_round_to() {
    for (mw, pue) in [(3.0, "1.1"), (7.0, "1.35"), (5.0, "1.346"), (2.0, "1.25")] {
        let decision = with_contract(mw, true, &[("ai_pue = 1.25", &format!("ai_pue = {pue}"))]);
        let pue: f64 = pue.parse().expect("a number");
        close_to(decision.plan.ai_watts.value(), mw * 1e6 * pue, 1e-6);
        assert!(decision.plan.by_hour.iter().all(|hour| hour.ai > Watts::new(mw * 0.999e6)));
    }
    let all = with_contract(8.0, true, &[]);
    close_to(all.plan.ai_watts.value(), 10e6, 1e-6);
}

/// A tenant who pays in proportion: one more megawatt of him is worth the difference of two decisions.
#[test]
fn a_megawatt_more_of_a_contract_is_what_the_plan_changes_by() {
    let decision = with_contract(4.0, true, &[]);
    let limit = decision.plan.limits.iter().find(|it| it.of == "the contract of the tenant");
    let limit = limit.expect("he earns more than the miners");
    let (more, less) = (limit.more_usd_per_megawatt, limit.less_usd_per_megawatt);
    let profit = |mw: f64| with_contract(mw, true, &[]).plan.profit_usd.value();
    close_to(more.expect("a plan").value(), (profit(4.04) - profit(4.0)) / 0.04, 1e-6);
    close_to(less.expect("a plan").value(), (profit(4.0) - profit(3.96)) / 0.04, 1e-6);
    // By hand: 1.4 million dollars a year for a megawatt, less its build-out and operations.
    let by_hand = 1.4e6 - 1.25 * 876e3 - 4e6 / 10.0 / 0.95;
    close_to(more.expect("a plan").value(), by_hand, 1e-3);
}

/// Where a contract fills the site, there is no room for more of it, and it needs all power there is.
#[test]
fn a_contract_that_fills_the_site_has_no_plan_for_more() {
    let full = with_contract(8.0, true, &[]);
    let value = |of: &str| full.plan.limits.iter().find(|it| it.of == of).expect("a limit");
    let contract = value("the contract of the tenant");
    assert_eq!(contract.more_usd_per_megawatt, None);
    assert!(contract.less_usd_per_megawatt.is_some());
    let power = value("the site's power");
    assert!(power.more_usd_per_megawatt.is_some() && power.less_usd_per_megawatt.is_none());
    // One that is not signed would be left: that is no price of a megawatt either.
    let unsigned = with_contract(8.0, false, &[("usd = 112000000,", "usd = 1120000000,")]);
    assert!(unsigned.plan.ai_watts > Watts::new(9.9e6), "he is served");
    let power = unsigned.plan.limits.iter().find(|it| it.of == "the site's power");
    assert!(power.is_some_and(|power| power.less_usd_per_megawatt.is_none()), "{power:?}");
}

/// A limit that is just reached has another value for more of it than for less.
#[test]
fn at_a_kink_both_sides_are_shown() {
    // The miners alone: 3.5 MW.
    let exact = changed(&[
        ("power_mw = 10", "power_mw = 3.5"),
        ("share = 0.7, low = 0.5, high = 0.9", "share = 0"),
    ]);
    let power = exact.plan.limits.iter().find(|it| it.of == "the site's power").expect("a limit");
    let [more, less] = [power.more_usd_per_megawatt, power.less_usd_per_megawatt]
        .map(|it| it.expect("a plan").value());
    let margin = exact.devices[0].mining.as_ref().expect("known").margin_usd_per_kwh.value();
    close_to(less, margin * 1e3 * 8_760.0, 1e-3);
    assert!(more.abs() < 1.0, "{more}");
}

#[track_caller]
fn close_to(value: f64, expected: f64, share: f64) {
    assert!((value / expected - 1.0).abs() < share, "{value} is not {expected}");
}

#[test]
fn a_tenant_takes_power_at_all_times_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let start: jiff::Timestamp = "2026-07-01T12:00:00Z".parse().expect("a time");
    let mut lines = "time,usd_per_kwh\n".to_owned();
    for hour in 0..100_i64 {
        let at = start + jiff::SignedDuration::from_hours(hour);
        writeln!(lines, "{at},{}", if hour % 2 == 0 { 0.0 } else { 1.0 }).expect("a string");
    }
    std::fs::write(folder.path().join("prices.csv"), lines).expect("a file");
    let plan = |usd: &str| {
        let text = text()
            .replace("usd_per_kwh = 0.05, low = 0.04, high = 0.06,", "file = \"prices.csv\",")
            .replace(
                "market = { fee = { share = 0.2, date = 2026-06-15, source = \"the market\" } }",
                &format!("contract = {{ total = {{ usd = {usd}, date = 2026-06-15, source = \"x\" }}, years = 10, mw = 4, tenant_pays_power = false, signed = false }}"),
            )
            .replace("months_to", "build_out = { usd_per_mw = 0, date = 2026-06-15, source = \"x\" }\nmonths_to");
        let site = site::Site::parse(&text, folder.path(), Catalogue::built_in()).expect("a site");
        decide(&site, &records(), &options()).expect("a decision").plan
    };
    // Of a dollar for a kilowatt-hour in every second hour little is left by 20 cents in all of them.
    let poor = plan("70e6");
    assert_eq!(poor.ai_watts, Watts::ZERO);
    assert!(poor.left_out.iter().any(|it| it.starts_with("the tenant")), "{:?}", poor.left_out);
    let rich = plan("700e6");
    close_to(rich.ai_watts.value(), 5e6, 1e-6);
    assert!(rich.by_hour.iter().all(|hour| hour.ai > Watts::new(4.99e6)));
}

#[test]
fn the_plan_keeps_to_stages_demand_cooling_and_ramp() {
    let stage = ("mining_pue", "ai_stage = [{ ready = 2027-01-01, mw = 0.005 }]\nmining_pue");
    let staged = changed(&[stage]);
    let ready: jiff::Timestamp = "2027-01-01T00:00:00Z".parse().expect("a time");
    for hour in &staged.plan.by_hour {
        let most = if hour.start < ready { 1.0 } else { 5_001.0 };
        assert!(hour.ai <= Watts::new(most), "{hour:?}");
    }
    assert!(staged.plan.ai_watts > Watts::ZERO);
    assert!(staged.plan.limits.iter().any(|it| it.of.contains("the room of 5.00 kW for AI")));

    let asked = (
        "source = \"the market\" } }\n[capital]",
        "source = \"the market\" }, demand_mw = 0.004 }\n[capital]",
    );
    let asked = changed(&[asked]);
    close_to(asked.plan.ai_watts.value(), 4_000.0, 1e-4);
    assert!(asked.warnings.iter().any(|it| it.contains("the market takes 4.00 kW at the most")));

    let cooled = changed(&[("power_mw = 10", "power_mw = 10\ncooling_mw = 2")]);
    assert!(cooled.plan.by_hour.iter().all(|hour| hour.mining <= Watts::new(2e6 + 10.0)));
    assert!(cooled.plan.limits.iter().any(|it| it.of == "the site's cooling"));
}

#[test]
fn negative_prices_break_even_nowhere() {
    let paid = changed(&[("usd_per_kwh = 0.05, low = 0.04, high = 0.06,", "usd_per_kwh = -0.05,")]);
    let mining = paid.devices[0].mining.as_ref().expect("known");
    assert_eq!((mining.break_even_btc_usd, mining.break_even_difficulty), (None, None));
    assert!(mining.margin_usd_per_kwh > mining.usd_per_kwh);
    assert_eq!(paid.devices[0].map, None);
}
