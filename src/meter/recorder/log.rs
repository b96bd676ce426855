//! The log of one meter, and windows over it.

use std::time::Duration;

use super::DEFAULT_INTERVAL;
use crate::meter::integral::Point;
use crate::meter::window::Sample;
use crate::meter::{Clock, Conditions, MeterError, MeterInfo, Reading, Span, Window, WindowNote};

/// Power is taken from joules that are at least this far apart: closer than that it is more of the
/// counter's steps than of the power.
const POWER_BASE: Duration = Duration::from_millis(20);

/// Samples, states and failures of one meter.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) samples: Vec<Sample>,
    pub(super) conditions: Vec<(Duration, Conditions)>,
    pub(super) failures: Vec<Failure>,
    /// The last reading, whether it failed or not.
    pub(super) last: Option<Result<Reading, MeterError>>,
}

/// Readings that failed one after the other.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    from: Duration,
    to: Duration,
    pub(super) times: u64,
    pub(super) last: MeterError,
}

impl Log {
    /// Adds a reading that was begun and ended at these times.
    pub(super) fn add(&mut self, read: Result<Reading, MeterError>, from: Duration, to: Duration) {
        match &read {
            Ok(reading) => self.samples.extend(self.sample(reading)),
            Err(error) => self.fail(from, to, error.clone()),
        }
        self.last = Some(read);
    }

    /// Whether there is a sample at that time or later.
    pub(super) fn reaches(&self, at: Duration) -> bool {
        self.samples.last().is_some_and(|sample| sample.at >= at)
    }

    fn sample(&self, reading: &Reading) -> Option<Sample> {
        let (at, energy) = (reading.at, reading.energy()?);
        let mean = || {
            reading.counted.is_none_or(|counted| counted.updates > 0).then_some(())?;
            let base = self.samples.iter().rev().find(|base| base.at + POWER_BASE <= at)?;
            Some((energy - base.energy) / at.checked_sub(base.at)?)
        };
        Some(Sample { at, energy, power: reading.power.or_else(mean) })
    }

    fn fail(&mut self, from: Duration, to: Duration, last: MeterError) {
        let last_good = self.samples.last().map(|sample| sample.at);
        match self.failures.last_mut().filter(|run| last_good.is_none_or(|good| good < run.from)) {
            Some(run) => *run = Failure { from: run.from, to, times: run.times + 1, last },
            None => self.failures.push(Failure { from, to, times: 1, last }),
        }
    }

    /// Returns the window between two readings of a quick meter.
    pub(super) fn window(
        &self,
        info: &MeterInfo,
        clock: &Clock,
        start: &Result<Reading, MeterError>,
        end: &Result<Reading, MeterError>,
    ) -> Result<Window, MeterError> {
        let start = start.as_ref().map_err(Clone::clone)?;
        let end = end.as_ref().map_err(Clone::clone)?;
        let window = Window::between(info, clock, start, end)?.doubted(&self.points(), start.at);
        Ok(self.complete(window, start.at, end.at))
    }

    /// Returns the window between two times of a slow meter, from its samples before, meanwhile and
    /// after.
    pub(super) fn interpolate(
        &self,
        info: &MeterInfo,
        clock: &Clock,
        from: Duration,
        to: Duration,
    ) -> Result<Window, MeterError> {
        if let (false, Some(failure)) = (self.reaches(to), self.failures.last()) {
            return Err(failure.last.clone());
        }
        let points = self.points();
        let span = Span { from: clock.date(from), took: to.saturating_sub(from) };
        // Once or twice it may be late.
        let patience = info.interval.unwrap_or(DEFAULT_INTERVAL).saturating_mul(3);
        let window = Window::over(info, span, &points, from, patience);
        Ok(self.complete(window?, from, to))
    }

    fn points(&self) -> Vec<Point> {
        let point = |sample: &Sample| {
            Some(Point { at: sample.at, energy: sample.energy, power: sample.power? })
        };
        self.samples.iter().filter_map(point).collect()
    }

    /// Adds the samples, states and failures within the window.
    fn complete(&self, mut window: Window, from: Duration, to: Duration) -> Window {
        let inside = |at: Duration| (from..=to).contains(&at);
        window.samples = self.samples.iter().filter(|sample| inside(sample.at)).copied().collect();
        let conditions = self.conditions.iter().filter(|(at, _)| inside(*at));
        window.conditions = conditions.cloned().collect();
        let on_the_way = |failure: &&Failure| failure.from <= to && failure.to >= from;
        let failures: Vec<_> = self.failures.iter().filter(on_the_way).collect();
        if let Some(Failure { last, .. }) = failures.last() {
            let times = failures.iter().map(|failure| failure.times).sum();
            window.notes.push(WindowNote::Failed { times, last: last.clone() });
        }
        window
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::{Counted, Domain, Source};
    use crate::units::{Joules, Watts};

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn counted(at: u64, joules: f64) -> Reading {
        let counted =
            Some(Counted { energy: Joules::new(joules), updates: at, ..Counted::default() });
        Reading { at: seconds(at), counted, integrated: None, power: None }
    }

    fn notes(log: &Log, from: u64, to: u64) -> Vec<WindowNote> {
        let info = MeterInfo {
            domain: Domain::Cpu,
            source: Source::Fake,
            detail: String::new(),
            resolution: None,
            read_within: None,
            interval: None,
        };
        let readings = [from, to].map(|at| Ok(counted(at, at as f64)));
        let window = log.window(&info, &Clock::start(), &readings[0], &readings[1]);
        window.expect("both ends").notes
    }

    #[test]
    fn failures_are_told_in_the_windows_that_they_are_in() {
        let mut log = Log::default();
        let fail = |log: &mut Log, at| log.add(Err(MeterError::WentBack), seconds(at), seconds(at));
        log.add(Ok(counted(0, 0.0)), seconds(0), seconds(0));
        fail(&mut log, 2);
        fail(&mut log, 3);
        log.add(Ok(counted(4, 4.0)), seconds(4), seconds(4));
        fail(&mut log, 6);
        log.add(Ok(counted(8, 8.0)), seconds(8), seconds(8));
        let failed = |times| vec![WindowNote::Failed { times, last: MeterError::WentBack }];
        assert_eq!(log.failures.len(), 2);
        assert_eq!(notes(&log, 0, 1), []);
        assert_eq!(notes(&log, 0, 2), failed(2));
        assert_eq!(notes(&log, 0, 4), failed(2));
        assert_eq!(notes(&log, 4, 5), []);
        assert_eq!(notes(&log, 4, 7), failed(1));
        assert_eq!(notes(&log, 0, 8), failed(3));
    }

    #[test]
    fn power_of_a_counter_is_a_mean_over_more_than_its_steps() {
        let mut log = Log::default();
        // Before it has moved nothing is known, and no 0 W.
        for (milliseconds, updates, joules) in [
            (0, 0, 0.0),
            (30, 0, 0.0),
            (31, 1, 5.0),
            (80, 2, 10.0),
            (81, 2, 10.0),
            (90, 3, 20.0),
            (120, 3, 20.0),
        ] {
            let at = Duration::from_millis(milliseconds);
            log.add(Ok(Reading { at, ..counted(updates, joules) }), at, at);
        }
        let expected = [
            None,
            None,
            Some(5.0 / 0.031),
            Some(5.0 / 0.049),
            Some(100.0),
            Some(15.0 / 0.059),
            Some(0.0),
        ];
        for (sample, expected) in log.samples.iter().zip(expected) {
            let text = |power: Option<Watts>| power.map(|power| power.to_string());
            assert_eq!(text(sample.power), text(expected.map(Watts::new)), "{:?}", sample.at);
        }
        assert_eq!(log.samples.len(), expected.len());
    }
}
