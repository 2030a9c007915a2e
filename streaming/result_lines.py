"""Window results as JSON, column by column: no object is made of a row."""

from collections.abc import Iterator, Sequence
from itertools import repeat

import msgspec
import numpy as np
import orjson

from analytics_platform.core.column_blobs import Column
from analytics_platform.core.live_results import LiveResults, RowKind, pick
from streaming.results import COUNT, plain

_texts = msgspec.json.Encoder()


def result_lines(window: str, results: LiveResults) -> list[bytes]:
    """Each row's message (n), as contracts/messages.py has it, in their order."""
    is_window = results.kinds == RowKind.WINDOW
    if is_window.all():
        return _joined(len(results), _window_parts(window, results))
    rows = np.argsort(~is_window, kind="stable")
    count = int(is_window.sum())
    windows, others = pick(results, rows[:count]), pick(results, rows[count:])
    found = _joined(count, _window_parts(window, windows))
    found += _joined(len(others), _retraction_parts(window, others))
    return [found[place] for place in np.argsort(rows).tolist()]


def _window_parts(window: str, results: LiveResults) -> Iterator[bytes | list[bytes]]:
    yield from _named("window", window, results)
    yield b',"count":'
    yield _numbers(results.values[COUNT])
    between = b',"metrics":{'
    for name, column in results.values.items():
        if name != COUNT:
            yield between + orjson.dumps(name) + b":"
            yield _numbers(column)
            between = b","
    yield b'},"revision":' if between == b"," else between + b'},"revision":'
    yield _numbers(Column(results.revisions))
    yield b"}"


def _retraction_parts(
    window: str, results: LiveResults
) -> Iterator[bytes | list[bytes]]:
    yield from _named("retract", window, results)
    yield b"}"


def _named(
    kind: str, window: str, results: LiveResults
) -> Iterator[bytes | list[bytes]]:
    """How a row's message begins."""
    yield b'{"kind":%b,"window":%b,"key":' % (orjson.dumps(kind), orjson.dumps(window))
    yield _texts.encode_lines(results.keys).splitlines()
    yield b',"start_ms":'
    yield _numbers(Column(results.start_ms))
    yield b',"end_ms":'
    yield _numbers(Column(results.end_ms))


def _numbers(column: Column) -> list[bytes]:
    """Each number as JSON (n), null where there is none."""
    values = column.values
    if values.dtype.kind == "f" and column.valid is not None:
        values = np.where(column.valid, values, np.nan)  # which is written as null
    elif column.valid is not None and not column.valid.all():
        return orjson.dumps(plain(column))[1:-1].split(b",")
    text = orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)
    return text[1:-1].split(b",")


def _joined(count: int, parts: Iterator[bytes | Sequence[bytes]]) -> list[bytes]:
    """The messages (n): what is the same in each, and what each has of its own."""
    if not count:
        return []
    columns = [repeat(one, count) if isinstance(one, bytes) else one for one in parts]
    return list(map(b"".join, zip(*columns, strict=True)))
