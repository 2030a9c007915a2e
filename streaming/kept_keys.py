"""The names of a partition's keys; its other states know keys by numbers only."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from analytics_platform.errors import DamagedRecord
from streaming.checkpoints.values import Stored

STATE = "/keys"
"""The name of this state; no live window has one with a slash."""

FINGERPRINT = "1"
_Entries = list[tuple[int, str]]
_decoder = msgspec.msgpack.Decoder(_Entries)


def encode_keys(numbers: Mapping[str, int]) -> bytes:
    """Keys of a partition with their numbers: all of them, or those that are new."""
    return msgspec.msgpack.encode(list(zip(numbers.values(), numbers, strict=True)))


def decode_keys(stored: Stored) -> tuple[list[int], list[str]]:
    """The numbers that keys had, and the keys.

    Raises:
        DamagedRecord: the state cannot be read.
    """
    found: dict[int, str] = {}
    for body in (stored.snapshot, *stored.deltas):
        if body is not None:
            found.update(_decoded(body))
    return list(found), list(found.values())


def renumbering(old: Sequence[int], new: NDArray[np.int32]) -> NDArray[np.int32]:
    """`result[old number]` is the new number; -1 where there was no key."""
    found = np.full(max(old, default=-1) + 1, -1, dtype=np.int32)
    found[list(old)] = new
    return found


def _decoded(body: bytes) -> _Entries:
    try:
        return _decoder.decode(body)
    except msgspec.DecodeError as error:
        raise DamagedRecord(
            "The stored names of a partition's keys cannot be read.",
            hint="They were damaged, or written by a newer version of the platform.",
        ) from error
