//! What a device is charged with, and the energy of its work that follows.
//!
//! A device is charged with what it draws, and every number says with what: with a meter at the
//! wall, everything with the whole machine; without one, the work of the processor with packages
//! and memory, that of a GPU with its card. Where a part of that cannot be read, there is no number,
//! unless one was stated: then that stands in its place, and the reason beside it.
//!
//! The uncertainty is one standard deviation, as a share of the number. Two things go into it: the
//! spread of the trials, and what a meter cannot show, which is the larger of a step of its counter
//! and what is drawn from one of its updates to the next, since a window begins and ends anywhere in
//! between. That error is spread evenly over its width w, twice a window: w √(2/12).

use std::time::Duration;

use crate::meter::{self, Conditions, Domain, Measured, MeterInfo, Source, Span, Window};
use crate::record::{DeviceId, Energy, Named, NoEnergy, State, Trial};
use crate::units::{Efficiency, Joules, Watts, WorkAmount};

/// Limits below which a note says so: the number and length of windows, and the updates of a
/// counter that a window sees.
pub(super) const LEAST_TRIALS: usize = 3;
pub(super) const LEAST_TIME: Duration = Duration::from_secs(5);
const LEAST_UPDATES: u64 = 50;

/// A time in which the meters were read, and what was done in it.
pub(super) struct MeteredWindow {
    pub(super) start: Duration,
    pub(super) span: Span,
    pub(super) work: Option<WorkAmount>,
    pub(super) windows: Vec<Measured>,
}

/// The places of the meters that a device can be charged with: each group is all of it, and stands in
/// where those before it fail.
pub(super) struct Charged {
    pub(super) measured: Vec<Vec<usize>>,
    pub(super) stated: Vec<Vec<usize>>,
}

impl Charged {
    /// Finds the places in `meters`. `card` is the address of the device, if it is a GPU and known.
    pub(super) fn new(device: DeviceId, card: Option<&Domain>, meters: &[&MeterInfo]) -> Self {
        let is_card = |domain: &Domain| match (device, domain) {
            (DeviceId::Gpu(number), Domain::Gpu(other)) => number == *other,
            _ => card == Some(domain),
        };
        let at_the_wall = |domain: &Domain| *domain == Domain::Machine;
        let wanted: &[&dyn Fn(&Domain) -> bool] = match device {
            DeviceId::Cpu => &[
                &at_the_wall,
                &|domain| matches!(domain, Domain::Package(_) | Domain::Dram(_)),
                &|domain| *domain == Domain::Cpu,
                &|domain| matches!(domain, Domain::Psys(_)),
            ],
            DeviceId::Gpu(_) => &[&at_the_wall, &is_card],
        };
        let groups = |assumed: bool| {
            let is_it = |info: &MeterInfo, is_wanted: &dyn Fn(&Domain) -> bool| {
                (info.source == Source::Assumed) == assumed && is_wanted(&info.domain)
            };
            let places = wanted.iter().map(|is_wanted| {
                (0..meters.len()).filter(|&place| is_it(meters[place], is_wanted)).collect()
            });
            places.filter(|places: &Vec<_>| !places.is_empty()).collect()
        };
        Self { measured: groups(false), stated: groups(true) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.measured.is_empty() && self.stated.is_empty()
    }

    pub(super) fn in_order(self) -> impl Iterator<Item = Vec<usize>> {
        self.measured.into_iter().chain(self.stated)
    }

    /// Returns the energy of work in `stretches`, by the first group that has it; `None` where no
    /// group has any.
    pub(super) fn energy(
        self,
        stretches: &[MeteredWindow],
        idle: &[MeteredWindow],
    ) -> Result<Option<Energy>, NoEnergy> {
        let mut failed = None;
        for places in self.in_order() {
            match sum(&places, stretches, idle) {
                Ok(Some(mut energy)) => {
                    energy.warnings.extend(failed.map(|why| instead(&energy, &why)));
                    return Ok(Some(energy));
                }
                Ok(None) => {}
                Err(why) => failed = failed.or(Some(why)),
            }
        }
        failed.map_or(Ok(None), Err)
    }
}

/// Returns the note on energy that is known by other means than it should be.
fn instead(energy: &Energy, why: &NoEnergy) -> String {
    if energy.assumed {
        return format!("the stated power is used, because {why}");
    }
    let charged: Vec<_> = energy.charged.iter().map(ToString::to_string).collect();
    format!("charged with {}, because {why}", charged.join(" and "))
}

/// Returns the energy of some work by the meters at these places; `None` where there are none.
fn sum(
    places: &[usize],
    stretches: &[MeteredWindow],
    idle: &[MeteredWindow],
) -> Result<Option<Energy>, NoEnergy> {
    if places.is_empty() {
        return Ok(None);
    }
    let mut energy = Sum::default();
    for stretch in stretches {
        energy.add(stretch, places)?;
    }
    let idle: Option<Vec<Watts>> = idle.iter().map(|it| power(it, places)).collect();
    let idle = idle.filter(|all| !all.is_empty());
    let idle = idle.map(|all| all.iter().sum::<Watts>() / all.len() as f64);
    Ok(energy.finish(idle))
}

/// The energy of windows of one time.
pub(super) fn add<'a>(windows: impl IntoIterator<Item = &'a Measured>) -> Result<Joules, NoEnergy> {
    let mut parts = Vec::new();
    for Measured { info, window, .. } in windows {
        let failed = |why: String| NoEnergy::Failed { domain: info.domain.clone(), why };
        let window = window.as_ref().map_err(|why| failed(why.to_string()))?;
        parts.push((&info.domain, window.energy));
    }
    meter::sum(parts)
        .map_err(|overlap| NoEnergy::Failed { domain: overlap.a.clone(), why: overlap.to_string() })
}

/// Returns the power of these meters together; `None` where one of them failed or is assumed.
fn power(stretch: &MeteredWindow, places: &[usize]) -> Option<Watts> {
    let windows = places.iter().map(|&place| stretch.windows[place].window.as_ref().ok());
    windows.map(|it| it.filter(|window| !window.is_assumed()).map(Window::power)).sum()
}

/// What is known of a workload's energy so far.
#[derive(Default)]
struct Sum {
    charged: Vec<Domain>,
    source: Option<Source>,
    trials: Vec<Trial>,
    work: Option<WorkAmount>,
    /// Work per joule of each trial; `None` for one without energy.
    of_each: Vec<Option<f64>>,
    /// The variance of the energy that the meters leave open, in J².
    variance: f64,
    conditions: Vec<Conditions>,
    warnings: Vec<String>,
}

impl Sum {
    /// Adds the windows of some meters.
    fn add(&mut self, stretch: &MeteredWindow, places: &[usize]) -> Result<(), NoEnergy> {
        let joules = add(places.iter().map(|&place| &stretch.windows[place]))?;
        let mut power = Watts::ZERO;
        let mut updates = u64::MAX;
        self.charged.clear();
        for &place in places {
            let Measured { info, window, .. } = &stretch.windows[place];
            let Ok(window) = window else { continue };
            power += window.power();
            let step = info.resolution.unwrap_or(Joules::ZERO).value();
            let lag = window.update_period.map_or(0.0, |period| (window.power() * period).value());
            self.variance += step.max(lag).powi(2) / 6.0;
            updates = updates.min(window.updates);
            self.source = self.source.or(Some(info.source));
            self.conditions.extend(window.conditions.iter().map(|(_, state)| state.clone()));
            for note in &window.notes {
                self.warn(format!("{}: {note}", info.domain));
            }
            self.charged.push(info.domain.clone());
        }
        if let Some(work) = stretch.work {
            // The time that the energy is of: from reading to reading, and not that of the work.
            let took = Duration::try_from_secs_f64(joules.value() / power.value());
            self.trials.push(Trial {
                start: stretch.start.as_secs_f64(),
                seconds: took.unwrap_or(stretch.span.took).as_secs_f64(),
                work: work.value() as f64,
                joules,
                updates: Some(updates),
            });
            self.of_each.push(Efficiency::new(work, joules).map(Efficiency::per_joule));
            let sum = self.work.map_or(Some(work), |sum| sum.checked_add(work));
            self.work = sum.or(self.work);
        }
        Ok(())
    }

    fn warn(&mut self, warning: String) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// Returns the energy; `None` where nothing was measured, or nothing was done.
    fn finish(mut self, idle: Option<Watts>) -> Option<Energy> {
        let source = self.source?;
        let assumed = source == Source::Assumed;
        if !assumed {
            self.check_quality();
        }
        let joules: Joules = self.trials.iter().map(|trial| trial.joules).sum();
        let took = self.trials.iter().map(|trial| trial.seconds).sum();
        let efficiency = Efficiency::new(self.work?, joules)?;
        let of_each: Option<Vec<f64>> = self.of_each.into_iter().collect();
        let spread = spread(&of_each?);
        let open = self.variance.sqrt() / joules.value();
        Some(Energy {
            assumed,
            source: Named::Known(source),
            charged: self.charged.into_iter().map(Named::Known).collect(),
            gross: joules / Duration::try_from_secs_f64(took).ok()?,
            idle,
            per_joule: efficiency.per_joule(),
            uncertainty: spread.map(|spread| spread.hypot(open)),
            joules_per_terahash: efficiency.joules_per_terahash(),
            picojoules_each: efficiency.energy_of_one()?.value() * 1e12,
            trials: self.trials,
            state: State::new(&self.conditions),
            warnings: self.warnings,
        })
    }

    /// Warns where there was too little to measure.
    fn check_quality(&mut self) {
        let trials = self.trials.len();
        if trials < LEAST_TRIALS {
            self.warn(format!("{trials} windows, fewer than {LEAST_TRIALS}"));
        }
        let least = LEAST_TIME.as_secs_f64();
        let shortest = self.trials.iter().map(|trial| trial.seconds).min_by(f64::total_cmp);
        if let Some(short) = shortest.filter(|&short| short < least) {
            self.warn(format!("a window of {short:.1} s, shorter than {least:.0} s"));
        }
        let updates = self.trials.iter().filter_map(|trial| trial.updates).min();
        if let Some(updates) = updates.filter(|&updates| updates < LEAST_UPDATES) {
            self.warn(format!(
                "the counter moved {updates} times in a window, fewer than {LEAST_UPDATES}"
            ));
        }
    }
}

/// The standard deviation of the mean, as a share of it; `None` of a single value, which shows none.
fn spread(values: &[f64]) -> Option<f64> {
    let count = values.len() as f64;
    if values.len() < 2 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    Some((variance / count).sqrt() / mean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_that_of_the_mean() {
        let of_three = spread(&[9.0, 10.0, 11.0]).expect("three values");
        assert!((of_three - 1.0 / 3.0_f64.sqrt() / 10.0).abs() < 1e-12);
        assert_eq!(spread(&[5.0]), None);
    }
}
