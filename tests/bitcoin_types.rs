//! rust-bitcoin 0.32 as a second opinion on headers, targets, difficulty and work.
//!
//! Where it departs from Bitcoin Core, on purpose or not, the test says so and steps around it.

use bitcoin::consensus::{deserialize, serialize};
use bitcoin::hashes::Hash as _;
use perjoule::block::{BlockHash, CompactTarget, Header, Target, TargetError, Work};
use proptest::prelude::*;

#[cfg(feature = "bitcoin")]
#[allow(dead_code, reason = "what explorers show of the headers is for other tests")]
#[path = "../src/block/tests/notable.rs"]
mod notable;

/// Any 80 bytes: every one of them is a header.
fn header_bytes() -> impl Strategy<Value = [u8; Header::LEN]> {
    prop::collection::vec(any::<u8>(), Header::LEN).prop_map(|bytes| bytes.try_into().unwrap())
}

/// Numbers of every length: with plain random bytes all would have nearly 256 bits.
fn number_bytes() -> impl Strategy<Value = [u8; 32]> {
    (any::<[u8; 32]>(), 0..256u32).prop_map(|(mut bytes, zeros)| {
        let whole = zeros as usize / 8;
        bytes[..whole].fill(0);
        bytes[whole] &= 0xff >> (zeros % 8);
        bytes
    })
}

/// Sizes around the edges of the form; with plain random bits most would overflow.
fn compact_bits() -> impl Strategy<Value = u32> {
    (0..38u32, 0..1u32 << 24).prop_map(|(size, mantissa)| size << 24 | mantissa)
}

fn targets() -> impl Strategy<Value = (Target, bitcoin::Target)> {
    number_bytes().prop_filter_map("zero is no target", |bytes| {
        Target::from_be_bytes(bytes).ok().map(|ours| (ours, bitcoin::Target::from_be_bytes(bytes)))
    })
}

/// A hash, and a target that is equal to it, one away or anything else.
fn targets_and_hashes() -> impl Strategy<Value = (Target, bitcoin::Target, [u8; 32])> {
    (targets(), number_bytes(), 0..4u8).prop_map(|((ours, theirs), other, kind)| {
        let mut hash = ours.to_le_bytes();
        match kind {
            0 => {}
            1 => hash[0] ^= 1,
            2 => hash[16] ^= 1,
            _ => hash = other,
        }
        (ours, theirs, hash)
    })
}

#[test]
fn the_genesis_blocks_are_the_same() {
    for network in [bitcoin::Network::Bitcoin, bitcoin::Network::Regtest, bitcoin::Network::Signet]
    {
        let theirs = bitcoin::constants::genesis_block(network).header;
        let ours = Header::from_slice(&serialize(&theirs)).unwrap();
        assert_eq!(ours.hash().to_string(), theirs.block_hash().to_string(), "{network}");
        assert!(Target::from_compact(ours.bits()).unwrap().is_met_by(&ours.hash()), "{network}");
    }
}

#[test]
fn the_limits_of_the_networks_are_the_same() {
    for (ours, theirs) in [
        (Target::MAX_ATTAINABLE_MAINNET, bitcoin::Target::MAX_ATTAINABLE_MAINNET),
        (Target::MAX_ATTAINABLE_REGTEST, bitcoin::Target::MAX_ATTAINABLE_REGTEST),
    ] {
        assert_eq!(ours.to_be_bytes(), theirs.to_be_bytes());
    }
}

proptest! {
    #[test]
    fn headers_have_the_same_fields_and_hash(bytes in header_bytes()) {
        let ours = Header::from_bytes(bytes);
        let theirs: bitcoin::block::Header = deserialize(&bytes).unwrap();
        prop_assert_eq!(
            ours.version().to_consensus(),
            theirs.version.to_consensus().cast_unsigned()
        );
        prop_assert_eq!(ours.prev_block_hash().to_string(), theirs.prev_blockhash.to_string());
        prop_assert_eq!(ours.merkle_root().to_string(), theirs.merkle_root.to_string());
        prop_assert_eq!(ours.time(), theirs.time);
        prop_assert_eq!(ours.bits().to_consensus(), theirs.bits.to_consensus());
        prop_assert_eq!(ours.nonce(), theirs.nonce);
        prop_assert_eq!(ours.hash().to_string(), theirs.block_hash().to_string());
        prop_assert_eq!(*Header::from_fields(ours.fields()).as_bytes(), bytes);
    }

    #[test]
    fn compact_targets_expand_to_the_same(bits in compact_bits()) {
        let theirs = bitcoin::Target::from_compact(bitcoin::CompactTarget::from_consensus(bits));
        match Target::from_compact(CompactTarget::from_consensus(bits)) {
            Ok(ours) => {
                prop_assert_eq!(ours.to_be_bytes(), theirs.to_be_bytes());
                prop_assert_eq!(
                    ours.to_compact_lossy().to_consensus(),
                    theirs.to_compact_lossy().to_consensus()
                );
            }
            // Theirs takes the sign bit for a digit where the size is below 3; Core does not.
            Err(TargetError::NegativeCompact(_) | TargetError::ZeroCompact(_)) => {
                let short_and_signed = bits >> 24 < 3 && bits & 0x0080_0000 != 0;
                prop_assert!(short_and_signed || theirs == bitcoin::Target::ZERO);
            }
            // Theirs drops the bits that do not fit, or shifts round; Core refuses.
            Err(TargetError::OverflowingCompact(_)) => prop_assert!(bits >> 24 > 32),
            Err(error) => prop_assert!(false, "{error}"),
        }
    }

    #[test]
    fn targets_shrink_to_the_same((ours, theirs) in targets()) {
        prop_assert_eq!(
            ours.to_compact_lossy().to_consensus(),
            theirs.to_compact_lossy().to_consensus()
        );
        prop_assert_eq!(format!("{ours:x}"), format!("{theirs:064x}"));
    }

    #[test]
    fn hashes_meet_the_same_targets((ours, theirs, hash) in targets_and_hashes()) {
        prop_assert_eq!(
            ours.is_met_by(&BlockHash::from_bytes(hash)),
            theirs.is_met_by(bitcoin::BlockHash::from_byte_array(hash))
        );
    }

    #[test]
    fn targets_have_the_same_difficulty((ours, theirs) in targets()) {
        prop_assert_eq!(ours.difficulty().to_bits(), theirs.difficulty_float().to_bits());
    }

    #[test]
    fn whole_difficulties_come_back_from_their_targets(difficulty in 1..1u64 << 50) {
        let ours = Target::from_difficulty(difficulty as f64).unwrap();
        // The target is rounded down by less than 1 in 2^174, so the quotient is whole again.
        let theirs = bitcoin::Target::from_be_bytes(ours.to_be_bytes());
        let quotient = theirs.difficulty(bitcoin::Network::Bitcoin);
        prop_assert_eq!(quotient, u128::from(difficulty));
    }

    #[test]
    fn targets_are_the_same_work((ours, theirs) in targets()) {
        // Theirs calls the inverse of 1 the largest number; Core and we call it 2^255.
        prop_assume!(theirs != bitcoin::Target::from_hex("0x1").unwrap());
        prop_assert_eq!(ours.to_work().to_be_bytes(), theirs.to_work().to_be_bytes());
    }

    #[test]
    fn work_adds_up_to_the_same(a in number_bytes(), b in number_bytes()) {
        if let Some(ours) = Work::from_be_bytes(a).checked_add(Work::from_be_bytes(b)) {
            let theirs = bitcoin::Work::from_be_bytes(a) + bitcoin::Work::from_be_bytes(b);
            prop_assert_eq!(ours.to_be_bytes(), theirs.to_be_bytes());
            prop_assert_eq!(ours.to_string(), format!("{theirs:064x}"));
        }
    }

    #[test]
    fn work_is_the_same_float(bytes in number_bytes()) {
        let work = Work::from_be_bytes(bytes);
        prop_assume!(work > Work::ZERO);
        let theirs = bitcoin::Work::from_be_bytes(bytes);
        prop_assert_eq!(work.to_f64().log2().to_bits(), theirs.log2().to_bits());
    }
}

#[cfg(feature = "bitcoin")]
mod conversions {
    //! Each conversion there and back, and the one that can fail.

    use perjoule::block::{MerkleRoot, Version};

    use super::notable::NOTABLE;
    use super::*;

    /// Whether rust-bitcoin takes the header for work on the target that it names; fails where we
    /// judge otherwise.
    fn is_work(header: Header) -> bool {
        let theirs = bitcoin::block::Header::from(header);
        let target = Target::from_compact(header.bits()).expect("the tests use real targets");
        let met = target.is_met_by(&header.hash());
        assert_eq!(theirs.validate_pow(theirs.target()).is_ok(), met, "{header}");
        met
    }

    #[test]
    fn random_headers_are_work_for_both_or_for_none() {
        const HEADERS: u32 = 100_000;
        let mut bytes = [0; Header::LEN];
        let mut solved = 0;
        for i in 0..HEADERS {
            // As good as random: each header is filled with hashes that begin with the last one's.
            for j in 0..5_u8 {
                let seed = [&bytes[..32], &i.to_le_bytes(), &[j]].concat();
                let digest = bitcoin::hashes::sha256::Hash::hash(&seed);
                let at = usize::from(j) * 16;
                bytes[at..at + 16].copy_from_slice(&digest[..16]);
            }
            // Targets from 2^-15 to half of all hashes, so that both kinds are there in plenty.
            let random = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]);
            let bits = 0x2000_0000 | (random & 0x007f_ffff).max(0x0000_0100);
            let header = Header::from_bytes(bytes).with_bits(CompactTarget::from_consensus(bits));
            solved += u32::from(is_work(header));
        }
        assert!((HEADERS / 10..HEADERS / 2).contains(&solved), "{solved}");
    }

    #[test]
    fn real_headers_are_work_for_both_and_with_other_nonces_for_none() {
        for notable in NOTABLE {
            let header = Header::from_hex(notable.header).unwrap();
            assert!(is_work(header), "{}", notable.height);
            assert!(!is_work(header.with_nonce(header.nonce() ^ 1)), "{}", notable.height);
        }
    }

    #[test]
    fn only_a_target_of_zero_does_not_convert() {
        assert_eq!(Target::try_from(bitcoin::Target::ZERO), Err(TargetError::Zero));
        assert_eq!(
            Target::try_from(bitcoin::Target::MAX_ATTAINABLE_MAINNET),
            Ok(Target::MAX_ATTAINABLE_MAINNET)
        );
    }

    proptest! {
        #[test]
        fn headers_convert_both_ways(bytes in header_bytes()) {
            let ours = Header::from_bytes(bytes);
            let theirs = bitcoin::block::Header::from(ours);
            prop_assert_eq!(serialize(&theirs), bytes);
            prop_assert_eq!(Header::from(theirs), ours);
            prop_assert_eq!(bitcoin::BlockHash::from(ours.hash()), theirs.block_hash());
            prop_assert_eq!(BlockHash::from(theirs.block_hash()), ours.hash());
            prop_assert_eq!(MerkleRoot::from(theirs.merkle_root), ours.merkle_root());
            prop_assert_eq!(Version::from(theirs.version), ours.version());
            prop_assert_eq!(CompactTarget::from(theirs.bits), ours.bits());
        }

        #[test]
        fn targets_and_work_convert_both_ways((ours, theirs) in targets()) {
            prop_assert_eq!(bitcoin::Target::from(ours), theirs);
            prop_assert_eq!(Target::try_from(theirs), Ok(ours));
            let work = bitcoin::Work::from(ours.to_work());
            prop_assert_eq!(Work::from(work), ours.to_work());
        }
    }
}
