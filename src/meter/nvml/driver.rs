//! Cards as NVIDIA's driver has them. Its library is loaded when it is first asked for.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use nvml_wrapper::bitmasks::device::ThrottleReasons;
use nvml_wrapper::enum_wrappers::device::{Clock, TemperatureSensor};
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};

use super::{Card, CardError, FoundCard, Identity, unavailable};
use crate::meter::text::beginning;
use crate::meter::unavailable::Why;
use crate::meter::{Conditions, ThrottleReason};
use crate::units::{Celsius, Hertz, Watts};

/// The library, loaded once and kept to the end of the process: devices borrow from it.
static LIBRARY: OnceLock<Nvml> = OnceLock::new();

fn library() -> Result<&'static Nvml, NvmlError> {
    match LIBRARY.get() {
        Some(library) => Ok(library),
        None => Nvml::init().map(|library| LIBRARY.get_or_init(|| library)),
    }
}

/// All cards, in the driver's order.
pub(super) fn cards() -> Result<Vec<FoundCard>, Why> {
    let library = library().map_err(|error| {
        Why::NoDriver(match error {
            NvmlError::LibloadingError(error) => beginning(&error.to_string()),
            other => words(&other),
        })
    })?;
    let refused = |error: NvmlError| Why::Driver(words(&error));
    let count = library.device_count().map_err(refused)?;
    let card = |number| {
        let device = library.device_by_index(number);
        let device = device.map_err(|error| unavailable(None, refused(error)))?;
        Ok(Box::new(Driven { library, device }) as Box<dyn Card>)
    };
    Ok((0..count).map(card).collect())
}

#[derive(Debug)]
struct Driven {
    library: &'static Nvml,
    device: Device<'static>,
}

impl From<NvmlError> for CardError {
    fn from(error: NvmlError) -> Self {
        match error {
            // Old drivers lack the function itself.
            NvmlError::NotSupported | NvmlError::FailedToLoadSymbol(_) => Self::NotSupported,
            other => Self::Driver(words(&other)),
        }
    }
}

impl Card for Driven {
    fn identity(&self) -> Result<Identity, CardError> {
        let address = self.device.pci_info()?.bus_id;
        Ok(Identity {
            name: self.device.name()?,
            address: address.parse().map_err(|error| CardError::Driver(format!("{error}")))?,
            driver: self.library.sys_driver_version()?,
        })
    }

    fn millijoules(&self) -> Result<u64, CardError> {
        Ok(self.device.total_energy_consumption()?)
    }

    fn power(&self) -> Result<Watts, CardError> {
        Ok(Watts::from_milliwatts(self.device.power_usage()?.into()))
    }

    fn conditions(&self) -> Conditions {
        let clock = |kind| self.device.clock_info(kind).ok().map(Hertz::from_megahertz);
        let temperature = self.device.temperature(TemperatureSensor::Gpu).ok();
        let limit = self.device.enforced_power_limit().ok();
        Conditions {
            core_clock: clock(Clock::SM),
            memory_clock: clock(Clock::Memory),
            temperature: temperature.and_then(|degrees| degrees.try_into().ok()).map(Celsius::new),
            power_limit: limit.map(|limit| Watts::from_milliwatts(limit.into())),
            throttled: self.device.current_throttle_reasons().ok().map(throttles),
        }
    }
}

/// What an error of the driver is, also where it is newer than the library that reads it: by the
/// numbers of `nvmlReturn_t` in NVIDIA's nvml.h.
fn words(error: &NvmlError) -> String {
    let NvmlError::UnexpectedVariant(code) = error else { return beginning(&error.to_string()) };
    let words = match code {
        20 => "it has no memory left",
        21 => "it has no data",
        22 => "ECC is not for a virtual GPU",
        23 => "it has too few resources left",
        24 => "the frequency is not supported",
        25 => "this program asks in another version than it answers in",
        26 => "it no longer answers this",
        27 => {
            "the GPU is not ready, as before a confidential virtual machine was attested \
             (`nvidia-smi conf-compute -srs 1` says that it may work)"
        }
        28 => "the GPU is gone",
        29 => "the GPU is in a state in which it does not answer this",
        30 => "this kind of reset is not supported",
        _ => return format!("its error {code}, which this version does not know"),
    };
    format!("{words} (NVML's error {code})")
}

/// Returns the reasons for a lower clock; an idle card is not slowed down.
fn throttles(reasons: ThrottleReasons) -> BTreeSet<ThrottleReason> {
    [
        (ThrottleReasons::SW_POWER_CAP, ThrottleReason::Power),
        (ThrottleReasons::SW_THERMAL_SLOWDOWN, ThrottleReason::Heat),
        (ThrottleReasons::HW_THERMAL_SLOWDOWN, ThrottleReason::HardwareHeat),
        (ThrottleReasons::HW_POWER_BRAKE_SLOWDOWN, ThrottleReason::PowerBrake),
        (ThrottleReasons::HW_SLOWDOWN, ThrottleReason::Hardware),
        (ThrottleReasons::APPLICATIONS_CLOCKS_SETTING, ThrottleReason::Setting),
        (ThrottleReasons::DISPLAY_CLOCK_SETTING, ThrottleReason::Setting),
        (ThrottleReasons::SYNC_BOOST, ThrottleReason::Group),
    ]
    .into_iter()
    .filter_map(|(reason, throttle)| reasons.contains(reason).then_some(throttle))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_to_be_slow_are_told_and_idleness_is_none() {
        assert_eq!(throttles(ThrottleReasons::GPU_IDLE | ThrottleReasons::NONE), BTreeSet::new());
        let reasons = ThrottleReasons::SW_POWER_CAP | ThrottleReasons::HW_SLOWDOWN;
        assert_eq!(throttles(reasons), [ThrottleReason::Power, ThrottleReason::Hardware].into());
        // None is forgotten: each but idleness is one, and two of them are settings.
        assert_eq!(throttles(ThrottleReasons::all()).len(), 7);
    }

    /// With or without a driver: a list of cards that answer, or one line that says why not.
    #[test]
    fn this_machine_has_cards_or_a_reason() {
        match cards() {
            Ok(cards) => {
                for card in cards {
                    card.expect("a card that the driver counted").identity().expect("its name");
                }
            }
            Err(why) => {
                eprintln!("not tested: cards of NVIDIA: {why}");
                assert!(!why.to_string().contains('\n'), "{why}");
            }
        }
    }

    #[test]
    fn errors_that_the_library_does_not_know_are_told_in_words() {
        let text = |code| words(&NvmlError::UnexpectedVariant(code));
        assert!(text(27).starts_with("the GPU is not ready"), "{}", text(27));
        assert!(text(27).ends_with("(NVML's error 27)"), "{}", text(27));
        assert!(text(28).starts_with("the GPU is gone"), "{}", text(28));
        assert_eq!(text(77), "its error 77, which this version does not know");
        assert_eq!(words(&NvmlError::GpuLost), beginning(&NvmlError::GpuLost.to_string()));
    }

    #[test]
    fn what_a_card_lacks_is_no_failure() {
        let missing = NvmlError::FailedToLoadSymbol("nvmlDeviceGetTotalEnergyConsumption".into());
        assert_eq!(CardError::from(missing), CardError::NotSupported);
        assert_eq!(CardError::from(NvmlError::NotSupported), CardError::NotSupported);
        assert!(matches!(CardError::from(NvmlError::GpuLost), CardError::Driver(_)));
    }
}
