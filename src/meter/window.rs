//! Windows: the energy between two readings of a meter.

use std::fmt;
use std::time::{Duration, SystemTime};

use super::integral::{Doubts, Point, Stretch, doubts, stretch};
use super::{Clock, Conditions, MeterError, MeterInfo, Reading, Source};
use crate::units::{Joules, Watts};

/// Largest difference of counted and integrated energy, as a share of the larger one, that is not
/// noted.
const DISAGREEMENT: f64 = 0.2;

/// A sample of a meter, for plots: its energy and power at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "score", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Sample {
    /// Time of the sample, since the start of the clock.
    pub at: Duration,
    /// Energy since the first reading of the meter, in joules.
    pub energy: Joules,
    /// Power at that time, or mean power since a short time before, in watts; `None` where it is
    /// not known yet, as for a counter before its first update.
    pub power: Option<Watts>,
}

/// A window: the energy from one reading of a meter to another, with what is needed to check it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Window {
    /// Description of the meter.
    pub info: MeterInfo,
    /// Time that the window covers.
    pub span: Span,
    /// Energy used in the window, in joules: more than zero.
    pub energy: Joules,
    /// How the energy is known: counted, integrated or assumed.
    pub method: Method,
    /// Counted and integrated energy side by side; `None` unless both are known.
    pub check: Option<CrossCheck>,
    /// Number of updates of the counter in the window; for integrated energy, of power values.
    pub updates: u64,
    /// Mean time from one update of the counter to the next, as observed since its first reading;
    /// `None` where the energy was not counted, or before two updates.
    pub update_period: Option<Duration>,
    /// Samples that a recorder took in the window; empty where there was no recorder.
    pub samples: Vec<Sample>,
    /// States of the device in the window, each with its time since the start of the clock; empty
    /// where the meter does not report them.
    pub conditions: Vec<(Duration, Conditions)>,
    /// Caveats that belong to the energy.
    pub notes: Vec<WindowNote>,
}

/// A span of time: its date and its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Date at which the span begins, by the system's clock.
    pub from: SystemTime,
    /// Length of the span: more than zero.
    pub took: Duration,
}

/// How the energy of a window is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "score", derive(serde::Serialize), serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Method {
    /// By the energy counter of the device.
    Counted,
    /// By power that was integrated over time.
    Integrated,
    /// By a stated power: nothing was measured.
    Assumed,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Counted => "counted",
            Self::Integrated => "integrated",
            Self::Assumed => "assumed",
        })
    }
}

/// The energy of one window, known in two ways.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrossCheck {
    /// Energy by the device's counter, in joules.
    pub counted: Joules,
    /// Energy integrated from power over time, in joules.
    pub integrated: Joules,
}

impl CrossCheck {
    /// Returns the difference of the two as a share of the larger one, from 0 to 1.
    #[must_use]
    pub fn difference(self) -> f64 {
        let (a, b) = (self.counted.value(), self.integrated.value());
        (a - b).abs() / a.max(b)
    }
}

/// A caveat on the energy of a window.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WindowNote {
    /// Counted and integrated energy differ by more than 20 % of the larger one.
    #[error(
        "counted {} but integrated {}, {:.0} % apart; the counter is used, because it misses \
         nothing between two readings",
        .0.counted, .0.integrated, .0.difference() * 100.0
    )]
    Disagree(CrossCheck),
    /// The counter cannot be used, so that the energy was integrated from power.
    #[error("integrated from power, because {0}")]
    CounterFailed(MeterError),
    /// Power was not read for some of the time.
    #[error(
        "power was not read for {:.1} s of it ({gaps} gaps), and taken to change in a straight line",
        time.as_secs_f64()
    )]
    Gaps {
        /// Number of gaps.
        gaps: u64,
        /// Total length of the gaps.
        time: Duration,
    },
    /// Some values of power are outliers: far from those before and after them.
    #[error(
        "{times} values of power are far from those before and after (such as {worst} beside \
         {beside}): {}",
        if *left_out { "left out" } else { "they are in the mean" }
    )]
    Far {
        /// Number of outliers.
        times: u64,
        /// Farthest of the outliers, in watts.
        worst: Watts,
        /// Value before or after that outlier, in watts.
        beside: Watts,
        /// Whether the outliers are left out of the energy, since no machine changes that much for
        /// a moment; power is then taken to change in a straight line.
        left_out: bool,
    },
    /// Some readings within the window failed.
    #[error("{times} readings in between failed, the last because: {last}")]
    Failed {
        /// Number of readings that failed.
        times: u64,
        /// Error of the last one that failed.
        last: MeterError,
    },
}

/// Notes are equal where their texts are, since errors cannot be compared.
impl PartialEq for WindowNote {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Window {
    /// Returns the window from one reading of a meter to a later one of the same meter, by the same
    /// clock.
    ///
    /// A counter is preferred to integrated power. Where both are known and differ by more than 20
    /// % of the larger one, [`WindowNote::Disagree`] says so.
    ///
    /// # Errors
    ///
    /// When no energy was seen, or the readings cannot be trusted.
    pub fn between(
        info: &MeterInfo,
        clock: &Clock,
        start: &Reading,
        end: &Reading,
    ) -> Result<Self, MeterError> {
        let took = end.at.checked_sub(start.at).filter(|took| !took.is_zero());
        let took = took.ok_or(MeterError::NoTime)?;
        let counted = counted(start, end, took);
        let integrated = integrated(start, end, took);
        let check = match (&counted, &integrated) {
            (Some(Ok(counted)), Some(Ok(integrated))) => {
                Some(CrossCheck { counted: *counted, integrated: *integrated })
            }
            _ => None,
        };
        let disagree = check.filter(|check| check.difference() > DISAGREEMENT);
        let mut notes: Vec<_> = disagree.map(WindowNote::Disagree).into_iter().collect();
        let (energy, method) = match (counted, &integrated) {
            (Some(Ok(counted)), _) => (counted, Method::Counted),
            (Some(Err(error)), Some(Ok(integrated))) => {
                notes.push(WindowNote::CounterFailed(error));
                (*integrated, Method::Integrated)
            }
            (Some(Err(error)), _) => return Err(error),
            (None, Some(Ok(integrated))) => (*integrated, Method::Integrated),
            (None, Some(Err(error))) => return Err(error.clone()),
            (None, None) => return Err(MeterError::NoEnergy),
        };
        let updates = match method {
            Method::Counted => difference(start, end, |reading| Some(reading.counted?.updates)),
            _ => difference(start, end, |reading| Some(reading.integrated?.samples)),
        };
        if method == Method::Integrated {
            let gaps = difference(start, end, |reading| Some(reading.integrated?.gaps));
            let until =
                |reading: &Reading| reading.integrated.map_or(Duration::ZERO, |sum| sum.gap_time);
            if gaps > 0 {
                notes
                    .push(WindowNote::Gaps { gaps, time: until(end).saturating_sub(until(start)) });
            }
        }
        let assumed = info.source == Source::Assumed;
        let update_period = end.counted.filter(|_| method == Method::Counted);
        Ok(Self {
            info: info.clone(),
            span: Span { from: clock.date(start.at), took },
            energy,
            method: if assumed { Method::Assumed } else { method },
            check,
            updates,
            update_period: update_period.and_then(|counted| counted.update_period()),
            samples: Vec::new(),
            conditions: Vec::new(),
            notes,
        })
    }

    /// Integrates values of power over a span, which begins at `from` by the time of the points.
    ///
    /// A longer time than `patience` without a value is a gap.
    pub(super) fn over(
        info: &MeterInfo,
        span: Span,
        points: &[Point],
        from: Duration,
        patience: Duration,
    ) -> Result<Self, MeterError> {
        if span.took.is_zero() {
            return Err(MeterError::NoTime);
        }
        let stretch = stretch(points, from, from.saturating_add(span.took), patience)
            .ok_or(MeterError::NotCovered)?;
        if stretch.points == 0 {
            return Err(MeterError::NoValue);
        }
        if stretch.energy <= Joules::ZERO {
            return Err(MeterError::NoPower(span.took));
        }
        let Stretch { energy, points: inside, gaps, gap_time } = stretch;
        let notes = (gaps > 0).then_some(WindowNote::Gaps { gaps, time: gap_time });
        let window = Self {
            info: info.clone(),
            span,
            energy,
            method: Method::Integrated,
            check: None,
            updates: inside,
            update_period: None,
            samples: Vec::new(),
            conditions: Vec::new(),
            notes: notes.into_iter().collect(),
        };
        Ok(window.doubted(points, from))
    }

    /// Notes outliers among values of power, and leaves those out of integrated energy that cannot
    /// be real.
    ///
    /// The window begins at `from` by the time of the points.
    pub(super) fn doubted(mut self, points: &[Point], from: Duration) -> Self {
        if self.method != Method::Integrated {
            return self;
        }
        let Doubts { kept, left_out, excess } =
            doubts(points, from, from.saturating_add(self.span.took));
        let rest = self.energy - excess;
        if rest > Joules::ZERO {
            self.energy = rest;
        }
        for (far, left_out) in [(kept, false), (left_out, rest > Joules::ZERO)] {
            self.notes.extend(far.map(|far| WindowNote::Far {
                times: far.times,
                worst: far.worst,
                beside: far.beside,
                left_out,
            }));
        }
        self
    }

    /// Returns the mean power over the window, in watts.
    #[must_use]
    pub fn power(&self) -> Watts {
        self.energy / self.span.took
    }

    /// Returns whether the energy comes from a stated power, so that nothing was measured.
    #[must_use]
    pub fn is_assumed(&self) -> bool {
        self.method == Method::Assumed
    }
}

/// Returns how much a number has grown from one reading to another; 0 unless both have it.
fn difference(start: &Reading, end: &Reading, of: impl Fn(&Reading) -> Option<u64>) -> u64 {
    of(end).zip(of(start)).map_or(0, |(end, start)| end.saturating_sub(start))
}

fn counted(start: &Reading, end: &Reading, took: Duration) -> Option<Result<Joules, MeterError>> {
    let (start, end) = (start.counted?, end.counted?);
    Some(if end.resets != start.resets {
        Err(MeterError::WentBack)
    } else if end.lapses != start.lapses {
        Err(MeterError::MayHaveWrapped)
    } else {
        Some(end.energy - start.energy)
            .filter(|energy| *energy > Joules::ZERO)
            .ok_or(MeterError::CounterStuck(took))
    })
}

fn integrated(
    start: &Reading,
    end: &Reading,
    took: Duration,
) -> Option<Result<Joules, MeterError>> {
    let energy = end.integrated?.energy - start.integrated?.energy;
    Some(if energy > Joules::ZERO { Ok(energy) } else { Err(MeterError::NoPower(took)) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::{Counted, Domain, Integrated};

    fn info(source: Source) -> MeterInfo {
        MeterInfo {
            domain: Domain::Machine,
            source,
            detail: "test".into(),
            resolution: None,
            read_within: None,
            interval: None,
        }
    }

    /// A reading at that second, with the joules counted and integrated.
    fn reading(at: u64, counted: Option<f64>, integrated: Option<f64>) -> Reading {
        let counted = counted.map(|joules| Counted {
            energy: Joules::new(joules),
            updates: joules as u64,
            updating: Duration::from_secs(at),
            ..Counted::default()
        });
        let integrated = integrated.map(|joules| Integrated {
            energy: Joules::new(joules),
            samples: at,
            ..Integrated::default()
        });
        Reading { at: Duration::from_secs(at), counted, integrated, power: None }
    }

    fn between(start: &Reading, end: &Reading) -> Result<Window, MeterError> {
        let clock = Clock::new(SystemTime::UNIX_EPOCH, || Duration::ZERO);
        Window::between(&info(Source::Fake), &clock, start, end)
    }

    #[test]
    fn windows_hold_what_happened_in_between() {
        let window = between(&reading(5, Some(10.0), None), &reading(9, Some(14.0), None));
        let window = window.expect("a counter that moves");
        assert_eq!((window.energy, window.power()), (Joules::new(4.0), Watts::new(1.0)));
        assert_eq!((window.method, window.updates), (Method::Counted, 4));
        assert_eq!(window.update_period, Some(Duration::from_secs(9) / 13));
        let from = SystemTime::UNIX_EPOCH + Duration::from_secs(5);
        assert_eq!(window.span, Span { from, took: Duration::from_secs(4) });
        assert!(window.notes.is_empty() && !window.is_assumed());

        let window = between(&reading(5, None, Some(10.0)), &reading(9, None, Some(16.0)));
        let window = window.expect("power");
        assert_eq!((window.energy, window.method), (Joules::new(6.0), Method::Integrated));
        assert_eq!((window.updates, window.update_period), (4, None));
    }

    #[test]
    fn nothing_seen_is_no_zero() {
        let start = reading(5, Some(10.0), None);
        assert!(matches!(between(&start, &start), Err(MeterError::NoTime)));
        assert!(matches!(between(&reading(6, Some(10.0), None), &start), Err(MeterError::NoTime)));
        let still = between(&start, &reading(9, Some(10.0), None)).expect_err("no movement");
        assert!(matches!(still, MeterError::CounterStuck(took) if took.as_secs() == 4), "{still}");
        let dark = between(&reading(5, None, Some(3.0)), &reading(9, None, Some(3.0)));
        assert!(matches!(dark, Err(MeterError::NoPower(_))));
        let other = between(&start, &reading(9, None, Some(3.0)));
        assert!(matches!(other, Err(MeterError::NoEnergy)));
    }

    #[test]
    fn a_counter_and_power_are_held_against_each_other() {
        let window = |counted, integrated| {
            let end = reading(9, Some(counted), Some(integrated));
            between(&reading(5, Some(0.0), Some(0.0)), &end).expect("either")
        };
        for (counted, integrated, apart) in [
            (100.0, 100.0, 0),
            (100.0, 81.0, 0),
            (81.0, 100.0, 0),
            (100.0, 79.0, 21),
            (79.0, 100.0, 21),
            (200.0, 100.0, 50),
        ] {
            let window = window(counted, integrated);
            assert_eq!((window.energy, window.method), (Joules::new(counted), Method::Counted));
            let [counted, integrated] = [counted, integrated].map(Joules::new);
            assert_eq!(window.check, Some(CrossCheck { counted, integrated }));
            let expected = (apart > 0).then(|| {
                let text =
                    format!("counted {counted} but integrated {integrated}, {apart} % apart; ");
                text + "the counter is used, because it misses nothing between two readings"
            });
            let notes: Vec<_> = window.notes.iter().map(ToString::to_string).collect();
            assert_eq!(notes, Vec::from_iter(expected));
        }
    }

    #[test]
    fn without_a_counter_that_can_be_used_power_is() {
        let start = reading(5, Some(10.0), Some(10.0));
        let still = reading(9, Some(10.0), Some(16.0));
        let counted = Counted { resets: 1, ..still.counted.expect("one") };
        let back = Reading { counted: Some(counted), ..still };
        let counted = Counted { lapses: 1, ..still.counted.expect("one") };
        let unwatched = Reading { counted: Some(counted), ..still };
        for (end, why) in [
            (still, "integrated from power, because the counter stood still for about 4 s"),
            (back, "integrated from power, because the counter went back"),
            (unwatched, "integrated from power, because the counter was not read for so long"),
        ] {
            let window = between(&start, &end).expect("power");
            assert_eq!((window.energy, window.method), (Joules::new(6.0), Method::Integrated));
            let [note] = window.notes.as_slice() else { panic!("{:?}", window.notes) };
            assert!(note.to_string().starts_with(why), "{note}");
            // Without power there is nothing to fall back on.
            let alone = |reading: Reading| Reading { integrated: None, ..reading };
            assert!(between(&alone(start), &alone(end)).is_err());
        }
        // Power that is not known does not stand in the way of a counter.
        let end = reading(9, Some(12.0), Some(10.0));
        assert_eq!(between(&start, &end).expect("a counter").energy, Joules::new(2.0));
    }

    #[test]
    fn gaps_are_told_where_power_was_integrated() {
        let start = reading(5, None, Some(10.0));
        let mut end = reading(60, None, Some(16.0));
        if let Some(sum) = &mut end.integrated {
            (sum.gaps, sum.gap_time) = (2, Duration::from_secs(45));
        }
        let window = between(&start, &end).expect("power");
        assert_eq!(window.notes, [WindowNote::Gaps { gaps: 2, time: Duration::from_secs(45) }]);
        let counted = Reading { counted: Some(Counted::default()), ..start };
        let end = Reading { counted: reading(60, Some(6.0), None).counted, ..end };
        assert_eq!(between(&counted, &end).expect("a counter").notes, []);
    }

    #[test]
    fn assumptions_are_marked() {
        let clock = Clock::new(SystemTime::UNIX_EPOCH, || Duration::ZERO);
        let readings = [reading(5, None, Some(10.0)), reading(9, None, Some(16.0))];
        let window = Window::between(&info(Source::Assumed), &clock, &readings[0], &readings[1]);
        let window = window.expect("an assumption");
        assert_eq!(window.method, Method::Assumed);
        assert!(window.is_assumed());
    }
}
