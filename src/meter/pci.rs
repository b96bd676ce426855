//! Addresses on the PCI bus: the one name of a GPU that all drivers agree on.

use std::fmt;
use std::str::FromStr;

/// An address on the PCI bus, such as `0000:01:00.0`: domain, bus, device and function, as Linux
/// and graphics drivers write it.
///
/// NVIDIA's driver writes the domain with eight digits; both are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PciAddress {
    domain: u32,
    bus: u8,
    device: u8,
    function: u8,
}

/// The error for a text that is no address on the PCI bus.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no PCI address, expected one like 0000:01:00.0")]
pub struct ParsePciAddressError {
    /// Text that was given.
    pub text: String,
}

impl FromStr for PciAddress {
    type Err = ParsePciAddressError;

    fn from_str(text: &str) -> Result<Self, ParsePciAddressError> {
        parse(text).ok_or_else(|| ParsePciAddressError { text: text.to_owned() })
    }
}

fn parse(text: &str) -> Option<PciAddress> {
    let (rest, function) = text.split_once('.')?;
    let mut parts = rest.split(':');
    let [domain, bus, device] = [parts.next()?, parts.next()?, parts.next()?];
    let address = PciAddress {
        domain: hex(domain, 4..=8)?,
        bus: hex(bus, 2..=2)?.try_into().ok()?,
        device: hex(device, 2..=2)?.try_into().ok()?,
        function: hex(function, 1..=1)?.try_into().ok()?,
    };
    parts.next().is_none().then_some(address)
}

/// Reads hex digits; `u32::from_str_radix` alone takes signs.
fn hex(text: &str, digits: std::ops::RangeInclusive<usize>) -> Option<u32> {
    let sound = digits.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    sound.then(|| u32::from_str_radix(text, 16).ok()).flatten()
}

impl fmt::Display for PciAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { domain, bus, device, function } = self;
        write!(f, "{domain:04x}:{bus:02x}:{device:02x}.{function:x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_drivers_mean_the_same_place() {
        let address: PciAddress = "0000:c1:00.0".parse().expect("of Vulkan");
        assert_eq!("00000000:C1:00.0".parse(), Ok(address));
        assert_eq!(address.to_string(), "0000:c1:00.0");
        let far: PciAddress = "00010000:1f:1f.7".parse().expect("of a host bridge far away");
        assert_eq!(far.to_string(), "10000:1f:1f.7");
        assert_eq!(far.to_string().parse(), Ok(far));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "0000:01:00",
            "01:00.0",
            "0000:01:00.0.0",
            "0000:01:00:0.0",
            "+000:01:00.0",
            "0000:101:00.0",
            "0000:01:0g.0",
            "0000:01:00.10",
            "000000000:01:00.0",
            "0000:01:00.µ",
        ] {
            let refused = text.parse::<PciAddress>().expect_err(text);
            assert_eq!(refused, ParsePciAddressError { text: text.to_owned() });
        }
    }
}
