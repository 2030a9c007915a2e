"""Readers of the results topic find what stands, in whatever order they read."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from streaming.causes import Causes
from streaming.checkpoints.messages import decode_messages
from streaming.outgoing import Outgoing
from tests.domains import readings as domain
from tests.support.documents import example
from tests.support.driven import SentRecords, logs_of, pipeline, values_of
from tests.support.readings import Found, expected, last_readings, readings

PAGE = (Path(__file__).parents[2] / "docs" / "streaming.md").read_text()
LOGS = logs_of([*readings(5, 1_000), *last_readings()])
WANTED = expected(LOGS)


def sent() -> Iterator[dict[str, Any]]:
    """What a sidecar sends to the topic."""
    made, found = pipeline(), Outgoing()
    made.assign(range(domain.PARTITIONS))
    for first in range(0, 400, 20):  # so that late events revise what was sent
        polled: list[Any] = [
            SentRecords(log[first : first + 20], (domain.TOPIC, partition), first)
            for partition, log in enumerate(values_of(LOGS))
            if log[first:]
        ]
        found.add(made.process(polled, 0), Causes(polled), at_ms=1)
    for blob in found.blobs():
        yield from (json.loads(one.value or b"") for one in decode_messages(blob.body))


@pytest.fixture(scope="module")
def records() -> list[dict[str, Any]]:
    found = list(sent())
    assert any(one["revision"] for one in found)
    # A session that was taken back when it grew; the one in its place is among them.
    whole = next(one for one in found if one["window"] == "visits")
    part = {**whole, "end_ms": whole["end_ms"] - 1, "revision": 2}
    names = ("window", "key", "start_ms", "end_ms")
    gone = {"kind": "retract", **{name: part[name] for name in names}}
    return [part, gone, *found]


def found_of(rows: Iterator[dict[str, Any]]) -> Found:
    """Windows as they are counted one by one."""
    windows = {
        (row["window"], row["key"], row["start_ms"], row["end_ms"]): tuple(
            row["metrics"][name] for name in domain.METRICS
        )
        for row in rows
    }
    return Found(windows, WANTED.late)


def test_the_query_finds_what_stands(records: list[dict[str, Any]]) -> None:
    some = [*reversed(records), *records[::3]]
    twice = [{"count": None, "metrics": None, "revision": None, **one} for one in some]
    with duckdb.connect() as connection:
        connection.register("results", pa.Table.from_pylist(twice))
        found = connection.sql(example(PAGE, "sql")).to_arrow_table().to_pylist()
    assert found_of(iter(found)) == WANTED
