//! What the integration tests compare with: headers hashed by the book, one at a time.

use std::fmt::{Debug, Display};

use perjoule::block::{BlockHash, Header, Target};
use perjoule::sha256::sha256d;

/// The hash of `header` by the oracle, which shares no trick with the engines.
pub(crate) fn hash(header: &Header) -> BlockHash {
    BlockHash::from_bytes(sha256d(header.as_bytes()))
}

/// The target of this top word whose other 28 bytes are all `rest`.
pub(crate) fn target(top: u32, rest: u8) -> Target {
    let mut bytes = [rest; 32];
    bytes[..4].copy_from_slice(&top.to_be_bytes());
    Target::from_be_bytes(bytes).expect("the tests ask for no target of zero")
}

/// A header like no real one, another for each `seed`.
pub(crate) fn header(seed: u8) -> Header {
    Header::from_bytes(std::array::from_fn(|i| (i as u8).wrapping_mul(37).wrapping_add(seed)))
}

/// Compares two lists, and shows where they part instead of all of both.
#[track_caller]
pub(crate) fn assert_same<T: Debug + PartialEq>(found: &[T], expected: &[T], what: &dyn Display) {
    let common = found.iter().zip(expected).take_while(|(found, expected)| found == expected);
    let at = common.count();
    assert!(
        at == found.len() && at == expected.len(),
        "{what}: found {} and expected {}; number {at} is {:?} and should be {:?}",
        found.len(),
        expected.len(),
        found.get(at),
        expected.get(at),
    );
}
