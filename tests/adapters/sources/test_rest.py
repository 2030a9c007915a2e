"""Reading a JSON endpoint of a real local server that is slow, busy or wrong."""

import random
from collections.abc import Callable
from datetime import timedelta

import pytest

from analytics_platform.adapters.sources.arrival import Arrival
from analytics_platform.adapters.sources.rest import RestReader, SourceRefused
from analytics_platform.contracts.domain import RestEndpoint
from analytics_platform.errors import InvalidData, Unavailable
from tests.support.http_server import Answer, Script, serving


def page(*ids: int, following: object = None) -> Answer:
    return Answer(body={"data": [{"id": one} for one in ids], "next": following})


def read(
    script: Script, waits: list[float] | None = None, **declared: object
) -> Arrival:
    source = RestEndpoint.model_validate(
        {"url_variable": "URL", "path": "/orders", "attempts": 4, **declared}
    )
    sleep: Callable[[float], None] = (waits if waits is not None else []).append
    with serving(script) as url:
        reader = RestReader(source, url, "secret", sleep, random.Random(1))  # noqa: S311 - jitter
        return reader.read()


def test_all_pages_are_read_in_order() -> None:
    script = Script([page(1, 2, following="p2"), page(3, following=7), page(4)])
    arrival = read(script)
    assert arrival.rows.to_pylist() == [{"id": n} for n in (1, 2, 3, 4)]
    assert script.asked == [{}, {"page": ["p2"]}, {"page": ["7"]}]
    assert set(script.authorizations) == {"Bearer secret"}


def test_retry_after_in_seconds_is_kept_to() -> None:
    waits: list[float] = []
    busy = Answer(429, headers={"Retry-After": "17"})
    arrival = read(Script([busy, page(1)]), waits)
    assert len(arrival.rows) == 1
    assert waits == [17]


def test_retry_after_as_a_date_is_by_the_servers_clock() -> None:
    waits: list[float] = []
    headers = {
        "Date": "Fri, 01 Nov 2013 12:00:00 GMT",
        "Retry-After": "Fri, 01 Nov 2013 12:00:20 GMT",
    }
    read(Script([Answer(503, headers=headers), page(1)]), waits)
    assert waits == [20]


def test_errors_of_the_server_are_retried_with_longer_waits() -> None:
    waits: list[float] = []
    script = Script([Answer(500), Answer(502), Answer(504), page(1)])
    assert len(read(script, waits).rows) == 1
    assert len(waits) == 3
    assert waits[0] <= 0.5 < waits[1] <= 1.0 < waits[2] <= 2.0


def test_a_time_out_is_retried() -> None:
    script = Script([Answer(delay=1.0), page(1)])
    arrival = read(script, timeout=timedelta(seconds=0.2))
    assert len(arrival.rows) == 1
    assert len(script.asked) == 2


def test_attempts_are_bounded() -> None:
    script = Script([Answer(429)])
    with pytest.raises(Unavailable, match=r"status 429 \(attempt 4 of 4\)"):
        read(script)
    assert len(script.asked) == 4


def test_a_server_that_is_away_for_long_is_left_alone() -> None:
    script = Script([Answer(503, headers={"Retry-After": "86400"})])
    with pytest.raises(Unavailable):
        read(script)
    assert len(script.asked) == 1


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with serving(Script([page(1)])) as url:
        gone = url
    source = RestEndpoint(url_variable="URL", path="orders", attempts=2)
    with pytest.raises(Unavailable, match="ConnectError"):
        RestReader(source, gone, sleep=lambda _: None).read()


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404])
def test_other_answers_are_not_retried(status: int) -> None:
    script = Script([Answer(status)])
    with pytest.raises(SourceRefused, match=f"answered {status}"):
        read(script)
    assert len(script.asked) == 1


def test_pages_that_go_in_a_circle_are_an_error() -> None:
    script = Script(
        [page(1, following="a"), page(2, following="b"), page(3, following="a")]
    )
    with pytest.raises(InvalidData, match="page 'a' follows itself"):
        read(script)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer(raw=b"<html>"), "no JSON"),
        (Answer(body=[1]), "no JSON object"),
        (Answer(body={"rows": [], "next": None}), "no list of objects in 'data'"),
        (Answer(body={"data": [1], "next": None}), "no list of objects in 'data'"),
        (Answer(body={"data": [], "following": "p2"}), "no field 'next'"),
    ],
)
def test_an_answer_that_is_no_page_is_an_error(answer: Answer, told: str) -> None:
    with pytest.raises(InvalidData, match=told):
        read(Script([answer]))


def test_no_rows_are_no_error() -> None:
    assert len(read(Script([page()])).rows) == 0
