//! What lies between two readings of a meter.

use std::fmt;
use std::time::{Duration, SystemTime};

use super::integral::{Doubts, Point, Stretch, doubts, stretch};
use super::{Clock, Conditions, MeterError, MeterInfo, Reading, Source};
use crate::units::{Joules, Watts};

/// A counter and integrated power that are further apart than this share of the larger one are told
/// of.
const DISAGREEMENT: f64 = 0.2;

/// What a meter told at one time, for plots.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "cli", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Sample {
    /// When, since the start of the clock.
    pub at: Duration,
    /// Since the first reading of the meter.
    pub energy: Joules,
    /// The power at that time, or the mean power since a short time before; `None` of a counter until
    /// it has moved for the first time.
    pub power: Option<Watts>,
}

/// The energy from one reading to another, with what has to be known about it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Window {
    /// What was measured, and by what means.
    pub info: MeterInfo,
    /// When.
    pub span: Span,
    /// How much: more than zero.
    pub energy: Joules,
    /// How that is known.
    pub method: Method,
    /// Both energies, where the device counts and power was integrated beside it.
    pub check: Option<CrossCheck>,
    /// How often the counter, or the value of the sensor, was seen to change or was read.
    pub updates: u64,
    /// How long it took from an update of the counter to the next, as observed since its first
    /// reading; `None` where nothing was counted.
    pub update_period: Option<Duration>,
    /// What a recorder saw in between.
    pub samples: Vec<Sample>,
    /// The state of the device in between, where the meter knows it.
    pub conditions: Vec<(Duration, Conditions)>,
    /// What is to be said with the number.
    pub notes: Vec<Note>,
}

/// A time that something took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// When it began, by the system's clock.
    pub from: SystemTime,
    /// How long it took: more than zero.
    pub took: Duration,
}

/// How energy is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "cli", derive(serde::Serialize), serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Method {
    /// The device counts it.
    Counted,
    /// From power, over time.
    Integrated,
    /// Not at all: somebody stated the power.
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

/// One energy, known in two ways.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrossCheck {
    /// By the device's counter.
    pub counted: Joules,
    /// From power, over time.
    pub integrated: Joules,
}

impl CrossCheck {
    /// How far apart they are, as a share of the larger one: 0 to 1.
    #[must_use]
    pub fn difference(self) -> f64 {
        let (a, b) = (self.counted.value(), self.integrated.value());
        (a - b).abs() / a.max(b)
    }
}

/// What is to be said with a number of joules.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Note {
    /// Two ways to know it disagree.
    #[error(
        "counted {} but integrated {}, {:.0} % apart; the counter is used, because it misses \
         nothing between two readings",
        .0.counted, .0.integrated, .0.difference() * 100.0
    )]
    Disagree(CrossCheck),
    /// The counter is of no use.
    #[error("integrated from power, because {0}")]
    CounterFailed(MeterError),
    /// Power was not known for some of the time.
    #[error(
        "power was not read for {:.1} s of it ({gaps} gaps), and taken to change in a straight line",
        time.as_secs_f64()
    )]
    Gaps {
        /// How many gaps.
        gaps: u64,
        /// How long they were, all together.
        time: Duration,
    },
    /// Values of power that are far from those before and after them.
    #[error(
        "{times} values of power are far from those before and after (such as {worst} beside \
         {beside}): {}",
        if *left_out { "left out" } else { "they are in the mean" }
    )]
    Far {
        /// How many.
        times: u64,
        /// The farthest of them.
        worst: Watts,
        /// What is before or after it.
        beside: Watts,
        /// Whether the energy is without them, because no machine changes that much for a moment:
        /// power is taken to change in a straight line.
        left_out: bool,
    },
    /// Some readings in between failed.
    #[error("{times} readings in between failed, the last because: {last}")]
    Failed {
        /// How many.
        times: u64,
        /// What happened at last.
        last: MeterError,
    },
}

/// Errors are compared by what they say.
impl PartialEq for Note {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Window {
    /// From one reading of a meter to a later one of the same meter, by the same clock.
    ///
    /// A counter is preferred to integrated power. Where both are known and 20 % apart or more,
    /// [`Note::Disagree`] says so.
    ///
    /// # Errors
    ///
    /// When no energy was seen, or what was seen cannot be trusted.
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
        let mut notes: Vec<_> = disagree.map(Note::Disagree).into_iter().collect();
        let (energy, method) = match (counted, &integrated) {
            (Some(Ok(counted)), _) => (counted, Method::Counted),
            (Some(Err(error)), Some(Ok(integrated))) => {
                notes.push(Note::CounterFailed(error));
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
                notes.push(Note::Gaps { gaps, time: until(end).saturating_sub(until(start)) });
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

    /// Lays a time, which begins at `from` by the time of the points, over values of power.
    ///
    /// What is longer than `patience` without a value is a gap.
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
        let notes = (gaps > 0).then_some(Note::Gaps { gaps, time: gap_time });
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

    /// Tells of values of power that are far from those around them, and leaves out of integrated
    /// energy what cannot be.
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
            self.notes.extend(far.map(|far| Note::Far {
                times: far.times,
                worst: far.worst,
                beside: far.beside,
                left_out,
            }));
        }
        self
    }

    /// The mean power.
    #[must_use]
    pub fn power(&self) -> Watts {
        self.energy / self.span.took
    }

    /// Whether nothing was measured.
    #[must_use]
    pub fn is_assumed(&self) -> bool {
        self.method == Method::Assumed
    }
}

/// What happened to a number between two readings, of which both have it.
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
        assert_eq!(window.notes, [Note::Gaps { gaps: 2, time: Duration::from_secs(45) }]);
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
