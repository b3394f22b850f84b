"""Random values by address instead of by sequence: the same seed and address always give the same value.

In a sequence, the thousandth value would cost a thousand draws. An address costs the same everywhere, so that any part
of history can be computed on its own.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b, shake_128

MASK_32 = 0xFFFF_FFFF
MASK_64 = 0xFFFF_FFFF_FFFF_FFFF
ONE_32 = 1 << 32

# The purpose of a value. Two purposes never share values.
SPACE_CAMPAIGN = 1
SPACE_SENDS = 2
SPACE_MESSAGE = 3
SPACE_MANNER = 4
SPACE_MESSAGE_ID = 5
SPACE_EVENT_ID = 6
SPACE_VISIBILITY = 7
SPACE_FAULT = 8
SPACE_AUDIENCE = 9

_GOLDEN_64 = 0x9E37_79B9_7F4A_7C15
_GOLDEN_32 = 0x9E37_79B1


def mix64(value: int) -> int:
    """Return the splitmix64 finaliser of ``value``: a bijection of the 64-bit integers whose output looks random."""
    value = (value ^ (value >> 30)) * 0xBF58_476D_1CE4_E5B9 & MASK_64
    value = (value ^ (value >> 27)) * 0x94D0_49BB_1331_11EB & MASK_64
    return value ^ (value >> 31)


def remix32(word: int) -> int:
    """Return a second 32-bit word derived from one, for a decision that must not follow the first too closely."""
    return (word * _GOLDEN_32 & MASK_32) ^ (word >> 15)


def scale(word: int, span: int) -> int:
    """Return an integer in [0, span) derived from a 32-bit word."""
    return word * span >> 32


@dataclass(frozen=True)
class Randomness:
    """The random values of one seed. ``space`` is one of the purposes above."""

    seed: int
    _salt: int = field(init=False, repr=False)
    _key: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        digest = blake2b(str(self.seed).encode(), digest_size=24, person=b"mock_saas").digest()
        object.__setattr__(self, "_salt", int.from_bytes(digest[:8], "little"))
        object.__setattr__(self, "_key", digest[8:])

    def word(self, space: int, address: int) -> int:
        """Return a 64-bit word."""
        return mix64((address * _GOLDEN_64 ^ self._salt ^ space << 56) & MASK_64)

    def identifier(self, space: int, address: int) -> int:
        """Return a 64-bit identifier: different for every address below 2**56 of a space, as mix64 is a bijection."""
        return mix64((address | space << 56) ^ self._salt)

    def words(self, count: int, space: int, address: int, part: int = 0) -> Sequence[int]:
        """Return ``count`` independent 32-bit words, much faster than one by one."""
        digest = shake_128(self._key + struct.pack("<HqI", space, address, part)).digest(4 * count)
        return struct.unpack(f"<{count}I", digest)

    def subkey(self, purpose: bytes) -> bytes:
        """Return a 32-byte key for a keyed hash."""
        return blake2b(purpose, key=self._key, digest_size=32).digest()
