//! Stated power, where nothing measures it.
//!
//! Everything that comes from it is marked: its source and the method of its windows are "assumed".

use std::str::FromStr;
use std::time::Duration;

use super::integral::Integrator;
use super::{Clock, Domain, Meter, MeterError, MeterInfo, Reading, Source, plausible};
use crate::units::{UnknownNameError, Watts};

/// A meter of a constant power that was stated, as in `gpu:0=300`.
#[derive(Clone, Debug)]
pub struct Assumed {
    info: MeterInfo,
    power: Watts,
    integrator: Integrator,
}

/// The error for a text that states no power.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AssumedError {
    /// The text has no equals sign.
    #[error("{text:?} states no power, expected DEVICE=W such as cpu=65 or gpu:0=300")]
    NoPair {
        /// Text that was given.
        text: String,
    },
    /// The text before the equals sign names no domain.
    #[error(transparent)]
    Domain(#[from] UnknownNameError),
    /// The text after the equals sign is no power, or not one of more than 0 W and at most 100 MW.
    #[error("{text:?} is no power, expected watts, more than 0")]
    NoPower {
        /// Text that should be a power in watts.
        text: String,
    },
}

impl Assumed {
    /// Makes a meter which states that `domain` draws `power` all the time.
    ///
    /// # Errors
    ///
    /// When the power is not more than zero, or more than any machine takes (100 MW).
    pub fn new(domain: Domain, power: Watts) -> Result<Self, AssumedError> {
        let sound = plausible(power.value()).filter(|power| *power > Watts::ZERO);
        let no_power = || AssumedError::NoPower { text: power.to_string() };
        let power = sound.ok_or_else(no_power)?;
        let info = MeterInfo {
            domain,
            source: Source::Assumed,
            detail: format!("{power} stated, nothing measured"),
            resolution: None,
            read_within: None,
            interval: None,
        };
        Ok(Self { info, power, integrator: Integrator::new(Duration::MAX) })
    }
}

impl FromStr for Assumed {
    type Err = AssumedError;

    fn from_str(text: &str) -> Result<Self, AssumedError> {
        let no_pair = || AssumedError::NoPair { text: text.to_owned() };
        let (domain, power) = text.rsplit_once('=').ok_or_else(no_pair)?;
        let domain = domain.parse()?;
        let watts = power.trim().trim_end_matches(['W', 'w']).trim_end();
        let no_power = |_| AssumedError::NoPower { text: power.to_owned() };
        Self::new(domain, Watts::new(watts.parse().map_err(no_power)?))
    }
}

impl Meter for Assumed {
    fn info(&self) -> &MeterInfo {
        &self.info
    }

    fn read(&mut self, clock: &Clock) -> Result<Reading, MeterError> {
        let at = clock.now();
        let integrated = Some(self.integrator.see(self.power, at));
        Ok(Reading { at, counted: None, integrated, power: Some(self.power) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_given_watts() {
        for (text, domain, watts) in [
            ("cpu=65", "cpu", 65.0),
            ("gpu:0=300W", "gpu:0", 300.0),
            ("machine=1.2e3 W", "machine", 1200.0),
            ("sensor:a=b=0.5", "sensor:a=b", 0.5),
        ] {
            let assumed: Assumed = text.parse().unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(
                (assumed.info().domain.to_string(), assumed.power),
                (domain.into(), Watts::new(watts))
            );
            assert_eq!(assumed.info().source, Source::Assumed);
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for (text, error) in [
            ("300", "\"300\" states no power, expected DEVICE=W such as cpu=65 or gpu:0=300"),
            ("cpu=", "\"\" is no power, expected watts, more than 0"),
            ("cpu=0", "\"0 W\" is no power, expected watts, more than 0"),
            ("cpu=-5", "\"-5.00 W\" is no power, expected watts, more than 0"),
            ("cpu=NaN", "\"NaN W\" is no power, expected watts, more than 0"),
            ("cpu=inf", "\"inf W\" is no power, expected watts, more than 0"),
            ("cpu=1e9", "\"1.00 GW\" is no power, expected watts, more than 0"),
            ("cpu=65 kW", "\"65 kW\" is no power, expected watts, more than 0"),
        ] {
            let refused = text.parse::<Assumed>().expect_err(text);
            assert_eq!(refused.to_string(), error);
        }
        assert!(matches!("toaster=5".parse::<Assumed>(), Err(AssumedError::Domain(_))));
    }
}
