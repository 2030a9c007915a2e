"""Events out of JSON lines, and records that are none."""

import json
from typing import Any

import numpy as np
import pytest

from analytics_platform.errors import InvalidUsage
from streaming.decoding import Decoder
from tests.domains.toy.streams import RIDES
from tests.support.raw_records import FakeRecords

FIELDS = ("station_code", "duration_minutes", "rider_kind")


def ride(number: int = 1, **more: object) -> bytes:
    event = {
        "ride_event": f"{number}-out",
        "what": "rented",
        "at": 1_284_000_000_000 + number,
        "rental_key": number,
        "station_code": "DOK",
    }
    return json.dumps({**event, **more}).encode()


def decoder(**options: Any) -> Decoder:
    return Decoder(RIDES, FIELDS, **options)


def test_fields_become_columns_in_the_order_of_the_records() -> None:
    records = FakeRecords([ride(1, duration_minutes=7), ride(2, rider_kind="casual")])
    one = decoder()
    decoded = one.decode(records)
    columns = one.columns(decoded.events)
    assert columns.items("station_code") == ["DOK", "DOK"]
    assert columns.integers("at").tolist() == [1_284_000_000_001, 1_284_000_000_002]
    assert columns.values("duration_minutes").to_list() == [7.0, None]
    assert columns.values("rider_kind").to_list() == [None, "casual"]
    assert decoded.bad == ()


def test_null_and_a_field_left_out_are_the_same() -> None:
    one = decoder()
    events = one.decode(FakeRecords([ride(duration_minutes=None), ride()])).events
    exact, valid = one.columns(events).exact("duration_minutes")
    assert (exact.tolist(), valid.tolist()) == ([0, 0], [False, False])


def test_whole_numbers_stay_exact_beyond_what_doubles_hold() -> None:
    one, huge = decoder(), 2**53 + 1
    events = one.decode(FakeRecords([ride(duration_minutes=huge)])).events
    assert one.columns(events).exact("duration_minutes")[0].tolist() == [huge]


def test_fields_that_nobody_asked_for_may_hold_anything() -> None:
    records = FakeRecords([ride(rental_weekday="Monday", colour={"of": ["bike"]})])
    assert decoder().decode(records).bad == ()


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (None, "empty", "no value"),
        (b" \n ", "empty", "no value"),
        (b"{", "undecodable", "truncated"),
        (b"\xff\xfe", "undecodable", "malformed"),
        (ride() + ride(), "undecodable", "trailing"),
        (b"[1]", "schema_invalid", "Expected `object`"),
        (b"{}", "schema_invalid", "`ride_event`"),
        (ride(what="stolen"), "schema_invalid", "$.what"),
        (ride(at=1.5), "schema_invalid", "$.at"),
        (ride(at=10**18), "schema_invalid", "$.at"),
        (ride(station_code=None), "schema_invalid", "$.station_code"),
        (ride(duration_minutes=2**64), "schema_invalid", "$.duration_minutes"),
        (ride(duration_minutes="7"), "schema_invalid", "$.duration_minutes"),
        (ride(colour="x" * 1000), "oversized", "bytes, at most 500"),
    ],
)
def test_a_record_that_is_no_event_is_singled_out(
    value: bytes | None, error: str, message: str
) -> None:
    values = [ride(1), value, ride(3)]
    decoded = decoder(max_value_bytes=500).decode(FakeRecords(values, first=10))
    if value is not None and len(value) > 500:  # as the consumer flags it
        records = Irregular(values, first=10)
        decoded = decoder(max_value_bytes=500).decode(records)
    (bad,) = decoded.bad
    assert (bad.index, bad.offset, bad.error) == (1, 11, error)
    assert message in bad.message
    assert decoded.offsets.tolist() == [10, 12]
    assert len(decoded.events) == 2


class Irregular(FakeRecords):
    """Records that must be taken one by one."""

    @property
    def regular(self) -> bool:
        return False


def test_a_line_break_within_a_value_does_not_shift_the_others() -> None:
    values = [ride(1), ride(2).replace(b",", b",\n", 1), b"", ride(4)]
    one = decoder()
    decoded = one.decode(FakeRecords(values))
    assert decoded.offsets.tolist() == [0, 1, 3]
    assert one.columns(decoded.events).items("ride_event") == [
        "1-out",
        "2-out",
        "4-out",
    ]


def test_no_records_are_no_events() -> None:
    one = decoder()
    decoded = one.decode(FakeRecords([]))
    assert (decoded.events, decoded.bad) == ([], ())
    assert one.columns([]).integers("at").dtype == np.int64


def test_a_field_the_stream_lacks_is_refused() -> None:
    with pytest.raises(InvalidUsage, match="no field colour"):
        Decoder(RIDES, ["colour"])
