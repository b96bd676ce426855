//! Energy as a measurement of criterion, so that `cargo bench` reports hashes and FLOPs per joule.
//!
//! Energy counters are updated a thousand times a second at best, and those of GPUs ten times. By
//! default criterion begins with a single iteration and adds one for each sample. That is too short
//! for such a counter to move, so criterion gives up. So a benchmark of energy needs
//! [`SamplingMode::Flat`](::criterion::SamplingMode::Flat), ten samples, and two seconds or more for
//! each of them; see `benches/energy.rs`.
//!
//! Where there is no meter, time is measured instead, as one line on standard error says. A meter
//! that fails on the way leaves a benchmark without a number: [`EnergyMeasurement::failure`] lets a
//! bench end with an exit code that says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ::criterion::Throughput;
use ::criterion::measurement::{Measurement, ValueFormatter, WallTime};

use crate::meter::{Clock, DEFAULT_INTERVAL, Mark, MeterError, Recorder, found};
use crate::record::DeviceId;
use crate::score::Metering;
use crate::units::{Joules, WorkUnit};

/// A measurement of the energy of a device in joules, or of time in nanoseconds where no meter
/// measures it.
#[derive(Debug)]
pub struct EnergyMeasurement {
    device: DeviceId,
    metering: Option<Metering>,
    formatter: PerJoule,
    /// Whether a reading has failed, which is printed once.
    has_failed: Arc<AtomicBool>,
}

impl EnergyMeasurement {
    /// Starts to read the meters of this machine. Each element of a benchmark's throughput counts
    /// as one `unit` of work.
    ///
    /// # Errors
    ///
    /// When the system cannot start a thread to read them.
    pub fn new(device: DeviceId, unit: WorkUnit) -> Result<Self, MeterError> {
        let (meters, missing): (Vec<_>, Vec<_>) = found().into_iter().partition(Result::is_ok);
        let meters = meters.into_iter().flatten().collect();
        let recorder = Recorder::start(meters, Clock::start(), DEFAULT_INTERVAL)?;
        let metering = Metering::new(recorder);
        let is_metered = metering.is_charged(device);
        if !is_metered {
            let why: Vec<_> = missing.iter().filter_map(|it| it.as_ref().err()).collect();
            let why = why.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            eprintln!("no meter measures {device}, so this is time and not energy ({why})");
        }
        Ok(Self::with(device, unit, is_metered.then_some(metering)))
    }

    fn with(device: DeviceId, unit: WorkUnit, metering: Option<Metering>) -> Self {
        let formatter = PerJoule { unit };
        Self { device, metering, formatter, has_failed: Arc::default() }
    }

    /// Returns the flag that is set when a reading fails. Take it before the measurement is moved
    /// into criterion.
    #[must_use]
    pub fn failure(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.has_failed)
    }

    /// Returns whether energy is measured, and not time.
    #[must_use]
    pub fn is_energy(&self) -> bool {
        self.metering.is_some()
    }
}

/// The beginning of a measurement: a mark of the meters, or a time.
#[derive(Debug)]
pub struct Begun(Inner);

#[derive(Debug)]
enum Inner {
    Energy(Mark),
    Time(<WallTime as Measurement>::Intermediate),
}

impl Measurement for EnergyMeasurement {
    type Intermediate = Begun;
    /// Energy in joules, or time in nanoseconds where no meter measures the device.
    type Value = f64;

    fn start(&self) -> Begun {
        Begun(match &self.metering {
            Some(metering) => Inner::Energy(metering.recorder.mark()),
            None => Inner::Time(WallTime.start()),
        })
    }

    /// Returns zero where the energy is not known, which criterion refuses.
    fn end(&self, begun: Begun) -> f64 {
        match (begun.0, &self.metering) {
            (Inner::Energy(from), Some(metering)) => {
                let to = metering.recorder.mark();
                let joules = metering.joules(self.device, &metering.recorder.windows(&from, &to));
                joules.map_or_else(
                    |why| {
                        if !self.has_failed.swap(true, Ordering::Relaxed) {
                            eprintln!("no energy of {}: {why}", self.device);
                        }
                        0.0
                    },
                    Joules::value,
                )
            }
            (Inner::Time(from), _) => WallTime.to_f64(&WallTime.end(from)),
            (Inner::Energy(_), None) => 0.0,
        }
    }

    fn add(&self, a: &f64, b: &f64) -> f64 {
        a + b
    }

    fn zero(&self) -> f64 {
        0.0
    }

    fn to_f64(&self, value: &f64) -> f64 {
        *value
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        if self.is_energy() { &self.formatter } else { WallTime.formatter() }
    }
}

/// Values in joules, throughput in work per joule.
#[derive(Debug)]
struct PerJoule {
    unit: WorkUnit,
}

/// Names of a unit: whole, thousands, millions, …
type Names = [&'static str; 5];

const HASHES: Names = ["H/J", "kH/J", "MH/J", "GH/J", "TH/J"];
const FLOPS: Names = ["FLOP/J", "kFLOP/J", "MFLOP/J", "GFLOP/J", "TFLOP/J"];
const OPERATIONS: Names = ["op/J", "kop/J", "Mop/J", "Gop/J", "Top/J"];
const BYTES: Names = ["B/J", "kB/J", "MB/J", "GB/J", "TB/J"];

impl ValueFormatter for PerJoule {
    fn scale_values(&self, typical: f64, values: &mut [f64]) -> &'static str {
        let (times, name) = match typical {
            _ if typical < 1e-6 => (1e9, "nJ"),
            _ if typical < 1e-3 => (1e6, "uJ"),
            _ if typical < 1.0 => (1e3, "mJ"),
            _ if typical < 1e3 => (1.0, "J"),
            _ => (1e-3, "kJ"),
        };
        for value in values {
            *value *= times;
        }
        name
    }

    fn scale_throughputs(
        &self,
        typical: f64,
        throughput: &Throughput,
        values: &mut [f64],
    ) -> &'static str {
        let elements = match self.unit {
            WorkUnit::Hash => HASHES,
            WorkUnit::Flop => FLOPS,
            WorkUnit::Byte => BYTES,
            WorkUnit::Operation => OPERATIONS,
        };
        let (work, names) = match *throughput {
            Throughput::Elements(count) | Throughput::ElementsAndBytes { elements: count, .. } => {
                (count as f64, elements)
            }
            Throughput::Bytes(count) | Throughput::BytesDecimal(count) => (count as f64, BYTES),
            Throughput::Bits(count) => (count as f64 / 8.0, BYTES),
        };
        let thousands = ((work / typical).log10() / 3.0).floor().clamp(0.0, 4.0);
        let scale = 1000_f64.powf(thousands);
        for value in values {
            *value = work / *value / scale;
        }
        names[thousands as usize]
    }

    fn scale_for_machines(&self, _: &mut [f64]) -> &'static str {
        "J"
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::meter::fake::{Fake, ManualClock};
    use crate::meter::{Domain, Socket};
    use crate::units::Watts;

    fn measurement(hand: &ManualClock, device: DeviceId) -> EnergyMeasurement {
        let domain = Domain::Package(Socket::new(0));
        let meter = Fake::counting(domain, Watts::new(40.0), Duration::from_millis(1));
        let hour = Duration::from_hours(1);
        let recorder =
            Recorder::start(vec![Box::new(meter)], hand.clock(), hour).expect("a thread");
        let metering = Metering::new(recorder);
        let is_charged = metering.is_charged(device);
        EnergyMeasurement::with(device, WorkUnit::Hash, is_charged.then_some(metering))
    }

    #[test]
    fn known_joules_give_known_hashes_per_joule() {
        let hand = ManualClock::new();
        let energy = measurement(&hand, DeviceId::Cpu);
        assert!(energy.is_energy());
        let begun = energy.start();
        hand.advance(Duration::from_secs(2));
        let joules = energy.end(begun);
        assert!((joules - 80.0).abs() < 1e-6, "{joules}");
        assert!((energy.add(&joules, &energy.zero()) - 80.0).abs() < 1e-6);
        let text = energy.formatter().format_throughput(&Throughput::Elements(8_000_000), joules);
        assert_eq!(text.trim(), "100.00 kH/J");
        assert_eq!(energy.formatter().format_value(joules).trim(), "80.000 J");
    }

    #[test]
    fn a_window_that_shows_nothing_is_zero_which_criterion_refuses() {
        let hand = ManualClock::new();
        let energy = measurement(&hand, DeviceId::Cpu);
        let failure = energy.failure();
        assert!(!failure.load(Ordering::Relaxed));
        let begun = energy.start();
        assert!(energy.end(begun).abs() < 1e-12);
        assert!(failure.load(Ordering::Relaxed));
    }

    #[test]
    fn without_a_meter_it_is_time() {
        let time = measurement(&ManualClock::new(), DeviceId::Gpu(0));
        assert!(!time.is_energy());
        let begun = time.start();
        assert!(time.end(begun) >= 0.0);
        assert!(time.formatter().format_value(2e9).contains(" s"));
    }
}
