"""An event that a window cannot be computed of is set aside; the others count."""

from typing import Any

import pytest

from streaming import window_stage
from streaming.decoding import Columns
from streaming.event_batch import HANDLER_ERROR
from streaming.pipeline import Output, Pipeline
from tests.domains import readings as domain
from tests.support.driven import SENT_MS, SentRecords, pipeline
from tests.support.readings import START_MS, Reading

CONTRIBUTION = window_stage._contribution
WINDOW = "by_second"


def sent(*levels: float) -> SentRecords:
    """Readings of one sensor, ten seconds from one to the next."""
    values = [
        Reading(0, START_MS + 10_000 * number, "a", level, number).value
        for number, level in enumerate(levels)
    ]
    return SentRecords(values, (domain.TOPIC, 0), 0)


def taken(records: SentRecords) -> tuple[Pipeline, Output]:
    one = pipeline()
    one.assign([0])
    return one, one.process([records], SENT_MS)


def counted(output: Output) -> int:
    """The windows of a second: there is one for each reading that counts."""
    return sum(len(it.results) for it in output.windows if it.window == WINDOW)


@pytest.fixture
def fails_above_100(monkeypatch: pytest.MonkeyPatch) -> None:
    def contribution(bound: Any, events: Columns) -> Any:
        if max(events.items("level"), default=0) > 100:
            raise ValueError("a level above 100")
        return CONTRIBUTION(bound, events)

    monkeypatch.setattr(window_stage, "_contribution", contribution)


@pytest.mark.usefixtures("fails_above_100")
def test_only_the_event_that_fails_is_set_aside() -> None:
    one, output = taken(sent(1.0, 2.0, 300.0, 4.0))
    (rejected,) = output.rejected
    letter = rejected.letter
    assert (letter.error, letter.offset) == (HANDLER_ERROR, 2)
    assert letter.message == "ValueError: a level above 100"
    assert (
        rejected.records.record(rejected.index).value == sent(1.0, 2.0, 300.0).values[2]
    )
    assert output.next_offsets == {0: 4}
    assert counted(output) + counted(one.flush()) == 3


@pytest.mark.usefixtures("fails_above_100")
def test_an_event_alone_is_set_aside_too() -> None:
    one, output = taken(sent(300.0))
    assert [it.letter.error for it in output.rejected] == [HANDLER_ERROR]
    assert counted(one.flush()) == 0


def test_what_fails_for_no_event_in_particular_is_raised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def contribution(bound: Any, events: Columns) -> Any:
        if len(events) > 1:
            raise MemoryError
        return CONTRIBUTION(bound, events)

    monkeypatch.setattr(window_stage, "_contribution", contribution)
    with pytest.raises(MemoryError):
        taken(sent(1.0, 2.0))
