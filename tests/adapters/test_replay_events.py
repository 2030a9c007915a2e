"""Past rows as events: which, in which order, and with which fields."""

import json
from datetime import datetime, timedelta

import pandas as pd
import pytest

from analytics_platform.adapters.replay_events import EventReplay
from analytics_platform.contracts.streams import EventSource
from analytics_platform.errors import InvalidUsage, NotFound
from tests.domains.toy import DOMAIN
from tests.domains.toy.dataset import DATA, ZONE
from tests.domains.toy.streams import RIDES

START = datetime(2010, 9, 8, tzinfo=ZONE)
END = START + timedelta(days=2)


def milliseconds(column: "pd.Series[str]") -> "pd.Series[int]":
    instants = pd.to_datetime(column, utc=True)
    return (instants - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(milliseconds=1)


def test_everything_that_happened_in_the_period_is_sent_once_in_order() -> None:
    found = list(EventReplay(DOMAIN, RIDES).events(START, END))
    source = pd.read_csv(DATA / "rentals.csv")
    rented, returned = milliseconds(source.rented_at), milliseconds(source.returned_at)
    first, until = START.timestamp() * 1000, END.timestamp() * 1000
    expected = [
        (at + delay, f"{number}-{word}", at)
        for column, word in ((rented, "out"), (returned, "back"))
        for number, at in zip(source.rental_id, column, strict=True)
        if first <= at < until
        for delay in [0 if word == "out" else number % 7 * 60_000]
    ]
    assert [
        (one.sent_at_ms, json.loads(one.value)["ride_event"], one.happened_at_ms)
        for one in found
    ] == sorted(expected)
    assert len(found) > 300


def test_an_event_has_its_kinds_fields_and_its_key() -> None:
    found = list(EventReplay(DOMAIN, RIDES).events(START, END))
    fields = {
        kind.name: {"ride_event", "what", "at", *kind.fields} for kind in RIDES.kinds
    }
    for one in found:
        event = json.loads(one.value)
        assert set(event) == fields[event["what"]]
        assert one.keys == (event["station_code"].encode(),)


def test_replays_are_equal() -> None:
    replay = EventReplay(DOMAIN, RIDES)
    assert list(replay.events(START, END)) == list(replay.events(START, END))
    assert replay.count(START, END) == len(list(replay.events(START, END)))


def test_an_undeclared_table_is_refused() -> None:
    source = EventSource(tables=("hires",), query="select 1")
    stream = RIDES.model_copy(update={"source": source})
    with pytest.raises(NotFound, match="reads the table 'hires'"):
        list(EventReplay(DOMAIN, stream).events(START, END))


def test_a_query_that_does_not_fit_is_said() -> None:
    source = EventSource(tables=("rentals",), query="select colour from rentals")
    stream = RIDES.model_copy(update={"source": source})
    with pytest.raises(InvalidUsage, match="stream 'rides' cannot be read"):
        list(EventReplay(DOMAIN, stream).events(START, END))
