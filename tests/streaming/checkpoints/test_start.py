"""Where reading begins."""

import pytest

from streaming.checkpoints.errors import OffsetOutOfRange
from streaming.checkpoints.start import Log, Start, choose_start

#            [100 ------ 200)
LOG = Log("events", 0, start=100, end=200)


@pytest.mark.parametrize("stored", [100, 150, 200])
def test_a_stored_offset_within_the_log_goes_on(stored: int) -> None:
    found = choose_start(stored, LOG, initial="earliest", out_of_range="fail")
    assert found == Start(stored)


def test_a_first_read_begins_as_chosen() -> None:
    def begin(initial: str) -> int:
        return choose_start(
            None,
            LOG,
            initial=initial,  # type: ignore[arg-type]
            out_of_range="fail",
        ).offset

    assert [begin("earliest"), begin("latest")] == [100, 200]


def test_events_that_are_gone_stop_it_and_name_the_choices() -> None:
    with pytest.raises(OffsetOutOfRange) as caught:
        choose_start(40, LOG, initial="earliest", out_of_range="fail")
    said = str(caught.value)
    assert "60 events were deleted before they were read" in said
    for choice in ("earliest", "latest", "fail", "ANALYTICS_STREAMING__OUT_OF_RANGE"):
        assert choice in said
    assert (caught.value.stored, caught.value.log_start) == (40, 100)


def test_a_log_that_is_shorter_than_what_was_read_stops_it() -> None:
    with pytest.raises(OffsetOutOfRange, match="made anew"):
        choose_start(201, LOG, initial="earliest", out_of_range="fail")


@pytest.mark.parametrize("stored", [40, 201])
def test_a_choice_goes_on_and_says_why(stored: int) -> None:
    first = choose_start(stored, LOG, initial="latest", out_of_range="earliest")
    last = choose_start(stored, LOG, initial="earliest", out_of_range="latest")
    assert (first.offset, last.offset) == (100, 200)
    assert first.reason is not None
    assert "Chosen: earliest." in first.reason
    assert f"goes on at offset {stored}" in first.reason
