"""A cause is the record at a position, as the poll that held it has it."""

from streaming.causes import Causes, Position
from streaming.hub.wire import NO_CAUSE
from tests.support.driven import SENT_MS, SentRecords

POLLED = [
    SentRecords([b"{}"] * 3, ("readings", 0), 10),
    SentRecords([], ("readings", 1), 5),
    SentRecords([b"{}"] * 2, ("readings", 2), 10),
]


def test_each_position_has_the_time_and_trace_of_its_own_record() -> None:
    causes = Causes(POLLED)  # type: ignore[arg-type]
    for partition, offset in ((0, 10), (0, 12), (2, 11)):
        cause = causes.of(Position(partition, offset))
        assert cause.sent_ms == SENT_MS + offset
        assert cause.trace == f"00-{partition + 1:032x}-{offset + 1:016x}-01"


def test_what_no_record_of_the_poll_led_to_has_no_cause() -> None:
    causes = Causes(POLLED)  # type: ignore[arg-type]
    for place in (None, Position(0, 9), Position(0, 13), Position(1, 5)):
        assert causes.of(place) == NO_CAUSE
