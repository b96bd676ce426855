//! From power to energy: the trapezoids between its values.

use std::time::Duration;

use super::Integrated;
use crate::units::{Joules, Watts};

/// The energy of power that goes from one value to another in a straight line.
fn trapezoid(from: Watts, to: Watts, took: Duration) -> Joules {
    (from + to) / 2.0 * took
}

/// Integrates power as its values come in.
#[derive(Clone, Debug)]
pub(super) struct Integrator {
    /// What is longer without a value is a gap.
    limit: Duration,
    last: Option<(Duration, Watts)>,
    sum: Integrated,
}

impl Integrator {
    /// Counts what is longer than `limit` without a value as a gap.
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, last: None, sum: Integrated::default() }
    }

    /// Takes a value.
    pub(super) fn see(&mut self, power: Watts, at: Duration) -> Integrated {
        if let Some((before, from)) = self.last.replace((at, power)) {
            let took = at.saturating_sub(before);
            self.sum.energy += trapezoid(from, power, took);
            if took > self.limit {
                self.sum.gaps += 1;
                self.sum.gap_time += took;
            }
        }
        self.sum.samples += 1;
        self.sum
    }
}

/// A value of power, with the energy until then.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) at: Duration,
    pub(super) energy: Joules,
    pub(super) power: Watts,
}

/// What lies between two times of a row of points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stretch {
    pub(super) energy: Joules,
    /// How many points lie in between.
    pub(super) points: u64,
    /// How often there was no point for too long.
    pub(super) gaps: u64,
    /// How much of the stretch that was.
    pub(super) gap_time: Duration,
}

/// The stretch from one time to another; `None` unless there are points before and after it.
///
/// `points` are in order of time; what is longer than `limit` without one is a gap.
pub(super) fn stretch(
    points: &[Point],
    from: Duration,
    to: Duration,
    limit: Duration,
) -> Option<Stretch> {
    let energy = energy_at(points, to)? - energy_at(points, from)?;
    let inside = points.iter().filter(|point| (from..=to).contains(&point.at)).count() as u64;
    let mut stretch = Stretch { energy, points: inside, gaps: 0, gap_time: Duration::ZERO };
    for (before, after) in points.iter().zip(points.iter().skip(1)) {
        let inside = after.at.min(to).saturating_sub(before.at.max(from));
        if after.at.saturating_sub(before.at) > limit && !inside.is_zero() {
            stretch.gaps += 1;
            stretch.gap_time += inside;
        }
    }
    Some(stretch)
}

/// The energy until some time between two points.
fn energy_at(points: &[Point], at: Duration) -> Option<Joules> {
    let next = points.partition_point(|point| point.at < at);
    let after = points.get(next)?;
    if after.at == at {
        return Some(after.energy);
    }
    let before = points.get(next.checked_sub(1)?)?;
    let since = at.checked_sub(before.at)?;
    let share = since.as_secs_f64() / after.at.checked_sub(before.at)?.as_secs_f64();
    let power = before.power + (after.power - before.power) * share;
    Some(before.energy + trapezoid(before.power, power, since))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn power_is_integrated_by_trapezoids() {
        let mut integrator = Integrator::new(seconds(2.0));
        let mut see = |power, at| integrator.see(Watts::new(power), seconds(at));
        assert_eq!(see(100.0, 5.0).energy, Joules::ZERO);
        assert_eq!(see(100.0, 6.0).energy, Joules::new(100.0));
        assert_eq!(see(300.0, 8.0).energy, Joules::new(500.0));
        let sum = see(300.0, 8.0);
        assert_eq!((sum.energy, sum.samples, sum.gaps), (Joules::new(500.0), 4, 0));
        // A clock that goes back adds nothing, and takes nothing away.
        assert_eq!(see(300.0, 7.0).energy, Joules::new(500.0));
        let sum = see(100.0, 9.5);
        assert_eq!((sum.energy, sum.gaps, sum.gap_time), (Joules::new(1000.0), 1, seconds(2.5)));
    }

    /// 100 W for a second, up to 300 W in two seconds, and that for ten.
    fn ramp() -> Vec<Point> {
        let mut integrator = Integrator::new(seconds(60.0));
        let values = [(10.0, 100.0), (11.0, 100.0), (13.0, 300.0), (23.0, 300.0)];
        let point = |(at, power)| {
            let (at, power) = (seconds(at), Watts::new(power));
            Point { at, energy: integrator.see(power, at).energy, power }
        };
        values.into_iter().map(point).collect()
    }

    #[test]
    fn stretches_begin_and_end_between_points() {
        let limit = seconds(5.0);
        for (from, to, joules, points, gap_time) in [
            (10.0, 11.0, 100.0, 2, 0.0),
            (10.5, 11.0, 50.0, 1, 0.0),
            (11.0, 13.0, 400.0, 2, 0.0),
            (11.0, 12.0, 150.0, 1, 0.0),
            (12.0, 13.0, 250.0, 1, 0.0),
            (11.5, 12.5, 200.0, 0, 0.0),
            (14.0, 15.0, 300.0, 0, 1.0),
            (12.0, 15.0, 850.0, 1, 2.0),
            (10.0, 23.0, 3500.0, 4, 10.0),
        ] {
            let found = stretch(&ramp(), seconds(from), seconds(to), limit).expect("points around");
            let gaps = u64::from(gap_time > 0.0);
            let (energy, gap_time) = (Joules::new(joules), seconds(gap_time));
            let expected = Stretch { energy, points, gaps, gap_time };
            assert_eq!(found, expected, "from {from} to {to}");
        }
        for (from, to) in [(9.9, 11.0), (22.0, 23.1), (1.0, 2.0), (30.0, 31.0)] {
            let found = stretch(&ramp(), seconds(from), seconds(to), limit);
            assert_eq!(found, None, "from {from} to {to}");
        }
        assert_eq!(stretch(&[], seconds(0.0), seconds(1.0), limit), None);
    }
}
