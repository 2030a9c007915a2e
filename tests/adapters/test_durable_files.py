"""Writes that are whole or not at all."""

import errno
from pathlib import Path

import pytest

from analytics_platform.adapters.durable_files import (
    flush_tree,
    room_for,
    write_atomically,
)
from analytics_platform.errors import DiskFull


def test_a_file_is_written_with_its_folders_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.json"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert [entry.name for entry in path.parent.iterdir()] == ["b.json"]


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "b.json"
    write_atomically(path, b"one")

    def fail(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(DiskFull, match=r"b\.json was not written"):
        write_atomically(path, b"two")
    assert path.read_bytes() == b"one"
    assert [entry.name for entry in tmp_path.iterdir()] == ["b.json"]


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        RuntimeError("IO Error: Could not write file x: No space left on device"),
    ],
)
def test_every_way_to_say_that_the_disk_is_full_is_understood(
    error: Exception,
) -> None:
    with (
        pytest.raises(DiskFull, match="the report was not written") as caught,
        room_for("the report"),
    ):
        raise error
    assert caught.value.__cause__ is error


def test_other_errors_pass() -> None:
    with pytest.raises(OSError, match="denied"), room_for("the report"):
        raise OSError(errno.EACCES, "denied")


def test_a_tree_is_flushed_down_to_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_text("x")
    flushed: list[Path] = []
    monkeypatch.setattr(
        "analytics_platform.adapters.durable_files.flush", flushed.append
    )
    flush_tree(tmp_path / "a")
    assert flushed == [
        tmp_path / "a" / "b" / "file",
        tmp_path / "a" / "b",
        tmp_path / "a",
    ]
