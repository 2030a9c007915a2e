"""A lock between processes that the kernel frees when its holder dies."""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_held: dict[Path, tuple[int, int]] = {}
_guard = threading.RLock()
_POLL_SECONDS = 0.05


@contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Hold the lock file `path`, waiting for other processes to let go of it.

    Re-entrant within a thread; threads of one process take turns. A holder that is
    killed frees it at once, because the kernel closes its descriptor.
    """
    with _guard:
        descriptor, depth = _held.get(path) or (_acquire(path), 0)
        _held[path] = (descriptor, depth + 1)
        try:
            yield
        finally:
            _release(path)


def _acquire(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_POLL_SECONDS)
            continue
        return descriptor


def _release(path: Path) -> None:
    descriptor, depth = _held[path]
    if depth > 1:
        _held[path] = (descriptor, depth - 1)
        return
    del _held[path]
    os.close(descriptor)
