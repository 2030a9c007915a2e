"""The thread that commits, seen from an event loop."""

import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from streaming.checkpoints import database, writer
from streaming.checkpoints.errors import Fenced
from streaming.checkpoints.store import CheckpointStore
from streaming.checkpoints.values import Move
from streaming.checkpoints.writer import CheckpointWriter
from tests.support.checkpoint_stores import SOURCE, WINDOW, commit, owning_store


def own(store: CheckpointStore, url: str) -> None:
    owning_store(url).close()
    store.declare(SOURCE, {WINDOW: "fingerprint-1"}, now_ms=1)
    store.claim(SOURCE, [0], owner="worker-1", now_ms=1)


def test_everything_is_done_in_one_other_thread_in_order(url: str) -> None:
    async def run() -> None:
        awaited = CheckpointWriter(CheckpointStore.open(url))
        await awaited.run(lambda store: own(store, url))
        moves = [commit(Move(2, n, n + 1), state=b"%d" % n) for n in range(20)]
        done = await asyncio.gather(*(awaited.commit(one) for one in moves))
        assert [one.sequences[0] for one in done] == list(range(1, 21))
        threads = {await awaited.run(lambda _: threading.get_ident()) for _ in "ab"}
        assert len(threads) == 1
        assert threading.get_ident() not in threads
        stored = await awaited.run(lambda store: store.load(SOURCE, 0, WINDOW))
        assert stored.deltas == tuple(b"%d" % n for n in range(20))
        await awaited.close()

    asyncio.run(run())


def test_commits_wait_in_order_for_a_database_that_is_away(
    sqlite_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_BUSY_MS", 10)
    monkeypatch.setattr(writer, "wait_seconds", lambda *_, **__: 0.01)
    url = f"sqlite:///{sqlite_path}"

    async def run() -> None:
        awaited = CheckpointWriter(CheckpointStore.open(url))
        await awaited.run(lambda store: own(store, url))
        with closing(sqlite3.connect(sqlite_path, isolation_level=None)) as other:
            other.execute("begin immediate")
            moves = [commit(Move(2, n, n + 1)) for n in range(3)]
            waiting = [asyncio.create_task(awaited.commit(one)) for one in moves]
            await asyncio.sleep(0.2)
            assert not any(task.done() for task in waiting)
            other.execute("rollback")
        done = await asyncio.wait_for(asyncio.gather(*waiting), 10)
        assert [one.sequences[0] for one in done] == [1, 2, 3]
        await awaited.close()

    asyncio.run(run())


def test_a_fenced_commit_is_not_tried_again(url: str) -> None:
    async def run() -> None:
        awaited = CheckpointWriter(CheckpointStore.open(url))
        await awaited.run(lambda store: own(store, url))
        owning_store(url, owner="worker-2").close()
        with pytest.raises(Fenced, match="worker-2"):
            await awaited.commit(commit(Move(2, 0, 9)))
        await awaited.close()

    asyncio.run(run())


def test_a_commit_that_nobody_awaits_any_more_is_still_whole(url: str) -> None:
    async def run() -> None:
        awaited = CheckpointWriter(CheckpointStore.open(url))
        await awaited.run(lambda store: own(store, url))
        task = asyncio.create_task(awaited.commit(commit(Move(2, 0, 9), state=b"a")))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await awaited.close()

    asyncio.run(run())
    store = owning_store(url, owner="worker-2")
    assert store.load(SOURCE, 0, WINDOW).deltas in ((), (b"a",))
    store.close()
