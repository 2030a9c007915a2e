"""Fetches rest after short polls that take their reader long."""

import numpy as np
import pytest

from streaming.fetch_pace import FetchPace
from streaming.records import RawRecords, TopicPartition


def records(size: int) -> RawRecords:
    """One record of so many bytes."""
    return RawRecords(
        where=TopicPartition("events", 0),
        offsets=np.zeros(1, np.int64),
        timestamps_ms=np.zeros(1, np.int64),
        ndjson=np.zeros(size, np.uint8),
        regular=True,
        next_offset=1,
        _places=np.zeros(1, np.int64),
        _batches=(),
    )


def rest_after(*sizes: int, worked: float, later: float = 0.0) -> float:
    """Seconds to rest `later` than the reader was back from so long a work."""
    pace = FetchPace()
    pace.note_given([records(size) for size in sizes], 100.0)
    pace.note_back(100.0 + worked)
    return pace.rest_seconds(100.0 + worked + later)


def test_a_fetch_rests_three_times_as_long_as_the_reader_worked() -> None:
    assert rest_after(300, worked=0.002) == pytest.approx(0.006)
    assert rest_after(300, worked=0.002, later=0.004) == pytest.approx(0.002)


def test_no_fetch_rests_longer_than_ten_milliseconds() -> None:
    assert rest_after(300, worked=1.0) == pytest.approx(0.01)


def test_the_rest_ends() -> None:
    assert rest_after(300, worked=0.002, later=0.006) == pytest.approx(0.0)
    assert rest_after(300, worked=0.002, later=5.0) == 0.0


def test_with_plenty_to_do_nothing_rests() -> None:
    assert rest_after(20_000, 20_000, worked=0.002) == 0.0


def test_after_a_poll_that_brought_nothing_nothing_rests() -> None:
    assert rest_after(worked=0.002) == 0.0


def test_a_rest_is_for_one_poll_only() -> None:
    pace = FetchPace()
    pace.note_given([records(300)], 100.0)
    pace.note_back(100.002)
    pace.note_back(100.5)
    assert pace.rest_seconds(100.5) == 0.0
