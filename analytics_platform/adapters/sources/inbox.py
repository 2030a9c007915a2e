"""Finds the files of an inbox folder that are whole, each known by its content."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.contracts.domain import FileInbox
from analytics_platform.core.inbox import (
    Decision,
    DroppedFile,
    Step,
    decide,
    is_settled,
    is_unfinished,
)


@dataclass(frozen=True)
class InboxFolder:
    """One folder of the inbox, whose files go to one table.

    Files stay where they are, loaded or not: the manifest in the control store says
    what became of each, so nothing is lost and a folder can be filled by `rsync`.
    """

    source: FileInbox
    root: Path
    table: str
    store: ControlStore

    def decisions(self, now: datetime) -> list[Decision]:
        """What to do with each file that is whole at `now`, oldest first."""
        return decide(
            self._whole_files(now),
            by_path=self.store.inbox.by_path,
            by_content=lambda sha256: self.store.inbox.by_content(self.table, sha256),
        )

    def pending(self, now: datetime) -> list[DroppedFile]:
        """The whole files that no load has dealt with yet."""
        steps = (Step.LOAD, Step.SKIP)
        return [one.file for one in self.decisions(now) if one.step in steps]

    def waiting(self, now: datetime) -> list[str]:
        """Paths of the files that are not known to be whole yet."""
        whole = {file.path for file in self._whole_files(now)}
        every = {self._relative(path) for path in self._paths()}
        return sorted(every - whole)

    def content(self, file: DroppedFile) -> bytes | None:
        """What the file holds; None if it changed since it was seen."""
        try:
            content = (self.root / file.path).read_bytes()
        except FileNotFoundError:
            return None
        return content if _sha256(content) == file.sha256 else None

    def _whole_files(self, now: datetime) -> Iterator[DroppedFile]:
        for path in self._paths():
            if is_unfinished(path.name):
                continue
            try:
                stat = path.stat()
                # ctime: a copy may set the modification time, the kernel sets this.
                changed = datetime.fromtimestamp(stat.st_ctime, UTC)
                if not is_settled(changed, now, self.source.settle):
                    continue
                stamp = (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)
                sha256 = _hash_of(path, stamp)
            except FileNotFoundError:
                continue
            yield DroppedFile(self._relative(path), stat.st_size, sha256, changed)

    def _paths(self) -> list[Path]:
        folder = self.root / self.source.folder
        return sorted(path for path in folder.rglob("*") if path.is_file())

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


@lru_cache(maxsize=4096)
def _hash_of(path: Path, _stamp: tuple[int, ...]) -> str:
    """The content's hash, taken again only when the file's stamp has changed."""
    return _sha256(path.read_bytes())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
