"""Bitcoin Core's own validation, in this process, as the judge of blocks and headers."""

import hashlib
import tempfile

import pbk

HEADER = 80
NONCE = 76


def meets_its_target(header):
    """Whether the hash of 80 bytes is small enough for the target that they name."""
    bits = int.from_bytes(header[72:76], "little")
    target = (bits & 0x7FFFFF) << 8 * ((bits >> 24) - 3)
    digest = hashlib.sha256(hashlib.sha256(header).digest()).digest()
    return int.from_bytes(digest, "little") <= target


def spoiled(block):
    """The block, or the header, with one bit of its nonce flipped: the first that makes its hash too large. On regtest
    every second one does not."""
    for bit in range(32):
        other = bytearray(block)
        other[NONCE + bit // 8] ^= 1 << bit % 8
        if not meets_its_target(bytes(other[:HEADER])):
            return bytes(other)
    raise AssertionError("every nonce near this one meets the target")


class Judge:
    """A chain of its own that holds what it accepted."""

    def __init__(self, chain):
        self.folder = tempfile.TemporaryDirectory(prefix="perjoule-judge-")
        kind = {"regtest": pbk.ChainType.REGTEST, "signet": pbk.ChainType.SIGNET}[chain]
        self.chain = pbk.load_chainman(self.folder.name, kind)

    def accepts_block(self, block):
        before = self.chain.get_active_chain().height
        try:
            self.chain.process_block(pbk.Block(block))
        except pbk.ProcessBlockException:
            return False
        # It is not enough that it was understood: the chain has to have grown by it.
        return self.chain.get_active_chain().height == before + 1

    def accepts_header(self, header):
        try:
            state = self.chain.process_block_header(pbk.BlockHeader(header))
        except pbk.ProcessBlockHeaderException:
            return False
        return state.validation_mode == pbk.ValidationMode.VALID
