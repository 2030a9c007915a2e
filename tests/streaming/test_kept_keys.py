"""Names of keys as they are kept: changes follow a snapshot, numbers may be new."""

import numpy as np
import pytest

from analytics_platform.errors import DamagedRecord
from streaming.checkpoints.values import Stored
from streaming.kept_keys import decode_keys, encode_keys, renumbering


def test_a_snapshot_and_its_changes_give_every_key_once() -> None:
    snapshot = encode_keys({"a": 4})
    change = encode_keys({"b": 1, "é": 9})
    assert decode_keys(Stored(0, snapshot, (change,))) == ([4, 1, 9], ["a", "b", "é"])


def test_nothing_kept_is_no_key() -> None:
    assert decode_keys(Stored(None, None, ())) == ([], [])
    assert renumbering([], np.zeros(0, np.int32)).tolist() == []


def test_old_numbers_lead_to_new_ones_and_unknown_ones_nowhere() -> None:
    found = renumbering([4, 1], np.array([0, 7], np.int32))
    assert found.tolist() == [-1, 7, -1, -1, 0]


def test_what_cannot_be_read_is_said_to_be_damaged() -> None:
    with pytest.raises(DamagedRecord, match="cannot be read"):
        decode_keys(Stored(0, b"\xc1", ()))
