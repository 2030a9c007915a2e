"""Which partitions have records to be read, by what the broker has said of them."""

from streaming.membership import Progress
from streaming.records import TopicPartition
from streaming.unread import Unread
from tests.support.driven import SentRecords

FIRST, SECOND = TopicPartition("t", 0), TopicPartition("t", 1)
UNKNOWN = Progress(5, high_water=None, stable_end=None, paused=False)
THROUGH = Progress(5, high_water=5, stable_end=5, paused=False)
BEHIND = Progress(5, high_water=9, stable_end=9, paused=False)


def test_a_partition_is_unread_until_it_is_read_to_its_end() -> None:
    assert Unread().among({FIRST: BEHIND, SECOND: THROUGH}, [], 0) == {FIRST}


def test_what_was_just_polled_was_unread() -> None:
    polled = [SentRecords([b"{}"], FIRST, 4), SentRecords([], SECOND, 5)]
    progress = {FIRST: THROUGH, SECOND: THROUGH}
    assert Unread().among(progress, polled, 0) == {FIRST}  # type: ignore[arg-type]


def test_an_assigned_partition_is_unread_until_the_broker_has_answered_for_it() -> None:
    unread = Unread()
    unread.begin([FIRST, SECOND], 0)
    assert unread.among({}, [], 1) == {FIRST, SECOND}
    assert unread.among({FIRST: UNKNOWN, SECOND: THROUGH}, [], 2) == {FIRST}
    assert unread.among({FIRST: THROUGH, SECOND: THROUGH}, [], 3) == set()


def test_one_that_is_assigned_again_is_waited_for_again() -> None:
    unread = Unread()
    unread.begin([FIRST], 0)
    unread.among({FIRST: THROUGH}, [], 1)
    unread.begin([FIRST], 50)
    assert unread.among({FIRST: UNKNOWN}, [], 109) == {FIRST}


def test_a_broker_that_never_answers_for_a_partition_is_waited_for_a_minute() -> None:
    unread = Unread()
    unread.begin([FIRST], 0)
    assert unread.among({FIRST: UNKNOWN}, [], 59) == {FIRST}
    assert unread.among({FIRST: UNKNOWN}, [], 60) == set()


def test_a_partition_that_is_paused_is_unread_as_nobody_looks_there() -> None:
    paused = THROUGH._replace(paused=True)
    assert Unread().among({FIRST: paused, SECOND: THROUGH}, [], 0) == {FIRST}
