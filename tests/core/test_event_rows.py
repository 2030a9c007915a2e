"""Records as rows: what is taken, and what is refused as the live side refuses it."""

import json
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from analytics_platform.contracts.streams import MAX_EVENT_BYTES
from analytics_platform.core.event_rows import EventReader, EventTable, Fault
from streaming.decoding import Decoder
from tests.domains.toy.streams import RIDES
from tests.support.raw_records import FakeRecords

GOOD = {
    "ride_event": "1-back",
    "what": "returned",
    "at": 1_284_000_000_123,
    "rental_key": 1,
    "station_code": "DOK",
}


def encoded(**changes: Any) -> bytes:
    return json.dumps({**GOOD, **changes}).encode()


def test_an_event_is_a_row_with_null_for_what_is_left_out() -> None:
    found = EventReader(RIDES).read(encoded(duration_minutes=7, unknown="x"))
    assert found == {
        **GOOD,
        "at": datetime.fromisoformat("2010-09-09T02:40:00.123"),
        "rider_kind": None,
        "rental_hour_local": None,
        "rental_weekday": None,
        "duration_minutes": 7,
    }
    assert [one.name for one in EventTable(RIDES).columns][-3:] == [
        "topic_cluster",
        "topic_partition",
        "topic_offset",
    ]


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (None, "empty"),
        (b" \n", "empty"),
        (b"{", "undecodable"),
        (b'{"ride_event": "\xff"}', "undecodable"),
        (b"[1]", "schema_invalid"),
        (b"1", "schema_invalid"),
        (encoded(at=None), "schema_invalid"),
        (encoded(at=1.5), "schema_invalid"),
        (encoded(at="2010-09-09"), "schema_invalid"),
        (encoded(what="lost"), "schema_invalid"),
        (encoded(rental_key=True), "schema_invalid"),
        (encoded(rental_key=2**63), "schema_invalid"),
        (encoded(station_code=1), "schema_invalid"),
        (encoded(duration_minutes=1.0), "schema_invalid"),
        (encoded(duration_minutes=2**63 - 1), None),
        (encoded(note="x" * MAX_EVENT_BYTES), "oversized"),
        (encoded(rider_kind=None), None),
    ],
)
def test_batch_and_stream_refuse_the_same_records(
    value: bytes | None, error: str | None
) -> None:
    found = EventReader(RIDES).read(value)
    assert (found.error if isinstance(found, Fault) else None) == error
    names = [field.name for field in RIDES.fields]
    live = Decoder(RIDES, names).decode(FakeRecords([value]))
    assert [one.error for one in live.bad] == ([error] if error else [])
    assert np.array_equal(live.offsets, [] if error else [0])
