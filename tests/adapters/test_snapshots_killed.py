"""Publishers that are killed, and readers that must not notice."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from analytics_platform.adapters.snapshots import Snapshot, SnapshotStore
from analytics_platform.settings import SnapshotSettings
from tests.support.publisher import fill, open_snapshots, open_warehouse, publication

KILLS = 20


def start_publisher(home: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.publisher", str(home)],
        stdout=subprocess.PIPE,
    )


def kill_after(publisher: "subprocess.Popen[bytes]", seconds: float) -> None:
    with publisher:
        assert publisher.stdout is not None
        assert publisher.stdout.readline() == b"ready\n"
        time.sleep(seconds)
        os.kill(publisher.pid, signal.SIGKILL)


def verify(snapshot: Snapshot) -> None:
    """Every file is there, whole, and its rows can be read."""
    for table in snapshot.manifest.tables:
        content = snapshot.path(table.name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == table.sha256
    with duckdb.connect() as connection:  # its own: readers are threads
        query = f"select count(*) from '{snapshot.path('fct_trips')}'"
        rows = connection.execute(query).fetchone()
    assert rows == (snapshot.manifest.tables[0].rows,)


def publish(snapshots: SnapshotStore, home: Path) -> None:
    warehouse = open_warehouse(home)
    snapshots.publish(publication(home, "after"), warehouse, at=datetime.now(UTC))


@pytest.mark.system
def test_killed_at_any_point_the_current_version_is_whole_and_the_next_one_works(
    tmp_path: Path,
) -> None:
    fill(tmp_path, rows=200_000)
    snapshots = open_snapshots(tmp_path)
    delays = random.Random(20130101)  # noqa: S311 - not a secret
    left_behind = 0
    for _ in range(KILLS):
        kill_after(start_publisher(tmp_path), delays.uniform(0, 0.4))
        found = snapshots.current()
        if found is not None:
            verify(found)
        parent = tmp_path / "artifacts" / "snapshots"
        left_behind += len(list(parent.glob(".[pr]*")))
        started = time.monotonic()
        publish(snapshots, tmp_path)
        assert time.monotonic() - started < 10
        after = snapshots.current()
        assert after is not None
        assert after.manifest.run_id == "after"
        verify(after)
        kept = {path.name for path in parent.iterdir()} - {".lock"}
        assert kept == {manifest.version for manifest in snapshots.list()}
        assert len(kept) <= 2
    assert left_behind, "no kill hit a publisher at work"
    history = snapshots.store.releases.history("snapshot")
    assert snapshots.store.ledger.verify() == len(history)


@pytest.mark.system
def test_readers_never_fail_and_see_whole_versions_while_others_publish(
    tmp_path: Path,
) -> None:
    fill(tmp_path, rows=5_000)
    snapshots = open_snapshots(tmp_path, SnapshotSettings(keep=1, grace_seconds=5))
    publish(snapshots, tmp_path)
    stop, failures, reads = threading.Event(), [], [0]

    def read() -> None:
        while not stop.is_set():
            try:
                found = snapshots.current()
                assert found is not None
                verify(found)
                reads[0] += 1
            except Exception as error:  # noqa: BLE001 - any failure fails the test
                failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    before = len(snapshots.store.releases.history("snapshot"))
    until = time.monotonic() + 5
    while time.monotonic() < until:
        publish(snapshots, tmp_path)
    stop.set()
    for reader in readers:
        reader.join(30)
    published = len(snapshots.store.releases.history("snapshot")) - before
    assert failures == []
    assert published > 5
    assert reads[0] > 5


@pytest.mark.system
def test_a_disk_that_is_really_full_keeps_the_last_version(tmp_path: Path) -> None:
    from analytics_platform.adapters.artifacts import ArtifactStore
    from analytics_platform.errors import DiskFull

    fill(tmp_path, rows=1_000)
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(disk)], check=True
    )
    try:
        whole = open_snapshots(tmp_path)
        snapshots = SnapshotStore(ArtifactStore(str(disk)), whole.store)
        publish(snapshots, tmp_path)
        before = snapshots.current()
        assert before is not None
        fill(tmp_path, rows=2_000_000)
        with pytest.raises(DiskFull, match="The disk is full"):
            publish(snapshots, tmp_path)
        assert snapshots.current() == before
        verify(before)
        left = {path.name for path in (disk / "snapshots").iterdir()}
        assert left == {".lock", before.manifest.version}
        fill(tmp_path, rows=2_000)
        publish(snapshots, tmp_path)
    finally:
        subprocess.run(["umount", str(disk)], check=True)
