"""Immutable, versioned artefacts in a folder or an object store."""

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Protocol

from analytics_platform.adapters.artifact_folder import ArtifactFolder
from analytics_platform.adapters.artifact_names import (
    MANIFEST,
    checked_path,
    checked_version,
)
from analytics_platform.adapters.durable_files import room_for
from analytics_platform.errors import Conflict, InvalidUsage, NotFound

# An object store cannot say whether a publisher lives; no publish takes a day.
_ABANDONED = timedelta(days=1)


class _Place(Protocol):
    def staged(self, prefix: str, version: str) -> AbstractContextManager[Path]: ...
    def clean(self, prefix: str, abandoned_before: datetime, /) -> None: ...
    def names(self, prefix: str) -> list[str]: ...
    def has(self, path: str) -> bool: ...
    def open(self, path: str) -> IO[bytes]: ...
    def local_path(self, prefix: str, version: str) -> Path: ...
    def remove(self, prefix: str, version: str) -> None: ...


class ArtifactStore:
    """Folders of files, each a version under a prefix such as `models/delay`.

    A version is there once its `manifest.json` is; it never changes afterwards.
    """

    def __init__(self, url: str, *, cache: Path | None = None) -> None:
        self.url = url
        self._place = _place(url, cache or Path.home() / ".cache" / "analytics")

    @contextmanager
    def staged(self, prefix: str, version: str) -> Iterator[Path]:
        """A local folder to fill; on leaving, its files become the version.

        On an error, a full disk or a kill no version appears.

        Raises:
            Conflict: the version exists already.
            DiskFull: there is no room for it.
            InvalidUsage: the folder has no manifest.json, or the name is unusable.
        """
        self._checked(prefix, version)
        if self.has(prefix, version):
            raise Conflict(
                f"The version {version} exists already in {prefix}.",
                hint="Versions never change: publish under another name.",
            )
        with (
            room_for(f"the version {version} of {prefix}"),
            self._place.staged(prefix, version) as stage,
        ):
            yield stage
            if not (stage / MANIFEST).is_file():
                raise InvalidUsage(
                    f"The version {version} of {prefix} has no {MANIFEST}.",
                    hint="Write one: readers take it as the proof of completeness.",
                )

    def publish(self, prefix: str, version: str, local_dir: Path) -> None:
        """Make a copy of `local_dir`, which holds a manifest.json, a version.

        Raises:
            As `staged`.
        """
        with self.staged(prefix, version) as stage:
            shutil.copytree(local_dir, stage, dirs_exist_ok=True)

    def list(self, prefix: str) -> list[str]:
        """Every complete version, in the order of their names."""
        names = self._place.names(checked_path(prefix))
        return sorted(name for name in names if self.has(prefix, name))

    def has(self, prefix: str, version: str) -> bool:
        """Whether the version is there, complete."""
        return self._place.has(f"{self._checked(prefix, version)}/{MANIFEST}")

    def open(self, path: str) -> IO[bytes]:
        """A file of a version, `<prefix>/<version>/<name>`, to read.

        Raises:
            NotFound: there is no such file.
        """
        try:
            return self._place.open(checked_path(path))
        except FileNotFoundError as error:
            raise _not_there(path) from error

    def read_bytes(self, path: str) -> bytes:
        """The content of a file of a version.

        Raises:
            NotFound: there is no such file.
        """
        with self.open(path) as file:
            return file.read()

    def local_path(self, prefix: str, version: str) -> Path:
        """A local folder with the version's files; do not write there.

        Raises:
            NotFound: there is no such version.
        """
        if not self.has(prefix, version):
            raise _not_there(f"{prefix}/{version}")
        return self._place.local_path(prefix, version)

    def delete(self, prefix: str, version: str) -> None:
        """Remove a version; it disappears at once, never file by file.

        Raises:
            NotFound: there is no such version.
        """
        if not self.has(prefix, version):
            raise _not_there(f"{prefix}/{version}")
        self._place.remove(prefix, version)

    def clean(self, prefix: str, *, wall_now: datetime) -> None:
        """Remove what publishers that died have left under `prefix`."""
        self._place.clean(checked_path(prefix), wall_now - _ABANDONED)

    def _checked(self, prefix: str, version: str) -> str:
        return f"{checked_path(prefix)}/{checked_version(version)}"


def _place(url: str, cache: Path) -> _Place:
    if "://" not in url or url.startswith("file://"):
        return ArtifactFolder(Path(url.removeprefix("file://")))
    # A folder needs no file-system library, and loads faster without.
    import hashlib

    from fsspec.core import url_to_fs

    from analytics_platform.adapters.artifact_bucket import ArtifactBucket

    system, root = url_to_fs(url)
    key = hashlib.sha256(url.encode()).hexdigest()[:16]
    return ArtifactBucket(system, str(root).rstrip("/"), cache / key)


def _not_there(path: str) -> NotFound:
    return NotFound(f"There is no artefact {path}.", hint="It may have been replaced.")
