//! Plans against all corners of small programs, against each other, and by hand.

use proptest::prelude::*;

use super::rounds::{self, Effort};
use super::*;
use crate::units::{Joules, Usd, UsdPerHour, UsdPerKwh, Watts};

const KW: f64 = 1e3;

fn kw(kilowatts: f64) -> Watts {
    Watts::new(kilowatts * KW)
}

/// An operation with as much heat as power.
fn using(kilowatts: f64, dollars: f64) -> Operation {
    let power = kw(kilowatts);
    Operation { power, heat: power, revenue: UsdPerHour::new(dollars) }
}

/// A class whose conversion is free.
fn class(
    name: &str,
    count: f64,
    mining: impl Into<Option<Operation>>,
    ai: impl Into<Option<Operation>>,
) -> Class {
    let (mining, ai) = (mining.into(), ai.into());
    Class {
        name: name.to_owned(),
        count,
        mining,
        mining_after_halving: None,
        ai,
        conversion: Usd::ZERO,
    }
}

fn hour(tariff: f64) -> HourPrices {
    HourPrices { tariff: UsdPerKwh::new(tariff), ..HourPrices::default() }
}

fn site(kilowatts: f64) -> SiteLimits {
    SiteLimits { power: kw(kilowatts), ..SiteLimits::default() }
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-5 * (1.0 + a.abs().max(b.abs()))
}

/// Ten miners of 1 kW that earn $2 an hour, in a site that has room for all of them.
fn miners(tariffs: &[f64]) -> Problem {
    Problem {
        site: site(10.0),
        hours: tariffs.iter().map(|&tariff| hour(tariff)).collect(),
        classes: vec![class("miner", 10.0, using(1.0, 2.0), None)],
        stages: Vec::new(),
    }
}

mod by_hand {
    use super::*;

    #[test]
    fn miners_rest_while_energy_costs_more_than_they_earn() {
        let plan = miners(&[1.0, 3.0, -1.0]).plan().expect("a plan");
        assert!(close(plan.objective.value(), 10.0 + 30.0));
        let draws: Vec<_> = plan.hours.iter().map(|hour| hour.draw().value().round()).collect();
        assert_eq!(draws, [10e3, 0.0, 10e3]);
        assert!(close(plan.hours[1].curtailed.value(), 10e3));
        assert!(close(plan.hours[0].curtailed.value(), 0.0));
        assert!(close(plan.money.energy.value(), 0.0));
        let summary = plan.summary();
        assert_eq!(summary.hours_curtailed, 1);
        assert!(close(summary.energy.value(), 20.0 * 3.6e6));
        assert!(summary.ai_share.abs() < 1e-9);
    }

    #[test]
    fn nothing_pays_and_nothing_is_there() {
        let plan = miners(&[2.5; 3]).plan().expect("a plan");
        assert!(plan.objective.value().abs() < 1e-6, "{}", plan.objective);
        let mut none = miners(&[1.0; 25]);
        none.classes[0].count = 0.0;
        assert_eq!(none.plan().expect("a plan").objective, Usd::ZERO);
        none.classes.clear();
        let plan = none.plan().expect("a plan");
        assert_eq!(plan.hours.len(), 25);
    }

    #[test]
    fn zero_revenue_is_worth_what_energy_is_not() {
        let mut problem = miners(&[0.5, -0.5]);
        problem.classes[0].mining = Some(using(1.0, 0.0));
        let plan = problem.plan().expect("a plan");
        assert!(close(plan.objective.value(), 5.0));
        assert!(close(plan.money.energy.value(), -5.0));
    }

    #[test]
    fn days_have_as_many_hours_as_they_have() {
        for hours in [1, 23, 24, 25] {
            let plan = miners(&vec![1.0; hours]).plan().expect("a plan");
            assert_eq!(plan.hours.len(), hours);
            assert!(close(plan.objective.value(), 10.0 * hours as f64), "{hours}");
            assert!(close(plan.classes[0].mining_hours, 10.0 * hours as f64), "{hours}");
        }
    }

    /// AI earns $5 and mining $2 for a kilowatt-hour; 3 of 10 kW are asked for as AI.
    #[test]
    fn a_hybrid_is_an_outcome() {
        let mut problem = miners(&[1.0; 24]);
        problem.classes = vec![class("both", 10.0, using(1.0, 2.0), using(1.0, 5.0))];
        problem.classes[0].conversion = Usd::new(12.0);
        problem.hours.iter_mut().for_each(|hour| hour.demand = Some(kw(3.0)));
        let plan = problem.plan().expect("a plan");
        assert!(close(plan.classes[0].converted, 3.0));
        assert!(close(plan.summary().ai_share, 0.3));
        assert!(close(plan.objective.value(), 24.0 * (7.0 + 12.0) - 36.0));
        assert!(close(plan.money.conversion.value(), 36.0));
        // The conversion costs more than AI earns more than mining.
        problem.classes[0].conversion = Usd::new(73.0);
        let plan = problem.plan().expect("a plan");
        assert!(plan.classes[0].converted < 1e-6);
    }

    #[test]
    fn ai_draws_what_stages_allow() {
        let mut problem = miners(&[1.0; 4]);
        problem.classes.push(class("card", 8.0, None, using(1.0, 5.0)));
        problem.stages = vec![
            CapacityStage { from: 1, capacity: kw(2.0) },
            CapacityStage { from: 3, capacity: kw(20.0) },
        ];
        let ai = |plan: &SitePlan| -> Vec<_> {
            plan.hours.iter().map(|hour| (hour.ai.value() / KW).round()).collect()
        };
        let plan = problem.plan().expect("a plan");
        assert_eq!(ai(&plan), [0.0, 2.0, 2.0, 8.0]);
        // A tenant takes a part of every stage.
        problem.hours[2].tenants = kw(1.5);
        problem.hours[3].tenants = kw(9.0);
        let plan = problem.plan().expect("a plan");
        let cards: Vec<_> = plan.hours.iter().map(|hour| hour.ai.value() / KW).collect();
        assert!(close(cards[2], 0.5) && close(cards[3], 1.0), "{cards:?}");
        assert!(close(plan.summary().ai.value(), (2.0 + 2.0 + 10.0) / 4.0 * KW));
    }

    #[test]
    fn hours_without_demand_have_no_ai() {
        let mut problem = miners(&[1.0; 2]);
        problem.classes = vec![class("card", 4.0, None, using(1.0, 5.0))];
        problem.hours[0].demand = Some(Watts::ZERO);
        let plan = problem.plan().expect("a plan");
        assert_eq!(plan.hours[0].ai, Watts::ZERO);
        assert!(close(plan.hours[1].ai.value(), 4e3));
    }

    /// 10 kW of miners that earn $1 for a kilowatt-hour; 2 kW are the tenant's from hour 1 on, and at
    /// the end all of it.
    #[test]
    fn tenants_leave_the_rest() {
        let mut problem = miners(&[1.0; 4]);
        problem.hours[1].tenants = kw(2.0);
        problem.hours[2].tenants = kw(2.0);
        problem.hours[2].tenants_heat = kw(4.0);
        problem.site.cooling = Some(kw(10.0));
        problem.hours[3].tenants = kw(10.0);
        let plan = problem.plan().expect("a plan");
        assert!(close(plan.objective.value(), 10.0 + 8.0 + 6.0), "{}", plan.objective);
        assert!(close(plan.hours[1].draw().value(), 10e3));
        assert!(close(plan.hours[1].curtailed.value(), 0.0));
        assert!(close(plan.hours[2].draw().value(), 8e3));
        assert!(close(plan.hours[3].mining.value(), 0.0));
    }

    /// What mines is paid $0.50 for its readiness, 4 kW of it at the most: they mine at a tariff at
    /// which the others rest.
    #[test]
    fn what_is_ready_to_be_switched_off_is_paid_for() {
        let mut problem = miners(&[1.0, 2.25]);
        for hour in &mut problem.hours {
            hour.readiness = UsdPerKwh::new(0.5);
            hour.most_ready = Some(kw(4.0));
        }
        let plan = problem.plan().expect("a plan");
        assert!(close(plan.objective.value(), 10.0 + 2.0 + 4.0 * 0.25), "{}", plan.objective);
        assert!(close(plan.money.readiness.value(), 4.0));
        assert!(close(plan.hours[1].mining.value(), 4e3));
        // Nothing would run but for its readiness.
        let mut alone = problem.clone();
        alone.hours.remove(0);
        let plan = alone.plan().expect("a plan");
        assert!(close(plan.objective.value(), 4.0 * 0.25), "{}", plan.objective);
        problem.hours.iter_mut().for_each(|hour| hour.most_ready = None);
        let plan = problem.plan().expect("a plan");
        assert!(close(plan.objective.value(), 10.0 + 5.0 + 2.5), "{}", plan.objective);
    }

    /// Two hours of $3 in a row; the draw can change by 4 of 10 kW. Going all the way down and up
    /// costs more than it saves.
    #[test]
    fn ramps_are_looked_ahead_to() {
        let mut problem = miners(&[1.0, 3.0, 3.0, 1.0]);
        problem.site.ramp = Some(kw(4.0));
        let plan = problem.plan().expect("a plan");
        let draws: Vec<_> = plan.hours.iter().map(|hour| hour.draw().value() / KW).collect();
        for pair in draws.windows(2) {
            assert!((pair[1] - pair[0]).abs() < 4.0 + 1e-5, "{draws:?}");
        }
        assert!(close(plan.objective.value(), 8.0), "{}", plan.objective);
        // A tenant who comes in the second hour changes the draw too.
        problem.site.ramp = Some(kw(1.0));
        problem.hours.iter_mut().skip(1).for_each(|hour| hour.tenants = kw(3.0));
        let plan = problem.plan().expect("a plan");
        let draws: Vec<_> = plan.hours.iter().map(|hour| hour.draw().value() / KW).collect();
        assert!(close(draws[1] - draws[0], 1.0) || draws[1] - draws[0] < 1.0, "{draws:?}");
        assert!(draws.windows(2).all(|two| (two[1] - two[0]).abs() < 1.0 + 1e-5), "{draws:?}");
    }

    /// The second hour pays $2.50 for what is not drawn below 6 of 10 kW; drawing earns $1.
    #[test]
    fn the_grid_pays_for_resting() {
        let mut problem = miners(&[1.0, 1.0]);
        problem.hours[1].credit = UsdPerKwh::new(2.5);
        let mut response = DemandResponse { baseline: kw(6.0), most_energy: None };
        problem.site.response = Some(response);
        let plan = problem.plan().expect("a plan");
        assert!(close(plan.objective.value(), 10.0 + 15.0));
        assert!(close(plan.hours[1].credited.value(), 6e3));
        response.most_energy = Some(Joules::new(3.6e6 * 4.0));
        problem.site.response = Some(response);
        let plan = problem.plan().expect("a plan");
        assert!(close(plan.objective.value(), 10.0 + 10.0 + 2.0));
        problem.hours[1].most_credited = Some(kw(1.0));
        let plan = problem.plan().expect("a plan");
        assert!(close(plan.objective.value(), 10.0 + 2.5 + 5.0));
        // Of 6 kW a tenant takes 2, whom nobody pays for resting.
        problem.hours[1].most_credited = None;
        problem.site.response = Some(DemandResponse { most_energy: None, ..response });
        problem.hours[1].tenants = kw(2.0);
        let plan = problem.plan().expect("a plan");
        assert!(close(plan.objective.value(), 10.0 + 10.0), "{}", plan.objective);
    }

    #[test]
    fn nobody_is_paid_for_machines_that_are_not_there() {
        let mut problem = miners(&[3.0]);
        problem.site.power = kw(100.0);
        problem.hours[0].credit = UsdPerKwh::new(1.0);
        problem.site.response = Some(DemandResponse { baseline: kw(90.0), most_energy: None });
        assert!(close(problem.plan().expect("a plan").objective.value(), 10.0));
    }

    #[test]
    fn cooling_is_a_limit_of_its_own() {
        let mut problem = miners(&[1.0]);
        problem.site.cooling = Some(kw(5.0));
        let plan = problem.plan().expect("a plan");
        assert!(close(plan.objective.value(), 5.0));
        // What is not cooled could not be drawn.
        assert!(plan.hours[0].curtailed.value() < 1.0);
    }

    /// A year of one tariff is one slot, and as quickly planned as an hour.
    #[test]
    fn equal_hours_are_planned_once() {
        let plan = miners(&vec![1.0; 8760]).plan().expect("a plan");
        assert!(close(plan.objective.value(), 87_600.0));
        assert_eq!(plan.hours.len(), 8760);
    }
}

mod errors {
    use super::*;

    fn message(problem: &Problem) -> String {
        problem.plan().expect_err("no plan").to_string()
    }

    #[test]
    fn tenants_name_what_contradicts_them() {
        let mut problem = miners(&[1.0; 4]);
        problem.hours[1].tenants = kw(20.0);
        let expected = "the tenants take 20.0 kW in hour 1, but the site's power allows 10.0 kW";
        assert_eq!(message(&problem), expected);
        problem.hours[1].tenants = kw(5.0);
        problem.stages = vec![CapacityStage { from: 2, capacity: kw(6.0) }];
        assert!(message(&problem).contains("stages allows 0 W"), "{}", message(&problem));
        problem.stages.clear();
        problem.site.cooling = Some(kw(4.0));
        assert!(problem.plan().is_ok());
        problem.hours[1].tenants_heat = kw(5.0);
        assert!(message(&problem).contains("the site's cooling allows 4.00 kW"));
    }

    /// Nothing mines in hour 0 that could make room for 5 kW in hour 1.
    #[test]
    fn a_tenant_and_a_ramp_can_contradict() {
        let mut problem = miners(&[1.0; 3]);
        problem.classes[0].count = 0.0;
        problem.hours.iter_mut().skip(1).for_each(|hour| hour.tenants = kw(5.0));
        problem.site.ramp = Some(kw(4.0));
        let message = message(&problem);
        assert!(
            message.contains("changes by 5.00 kW in an hour, and the ramp allows 4.00 kW"),
            "{message}"
        );
        problem.classes[0].count = 1.0;
        assert!(problem.plan().is_ok());
    }

    #[test]
    fn numbers_out_of_range_are_named() {
        let mut problem = miners(&[]);
        assert_eq!(message(&problem), "a plan needs at least one hour");
        problem.hours = vec![hour(1.0), hour(f64::NAN)];
        assert!(message(&problem).starts_with("the tariff of hour 1 is NaN: expected a number"));
        problem.hours.pop();
        let mut broken = problem.clone();
        broken.classes[0].count = -1.0;
        assert!(message(&broken).starts_with("the count of miner is -1: expected zero or"));
        let mut broken = problem.clone();
        broken.site.power = Watts::ZERO;
        assert!(message(&broken).starts_with("the site's power is 0: expected a positive"));
        let mut broken = problem.clone();
        broken.site.ramp = Some(Watts::new(f64::INFINITY));
        assert!(message(&broken).starts_with("the site's ramp is inf"));
        let mut broken = problem.clone();
        broken.stages = vec![CapacityStage { from: 1, capacity: kw(1.0) }; 2];
        assert!(message(&broken).starts_with("stage 1 of AI capacity begins at hour 1"));
        let mut broken = problem;
        broken.classes[0].conversion = Usd::new(f64::NAN);
        assert!(message(&broken).starts_with("the conversion of miner is NaN"));
    }
}

/// The best of all corners of a linear program, which has its best plan in one of them.
mod corners {
    use super::*;

    /// Sums that are at most a number.
    struct Corners {
        gains: Vec<f64>,
        rows: Vec<(Vec<f64>, f64)>,
    }

    impl Corners {
        fn at_most(&mut self, terms: &[(usize, f64)], most: f64) {
            let mut row = vec![0.0; self.gains.len()];
            for &(at, by) in terms {
                row[at] += by;
            }
            self.rows.push((row, most));
        }

        fn best(&self) -> Option<f64> {
            let mut best = None;
            self.meet(0, &mut Vec::new(), &mut best);
            best
        }

        /// Takes more rows as equations, those after `from`, to those that are reduced already.
        fn meet(&self, from: usize, met: &mut Vec<(usize, Vec<f64>, f64)>, best: &mut Option<f64>) {
            if met.len() == self.gains.len() {
                let mut at = vec![0.0; self.gains.len()];
                for (pivot, row, most) in met.iter().rev() {
                    let others: f64 =
                        (0..at.len()).filter(|i| i != pivot).map(|i| row[i] * at[i]).sum();
                    at[*pivot] = (most - others) / row[*pivot];
                }
                let dot = |row: &[f64]| row.iter().zip(&at).map(|(a, b)| a * b).sum::<f64>();
                if self.rows.iter().all(|(row, most)| dot(row) <= most + 1e-7) {
                    *best = Some(best.unwrap_or(f64::NEG_INFINITY).max(dot(&self.gains)));
                }
                return;
            }
            for next in from..self.rows.len() {
                let (mut row, mut most) = self.rows[next].clone();
                for (pivot, of, limit) in met.iter() {
                    let by = row[*pivot] / of[*pivot];
                    row.iter_mut().zip(of).for_each(|(a, b)| *a -= by * b);
                    row[*pivot] = 0.0;
                    most -= by * limit;
                }
                let pivot = (0..row.len()).max_by(|&a, &b| row[a].abs().total_cmp(&row[b].abs()));
                let Some(pivot) = pivot.filter(|&pivot| row[pivot].abs() > 1e-9) else { continue };
                met.push((pivot, row, most));
                self.meet(next + 1, met, best);
                met.pop();
            }
        }
    }

    /// What the best plan earns, from the words of [`Problem`] and nothing else.
    fn brute(problem: &Problem) -> Option<f64> {
        let (hours, classes) = (problem.hours.len(), problem.classes.len());
        let reach: f64 = problem
            .classes
            .iter()
            .map(|class| {
                let power = |of: Option<Operation>| of.map_or(0.0, |of| of.power.value() / KW);
                class.count * power(class.mining).max(power(class.ai))
            })
            .sum();
        let power = problem.site.power.value() / KW;
        // Columns: converted, then for each hour mining and AI of each class, then credits, then what
        // is ready.
        let run = |hour: usize, class: usize, ai: usize| classes * (1 + 2 * hour + ai) + class;
        let credited = |hour: usize| classes * (1 + 2 * hours) + hour;
        let paid = |hour: usize| {
            problem.site.response.filter(|_| problem.hours[hour].credit.value() > 0.0)
        };
        let ready = |hour: usize| credited(hours) + hour;
        let columns = ready(hours);
        let mut program = Corners { gains: vec![0.0; columns], rows: Vec::new() };
        for column in 0..columns {
            program.at_most(&[(column, -1.0)], 0.0);
        }
        for (at, class) in problem.classes.iter().enumerate() {
            program.gains[at] = -class.conversion.value();
            let most = if class.ai.is_some() { class.count } else { 0.0 };
            program.at_most(&[(at, 1.0)], most);
        }
        let mut draws: Vec<(Vec<(usize, f64)>, f64)> = Vec::new();
        for (t, hour) in problem.hours.iter().enumerate() {
            let (mut draw, mut heat, mut serve) = (Vec::new(), Vec::new(), Vec::new());
            let mut mines = vec![(ready(t), 1.0)];
            let tenants = hour.tenants.value() / KW;
            for (at, class) in problem.classes.iter().enumerate() {
                for (ai, of) in [class.mining, class.ai].into_iter().enumerate() {
                    let column = run(t, at, ai);
                    let Some(of) = of else {
                        program.at_most(&[(column, 1.0)], 0.0);
                        continue;
                    };
                    let kilowatts = of.power.value() / KW;
                    let halved =
                        class.mining_after_halving.filter(|_| ai == 0 && hour.after_halving);
                    let revenue = halved.unwrap_or(of.revenue).value();
                    program.gains[column] = revenue - kilowatts * hour.tariff.value();
                    draw.push((column, kilowatts));
                    heat.push((column, of.heat.value() / KW));
                    if ai == 0 {
                        program.at_most(&[(column, 1.0), (at, 1.0)], class.count);
                        mines.push((column, -kilowatts));
                    } else {
                        program.at_most(&[(column, 1.0), (at, -1.0)], 0.0);
                        serve.push((column, kilowatts));
                    }
                }
            }
            program.at_most(&draw, power - tenants);
            program.gains[ready(t)] = hour.readiness.value();
            program.at_most(&mines, 0.0);
            if let Some(most) = hour.most_ready {
                program.at_most(&[(ready(t), 1.0)], most.value() / KW);
            }
            if let Some(cooling) = problem.site.cooling {
                program.at_most(&heat, cooling.value() / KW - hour.tenants_heat.value() / KW);
            }
            if let Some(demand) = hour.demand {
                program.at_most(&serve, demand.value() / KW);
            }
            if let Some(stage) = problem.stages.first() {
                let capacity = if stage.from <= t { stage.capacity.value() / KW } else { 0.0 };
                program.at_most(&serve, capacity - tenants);
            }
            match paid(t) {
                Some(response) => {
                    program.gains[credited(t)] = hour.credit.value();
                    let mut sum = draw.clone();
                    sum.push((credited(t), 1.0));
                    let baseline = response.baseline.value() / KW;
                    program.at_most(&draw, baseline - tenants);
                    program.at_most(&sum, (baseline.min(power) - tenants).min(reach));
                    let most = hour.most_credited.map_or(1e6, |most| most.value() / KW);
                    program.at_most(&[(credited(t), 1.0)], most);
                }
                None => program.at_most(&[(credited(t), 1.0)], 0.0),
            }
            draws.push((draw, tenants));
        }
        ramps(problem, &mut program, &draws);
        if let Some(most) = problem.site.response.and_then(|response| response.most_energy) {
            let all: Vec<_> = (0..hours).map(|hour| (credited(hour), 1.0)).collect();
            program.at_most(&all, most.value() / 3.6e6);
        }
        program.best()
    }

    /// Adds the limits of the draw's changes; it is that of tenants too.
    fn ramps(problem: &Problem, program: &mut Corners, draws: &[(Vec<(usize, f64)>, f64)]) {
        if let Some(ramp) = problem.site.ramp {
            for pair in draws.windows(2) {
                let back = |of: &[(usize, f64)]| -> Vec<_> {
                    of.iter().map(|&(c, by)| (c, -by)).collect()
                };
                let ramp = ramp.value() / KW;
                let ((a, by_a), (b, by_b)) = (&pair[0], &pair[1]);
                program.at_most(&[b.clone(), back(a)].concat(), ramp - (by_b - by_a));
                program.at_most(&[a.clone(), back(b)].concat(), ramp + (by_b - by_a));
            }
        }
    }

    fn agree(problem: &Problem) -> Result<(), TestCaseError> {
        match (brute(problem), problem.plan()) {
            (Some(best), Ok(plan)) => {
                let found = plan.objective.value();
                prop_assert!(close(best, found), "corners {best}, plan {found}");
            }
            (None, Err(PlanError::Tenants { .. } | PlanError::Ramp { .. })) => {}
            (best, plan) => {
                prop_assert!(false, "corners {best:?}, plan {:?}", plan.map(|p| p.objective));
            }
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

        #[test]
        fn one_class_two_hours(problem in problems(1..=1, 2..=2, true)) {
            agree(&problem)?;
        }

        #[test]
        fn two_classes_one_hour(problem in problems(2..=2, 1..=1, true)) {
            agree(&problem)?;
        }
    }
}

/// Problems of small whole numbers, so that limits often meet.
fn problems(
    classes: std::ops::RangeInclusive<usize>,
    hours: std::ops::RangeInclusive<usize>,
    with_tenants: bool,
) -> impl Strategy<Value = Problem> {
    let some = |most: u32| prop::option::of((1..=most).prop_map(|n| kw(f64::from(n))));
    let uses = || {
        prop::option::weighted(0.8, (1..=5_u32, 0..=5_u32, -1..=12_i32)).prop_map(|of| {
            of.map(|(power, heat, revenue)| Operation {
                power: kw(f64::from(power)),
                heat: kw(f64::from(heat)),
                revenue: UsdPerHour::new(f64::from(revenue)),
            })
        })
    };
    let halved = prop::option::of(0..=9_u32);
    let class = (0..=4_u32, uses(), uses(), 0..=6_u32, halved).prop_map(
        |(count, mining, ai, conversion, halved)| {
            let mut class = class("a kind", f64::from(count), mining, ai);
            class.conversion = Usd::new(f64::from(conversion));
            class.mining_after_halving = halved.map(|dollars| UsdPerHour::new(f64::from(dollars)));
            class
        },
    );
    let half = |halves: u32| UsdPerKwh::new(f64::from(halves) / 2.0);
    let prices = (-2..=6_i32, 0..=3_u32, 0..=2_u32, any::<bool>());
    let limits = (prop::option::of(0..=9_u32), some(5), some(5));
    let tenants = prop::option::of((0..=4_u32, 0..=4_u32));
    let hour = (prices, limits, tenants).prop_map(
        move |((tariff, credit, readiness, after_halving), limits, tenants)| {
            let (demand, most_credited, most_ready) = limits;
            let (draw, heat) = tenants.filter(|_| with_tenants).unwrap_or_default();
            HourPrices {
                after_halving,
                tariff: UsdPerKwh::new(f64::from(tariff) / 2.0),
                credit: half(credit),
                most_credited,
                readiness: half(readiness),
                most_ready,
                demand: demand.map(|demand| kw(f64::from(demand))),
                tenants: kw(f64::from(draw)),
                tenants_heat: kw(f64::from(heat)),
            }
        },
    );
    let energy = prop::option::of((1..=9_u32).prop_map(|n| Joules::new(3.6e6 * f64::from(n))));
    let response = prop::option::of((1..=20_u32, energy).prop_map(|(baseline, most_energy)| {
        DemandResponse { baseline: kw(f64::from(baseline)), most_energy }
    }));
    let site =
        (1..=20_u32, some(20), some(6), response).prop_map(|(power, cooling, ramp, response)| {
            SiteLimits { power: kw(f64::from(power)), cooling, ramp, response }
        });
    let stage = prop::option::of((0..=1_usize, 0..=9_u32)).prop_map(|stage| {
        let stage = stage
            .map(|(from, kilowatts)| CapacityStage { from, capacity: kw(f64::from(kilowatts)) });
        stage.into_iter().collect()
    });
    (site, prop::collection::vec(hour, hours), prop::collection::vec(class, classes), stage)
        .prop_map(|(site, hours, classes, stages)| Problem { site, hours, classes, stages })
}

fn earns(problem: &Problem) -> f64 {
    problem.plan().expect("a plan without a contract").objective.value()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Kinds taken together, from a sample, earn the same as the whole program.
    #[test]
    fn rounds_come_to_the_same(problem in problems(5..=8, 12..=30, true)) {
        let effort = Effort { whole: 0, sample: 6, together: 4 };
        match (problem.plan(), rounds::plan(&problem, effort)) {
            (Ok(whole), Ok(rounds)) => {
                let (whole, rounds) = (whole.objective.value(), rounds.objective.value());
                prop_assert!(close(whole, rounds), "whole {whole}, rounds {rounds}");
            }
            // What is checked first is checked by `plan` alone.
            (Err(PlanError::Tenants { .. }), _) => {}
            (whole, rounds) => prop_assert_eq!(whole.err(), rounds.err()),
        }
    }

    #[test]
    fn plans_keep_to_the_limits(problem in problems(1..=5, 1..=24, true)) {
        let Ok(plan) = problem.plan() else { return Ok(()) };
        let power = problem.site.power.value();
        let little = 1e-6 * power;
        let mut free = 0.0;
        for (at, hour) in plan.hours.iter().enumerate() {
            prop_assert!(hour.draw().value() <= power + little);
            prop_assert!(hour.draw().value() + hour.curtailed.value() <= power + little);
            // What a solver rounds by does not rest.
            prop_assert!(hour.curtailed == Watts::ZERO || hour.curtailed.value() > little);
            let of_ai = hour.ai.value() + hour.tenants.value();
            prop_assert!(of_ai <= problem.capacity(at).value() + little);
            prop_assert!(hour.credited.value() >= 0.0);
            free += problem.baseline(at).map_or(0.0, |_| {
                problem.hours[at].credit.value() * power / KW
            });
            if let (Some(ramp), true) = (problem.site.ramp, at > 0) {
                let change = hour.draw().value() - plan.hours[at - 1].draw().value();
                prop_assert!(change.abs() <= ramp.value() + little);
            }
        }
        // Each machine for itself, in what is best for it.
        for class in &problem.classes {
            let best = |of: Option<Operation>, halved: Option<UsdPerHour>, is_mining: bool| -> f64 {
                let Some(of) = of else { return 0.0 };
                let value = |hour: &HourPrices| {
                    let revenue = halved.filter(|_| hour.after_halving).unwrap_or(of.revenue);
                    let ready = if is_mining { hour.readiness.value() } else { 0.0 };
                    revenue.value() + of.power.value() / KW * (ready - hour.tariff.value())
                };
                problem.hours.iter().map(|hour| value(hour).max(0.0)).sum()
            };
            let mining = best(class.mining, class.mining_after_halving, true);
            free += class.count * mining.max(best(class.ai, None, false));
        }
        prop_assert!(plan.objective.value() <= free + 1e-6 * (1.0 + free));
        let paid = plan.money.credits + plan.money.readiness;
        let parts = plan.money.mining + plan.money.ai + paid
            - plan.money.energy - plan.money.conversion;
        prop_assert!(close(parts.value(), plan.objective.value()));
        let margins: Usd = plan.classes.iter().map(|class| class.margin).sum();
        prop_assert!(close((margins + paid).value(), plan.objective.value()));
    }

    #[test]
    fn the_order_of_classes_does_not_matter(problem in problems(2..=5, 1..=12, false)) {
        let mut other = problem.clone();
        other.classes.reverse();
        prop_assert!(close(earns(&problem), earns(&other)));
        // Nor whether a kind is given once or as two.
        let mut half = problem.classes[0].clone();
        half.count /= 2.0;
        other.classes.pop();
        other.classes.extend([half.clone(), half]);
        prop_assert!(close(earns(&problem), earns(&other)));
    }

    #[test]
    fn a_higher_tariff_never_earns_more(problem in problems(1..=4, 1..=12, false)) {
        let mut other = problem.clone();
        other.hours.iter_mut().step_by(2).for_each(|hour| hour.tariff += UsdPerKwh::new(0.3));
        let (before, after) = (earns(&problem), earns(&other));
        prop_assert!(after <= before + 1e-5 * (1.0 + before.abs()), "{before} to {after}");
    }
}
