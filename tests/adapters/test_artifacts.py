"""Immutable, versioned artefacts in a folder and in an object store."""

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from analytics_platform.adapters.artifacts import ArtifactStore
from analytics_platform.errors import Conflict, DiskFull, InvalidUsage, NotFound

NOW = datetime.now(UTC)
LATER = NOW + timedelta(days=2)


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ArtifactStore]:
    """An empty store of each kind."""
    if request.param == "folder":
        yield ArtifactStore(str(tmp_path / "artifacts"))
    else:
        MemoryFileSystem.store.clear()
        MemoryFileSystem.pseudo_dirs[:] = [""]
        yield ArtifactStore("memory://artifacts", cache=tmp_path / "cache")
        MemoryFileSystem.store.clear()


@pytest.fixture
def folder(tmp_path: Path) -> ArtifactStore:
    """An empty store in a folder."""
    return ArtifactStore(str(tmp_path / "artifacts"))


def write(stage: Path, text: str = "one") -> None:
    (stage / "data").mkdir()
    (stage / "data" / "table.txt").write_text(text)
    (stage / "manifest.json").write_text("{}")


def publish(store: ArtifactStore, version: str, text: str = "one") -> None:
    with store.staged("models/delay", version) as stage:
        write(stage, text)


def publish_and_fail(store: ArtifactStore, version: str, error: Exception) -> None:
    with store.staged("models/delay", version) as stage:
        write(stage)
        raise error


def hidden(store: ArtifactStore) -> list[str]:
    parent = Path(store.url) / "models" / "delay"
    return [p.name for p in parent.iterdir() if p.name not in {".lock", "v1"}]


def test_a_published_version_is_there_with_its_files(store: ArtifactStore) -> None:
    publish(store, "v1")
    assert store.list("models/delay") == ["v1"]
    assert store.has("models/delay", "v1")
    assert store.read_bytes("models/delay/v1/data/table.txt") == b"one"
    path = store.local_path("models/delay", "v1")
    assert (path / "data" / "table.txt").read_text() == "one"
    assert (store.local_path("models/delay", "v1") / "manifest.json").is_file()


def test_a_folder_can_be_published_as_it_is(
    store: ArtifactStore, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    write(source)
    store.publish("models/delay", "v1", source)
    assert store.read_bytes("models/delay/v1/data/table.txt") == b"one"


def test_versions_are_listed_by_name_and_prefix(store: ArtifactStore) -> None:
    assert store.list("models/delay") == []
    for version in ("v2", "v1"):
        publish(store, version)
    with store.staged("models/late", "v9") as stage:
        write(stage)
    assert store.list("models/delay") == ["v1", "v2"]
    assert store.list("models/late") == ["v9"]


def test_a_version_never_changes(store: ArtifactStore) -> None:
    publish(store, "v1")
    with pytest.raises(Conflict, match="exists already"):
        publish(store, "v1", "two")
    assert store.read_bytes("models/delay/v1/data/table.txt") == b"one"


def test_of_two_publishers_of_one_version_the_first_wins(
    store: ArtifactStore,
) -> None:
    def publish_slowly() -> None:
        with store.staged("models/delay", "v1") as stage:
            write(stage, "second")
            publish(store, "v1", "first")

    with pytest.raises(Conflict):
        publish_slowly()
    assert store.read_bytes("models/delay/v1/data/table.txt") == b"first"


def test_an_error_while_filling_leaves_nothing(store: ArtifactStore) -> None:
    with pytest.raises(ZeroDivisionError):
        publish_and_fail(store, "v1", ZeroDivisionError())
    assert store.list("models/delay") == []


def test_a_version_without_manifest_is_refused(store: ArtifactStore) -> None:
    with (
        pytest.raises(InvalidUsage, match=r"has no manifest\.json"),
        store.staged("models/delay", "v1") as stage,
    ):
        (stage / "table.txt").write_text("one")
    assert not store.has("models/delay", "v1")


def test_a_full_disk_is_told_and_leaves_nothing(store: ArtifactStore) -> None:
    publish(store, "v1")
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(DiskFull, match="version v2 of models/delay was not written"):
        publish_and_fail(store, "v2", full)
    assert store.list("models/delay") == ["v1"]


def test_a_deleted_version_is_gone(store: ArtifactStore) -> None:
    publish(store, "v1")
    store.local_path("models/delay", "v1")
    store.delete("models/delay", "v1")
    assert store.list("models/delay") == []
    with pytest.raises(NotFound):
        store.local_path("models/delay", "v1")
    with pytest.raises(NotFound):
        store.delete("models/delay", "v1")
    with pytest.raises(NotFound):
        store.read_bytes("models/delay/v1/manifest.json")


def test_a_reader_keeps_what_it_has_open_when_the_version_goes(
    folder: ArtifactStore,
) -> None:
    publish(folder, "v1")
    with folder.open("models/delay/v1/data/table.txt") as file:
        folder.delete("models/delay", "v1")
        assert file.read() == b"one"


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../v1", "a/b", ".hidden", "-v", "a b", "v\n", "ä", "v" * 129],
)
def test_a_version_that_leaves_its_place_is_refused(
    store: ArtifactStore, name: str
) -> None:
    with pytest.raises(InvalidUsage, match="cannot name"):
        publish(store, name)
    with pytest.raises(InvalidUsage):
        store.delete("models/delay", name)


@pytest.mark.parametrize("prefix", ["", "/", "/etc", "..", "a/../b", "a//b", "a/"])
def test_a_prefix_that_leaves_its_place_is_refused(
    store: ArtifactStore, prefix: str
) -> None:
    with pytest.raises(InvalidUsage, match="cannot name"):
        store.list(prefix)
    with pytest.raises(InvalidUsage):
        store.read_bytes(f"{prefix}/../secret")


def test_what_a_killed_publisher_left_is_removed(folder: ArtifactStore) -> None:
    code = (
        "import sys, time; from pathlib import Path\n"
        "from analytics_platform.adapters.artifacts import ArtifactStore\n"
        "with ArtifactStore(sys.argv[1]).staged('models/delay', 'v2') as stage:\n"
        "    (stage / 'half').write_text('half'); print('ready', flush=True)\n"
        "    time.sleep(60)\n"
    )
    publish(folder, "v1")
    with subprocess.Popen(
        [sys.executable, "-c", code, folder.url], stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        folder.clean("models/delay", wall_now=NOW)
        assert len(hidden(folder)) == 1, "a living publisher's work is left alone"
        os.kill(child.pid, signal.SIGKILL)
    folder.clean("models/delay", wall_now=NOW)
    assert hidden(folder) == []
    assert folder.list("models/delay") == ["v1"]
    publish(folder, "v2")


def test_half_a_deletion_is_finished(
    folder: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(folder, "v1")
    with monkeypatch.context() as patched:
        patched.setattr("shutil.rmtree", lambda *_args, **_kwargs: None)
        folder.delete("models/delay", "v1")
    assert folder.list("models/delay") == []
    assert len(hidden(folder)) == 1
    folder.clean("models/delay", wall_now=NOW)
    assert hidden(folder) == []


def test_cleaning_where_nothing_was_published_does_nothing(
    store: ArtifactStore,
) -> None:
    store.clean("models/delay", wall_now=NOW)


def test_half_an_upload_is_no_version_and_is_removed_a_day_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    MemoryFileSystem.store.clear()
    store = ArtifactStore("memory://artifacts", cache=tmp_path)
    put = MemoryFileSystem.pipe_file

    def refuse_manifest(self: MemoryFileSystem, path: str, value: bytes) -> None:
        if path.endswith("manifest.json"):
            raise ConnectionError
        put(self, path, value)

    with monkeypatch.context() as patched:
        patched.setattr(MemoryFileSystem, "pipe_file", refuse_manifest)
        with pytest.raises(ConnectionError):
            publish(store, "v1")
    assert store.list("models/delay") == []
    store.clean("models/delay", wall_now=NOW)
    assert len(MemoryFileSystem.store) == 1
    store.clean("models/delay", wall_now=LATER)
    assert len(MemoryFileSystem.store) == 0
    publish(store, "v1", "whole")
    assert store.read_bytes("models/delay/v1/data/table.txt") == b"whole"


def test_copies_of_versions_that_are_gone_are_removed(tmp_path: Path) -> None:
    MemoryFileSystem.store.clear()
    here = ArtifactStore("memory://artifacts", cache=tmp_path / "here")
    there = ArtifactStore("memory://artifacts", cache=tmp_path / "there")
    publish(here, "v1")
    copy = here.local_path("models/delay", "v1")
    there.delete("models/delay", "v1")
    assert copy.is_dir()
    here.clean("models/delay", wall_now=NOW)
    assert not copy.exists()


def test_threads_that_fetch_one_version_get_one_whole_copy(tmp_path: Path) -> None:
    MemoryFileSystem.store.clear()
    store = ArtifactStore("memory://artifacts", cache=tmp_path)
    publish(store, "v1")
    found: list[str] = []

    def fetch() -> None:
        path = store.local_path("models/delay", "v1")
        found.append((path / "data" / "table.txt").read_text())

    threads = [threading.Thread(target=fetch) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert found == ["one"] * 8
