"""Small pieces of DuckDB SQL that feature queries are made of."""

from datetime import timedelta

from analytics_platform.core.features import relation_of


def quoted(name: str) -> str:
    """An identifier, whatever its characters."""
    return '"' + name.replace('"', '""') + '"'


def relation(source: str) -> str:
    """The quoted `schema.table` of a source named in a declaration."""
    return ".".join(quoted(part) for part in relation_of(source).split("."))


def plus(instant: str, delta: timedelta) -> str:
    """An instant moved by `delta`, to the microsecond."""
    if not delta:
        return instant
    amount, unit = delta // timedelta(microseconds=1), "microsecond"
    if not amount % 1_000_000:
        amount, unit = amount // 1_000_000, "second"
    return f"{instant} {'-' if amount < 0 else '+'} interval '{abs(amount)}' {unit}"
