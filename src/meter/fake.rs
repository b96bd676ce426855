//! A meter without a sensor and a clock that is set by hand, for tests of what uses meters.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use super::counter::{Counter, Width};
use super::integral::Integrator;
use super::{Clock, Conditions, Domain, Meter, MeterError, MeterInfo, Reading, Source};
use crate::units::{Joules, Watts};

/// Longest time between two values of power that is not a gap.
const GAP: Duration = Duration::from_secs(1);

/// A clock that is set by hand, for tests: its time passes only with [`Self::advance`].
#[derive(Clone, Debug, Default)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// Makes a clock that shows zero.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a [`Clock`] that shows this time, and that started in 1970.
    #[must_use]
    pub fn clock(&self) -> Clock {
        let nanoseconds = Arc::clone(&self.0);
        let now = move || Duration::from_nanos(nanoseconds.load(Ordering::SeqCst));
        Clock::new(SystemTime::UNIX_EPOCH, now)
    }

    /// Lets this much time pass.
    pub fn advance(&self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.0.fetch_add(nanoseconds, Ordering::SeqCst);
    }
}

/// A simulated meter, whose joules follow from the time.
#[derive(Debug)]
pub struct Fake {
    info: MeterInfo,
    power: Watts,
    kind: Kind,
    stands_from: Duration,
    fails_from: Duration,
    conditions: Option<Conditions>,
}

#[derive(Debug)]
enum Kind {
    /// The counter shows another number this often.
    Counting(Counter, Duration),
    Power(Integrator),
}

impl Fake {
    /// Makes an energy counter of a device that draws `power`, updated once every `update`.
    #[must_use]
    pub fn counting(domain: Domain, power: Watts, update: Duration) -> Self {
        let millijoule = Joules::from_millijoules(1);
        let counter = Counter::new(millijoule, Width::Endless);
        Self::new(domain, power, Kind::Counting(counter, update), Some(millijoule))
    }

    /// Makes a power sensor of a device that draws `power`.
    #[must_use]
    pub fn telling_power(domain: Domain, power: Watts) -> Self {
        Self::new(domain, power, Kind::Power(Integrator::new(GAP)), None)
    }

    fn new(domain: Domain, power: Watts, kind: Kind, resolution: Option<Joules>) -> Self {
        let info = MeterInfo {
            domain,
            source: Source::Fake,
            detail: "made up".to_owned(),
            resolution,
            read_within: None,
            interval: None,
        };
        let (stands_from, fails_from) = (Duration::MAX, Duration::MAX);
        Self { info, power, kind, stands_from, fails_from, conditions: None }
    }

    /// Makes the meter stand still from that time on: its counter stops, or its power is 0 W.
    #[must_use]
    pub fn standing_from(self, at: Duration) -> Self {
        Self { stands_from: at, ..self }
    }

    /// Makes every reading from that time on fail.
    #[must_use]
    pub fn failing_from(self, at: Duration) -> Self {
        Self { fails_from: at, ..self }
    }

    /// Makes it a slow meter, which is worth reading only every `interval`.
    #[must_use]
    pub fn slow(mut self, interval: Duration) -> Self {
        self.info.interval = Some(interval);
        self
    }

    /// Makes the meter report that state of a device.
    #[must_use]
    pub fn with_conditions(self, conditions: Conditions) -> Self {
        Self { conditions: Some(conditions), ..self }
    }
}

impl Meter for Fake {
    fn info(&self) -> &MeterInfo {
        &self.info
    }

    fn read(&mut self, clock: &Clock) -> Result<Reading, MeterError> {
        let at = clock.now();
        if at >= self.fails_from {
            let error = std::io::Error::from(std::io::ErrorKind::NotFound);
            return Err(MeterError::read("fake".as_ref(), error));
        }
        let moving = at.min(self.stands_from);
        let mut reading = Reading { at, counted: None, integrated: None, power: None };
        match &mut self.kind {
            Kind::Counting(counter, update) => {
                let updates = moving.as_nanos().checked_div(update.as_nanos()).unwrap_or(0);
                let since = update.saturating_mul(u32::try_from(updates).unwrap_or(u32::MAX));
                let millijoules = (self.power * since).value() * 1e3;
                reading.counted = Some(counter.see(millijoules.round() as u64, at));
            }
            Kind::Power(integrator) => {
                let power = if at < self.stands_from { self.power } else { Watts::ZERO };
                reading.integrated = Some(integrator.see(power, at));
                reading.power = Some(power);
            }
        }
        Ok(reading)
    }

    fn conditions(&mut self) -> Option<Conditions> {
        self.conditions.clone()
    }
}
