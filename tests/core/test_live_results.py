"""What rows of results mean together."""

import numpy as np
import pytest

from analytics_platform.core.column_blobs import Column
from analytics_platform.core.live_results import (
    LiveResults,
    RowKind,
    decode_late,
    decode_results,
    encode_late,
    encode_results,
    final_results,
    join_results,
    sum_late,
)
from analytics_platform.errors import DamagedRecord
from tests.support.checkpoint_stores import late, results


def rows(found: LiveResults) -> list[tuple[str, int, int, int]]:
    """(key, start, revision, count) of each row."""
    return list(
        zip(
            found.keys,
            found.start_ms.tolist(),
            found.revisions.tolist(),
            found.values["count"].values.tolist(),
            strict=True,
        )
    )


def test_results_come_back_from_a_blob() -> None:
    stored = results([("a", 0, 1, 5), ("b", 60_000, 2, 2**60)])
    found = decode_results(encode_results(stored))
    assert rows(found) == [("a", 0, 1, 5), ("b", 60_000, 2, 2**60)]
    assert found.kinds.tolist() == [RowKind.WINDOW, RowKind.WINDOW]
    assert found.end_ms.tolist() == [60_000, 120_000]


def test_late_counts_come_back_from_a_blob() -> None:
    found = decode_late(encode_late(late([("a", 0, 3)])))
    assert (found.keys, found.events.tolist()) == (["a"], [3])


def test_results_are_no_late_counts() -> None:
    with pytest.raises(DamagedRecord):
        decode_late(encode_results(results([("a", 0, 1, 5)])))


def test_a_later_revision_replaces_the_earlier_one() -> None:
    found = join_results([results([("a", 0, 1, 5)]), results([("a", 0, 2, 6)])])
    assert rows(final_results(found)) == [("a", 0, 2, 6)]


def test_a_retraction_takes_the_window_back() -> None:
    #  session a:  [0------60)          retracted when
    #              [0----------------90)  the next event joins it
    first = results([("a", 0, 1, 5), ("b", 0, 1, 1)])
    gone = results([("a", 0, 1, 5)], kind=RowKind.RETRACTION)
    longer = results([("a", 0, 2, 6)], size_ms=90_000)
    final = final_results(join_results([first, gone, longer]))
    assert rows(final) == [("b", 0, 1, 1), ("a", 0, 2, 6)]
    assert final.end_ms.tolist() == [60_000, 90_000]


def test_a_window_may_come_back_after_a_retraction() -> None:
    gone = results([("a", 0, 1, 5)], kind=RowKind.RETRACTION)
    again = results([("a", 0, 2, 7)])
    assert rows(final_results(join_results([gone, again]))) == [("a", 0, 2, 7)]


def test_missing_values_stay_missing() -> None:
    some = LiveResults(
        keys=["a", "b"],
        kinds=np.zeros(2, np.int64),
        start_ms=np.zeros(2, np.int64),
        end_ms=np.ones(2, np.int64),
        revisions=np.ones(2, np.int64),
        values={
            "count": Column(np.array([1, 2])),
            "mean": Column(np.array([0.5, 0.0]), np.array([True, False])),
        },
    )
    found = final_results(join_results([some, some])).values["mean"]
    assert found.valid is not None
    assert found.valid.tolist() == [True, False]


def test_nothing_joined_is_nothing() -> None:
    assert len(final_results(join_results([]))) == 0


def test_parts_of_different_columns_are_refused() -> None:
    other = results([("a", 0, 1, 5)])
    other = LiveResults(
        other.keys, other.kinds, other.start_ms, other.end_ms, other.revisions
    )
    with pytest.raises(DamagedRecord, match="count"):
        join_results([results([("a", 0, 1, 5)]), other])


def test_late_events_add_up_by_window() -> None:
    total = sum_late([late([("a", 0, 3), ("b", 0, 1)]), late([("a", 0, 2)])])
    assert list(zip(total.keys, total.events.tolist(), strict=True)) == [
        ("a", 5),
        ("b", 1),
    ]
