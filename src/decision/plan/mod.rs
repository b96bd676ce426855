//! The plan of a site: how much of its power goes to AI, to mining and to neither, by hour.
//!
//! ```text
//! Problem ──► checks ──► Model ──► Split ──► solver ──► Flows, Prices ──► proof ──► Plan
//!            (ranges,   (numbers,  (a linear               │      ▲
//!             tenants)   slots)     program)               └──────┘ until it is proven
//! ```
//!
//! The plan is the solution of a linear program. Machines of one kind are divided as needed; hours
//! have a tariff, a credit for power that is not drawn, a payment for mining that could be switched
//! off, tenants, and a demand for AI; the site has limits of power, of cooling and of how fast its draw
//! changes. The result is the proven optimum within all of them. How much of the power serves AI and
//! how much mines is not set beforehand: it is part of the result.
//!
//! A thousand machines of 20 kinds over a year in which no two hours are alike, with all limits,
//! make a program of more than a million columns and rows. About a third of that is left to solve
//! once equal parts are joined: see `benches/plan.rs`.
//!
//! ```
//! use perjoule::decision::plan::{Class, HourPrices, Problem, SiteLimits, Operation};
//! use perjoule::units::{Usd, UsdPerHour, UsdPerKwh, Watts};
//!
//! let using = |dollars| {
//!     let power = Watts::new(1e3);
//!     Some(Operation { power, heat: power, revenue: UsdPerHour::new(dollars) })
//! };
//! let hour = |dollars| HourPrices {
//!     tariff: UsdPerKwh::new(dollars),
//!     demand: Some(Watts::new(3e3)),
//!     ..HourPrices::default()
//! };
//! let plan = Problem {
//!     site: SiteLimits { power: Watts::new(10e3), ..SiteLimits::default() },
//!     hours: vec![hour(0.04), hour(0.09)],
//!     classes: vec![Class {
//!         name: "1 kW of either".to_owned(),
//!         count: 10.0,
//!         mining: using(0.06),
//!         mining_after_halving: None,
//!         ai: using(0.20),
//!         conversion: Usd::new(0.05),
//!     }],
//!     stages: Vec::new(),
//! }
//! .plan()?;
//! // Three serve AI in both hours; the others mine in the first.
//! assert_eq!(plan.classes[0].converted.round(), 3.0);
//! assert_eq!((plan.hours[1].mining.value().round(), plan.hours[1].ai.value().round()), (0.0, 3e3));
//! assert_eq!(plan.objective.to_string(), "$0.80");
//! # Ok::<(), perjoule::decision::plan::PlanError>(())
//! ```

mod check;
mod error;
mod model;
mod outcome;
mod problem;
mod proof;
mod rounds;
mod solver;
mod split;
#[cfg(test)]
mod tests;

pub(in crate::decision) use self::check::size;
pub use self::error::PlanError;
pub use self::outcome::{Accounts, HourlyDraw, PlannedClass, SitePlan, Summary};
pub use self::problem::{
    CapacityStage, Class, DemandResponse, HourPrices, Operation, Problem, SiteLimits,
};

impl Problem {
    /// Returns the plan that earns most.
    ///
    /// It is proven: the prices of the limits bound from above what any plan earns, and
    /// [`SitePlan::bound`] is above [`SitePlan::objective`] by at most a millionth of the plan's turnover
    /// and a billionth of what all the machines could turn over, or of one dollar if that is more.
    /// Limits are kept to a millionth of the site's power.
    ///
    /// # Errors
    ///
    /// Returns an error where a number is out of its range, where the tenants contradict a limit,
    /// where the problem is too large, and where the solver does not come to a plan that is proven.
    pub fn plan(&self) -> Result<SitePlan, PlanError> {
        check::numbers(self)?;
        check::tenants(self)?;
        rounds::plan(self, rounds::Effort::default())
    }
}
