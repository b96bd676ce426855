//! The plan of a year for a site of 1,000 machines of 20 kinds, every hour of it different.
//!
//! `cargo bench --bench plan`: the requirement is less than 30 s for each on two
//! cores.

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use perjoule::decision::plan::{
    CapacityStage, Class, DemandResponse, HourPrices, Operation, Problem, SiteLimits,
};
use perjoule::units::{Joules, Usd, UsdPerHour, UsdPerKwh, Watts};

const HOURS: usize = 8760;
const KINDS: usize = 20;
const EACH: f64 = 50.0;

/// Numbers from 0 to 1 that look random and are the same every time.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn between(&mut self, least: f64, most: f64) -> f64 {
        least + (most - least) * self.next()
    }
}

/// Miners that earn 3 to 9 cents for a kilowatt-hour, and places for AI that earn up to 35; tariffs
/// that go up and down with the day, and leap in one hour of a hundred.
fn year(ramp: Option<f64>) -> Problem {
    let mut draws = Draws(0x9e37_79b9_7f4a_7c15);
    let classes: Vec<Class> = (0..KINDS)
        .map(|kind| {
            let (mining, ai) = (draws.between(3e3, 6e3), draws.between(1e3, 9e3));
            let earned = draws.between(0.05, 0.35);
            Class {
                name: format!("kind {kind}"),
                count: EACH,
                mining: Some(Operation {
                    power: Watts::new(mining),
                    heat: Watts::new(mining * 0.95),
                    revenue: UsdPerHour::new(mining / 1e3 * draws.between(0.03, 0.09)),
                }),
                mining_after_halving: None,
                ai: Some(Operation {
                    power: Watts::new(ai),
                    heat: Watts::new(ai * draws.between(0.85, 0.98)),
                    revenue: UsdPerHour::new(ai / 1e3 * earned),
                }),
                conversion: Usd::new(ai / 1e3 * earned * 8760.0 * draws.between(0.0, 0.5)),
            }
        })
        .collect();
    let most = |class: &Class| {
        [class.mining, class.ai].iter().flatten().map(|of| of.power.value()).fold(0.0, f64::max)
    };
    let all: f64 = classes.iter().map(|class| class.count * most(class)).sum();
    let hours = (0..HOURS)
        .map(|hour| {
            let day = (hour as f64 / 24.0 * std::f64::consts::TAU).sin();
            let leap = if draws.next() < 0.01 { draws.between(0.1, 1.0) } else { 0.0 };
            HourPrices {
                tariff: UsdPerKwh::new(0.045 + 0.02 * day + draws.between(-0.015, 0.015) + leap),
                credit: UsdPerKwh::new(if hour % 50 < 3 { draws.between(0.01, 0.2) } else { 0.0 }),
                demand: Some(Watts::new(all * draws.between(0.2, 0.3))),
                most_credited: Some(Watts::new(0.5 * all)),
                tenants: Watts::new(if hour < 1000 { 0.0 } else { 0.05 * all }),
                ..HourPrices::default()
            }
        })
        .collect();
    Problem {
        site: SiteLimits {
            power: Watts::new(0.7 * all),
            cooling: Some(Watts::new(0.65 * all)),
            ramp: ramp.map(|share| Watts::new(share * all)),
            response: Some(DemandResponse {
                baseline: Watts::new(0.7 * all),
                most_energy: Some(Joules::new(all * 100.0 * 3600.0)),
            }),
        },
        hours,
        classes,
        stages: vec![
            CapacityStage { from: 0, capacity: Watts::new(0.1 * all) },
            CapacityStage { from: 2920, capacity: Watts::new(0.25 * all) },
        ],
    }
}

fn plans(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("1,000 machines of 20 kinds, 8,760 hours");
    group.sample_size(10).warm_up_time(Duration::from_millis(1));
    for (name, ramp) in
        [("no ramp", None), ("20 % an hour", Some(0.2)), ("5 % an hour", Some(0.05))]
    {
        let problem = year(ramp);
        group.bench_function(name, |bencher| bencher.iter(|| problem.plan().expect("a plan")));
    }
    group.finish();
}

criterion_group!(benches, plans);
criterion_main!(benches);
