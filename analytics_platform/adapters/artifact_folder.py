"""Artefacts in a folder of a local file system: a version appears by one rename."""

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from analytics_platform.adapters.artifact_names import is_version
from analytics_platform.adapters.durable_files import flush, flush_tree
from analytics_platform.errors import Conflict

_PARTIAL, _REMOVED = ".partial-", ".removed-"


@dataclass(frozen=True)
class ArtifactFolder:
    """Versions are folders `<root>/<prefix>/<version>`."""

    root: Path

    @contextmanager
    def staged(self, prefix: str, version: str) -> Iterator[Path]:
        """A folder to fill; on leaving it becomes the version, on an error nothing."""
        parent = self.root / prefix
        parent.mkdir(parents=True, exist_ok=True)
        with _turn(parent, fcntl.LOCK_SH):
            stage = Path(tempfile.mkdtemp(dir=parent, prefix=f"{_PARTIAL}{version}-"))
            stage.chmod(0o755)
            try:
                yield stage
                flush_tree(stage)
                _appear(stage, parent / version)
            except BaseException:
                shutil.rmtree(stage, ignore_errors=True)
                raise
            flush(parent)

    def clean(self, prefix: str, _abandoned_before: datetime) -> None:
        """Remove what publishers that died have left, unless one is at work."""
        parent = self.root / prefix
        if not parent.is_dir():
            return
        try:
            with _turn(parent, fcntl.LOCK_EX | fcntl.LOCK_NB):
                for path in parent.iterdir():
                    if path.name.startswith((_PARTIAL, _REMOVED)):
                        shutil.rmtree(path, ignore_errors=True)
        except BlockingIOError:
            return

    def names(self, prefix: str) -> list[str]:
        """Whatever looks like a version."""
        parent = self.root / prefix
        found = parent.iterdir() if parent.is_dir() else ()
        return [path.name for path in found if is_version(path.name)]

    def has(self, path: str) -> bool:
        """Whether there is such a file."""
        return (self.root / path).is_file()

    def open(self, path: str) -> IO[bytes]:
        """A file, to read."""
        return (self.root / path).open("rb")

    def local_path(self, prefix: str, version: str) -> Path:
        """The version's folder itself."""
        return self.root / prefix / version

    def remove(self, prefix: str, version: str) -> None:
        """Let a version disappear by one rename; who has its files open keeps them."""
        parent = self.root / prefix
        grave = Path(tempfile.mkdtemp(dir=parent, prefix=f"{_REMOVED}{version}-"))
        (parent / version).rename(grave / version)
        shutil.rmtree(grave, ignore_errors=True)


def _appear(stage: Path, target: Path) -> None:
    try:
        stage.rename(target)
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
            raise
        raise Conflict(
            f"The version {target.name} exists already in {target.parent}.",
            hint="Versions never change: publish under another name.",
        ) from error


@contextmanager
def _turn(parent: Path, kind: int) -> Iterator[None]:
    """Publishers share the lock, so that a cleaner gets it only when none works.

    The kernel frees it when its holder dies.
    """
    descriptor = os.open(parent / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, kind)
        yield
    finally:
        os.close(descriptor)
