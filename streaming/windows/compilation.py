"""The engine's kernels: as they are, or compiled by numba; one source for both.

Compiled code is kept in a folder named after the kernels' source, so that a change in
any of them is seen; numba by itself looks at one file at a time.
"""

import fcntl
import hashlib
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from analytics_platform.core import live_accuracy
from streaming.windows import (
    ahead,
    cells,
    departures,
    distinct,
    duplicates,
    histograms,
    layout,
    lines,
    restoring,
    rows,
    sessions,
    slices,
    sorting,
    tables,
    timers,
    watermarks,
)
from streaming.windows.layout import Events, Long, Short, State, Tiny

_MODULES: tuple[ModuleType, ...] = (
    ahead,
    cells,
    departures,
    distinct,
    duplicates,
    histograms,
    lines,
    restoring,
    rows,
    sessions,
    slices,
    sorting,
    tables,
    timers,
    watermarks,
)
_Run = Callable[[State, Events, int], tuple[int, int]]

# Called once for each event: too much state would be passed if they were not inlined.
_INLINED = frozenset(
    {
        "bin_of",
        "cell_in_row",
        "closed_until",
        "count_value",
        "emitted_until",
        "end_of",
        "extent_with",
        "fold",
        "fold_quantile",
        "fold_whole",
        "home_of",
        "is_duplicate",
        "lacking",
        "lacking_for_session",
        "lacking_for_values",
        "likely_cell",
        "merge_touching",
        "observe",
        "open_row",
        "place_of",
        "place_of_cell",
        "put",
        "refused",
        "settle",
        "skip_closed",
        "slice_of",
        "start_of",
        "take_cell",
        "take_event",
        "take_session_event",
        "touch_cell",
        "touches",
        "wake",
    }
)


@dataclass(frozen=True)
class Kernels:
    """What the engine calls; all work on the arrays of a State."""

    run_slices: _Run
    run_sessions: _Run
    rest: Callable[[State, int, int, int], None]
    advance: Callable[[State], None]
    next_end: Callable[[State], int]
    forget_closed: Callable[[State], None]
    forget_over: Callable[[State], None]
    copy_remembered: Callable[[State, Long], None]
    copy_revised: Callable[[State, Long], None]
    list_cells: Callable[[State], None]
    forget_keys: Callable[[State, Tiny], None]
    copy_staying: Callable[[Long, Tiny, Long], int]
    place_cells: Callable[[State, Long, Long, Long], None]
    place_sessions: Callable[[State, Long, Long, Long], None]
    place_chunks: Callable[[State, Long, Long, Long, Short], None]
    place_sets: Callable[[State, Long, Long, Long, Long], None]
    place_entries: Callable[[Long, Long], int]


def interpreted() -> Kernels:
    """The kernels as Python runs them: ready at once, some 50 us an event."""
    return _kernels(lambda function: function)


def compiled(cache: Path) -> Kernels:
    """The kernels as machine code, compiled when first called or read from `cache`.

    Several processes may share the folder.
    """
    made: dict[object, object] = {}
    spaces = [dict(vars(module)) for module in _MODULES]
    with _cached_in(cache / source_fingerprint()):
        for module, space in zip(_MODULES, spaces, strict=True):
            for name, function in _functions(module):
                clone = FunctionType(function.__code__, space, name)
                clone.__module__ = module.__name__
                made[function] = _machine_code(clone)
    for space in spaces:
        for name, value in space.items():
            if isinstance(value, FunctionType) and value in made:
                space[name] = made[value]
    return _kernels(made.__getitem__)


def source_fingerprint() -> str:
    """The same text for the same kernels, Python, numpy and numba only."""
    digest = hashlib.sha256()
    for module in (*_MODULES, layout, live_accuracy):
        digest.update(Path(module.__file__ or "").read_bytes())
    for part in (platform.python_version(), version("numpy"), version("numba")):
        digest.update(part.encode())
    return digest.hexdigest()[:16]


@contextmanager
def alone_in(cache: Path) -> Iterator[None]:
    """Hold the folder's lock, so that one process compiles and the others read."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _machine_code(function: FunctionType) -> object:
    """A function that numba compiles when it is first called."""
    import numba

    compiles: Callable[..., Callable[[FunctionType], object]] = numba.njit
    is_entry = function.__name__ in Kernels.__dataclass_fields__
    return compiles(
        cache=is_entry,
        forceinline=function.__name__ in _INLINED,
        error_model="numpy",
        # Kernels allocate nothing, and only entries are called from Python.
        _nrt=False,
        no_cpython_wrapper=not is_entry,
        no_cfunc_wrapper=True,
    )(function)


@contextmanager
def _cached_in(folder: Path) -> Iterator[None]:
    """Let functions that are decorated meanwhile keep their machine code there."""
    import numba

    config: Any = numba.config
    before = config.CACHE_DIR
    config.CACHE_DIR = str(folder)
    try:
        yield
    finally:
        config.CACHE_DIR = before


def _functions(module: ModuleType) -> list[tuple[str, FunctionType]]:
    return [
        (name, value)
        for name, value in vars(module).items()
        if isinstance(value, FunctionType) and value.__module__ == module.__name__
    ]


def _kernels(get: Callable[[Any], Any]) -> Kernels:
    return Kernels(
        run_slices=get(slices.run_slices),
        run_sessions=get(sessions.run_sessions),
        rest=get(watermarks.rest),
        advance=get(watermarks.advance),
        next_end=get(rows.next_end),
        forget_closed=get(rows.forget_closed),
        forget_over=get(sessions.forget_over),
        copy_remembered=get(duplicates.copy_remembered),
        copy_revised=get(slices.copy_revised),
        list_cells=get(cells.list_cells),
        forget_keys=get(departures.forget_keys),
        copy_staying=get(departures.copy_staying),
        place_cells=get(restoring.place_cells),
        place_sessions=get(restoring.place_sessions),
        place_chunks=get(restoring.place_chunks),
        place_sets=get(restoring.place_sets),
        place_entries=get(tables.place_entries),
    )
