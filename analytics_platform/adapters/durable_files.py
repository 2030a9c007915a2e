"""Writes that survive a power cut whole, and a clear error when the disk is full."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from analytics_platform.errors import DiskFull

_FULL = {errno.ENOSPC, errno.EDQUOT}
# DuckDB raises errors of its own, with the system's words in them.
_FULL_WORDS = tuple(os.strerror(number) for number in sorted(_FULL))


@contextmanager
def room_for(what: str) -> Iterator[None]:
    """Turn any library's "disk full" into a DiskFull that names `what`."""
    try:
        yield
    except DiskFull:
        raise
    except Exception as error:
        if not _says_full(error):
            raise
        raise DiskFull(f"The disk is full; {what} was not written.") from error


def write_atomically(path: Path, content: bytes) -> None:
    """Replace the file `path`: readers see the old or the new content, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with room_for(str(path)):
        descriptor, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(partial).replace(path)
        except BaseException:
            Path(partial).unlink(missing_ok=True)
            raise
        flush(path.parent)


def flush_tree(folder: Path) -> None:
    """Put every file and folder under `folder`, and it itself, on the disk."""
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            flush(Path(parent) / name)
        flush(Path(parent))


def flush(path: Path) -> None:
    """Put one file, or a folder's list of names, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _says_full(error: Exception) -> bool:
    if isinstance(error, OSError) and error.errno in _FULL:
        return True
    return any(words in str(error) for words in _FULL_WORDS)
