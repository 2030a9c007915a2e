"""Artefacts in an object store: a version appears with its manifest, put last."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, cast

from fsspec import AbstractFileSystem

from analytics_platform.adapters.artifact_names import MANIFEST, is_version
from analytics_platform.adapters.exclusive_lock import exclusive_lock
from analytics_platform.errors import Conflict


@dataclass(frozen=True)
class ArtifactBucket:
    """Versions are objects `<root>/<prefix>/<version>/...`; `cache` holds copies."""

    system: AbstractFileSystem
    root: str
    cache: Path

    @contextmanager
    def staged(self, prefix: str, version: str) -> Iterator[Path]:
        """A folder to fill; on leaving it becomes the version, on an error nothing."""
        self.cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.cache, prefix=".partial-") as stage:
            yield Path(stage)
            if self.has(f"{prefix}/{version}/{MANIFEST}"):
                raise Conflict(
                    f"The version {version} exists already in {prefix}.",
                    hint="Versions never change: publish under another name.",
                )
            self._put(Path(stage), f"{self.root}/{prefix}/{version}")

    def clean(self, prefix: str, abandoned_before: datetime) -> None:
        """Remove versions without a manifest that nobody wrote to since then."""
        names = self.names(prefix)
        for version in names:
            folder = f"{self.root}/{prefix}/{version}"
            if not self.has(f"{prefix}/{version}/{MANIFEST}"):
                files = self.system.find(folder)
                if all(self._written(file) < abandoned_before for file in files):
                    self.system.rm(folder, recursive=True)
        copies = self.cache / prefix
        for copy in copies.iterdir() if copies.is_dir() else ():
            if is_version(copy.name) and copy.name not in names:
                shutil.rmtree(copy, ignore_errors=True)

    def names(self, prefix: str) -> list[str]:
        """Whatever looks like a version."""
        self.system.invalidate_cache()
        try:
            found = self.system.ls(f"{self.root}/{prefix}", detail=False)
        except FileNotFoundError:
            return []
        names = (str(path).rstrip("/").rpartition("/")[2] for path in found)
        return [name for name in names if is_version(name)]

    def has(self, path: str) -> bool:
        """Whether there is such a file."""
        self.system.invalidate_cache()
        return bool(self.system.isfile(f"{self.root}/{path}"))

    def open(self, path: str) -> IO[bytes]:
        """A file, to read."""
        return cast(IO[bytes], self.system.open(f"{self.root}/{path}", "rb"))

    def local_path(self, prefix: str, version: str) -> Path:
        """A copy of the version, made once, when first asked for."""
        copy = self.cache / prefix / version
        if not (copy / MANIFEST).is_file():
            with exclusive_lock(self.cache / ".fetching.lock"):
                self._fetch(f"{self.root}/{prefix}/{version}", copy)
        return copy

    def remove(self, prefix: str, version: str) -> None:
        """Let a version disappear with its manifest, then remove the rest."""
        folder = f"{self.root}/{prefix}/{version}"
        self.system.rm_file(f"{folder}/{MANIFEST}")
        if self.system.exists(folder):
            self.system.rm(folder, recursive=True)
        shutil.rmtree(self.cache / prefix / version, ignore_errors=True)

    def _fetch(self, folder: str, copy: Path) -> None:
        if (copy / MANIFEST).is_file():  # another reader fetched it meanwhile
            return
        copy.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=copy.parent, prefix=".get-") as stage:
            self._get(folder, Path(stage) / copy.name)
            _keep(Path(stage) / copy.name, copy)

    def _put(self, stage: Path, folder: str) -> None:
        files = [path for path in stage.rglob("*") if path.is_file()]
        for path in sorted(files, key=lambda path: path == stage / MANIFEST):
            name = path.relative_to(stage).as_posix()
            self.system.pipe_file(f"{folder}/{name}", path.read_bytes())

    def _get(self, folder: str, target: Path) -> None:
        for file in self.system.find(folder):
            path = target / str(file).removeprefix(folder).lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            self.system.get_file(file, str(path))

    def _written(self, path: str) -> datetime:
        at: datetime = self.system.modified(path)
        return at if at.tzinfo else at.replace(tzinfo=UTC)


def _keep(fetched: Path, copy: Path) -> None:
    """Move a complete copy into place; another process may have been faster."""
    try:
        fetched.rename(copy)
    except OSError:
        if not (copy / MANIFEST).is_file():
            raise
