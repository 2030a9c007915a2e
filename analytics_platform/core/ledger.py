"""The hash chain that makes a change to the ledger's past visible."""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC

from analytics_platform.contracts.records import LedgerEntry
from analytics_platform.errors import DamagedRecord

GENESIS = "0" * 64


def plain(details: dict[str, object]) -> dict[str, object]:
    """`details` as JSON gives them back: lists for tuples, text for keys.

    Raises:
        ValueError, TypeError: something in it has no JSON form, such as NaN.
    """
    result: dict[str, object] = json.loads(json.dumps(details, allow_nan=False))
    return result


def hash_of(entry: LedgerEntry) -> str:
    """SHA-256 over the canonical JSON of every field of `entry` but its own hash."""
    fields = entry.model_dump(exclude={"hash", "at"})
    at = entry.at.astimezone(UTC).isoformat(timespec="microseconds")
    text = json.dumps(
        {**fields, "at": at}, sort_keys=True, separators=(",", ":"), allow_nan=False
    )
    return hashlib.sha256(text.encode()).hexdigest()


def seal(entry: LedgerEntry) -> LedgerEntry:
    """`entry` with the hash that its other fields give."""
    return entry.model_copy(update={"hash": hash_of(entry)})


def verify_chain(
    entries: Sequence[LedgerEntry], *, head_sequence: int, head_hash: str
) -> None:
    """Check that `entries` (all, in stored order) are the chain that the head ends.

    Raises:
        DamagedRecord: a row was changed, removed, added or moved.
    """
    last = GENESIS
    for sequence, entry in enumerate(entries, start=1):
        if entry.sequence != sequence:
            raise _damaged(sequence, f"found row {entry.sequence} in its place")
        if entry.previous_hash != last:
            raise _damaged(sequence, "it does not follow the row before it")
        if hash_of(entry) != entry.hash:
            raise _damaged(sequence, "its fields do not give its hash")
        last = entry.hash
    if (len(entries), last) != (head_sequence, head_hash):
        raise _damaged(len(entries), f"the head names row {head_sequence} as the last")


def _damaged(sequence: int, why: str) -> DamagedRecord:
    return DamagedRecord(
        f"The ledger is damaged at row {sequence}: {why}.",
        hint="Compare it with a backup of the control store.",
    )
