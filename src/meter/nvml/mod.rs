//! NVIDIA's GPUs, through the library of their driver.
//!
//! Cards since Volta count energy; all tell power, which is integrated beside it. The two have been
//! seen to differ by a factor of two, so that a window compares them and says which it used. What
//! is asked of a card is a small trait, behind which tests put cards that are made up.

#[cfg(all(feature = "nvml", any(target_os = "linux", windows)))]
mod driver;

use std::fmt;
use std::time::Duration;

use super::counter::{Counter, Width};
use super::integral::Integrator;
use super::pci::PciAddress;
use super::unavailable::{Unavailable, Why};
use super::{
    Clock, Conditions, Domain, Found, Host, Meter, MeterError, MeterInfo, Reading, Source,
    plausible,
};
use crate::units::{Joules, Watts};

/// Without a value of power for longer than this there is a gap. The driver itself averages over
/// about as long.
const GAP: Duration = Duration::from_secs(1);

/// What a card is asked.
pub trait Card: fmt::Debug + Send {
    /// What it is, and where.
    ///
    /// # Errors
    ///
    /// When the driver does not say.
    fn identity(&self) -> Result<Identity, CardError>;

    /// Energy in millijoules since the driver was loaded.
    ///
    /// # Errors
    ///
    /// When the card does not count it, or the driver does not say.
    fn millijoules(&self) -> Result<u64, CardError>;

    /// The power now, or the mean of the last second.
    ///
    /// # Errors
    ///
    /// When the card does not measure it, or the driver does not say.
    fn power(&self) -> Result<Watts, CardError>;

    /// Clocks, temperature, limits.
    fn conditions(&self) -> Conditions;
}

/// What a card is, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// What its maker calls it.
    pub name: String,
    /// Where it is.
    pub address: PciAddress,
    /// The version of the driver.
    pub driver: String,
}

/// A card that does not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CardError {
    /// It cannot.
    #[error("the card does not support it")]
    NotSupported,
    /// The driver gives another reason.
    #[error("{0}")]
    Driver(String),
}

/// All cards that the driver knows, or why there are none.
#[must_use]
pub fn find(host: &Host) -> Vec<Found> {
    match cards() {
        Ok(cards) if cards.is_empty() => vec![Err(unavailable(None, Why::NoCard))],
        Ok(cards) => cards.into_iter().map(|card| card.and_then(meter)).collect(),
        Err(_) if host.nvidia == Some(false) => vec![Err(unavailable(None, Why::NoCard))],
        Err(why) => vec![Err(unavailable(None, why))],
    }
}

type FoundCard = Result<Box<dyn Card>, Unavailable>;

#[cfg(all(feature = "nvml", any(target_os = "linux", windows)))]
fn cards() -> Result<Vec<FoundCard>, Why> {
    driver::cards()
}

/// Where there is no driver, there are no cards that it could drive.
#[cfg(all(feature = "nvml", not(any(target_os = "linux", windows))))]
fn cards() -> Result<Vec<FoundCard>, Why> {
    Err(Why::NoCard)
}

#[cfg(not(feature = "nvml"))]
fn cards() -> Result<Vec<FoundCard>, Why> {
    Err(Why::NotBuilt("nvml"))
}

fn unavailable(what: Option<Domain>, why: Why) -> Unavailable {
    Unavailable::new(Source::Nvml, what, why)
}

/// The meter of a card.
///
/// # Errors
///
/// When it tells neither energy nor power.
pub fn meter(card: Box<dyn Card>) -> Found {
    let refused = |error: CardError| unavailable(None, Why::Driver(error.to_string()));
    let Identity { name, address, driver } = card.identity().map_err(refused)?;
    let domain = Domain::GpuAt(address);
    let has = |asked: Result<(), CardError>| match asked {
        Ok(()) => Ok(true),
        Err(CardError::NotSupported) => Ok(false),
        Err(error) => Err(unavailable(Some(domain.clone()), Why::Driver(error.to_string()))),
    };
    let millijoule = Joules::from_millijoules(1);
    let counts = has(card.millijoules().map(drop))?;
    let tells_power = has(card.power().map(drop))?;
    if !counts && !tells_power {
        return Err(unavailable(Some(domain), Why::NoSensor(name)));
    }
    let info = MeterInfo {
        domain,
        source: Source::Nvml,
        detail: format!("{name}, driver {driver}"),
        resolution: counts.then_some(millijoule),
        read_within: None,
        interval: None,
    };
    let counter = counts.then(|| Counter::new(millijoule, Width::Endless));
    let integrator = tells_power.then(|| Integrator::new(GAP));
    Ok(Box::new(Nvml { info, card, counter, integrator }))
}

/// The power of a card, if any card may take it.
fn power(card: &dyn Card) -> Result<Watts, CardError> {
    let power = card.power()?;
    let wrong = || CardError::Driver(format!("{power}, which is more than any machine takes"));
    plausible(power.value()).ok_or_else(wrong)
}

/// The meter of a card that has a counter, or power, or both.
#[derive(Debug)]
struct Nvml {
    info: MeterInfo,
    card: Box<dyn Card>,
    counter: Option<Counter>,
    integrator: Option<Integrator>,
}

impl Meter for Nvml {
    fn info(&self) -> &MeterInfo {
        &self.info
    }

    fn read(&mut self, clock: &Clock) -> Result<Reading, MeterError> {
        let fails = |error: CardError| MeterError::Driver(error.to_string());
        let power = self.integrator.as_ref().map(|_| power(&*self.card)).transpose();
        let millijoules = self.counter.as_ref().map(|_| self.card.millijoules()).transpose();
        let at = clock.now();
        let counted = millijoules.map_err(fails)?.zip(self.counter.as_mut());
        let counted = counted.map(|(millijoules, counter)| counter.see(millijoules, at));
        let power = match power {
            // A counter does without.
            Err(_) if counted.is_some() => None,
            power => power.map_err(fails)?,
        };
        let integrated = power.zip(self.integrator.as_mut());
        let integrated = integrated.map(|(power, integrator)| integrator.see(power, at));
        Ok(Reading { at, counted, integrated, power })
    }

    fn conditions(&mut self) -> Option<Conditions> {
        Some(self.card.conditions())
    }
}
