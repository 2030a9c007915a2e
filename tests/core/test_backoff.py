"""Waiting times: doubling, bounded, and what a server asks for."""

from datetime import UTC, datetime

import pytest

from analytics_platform.core.backoff import retry_after_seconds, wait_seconds

NOW = datetime(2013, 11, 1, 12, 0, 0, tzinfo=UTC)


def test_the_wait_doubles_up_to_thirty_seconds() -> None:
    waits = [wait_seconds(attempt, jitter=0) for attempt in range(1, 9)]
    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_jitter_takes_up_to_half_away() -> None:
    assert wait_seconds(3, jitter=0.5) == 1.5


def test_the_server_gets_at_least_the_wait_it_asked_for() -> None:
    assert wait_seconds(1, asked=7, jitter=0.9) == 7
    assert wait_seconds(6, asked=7, jitter=0) == 16


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("3", 3),
        (" 120 ", 120),
        ("Fri, 01 Nov 2013 12:00:05 GMT", 5),
        ("Fri, 01 Nov 2013 11:00:00 GMT", 0),
        ("later", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(
    header: str | None, seconds: float | None
) -> None:
    assert retry_after_seconds(header, now=NOW) == seconds
