"""Decides what happens to each file that lies in the inbox."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import PurePosixPath

from analytics_platform.contracts.records import InboxFile

_UNFINISHED = frozenset({".tmp", ".part", ".partial", ".crdownload", ".filepart"})


@dataclass(frozen=True)
class DroppedFile:
    """A file as it lies there, by content; `path` is relative to the inbox."""

    path: str
    size: int
    sha256: str
    changed_at: datetime


class Step(StrEnum):
    """What happens to a file now."""

    LOAD = "load"
    SKIP = "skip"
    DONE = "done"


@dataclass(frozen=True)
class Decision:
    """What happens to one file, and why."""

    file: DroppedFile
    step: Step
    reason: str = ""


def is_unfinished(name: str) -> bool:
    """Whether a name says that the file is still being written, or is not meant."""
    return name.startswith((".", "~")) or PurePosixPath(name).suffix in _UNFINISHED


def is_settled(changed_at: datetime, now: datetime, settle: timedelta) -> bool:
    """Whether a file has been unchanged long enough to be whole.

    A change in the future comes from a clock that was set back: it must not keep the
    file waiting for ever, so then it counts as settled as soon as it is that far off.
    """
    return abs(now - changed_at) >= settle


def decide(
    files: Iterable[DroppedFile],
    *,
    by_path: Callable[[str, int, str], InboxFile | None],
    by_content: Callable[[str], InboxFile | None],
) -> list[Decision]:
    """What to do with each file, oldest first, so that later corrections win.

    The manifest is asked by path, size and content (`by_path`) and by content alone
    (`by_content`). Content that was loaded before is skipped, wherever it lies.
    """
    decisions = []
    earlier: dict[str, str] = {}
    for file in sorted(files, key=lambda f: (f.changed_at, f.path)):
        handled = by_path(file.path, file.size, file.sha256)
        loaded = by_content(file.sha256)
        if handled is not None:
            decisions.append(Decision(file, Step.DONE, handled.reason))
        elif loaded is not None:
            reason = f"same content as {loaded.path}, loaded already"
            decisions.append(Decision(file, Step.SKIP, reason))
        elif file.sha256 in earlier:
            reason = f"same content as {earlier[file.sha256]}"
            decisions.append(Decision(file, Step.SKIP, reason))
        else:
            earlier[file.sha256] = file.path
            decisions.append(Decision(file, Step.LOAD))
    return decisions


def retry_wait(failures: int) -> timedelta:
    """How long to leave files alone that failed to load: 10 s, doubling to 10 min."""
    return min(timedelta(seconds=10 * 2 ** (failures - 1)), timedelta(minutes=10))
