//! Integration of power to energy by trapezoids, and outliers among its values.

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
    /// Longest time between two values that is not a gap.
    limit: Duration,
    last: Option<(Duration, Watts)>,
    sum: Integrated,
}

impl Integrator {
    /// Makes an integrator that counts a longer time than `limit` without a value as a gap.
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, last: None, sum: Integrated::default() }
    }

    /// Adds a value of power, and returns the sum so far.
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

/// Energy and gaps between two times of a series of points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stretch {
    pub(super) energy: Joules,
    /// Number of points in between.
    pub(super) points: u64,
    /// Number of times without a point for too long.
    pub(super) gaps: u64,
    /// How much of the stretch these gaps are.
    pub(super) gap_time: Duration,
}

/// Returns the stretch from one time to another; `None` unless there are points before and after
/// it.
///
/// `points` are in order of time; a longer time than `limit` without one is a gap.
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

/// Factor between a value and those before and after it from which on it is noted (`FAR`), and from
/// which on it is left out (`IMPOSSIBLE`): no machine does that for the time of a reading.
const FAR: f64 = 10.0;
const IMPOSSIBLE: f64 = 100.0;

/// Number of values before and after that a value is compared with: two that are wrong in a row do
/// not hide each other.
const BESIDE: usize = 3;

/// Number of points before and after a stretch that are looked at; a sensor may show one value for
/// some of them.
const AROUND: usize = 64;

/// Outliers: values that are far from those before and after them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Far {
    /// Number of outliers; a value that is shown again and again is one.
    pub(super) times: u64,
    /// The farthest outlier, and the value beside it.
    pub(super) worst: Watts,
    pub(super) beside: Watts,
}

/// Outliers in a stretch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Doubts {
    /// Outliers that stay in the energy.
    pub(super) kept: Option<Far>,
    /// Outliers that are to be left out of the energy.
    pub(super) left_out: Option<Far>,
    /// Energy that the left-out outliers add; it may be negative.
    pub(super) excess: Joules,
}

/// Longest time that an outlier may last: what goes on for longer, or for longer than half of the
/// time that is checked, is no mistake of a sensor but what a machine did.
const MOMENT: Duration = Duration::from_secs(2);

/// At most one in this many values, and this fraction of the time, is left out. Where a sensor
/// jumps more often, right values cannot be distinguished from wrong ones, and all are kept.
const LEFT_OUT: u32 = 3;

/// Looks for outliers between two times, by the values around each of them.
///
/// `points` are in order of time.
pub(super) fn doubts(points: &[Point], from: Duration, to: Duration) -> Doubts {
    let first = points.partition_point(|point| point.at < from).saturating_sub(AROUND);
    let end = points.partition_point(|point| point.at <= to).saturating_add(AROUND);
    let points = points.get(first..end.min(points.len())).unwrap_or_default();
    let runs: Vec<_> = points.chunk_by(|a, b| a.power == b.power).collect();
    let longest = (to.saturating_sub(from) / 2).min(MOMENT);
    let (mut mistakes, mut mistaken) = (0, Duration::ZERO);
    let mut doubts = Doubts::default();
    let mut sound: Vec<Point> = Vec::new();
    for (place, run) in runs.iter().enumerate() {
        let (Some(start), Some(end)) = (run.first(), run.last()) else { continue };
        let [before, after] = [&runs[place.saturating_sub(BESIDE)..place], &runs[place + 1..]];
        let begins = before.last().and_then(|run| run.last()).map_or(start.at, |point| point.at);
        let ends = after.first().and_then(|run| run.first()).map_or(end.at, |point| point.at);
        let is_short = end.at.saturating_sub(start.at) <= longest;
        let middles = [middle(before), middle(&after[..after.len().min(BESIDE)])];
        let far = distance(start.power, middles).filter(|_| begins < to && ends > from && is_short);
        match far {
            Some((times, beside)) if times >= IMPOSSIBLE => {
                note(&mut doubts.left_out, start.power, beside);
                mistaken += end.at.min(to).saturating_sub(start.at.max(from));
                mistakes += 1;
                continue;
            }
            Some((_, beside)) => note(&mut doubts.kept, start.power, beside),
            None => {}
        }
        sound.extend(*run);
    }
    let too_many = mistakes * LEFT_OUT as usize > runs.len();
    let too_long = mistaken * LEFT_OUT > to.saturating_sub(from);
    if too_many || too_long {
        let left_out = doubts.left_out.take();
        doubts.kept = left_out.or(doubts.kept);
    } else if doubts.left_out.is_some() {
        doubts.excess = area(points, from, to) - area(&sound, from, to);
    }
    doubts
}

fn note(far: &mut Option<Far>, power: Watts, beside: Watts) {
    let ratio = |far: &Far| times(far.worst, far.beside);
    let this = Far { times: 1, worst: power, beside };
    *far = Some(match *far {
        Some(other) if ratio(&other) >= ratio(&this) => Far { times: other.times + 1, ..other },
        Some(other) => Far { times: other.times + 1, ..this },
        None => this,
    });
}

/// The value in the middle of some runs.
fn middle(runs: &[&[Point]]) -> Option<Watts> {
    let mut powers: Vec<_> = runs.iter().filter_map(|run| Some(run.first()?.power)).collect();
    powers.sort_by(Watts::total_cmp);
    powers.get(powers.len() / 2).copied()
}

/// Returns the larger of two powers divided by the other.
fn times(a: Watts, b: Watts) -> f64 {
    let [low, high] = if a < b { [a, b] } else { [b, a] };
    if low > Watts::ZERO { high / low } else { f64::INFINITY }
}

/// How far a value is from what is before and after it, and from which of them; `None` if it is not
/// far. Beside nothing but zeros, as of a card that sleeps, no value is.
fn distance(power: Watts, beside: [Option<Watts>; 2]) -> Option<(f64, Watts)> {
    let (nearest, least) = match beside {
        [Some(a), Some(b)] => {
            let [low, high] = if a < b { [a, b] } else { [b, a] };
            let nearest = if power > high {
                high
            } else if power < low {
                low
            } else {
                return None;
            };
            (nearest, FAR)
        }
        // At an end it may be the first or last of many, unless it cannot be.
        [Some(other), None] | [None, Some(other)] if power > other => (other, IMPOSSIBLE),
        _ => return None,
    };
    let times = times(power, nearest);
    (nearest > Watts::ZERO && times >= least).then_some((times, nearest))
}

/// The energy between two times; before the first point and after the last the power is theirs.
fn area(points: &[Point], from: Duration, to: Duration) -> Joules {
    let power_at = |at: Duration| {
        let next = points.partition_point(|point| point.at < at);
        match (next.checked_sub(1).and_then(|before| points.get(before)), points.get(next)) {
            (Some(before), Some(after)) => {
                let [since, all] =
                    [at, after.at].map(|at| at.saturating_sub(before.at).as_secs_f64());
                before.power + (after.power - before.power) * (since / all)
            }
            (Some(only), None) | (None, Some(only)) => only.power,
            (None, None) => Watts::ZERO,
        }
    };
    let mut energy = Joules::ZERO;
    let mut last = (from, power_at(from));
    let inside = points.iter().filter(|point| point.at > from && point.at < to);
    for (at, power) in inside.map(|point| (point.at, point.power)).chain([(to, power_at(to))]) {
        energy += trapezoid(last.1, power, at.saturating_sub(last.0));
        last = (at, power);
    }
    energy
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

    /// Loads, and no mistakes: a time at a cap, a time asleep, a load that comes and goes.
    #[test]
    fn what_lasts_and_what_comes_again_stays_in_the_energy() {
        let idle = |second: usize| 2.0 + (second % 3) as f64 / 10.0;
        let busy = |second: usize| 300.0 + (second % 5) as f64;
        let capped: Vec<_> =
            (0..60).map(|at| if (20..40).contains(&at) { 300.0 } else { idle(at) }).collect();
        let asleep: Vec<_> =
            (0..60).map(|at| if (20..45).contains(&at) { 2.0 } else { busy(at) }).collect();
        let switched: Vec<_> = (0..60).map(|at| f64::from(at % 2) * 200.0).collect();
        for powers in [capped, asleep, switched] {
            let doubts = doubts(&each_second(&powers), seconds(0.0), seconds(59.0));
            assert_eq!((doubts.left_out, doubts.excess), (None, Joules::ZERO), "{powers:?}");
        }
    }

    /// One value a second, of these watts.
    fn each_second(powers: &[f64]) -> Vec<Point> {
        let mut integrator = Integrator::new(seconds(60.0));
        let point = |(second, &power): (usize, &f64)| {
            let (at, power) = (seconds(second as f64), Watts::new(power));
            Point { at, energy: integrator.see(power, at).energy, power }
        };
        powers.iter().enumerate().map(point).collect()
    }

    #[test]
    fn values_far_from_those_beside_them_are_told_or_left_out() {
        let far = |worst, beside| {
            Some(Far { times: 1, worst: Watts::new(worst), beside: Watts::new(beside) })
        };
        for (powers, kept, left_out) in [
            (vec![200.0, 201.0, 199.0, 900e3, 200.0, 202.0, 201.0], None, far(900e3, 201.0)),
            (vec![200.0, 201.0, 199.0, 6e3, 200.0, 202.0, 201.0], far(6e3, 201.0), None),
            (vec![200.0, 201.0, 199.0, 1.9e3, 200.0, 202.0, 201.0], None, None),
            (vec![200.0, 201.0, 199.0, 0.0, 200.0, 202.0, 201.0], None, far(0.0, 200.0)),
            (vec![200.0, 201.0, 199.0, 10.0, 210.0, 220.0, 230.0], far(10.0, 200.0), None),
            // A load that comes, goes, or takes more than half of the time.
            (vec![2.0, 2.0, 3.0, 400.0, 410.0, 420.0, 430.0], None, None),
            (vec![400.0, 410.0, 420.0, 430.0, 2.0, 3.0, 2.0], None, None),
            (vec![2.0, 500.0, 500.0, 500.0, 500.0, 500.0, 2.0], None, None),
            // A card that sleeps.
            (vec![0.0, 0.0, 0.0, 50.0, 0.0, 0.0, 0.0], None, None),
            // At the ends nothing else can be distinguished from a change.
            (vec![6e3, 200.0, 201.0, 200.0, 201.0, 200.0, 6e3], None, None),
            (vec![200.0, 201.0, 200.0, 201.0, 200.0, 201.0, 900e3], None, far(900e3, 201.0)),
            (vec![900e3, 200.0, 201.0, 200.0, 201.0, 202.0, 200.0], None, far(900e3, 200.0)),
        ] {
            let points = each_second(&powers);
            let found = doubts(&points, seconds(0.0), seconds(6.0));
            assert_eq!((found.kept, found.left_out), (kept, left_out), "{powers:?}");
        }
        // Two in a row, and one that a sensor shows for three readings.
        for powers in [
            [200.0, 201.0, 199.0, 900e3, 850e3, 202.0, 201.0, 200.0],
            [200.0, 201.0, 900e3, 900e3, 900e3, 202.0, 201.0, 200.0],
        ] {
            let points = each_second(&powers);
            let found = doubts(&points, seconds(0.0), seconds(7.0));
            let times = found.left_out.map(|far| far.times);
            assert_eq!(times, Some(if powers[4] < 900e3 { 2 } else { 1 }));
            let stretch = stretch(&points, seconds(0.0), seconds(7.0), seconds(5.0));
            let rest = stretch.expect("points around").energy - found.excess;
            assert!((rest.value() - 1405.0).abs() < 5.0, "{rest}");
        }
        assert_eq!(doubts(&[], seconds(0.0), seconds(1.0)), Doubts::default());
    }

    #[test]
    fn only_what_touches_the_time_is_told_of() {
        let points = each_second(&[200.0, 200.0, 200.0, 900e3, 200.0, 200.0, 200.0, 200.0]);
        for (from, to, is_told) in
            [(0.0, 2.0, false), (0.0, 2.5, true), (3.5, 6.0, true), (4.0, 7.0, false)]
        {
            let found = doubts(&points, seconds(from), seconds(to));
            assert_eq!(found.left_out.is_some(), is_told, "{from} to {to}");
            let stretch = stretch(&points, seconds(from), seconds(to), seconds(5.0));
            let rest = stretch.expect("points around").energy - found.excess;
            assert!((rest.value() - 200.0 * (to - from)).abs() < 1e-3, "{rest}");
        }
    }
}
