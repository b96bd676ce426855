"""Transactions that anybody can make, of outputs that anybody can spend: to a witness script that is always true."""

import hashlib

OP_TRUE = b"\x51"
OUTPUT = b"\x00\x20" + hashlib.sha256(OP_TRUE).digest()


def count(number):
    """As Bitcoin writes how many there are, up to 65,535."""
    return bytes([number]) if number < 0xFD else b"\xfd" + number.to_bytes(2, "little")


def spend(txid, index, values):
    """Spends an output for others of these values, in satoshis: the transaction in hex."""
    outpoint = bytes.fromhex(txid)[::-1] + index.to_bytes(4, "little")
    inputs = count(1) + outpoint + count(0) + b"\xff" * 4
    outputs = [value.to_bytes(8, "little") + count(len(OUTPUT)) + OUTPUT for value in values]
    witness = count(1) + count(len(OP_TRUE)) + OP_TRUE
    version, marker, lock_time = (2).to_bytes(4, "little"), b"\x00\x01", bytes(4)
    return b"".join([version, marker, inputs, count(len(outputs)), *outputs, witness, lock_time]).hex()
