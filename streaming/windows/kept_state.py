"""The kept form of one partition's state: versioned bytes, a snapshot or a delta.

Format, little endian: mark `WS`, 1 byte version, 1 byte 0 for a snapshot or 1 for a
delta, 16 bytes fingerprint of definition and slots, then each section of
`Kept` in its order as 4 bytes length and raw integers or floats; `spans` and `counts`,
which differ little from cell to cell, are packed (packing.py). In version 1, which is
still read, they were raw too.
"""

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics_platform.errors import Conflict, DamagedRecord
from streaming.windows.definition import StreamRules, WindowDefinition
from streaming.windows.layout import BINS, FLAG, WORDS
from streaming.windows.packing import pack, unpack
from streaming.windows.slots import SlotSpec

VERSION = 2
_PACKED = {1: (), VERSION: ("spans", "counts")}
SNAPSHOT, DELTA = 0, 1
_PREFIX = struct.Struct("<2sBB16s")
_LENGTH = struct.Struct("<I")
_MARK = b"WS"


@dataclass(eq=False)
class Kept:
    """A partition's state as columns; n cells, m touched keys, sketches of cells.

    `partition` (1 x 4) is status, greatest timestamp, watermark at the last return, and
    how far windows were emitted. `spans` (n x 5) are slice, first and last window,
    start and end of a cell's row, or start, end, revision and stage of its session.
    `chunks` and `sets` are listed head first; their first two columns are the place in
    `keys` of the cell that they belong to, and its slot. `touched` are the keys of
    which all sessions are given.
    """

    partition: NDArray[np.int64]
    keys: NDArray[np.int32]
    spans: NDArray[np.int64]
    counts: NDArray[np.int64]
    real: NDArray[np.float64]
    whole: NDArray[np.int64]
    known: NDArray[np.int32]
    chunks: NDArray[np.int32]
    sets: NDArray[np.int64]
    touched: NDArray[np.int32]
    remembered: NDArray[np.int64]
    revised: NDArray[np.int64]


@dataclass(frozen=True)
class KeptForm:
    """What tells one engine's bytes from another's, and the shapes inside them."""

    fingerprint: bytes
    shapes: dict[str, tuple[type[np.generic], tuple[int, ...]]]

    def encode(self, kind: int, kept: Kept) -> bytes:
        """The bytes of a partition's state."""
        parts = [_PREFIX.pack(_MARK, VERSION, kind, self.fingerprint)]
        for field in fields(Kept):
            body = self._body(field.name, getattr(kept, field.name))
            parts += (_LENGTH.pack(len(body)), body)
        return b"".join(parts)

    def encode_unchanged(self, partition: NDArray[np.int64]) -> bytes:
        """The bytes of a delta in which nothing but the partition's row is new."""
        mine = self._body("partition", partition)
        prefix = _PREFIX.pack(_MARK, VERSION, DELTA, self.fingerprint)
        return b"".join((prefix, _LENGTH.pack(len(mine)), mine, self._nothing))

    @cached_property
    def _nothing(self) -> bytes:
        """Every section but the first, without a row."""
        parts: list[bytes] = []
        for field in fields(Kept)[1:]:
            dtype, shape = self.shapes[field.name]
            body = self._body(field.name, np.zeros((0, *shape), dtype))
            parts += (_LENGTH.pack(len(body)), body)
        return b"".join(parts)

    def _body(self, name: str, column: NDArray[Any]) -> bytes:
        dtype, shape = self.shapes[name]
        if name in _PACKED[VERSION]:
            return pack(column.reshape(len(column), int(np.prod(shape))))
        return np.ascontiguousarray(column, np.dtype(dtype).newbyteorder("<")).tobytes()

    def decode(self, kind: int, body: bytes) -> Kept:
        """The state in some bytes.

        Raises:
            DamagedRecord: these are no such bytes, or of another version.
            Conflict: the definition or the slots were others then.
        """
        if len(body) < _PREFIX.size:
            raise _damaged(f"has only {len(body)} bytes")
        mark, version, found, fingerprint = _PREFIX.unpack_from(body)
        if (mark, found) != (_MARK, kind) or version not in _PACKED:
            raise _damaged(f"is of kind {mark!r} {found}, version {version}")
        if fingerprint != self.fingerprint:
            raise Conflict(
                "The kept state belongs to another definition of the window.",
                hint="Begin the changed window with new state.",
            )
        return Kept(**self._sections(body, _PACKED[version]))

    def _sections(self, body: bytes, packed: Sequence[str]) -> dict[str, Any]:
        place = _PREFIX.size
        columns: dict[str, Any] = {}
        for field in fields(Kept):
            if place + _LENGTH.size > len(body):
                raise _damaged("ends too early")
            (length,) = _LENGTH.unpack_from(body, place)
            place += _LENGTH.size
            if place + length > len(body):
                raise _damaged(f"has {field.name} of {length} bytes")
            section = body[place : place + length]
            cells = len(columns.get("keys", ()))
            read = self._unpacked if field.name in packed else self._raw
            columns[field.name] = read(field.name, section, cells)
            place += length
        if place != len(body):
            raise _damaged(f"has {len(body)} bytes instead of {place}")
        return columns

    def _unpacked(self, name: str, section: bytes, cells: int) -> NDArray[Any]:
        _, shape = self.shapes[name]
        try:
            table = unpack(section, int(np.prod(shape, dtype=np.int64)))
        except ValueError as error:
            raise _damaged(f"has {name} that {error}") from error
        if len(table) != cells:
            raise _damaged(f"has {len(table)} {name} for {cells} cells")
        return table.reshape(cells, *shape)

    def _raw(self, name: str, section: bytes, cells: int) -> NDArray[Any]:
        dtype, shape = self.shapes[name]
        little = np.dtype(dtype).newbyteorder("<")
        row = little.itemsize * int(np.prod(shape, dtype=np.int64))
        if len(section) % row if row else section:
            raise _damaged(f"has {name} of {len(section)} bytes")
        rows = len(section) // row if row else cells
        return np.frombuffer(section, little).astype(dtype).reshape(rows, *shape)


def kept_form(
    definition: WindowDefinition, rules: StreamRules, slots: Sequence[SlotSpec]
) -> KeptForm:
    """The form of an engine's state; another one for any other definition.

    Of the rules only those count that say what is kept: whether ids are.
    """
    texts = [definition.fingerprint(), str(rules.dedup_by_id), *map(repr, slots)]
    reals, wholes, identities = (
        sum(slot.kind == kind for slot in slots)
        for kind in ("float", "integer", "identity")
    )
    return KeptForm(
        fingerprint=hashlib.sha256("\n".join(texts).encode()).digest()[:16],
        shapes={
            "partition": (np.int64, (4,)),
            "keys": (np.int32, ()),
            "spans": (np.int64, (5,)),
            "counts": (np.int64, ()),
            "real": (np.float64, (reals, 4)),
            "whole": (np.int64, (wholes, 5)),
            "known": (np.int32, (identities,)),
            "chunks": (np.int32, (3 + BINS,)),
            "sets": (np.int64, (3 + WORDS,)),
            "touched": (np.int32, ()),
            "remembered": (np.int64, (FLAG,)),
            "revised": (np.int64, (FLAG,)),
        },
    )


def _damaged(what: str) -> DamagedRecord:
    return DamagedRecord(
        f"The kept state of a window {what}.",
        hint="It was damaged, or written by another version of the platform.",
    )
