"""Columns in a blob and back."""

import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.core.column_blobs import (
    Column,
    Columns,
    decode_columns,
    encode_columns,
)
from analytics_platform.errors import DamagedRecord

MARK = b"XY"
INT64 = st.integers(-(2**63), 2**63 - 1)


def there_and_back(columns: Columns) -> Columns:
    return decode_columns(MARK, encode_columns(MARK, columns))


@given(st.lists(st.tuples(INT64, st.floats(), st.text(), st.booleans())))
def test_every_value_comes_back(rows: list[tuple[int, float, str, bool]]) -> None:
    integers = np.array([row[0] for row in rows], np.int64)
    numbers = np.array([row[1] for row in rows], np.float64)
    valid = np.array([row[3] for row in rows], np.bool_)
    found = there_and_back(
        Columns(
            len(rows),
            {"integer": Column(integers), "number": Column(numbers, valid)},
            {"text": [row[2] for row in rows]},
        )
    )
    assert found.rows == len(rows)
    assert found.numbers["integer"].values.dtype == np.int64
    assert found.numbers["integer"].values.tolist() == integers.tolist()
    assert found.numbers["integer"].valid is None
    np.testing.assert_array_equal(found.numbers["number"].values, numbers)
    mask = found.numbers["number"].valid
    assert (valid if mask is None else mask).tolist() == valid.tolist()
    assert found.texts["text"] == [row[2] for row in rows]


@pytest.mark.parametrize("value", [0, -129, 2**31, -(2**63)])
def test_a_constant_is_stored_once(value: int) -> None:
    many = Columns(100_000, {"n": Column(np.full(100_000, value))}, {})
    assert len(encode_columns(MARK, many)) < 200
    assert there_and_back(many).numbers["n"].values.tolist() == [value] * 100_000


def test_small_integers_take_little_room() -> None:
    counts = np.arange(10_000) % 100
    body = encode_columns(MARK, Columns(10_000, {"n": Column(counts)}, {}))
    assert len(body) < 10_200


def test_the_format_is_the_documented_one() -> None:
    columns = Columns(2, {"n": Column(np.array([1, 300]))}, {"key": ["é", "b"]})
    body = encode_columns(MARK, columns)
    mark, version, length = struct.unpack_from("<2sBxI", body)
    assert (mark, version) == (MARK, 1)
    assert json.loads(body[8 : 8 + length]) == {
        "rows": 2,
        "columns": [
            {"name": "n", "type": "<i2", "constant": False, "sizes": [4]},
            {"name": "key", "type": "text", "constant": False, "sizes": [8, 3]},
        ],
    }
    assert body[8 + length :] == struct.pack("<2h2i", 1, 300, 1, 1) + "éb".encode()


def test_missing_numbers_are_bits_after_the_values() -> None:
    valid = np.array([True, False, True])
    body = encode_columns(
        MARK, Columns(3, {"n": Column(np.array([1.5, 0, 2]), valid)}, {})
    )
    assert body.endswith(struct.pack("<3d", 1.5, 0, 2) + bytes([0b10100000]))


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda body: body[:4], "only 4 bytes"),
        (lambda body: b"QQ" + body[2:], "begins with b'QQ'"),
        (lambda body: body[:2] + b"\x02" + body[3:], "version 2 instead of 1"),
        (lambda body: body[:8] + b"?" + body[9:], "header that cannot be read"),
        (lambda body: body + b"?", "bytes instead of"),
        (lambda body: body.replace(b"<i2", b"<u2"), "column of type '<u2'"),
        (lambda body: body.replace(b'"rows":2', b'"rows":3'), "values of n for 3 rows"),
    ],
)
def test_a_damaged_blob_is_refused(damage: object, why: str) -> None:
    body = encode_columns(MARK, Columns(2, {"n": Column(np.array([1, 300]))}, {}))
    with pytest.raises(DamagedRecord, match=why):
        decode_columns(MARK, damage(body))  # type: ignore[operator]
