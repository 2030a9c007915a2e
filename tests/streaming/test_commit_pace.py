"""Results at once, the rest now and then, each topic by itself."""

from dataclasses import dataclass

import pytest

from streaming.commit_pace import UNAWAITED_EVENTS, UNAWAITED_SECONDS, CommitPace


@dataclass(frozen=True)
class Taken:
    """What was taken of a topic."""

    uncommitted: int = 1
    has_news: bool = True
    is_awaited: bool = False


@pytest.mark.parametrize(
    ("taken", "seconds", "wanted"),
    [
        (Taken(has_news=False, uncommitted=0), 10 * UNAWAITED_SECONDS, False),
        (Taken(), 0.9 * UNAWAITED_SECONDS, False),
        (Taken(), UNAWAITED_SECONDS, True),
        (Taken(uncommitted=UNAWAITED_EVENTS - 1), 0.0, False),
        (Taken(uncommitted=UNAWAITED_EVENTS), 0.0, True),
        (Taken(is_awaited=True), 0.0, True),
    ],
)
def test_what_is_awaited_is_committed_at_once_the_rest_after_a_while(
    taken: Taken, seconds: float, *, wanted: bool
) -> None:
    pace = CommitPace(["events"], now=5.0)
    assert pace.is_due("events", taken, 5.0 + seconds) is wanted


def test_the_commit_of_a_topic_does_not_put_off_anothers() -> None:
    pace = CommitPace(["often", "rarely"], now=0.0)
    pace.note_cut("often", UNAWAITED_SECONDS)
    assert not pace.is_due("often", Taken(), UNAWAITED_SECONDS)
    assert pace.is_due("rarely", Taken(), UNAWAITED_SECONDS)
