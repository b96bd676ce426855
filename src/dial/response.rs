//! Step responses: how something followed its set points, from a counter and the times of its
//! commands.
//!
//! A [`CounterTrace`] is of a counter, of hashes or of joules, so that its slope is a rate or a power, and no
//! reading in between is lost. [`respond`] takes one [`Step`] from one set point to the next, and says
//! how long it took, how far it went beyond, and how much less was counted than by something that
//! follows at once. It is all arithmetic on what it is given: it has no clock and reads no meter.
//!
//! Between two readings the counter is taken to go straight on. Where they are far apart, because the
//! process was stopped, the machine suspended or the meter hung, that says nothing of what followed:
//! it is a [`Gap`], and an error in place of numbers.
//!
//! ```
//! use std::time::Duration;
//!
//! use perjoule::dial::{Reach, Step, CounterTrace, respond};
//!
//! // Counts 1,000 a second for two seconds, and 500 a second after that.
//! let mut trace = CounterTrace::default();
//! for tick in 0..=400_u64 {
//!     let total = 10 * tick.min(200) + 5 * tick.saturating_sub(200);
//!     trace.push(Duration::from_millis(10 * tick), total as f64);
//! }
//! let second = Duration::from_secs(1);
//! let step = Step { begin: second, at: 2 * second, end: 4 * second };
//! let window = Duration::from_millis(100);
//! let response = respond(&trace, step, window)?;
//! assert_eq!((response.before.round(), response.settled.round()), (1000.0, 500.0));
//! // What follows at once takes 0.9 of the window that it is seen through.
//! assert_eq!(response.reach, Reach::After(Duration::from_millis(90)));
//! # Ok::<(), perjoule::dial::ResponseError>(())
//! ```

use std::time::Duration;

/// A trace of a counter: its totals over time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CounterTrace {
    /// Times and totals, neither of which ever goes back.
    points: Vec<(Duration, f64)>,
}

/// A step from one set point to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Time at which the set point before was commanded.
    pub begin: Duration,
    /// Time at which the new set point was commanded.
    pub at: Duration,
    /// Time until which the new set point was held.
    pub end: Duration,
}

/// The step response of a counter's rate.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct StepResponse {
    /// Settled rate before the step, in counts (hashes or joules) per second.
    pub before: f64,
    /// Settled rate after the step, in counts per second.
    pub settled: f64,
    /// Time in which nine tenths of the step were covered (t90), or why there is none.
    pub reach: Reach,
    /// Overshoot: how far the rate went beyond the settled rate once nine tenths of the step were
    /// covered, in counts per second; 0 or more.
    pub overshoot: f64,
    /// Ripple: largest deviation from the settled rate once settled, to either side, in counts per
    /// second. An overshoot that is no larger than this is noise.
    pub ripple: f64,
    /// Counts that were lost, compared with a rate that jumps to the settled one at the command.
    /// After a step up the number is positive: less was counted. After a step down it is negative:
    /// more was counted.
    ///
    /// They are counted over three times t90, in which something that lags by a time constant
    /// covers all but a thousandth; over all of the set point where it has no t90.
    pub lost: f64,
}

/// A gap: a time without a reading of the counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Time of the last reading before the gap.
    pub from: Duration,
    /// Time of the first reading after the gap, or of the end where there is none.
    pub to: Duration,
}

impl Gap {
    /// Returns the length of the gap.
    #[must_use]
    pub fn time(self) -> Duration {
        self.to.saturating_sub(self.from)
    }
}

/// The error of a trace that gives no step response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResponseError {
    /// There were no readings for so long that the rate in between is not known.
    #[error("no reading for {:.3} s", .0.time().as_secs_f64())]
    Gap(Gap),
    /// A set point was not held for two windows, or the trace does not cover the step.
    #[error("not held for two windows of readings")]
    Short,
}

/// When nine tenths of a step were covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Nine tenths were covered this long after the command. As rates are means over a window that
    /// ends then, this is up to nine tenths of the window too long, and never too short.
    After(Duration),
    /// The rate was still on its way when the set point ended.
    Never,
    /// The step is not larger than what the rate did by itself before.
    Unclear,
}

/// Share of a step that t90 covers: nine tenths, less what rounding takes of it.
const COVERED: f64 = 0.9 - 1e-9;

/// A rate is settled where, from the third quarter of its time to the last, it goes on by no more than
/// this share of the way.
const DRIFT: f64 = 0.1;

/// What the rate does by itself for more than this share of the time is no step.
const NOISE: f64 = 0.2;

/// Into how many parts a settled time is cut, so that what disturbs one of them does not count.
const PARTS: u32 = 8;

/// Number of windows for which there may always be no reading: on a busy machine some come late.
const LATE: u32 = 2;

/// There may also be no reading for one part in this many of a settled time: it touches three of
/// the eight parts that the median is taken of.
const BLIND: u32 = 4;

/// The longest time without a reading in which a step is followed to its level.
const LONGEST: Duration = Duration::from_millis(500);

impl CounterTrace {
    /// Adds the total that the counter showed at that time. A time that is not later than the last
    /// one, or a smaller total, is taken for a mistake and left out.
    pub fn push(&mut self, at: Duration, total: f64) {
        let is_next = self.points.last().is_none_or(|&(last, most)| last < at && most <= total);
        if is_next && total.is_finite() {
            self.points.push((at, total));
        }
    }

    /// Returns the total at that time, in a straight line between readings; `None` before the first
    /// and after the last.
    #[must_use]
    pub fn total(&self, at: Duration) -> Option<f64> {
        let next = self.points.partition_point(|&(time, _)| time < at);
        let &(right, most) = self.points.get(next)?;
        if right == at {
            return Some(most);
        }
        let &(left, least) = self.points.get(next.checked_sub(1)?)?;
        let since = |time: Duration| time.saturating_sub(left).as_secs_f64();
        Some(least + since(at) / since(right) * (most - least))
    }

    /// Returns the mean rate between two times, in counts per second; `None` where no time lies
    /// between them, or the trace does not cover them.
    #[must_use]
    pub fn rate(&self, from: Duration, to: Duration) -> Option<f64> {
        let time = to.checked_sub(from).filter(|time| !time.is_zero())?;
        Some((self.total(to)? - self.total(from)?) / time.as_secs_f64())
    }

    /// Returns the median time from one change of the counter to the next; `None` where it does not
    /// change twice between these times.
    #[must_use]
    pub fn period(&self, from: Duration, to: Duration) -> Option<Duration> {
        let inside = |&&(at, _): &&(Duration, f64)| (from..=to).contains(&at);
        let mut changes = Vec::new();
        let mut last = None;
        for &(at, total) in self.points.iter().filter(inside) {
            if last.replace(total).is_some_and(|last| last < total) {
                changes.push(at);
            }
        }
        let mut periods: Vec<_> =
            changes.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
        periods.sort_unstable();
        periods.get(periods.len() / 2).copied()
    }

    /// Returns the longest gap between two times, if more than `most` of it lies between them.
    ///
    /// The gap is that between two readings. Where the last reading comes before the end, the gap
    /// ends there.
    #[must_use]
    pub fn gap(&self, from: Duration, to: Duration, most: Duration) -> Option<Gap> {
        let inside = |gap: &Gap| gap.to.min(to).saturating_sub(gap.from.max(from));
        let last = self.points.partition_point(|&(at, _)| at < to);
        let first = self.points.partition_point(|&(at, _)| at <= from).saturating_sub(1);
        let points = self.points.get(first..self.points.len().min(last + 1)).unwrap_or_default();
        let gaps = points.windows(2).map(|pair| Gap { from: pair[0].0, to: pair[1].0 });
        let end = self.points.last().filter(|(at, _)| *at < to).map(|&(from, _)| Gap { from, to });
        let gaps = gaps.chain(end);
        gaps.filter(|gap| inside(gap) > most).max_by_key(inside)
    }

    /// The times of readings between two times, without the first.
    fn times(&self, from: Duration, to: Duration) -> impl Iterator<Item = Duration> {
        let first = self.points.partition_point(|&(at, _)| at <= from);
        self.points[first..].iter().map(|&(at, _)| at).take_while(move |&at| at <= to)
    }

    /// The mean rate over a window that ends now.
    fn seen(&self, window: Duration, now: Duration) -> Option<f64> {
        self.rate(now.checked_sub(window)?, now)
    }

    /// Returns the settled rate, in counts per second: that in the last half of a time. It is the
    /// median over parts that are no shorter than `window`, so that noise, or something else that
    /// ran, does not count unless it lasts.
    ///
    /// # Errors
    ///
    /// When the trace does not cover that half, or has a gap there of more than two windows and more
    /// than a quarter of it.
    pub fn settled(
        &self,
        from: Duration,
        to: Duration,
        window: Duration,
    ) -> Result<f64, ResponseError> {
        let half = to.checked_sub(from).ok_or(ResponseError::Short)? / 2;
        let middle = to.saturating_sub(half);
        match self.gap(middle, to, (window * LATE).max(half / BLIND)) {
            Some(gap) => Err(ResponseError::Gap(gap)),
            None => self.median(middle, to, window).ok_or(ResponseError::Short),
        }
    }

    /// The median rate of parts of a time.
    fn median(&self, from: Duration, to: Duration, window: Duration) -> Option<f64> {
        let time = to.checked_sub(from)?;
        let parts = (time.as_nanos() / window.as_nanos().max(1)).clamp(1, PARTS.into()) as u32;
        let ends = |part: u32| (from + time * part / parts, from + time * (part + 1) / parts);
        let rate = |(from, to)| self.rate(from, to);
        let mut rates = (0..parts).map(ends).map(rate).collect::<Option<Vec<_>>>()?;
        rates.sort_unstable_by(f64::total_cmp);
        let middle = rates.len() / 2;
        Some(if rates.len() % 2 == 1 {
            rates[middle]
        } else {
            f64::midpoint(rates[middle - 1], rates[middle])
        })
    }
}

/// Returns the step response of the counter's rate, seen through windows of this length.
///
/// # Errors
///
/// When the trace does not cover the step, or a set point was not held for two windows; or when
/// there is a [`Gap`] of more than two windows: one in the new set point that lasts longer than
/// half a second or than an eighth of its time, or one in the old set point that [`CounterTrace::settled`]
/// refuses.
pub fn respond(
    trace: &CounterTrace,
    step: Step,
    window: Duration,
) -> Result<StepResponse, ResponseError> {
    let Step { begin, at, end } = step;
    let half = end.saturating_sub(at) / 2;
    let half_before = at.saturating_sub(begin) / 2;
    if window.is_zero() || half.min(half_before) < window {
        return Err(ResponseError::Short);
    }
    let before = trace.settled(begin, at, window)?;
    let settled = trace.settled(at, end, window)?;
    if let Some(gap) = trace.gap(at, end, (window * LATE).max(LONGEST.min(half / BLIND))) {
        return Err(ResponseError::Gap(gap));
    }
    follow(trace, step, window, [before, settled]).ok_or(ResponseError::Short)
}

/// Returns the response to a step that the trace covers, from the levels before and after.
fn follow(
    trace: &CounterTrace,
    Step { begin, at, end }: Step,
    window: Duration,
    [before, settled]: [f64; 2],
) -> Option<StepResponse> {
    let half = end.checked_sub(at)? / 2;
    let half_before = at.checked_sub(begin)? / 2;
    let way = settled - before;
    // Of the way, from 0 to 1, in the window that ends then.
    let covered = |now: Duration| Some((trace.seen(window, now)? - before) / way);
    let is_there = |now: &Duration| covered(*now).is_some_and(|share| share >= COVERED);

    let third = end.saturating_sub(half);
    // How far the rate goes on from the third to the last quarter of a set point.
    let drift = |half: Duration, end: Duration| {
        let (third, last) = (end.saturating_sub(half), end.saturating_sub(half / 2));
        Some(trace.median(last, end, window)? - trace.median(third, last, window)?)
    };
    let (drift, by_itself) = (drift(half, end)?, drift(half_before, at)?);
    let old: Vec<_> = trace.times(at.saturating_sub(half_before) + window, at).collect();
    let seen_before = old.iter().filter(|now| is_there(now)).count();
    let reach = if way == 0.0 || seen_before as f64 > NOISE * old.len() as f64 {
        Reach::Unclear
    } else if drift / way > DRIFT && drift.abs() > 2.0 * by_itself.abs() {
        Reach::Never
    } else {
        match trace.times(at, end).find(is_there) {
            Some(now) => Reach::After(now.saturating_sub(at)),
            None => Reach::Never,
        }
    };

    let beyond = |now: Duration| {
        let beyond = trace.seen(window, now)? - settled;
        Some(if way < 0.0 { -beyond } else { beyond })
    };
    let arrived = if let Reach::After(time) = reach { at.saturating_add(time) } else { end };
    let overshoot = trace.times(arrived, end).filter_map(beyond).fold(0.0, f64::max);
    let ripple = trace.times(third + window, end).filter_map(beyond);
    let ripple = ripple.map(f64::abs).fold(0.0, f64::max);

    let until = if let Reach::After(time) = reach {
        end.min(at.saturating_add(time.saturating_mul(3)))
    } else {
        end
    };
    let counted = trace.total(until)? - trace.total(at)?;
    let lost = settled * until.saturating_sub(at).as_secs_f64() - counted;
    Some(StepResponse { before, settled, reach, overshoot, ripple, lost })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_millis(50);
    const STEP: Step =
        Step { begin: Duration::ZERO, at: Duration::from_secs(5), end: Duration::from_secs(10) };

    /// Returns the response to a step at 5 s of a counter that shows `total`, read every 5 ms.
    fn response(total: impl Fn(f64) -> f64) -> StepResponse {
        let mut trace = CounterTrace::default();
        for tick in 0..=2_000 {
            let at = Duration::from_millis(5 * tick);
            trace.push(at, total(at.as_secs_f64()));
        }
        respond(&trace, STEP, WINDOW).expect("all of the step")
    }

    /// Counts `a` a second until 5 s, and after that what lags behind `b` by a time constant.
    fn lag(a: f64, b: f64, tau: f64) -> impl Fn(f64) -> f64 {
        move |at| {
            let since = (at - 5.0).max(0.0);
            let behind = (a - b) * tau * (1.0 - (-since / tau).exp());
            a * at.min(5.0) + b * since + behind
        }
    }

    /// From 100 to 90 at once, while the rate falls by two in each second of a set point's last
    /// quarters, before the step as after it.
    #[test]
    fn what_the_rate_does_by_itself_is_no_way_to_go() {
        let wander = |at: f64| {
            // The integral of a fall by 2 a second over 1.25 s, which begins anew at each step.
            let late = (at % 5.0 - 3.75).max(0.0);
            (at / 5.0).floor() * 1.5625 + late * late
        };
        let seen = response(|at| 100.0 * at - 10.0 * (at - 5.0).max(0.0) - wander(at));
        assert!(
            matches!(seen.reach, Reach::After(time) if time < Duration::from_millis(60)),
            "{seen:?}"
        );
    }

    #[track_caller]
    fn assert_near(found: f64, expected: f64, within: f64) {
        assert!((found - expected).abs() <= within, "{found} and not {expected}");
    }

    #[track_caller]
    fn after(response: &StepResponse) -> f64 {
        let Reach::After(time) = response.reach else { panic!("{response:?}") };
        time.as_secs_f64()
    }

    #[test]
    fn what_follows_at_once_takes_nine_tenths_of_the_window() {
        for (a, b) in [(1e6, 5e5), (5e5, 0.0), (0.0, 1e6)] {
            let response = response(|at| a * at.min(5.0) + b * (at - 5.0).max(0.0));
            assert_near(response.before, a, 1.0);
            assert_near(response.settled, b, 1.0);
            assert_near(after(&response), 0.045, 1e-9);
            assert_near(response.overshoot, 0.0, 1.0);
            assert_near(response.ripple, 0.0, 1.0);
            assert_near(response.lost, 0.0, 1.0);
        }
    }

    #[test]
    fn a_lag_takes_its_time_constant_times_the_logarithm_of_ten() {
        for (a, b, tau) in [(1e6, 5e5, 0.3), (0.0, 1e6, 0.1), (1e6, 0.0, 0.5)] {
            let response = response(lag(a, b, tau));
            let time = tau * 10_f64.ln();
            // The window delays it by less than its own length.
            assert!((time..time + 0.05).contains(&after(&response)), "{response:?} {time}");
            assert_near(response.settled, b, 1e4);
            // Up, it is less than there should have been, and down more.
            let lost = (b - a) * tau;
            assert_near(response.lost, lost, lost.abs() * 0.05);
            assert_eq!(response.lost > 0.0, b > a);
        }
    }

    #[test]
    fn what_goes_beyond_is_told_on_either_side() {
        // 20 % of full too much, or too little, for a fifth of a second.
        let bump = |at: f64| (at - 5.2).clamp(0.0, 0.2);
        let up = response(|at| 1e6 * (at - 5.0).max(0.0) + 2e5 * bump(at));
        assert_near(up.overshoot, 2e5, 1.0);
        let down = response(|at| 1e6 * at.min(5.0) + 5e5 * (at - 5.0).max(0.0) - 2e5 * bump(at));
        assert_near(down.overshoot, 2e5, 1.0);
        assert_near(up.ripple + down.ripple, 0.0, 2.0);
        // On the side that it came from it is none.
        let short = response(|at| 1e6 * (at - 5.0).max(0.0) - 2e5 * bump(at));
        assert_near(short.overshoot, 0.0, 1.0);
    }

    #[test]
    fn what_is_still_on_its_way_has_not_got_there() {
        for tau in [3.0, 10.0] {
            assert_eq!(response(lag(1e6, 0.0, tau)).reach, Reach::Never, "{tau}");
        }
        // It lost all of the time.
        let response = response(lag(0.0, 1e6, 10.0));
        assert!(response.lost > 0.0, "{response:?}");
    }

    #[test]
    fn no_way_takes_no_time() {
        let response = response(|at| 1e6 * at);
        assert_eq!(response.reach, Reach::Unclear);
        assert_near(response.lost, 0.0, 1.0);
        assert_eq!(self::response(|_| 0.0).reach, Reach::Unclear);
    }

    /// A wave of 37 ms, a tenth of the rate high, which is no whole number of windows.
    fn noise(at: f64) -> f64 {
        1e5 * 0.037 / std::f64::consts::TAU * (at * std::f64::consts::TAU / 0.037).sin()
    }

    #[test]
    fn noise_does_not_hide_a_step_that_is_larger() {
        let response = response(|at| lag(1e6, 5e5, 0.2)(at) + noise(at));
        let time = 0.2 * 10_f64.ln();
        assert!((time - 0.1..time + 0.1).contains(&after(&response)), "{response:?}");
        assert_near(response.before, 1e6, 2e4);
        assert_near(response.settled, 5e5, 2e4);
        assert!(response.ripple > 1e4 && response.overshoot < 2.0 * response.ripple);
    }

    #[test]
    fn a_step_within_the_noise_is_unclear() {
        let slow = |at: f64| 5e4 / 9.0 * (9.0 * at).sin();
        let response = response(|at| 1e6 * at.min(5.0) + 9.8e5 * (at - 5.0).max(0.0) + slow(at));
        assert_eq!(response.reach, Reach::Unclear, "{response:?}");
    }

    #[test]
    fn what_disturbs_for_a_moment_does_not_move_a_level() {
        // Nothing for 0.4 s of each settled half.
        let hole = |at: f64| (at - 3.0).clamp(0.0, 0.4) + (at - 8.0).clamp(0.0, 0.4);
        let response = response(|at| lag(1e6, 5e5, 0.1)(at) - 5e5 * hole(at));
        assert_near(response.before, 1e6, 1e4);
        assert_near(response.settled, 5e5, 1e4);
        assert!(after(&response) < 0.3);
    }

    #[test]
    fn a_trace_that_does_not_cover_the_step_says_nothing() {
        let mut trace = CounterTrace::default();
        assert_eq!(respond(&trace, STEP, WINDOW), Err(ResponseError::Short));
        for tick in 0..1_000 {
            trace.push(Duration::from_millis(10 * tick), tick as f64);
        }
        assert_eq!(respond(&trace, STEP, WINDOW), Err(ResponseError::Short));
        trace.push(STEP.end, 1_000.0);
        assert!(respond(&trace, STEP, WINDOW).is_ok());
        // As does one that is too short for its windows, or is none.
        let none = Err(ResponseError::Short);
        assert_eq!(respond(&trace, STEP, Duration::from_secs(3)), none);
        assert_eq!(respond(&trace, STEP, Duration::ZERO), none);
        assert_eq!(respond(&trace, Step { at: STEP.end, ..STEP }, WINDOW), none);
        assert_eq!(respond(&trace, Step { begin: STEP.end, ..STEP }, WINDOW), none);
    }

    /// Looked at every 5 ms but for a time, in which it counted as if that time had not been.
    fn stopped(from: f64, time: f64) -> Result<StepResponse, ResponseError> {
        let mut trace = CounterTrace::default();
        for tick in 0..=2_000_u32 {
            let at = f64::from(tick) / 200.0;
            let counted = at - (at - from).clamp(0.0, time);
            if at <= from || at >= from + time {
                trace.push(Duration::from_secs_f64(at), 1e6 * counted.min(5.0));
            }
        }
        respond(&trace, STEP, WINDOW)
    }

    #[test]
    fn a_time_without_readings_is_told_in_place_of_what_cannot_be_known() {
        let gap = |from: f64, to: f64| {
            let [from, to] = [from, to].map(Duration::from_secs_f64);
            Err(ResponseError::Gap(Gap { from, to }))
        };
        // In the settled half of the old set point and anywhere in the new one.
        assert_eq!(stopped(3.0, 1.5), gap(3.0, 4.5));
        assert_eq!(stopped(5.5, 1.0), gap(5.5, 6.5));
        assert_eq!(stopped(8.0, 2.0), gap(8.0, 10.0));
        // It reaches into the settled half, or over the command.
        assert_eq!(stopped(0.5, 3.5), gap(0.5, 4.0));
        assert_eq!(stopped(4.0, 2.0), gap(4.0, 6.0));
        let error = gap(3.0, 4.5).expect_err("a gap");
        assert_eq!(error.to_string(), "no reading for 1.500 s");
        // In the other half nothing depends on it, and a short one moves no median.
        for (from, time) in [(0.5, 1.5), (3.0, 0.4), (8.0, 0.4)] {
            let response = stopped(from, time).expect("enough readings");
            assert_near(response.before, 1e6, 1.0);
        }
    }

    #[test]
    fn a_level_of_too_few_readings_is_none() {
        let mut trace = CounterTrace::default();
        let seconds = Duration::from_secs;
        for (at, total) in [(0, 0.0), (1, 1e6), (100, 1e6)] {
            trace.push(seconds(at), total);
        }
        let gap = Gap { from: seconds(1), to: seconds(100) };
        assert_eq!(gap.time(), seconds(99));
        let level = trace.settled(seconds(0), seconds(100), WINDOW);
        assert_eq!(level, Err(ResponseError::Gap(gap)));
        assert_eq!(trace.gap(seconds(0), seconds(100), seconds(98)), Some(gap));
        assert_eq!(trace.gap(seconds(0), seconds(99), seconds(98)), None);
        assert_eq!(trace.gap(seconds(50), seconds(60), seconds(9)), Some(gap));
        assert_eq!(trace.gap(seconds(0), seconds(1), seconds(1)), None);
        let end = Gap { from: seconds(100), to: seconds(300) };
        assert_eq!(trace.gap(seconds(200), seconds(300), seconds(1)), Some(end));
        assert_eq!(CounterTrace::default().gap(seconds(0), seconds(1), Duration::ZERO), None);
    }

    #[test]
    fn totals_are_in_straight_lines_between_readings() {
        let mut trace = CounterTrace::default();
        let ms = Duration::from_millis;
        for (at, total) in
            [(10, 0.0), (20, 10.0), (15, 20.0), (25, 5.0), (26, f64::NAN), (30, 10.0), (50, 30.0)]
        {
            trace.push(ms(at), total);
        }
        let totals = [9, 10, 15, 20, 25, 30, 40, 50, 51].map(|at| trace.total(ms(at)));
        let expected = [0.0, 5.0, 10.0, 10.0, 10.0, 20.0, 30.0].map(Some);
        assert_eq!(totals[1..8], expected);
        assert_eq!((totals[0], totals[8]), (None, None));
        assert_eq!(trace.rate(ms(10), ms(50)), Some(750.0));
        assert_eq!(trace.rate(ms(20), ms(20)), None);
        assert_eq!(trace.period(ms(0), ms(60)), Some(ms(30)));
        assert_eq!(trace.period(ms(0), ms(30)), None);
    }
}
