//! Headers and hashes: real ones, and text that is not one.

use proptest::prelude::*;

use super::notable::NOTABLE;
use crate::block::{
    BlockHash, CompactTarget, Header, HeaderError, HeaderFields, HexError, MerkleRoot, Target,
    Version,
};

const EXPECTED: &str = "a header is 80 bytes (160 hex digits)";

/// The number before a block's hash, as a target.
fn one_less(hash: BlockHash) -> Target {
    let mut bytes = *hash.as_bytes();
    for byte in &mut bytes {
        let borrow = *byte == 0;
        *byte = byte.wrapping_sub(1);
        if !borrow {
            break;
        }
    }
    Target::from_le_bytes(bytes).expect("no notable hash is 1")
}

fn message(text: &str) -> String {
    Header::from_hex(text).expect_err("the text is no header").to_string()
}

#[test]
fn notable_headers_have_their_fields_and_hashes() {
    for notable in &NOTABLE {
        let header = Header::from_hex(notable.header).unwrap();
        let height = notable.height;
        assert_eq!(header.hash().to_string(), notable.hash, "{height}");
        assert_eq!(header.version().to_consensus(), notable.version, "{height}");
        assert_eq!(header.bits().to_string(), notable.bits, "{height}");
        assert_eq!(header.nonce(), notable.nonce, "{height}");
        assert_eq!(header.to_hex(), notable.header, "{height}");
        assert_eq!(Header::from_fields(header.fields()), header, "{height}");
    }
}

#[test]
fn notable_hashes_meet_their_bits_and_themselves_but_nothing_smaller() {
    for notable in &NOTABLE {
        let hash: BlockHash = notable.hash.parse().unwrap();
        let bits = CompactTarget::from_hex(notable.bits).unwrap();
        let height = notable.height;
        assert!(Target::from_compact(bits).unwrap().is_met_by(&hash), "{height}");
        assert!(Target::from_hex(notable.hash).unwrap().is_met_by(&hash), "{height}");
        assert!(!one_less(hash).is_met_by(&hash), "{height}");
    }
}

#[test]
fn the_genesis_header_is_put_together_from_its_fields() {
    let fields = HeaderFields {
        version: Version::from_consensus(1),
        prev_block_hash: BlockHash::from_bytes([0; 32]),
        merkle_root: "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b"
            .parse()
            .unwrap(),
        time: 1_231_006_505,
        bits: CompactTarget::from_consensus(0x1d00_ffff),
        nonce: 2_083_236_893,
    };
    let header = Header::from_fields(fields);
    assert_eq!(header.to_hex(), NOTABLE[0].header);
    assert_eq!(header.fields(), fields);
}

#[test]
fn a_setter_changes_its_own_bytes_only() {
    let zero = Header::from_bytes([0; 80]);
    let ones = Header::from_bytes([0xff; 80]).fields();
    let changed = [
        (zero.with_version(ones.version), 0..4),
        (zero.with_prev_block_hash(ones.prev_block_hash), 4..36),
        (zero.with_merkle_root(ones.merkle_root), 36..68),
        (zero.with_time(ones.time), 68..72),
        (zero.with_bits(ones.bits), 72..76),
        (zero.with_nonce(ones.nonce), 76..80),
    ];
    for (header, range) in changed {
        for (i, &byte) in header.as_bytes().iter().enumerate() {
            assert_eq!(byte == 0xff, range.contains(&i), "byte {i} for the field at {range:?}");
        }
    }
}

#[test]
fn numbers_are_little_endian() {
    let header = Header::from_bytes(std::array::from_fn(|i| i as u8));
    assert_eq!(header.version().to_consensus(), 0x0302_0100);
    assert_eq!(header.time(), 0x4746_4544);
    assert_eq!(header.bits().to_consensus(), 0x4b4a_4948);
    assert_eq!(header.nonce(), 0x4f4e_4d4c);
}

#[test]
fn errors_name_what_is_wrong_with_a_header() {
    let good = NOTABLE[0].header;
    assert_eq!(message(""), format!("{EXPECTED}, got 0 digits"));
    assert_eq!(message(&good[2..]), format!("{EXPECTED}, got 158 digits"));
    assert_eq!(message(&format!("{good}00")), format!("{EXPECTED}, got 162 digits"));
    assert_eq!(
        message(&good[1..]),
        format!("{EXPECTED}, got 159 digits: an odd number, so half a byte is missing")
    );
    assert_eq!(
        message(&good.replacen("3ba3", "3bé3", 1)),
        format!("'é' at character 75 is not a hex digit: {EXPECTED}")
    );
    assert_eq!(
        message(&format!("{good}\n")),
        format!("'\\n' at character 161 is not a hex digit: {EXPECTED}")
    );
    assert_eq!(message("0x"), format!("'x' at character 2 is not a hex digit: {EXPECTED}"));
    assert_eq!(Header::from_slice(&[0; 79]), Err(HeaderError::Length { bytes: 79 }));
    assert_eq!(
        Header::from_slice(&[0; 81]).unwrap_err().to_string(),
        "a header is 80 bytes, got 81 bytes"
    );
}

#[test]
fn a_hash_is_shown_reversed() {
    let hash = BlockHash::from_bytes(std::array::from_fn(|i| i as u8));
    let shown = "1f1e1d1c1b1a191817161514131211100f0e0d0c0b0a09080706050403020100";
    assert_eq!(hash.to_string(), shown);
    assert_eq!(format!("{hash:?}"), format!("BlockHash({shown})"));
    assert_eq!(BlockHash::from_hex(&shown.to_uppercase()), Ok(hash));
    assert_eq!(
        MerkleRoot::from_hex("00").unwrap_err().to_string(),
        "a merkle root is 32 bytes (64 hex digits), got 2 digits"
    );
    assert!(matches!(BlockHash::from_hex("0"), Err(HexError::OddLength { digits: 1, .. })));
}

proptest! {
    #[test]
    fn header_parsers_survive_any_input(
        text in "(?s).*",
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        // One line each, for any input: messages end up in a terminal.
        if let Err(error) = Header::from_hex(&text) {
            prop_assert_eq!(error.to_string().lines().count(), 1);
        }
        if let Err(error) = BlockHash::from_hex(&text) {
            prop_assert_eq!(error.to_string().lines().count(), 1);
        }
        let lossy = String::from_utf8_lossy(&bytes);
        prop_assert!(Header::from_hex(&lossy).is_err());
        prop_assert!(MerkleRoot::from_hex(&lossy).is_err());
        prop_assert_eq!(Header::from_slice(&bytes).is_ok(), bytes.len() == Header::LEN);
    }

    #[test]
    fn header_parsers_take_hex_of_one_length_only(text in "[0-9a-fA-F]{0,170}") {
        prop_assert_eq!(Header::from_hex(&text).is_ok(), text.len() == 160);
        prop_assert_eq!(BlockHash::from_hex(&text).is_ok(), text.len() == 64);
    }

    #[test]
    fn headers_round_trip(bytes in prop::collection::vec(any::<u8>(), Header::LEN)) {
        let header = Header::from_slice(&bytes).unwrap();
        prop_assert_eq!(&header.as_bytes()[..], &bytes[..]);
        prop_assert_eq!(header.to_string().parse(), Ok(header));
        prop_assert_eq!(Header::from_hex(&header.to_hex().to_uppercase()), Ok(header));
        prop_assert_eq!(Header::from_fields(header.fields()), header);
    }

    #[test]
    fn hashes_round_trip(bytes: [u8; 32]) {
        let hash = BlockHash::from_bytes(bytes);
        prop_assert_eq!(hash.to_string().parse(), Ok(hash));
        let root = MerkleRoot::from_bytes(bytes);
        prop_assert_eq!(root.to_string().parse(), Ok(root));
    }
}
