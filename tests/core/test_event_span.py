"""Which span of event time is known whole, worked out by hand."""

import pytest

from analytics_platform.core.event_span import (
    EventSpan,
    Mark,
    OffsetsLost,
    Seen,
    covered_span,
    next_range,
    reached_by_all,
)

WHERE = ("orders", 0)


def test_what_was_never_read_begins_with_the_oldest_record() -> None:
    assert next_range(WHERE, None, Seen(7, 20), "fail") == Seen(7, 20)


def test_reading_goes_on_where_it_stopped() -> None:
    assert next_range(WHERE, 9, Seen(7, 20), "fail") == Seen(9, 20)
    assert next_range(WHERE, 20, Seen(7, 20), "fail") == Seen(20, 20)


@pytest.mark.parametrize("wanted", [6, 21])
def test_offsets_that_the_log_lacks_stop_the_load_or_are_left_out_by_choice(
    wanted: int,
) -> None:
    with pytest.raises(OffsetsLost, match="OUT_OF_RANGE"):
        next_range(WHERE, wanted, Seen(7, 20), "fail")
    assert next_range(WHERE, wanted, Seen(7, 20), "earliest") == Seen(7, 20)
    assert next_range(WHERE, wanted, Seen(7, 20), "latest") == Seen(20, 20)


def test_partitions_read_to_their_ends_cover_from_the_first_to_the_last_event() -> None:
    # partition 0   |0 at 100 ------------ 9 at 500|
    # partition 1          |0 at 300 - 4 at 350|     nothing came since: it holds nobody
    marks = [Mark(0, 0, 100), Mark(0, 9, 500), Mark(1, 0, 300), Mark(1, 4, 350)]
    seen = {0: Seen(0, 10), 1: Seen(0, 5)}
    assert covered_span(seen, marks) == EventSpan(100, 500)


def test_a_partition_that_is_behind_ends_the_span() -> None:
    marks = [Mark(0, 0, 100), Mark(0, 9, 500), Mark(1, 0, 300), Mark(1, 4, 350)]
    assert covered_span({0: Seen(0, 10), 1: Seen(0, 4)}, marks) == EventSpan(100, 300)


def test_a_partition_that_was_begun_later_begins_the_span() -> None:
    marks = [Mark(0, 0, 100), Mark(0, 9, 500), Mark(1, 0, 150), Mark(1, 4, 350)]
    seen = {0: Seen(0, 10), 1: Seen(2, 5)}
    assert covered_span(seen, marks) == EventSpan(350, 500)


def test_nothing_is_covered_where_a_partition_with_events_was_not_read() -> None:
    marks = [Mark(0, 0, 100), Mark(1, 0, 150)]
    assert covered_span({0: Seen(0, 10)}, marks) is None
    assert covered_span({}, []) is None


def test_all_partitions_have_reached_what_the_last_of_them_has() -> None:
    marks = [Mark(0, 0, 100), Mark(0, 9, 500), Mark(1, 0, 300), Mark(1, 4, 350)]
    assert reached_by_all({0: Seen(0, 10), 1: Seen(0, 5)}, marks) == 350
    assert reached_by_all({0: Seen(0, 10), 1: Seen(0, 4)}, marks) == 300
    assert reached_by_all({0: Seen(0, 10)}, marks) == 500


def test_a_partition_without_events_has_reached_nothing() -> None:
    assert reached_by_all({0: Seen(0, 10), 1: Seen(0, 0)}, [Mark(0, 0, 1)]) is None
    assert reached_by_all({}, []) is None
