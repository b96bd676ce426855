//! SHA-256 as FIPS 180-4 defines it: the reference that the engines are tested against.
//!
//! Slow and dull on purpose. It uses no shortcut of the kernels, so that an error in one of them
//! cannot hide here too.

use super::consts::{IV, K};

/// Returns the SHA-256 of `message`, FIPS 180-4 section 6.2.
///
/// This is for tests and reference: the search verifies with the `sha2` crate and scans with its
/// engines.
#[must_use]
pub fn sha256(message: &[u8]) -> [u8; 32] {
    let mut state = IV;
    let padded = pad(message);
    for block in padded.chunks_exact(64) {
        state = compress(state, block);
    }
    let mut digest = [0; 32];
    for (bytes, word) in digest.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

/// Returns the SHA-256 of the SHA-256 of `message`: Bitcoin's block and transaction hash.
#[must_use]
pub fn sha256d(message: &[u8]) -> [u8; 32] {
    sha256(&sha256(message))
}

/// Pads a message (section 5.1.1): a one bit, zeros, and the length in bits, up to a multiple of
/// 512 bits.
fn pad(message: &[u8]) -> Vec<u8> {
    let mut padded = message.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend_from_slice(&(message.len() as u64 * 8).to_be_bytes());
    padded
}

/// Hashes one block of 64 bytes into the state (section 6.2.2).
fn compress(state: [u32; 8], block: &[u8]) -> [u32; 8] {
    let mut w = [0_u32; 64];
    for (word, bytes) in w.iter_mut().zip(block.chunks_exact(4)) {
        *word = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }
    for t in 16..64 {
        let sigma0 = w[t - 15].rotate_right(7) ^ w[t - 15].rotate_right(18) ^ (w[t - 15] >> 3);
        let sigma1 = w[t - 2].rotate_right(17) ^ w[t - 2].rotate_right(19) ^ (w[t - 2] >> 10);
        w[t] = sigma1.wrapping_add(w[t - 7]).wrapping_add(sigma0).wrapping_add(w[t - 16]);
    }

    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = state;
    for t in 0..64 {
        let sum1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
        let ch = (e & f) ^ (!e & g);
        let t1 = h.wrapping_add(sum1).wrapping_add(ch).wrapping_add(K[t]).wrapping_add(w[t]);
        let sum0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
        let maj = (a & b) ^ (a & c) ^ (b & c);
        let t2 = sum0.wrapping_add(maj);
        h = g;
        g = f;
        f = e;
        e = d.wrapping_add(t1);
        d = c;
        c = b;
        b = a;
        a = t1.wrapping_add(t2);
    }

    let mut next = state;
    for (word, added) in next.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *word = word.wrapping_add(added);
    }
    next
}

#[cfg(test)]
mod tests {
    use super::{sha256, sha256d};
    use sha2::{Digest, Sha256};

    #[test]
    fn answers_of_fips_180_4() {
        // NIST, "SHA-256 examples": one block, and two blocks.
        assert_eq!(sha256(b"abc")[..8], [0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea],);
        assert_eq!(
            sha256(b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")[..8],
            [0x24, 0x8d, 0x6a, 0x61, 0xd2, 0x06, 0x38, 0xb8],
        );
    }

    #[test]
    fn agrees_with_sha2_at_every_length_around_the_padding() {
        let message: Vec<u8> = (0..=255).collect();
        for length in 0..=200 {
            let message = &message[..length];
            let expected: [u8; 32] = Sha256::digest(message).into();
            assert_eq!(sha256(message), expected, "length {length}");
            let twice: [u8; 32] = Sha256::digest(expected).into();
            assert_eq!(sha256d(message), twice, "length {length}");
        }
    }
}
