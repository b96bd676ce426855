"""Mines on real nodes and for a real pool with the examples, and has Bitcoin's consensus code judge each block.

    python .ci/chain BITCOIND POOL EXAMPLES ENGINES

BITCOIND and POOL are the commands that start the node and the pool, EXAMPLES is the folder of the programs, ENGINES are
names with commas between. The Python must have py-bitcoinkernel. Prints what it did; the first thing that is not as it
must be ends it.
"""

import re
import sys
import time
from itertools import islice

from consensus import HEADER, Judge, spoiled
from impostor import TEMPLATE, Impostor, full
from miner import Miner
from node import Node
from pool import ADDRESS, REGTEST_ADDRESS, Pool
from spends import spend

# A signet whose blocks need no signature: OP_TRUE. A block takes about 4.8 million hashes, so that a search that
# finds what it should not, or misses what it should not, is seen; on regtest every second hash is a block.
OPEN_SIGNET = "-signetchallenge=51"

# What an impostor answers first.
REGTEST = {"getblockchaininfo": {"chain": "regtest"}}

BIP320 = 0x1FFFE000
ROLLING = ("--version-mask", f"{BIP320:08x}")


def check(right, what):
    if not right:
        raise AssertionError(what)


class Example:
    def __init__(self, program):
        self.program = program

    def on(self, node, *flags):
        return Miner(self.program, "--url", node.url, "--cookie", node.cookie, "--hex", *flags)

    def mined(self, node, count, *flags):
        """That many blocks, all of which the node has taken."""
        before = node.call("getblockcount")
        with self.on(node, "--blocks", str(count), *flags) as miner:
            check(miner.ended() == 0, miner.text("stderr"))
            print(miner.text("stderr"), end="")
            blocks = miner.blocks()
            check(len(blocks) == count and f"{count} blocks accepted, 0 refused" in miner.text("stderr"), "refused")
        check(node.call("getblockcount") == before + count, "the node has other blocks than those")
        return blocks


def rolled(blocks):
    """How many versions have bits of BIP 320 set."""
    return sum(int.from_bytes(block[:4], "little") & BIP320 != 0 for block in blocks)


def judged(judge, node, blocks, whole):
    """Fails unless node and judge refuse each block with a wrong nonce, and the judge accepts it as it is."""
    accepts = judge.accepts_block if whole else lambda block: judge.accepts_header(block[:HEADER])
    for block in blocks:
        wrong = spoiled(block)
        check(node.call("submitblock", wrong.hex()) == "high-hash", "the node accepts a wrong nonce")
        check(not accepts(wrong), f"consensus code accepts a wrong nonce: {wrong.hex()}")
        check(accepts(block), f"consensus code refuses {block.hex()}")


def mines_what_consensus_accepts(example, bitcoind, engines, chain, counts, *flags):
    with Node(bitcoind, chain, *flags) as node:
        # What the library knows of a foreign signet are the headers: its own has signed blocks.
        judge = Judge(chain)
        all_blocks, blocks_each = counts
        plain = example.mined(node, all_blocks)
        check(rolled(plain) == 0, "versions were rolled without leave")
        judged(judge, node, plain, chain == "regtest")
        judged(judge, node, example.mined(node, all_blocks, *ROLLING), chain == "regtest")
        rolled_blocks = 0
        for engine in engines:
            print(f"{chain}: {engine}")
            flags = ("--engine", engine)
            judged(judge, node, example.mined(node, blocks_each, *flags), chain == "regtest")
            blocks = example.mined(node, blocks_each, *flags, *ROLLING)
            judged(judge, node, blocks, chain == "regtest")
            rolled_blocks += rolled(blocks)
        # Seven of eight versions in a group are rolled.
        check(rolled_blocks > 0, "no version was rolled")


def mines_transactions(example, bitcoind):
    """Blocks with more than a coinbase, up to a count that takes more than a byte: merkle root and witness commitment
    before the node and consensus code."""
    with Node(bitcoind, "regtest") as node:
        judge = Judge("regtest")
        address = node.call("decodescript", "51")["segwit"]["address"]
        # The first coinbase can be spent then.
        judged(judge, node, example.mined(node, 101, "--address", address), True)
        first = node.call("getblock", node.call("getblockhash", 1), 2)["tx"][0]
        many, fee = 300, 10_000
        each = (round(first["vout"][0]["value"] * 10**8) - many * fee) // many

        def mined(transactions):
            ids = [node.call("sendrawtransaction", transaction) for transaction in transactions]
            # Templates for the same place are renewed every five seconds.
            end = time.monotonic() + 30
            while len(node.call("getblocktemplate", {"rules": ["segwit"]})["transactions"]) < len(ids):
                check(time.monotonic() < end, f"the template lacks transactions, of {len(ids)}")
                time.sleep(0.2)
            judged(judge, node, example.mined(node, 1), True)
            count = len(node.call("getblock", node.call("getbestblockhash"))["tx"])
            check(count == 1 + len(ids), f"{count} transactions in the block, not {1 + len(ids)}")
            print(f"regtest: a block of {count} transactions")
            return ids

        [split] = mined([spend(first["txid"], 0, [each] * many)])
        spends = (spend(split, index, [each - fee]) for index in range(many))
        for count in (2, 3, 254):
            mined(islice(spends, count))


def is_never_refused(example, bitcoind):
    with Node(bitcoind, "regtest") as node:
        example.mined(node, 1000)


def survives_its_node(example, bitcoind):
    with Node(bitcoind, "signet", OPEN_SIGNET) as node, example.on(node, "--engine", "scalar") as miner:
        miner.until("a block", miner.blocks)
        node.kill()
        miner.until_said("Waiting for it")
        before = miner.cpu_seconds()
        time.sleep(3)
        used = miner.cpu_seconds() - before
        check(used < 0.5, f"{used} s of processor time while waiting for 3 s")
        count = len(miner.blocks())
        node.start()
        miner.until_said("the node is back")
        miner.until("another block", lambda: len(miner.blocks()) >= count + 2)
        check(miner.interrupt() == 0, miner.text("stderr"))
        # A node that crashes may forget its last blocks, and then refuses what was mined on them meanwhile.
        reasons = re.findall(r"was refused: (.*)", miner.text("stderr"))
        check(f" {len(reasons)} refused" in miner.text("stderr"), miner.text("stderr"))
        check(set(reasons) <= {"prev-blk-not-found"}, miner.text("stderr"))
        print(miner.text("stderr"), end="")


def drops_old_work(example, bitcoind):
    """Two miners on one node: what one finds ends the search of the other."""
    with Node(bitcoind, "signet", OPEN_SIGNET) as node:
        flags = ("--engine", "scalar")
        with example.on(node, *flags) as one, example.on(node, *flags) as other:
            for miner in (one, other):
                miner.until("blocks of both", lambda miner=miner: len(miner.blocks()) >= 3)
            for miner in (one, other):
                check(miner.interrupt() == 0, miner.text("stderr"))
                print(miner.text("stderr"), end="")
                check(re.search(r"old work to its end: \d+ times", miner.text("stderr")), "no work was dropped")
                check(" 0 refused" in miner.text("stderr"), "a block was refused")


def says_what_is_wrong(example, bitcoind):
    """Each ends at once with a line that says what and what to do."""

    def says(pattern, *arguments):
        with Miner(example.program, *arguments) as miner:
            check(miner.ended() == 2, miner.text("stderr"))
            said = miner.text("stderr").strip()
            print(said)
            check(re.search(pattern, said) and "\n" not in said, f"expected to read: {pattern}")

    with Node(bitcoind, "main") as node:
        says("on chain \"main\", expected regtest or signet", "--url", node.url, "--cookie", node.cookie)
        says("does not accept this user", "--url", node.url, "--user", "u", "--pass", "wrong")
        node.kill()
        says("is the node running", "--url", node.url, "--user", "u", "--pass", "p")
    # A challenge of one key: nobody here can sign.
    with Node(bitcoind, "signet", "-signetchallenge=5121" + "02" * 33 + "51ae") as node:
        says("this signet's challenge is", "--url", node.url, "--cookie", node.cookie)
    for pattern, answers in (
        ("makes no sense", {"getblockchaininfo": "{nope}"}),
        ("makes no sense .*missing field", REGTEST | {"getblocktemplate": {"height": 1}}),
        ("needs the rule \"later\"", REGTEST | {"getblocktemplate": TEMPLATE | {"rules": ["!later"]}}),
    ):
        with Impostor(answers) as impostor:
            says(pattern, "--url", impostor.url, "--user", "u", "--pass", "p", "--engine", "scalar")


def takes_full_templates(example):
    """As many transactions as large blocks of the main chain have, and as many bytes. How soon the search of such a
    template begins is told by the example."""
    template = full(count=4000, size=400)
    transactions = b"".join(bytes.fromhex(entry["data"]) for entry in template["transactions"])
    with Impostor(REGTEST | {"getblocktemplate": template}) as impostor:
        arguments = ("--url", impostor.url, "--user", "u", "--pass", "p", "--blocks", "20")
        with Miner(example.program, *arguments) as miner:
            check(miner.ended() == 0, miner.text("stderr"))
            print(miner.text("stderr"), end="")
        check(len(impostor.submitted) == 20, "not as many blocks as were counted")
        check(all(block.endswith(transactions) for block in impostor.submitted), "a block lacks transactions")


def mines_for_a_pool(example, bitcoind, pool):
    """The pool is killed while its first job is searched. On regtest the share is a block too, which the pool hands in.

    A share takes 4.3 billion hashes on average, and four times that now and then. The pool makes its jobs of the chain,
    the node's clock and its own tags alone: with these its first job is always the same, and of the jobs that were tried
    one whose search begins a third of a billion hashes before a share. Another version of node or pool may make other
    jobs; the share takes as long as it takes then.
    """
    with Node(bitcoind, "regtest", "-mocktime=1767225600") as node:
        # The pool wants a chain that is not empty.
        node.call("generatetoaddress", 25, REGTEST_ADDRESS)
        with Pool(pool, node, tags=("perjoule", "test 39")) as server:
            with Miner(example, server.address, "--user", f"{ADDRESS}.1", "--shares", "1") as miner:
                server.until_logged("New Stratum client connected")
                before = miner.cpu_seconds()
                miner.until("a search", lambda: miner.cpu_seconds() > before + 0.5)
                server.kill()
                miner.until_said("Trying again")
                server.start()
                check(miner.ended(1200) == 0, miner.text("stderr"))
                check("1 shares accepted, 0 refused" in miner.text("stderr"), miner.text("stderr"))
                print(miner.text("stdout"), miner.text("stderr"), sep="", end="")
            end = time.monotonic() + 30
            while node.call("getblockcount") < 26 and time.monotonic() < end:
                time.sleep(0.1)
            check(node.call("getblockcount") == 26, "the share is no block")


def main(bitcoind, pool, folder, engines):
    example = Example(f"{folder}/getblocktemplate")
    engines = engines.split(",")
    mines_what_consensus_accepts(example, bitcoind, engines, "regtest", (20, 3))
    mines_what_consensus_accepts(example, bitcoind, engines, "signet", (3, 1), OPEN_SIGNET)
    mines_transactions(example, bitcoind)
    is_never_refused(example, bitcoind)
    survives_its_node(example, bitcoind)
    drops_old_work(example, bitcoind)
    says_what_is_wrong(example, bitcoind)
    takes_full_templates(example)
    mines_for_a_pool(f"{folder}/stratum_v1", bitcoind, pool)


main(*sys.argv[1:])
