//! The forms of contracts and of demand response, by hand.

use super::*;
use crate::decision::Money;

const MARKET: &str =
    "market = { fee = { share = 0.2, date = 2026-06-15, source = \"the market\" } }\n";
const DATED: &str = "date = 2026-06-15, source = \"x\" }";

/// The example with some contracts in place of the market, each as the keys of its price.
fn contracts(contracts: &[&str], changes: &[(&str, &str)]) -> Decision {
    let all: Vec<String> = contracts
        .iter()
        .enumerate()
        .map(|(at, keys)| {
            let years = if keys.contains("years") { "" } else { "years = 10, " };
            format!("{{ name = \"T{at}\", {years}signed = false, {keys} }}")
        })
        .collect();
    let contract = format!("contract = [{}]\n", all.join(", "));
    let build = format!("build_out = {{ usd_per_mw = 0, {DATED}\nmonths_to");
    changed(&[&[(MARKET, &*contract), ("months_to", &*build)], changes].concat())
}

/// A rent in dollars for a megawatt and month.
fn rent(dollars: f64) -> String {
    format!("rent = {{ usd_per_mw_month = {dollars}, {DATED}")
}

/// What a kilowatt-hour at the meter earns at the tenant, and what is left of it.
fn hosted(keys: &str) -> (f64, f64) {
    let decision = contracts(&[keys], &[("power_mw = 10", "power_mw = 7")]);
    let hosting = decision.devices[0].hosting.as_ref().expect("a contract");
    (hosting.usd_per_kwh.value(), hosting.margin_usd_per_kwh.value())
}

/// A watt at the meter is 0.8 of a tenant's; operations cost ten cents.
#[test]
fn rent_by_the_month_is_for_all_of_the_power() {
    let (earned, left) = hosted(&format!("{}, mw = 5, tenant_pays_power = true", rent(100_000.0)));
    close(earned, 100_000.0 * 12.0 / 8_760.0 / 1_000.0 * 0.8);
    close(left, earned - 0.1);
}

#[test]
fn what_is_drawn_is_paid_for_and_at_least_what_was_agreed() {
    let with = |take_or_pay: &str, used: f64| {
        hosted(&format!(
            "price = {{ usd_per_kwh = 0.2, {DATED}, {take_or_pay}utilisation = {{ share = {used}, {DATED}, \
             mw = 5, tenant_pays_power = false"
        ))
    };
    // He draws 60 % and pays for 80 %; the site pays for the energy that is drawn.
    let (earned, left) = with("take_or_pay = 0.8, ", 0.6);
    close(earned, 0.2 * 0.8 * 0.8);
    close(left, earned - 0.1 - 0.05 * 0.6);
    close(with("take_or_pay = 0.8, ", 0.9).0, 0.2 * 0.9 * 0.8);
    close(with("", 0.6).0, 0.2 * 0.6 * 0.8);
}

#[test]
fn a_share_of_revenue_comes_besides_the_rent() {
    let shared = format!(
        "revenue_share = {{ share = 0.2, revenue = {{ usd_per_mw_month = 500000, {DATED} }}, \
         utilisation = {{ share = 0.5, {DATED}, mw = 5, tenant_pays_power = true"
    );
    let per_kwh = 12.0 / 8_760.0 / 1_000.0 * 0.8;
    close(hosted(&format!("{}, {shared}", rent(50_000.0))).0, (50_000.0 + 50_000.0) * per_kwh);
    close(hosted(&shared).0, 50_000.0 * per_kwh);
}

#[test]
fn what_rises_each_year_is_worth_its_mean() {
    let keys =
        format!("{}, escalator = 0.1, years = 3, mw = 5, tenant_pays_power = true", rent(1e5));
    close(hosted(&keys).0, 1e5 * 12.0 / 8_760.0 / 1_000.0 * 0.8 * (1.0 + 1.1 + 1.21) / 3.0);
}

/// Of three tenants of 5 MW at the meter two fit: those that pay most; the power of the machines goes to
/// who pays best for it.
#[test]
fn of_several_tenants_the_best_are_served() {
    let tenant = |dollars: f64| format!("{}, mw = 4, tenant_pays_power = true", rent(dollars));
    let rents = [120_000.0, 150_000.0, 140_000.0].map(tenant);
    let decision = contracts(&rents.each_ref().map(|it| &**it), &[]);
    let names: Vec<_> = decision.plan.classes.iter().map(|it| &*it.name).collect();
    assert!(names.contains(&"T1") && names.contains(&"T2") && !names.contains(&"T0"), "{names:?}");
    assert!(decision.plan.left_out.iter().any(|it| it.starts_with("T0: ")));
    // T1 takes spare power, and T2 the rest of it and that of the miners.
    assert_eq!(decision.devices[0].tenant.as_deref(), Some("T2"));
    close(decision.plan.ai_watts.value(), 10e6);
    // 290,000 a month, less operations.
    let expected = 4.0 * 290_000.0 * 12.0 - 0.1 * 1e4 * 8_760.0;
    close_to(decision.plan.profit_usd.value(), expected, 1e-6);
}

/// Of 1,000 miners of 3.5 kW, and 10 MW, a tenant of 7.5 MW takes the power of 286: those who take spare
/// power need nobody's, and a signed one leaves no choice.
#[test]
fn only_so_many_make_way_as_tenants_need() {
    let tenant = |mw: f64| format!("{}, mw = {mw}, tenant_pays_power = true", rent(300_000.0));
    let making_way = |decision: &Decision| decision.devices[0].making_way;
    let some = contracts(&[&tenant(6.0)], &[]);
    let miner = &some.devices[0];
    // Without the eight cards, which take power as well and earn less for it.
    let cards = 8.0 * (700.0 + 250.0) / 0.95;
    let short = 7.5e6 + 3.5e6 + cards - 10e6;
    let freed = f64::from(some.devices[1].making_way) * (cards / 8.0);
    assert_eq!(f64::from(making_way(&some)), ((short - freed) / 3_500.0).ceil());
    assert_eq!(miner.verdict.best, Use::Host);
    let of = |which: Use| miner.uses.iter().find(|it| it.of == which).expect("that use");
    let (host, mine) = (of(Use::Host), of(Use::Mine));
    let count = f64::from(making_way(&some));
    close(
        miner.total.life_usd.value(),
        count * host.life_usd.value() + (1_000.0 - count) * mine.life_usd.value(),
    );
    let spare = contracts(&[&tenant(2.0)], &[]);
    assert!(making_way(&spare) == 0 && spare.devices[0].hosting.is_none());
    assert!(spare.plan.ai_watts > Watts::new(2.4e6), "he is served all the same");
    let signed = with_contract(6.0, true, &[]);
    assert!(making_way(&signed) == 0 && signed.devices[0].hosting.is_none());
    let told = signed.warnings.join("; ");
    assert!(told.contains("and the site has 2.50 MW beside its signed contracts"), "{told}");
}

/// Each begins once there is room for him and for those before him.
#[test]
fn tenants_begin_as_stages_are_ready() {
    let tenant = format!("{}, mw = 4, tenant_pays_power = true", rent(150_000.0));
    let stages =
        "ai_stage = [{ ready = 2026-10-01, mw = 5 }, { ready = 2027-01-01, mw = 10 }]\nmining_pue";
    let decision = contracts(&[&tenant, &tenant], &[("mining_pue", stages)]);
    for hour in &decision.plan.by_hour {
        let expected = match hour.start.to_string() {
            early if *early < *"2026-10-01" => 0.0,
            middle if *middle < *"2027-01-01" => 5e6,
            _ => 10e6,
        };
        assert!((hour.ai.value() - expected).abs() < 1.0, "{hour:?}");
    }
}

/// A market beside a tenant: the cards take what he leaves of the room.
#[test]
fn machines_are_rented_out_beside_a_tenant() {
    let contract = format!(
        "{MARKET}contract = {{ {}, years = 10, mw = 7.996, tenant_pays_power = true, signed = true }}\n",
        rent(150_000.0)
    );
    let build = format!("build_out = {{ usd_per_mw = 0, {DATED}\nmonths_to");
    let decision = changed(&[(MARKET, &contract), ("months_to", &build)]);
    close(decision.plan.ai_watts.value(), 10e6);
    let of = |name: &str| decision.plan.classes.iter().find(|it| it.name == name).expect("planned");
    assert!(of("card").ai_hours > 1.0 && of("the tenant").ai_hours > 8_759.0);
    assert!(decision.plan.money.renting_usd > Usd::ZERO);
}

/// A tenant who draws less than all of his power pays for less energy, and it is not drawn.
#[test]
fn power_that_is_kept_for_a_tenant_is_not_all_drawn() {
    let keys = format!(
        "{}, utilisation = {{ share = 0.5, {DATED}, mw = 8, tenant_pays_power = false",
        rent(150_000.0)
    );
    let decision = contracts(&[&keys], &[]);
    close(decision.plan.ai_watts.value(), 5e6);
    close(decision.plan.money.energy_usd.value(), 5e3 * 8_760.0 * 0.05);
    assert!(decision.plan.mining_watts.value() < 1.0, "nothing else has room");
}

/// A programme in the place of the losses.
fn with_response(response: &str, changes: &[(&str, &str)]) -> Decision {
    let response = format!("loss = 0.0\ndemand_response = {response}");
    changed(&[&[("loss = 0.0", &*response)], changes].concat())
}

/// 7,300 dollars for a megawatt and month are a cent for a kilowatt-hour.
#[test]
fn readiness_is_paid_for_what_mines() {
    let readiness = format!("readiness = {{ usd_per_mw_month = 7300, {DATED}");
    let mined = |decision: &Decision| worth(&decision.devices[0], Use::Mine);
    let without = changed(&[CHEAP]);
    let always = with_response(&format!("{{ {readiness} }}"), &[CHEAP]);
    let cent = 0.01 * 3.5 * 8_760.0;
    close_to(mined(&always) - mined(&without), cent, 1e-6);
    let july = with_response(&format!("{{ {readiness}, months = [7] }}"), &[CHEAP]);
    close_to(mined(&july) - mined(&without), cent * 744.0 / 8_760.0, 1e-6);
    // The plan pays for no more than was agreed.
    let limited = with_response(&format!("{{ {readiness}, most_mw = 1 }}"), &[CHEAP]);
    close_to(limited.plan.money.readiness_usd.value(), 7_300.0 * 12.0, 1e-6);
    let gained = limited.plan.profit_usd - without.plan.profit_usd;
    close_to(gained.value(), 7_300.0 * 12.0, 1e-4);
    let limit = limited.plan.limits.iter().find(|it| it.of == "the 1.00 MW that the grid pays for");
    close_to(
        limit.and_then(|it| it.more_usd_per_megawatt).expect("a limit").value(),
        87_600.0,
        1e-3,
    );
}

/// Two programmes, by months: what is not drawn is paid for as each says.
#[test]
fn credits_are_by_month() {
    let credit = |dollars: f64, month: u8| {
        format!(
            "{{ credit = {{ usd_per_kwh = {dollars}, {DATED}, hours_per_year = 100, months = [{month}] }}"
        )
    };
    let both = format!("[{}, {}]", credit(2.0, 8), credit(3.0, 1));
    let decision = with_response(&both, &[]);
    let miner = &decision.devices[0];
    close(worth(miner, Use::Curtail), (2.0 + 3.0) * 100.0 * 3.5 - 250.0);
    let credits = decision.plan.money.credits_usd.value();
    let cards =
        decision.devices[1].renting.as_ref().map_or(0.0, |it| it.metered_watts.value() * 8.0);
    close_to(credits, (2.0 + 3.0) * 100.0 * (3.5e3 + cards / 1e3), 0.01);
}

/// A credit that is less than mining earns is paid for nothing.
#[test]
fn credits_are_not_paid_for_what_runs() {
    let credit = format!("{{ credit = {{ usd_per_kwh = 0.001, {DATED}, hours_per_year = 876 }}");
    let mined = |decision: &Decision| worth(&decision.devices[0], Use::Mine);
    let (with, without) = (with_response(&credit, &[CHEAP]), changed(&[CHEAP]));
    close(mined(&with), mined(&without));
    assert_eq!(with.plan.money.credits_usd, Usd::ZERO);
}

/// A signed tenant is served before one who is offered, wherever the file has them.
#[test]
fn signed_tenants_come_first() {
    let rich = format!("{}, mw = 6, tenant_pays_power = true", rent(500_000.0));
    let poor = format!("{}, mw = 4, tenant_pays_power = true", rent(90_000.0));
    let decision = contracts(
        &[&rich, &poor],
        &[(
            "name = \"T1\", years = 10, signed = false",
            "name = \"T1\", years = 10, signed = true",
        )],
    );
    let names: Vec<_> = decision.plan.classes.iter().map(|it| &*it.name).collect();
    assert!(names.contains(&"T1") && !names.contains(&"T0"), "{names:?}");
}

#[test]
fn a_programme_has_to_pay_for_something() {
    for (response, expected) in [
        ("{ months = [1] }".to_owned(), "missing credit or readiness"),
        (format!("{{ credit = {{ usd_per_kwh = 1, {DATED} }}"), "hours_per_year: missing"),
        (format!("{{ readiness = {{ usd_per_mw_month = 1, {DATED}, months = [13] }}"), "1 to 12"),
    ] {
        let text =
            text().replace("loss = 0.0", &format!("loss = 0.0\ndemand_response = {response}"));
        let told = site::Site::parse(&text, std::path::Path::new(""), Catalogue::built_in());
        let told = told.expect_err("wrong").iter().map(ToString::to_string).collect::<Vec<_>>();
        assert!(told.iter().any(|it| it.contains(expected)), "{expected}: {told:?}");
    }
}

/// Returns what the lines of income and costs come to.
pub(super) fn sum(money: &Money) -> f64 {
    let income = money.mining_usd
        + money.renting_usd
        + money.tenants_usd
        + money.credits_usd
        + money.readiness_usd;
    let costs = money.energy_usd + money.fees_usd + money.operations_usd + money.conversion_usd;
    (income - costs).value()
}

#[test]
fn every_line_of_money_is_in_the_profit() {
    let keys = format!("{}, mw = 2, tenant_pays_power = false", rent(150_000.0));
    let fee = ("pool_fee = { share = 0,", "pool_fee = { share = 0.03,");
    for decision in [
        decided(&text()),
        changed(&[fee]),
        contracts(&[&keys], &[fee, ("power_mw = 10", "power_mw = 5")]),
        with_response(&format!("{{ readiness = {{ usd_per_mw_month = 7300, {DATED} }}"), &[fee]),
    ] {
        close_to(sum(&decision.plan.money), decision.plan.profit_usd.value(), 1e-9);
    }
    // Three percent of what is mined, and a fifth of the rent.
    let money = changed(&[fee]).plan.money;
    close(
        money.fees_usd.value(),
        0.03 * money.mining_usd.value() + 0.2 * money.renting_usd.value(),
    );
    close(money.renting_usd.value(), 8.0 * 2.5 * 0.7 * 8_760.0);
    // Capital without interest: a quarter of the price each year.
    close(money.capital_usd.value(), (1_000.0 * 1_000.0 + 8.0 * 20_000.0) / 4.0);
}

/// What an owner counts: now, a year, and over four years without interest.
#[test]
fn totals_are_those_of_all_devices() {
    let decision = decided(&text());
    let [miner, card] = &decision.devices[..] else { panic!("two kinds") };
    let of = |device: &DeviceDecision, which: Use| {
        device.uses.iter().find(|it| it.of == which).cloned().expect("that use")
    };
    let mine = of(miner, Use::Mine);
    assert_eq!(mine.now_usd, Usd::ZERO);
    close(mine.cash_usd_per_year.value(), mine.usd_per_year.value() + 250.0);
    close(mine.life_usd.value(), 4.0 * mine.usd_per_year.value());
    assert_eq!(of(miner, Use::Sell).now_usd, Usd::new(1_000.0));
    let rented = of(card, Use::Rent);
    close(rented.now_usd.value(), -625.0);
    // Half a year of four passes before the first rent.
    let renting = card.renting.as_ref().expect("rented");
    let yearly = renting.margin_usd_per_kwh.value() * renting.metered_watts.value() / 1e3 * 8_760.0;
    close(rented.cash_usd_per_year.value(), yearly * 3.5 / 4.0);
    close(rented.life_usd.value(), -625.0 + 3.5 * yearly - 20_000.0);
    close(miner.total.life_usd.value(), 1_000.0 * mine.life_usd.value());
    close(
        decision.total.cash_usd_per_year.value(),
        1_000.0 * mine.cash_usd_per_year.value() + 8.0 * rented.cash_usd_per_year.value(),
    );
    let bought = changed(&[("resale = { usd = 1000,", "price = { usd = 1000,")]);
    close(of(&bought.devices[0], Use::Mine).now_usd.value(), -1_000.0);
    assert_eq!(of(&bought.devices[0], Use::Sell).now_usd, Usd::ZERO);
}

/// At a turning point another use is best, and just before it is not.
#[test]
fn turning_points_turn() {
    let decision = decided(&text());
    let of = |decision: &Decision, input: UncertainInput| {
        let points = &decision.devices[0].turning_points;
        points.iter().find(|it| it.input == input).cloned().expect("a turning point")
    };
    let bitcoin = of(&decision, UncertainInput::BtcPrice);
    assert_eq!((bitcoin.best, bitcoin.times < 1.0), (Use::Sell, true));
    assert!(bitcoin.words.starts_with("a bitcoin below $40,"), "{}", bitcoin.words);
    for (times, best) in [(0.9999, Use::Sell), (1.0001, Use::Mine)] {
        let usd = 64_000.0 * bitcoin.times * times;
        let moved = changed(&[("usd = 64000, low = 48000, high = 80000", &format!("usd = {usd}"))]);
        assert_eq!(moved.devices[0].verdict.best, best, "{usd}");
    }
}

/// A card by its data sheet is fit as the sheet says, is built in as the entry says, and mines nothing.
#[test]
fn cards_are_decided_on_by_their_data_sheets() {
    let score = "score = \"gpu:0\"\n";
    let sheet = |more: &str| changed(&[(score, &format!("model = \"RTX 3090\"\n{more}"))]);
    let memory = "memory = { gib = 141, date = 2026-06-15, source = \"the maker\" }\n";
    let card = |decision: &Decision| decision.devices[1].clone();
    let plain = card(&changed(&[(score, "model = \"RTX 3090\"\n"), (memory, "")]));
    let small = plain.fitness.iter().find(|it| it.class == "inference small").expect("a class");
    assert_eq!(small.fit, Some(true), "{small:?}");
    let large = plain.fitness.iter().find(|it| it.class == "inference large").expect("a class");
    assert_eq!(large.fit, Some(false), "24 GiB");
    assert_eq!(plain.mining, None);
    assert!(plain.no_mining.as_ref().is_some_and(|why| why.contains("no data sheet")));
    let renting = plain.renting.as_ref().expect("rented");
    assert_eq!(renting.basis, Basis::DataSheet);
    // 350 W of the board and 250 W around it through the supply, at a PUE of 1.25.
    close(renting.metered_watts.value(), (350.0 + 250.0) / 0.95 * 1.25);
    assert!(plain.verdict.advice.is_some(), "{:?}", plain.verdict);
    // What its maker throttles is not fit, however much memory and bandwidth it has.
    let mining_card = card(&changed(&[(score, "model = \"CMP 170HX\"\n")]));
    for fitness in &mining_card.fitness {
        let fused = fitness.reasons.iter().find(|it| it.of == fitness::Property::Fma);
        assert!(fused.is_some_and(|it| it.enough == Some(false)), "{fitness:?}");
    }
    // On a riser with one lane it is fit for nothing.
    let link = "host_link = { gb_per_second = 0.25, date = 2026-06-15, source = \"x\" }\n";
    let riser = card(&sheet(link));
    assert!(riser.fitness.iter().all(|it| it.fit == Some(false)), "{:?}", riser.fitness);
    assert!(riser.renting.is_none() && riser.no_renting.is_some());
    // A score overrides the data sheet, but for the memory that it cannot measure.
    let both = changed(&[(score, "score = \"gpu:0\"\nmodel = \"RTX 3090\"\n"), (memory, "")]);
    let scored = decided(&text());
    assert_eq!(card(&both).mining, card(&scored).mining);
    let large = card(&both).fitness.into_iter().find(|it| it.class == "inference large");
    assert_eq!(large.and_then(|it| it.fit), Some(false), "24 GiB by the data sheet");
}

/// The mean of several machines, and their spread.
#[test]
fn several_scores_of_a_model_are_one_kind() {
    let mut records = vec![records().remove(0), records().remove(0)];
    records[1].0 = "score-2.json".to_owned();
    for energy in records[1].1.rows.iter_mut().filter_map(|row| row.energy.as_mut()) {
        energy.gross = energy.gross * 1.5;
    }
    let text = text()
        .replace("count = 8\n", "")
        .replace("score = \"gpu:0\"", "score = \"gpu:0\"\nfile = \"score*.json\"");
    let decision = decide(&site(&text), &records, &options()).expect("a decision");
    let card = &decision.devices[1];
    assert_eq!(card.count, 2);
    let one = decided(&super::text()).devices[1].renting.as_ref().expect("rented").metered_watts;
    let energy = |times: f64| (700.0 * times + 250.0) / 0.95 * 1.25;
    close(one.value(), energy(1.0));
    let both = card.renting.as_ref().expect("rented").metered_watts.value();
    close(both, f64::midpoint(energy(1.0), energy(1.5)));
    let known = decision.known.join("; ");
    assert!(!known.contains("(±1.2 %)"), "the spread is larger: {known}");
}

/// Half of the miners have power beside a signed tenant: the others are sold.
#[test]
fn machines_without_power_are_sold() {
    let signed = with_contract(6.6, true, &[]);
    let miner = &signed.devices[0];
    // Of 10 MW the tenant takes 8.25.
    assert_eq!((miner.verdict.best, miner.without_power), (Use::Mine, 500));
    let of = |which: Use| miner.uses.iter().find(|it| it.of == which).expect("that use");
    close(miner.total.life_usd.value(), 500.0 * of(Use::Mine).life_usd.value());
    close(miner.total.now_usd.value(), 500.0 * 1_000.0);
    assert_eq!(decided(&text()).devices[0].without_power, 0);
}
