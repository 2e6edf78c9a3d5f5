"""Client order ids in the form each exchange takes, derived from a command's message id: same id, same order."""

from __future__ import annotations

import hashlib
import string
from typing import Any
from uuid import UUID

from contracts.rejections import Unavailable

ALPHABET = string.digits + string.ascii_letters
UUID_DIGITS = 22
"""Base-62 digits that hold any UUID."""
LONGEST = 64

NUMERIC_BITS = {
    "architect_perpetual": 63,
    "backpack": 32,
    "backpack_perpetual": 32,
    "dydx_v4_perpetual": 31,
    "kraken": 31,
    "lighter": 48,
    "lighter_perpetual": 48,
    "ndax": 32,
}
"""Exchanges that take numbers, and how wide. Narrow ones repeat: 2^31 ids collide after some ten thousand orders."""

HASHED = frozenset({"derive", "hyperliquid", "hyperliquid_perpetual"})
"""Exchanges that take a 0x number of 128 bits."""

TOO_LONG = frozenset({"dexalot"})
"""Exchanges whose ids (0x and 64 digits) are longer than an id may be here."""

SIGNED_HIGH_BIT = {"grvt_perpetual"}
PREFIXED_NUMBERS = {"foxbit": 16, "ndax": 10}


def client_order_id(connector: Any, base_name: str, key: UUID) -> str:
    """The id of the order a command makes. `base_name` is the connector's name without its domain (testnet).

    Unavailable for an exchange that takes only ids we cannot keep.
    """
    digest = int.from_bytes(hashlib.sha256(key.bytes).digest())
    if base_name in TOO_LONG:
        msg = f"orders on '{base_name}' cannot be placed here: its client order ids are longer than {LONGEST} characters"
        raise Unavailable(msg, retry_after=3600)
    if base_name in HASHED:
        return f"0x{key.hex}"
    if base_name in SIGNED_HIGH_BIT:
        return str((digest & (2**63 - 1)) | 2**63)
    bits = NUMERIC_BITS.get(base_name)
    if bits is not None and base_name not in PREFIXED_NUMBERS:
        return str((digest & (2**bits - 1)) or 1)
    prefix = connector.client_order_id_prefix or ""
    if base_name in PREFIXED_NUMBERS:
        return f"{prefix}{digest & (2 ** (bits or 52) - 1):0{PREFIXED_NUMBERS[base_name]}d}"
    room = min(connector.client_order_id_max_length or LONGEST, LONGEST) - len(prefix)
    if room >= UUID_DIGITS:
        return prefix + _base62(key.int, UUID_DIGITS)
    return prefix + _base62(digest % 62**room, room)


def _base62(number: int, digits: int) -> str:
    text = ""
    for _ in range(digits):
        number, rest = divmod(number, 62)
        text = ALPHABET[rest] + text
    return text
