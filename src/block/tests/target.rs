//! Targets, difficulty and work: the vectors of Bitcoin Core, the edges of 256 bits, and arbitrary
//! input.

use proptest::prelude::*;

use crate::block::{BlockHash, CompactTarget, Target, TargetError, Work};

fn compact(bits: u32) -> CompactTarget {
    CompactTarget::from_consensus(bits)
}

/// The target of a short number; longer ones are written by `Target::from_hex`.
fn target(number: u128) -> Target {
    Target::from_hex(&format!("{number:064x}")).expect("the number is not zero")
}

fn work(number: u128) -> Work {
    let mut bytes = [0; 32];
    bytes[16..].copy_from_slice(&number.to_be_bytes());
    Work::from_be_bytes(bytes)
}

/// 2^`exponent` as a target.
fn power_of_two(exponent: usize) -> Target {
    let mut bytes = [0; 32];
    bytes[exponent / 8] = 1 << (exponent % 8);
    Target::from_le_bytes(bytes).expect("a power of two is not zero")
}

#[test]
fn compact_zero_negative_and_overflow_are_those_of_bitcoin_core() {
    // arith_uint256_tests.cpp, bignum_SetCompact; a mantissa that its size shifts away is zero, not
    // negative.
    let zero = [
        0,
        0x0012_3456,
        0x0100_3456,
        0x0200_0056,
        0x0300_0000,
        0x0400_0000,
        0x0092_3456,
        0x0180_3456,
        0x0280_0056,
        0x0380_0000,
        0x0480_0000,
        0xff00_0000,
        0xff80_0000,
    ];
    let negative = [0x01fe_dcba, 0x0492_3456, 0x0181_ffff, 0xff92_3456, 0x2081_0000];
    let overflow = [0xff12_3456, 0x2101_0000, 0x2200_0100, 0x2300_0001, 0x217f_ffff, 0xff00_0001];
    for bits in zero.map(compact) {
        assert_eq!(Target::from_compact(bits), Err(TargetError::ZeroCompact(bits)));
    }
    for bits in negative.map(compact) {
        assert_eq!(Target::from_compact(bits), Err(TargetError::NegativeCompact(bits)));
    }
    for bits in overflow.map(compact) {
        assert_eq!(Target::from_compact(bits), Err(TargetError::OverflowingCompact(bits)));
    }
}

#[test]
fn compact_targets_expand_and_shrink_as_in_bitcoin_core() {
    // Bits, the number that they stand for, and Core's own spelling of that number.
    for (bits, number, canonical) in [
        (0x0112_3456, 0x12, 0x0112_0000),
        (0x0200_8000, 0x80, 0x0200_8000),
        (0x0212_3456, 0x1234, 0x0212_3400),
        (0x0312_3456, 0x12_3456, 0x0312_3456),
        (0x0412_3456, 0x1234_5600, 0x0412_3456),
        (0x0500_9234, 0x9234_0000, 0x0500_9234),
        (0x0300_0001, 1, 0x0101_0000),
        (0x0500_0001, 0x1_0000, 0x0301_0000),
    ] {
        let expanded = Target::from_compact(compact(bits)).unwrap();
        assert_eq!(expanded, target(number), "{bits:08x}");
        assert_eq!(expanded.to_compact_lossy(), compact(canonical), "{bits:08x}");
    }
    for (bits, first_digits) in
        [(0x2012_3456, "123456"), (0x2100_ffff, "ffff"), (0x2200_00ff, "ff")]
    {
        let expanded = Target::from_compact(compact(bits)).unwrap();
        assert_eq!(expanded.to_string(), format!("{first_digits:0<64}"), "{bits:08x}");
    }
    assert_eq!(target(0x12_3456_789a).to_compact_lossy(), compact(0x0512_3456));
    assert_eq!(target(0x80).to_compact_lossy(), compact(0x0200_8000));
    assert_eq!(Target::MAX.to_compact_lossy(), compact(0x2100_ffff));
}

#[test]
fn constants_are_the_limits_of_their_networks() {
    for (limit, bits) in [
        (Target::MAX_ATTAINABLE_MAINNET, 0x1d00_ffff),
        (Target::MAX_ATTAINABLE_REGTEST, 0x207f_ffff),
    ] {
        assert_eq!(Target::from_compact(compact(bits)), Ok(limit));
        assert_eq!(limit.to_compact_lossy(), compact(bits));
    }
    assert_eq!(Target::MAX_ATTAINABLE_MAINNET.top_word(), 0);
    assert_eq!(Target::MAX_ATTAINABLE_REGTEST.top_word(), 0x7fff_ff00);
    assert_eq!(Target::MAX.top_word(), u32::MAX);
    assert!(Target::MAX.is_met_by(&BlockHash::from_bytes([0xff; 32])));
}

#[test]
fn the_boundary_between_words_is_compared_whole() {
    let hash = |target: Target| BlockHash::from_bytes(target.to_le_bytes());
    for exponent in [8, 64, 127, 128, 129, 192, 224, 255] {
        let limit = power_of_two(exponent);
        assert!(limit.is_met_by(&hash(power_of_two(exponent - 1))), "2^{exponent}");
        assert!(limit.is_met_by(&hash(limit)), "2^{exponent}");
        let mut bytes = limit.to_le_bytes();
        bytes[0] |= 1;
        assert!(!limit.is_met_by(&BlockHash::from_bytes(bytes)), "2^{exponent} + 1");
    }
}

#[test]
fn difficulty_becomes_the_exact_target() {
    let max = Target::MAX_ATTAINABLE_MAINNET;
    assert_eq!(Target::from_difficulty(1.0), Ok(max));
    // 0xffff = 3 · 5 · 17 · 257: division by each leaves nothing over.
    assert_eq!(Target::from_difficulty(65_535.0), Ok(power_of_two(208)));
    // 0xffff = 7 · 0x2492 + 1, and 1/7 in hex is 0.249249…
    assert_eq!(
        Target::from_difficulty(7.0).unwrap().to_string(),
        format!("000000002492{}2", "249".repeat(17))
    );
    let smallest = 65_535.0 * 2f64.powi(208);
    assert_eq!(Target::from_difficulty(smallest), Ok(target(1)));
    assert_eq!(Target::from_difficulty(smallest / 2.0), Ok(target(2)));
}

#[test]
fn difficulty_saturates_below_and_errs_above() {
    // 0xffff · 2^208 / 2^-32 = 0xffff · 2^240 is the last power of two that fits.
    let top = Target::from_difficulty(2f64.powi(-32)).unwrap();
    assert_eq!(top.to_string(), format!("{:0<64}", "ffff"));
    for difficulty in [2f64.powi(-33), f64::MIN_POSITIVE, 5e-324] {
        assert_eq!(Target::from_difficulty(difficulty), Ok(Target::MAX), "{difficulty:e}");
    }
    for difficulty in [65_535.0 * 2f64.powi(208) * (1.0 + f64::EPSILON), 1e70, f64::MAX] {
        let error = Target::from_difficulty(difficulty).unwrap_err();
        assert_eq!(error, TargetError::DifficultyTooHigh { difficulty });
    }
    for difficulty in [0.0, -0.0, -1.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
        let error = Target::from_difficulty(difficulty).unwrap_err();
        assert!(matches!(error, TargetError::NotADifficulty { .. }), "{difficulty}");
    }
}

#[test]
fn targets_become_difficulty() {
    assert_eq!(Target::MAX_ATTAINABLE_MAINNET.difficulty().to_string(), "1");
    assert_eq!(target(1).difficulty().to_bits(), (65_535.0 * 2f64.powi(208)).to_bits());
    // Block 100000, bits 1b04864c, as every explorer shows it.
    let at_100_000 = Target::from_compact(compact(0x1b04_864c)).unwrap();
    assert_eq!(format!("{:.8}", at_100_000.difficulty()), "14484.16236123");
    let regtest = Target::MAX_ATTAINABLE_REGTEST.difficulty();
    assert_eq!(format!("{regtest:e}"), "4.6565423739069247e-10");
}

#[test]
fn targets_become_work() {
    assert_eq!(Target::MAX.to_work(), work(1));
    assert_eq!(Target::MAX_ATTAINABLE_REGTEST.to_work(), work(2));
    // nChainWork of the genesis block.
    assert_eq!(Target::MAX_ATTAINABLE_MAINNET.to_work(), work(0x1_0001_0001));
    assert_eq!(target(1).to_work().to_be_bytes(), power_of_two(255).to_be_bytes());
    assert_eq!(target(2).to_work().to_string(), "5".repeat(64));
    assert!(target(2).to_work() < target(1).to_work());
}

#[test]
fn work_adds_up_to_its_end() {
    let carried = work(1).saturating_add(work(u128::MAX));
    assert_eq!(carried.to_be_bytes(), power_of_two(128).to_be_bytes());
    assert_eq!(Work::MAX.checked_add(work(1)), None);
    assert_eq!(Work::MAX.checked_add(Work::ZERO), Some(Work::MAX));
    assert_eq!(Work::MAX.saturating_add(Work::MAX), Work::MAX);
}

#[test]
fn large_numbers_become_the_nearest_float() {
    // Ties at bit 53 below the top go to even, unless a lower bit breaks them.
    let float = |hex: &str| Target::from_hex(&format!("{hex:0<64}")).unwrap().to_work().to_f64();
    assert_eq!(Work::MAX.to_f64().to_bits(), 2f64.powi(256).to_bits());
    assert_eq!(Work::ZERO.to_f64().to_bits(), 0);
    assert_eq!(work(u128::MAX).to_f64().to_bits(), 2f64.powi(128).to_bits());
    assert_eq!(float("8").to_bits(), 1f64.to_bits());
    let number = |hex: &str, last: u8| {
        let mut bytes = Target::from_hex(&format!("{hex:0<64}")).unwrap().to_be_bytes();
        bytes[31] |= last;
        Work::from_be_bytes(bytes).to_f64() / 2f64.powi(203)
    };
    let even = 2f64.powi(52);
    assert_eq!(number("80000000000004", 0).to_bits(), even.to_bits());
    assert_eq!(number("80000000000004", 1).to_bits(), (even + 1.0).to_bits());
    assert_eq!(number("8000000000000c", 0).to_bits(), (even + 2.0).to_bits());
}

#[test]
fn errors_name_what_is_wrong_with_a_target() {
    let of_bits = |bits| Target::from_compact(compact(bits)).unwrap_err().to_string();
    assert_eq!(
        of_bits(0x0492_3456),
        "compact target 04923456 is negative, expected one whose sign bit 00800000 is clear"
    );
    assert_eq!(
        of_bits(0xff12_3456),
        "compact target ff123456 overflows, expected one of at most 256 bits"
    );
    assert_eq!(of_bits(0x0100_3456), "compact target 01003456 is zero, expected one of at least 1");
    let of_hex = |text: &str| Target::from_hex(text).unwrap_err().to_string();
    assert_eq!(of_hex(&"0".repeat(64)), "the target is zero, expected at least 1");
    assert_eq!(of_hex("1d00ffff"), "a target is 32 bytes (64 hex digits), got 8 digits");
    assert_eq!(
        CompactTarget::from_hex("1d00fff").unwrap_err().to_string(),
        "a compact target is 8 hex digits, got 7 digits"
    );
    let of_difficulty = |number| Target::from_difficulty(number).unwrap_err().to_string();
    assert_eq!(
        of_difficulty(f64::NAN),
        "difficulty NaN has no target, expected a finite number above 0"
    );
    assert_eq!(of_difficulty(1e70), "difficulty 1e70 has no target, expected at most 2.69e67");
}

#[test]
fn targets_are_shown_in_hex() {
    let shown = format!("{:0>64}", "abc");
    assert_eq!(format!("{:x}", target(0xabc)), shown);
    assert_eq!(format!("{:#x}", target(0xabc)), format!("0x{shown}"));
    assert_eq!(format!("{:?}", compact(0x1d00_ffff)), "CompactTarget(1d00ffff)");
    assert_eq!("0X1D00FFFF".parse(), Ok(compact(0x1d00_ffff)));
}

proptest! {
    #[test]
    fn target_parsers_survive_any_input(text in "(?s)(0[xX])?.*", bytes: Vec<u8>) {
        let lossy = String::from_utf8_lossy(&bytes);
        for text in [text.as_str(), &lossy] {
            if let Err(error) = Target::from_hex(text) {
                prop_assert_eq!(error.to_string().lines().count(), 1);
            }
            if let Err(error) = CompactTarget::from_hex(text) {
                prop_assert_eq!(error.to_string().lines().count(), 1);
            }
        }
    }

    #[test]
    fn targets_round_trip(bytes: [u8; 32]) {
        prop_assume!(bytes != [0; 32]);
        let target = Target::from_be_bytes(bytes).unwrap();
        prop_assert_eq!(target.to_be_bytes(), bytes);
        prop_assert_eq!(target.to_string().parse(), Ok(target));
        prop_assert_eq!(Target::from_le_bytes(target.to_le_bytes()), Ok(target));
        prop_assert_eq!(format!("{:08x}", target.top_word()), &target.to_string()[..8]);
    }

    #[test]
    fn compact_targets_round_trip(size in 0..37u32, mantissa in 0..1u32 << 24) {
        let bits = size << 24 | mantissa;
        prop_assert_eq!(compact(bits).to_string().parse(), Ok(compact(bits)));
        prop_assert_eq!(CompactTarget::from_hex(&format!("0x{bits:08x}")), Ok(compact(bits)));
        if let Ok(target) = Target::from_compact(compact(bits)) {
            prop_assert_eq!(Target::from_compact(target.to_compact_lossy()), Ok(target));
        }
    }

    #[test]
    fn a_lossy_compact_target_is_never_easier(bytes: [u8; 32], zeros in 0..32usize) {
        let mut bytes = bytes;
        bytes[..zeros].fill(0);
        prop_assume!(bytes != [0; 32]);
        let target = Target::from_be_bytes(bytes).unwrap();
        let shrunk = Target::from_compact(target.to_compact_lossy()).unwrap();
        prop_assert!(shrunk <= target);
        prop_assert!(shrunk.difficulty() <= target.difficulty() * (1.0 + 1.0 / 32_000.0));
    }

    #[test]
    fn difficulty_comes_back(difficulty in 1e-9..1e50) {
        let target = Target::from_difficulty(difficulty).unwrap();
        prop_assert!((target.difficulty() / difficulty - 1.0).abs() < 1e-15);
    }

    #[test]
    fn any_float_is_a_difficulty_or_an_error(bits: u64) {
        let difficulty = f64::from_bits(bits);
        let valid = difficulty > 0.0 && difficulty <= 65_535.0 * 2f64.powi(208);
        prop_assert_eq!(Target::from_difficulty(difficulty).is_ok(), valid);
    }

    #[test]
    fn work_of_short_targets_is_the_quotient(number in 2u64..) {
        // 2^256 / (t + 1), by u128 arithmetic in base 2^64.
        let divisor = u128::from(number) + 1;
        prop_assume!(divisor <= u128::from(u64::MAX));
        let mut remainder = 1 % divisor;
        let mut limbs = [0u64; 4];
        for limb in &mut limbs {
            let dividend = remainder << 64;
            *limb = (dividend / divisor) as u64;
            remainder = dividend % divisor;
        }
        let expected = limbs.map(|limb| format!("{limb:016x}")).concat();
        prop_assert_eq!(target(number.into()).to_work().to_string(), expected);
    }
}
