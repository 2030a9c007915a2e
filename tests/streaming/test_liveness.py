"""A stall is: records wait, and no position moves for too long."""

import queue

import pytest

from streaming.liveness import Guard, Liveness, Stalled
from streaming.membership import Progress


def at(position: int, end: int, *, paused: bool = False) -> Progress:
    return Progress(position, high_water=end, stable_end=end, paused=paused)


def test_waiting_records_that_nobody_takes_are_a_stall() -> None:
    liveness = Liveness(stall_seconds=10, now=0)
    liveness.observe([at(5, 9), at(0, 0)], now=1)
    liveness.observe([at(5, 9), at(0, 0)], now=11)
    with pytest.raises(Stalled, match="No progress for 10 s although 4 records wait"):
        liveness.observe([at(5, 9), at(0, 0)], now=11.1)


def test_progress_of_any_partition_starts_the_time_anew() -> None:
    liveness = Liveness(stall_seconds=10, now=0)
    for now in range(0, 100, 9):
        liveness.observe([at(5, 9), at(now, 200)], now=now)


@pytest.mark.parametrize(
    "progress",
    [
        at(9, 9),
        at(5, 9, paused=True),
        Progress(5, high_water=9, stable_end=5, paused=False),
        Progress(5, high_water=None, stable_end=None, paused=False),
    ],
    ids=["at the end", "paused", "in an open transaction", "unknown"],
)
def test_nothing_to_take_is_no_stall(progress: Progress) -> None:
    liveness = Liveness(stall_seconds=10, now=0)
    for now in (0, 100, 200):
        liveness.observe([progress], now=now)


def test_a_rebalance_starts_the_time_anew() -> None:
    liveness = Liveness(stall_seconds=10, now=0)
    liveness.observe([at(5, 9)], now=1)
    liveness.restart(now=10)
    liveness.observe([at(5, 9)], now=19)
    liveness.observe([at(5, 9)], now=29)


def test_lag_counts_what_an_open_transaction_holds_back() -> None:
    progress = Progress(5, high_water=9, stable_end=6, paused=False)
    assert (progress.lag, progress.waiting) == (4, 1)


def test_the_guard_ends_a_process_whose_loop_is_stuck() -> None:
    codes: queue.Queue[int] = queue.Queue()

    def look(now: float) -> None:
        raise Stalled(seconds=now, lag=1)

    guard = Guard(look, end=codes.put)
    guard.start()
    assert codes.get(timeout=10) == Stalled.exit_code == 4
    guard.stop()
