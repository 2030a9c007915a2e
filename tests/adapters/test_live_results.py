"""What readers see of committed results, on both databases."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from analytics_platform.adapters.control_store.migrations import migrate
from analytics_platform.adapters.live_results import (
    Coverage,
    Gap,
    LiveResultReader,
    Span,
)
from analytics_platform.core.live_results import LiveResults, RowKind
from analytics_platform.errors import NotFound
from streaming.checkpoints.claims import Jump
from streaming.checkpoints.values import Move, ResultBlob, Source
from tests.support.checkpoint_stores import (
    SOURCE,
    WINDOW,
    commit,
    late,
    owning_store,
    results,
)

ALWAYS = Span(-(10**15), 10**15)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.system)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a migrated database."""
    if request.param == "sqlite":
        found = f"sqlite:///{tmp_path / 'stream.sqlite'}"
    else:
        found = request.getfixturevalue("postgres_database")
    migrate(found)
    return found


@pytest.fixture
def reader(url: str) -> Iterator[LiveResultReader]:
    """A reader of that database."""
    opened = LiveResultReader.open(url)
    yield opened
    opened.close()


def blob(partition: int, *rows: tuple[str, int, int, int]) -> ResultBlob:
    return ResultBlob.of(WINDOW, partition, results(rows))


def rows(found: LiveResults) -> list[tuple[str, int, int]]:
    """(key, start, count) of each row."""
    counts = found.values["count"].values.tolist() if len(found) else []
    return list(zip(found.keys, found.start_ms.tolist(), counts, strict=True))


def test_the_last_revision_of_each_window_stands(
    url: str, reader: LiveResultReader
) -> None:
    store = owning_store(url, partitions=[0, 1])
    first = [blob(0, ("a", 0, 1, 5)), blob(1, ("b", 0, 1, 7))]
    store.commit(commit(Move(1, 0, 5), Move(1, 0, 7), results=first))
    store.commit(
        commit(
            Move(1, 5, 6),
            Move(1, 7, 7),
            results=[blob(0, ("a", 0, 2, 6), ("a", 60_000, 1, 1))],
        )
    )
    store.close()
    source = reader.source(WINDOW)
    assert (source.cluster, source.topic) == (SOURCE.cluster, SOURCE.topic)
    assert rows(reader.results(source, ALWAYS)) == [
        ("a", 0, 6),
        ("b", 0, 7),
        ("a", 60_000, 1),
    ]
    assert rows(reader.results(source, Span(0, 60_000), key="a")) == [("a", 0, 6)]
    assert rows(reader.latest(source, 1)) == [("a", 0, 6), ("a", 60_000, 1)]
    assert rows(reader.latest(source, 9)) == rows(reader.results(source, ALWAYS))
    assert len(reader.history(source, ALWAYS)) == 4


def test_retracted_windows_are_gone(url: str, reader: LiveResultReader) -> None:
    store = owning_store(url)
    store.commit(commit(Move(1, 0, 1), results=[blob(0, ("a", 0, 1, 5))]))
    gone = results([("a", 0, 1, 5)], kind=RowKind.RETRACTION)
    store.commit(commit(Move(1, 1, 2), results=[ResultBlob.of(WINDOW, 0, gone)]))
    store.close()
    assert rows(reader.results(reader.source(WINDOW), ALWAYS)) == []


def test_windows_have_been_emitted_until_the_end_of_the_newest(
    url: str, reader: LiveResultReader
) -> None:
    store = owning_store(url, partitions=[0, 1])
    store.commit(commit(Move(1, 0, 1), results=[blob(0, ("a", 0, 1, 5))]))
    source = reader.source(WINDOW)
    (end,) = reader.results(source, ALWAYS).end_ms.tolist()
    assert reader.emitted_until(source) == end
    more = [blob(0, ("a", 60_000, 1, 1)), blob(1, ("b", 0, 1, 1))]
    store.commit(commit(Move(1, 1, 2), Move(1, 0, 1), results=more))
    store.close()
    assert reader.emitted_until(source) == end + 60_000
    assert reader.emitted_until(replace(source, id=source.id + 1)) is None


def test_late_events_are_counted_by_window(url: str, reader: LiveResultReader) -> None:
    store = owning_store(url)
    for offset in range(2):
        missed = late([("a", 0, 2), ("a", 60_000, 1)])
        store.commit(
            commit(
                Move(1, offset, offset + 1),
                results=[ResultBlob.of_late(WINDOW, 0, missed)],
            )
        )
    store.close()
    source = reader.source(WINDOW)
    counts = reader.late(source, Span(0, 60_000))
    assert (counts.keys, counts.events.tolist()) == (["a"], [4])
    assert reader.late(source, ALWAYS).events.tolist() == [4, 2]
    assert len(reader.late(source, ALWAYS, key="b")) == 0
    assert rows(reader.results(source, ALWAYS)) == []
    assert len(reader.latest(source, 9)) == 0


def test_the_newest_definition_in_the_last_cluster_is_read(
    url: str, reader: LiveResultReader
) -> None:
    with pytest.raises(NotFound, match="per_minute"):
        reader.source(WINDOW)
    store = owning_store(url)
    store.meet_cluster(SOURCE.cluster, embedded=True, now_ms=1_000)
    store.declare(SOURCE, {WINDOW: "fingerprint-2"}, now_ms=2_000)
    assert reader.source(WINDOW).fingerprint == "fingerprint-2"
    store.meet_cluster("cluster-2", embedded=True, now_ms=3_000)
    newer = Source("cluster-2", SOURCE.topic)
    store.declare(newer, {WINDOW: "fingerprint-1"}, now_ms=3_000)
    store.close()
    assert reader.source(WINDOW).cluster == "cluster-2"
    assert len(reader.sources()) == 3
    with pytest.raises(NotFound):
        reader.source(WINDOW, topic="others")


def test_coverage_names_the_events_that_a_window_has_seen(
    url: str, reader: LiveResultReader
) -> None:
    store = owning_store(url, partitions=[0, 1])
    store.commit(commit(Move(1, 0, 10), Move(1, 0, 3)))
    store.begin_at(SOURCE, 0, Jump(50, "deleted by retention", 3_000))
    store.begin_at(SOURCE, 1, Jump(1, "made anew", 3_000))
    store.commit(commit(Move(1, 50, 60), Move(1, 1, 4)))
    store.close()
    assert reader.coverage(reader.source(WINDOW)) == [
        Coverage(0, 0, 60, (Gap(10, 50, "deleted by retention"),)),
        Coverage(1, 1, 4, ()),
    ]
