"""Compiled loops over Kafka's record format (version 2): bounds are always checked.

The format: https://kafka.apache.org/documentation/#recordbatch
"""

from typing import Any

import numba as nb
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Integers = NDArray[np.int64]

MALFORMED = -1
_NEWLINE = 10
_LAST_BLANK = 32  # a value that starts with a blank may be nothing else


@nb.njit(cache=True, inline="always")
def _varint(source: Bytes, at: int, end: int) -> tuple[Any, int]:
    """Read a zigzag varint of up to 10 bytes; the new place is -1 past the end."""
    value = np.uint64(0)
    shift = np.uint64(0)
    while at < end and shift < 70:
        byte = source[at]
        at += 1
        value |= np.uint64(byte & 0x7F) << shift
        if byte < 128:
            decoded = np.int64(value >> np.uint64(1)) ^ -np.int64(value & np.uint64(1))
            return decoded, at
        shift += np.uint64(7)
    return 0, MALFORMED


@nb.njit(cache=True)
def record_fields(source: Bytes, at: int, end: int, fields: Integers) -> int:
    """Where the record at `at` has what; gives the place after it, -1 if malformed.

    `fields` receives: timestamp delta, offset delta, key place and length, value
    place and length, place of the headers' count. A length of -1 means null.
    """
    length, at = _varint(source, at, end)
    if at < 0 or length < 1 or length > end - at:
        return MALFORMED
    end = at + length
    at += 1  # attributes: unused
    fields[0], at = _varint(source, at, end)
    if at < 0:
        return MALFORMED
    fields[1], at = _varint(source, at, end)
    for place in (2, 4):
        if at < 0:
            return MALFORMED
        size, at = _varint(source, at, end)
        if at < 0 or size > end - at or size < -1:
            return MALFORMED
        fields[place] = at
        fields[place + 1] = size
        at += max(size, 0)
    fields[6] = at
    return end


@nb.njit(cache=True, inline="always")
def _copy(source: Bytes, start: int, size: int, joined: Bytes, at: int) -> None:
    """Copy bytes; with unsigned places the compiler moves many at once."""
    source_at, joined_at = np.uint64(start), np.uint64(at)
    for index in range(np.uint64(size)):
        joined[joined_at + index] = source[source_at + index]


@nb.njit(cache=True)
def join_values(
    source: Bytes,
    span: tuple[int, int, int],
    limits: tuple[int, int],
    joined: Bytes,
    table: tuple[Integers, Integers, Integers],
) -> tuple[int, int, bool, bool]:
    """Copy the values of one batch's records, each ended by a newline.

    `span`: place of the first record, end, number of records. `limits`: least offset
    delta that is wanted, greatest value length. `joined` takes the bytes, `table` the
    offset deltas, timestamp deltas and places of the wanted records. Gives how many
    these are (-1: malformed), the bytes written, whether no value is odd, and whether
    any of the records has headers.
    """
    at, end, count = span
    least, longest = limits
    deltas, times, places = table
    fields = np.empty(7, np.int64)
    wanted, written, regular, headed = 0, 0, True, False
    for _ in range(count):
        begin, at = at, record_fields(source, at, end, fields)
        if at < 0:
            return MALFORMED, 0, False, False
        if fields[1] < least:
            continue
        times[wanted], deltas[wanted], places[wanted] = fields[0], fields[1], begin
        wanted += 1
        headed |= fields[6] < at and source[fields[6]] != 0
        start, size = fields[4], fields[5]
        if size < 1 or size > longest or source[start] <= _LAST_BLANK:
            regular = False
            continue
        _copy(source, start, size, joined, written)
        written += size
        joined[written] = _NEWLINE
        written += 1
    if at != end:
        return MALFORMED, 0, False, False
    return wanted, written, regular, headed


@nb.njit(cache=True)
def count_newlines(joined: Bytes) -> int:
    """How many newlines there are."""
    found = 0
    for index in range(joined.size):
        found += joined[index] == _NEWLINE
    return found


def compile_kernels() -> None:
    """Compile or load every kernel, so that the first fetch does not wait for it."""
    source = np.frombuffer(b"\x0c\x00\x00\x00\x01\x02x\x00", np.uint8)
    source.flags.writeable = False
    table = (np.empty(1, np.int64), np.empty(1, np.int64), np.empty(1, np.int64))
    joined = np.empty(8, np.uint8)
    join_values(source, (0, 7, 1), (0, 8), joined, table)
    record_fields(source, 0, 7, np.empty(7, np.int64))
    count_newlines(joined)
