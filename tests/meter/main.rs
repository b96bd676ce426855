//! Meters as a caller has them, over trees, programs and drivers that are made up: each tells the
//! right joules or says what is wrong.

mod command;
mod csv;
mod found;
mod hwmon;
mod nvml;
mod perf;
mod rapl;
mod tree;

use std::time::Duration;

use perjoule::meter::fake::ManualClock;
use perjoule::meter::{Domain, Found, Meter, MeterError, Unavailable, Window};

/// The meters that were found, by what they measure.
fn meters(found: Vec<Found>) -> Vec<Box<dyn Meter>> {
    found.into_iter().map(|found| found.unwrap_or_else(|why| panic!("{why}"))).collect()
}

/// The only one that was found, which cannot be used.
fn refusal(found: Vec<Found>) -> Unavailable {
    let Ok([found]) = <[Found; 1]>::try_from(found) else { panic!("one of them was expected") };
    found.expect_err("a meter that cannot be used")
}

fn domain(text: &str) -> Domain {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

/// What a meter measures while something happens, for so many seconds.
fn window(
    meter: &mut dyn Meter,
    hand: &ManualClock,
    seconds: f64,
    happens: impl FnOnce(),
) -> Result<Window, MeterError> {
    let clock = hand.clock();
    let start = meter.read(&clock)?;
    happens();
    hand.advance(Duration::from_secs_f64(seconds));
    let end = meter.read(&clock)?;
    Window::between(meter.info(), &clock, &start, &end)
}
