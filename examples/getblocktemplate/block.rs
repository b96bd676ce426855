//! From a template to a block: coinbase, merkle root, header, and the whole in hex.

use bitcoin::absolute::LockTime;
use bitcoin::consensus::encode::serialize_hex;
use bitcoin::hashes::Hash as _;
use bitcoin::script::Builder;
use bitcoin::transaction::Version as TransactionVersion;
use bitcoin::{Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, VarInt, Witness};
use perjoule::block::{Header, HeaderFields, MerkleRoot};

use crate::merkle;
use crate::template::{Template, WITNESS_RESERVED};

/// A block that lacks nothing but a nonce.
#[derive(Debug)]
pub(crate) struct Unsolved<'a> {
    template: &'a Template,
    coinbase: Transaction,
    header: Header,
}

impl<'a> Unsolved<'a> {
    /// Makes a block that pays its reward to `payout`. Another `extra_nonce` makes another block.
    pub(crate) fn new(template: &'a Template, payout: ScriptBuf, extra_nonce: u64) -> Self {
        let coinbase = coinbase(template, payout, extra_nonce);
        let root = merkle::root(coinbase.compute_txid().into(), &template.branch);
        let header = Header::from_fields(HeaderFields {
            version: template.version,
            prev_block_hash: template.previous,
            merkle_root: MerkleRoot::from_bytes(root.to_byte_array()),
            time: template.time,
            bits: template.bits,
            nonce: 0,
        });
        Self { template, coinbase, header }
    }

    /// What to search.
    pub(crate) fn header(&self) -> Header {
        self.header
    }

    /// The whole block with this header, which the search found, in hex.
    pub(crate) fn with_header(&self, header: &Header) -> String {
        let others = self.template.transactions();
        let count = VarInt::from(1 + others.len());
        let mut hex = header.to_hex() + &serialize_hex(&count) + &serialize_hex(&self.coinbase);
        hex.extend(others);
        hex
    }
}

fn coinbase(template: &Template, payout: ScriptBuf, extra_nonce: u64) -> Transaction {
    let input = TxIn {
        previous_output: OutPoint::null(),
        // The height comes first (BIP 34), pushed as consensus code pushes numbers: 1 to 16 are
        // opcodes of their own.
        script_sig: Builder::new()
            .push_int(template.height.into())
            .push_slice(extra_nonce.to_le_bytes())
            .into_script(),
        sequence: Sequence::MAX,
        // What the commitment hashes together with the witnesses (BIP 141).
        witness: Witness::from_slice(&[WITNESS_RESERVED]),
    };
    let reward = TxOut { value: template.value, script_pubkey: payout };
    let commitment = TxOut { value: Amount::ZERO, script_pubkey: template.commitment.clone() };
    Transaction {
        version: TransactionVersion::TWO,
        lock_time: LockTime::ZERO,
        input: vec![input],
        output: vec![reward, commitment],
    }
}

#[cfg(test)]
mod tests {
    use std::iter;
    use std::sync::Arc;

    use bitcoin::consensus::encode::deserialize_hex;
    use bitcoin::hashes::sha256d;
    use bitcoin::hex::DisplayHex as _;
    use bitcoin::merkle_tree::calculate_root;
    use bitcoin::{Block, Txid, WitnessMerkleNode};
    use perjoule::block::Target;
    use serde_json::json;

    use super::*;
    use crate::template::tests::answer;
    use crate::template::{Answer, Checked, TemplateError};

    fn payout() -> ScriptBuf {
        ScriptBuf::from_bytes(vec![0x51])
    }

    fn template(answer: Answer<'_>) -> Template {
        Template::new(answer, &Arc::default(), &mut Checked::default()).unwrap()
    }

    /// A template with `count` transactions that have witnesses, and the commitment to them.
    fn full(count: u8) -> Template {
        full_again(count, |text| text, &mut Checked::default()).unwrap()
    }

    /// The same, after others, with another text of its transactions.
    fn full_again(
        count: u8,
        change: impl Fn(String) -> String,
        checked: &mut Checked,
    ) -> Result<Template, TemplateError> {
        let transaction = |i: u8| Transaction {
            version: TransactionVersion::TWO,
            lock_time: LockTime::ZERO,
            input: vec![TxIn {
                previous_output: OutPoint::new(Txid::from_byte_array([i; 32]), 0),
                witness: Witness::from_slice(&[[i; 7]]),
                ..TxIn::default()
            }],
            output: vec![TxOut { value: Amount::from_sat(1), script_pubkey: payout() }],
        };
        let transactions: Vec<_> = (0..count).map(transaction).collect();
        // The coinbase counts as zero there.
        let wtxids = transactions.iter().map(|tx| tx.compute_wtxid().to_raw_hash());
        let root = calculate_root(iter::once(sha256d::Hash::all_zeros()).chain(wtxids)).unwrap();
        let root = WitnessMerkleNode::from_raw_hash(root);
        let commitment = Block::compute_witness_commitment(&root, &[0; 32]);
        let commitment = commitment.as_byte_array().to_lower_hex_string();
        let entry = |tx: &Transaction| json!({ "data": serialize_hex(tx), "txid": tx.compute_txid().to_string() });
        let text: Vec<_> = transactions.iter().map(entry).collect();
        let text = Arc::new(change(json!(text).to_string()));
        let answer = Answer {
            // rust-bitcoin does not read the opcodes that small heights are.
            height: 500,
            transactions: serde_json::from_str(&text).unwrap(),
            default_witness_commitment: Some(format!("6a24aa21a9ed{commitment}")),
            ..answer()
        };
        Template::new(answer, &text, checked)
    }

    #[test]
    fn what_was_checked_before_is_right_again_and_what_changed_is_not() {
        let mut checked = Checked::default();
        let mut again = |count, change: fn(String) -> String| {
            let template = full_again(count, change, &mut checked)?;
            let unsolved = Unsolved::new(&template, payout(), 3);
            let block: Block = deserialize_hex(&unsolved.with_header(&unsolved.header())).unwrap();
            assert!(block.check_merkle_root() && block.check_witness_commitment());
            Ok(block.txdata.len())
        };
        for count in [3, 3, 7, 2, 5] {
            assert_eq!(again(count, |text| text), Ok(1 + usize::from(count)));
        }
        // The same transaction by its name, with another witness or another output in it.
        let witness = again(5, |text| text.replace("0107020202", "0107020203"));
        assert_eq!(witness, Err(TemplateError::OtherCommitment));
        let output = again(5, |text| text.replace("0151", "0152"));
        assert_eq!(output, Err(TemplateError::OtherHash { index: 0, field: "txid" }));
        assert_eq!(again(5, |text| text), Ok(6));
    }

    #[test]
    fn blocks_are_what_consensus_wants_of_them() {
        for count in [0, 1, 2, 3, 6, 255] {
            let template = full(count);
            let unsolved = Unsolved::new(&template, payout(), 3);
            let solved = unsolved.header().with_nonce(0x0102_0304);
            let block: Block = deserialize_hex(&unsolved.with_header(&solved)).unwrap();
            assert_eq!(block.txdata.len(), 1 + usize::from(count));
            assert!(block.txdata[0].is_coinbase());
            assert!(block.check_merkle_root(), "{count}");
            assert!(block.check_witness_commitment(), "{count}");
            assert_eq!(block.bip34_block_height(), Ok(500));
            assert_eq!(block.header.block_hash().to_string(), solved.hash().to_string());
            assert_eq!(block.txdata[0].output[0].value, template.value);
        }
    }

    #[test]
    fn a_header_says_what_the_template_does() {
        let template = template(answer());
        let header = Unsolved::new(&template, payout(), 0).header();
        assert_eq!(header.prev_block_hash(), template.previous);
        assert_eq!(header.version().to_string(), "20000000");
        assert_eq!(header.time(), 1_795_339_425);
        assert_eq!(Target::from_compact(header.bits()), Ok(template.target));
    }

    #[test]
    fn heights_are_pushed_as_consensus_code_does() {
        // As `CScript() << height` of Bitcoin Core.
        for (height, pushed) in [
            (1, "51"),
            (16, "60"),
            (17, "0111"),
            (127, "017f"),
            (128, "028000"),
            (255, "02ff00"),
            (256, "020001"),
            (32_767, "02ff7f"),
            (32_768, "03008000"),
            (227_931, "035b7a03"),
            (840_000, "0340d10c"),
            (8_388_608, "0400008000"),
        ] {
            let template = template(Answer { height, ..answer() });
            let script = coinbase(&template, payout(), 7).input.remove(0).script_sig;
            assert_eq!(script.to_hex_string(), format!("{pushed}080700000000000000"));
        }
    }

    #[test]
    fn each_extra_nonce_is_another_header() {
        let template = template(answer());
        let header = |extra_nonce| Unsolved::new(&template, payout(), extra_nonce).header();
        assert_ne!(header(0).merkle_root(), header(1).merkle_root());
        assert_eq!(header(0), header(0));
    }
}
