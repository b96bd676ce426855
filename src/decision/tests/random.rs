//! What has to hold for all sites, on random ones.

use proptest::prelude::*;

use super::contracts::sum;
use super::*;
use crate::decision::site::{Hardware, Site};

/// A site of random numbers: three kinds of miners, up to three tenants, and what the grid pays for.
#[derive(Clone, Debug)]
struct Random {
    power: f64,
    tariff: f64,
    btc: f64,
    height: u32,
    miners: Vec<(f64, f64, u32)>,
    tenants: Vec<(f64, f64, bool)>,
    readiness: Option<(f64, f64)>,
}

fn random() -> impl Strategy<Value = Random> {
    let miner = (50.0..300.0_f64, 2.0..6.0_f64, 1..900_u32);
    let tenant = (0.1..3.0_f64, 20e3..200e3_f64, any::<bool>());
    (
        1.0..8.0_f64,
        0.01..0.12_f64,
        20e3..200e3_f64,
        850_000..1_049_999_u32,
        prop::collection::vec(miner, 3),
        prop::collection::vec(tenant, 0..=3),
        prop::option::of((1e3..2e4_f64, 0.1..2.0_f64)),
    )
        .prop_map(|(power, tariff, btc, height, miners, tenants, readiness)| Random {
            power,
            tariff,
            btc,
            height,
            miners,
            tenants,
            readiness,
        })
}

impl Random {
    fn text(&self) -> String {
        use std::fmt::Write as _;
        let q = |what: String| format!("{{ {what}, date = 2026-07-01, source = \"x\" }}");
        let mut text = format!(
            "name = \"random\"\n[power]\ntariff = {}\nloss = 0\n",
            q(format!("usd_per_kwh = {}", self.tariff))
        );
        if let Some((dollars, most)) = self.readiness {
            let readiness = q(format!("usd_per_mw_month = {dollars}"));
            let _ =
                writeln!(text, "demand_response = {{ readiness = {readiness}, most_mw = {most} }}");
        }
        let _ = writeln!(
            text,
            "[site]\npower_mw = {}\nmining_pue = 1.1\nmining_operations = {}\nai_pue = 1.25\nai_operations = {}",
            self.power,
            q("usd_per_mw_year = 8760".into()),
            q("usd_per_mw_year = 8760".into())
        );
        let _ = writeln!(
            text,
            "[mining]\nbtc_price = {}\ndifficulty = {}\nheight = {}\nfees = {}\npool_fee = {}\n[ai]",
            q(format!("usd = {}", self.btc)),
            q("number = 100e12".into()),
            self.height,
            q("btc_per_block = 0.02".into()),
            q("share = 0.02".into())
        );
        let tenant = |(at, (mw, rent, pays)): (usize, &(f64, f64, bool))| {
            format!(
                "{{ name = \"T{at}\", rent = {}, years = 10, mw = {mw}, tenant_pays_power = {pays}, signed = false, \
                 build_out = {} }}",
                q(format!("usd_per_mw_month = {rent}")),
                q("usd_per_mw = 1e6".into())
            )
        };
        // A tenant who never fits is a mistake of the file.
        let fits = |it: &&(f64, f64, bool)| it.0 * 1.25 <= self.power;
        let tenants = self.tenants.iter().enumerate().filter(|(_, it)| fits(it));
        let tenants: Vec<_> = tenants.map(tenant).collect();
        if !tenants.is_empty() {
            let _ = writeln!(text, "contract = [{}]", tenants.join(", "));
        }
        text.push_str("[capital]\nmonths_to_convert = 6\nlife_years = 4\nsalvage = 0.1\ndiscount_rate = 0.08\n");
        for (at, (rate, kilowatts, count)) in self.miners.iter().enumerate() {
            let _ = writeln!(
                text,
                "[[device]]\nname = \"M{at}\"\ncount = {count}\ndata_sheet = {}\nresale = {}",
                q(format!("terahash_per_second = {rate}, watts = {}", kilowatts * 1e3)),
                q("usd = 0".into())
            );
        }
        text
    }

    fn decided(&self) -> Decision {
        decide_site(&site(&self.text()))
    }

    /// What the best plan earns: the best of all choices of tenants, with the miners that earn most for a
    /// watt in what is left, by hour before and after the halving.
    fn brute(&self, decision: &Decision) -> f64 {
        let hours = 8_760.0;
        let blocks = 210_000 - self.height % 210_000;
        let before = f64::ceil(f64::from(blocks) / 6.0).min(hours);
        let per_hash = |halvings: i32| {
            let subsidy = 3.125 * 0.5_f64.powi(halvings);
            self.btc * (subsidy + 0.02) * 0.98 / (100e12 * 4_294_967_296.0)
        };
        // Dollars an hour for a watt of each kind, and its watts.
        let kinds = |halvings: i32| {
            let kind = |(rate, kilowatts, count): &(f64, f64, u32)| {
                let metered = kilowatts * 1e3 * 1.1;
                let revenue = rate * 1e12 * 3_600.0 * per_hash(halvings);
                let cost = metered / 1e3 * (self.tariff + 0.001);
                ((revenue - cost) / metered, metered * f64::from(*count))
            };
            let mut kinds: Vec<_> = self.miners.iter().map(kind).collect();
            kinds.sort_by(|a, b| b.0.total_cmp(&a.0));
            kinds
        };
        // What is ready earns a price more, up to its limit: the first watts of all that mine.
        let mined = |halvings: i32, power: f64| {
            let (price, most) = self
                .readiness
                .map_or((0.0, 0.0), |(monthly, most)| (monthly * 12.0 / hours / 1e6, most * 1e6));
            let (mut left, mut ready, mut earned) = (power, most, 0.0);
            for (margin, watts) in kinds(halvings) {
                let paid = watts.min(left).min(ready);
                if margin + price > 0.0 {
                    earned += paid * (margin + price);
                    left -= paid;
                    ready -= paid;
                    let rest = (watts - paid).min(left);
                    if margin > 0.0 {
                        earned += rest * margin;
                        left -= rest;
                    }
                }
            }
            earned
        };
        let fits: Vec<_> = self.tenants.iter().filter(|it| it.0 * 1.25 <= self.power).collect();
        let mut best = f64::NEG_INFINITY;
        for choice in 0..1_usize << fits.len() {
            let chosen: Vec<_> = (0..fits.len()).filter(|at| choice >> at & 1 == 1).collect();
            let taken: f64 = chosen.iter().map(|&at| fits[at].0 * 1.25e6).sum();
            if taken > self.power * 1e6 {
                continue;
            }
            let rents: f64 = chosen
                .iter()
                .map(|&at| {
                    let (mw, rent, pays) = *fits[at];
                    let energy = if pays { 0.0 } else { self.tariff };
                    let annuity = 0.08 / (1.0 - 1.08_f64.powf(-10.0));
                    mw * rent * 12.0
                        - mw * 1.25e3 * hours * (0.001 + energy)
                        - mw * 1e6 * annuity / (1.0 - 0.05)
                })
                .sum();
            let left = self.power * 1e6 - taken;
            let all = rents + before * mined(0, left) + (hours - before) * mined(1, left);
            best = best.max(all);
        }
        assert!(decision.plan.hours == 8_760);
        best
    }
}

fn decide_site(site: &Site) -> Decision {
    let options =
        Options { draws: 1, ..Options::at("2026-07-01T00:00:00Z".parse().expect("a time")) };
    decide(site, &[], &options).expect("a decision")
}

/// Returns the plan alone, which is a small part of the time of a decision.
fn planned(site: &Site) -> Schedule {
    let now = "2026-07-01T00:00:00Z".parse().expect("a time");
    // Two days are planned like a year, and are less to write down.
    let hours = &site.power.tariff.hours(now)[..48];
    let programmes = grid::programmes(site, hours);
    let prices = hours.iter().map(|hour| hour.price).zip(programmes.iter().copied());
    let curve = Curve::new(prices).expect("hours");
    let thresholds = fitness::Thresholds::default();
    let candidates = join::candidates(&site.devices, &[], &thresholds).expect("data sheets");
    let uses = vec![planner::PlannedUses { is_there: true, is_rented: false }; candidates.len()];
    let planner = planner::Planner {
        curve: &curve,
        outlook: &decide::outlook(site, now),
        hours,
        programmes: &programmes,
        candidates: &candidates,
        uses: &uses,
    };
    schedule::schedule(&planner, site).expect("a plan")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn plans_are_those_of_brute_force(random in random()) {
        let decision = random.decided();
        let (found, best) = (decision.plan.profit_usd.value(), random.brute(&decision));
        let turnover = decision.plan.money.mining_usd.value() + decision.plan.money.tenants_usd.value();
        prop_assert!((found - best).abs() <= 2e-5 * turnover + 2.0, "{found}, brute force {best}");
        prop_assert!((sum(&decision.plan.money) - found).abs() <= 1e-6 * turnover + 1.0);
    }

    /// Twice the fleet and twice the limits earn twice the money, and no verdict changes.
    #[test]
    fn twice_of_all_earns_twice(random in random()) {
        let mut twice = random.clone();
        twice.power *= 2.0;
        twice.miners.iter_mut().for_each(|it| it.2 *= 2);
        twice.tenants.iter_mut().for_each(|it| it.0 *= 2.0);
        twice.readiness = twice.readiness.map(|(price, most)| (price, most * 2.0));
        let (once, twice) = (random.decided(), twice.decided());
        let (a, b) = (once.plan.profit_usd.value(), twice.plan.profit_usd.value());
        prop_assert!((b - 2.0 * a).abs() <= 1e-5 * b.abs() + 2.0, "{a} {b}");
        // Who makes way for a tenant is counted in whole devices.
        let one = |decision: &Decision| -> f64 {
            let uses = decision.devices.iter().flat_map(|it| &it.uses);
            uses.map(|it| it.life_usd.value().abs()).sum()
        };
        let (a, b) = (once.total.life_usd.value(), twice.total.life_usd.value());
        prop_assert!((b - 2.0 * a).abs() <= 1e-9 * b.abs() + 2.0 * one(&once), "{a} {b}");
        for (a, b) in once.devices.iter().zip(&twice.devices) {
            prop_assert_eq!(&a.uses, &b.uses);
            // What there is no power for is counted in whole devices.
            if a.without_power == 0 && b.without_power == 0 {
                prop_assert_eq!(a.verdict.best, b.verdict.best);
            }
        }
    }

    /// A dearer bitcoin and cheaper power never earn less; hardware that is worth more is not mined with
    /// instead of sold.
    #[test]
    fn better_prices_never_earn_less(random in random(), more in 1.01..2.0_f64) {
        let now = random.decided();
        let dearer = Random { btc: random.btc * more, ..random.clone() }.decided();
        let cheaper = Random { tariff: random.tariff / more, ..random.clone() }.decided();
        let little = 1e-6 * now.plan.money.mining_usd.value().abs() + 1.0;
        for better in [&dearer, &cheaper] {
            prop_assert!(better.plan.profit_usd.value() >= now.plan.profit_usd.value() - little);
            for (a, b) in now.devices.iter().zip(&better.devices) {
                prop_assert!(worth(b, Use::Mine) >= worth(a, Use::Mine) - 1e-9);
            }
        }
        let with_worth = |usd: f64| {
            let mut site = site(&random.text());
            for device in &mut site.devices {
                let (Hardware::Owned(worth) | Hardware::ToBuy(worth)) = &mut device.hardware;
                worth.value = Usd::new(usd);
            }
            decide_site(&site)
        };
        for (a, b) in with_worth(500.0).devices.iter().zip(&with_worth(500.0 * more).devices) {
            prop_assert!(a.verdict.best != Use::Sell || b.verdict.best != Use::Mine);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    /// What a megawatt of a limit is worth is what a site with more of it earns more, decided on anew
    /// from its file; more of the site's power is worth something, and never more than the last of it.
    #[test]
    fn limits_are_worth_what_more_of_them_earns(random in random()) {
        let planned = |random: &Random| planned(&site(&random.text()));
        let now = planned(&random);
        let step = (random.power / 100.0).min(1.0);
        let limit = now.limits.iter().find(|it| it.of == "the site's power");
        let served = |plan: &Schedule| {
            let tenants = plan.classes.iter().filter(|it| it.name.starts_with('T'));
            tenants.map(|it| it.name.clone()).collect::<Vec<_>>()
        };
        let more = planned(&Random { power: random.power + step, ..random.clone() });
        if served(&more) != served(&now) {
            return Ok(());
        }
        let gained = (more.profit_usd - now.profit_usd).value() / step;
        let told = limit.and_then(|it| it.more_usd_per_megawatt).map_or(0.0, Usd::value);
        let turnover = now.money.mining_usd.value() + now.money.tenants_usd.value();
        // Two plans may each be a millionth of the turnover short.
        let little = 4e-6 * turnover / step + 4.0;
        prop_assert!((gained - told).abs() <= little, "{gained}, told {told}");
        prop_assert!(told >= -little);
        if let Some(less) = limit.and_then(|it| it.less_usd_per_megawatt) {
            prop_assert!(less.value() >= told - little, "{less} of the last, {told} of one more");
        }
    }
}
