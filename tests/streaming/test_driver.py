"""The driver on a real state database: crashes, revocations, a database away."""

import json
import sqlite3
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from analytics_platform.adapters.control_store.migrations import migrate
from analytics_platform.contracts.domain import Domain
from analytics_platform.errors import Unavailable
from analytics_platform.settings import StreamingSettings
from streaming.checkpoints.errors import Backlogged
from streaming.checkpoints.messages import Message
from streaming.checkpoints.store import CheckpointStore
from streaming.fencing import Contested
from streaming.membership import Progress
from streaming.records import TopicPartition
from tests.domains import readings as domain
from tests.support.driven import (
    SENT_MS,
    SOURCE,
    Crash,
    FakeConsumer,
    FixedClock,
    Process,
    SentRecords,
    Troubled,
    crash_at,
    logs_of,
)
from tests.support.driven import values_of as values
from tests.support.readings import Reading, expected, last_readings, readings, stored

LOGS = logs_of([*readings(1, 1_200), *last_readings()])
WANTED = expected(LOGS)


@pytest.fixture
def url(tmp_path: Path) -> str:
    found = f"sqlite:///{tmp_path / 'stream.sqlite'}"
    migrate(found)
    return found


def process(
    url: str, logs: list[list[Reading]] = LOGS, *, piece: int = 40, **options: Any
) -> Process:
    store = Troubled.open(url)
    return Process(store, FakeConsumer(values(logs), piece), **options)


def named(messages: list[Message]) -> dict[tuple[Any, ...], bytes | None]:
    """Window results by all that names them; each has one value."""
    found: dict[tuple[Any, ...], bytes | None] = {}
    for one in messages:
        told = json.loads(one.value or b"")
        if told["kind"] == "window":
            name = tuple(
                told[n] for n in ("window", "key", "start_ms", "end_ms", "revision")
            )
            assert found.setdefault(name, one.value) == one.value
    return found


def test_what_is_committed_is_what_was_counted_one_by_one(url: str) -> None:
    one = process(url)
    one.run()
    assert stored(url) == WANTED
    assert WANTED.late
    assert one.consumer.left
    tallies = [tally for _, tally in one.driver.tallies]
    late = sum(sum(tally.late.values()) for tally in tallies)
    missed = sum(sum(tally.missed.values()) for tally in tallies)
    assert missed == sum(WANTED.late.values())
    assert 0 < late <= missed


def test_pushed_messages_say_when_their_cause_was_sent(url: str) -> None:
    one = process(url)
    one.run()
    pushed = [it.batch for it in one.pushed if it.channel == "windows.by_second"]
    told = sum(len(it) for it in pushed)
    assert told == sum(name[0] == "by_second" for name in WANTED.windows)
    causes = [cause for it in pushed for cause, _ in it.causes]
    assert all((it.sent_ms or 0) >= SENT_MS for it in causes)


@pytest.mark.parametrize("moment", ["trouble", "after"])
def test_a_crash_before_or_after_any_commit_changes_no_window(
    url: str, moment: str
) -> None:
    delivered: list[Message] = []
    for number in (1, 2, 3, 1, 4, 2):
        life = process(url, piece=12)
        life.consumer.pause_seconds = 0.005  # so that there are many commits
        setattr(life.store, moment, crash_at(number))
        with pytest.raises(Crash):
            life.run()
        delivered += life.delivered
    last = process(url)
    last.run()
    assert stored(url) == WANTED
    final = named(delivered + last.delivered)
    newest = {
        name[:4]: json.loads(final[name] or b"")["count"] for name in sorted(final)
    }
    assert {n: f[0] for n, f in WANTED.windows.items()}.items() <= newest.items()


def test_outputs_that_did_not_arrive_are_handed_on_again_as_they_were(
    url: str,
) -> None:
    first = process(url, acknowledges=False)
    first.run()
    again = process(url)
    again.run()
    assert sorted(again.delivered, key=repr) == sorted(first.delivered, key=repr)
    third = process(url)
    third.run()
    assert third.delivered == []


def test_nothing_is_pushed_or_delivered_before_it_is_committed(url: str) -> None:
    one = process(url)
    one.store.trouble = crash_at(1)  # type: ignore[attr-defined]
    with pytest.raises(Crash):
        one.run()
    assert (one.pushed, one.delivered) == ([], [])


def test_partitions_that_go_and_come_back_have_other_key_numbers_and_equal_windows(
    url: str,
) -> None:
    one = process(url)
    polls = 0
    inner = one.consumer.poll

    async def poll(_seconds: float) -> Any:
        nonlocal polls
        polls += 1
        if polls % 3 == 0:  # while a commit is on its way
            await one.consumer.revoke()
            order = [3, 1, 0, 2] if polls % 2 else range(4)
            await one.consumer.assign(order)
        return await inner(_seconds)

    one.consumer.poll = poll  # type: ignore[method-assign]
    one.run()
    assert polls > 6
    assert stored(url) == WANTED


def taken_over(
    url: str, polls: Collection[int], owner: str
) -> tuple[Process, Callable[[], None]]:
    """A process from which all partitions are claimed before some of its polls."""
    one, polled = process(url), 0

    def claim() -> None:
        nonlocal polled
        polled += 1
        if polled in polls:
            other = CheckpointStore.open(url)
            other.declare(SOURCE, one.driver.works[domain.TOPIC].fingerprints, 1)
            other.claim(SOURCE, range(4), owner=owner, now_ms=1)
            other.close()

    one.consumer.before_poll = claim
    return one, claim


def test_a_process_that_was_taken_over_drops_its_state_and_begins_anew(
    url: str,
) -> None:
    one, _ = taken_over(url, {4}, "other")
    one.run()
    assert one.consumer.rejoins == 1
    assert stored(url) == WANTED
    named(one.delivered)


def test_partitions_that_are_given_up_too_late_are_dropped(url: str) -> None:
    one, claim = taken_over(url, range(100), "other")
    inner, polls = one.consumer.poll, 0

    async def poll(seconds: float) -> Any:
        nonlocal polls
        polls += 1
        if polls == 4:  # the group has given them to somebody else already
            claim()
            await one.consumer.revoke()
            await one.consumer.assign(range(4))
        return await inner(seconds)

    one.consumer.before_poll = lambda: None
    one.consumer.poll = poll  # type: ignore[method-assign,assignment]
    one.run()
    assert one.consumer.rejoins == 0
    assert stored(url) == WANTED


@pytest.mark.parametrize(
    ("polls", "owner"), [({4}, "process"), (range(1_000), "other")]
)
def test_a_process_ends_when_its_partitions_are_contested(
    url: str, polls: Collection[int], owner: str
) -> None:
    one, _ = taken_over(url, polls, owner)
    with pytest.raises(Contested, match="Another process works"):
        one.run()
    assert one.consumer.left
    assert Contested.exit_code == 5
    process(url).run()
    assert stored(url) == WANTED


def test_while_the_database_is_away_reading_pauses_and_nothing_is_lost(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streaming.driver._MOST_UNCOMMITTED", 200)
    monkeypatch.setattr("streaming.checkpoints.writer.wait_seconds", lambda *_, **__: 0)
    one = process(url)

    def away(_: int) -> None:
        if not one.consumer.pauses:
            raise Unavailable("the database is away", hint="wait")

    one.store.trouble = away  # type: ignore[attr-defined]
    one.run()
    assert one.consumer.pauses
    assert stored(url) == WANTED


def test_reading_goes_on_only_when_what_was_cut_is_written_too(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streaming.driver._MOST_UNCOMMITTED", 200)
    monkeypatch.setattr("streaming.checkpoints.writer.wait_seconds", lambda *_, **__: 0)
    one = process(url, piece=100)  # one poll is too much, and is cut whole
    was_paused: list[bool] = []
    one.consumer.before_poll = lambda: was_paused.append(bool(one.consumer.paused))

    def away(_: int) -> None:
        if len(was_paused) < 20:
            raise Unavailable("the database is away", hint="wait")

    one.store.trouble = away  # type: ignore[attr-defined]
    one.run()
    assert was_paused[:20] == [False] + [True] * 19
    assert stored(url) == WANTED


def test_a_full_backlog_waits_for_deliveries(url: str) -> None:
    one = process(url)

    def full(number: int) -> None:
        if number in (2, 3):
            raise Backlogged(pending=2, limit=1)

    one.store.trouble = full  # type: ignore[attr-defined]
    one.run()
    assert stored(url) == WANTED


def test_sizes_are_read_and_old_results_deleted_between_commits(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streaming.upkeep._SIZES_SECONDS", 0.0)
    monkeypatch.setattr("streaming.upkeep._PRUNE_SECONDS", 0.0)
    one = process(url, piece=12, settings=StreamingSettings(results_days=1e-9))
    one.consumer.pause_seconds = 0.005
    one.run()
    assert {name for name, size in one.driver.upkeep.sizes.items() if size} == {
        *(window.name for window in domain.LIVE_WINDOWS),
        "/keys",
    }
    with sqlite3.connect(url.removeprefix("sqlite:///")) as database:
        query = "select count(*) from stream_results"
        (blobs,) = database.execute(query).fetchone()
    assert blobs <= 2 * domain.PARTITIONS * len(domain.LIVE_WINDOWS)  # the newest


def test_kafka_is_told_the_committed_offsets_before_partitions_are_left(
    url: str,
) -> None:
    one = process(url)
    one.run()
    ends = {TopicPartition(domain.TOPIC, n): len(log) for n, log in enumerate(LOGS)}
    assert one.consumer.told == ends


class Slow(FakeConsumer):
    """The broker answers for the last partition after so many polls."""

    last = TopicPartition(domain.TOPIC, domain.PARTITIONS - 1)
    polls_before = 25

    async def poll(self, seconds: float) -> list[SentRecords]:
        self.polls_before -= 1
        self.paused = {self.last} if self.polls_before >= 0 else set()
        return await super().poll(seconds)

    def progress(self) -> dict[TopicPartition, Progress]:
        found = super().progress()
        if self.paused:
            unknown = Progress(0, high_water=None, stable_end=None, paused=False)
            found[self.last] = unknown
        return found


def with_idle_timeout(minutes: int) -> Domain:
    """The domain, with partitions that no longer hold others back after a time."""
    timeout = {"idle_timeout": timedelta(minutes=minutes)}
    windows = (
        (one, one.order.model_copy(update=timeout)) for one in domain.LIVE_WINDOWS
    )
    found = tuple(one.model_copy(update={"order": order}) for one, order in windows)
    return domain.DOMAIN.model_copy(update={"live_windows": found})


def test_a_partition_that_the_broker_has_not_answered_for_yet_is_not_idle(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # minutes        0    5    10   15   20   25
    # partitions 0-2 oooooooooooooooooooooooooo
    # the last one   (no answer yet)          oooooooooo...
    # idle after          ^ but not before it was answered for
    minutes = count(1)
    start = datetime(2024, 1, 1, tzinfo=UTC)
    monkeypatch.setattr(
        FixedClock, "now", lambda _: start + timedelta(minutes=next(minutes))
    )
    monkeypatch.setattr(domain, "DOMAIN", with_idle_timeout(5))
    one = Process(Troubled.open(url), Slow(values(LOGS), 12))
    one.run()
    assert stored(url) == WANTED
