"""Which files of an inbox folder are whole, and that content is what counts."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.control_store.migrations import migrate
from analytics_platform.adapters.sources.inbox import InboxFolder
from analytics_platform.contracts.domain import FileInbox
from analytics_platform.core.inbox import Step


@pytest.fixture
def inbox(tmp_path: Path) -> InboxFolder:
    url = f"sqlite:///{tmp_path / 'control.sqlite'}"
    migrate(url)
    source = FileInbox(folder="drop", settle=timedelta(seconds=2))
    return InboxFolder(source, tmp_path, "orders", ControlStore.open(url))


def drop(inbox: InboxFolder, name: str, text: str = "a\n1\n") -> Path:
    path = inbox.root / "drop" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def later(seconds: float = 5) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def test_a_folder_that_is_not_there_holds_nothing(inbox: InboxFolder) -> None:
    assert inbox.decisions(later()) == []


def test_a_fresh_file_waits_until_it_has_settled(inbox: InboxFolder) -> None:
    drop(inbox, "a.csv")
    assert inbox.pending(datetime.now(UTC)) == []
    assert inbox.waiting(datetime.now(UTC)) == ["drop/a.csv"]
    assert [file.path for file in inbox.pending(later())] == ["drop/a.csv"]
    assert inbox.waiting(later()) == []


def test_an_old_modification_time_does_not_make_a_file_whole(
    inbox: InboxFolder,
) -> None:
    """`cp -p` and `rsync -t` set it; the kernel's own change time tells the truth."""
    path = drop(inbox, "a.csv")
    os.utime(path, (0, 0))
    assert inbox.pending(datetime.now(UTC)) == []


def test_files_in_writing_are_left_alone(inbox: InboxFolder) -> None:
    for name in (".a.csv", "b.csv.part", "c.csv.tmp"):
        drop(inbox, name)
    assert inbox.pending(later()) == []


def test_folders_inside_are_looked_into(inbox: InboxFolder) -> None:
    drop(inbox, "2013/march.csv")
    assert [file.path for file in inbox.pending(later())] == ["drop/2013/march.csv"]


def test_a_file_written_over_is_another_content(inbox: InboxFolder) -> None:
    drop(inbox, "a.csv")
    (before,) = inbox.pending(later())
    drop(inbox, "a.csv", "a\n2\n")
    (after,) = inbox.pending(later())
    assert before.size == after.size
    assert before.sha256 != after.sha256
    assert inbox.content(before) is None
    assert inbox.content(after) == b"a\n2\n"


def test_a_file_that_is_taken_away_is_no_error(inbox: InboxFolder) -> None:
    path = drop(inbox, "a.csv")
    (file,) = inbox.pending(later())
    path.unlink()
    assert inbox.content(file) is None
    assert inbox.pending(later()) == []


def test_one_content_in_two_files_is_loaded_once(inbox: InboxFolder) -> None:
    drop(inbox, "a.csv")
    drop(inbox, "b.csv")
    assert [one.step for one in inbox.decisions(later())] == [Step.LOAD, Step.SKIP]
