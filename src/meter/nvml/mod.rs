//! Meters of NVIDIA's GPUs, through NVML, the library of their driver.
//!
//! Cards since Volta count energy; all report power, which is integrated beside it. The two have
//! been seen to differ by a factor of two, so that a window compares them and says which it used. A
//! card is read through a small trait, [`Card`], which tests implement for simulated cards.

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

/// Longest time between two values of power that is not a gap. The driver itself averages over
/// about as long.
const GAP: Duration = Duration::from_secs(1);

/// An NVIDIA GPU, as its driver reports it.
pub trait Card: fmt::Debug + Send {
    /// Returns the name, the address and the driver of the card.
    ///
    /// # Errors
    ///
    /// When the driver does not report it.
    fn identity(&self) -> Result<Identity, CardError>;

    /// Returns the energy in millijoules since the driver was loaded.
    ///
    /// # Errors
    ///
    /// When the card does not count energy, or the driver does not report it.
    fn millijoules(&self) -> Result<u64, CardError>;

    /// Returns the power in watts, at this moment or averaged over the last second.
    ///
    /// # Errors
    ///
    /// When the card does not measure power, or the driver does not report it.
    fn power(&self) -> Result<Watts, CardError>;

    /// Returns the clocks, temperature, power limit and throttling of the card.
    fn conditions(&self) -> Conditions;
}

/// Name, address and driver of a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Name that its maker gives the card.
    pub name: String,
    /// Address on the PCI bus.
    pub address: PciAddress,
    /// Version of the driver.
    pub driver: String,
}

/// The error of a card that does not answer a question.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CardError {
    /// The card, or an old driver, does not support the question.
    #[error("the card does not support it")]
    NotSupported,
    /// The driver reports an error, whose text this is.
    #[error("{0}")]
    Driver(String),
}

/// Returns the meters of all cards that the driver knows, or the reason why there are none.
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

/// Returns the meter of a card.
///
/// # Errors
///
/// When the card reports neither energy nor power, or its driver fails.
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

/// Returns the power of a card, unless it is more than any machine takes.
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
