"""Window results as JSON, row by row from columns: no object is made of a row."""

from collections.abc import Iterator

import orjson

from analytics_platform.core.live_results import LiveResults, RowKind
from streaming.results import COUNT, plain


def result_lines(window: str, results: LiveResults) -> Iterator[tuple[str, bytes]]:
    """Each row's key and message, as contracts/messages.py has it, in their order."""
    names = [name for name in results.values if name != COUNT]
    columns = [plain(results.values[name]) for name in names]
    rows = zip(
        results.keys,
        results.kinds.tolist(),
        results.start_ms.tolist(),
        results.end_ms.tolist(),
        results.revisions.tolist(),
        plain(results.values[COUNT]),
        zip(*columns, strict=True) if columns else [()] * len(results),
        strict=True,
    )
    for key, kind, start, end, revision, count, values in rows:
        told = {"window": window, "key": key, "start_ms": start, "end_ms": end}
        if kind == RowKind.RETRACTION:
            yield key, orjson.dumps({"kind": "retract", **told})
            continue
        figures = {
            "count": count,
            "metrics": dict(zip(names, values, strict=True)),
            "revision": revision,
        }
        yield key, orjson.dumps({"kind": "window", **told, **figures})
