//! Version masks: what they number, and text that is not one.

use std::collections::HashSet;

use proptest::prelude::*;

use crate::block::{Version, VersionMask, VersionMaskError};

fn mask(bits: u32) -> VersionMask {
    VersionMask::from_consensus(bits).expect("the mask is not zero")
}

#[test]
fn the_masks_of_the_bips_hold_the_bits_that_they_name() {
    let bits = |first: u32, last: u32| (first..=last).fold(0, |mask, bit| mask | 1u32 << bit);
    assert_eq!(VersionMask::BIP320.to_consensus(), bits(13, 28));
    assert_eq!(VersionMask::BIP323.to_consensus(), bits(5, 28));
    assert_eq!(VersionMask::BIP320.bits(), 16);
    assert_eq!(VersionMask::BIP323.versions(), 1 << 24);
    assert_eq!(mask(u32::MAX).versions(), 1 << 32);
}

#[test]
fn every_version_of_a_mask_comes_once_and_the_header_s_own_first() {
    let base = Version::from_consensus(0x2fff_e004);
    for mask in [VersionMask::BIP320, mask(1), mask(1 << 31), mask(0x8000_0001), mask(0xf0f0)] {
        assert_eq!(mask.version(base, 0), base, "{mask}");
        let versions: HashSet<_> = (0..mask.versions()).map(|i| mask.version(base, i)).collect();
        assert_eq!(versions.len() as u64, mask.versions(), "{mask}");
        for version in versions {
            let flips = version.to_consensus() ^ base.to_consensus();
            assert_eq!(flips & !mask.to_consensus(), 0, "{mask} gave {version}");
        }
        assert_eq!(mask.version(base, mask.versions()), base, "{mask}");
        assert_eq!(mask.version(base, u64::MAX), mask.version(base, mask.versions() - 1), "{mask}");
    }
}

#[test]
fn index_bits_are_laid_into_the_mask_lowest_first() {
    let base = Version::from_consensus(0);
    let version = |index| mask(0x8010_0102).version(base, index).to_consensus();
    assert_eq!(version(1), 0x0000_0002);
    assert_eq!(version(2), 0x0000_0100);
    assert_eq!(version(4), 0x0010_0000);
    assert_eq!(version(8), 0x8000_0000);
    assert_eq!(version(0b1011), 0x8000_0102);
}

#[test]
fn masks_are_read_from_hex() {
    assert_eq!("1fffe000".parse(), Ok(VersionMask::BIP320));
    assert_eq!("0X1FFFFFE0".parse(), Ok(VersionMask::BIP323));
    assert_eq!(VersionMask::from_hex("1"), Ok(mask(1)));
    assert_eq!(VersionMask::BIP320.to_string(), "1fffe000");
}

#[test]
fn errors_name_what_is_wrong_with_a_mask() {
    let message = |text| VersionMask::from_hex(text).unwrap_err().to_string();
    assert_eq!(VersionMask::from_consensus(0), Err(VersionMaskError::Zero));
    assert_eq!(
        message("0x0"),
        "a version mask of 00000000 has no bit to roll, expected at least one, as in 1fffe000"
    );
    assert_eq!(message("0x"), "a version mask is 1 to 8 hex digits, got 0 digits");
    assert_eq!(message("01fffe000"), "a version mask is 1 to 8 hex digits, got 9 digits");
    assert_eq!(
        message("0x1fffg000"),
        "'g' at character 7 is not a hex digit: a version mask is 1 to 8 hex digits"
    );
}

proptest! {
    #[test]
    fn the_mask_parser_survives_any_input(text in "(?s)(0[xX])?.*", bytes: Vec<u8>) {
        if let Ok(mask) = VersionMask::from_hex(&text) {
            prop_assert_ne!(mask.to_consensus(), 0);
        }
        let _ = VersionMask::from_hex(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn masks_round_trip(bits in 1..=u32::MAX) {
        prop_assert_eq!(mask(bits).to_string().parse(), Ok(mask(bits)));
        prop_assert_eq!(VersionMask::from_hex(&format!("0x{bits:x}")), Ok(mask(bits)));
    }

    #[test]
    fn versions_agree_with_picking_the_index_out_again(
        bits in 1..=u32::MAX,
        base: u32,
        index: u64,
    ) {
        let mask = mask(bits);
        let flips = mask.version(Version::from_consensus(base), index).to_consensus() ^ base;
        // The inverse, bit by bit: what stands in the mask's bits is the index.
        let picked = (0..32)
            .filter(|bit| bits >> bit & 1 == 1)
            .enumerate()
            .fold(0, |picked, (i, bit)| picked | u64::from(flips >> bit & 1) << i);
        prop_assert_eq!(picked, index % mask.versions());
        prop_assert_eq!(flips & !bits, 0);
    }
}
