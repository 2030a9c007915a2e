"""Keys that nothing is kept of go, and no result is another because of it."""

import random
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_platform.adapters.control_store.migrations import migrate
from streaming import kept_keys
from streaming.checkpoints.claims import Jump
from streaming.checkpoints.store import CheckpointStore
from streaming.key_upkeep import KeyUpkeep
from streaming.topic_work import TopicWork
from tests.domains import readings as domain
from tests.support.driven import SOURCE, SentRecords, logs_of, pipeline
from tests.support.readings import Reading, expected, last_readings, readings, stored


def passing_by(seed: int, count: int, stay: int) -> list[Reading]:
    """Readings of sensors that are there for `stay` readings; some come back."""
    chance, found = random.Random(seed), []  # noqa: S311 - events to test with
    for one in readings(seed, count):
        turn = one.number // stay - (3 if chance.random() < 0.05 else 0)
        name = f"{one.sensor}-{turn}"
        at = one.at + one.number * 195  # one every 200 ms
        found.append(Reading(one.partition, at, name, one.level, one.number))
    return found


class Lives:
    """One sidecar after the other over the same logs and state."""

    def __init__(self, url: str, logs: list[list[Reading]]) -> None:
        self.url, self.logs = url, logs
        self.store: CheckpointStore | None = None
        self.begin()

    def begin(self) -> None:
        """Take up what is stored; what was not committed is lost."""
        if self.store:
            self.store.close()
        self.store = CheckpointStore.open(self.url)
        self.work = TopicWork(SOURCE, pipeline())
        self.store.meet_cluster(SOURCE.cluster, embedded=False, now_ms=1)
        self.store.declare(SOURCE, self.work.fingerprints, 1)
        numbers = list(range(domain.PARTITIONS))
        random.Random(len(self.logs[0])).shuffle(numbers)  # noqa: S311
        self.places = {}
        claims = self.store.claim(SOURCE, numbers, owner="me", now_ms=1)
        for partition in numbers:
            claim = claims[partition]
            if claim.next_offset is None:
                claim = self.store.begin_at(SOURCE, partition, Jump(0, "first", 1))
            states = {
                name: self.store.load(SOURCE, partition, name)
                for name in self.work.fingerprints
            }
            self.places[partition] = claim.next_offset or 0
            self.work.begin(claim, self.places[partition], states)

    def take(self, count: int) -> None:
        """Take so many readings of each partition."""
        polled: list[Any] = []
        for partition, place in self.places.items():
            some = self.logs[partition][place : place + count]
            if some:
                values = [one.value for one in some]
                polled.append(SentRecords(values, (domain.TOPIC, partition), place))
                self.places[partition] += len(some)
        if polled:
            self.work.take(polled, 0, 1)

    def commit(self, *, forgetting: bool) -> None:
        """Write what was taken, with a look at all keys or without."""
        least = 1 if forgetting else 10**9
        assert self.store is not None
        self.work.keys = KeyUpkeep(self.work.pipeline, least=least, events_per_key=0)
        self.work.note(self.store.commit(self.work.cut(1).commit))

    @property
    def is_through(self) -> bool:
        """Whether everything was taken."""
        return all(at == len(self.logs[one]) for one, at in self.places.items())


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([20, 50]), st.data())
def test_forgetting_at_any_moment_changes_no_result(
    seed: int, stay: int, data: st.DataObject
) -> None:
    logs = logs_of([*passing_by(seed, 300, stay), *last_readings()])
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'stream.sqlite'}"
        migrate(url)
        lives = Lives(url, logs)
        while not lives.is_through:
            lives.take(data.draw(st.integers(1, 12)))
            what = data.draw(st.sampled_from(["forget", "forget", "commit", "begin"]))
            if what == "begin":
                lives.begin()
            else:
                lives.commit(forgetting=what == "forget")
        lives.commit(forgetting=True)
        assert stored(url) == expected(logs)


def test_what_is_held_and_stored_does_not_grow_with_ever_new_keys(
    tmp_path: Path,
) -> None:
    logs = logs_of([*passing_by(1, 2_000, 20), *last_readings()])
    keys = len({one.sensor for log in logs for one in log})
    url = f"sqlite:///{tmp_path / 'stream.sqlite'}"
    migrate(url)
    lives, most = Lives(url, logs), 0
    while not lives.is_through:
        lives.take(20)
        lives.commit(forgetting=True)
        most = max(most, len(lives.work.pipeline.keys))
    # A visit may go on for six seconds, in which 30 sensors are read; 80 more are read
    # until the next commit, and as many may be gone before they are half of all.
    assert keys > 1_000
    assert most < 2 * (30 + 80)
    numbers = lives.work.pipeline.keys.numbers(9, [f"new-{n}" for n in range(100)])
    assert numbers.max() < 320  # those of keys that went are given again
    lives.commit(forgetting=True)
    assert lives.store is not None
    kept = lives.store.load(SOURCE, 0, kept_keys.STATE)
    assert len(kept_keys.decode_keys(kept)[1]) < keys / 20
    assert stored(url) == expected(logs)


def test_few_keys_are_left_alone() -> None:
    work = TopicWork(SOURCE, pipeline())
    work.pipeline.keys.numbers(0, [f"k{n}" for n in range(100)])
    assert work.keys.let_go({0: 10**9}) == []
    assert work.pipeline.keys.count(0) == 100


def test_keys_are_looked_at_when_they_have_doubled_or_many_events_came() -> None:
    made = pipeline()
    upkeep = KeyUpkeep(made, least=10)
    made.keys.numbers(0, [f"a{n}" for n in range(10)])
    assert upkeep.let_go({0: 5}) == []
    made.keys.numbers(0, [f"b{n}" for n in range(9)])
    assert upkeep.let_go({0: 100}) == []
    made.keys.numbers(0, ["b9"])
    assert upkeep.let_go({0: 101}) == [0]
    assert made.keys.count(0) == 0
    made.keys.numbers(0, [f"c{n}" for n in range(10)])
    assert upkeep.let_go({0: 102}) == [0]  # nothing was left, so ten are many
    made.keys.numbers(1, [f"d{n}" for n in range(10)])
    assert upkeep.let_go({1: 1_000}) == []
    assert upkeep.let_go({1: 1_199}) == []
    assert upkeep.let_go({1: 1_200}) == [1]
