"""Commands of contract version 1, signed and checked, without I/O. A node loads it with a command.

Errors: contract.ContractError, as in contract.py.
"""

import binascii
import hashlib
import json

from aircue_node import contract

MYPY = False
if MYPY:
    from collections.abc import Iterable
    from typing import Any

_HASH_BLOCK = 64


def encode_command(
    key: bytes, ident: str, command: str, args: "dict[str, Any]", installation: int, number: int
) -> bytes:
    """A signed command. number grows with every command to one installation, so that an old one is not run again."""
    text = json.dumps({"id": ident, "command": command, "args": args, "i": installation, "n": number})
    return json.dumps({"c": text, "m": _hmac_sha256(key, [text.encode()])}).encode()


def decode_command(payload: bytes, key: bytes) -> "dict[str, Any]":
    """The signed fields id, command, args, i and n, once the signature fits the key."""
    envelope = contract.json_object(payload, "command")
    text = contract.field(envelope, "c", str, "command")
    if not is_signed(key, [text.encode()], contract.field(envelope, "m", str, "command")):
        raise contract.ContractError("command: the signature does not fit this node's key")
    fields = contract.json_object(text.encode(), "command")
    for name, kind in (("id", str), ("command", str), ("args", dict), ("i", int), ("n", int)):
        contract.field(fields, name, kind, "command")
    return fields


def is_signed(key: bytes, pieces: "Iterable[bytes]", signature: str) -> bool:
    """Whether the signature is the HMAC-SHA256 of the pieces, taken together, under this key, in hexadecimal."""
    return _same(signature, _hmac_sha256(key, pieces))


def _hmac_sha256(key: bytes, pieces: "Iterable[bytes]") -> str:
    """RFC 2104 over the board's SHA-256; MicroPython brings no hmac module."""
    if len(key) > _HASH_BLOCK:
        key = hashlib.sha256(key).digest()
    key = key + bytes(_HASH_BLOCK - len(key))
    inner = hashlib.sha256(bytes([byte ^ 0x36 for byte in key]))
    for piece in pieces:
        inner.update(piece)
    return binascii.hexlify(hashlib.sha256(bytes([byte ^ 0x5C for byte in key]) + inner.digest()).digest()).decode()


def _same(left: str, right: str) -> bool:
    """Compares in a time that does not depend on where the two differ."""
    difference = len(left) ^ len(right)
    for a, b in zip(left.encode(), right.encode()):
        difference |= a ^ b
    return difference == 0
