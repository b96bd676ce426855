//! What `getblocktemplate` answers (BIP 22, 23, 145), and whether a block can be made of it.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use bitcoin::consensus::encode::deserialize;
use bitcoin::hashes::{Hash as _, sha256d};
use bitcoin::hex::FromHex as _;
use bitcoin::{Amount, ScriptBuf, Transaction, TxMerkleNode};
use perjoule::block::{BlockHash, CompactTarget, Target, Version, VersionMask};
use rayon::prelude::*;
use serde::Deserialize;

use crate::merkle;

/// The consensus rules that the blocks made here follow: all that asks something of the coinbase or
/// the header.
const KNOWN_RULES: [&str; 4] = ["csv", "segwit", "signet", "taproot"];

/// The signet challenge that every block meets: `OP_TRUE`.
const OP_TRUE: &str = "51";

/// What a script that commits to the witnesses of a block begins with, before their hash (BIP 141).
const COMMITMENT: [u8; 6] = [0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed];

/// What the coinbase of a block made here has as its witness, and the commitment is hashed with.
pub(crate) const WITNESS_RESERVED: [u8; 32] = [0; 32];

/// How many seconds a header's time may run ahead where the template lets it change. Nodes refuse
/// blocks from two hours on.
const TIME_TO_ROLL: u32 = 600;

/// The answer, as far as it matters here. What it has megabytes of stays where it was read from.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Answer<'a> {
    pub(crate) version: i32,
    #[serde(default)]
    pub(crate) rules: Vec<String>,
    #[serde(default)]
    pub(crate) vbrequired: u32,
    pub(crate) previousblockhash: String,
    #[serde(borrow)]
    pub(crate) transactions: Vec<Entry<'a>>,
    pub(crate) coinbasevalue: u64,
    pub(crate) mintime: u32,
    pub(crate) curtime: u32,
    #[serde(default)]
    pub(crate) mutable: Vec<String>,
    pub(crate) bits: String,
    pub(crate) target: String,
    pub(crate) height: u32,
    pub(crate) default_witness_commitment: Option<String>,
    pub(crate) signet_challenge: Option<String>,
}

/// A transaction of a template.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Entry<'a> {
    pub(crate) data: &'a str,
    pub(crate) txid: &'a str,
    /// With its witnesses.
    pub(crate) hash: Option<&'a str>,
}

/// The transactions of the last template, which were found to be what they are said to be: most of
/// them come again with the next, and are not hashed again.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    text: Arc<String>,
    /// By the hash without witnesses: where in the text it lies, and the hash with witnesses.
    entries: HashMap<TxMerkleNode, (Range<usize>, TxMerkleNode)>,
}

/// A template that a block can be made of.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pub(crate) height: u32,
    pub(crate) version: Version,
    /// Version bits that the block must have as they are.
    pub(crate) fixed_version_bits: u32,
    pub(crate) previous: BlockHash,
    pub(crate) time: u32,
    /// How many seconds later the time may be.
    pub(crate) time_to_roll: u32,
    pub(crate) bits: CompactTarget,
    pub(crate) target: Target,
    pub(crate) value: Amount,
    /// The output script that commits to the witnesses of all transactions.
    pub(crate) commitment: ScriptBuf,
    /// What the coinbase's hash is hashed with, from the leaf to the merkle root.
    pub(crate) branch: Vec<TxMerkleNode>,
    /// What the node said, and where in it the transactions lie, in hex.
    text: Arc<String>,
    transactions: Vec<Range<usize>>,
}

/// Why no block can be made of a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TemplateError {
    #[error("the template needs the rule {rule:?}, which this example does not know: update it")]
    UnknownRule { rule: String },
    #[error("this signet's challenge is {challenge}, and only 51 (OP_TRUE) needs no signature")]
    Challenge { challenge: String },
    #[error("the template has no {field}: the node must be Bitcoin Core 0.13.1, Knots, or newer")]
    Missing { field: &'static str },
    #[error("the template's {field} is {value:?}, which is no {what}")]
    Field { field: &'static str, value: String, what: &'static str },
    #[error("the template's transactions[{index}].{field} is no {what}")]
    Transaction { index: usize, field: &'static str, what: &'static str },
    #[error("the template's transactions[{index}].data hashes to another {field} than it says")]
    OtherHash { index: usize, field: &'static str },
    #[error(
        "the template's default_witness_commitment is {value:?}, expected a script that begins with \
         6a24aa21a9ed and has a hash behind that"
    )]
    NoCommitment { value: String },
    #[error("the template's default_witness_commitment is not that of its transactions")]
    OtherCommitment,
    #[error("the template's target is {target}, but its bits {bits} stand for another")]
    Target { target: Target, bits: CompactTarget },
}

impl Template {
    /// Makes sense of an answer, which was read from `text`.
    pub(crate) fn new(
        answer: Answer<'_>,
        text: &Arc<String>,
        checked: &mut Checked,
    ) -> Result<Self, TemplateError> {
        // A `!` says that who does not know the rule cannot make a valid block.
        let unknown = |rule: &&str| !KNOWN_RULES.contains(rule);
        let mut needed = answer.rules.iter().filter_map(|rule| rule.strip_prefix('!'));
        if let Some(rule) = needed.find(unknown) {
            return Err(TemplateError::UnknownRule { rule: rule.to_owned() });
        }
        // Where an empty solution is valid a block may do without one (BIP 325).
        if let Some(challenge) = answer.signet_challenge.filter(|challenge| challenge != OP_TRUE) {
            return Err(TemplateError::Challenge { challenge });
        }
        let bits = parsed("bits", &answer.bits, "compact target", CompactTarget::from_hex)?;
        let target = parsed("target", &answer.target, "target", Target::from_hex)?;
        if Target::from_compact(bits) != Ok(target) {
            return Err(TemplateError::Target { target, bits });
        }
        let previous =
            parsed("previousblockhash", &answer.previousblockhash, "hash", BlockHash::from_hex)?;
        // A block with a transaction that is not what it is said to be is lost with all its work.
        let hashes: Vec<_> = (answer.transactions.par_iter().enumerate())
            .map(|(index, entry)| entry.hashes(index, checked))
            .collect::<Result<_, _>>()?;
        let (txids, wtxids): (Vec<_>, Vec<_>) = hashes.into_iter().unzip();
        let said = answer.default_witness_commitment.as_deref();
        let (commitment, branch) =
            rayon::join(|| commitment(said, wtxids.clone()), || merkle::branch(txids.clone()));
        let commitment = commitment?;
        let value = Amount::from_sat(answer.coinbasevalue);
        if value > Amount::MAX_MONEY {
            let value = value.to_string();
            return Err(TemplateError::Field { field: "coinbasevalue", value, what: "amount" });
        }
        let transactions: Vec<_> =
            answer.transactions.iter().map(|entry| place(entry.data, text)).collect();
        let entries = transactions.iter().cloned().zip(wtxids);
        *checked =
            Checked { text: text.clone(), entries: txids.into_iter().zip(entries).collect() };
        let rolls = answer.mutable.iter().any(|what| what == "time");
        Ok(Self {
            height: answer.height,
            version: Version::from_consensus(answer.version.cast_unsigned()),
            fixed_version_bits: answer.vbrequired,
            previous,
            time: answer.curtime.max(answer.mintime),
            time_to_roll: if rolls { TIME_TO_ROLL } else { 0 },
            bits,
            target,
            value,
            commitment,
            branch,
            text: text.clone(),
            transactions,
        })
    }

    /// The transactions behind the coinbase in hex, as they go into the block.
    pub(crate) fn transactions(&self) -> impl ExactSizeIterator<Item = &str> {
        self.transactions.iter().map(|place| &self.text[place.clone()])
    }

    /// The bits of `mask` that the template leaves free.
    pub(crate) fn mask(&self, mask: VersionMask) -> Option<VersionMask> {
        VersionMask::from_consensus(mask.to_consensus() & !self.fixed_version_bits).ok()
    }
}

impl Entry<'_> {
    /// The transaction's hashes without its witnesses and with them, computed from what it is.
    fn hashes(
        &self,
        index: usize,
        checked: &Checked,
    ) -> Result<(TxMerkleNode, TxMerkleNode), TemplateError> {
        let wrong = |field, what| TemplateError::Transaction { index, field, what };
        let said = |field, hash: &str| {
            hash.parse::<TxMerkleNode>().map_err(|_| wrong(field, "hash of 64 hex digits"))
        };
        let txid = said("txid", self.txid)?;
        let known = checked.entries.get(&txid);
        let known = known.filter(|(place, _)| checked.text[place.clone()] == *self.data);
        let (without, with_witnesses) = match known {
            Some(&(_, wtxid)) => (txid, wtxid),
            None => hashes(self.data).map_err(|what| wrong("data", what))?,
        };
        if txid != without {
            return Err(TemplateError::OtherHash { index, field: "txid" });
        }
        if let Some(hash) = self.hash
            && said("hash", hash)? != with_witnesses
        {
            return Err(TemplateError::OtherHash { index, field: "hash" });
        }
        Ok((without, with_witnesses))
    }
}

/// The hashes of a transaction in hex, without its witnesses and with them; or what it is not.
fn hashes(data: &str) -> Result<(TxMerkleNode, TxMerkleNode), &'static str> {
    let data = Vec::from_hex(data).map_err(|_| "hex")?;
    let transaction: Transaction = deserialize(&data).map_err(|_| "transaction")?;
    let with_witnesses = TxMerkleNode::hash(&data);
    let without = if transaction.input.iter().all(|input| input.witness.is_empty()) {
        with_witnesses
    } else {
        transaction.compute_txid().into()
    };
    Ok((without, with_witnesses))
}

/// The output script that commits to these transactions, which the node says, if it is that.
fn commitment(said: Option<&str>, wtxids: Vec<TxMerkleNode>) -> Result<ScriptBuf, TemplateError> {
    let field = "default_witness_commitment";
    let said = said.ok_or(TemplateError::Missing { field })?;
    let script = parsed(field, said, "script", Vec::from_hex)?;
    let hash = script.strip_prefix(&COMMITMENT).and_then(<[u8]>::first_chunk::<32>);
    let hash = hash.ok_or_else(|| TemplateError::NoCommitment { value: said.to_owned() })?;
    // The coinbase counts as zero there.
    let root = merkle::root(TxMerkleNode::all_zeros(), &merkle::branch(wtxids));
    let committed = [root.to_byte_array(), WITNESS_RESERVED].concat();
    if *hash != sha256d::Hash::hash(&committed).to_byte_array() {
        return Err(TemplateError::OtherCommitment);
    }
    Ok(script.into())
}

/// Where in `whole` a part of it lies.
fn place(part: &str, whole: &str) -> Range<usize> {
    let start = part.as_ptr().addr() - whole.as_ptr().addr();
    start..start + part.len()
}

fn parsed<T, E>(
    field: &'static str,
    value: &str,
    what: &'static str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<T, TemplateError> {
    parse(value).map_err(|_| TemplateError::Field { field, value: value.to_owned(), what })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What a node on a new regtest answers.
    pub(crate) fn answer() -> Answer<'static> {
        serde_json::from_str(
            r#"{"capabilities":["proposal"],"version":536870912,"rules":["csv","!segwit","taproot"],
            "vbavailable":{},"vbrequired":0,"previousblockhash":
            "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206","transactions":[],
            "coinbaseaux":{},"coinbasevalue":5000000000,"longpollid":
            "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e22061","target":
            "7fffff0000000000000000000000000000000000000000000000000000000000",
            "mintime":1296688603,"mutable":["time","transactions","prevblock"],
            "noncerange":"00000000ffffffff","sigoplimit":80000,"sizelimit":4000000,
            "weightlimit":4000000,"curtime":1795339425,"bits":"207fffff","height":1,
            "default_witness_commitment":
            "6a24aa21a9ede2f61c3f71d1defd3fa999dfa36953755c690689799962b48bebd836974e8cf9"}"#,
        )
        .unwrap()
    }

    fn template(answer: Answer<'_>) -> Result<Template, TemplateError> {
        Template::new(answer, &Arc::default(), &mut Checked::default())
    }

    fn error(answer: Answer<'_>) -> String {
        template(answer).unwrap_err().to_string()
    }

    #[test]
    fn a_nodes_answer_is_a_template() {
        let template = template(answer()).unwrap();
        assert_eq!(template.height, 1);
        assert_eq!(template.target, Target::MAX_ATTAINABLE_REGTEST);
        assert_eq!(template.value, Amount::from_int_btc(50));
        assert_eq!(template.time, 1_795_339_425);
        assert_eq!(template.time_to_roll, 600);
        assert_eq!(template.mask(VersionMask::BIP320), Some(VersionMask::BIP320));
    }

    #[test]
    fn the_time_is_not_before_the_least_and_rolls_only_where_it_may() {
        let slow = Answer { curtime: 5, mintime: 7, mutable: vec!["prevblock".into()], ..answer() };
        let template = template(slow).unwrap();
        assert_eq!((template.time, template.time_to_roll), (7, 0));
    }

    #[test]
    fn rules_that_must_be_known_are() {
        let rules = |rules: &[&str]| Answer {
            rules: rules.iter().map(ToString::to_string).collect(),
            ..answer()
        };
        assert!(template(rules(&["!segwit", "!signet", "taproot", "later"])).is_ok());
        assert!(error(rules(&["csv", "!later"])).contains("the rule \"later\""));
    }

    #[test]
    fn version_bits_that_the_block_must_have_do_not_roll() {
        let fixed = |vbrequired| template(Answer { vbrequired, ..answer() }).unwrap();
        let rest = fixed(0x0000_2000).mask(VersionMask::BIP320).unwrap();
        assert_eq!(rest.to_consensus(), 0x1fff_c000);
        assert_eq!(fixed(0xffff_ffff).mask(VersionMask::BIP320), None);
    }

    #[test]
    fn signets_need_a_challenge_that_is_met_by_nothing() {
        let of =
            |challenge: &str| Answer { signet_challenge: Some(challenge.to_owned()), ..answer() };
        assert!(template(of("51")).is_ok());
        assert!(error(of("5121ad52ae")).contains("challenge is 5121ad52ae"));
    }

    #[test]
    fn what_is_wrong_with_a_field_is_said() {
        let other = Answer { bits: "1d00ffff".into(), ..answer() };
        assert!(error(other).contains("its bits 1d00ffff stand for another"));
        let none = Answer { default_witness_commitment: None, ..answer() };
        assert!(error(none).contains("has no default_witness_commitment"));
        let short = Answer { previousblockhash: "00".into(), ..answer() };
        assert_eq!(error(short), "the template's previousblockhash is \"00\", which is no hash");
        let much = Answer { coinbasevalue: u64::MAX, ..answer() };
        assert!(error(much).contains("coinbasevalue"));
    }

    #[test]
    fn a_commitment_that_is_not_that_of_the_transactions_is_refused() {
        let of = |commitment: &str| {
            error(Answer { default_witness_commitment: Some(commitment.to_owned()), ..answer() })
        };
        let right = answer().default_witness_commitment.unwrap();
        // The hash alone, as one node has it; a script that commits to nothing; one cut short.
        for odd in [&right[12..], "51", "", &right[..74]] {
            let error = of(odd);
            assert!(
                error.contains("default_witness_commitment") && error.contains("6a24"),
                "{error}"
            );
        }
        assert!(
            of("6a24xy").contains("default_witness_commitment is \"6a24xy\", which is no script")
        );
        let other = format!("{}00", &right[..74]);
        assert!(of(&other).contains("default_witness_commitment is not that of"), "{other}");
        // What follows the hash has no meaning, and may be there.
        let longer = Some(right + "00");
        assert!(template(Answer { default_witness_commitment: longer, ..answer() }).is_ok());
    }

    #[test]
    fn transactions_that_are_not_what_they_are_said_to_be_are_refused() {
        let plain = concat!(
            "0100000001",
            "1111111111111111111111111111111111111111111111111111111111111111",
            "0000000000ffffffff010100000000000000015100000000"
        );
        let hash = TxMerkleNode::hash(&Vec::from_hex(plain).unwrap());
        let hash = hash.to_string();
        // The witnesses stand before the last four bytes.
        let (body, lock_time) = plain[8..].split_at(plain.len() - 16);
        let witnessed = format!("{}0001{body}0101aa{lock_time}", &plain[..8]);
        let with_witnesses = TxMerkleNode::hash(&Vec::from_hex(&witnessed).unwrap()).to_string();
        let with =
            |transactions: Vec<Entry<'static>>| template(Answer { transactions, ..answer() });
        let leak = |text: &str| -> &'static str { text.to_owned().leak() };
        let of = |data: &str, txid: &str, hash: Option<&str>| {
            let entry = Entry { data: leak(data), txid: leak(txid), hash: hash.map(leak) };
            with(vec![entry]).unwrap_err()
        };
        // These are right, so that what is wrong is found behind them: the commitment is to none.
        for (data, wtxid) in [(plain, &hash), (&witnessed, &with_witnesses)] {
            for wtxid in [None, Some(wtxid.as_str())] {
                assert_eq!(of(data, &hash, wtxid), TemplateError::OtherCommitment, "{data}");
            }
        }
        let wrong = |field, what| TemplateError::Transaction { index: 0, field, what };
        let other = |field| TemplateError::OtherHash { index: 0, field };
        let zeros = "00".repeat(32);
        for (data, txid, wtxid, expected) in [
            ("zz", hash.as_str(), None, wrong("data", "hex")),
            ("0", &hash, None, wrong("data", "hex")),
            ("", &hash, None, wrong("data", "transaction")),
            ("00", &hash, None, wrong("data", "transaction")),
            (&format!("{plain}00"), &hash, None, wrong("data", "transaction")),
            (plain, "xyz", None, wrong("txid", "hash of 64 hex digits")),
            (plain, &zeros, None, other("txid")),
            (&witnessed, &with_witnesses, None, other("txid")),
            (plain, &hash, Some("xyz"), wrong("hash", "hash of 64 hex digits")),
            (plain, &hash, Some(&zeros), other("hash")),
            (&witnessed, &hash, Some(&hash), other("hash")),
        ] {
            assert_eq!(of(data, txid, wtxid), expected, "{data} {txid} {wtxid:?}");
        }
        assert_eq!(
            other("txid").to_string(),
            "the template's transactions[0].data hashes to another txid than it says"
        );
    }
}
