//! The merkle tree over a block's transactions, hashed once a template: another coinbase changes only
//! the hashes on its own way to the root.

use bitcoin::TxMerkleNode;
use bitcoin::hashes::{Hash as _, HashEngine as _};
use rayon::prelude::*;

/// How many pairs are worth being given to another thread: some 0.2 ms of a processor that has no
/// instructions for SHA-256. One that has them is done as soon alone.
const PAIRS: usize = 256;

/// What the coinbase's hash is hashed with, from the leaf to the root, where `row` are the hashes of
/// the other transactions.
pub(crate) fn branch(mut row: Vec<TxMerkleNode>) -> Vec<TxMerkleNode> {
    let mut branch = Vec::new();
    // Each row lacks its first hash, which only the coinbase decides.
    while let [neighbour, others @ ..] = &row[..] {
        branch.push(*neighbour);
        // Who has no neighbour is its own.
        row = others
            .par_chunks(2)
            .with_min_len(PAIRS)
            .map(|pair| parent(pair[0], pair[pair.len() - 1]))
            .collect();
    }
    branch
}

/// The merkle root of a block with this coinbase.
pub(crate) fn root(coinbase: TxMerkleNode, branch: &[TxMerkleNode]) -> TxMerkleNode {
    branch.iter().copied().fold(coinbase, parent)
}

fn parent(left: TxMerkleNode, right: TxMerkleNode) -> TxMerkleNode {
    let mut engine = TxMerkleNode::engine();
    engine.input(left.as_byte_array());
    engine.input(right.as_byte_array());
    TxMerkleNode::from_engine(engine)
}

#[cfg(test)]
mod tests {
    use bitcoin::merkle_tree::calculate_root;

    use super::*;

    #[test]
    fn roots_are_those_of_rust_bitcoin() {
        let leaf = |i: u32| TxMerkleNode::hash(&i.to_le_bytes());
        for others in (0..=70).chain([511, 512, 513, 1_500, 4_000]) {
            let row: Vec<_> = (1..=others).map(leaf).collect();
            let expected = calculate_root((0..=others).map(leaf));
            assert_eq!(Some(root(leaf(0), &branch(row))), expected, "{others}");
        }
    }
}
