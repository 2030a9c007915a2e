"""The rules of a load: what it covers, what makes a partition red, what is held."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from analytics_platform.contracts.domain import (
    Domain,
    Expectation,
    FileInbox,
    Partitions,
    Severity,
    SqlTable,
    TableSpec,
)
from analytics_platform.contracts.records import Scalar, Verdict
from analytics_platform.core.contract_gate import PARTITION, Scope
from analytics_platform.core.partitions import bounds
from analytics_platform.core.quality import Outcome

CONTRACT = "contract"
MERGED = "corrections_merged"

Part = str | None
Samples = Mapping[Part, tuple[dict[str, Scalar], ...]]
DayCounts = Mapping[date | None, int]


@dataclass(frozen=True)
class GateCounts:
    """How many rows were in scope of a load, and how many broke the contract.

    By partition; None holds the rows whose partition cannot be told, or all rows of
    a table without partitions.
    """

    rows: Mapping[Part, int]
    failing: Mapping[Part, int]


def is_partitioned(spec: TableSpec) -> bool:
    """Whether loads of the table are for some of the domain's partitions.

    An inbox is loaded whole: a dropped file brings rows of any partition.
    """
    return spec.partition_date is not None and not isinstance(spec.source, FileInbox)


def raw_columns(domain: Domain) -> dict[str, tuple[str, ...]]:
    """The columns of every raw table, by `schema.table`."""
    return {
        f"raw.{spec.name}": (
            *(column.name for column in spec.columns),
            *((PARTITION,) if spec.partition_date is not None else ()),
        )
        for spec in domain.tables
    }


def isolates_bad_rows(spec: TableSpec) -> bool:
    """Whether bad rows are set aside alone and the others go on.

    So it is where rows are merged one by one. A replaced partition is whole or it is
    wrong: there one bad row holds the partition back, and its former rows stay.
    """
    return spec.write == "merge"


def scope_of(
    spec: TableSpec, partitions: Partitions, keys: Sequence[str] | None, now: datetime
) -> Scope:
    """The rows that a load is about: those of `keys`, known by `now`.

    What was dropped into an inbox is known because it was dropped, and everything in
    it is meant: a row outside the domain's partitions breaks the contract.
    """
    dropped = isinstance(spec.source, FileInbox)
    cursor = cursor_of(spec)
    if spec.partition_date is None:
        return Scope(now=None if dropped else now, cursor=cursor)
    if dropped or keys is None:
        whole = partitions.start, partitions.end
        return Scope(*whole, None if dropped else now, partitions.grain, "refuse")
    start, end = bounds(partitions, keys[0], keys[-1])
    return Scope(start, end, now, partitions.grain, "ignore", cursor)


def cursor_of(spec: TableSpec) -> str | None:
    """The column by which only new and changed rows are read, if there is one."""
    source = spec.source
    merges = spec.write == "merge"
    return source.cursor if isinstance(source, SqlTable) and merges else None


def contract_check(spec: TableSpec) -> Expectation:
    """The check that says whether all rows of a partition kept the contract."""
    return Expectation(
        name=CONTRACT,
        type=CONTRACT,
        severity=Severity.ERROR,
        blocking=not isolates_bad_rows(spec),
        description="Every row has the declared types, values, key and row rules; "
        + (
            "rows that break them are set aside and the others loaded."
            if isolates_bad_rows(spec)
            else "a partition with a row that breaks them is held back."
        ),
    )


def corrections_of(spec: TableSpec, tables: Iterable[TableSpec]) -> list[TableSpec]:
    """The tables whose rows are merged into this one."""
    return [table for table in tables if table.merges_into == spec.name]


def merged_check() -> Expectation:
    """The check that says whether a partition holds all corrections that arrived."""
    return Expectation(
        name=MERGED,
        type=MERGED,
        severity=Severity.WARN,
        blocking=False,
        description="Every correction that arrived for the partition is merged into "
        "it; else the inbox has the partition loaded again.",
    )


def merged_outcomes(parts: Iterable[Part], *, merged: bool) -> list[Outcome]:
    """The outcome of `merged_check`, alike for all these parts."""
    detail = "" if merged else "Corrections arrived that are not merged yet."
    return [Outcome(MERGED, part, merged, 0, 0, detail=detail) for part in parts]


def contract_outcomes(
    counts: GateCounts, parts: Iterable[Part], samples: Samples
) -> list[Outcome]:
    """The outcome of the contract check for each part of the load."""
    return [
        Outcome(
            check=CONTRACT,
            partition=part,
            passed=not counts.failing.get(part, 0),
            failing_rows=counts.failing.get(part, 0),
            total_rows=counts.rows.get(part, 0),
            samples=samples.get(part, ()),
            detail=_told(counts, part),
        )
        for part in parts
    ]


def count_parts(
    batches: Iterable[tuple[DayCounts, DayCounts]], parts: Sequence[Part]
) -> GateCounts:
    """The rows in scope and the bad ones of all batches, by part of the load."""
    rows: dict[Part, int] = {}
    failing: dict[Part, int] = {}
    for total, bad in batches:
        for target, source in ((rows, total), (failing, bad)):
            for day, count in source.items():
                part = None if None in parts else part_of(day)
                target[part] = target.get(part, 0) + count
    return GateCounts(rows, failing)


def refusal(part: Part, message: str, rows: int) -> Outcome:
    """The outcome of the contract check when a load was refused as a whole."""
    return Outcome(
        check=CONTRACT,
        partition=part,
        passed=False,
        failing_rows=rows,
        total_rows=rows,
        detail=message,
    )


def first_samples(
    batches: Iterable[Mapping[date | None, Sequence[dict[str, Scalar]]]],
    parts: Sequence[Part],
    *,
    limit: int = 10,
) -> Samples:
    """The first bad rows of all batches, by part of the load."""
    found: dict[Part, tuple[dict[str, Scalar], ...]] = {}
    for batch in batches:
        for day, rows in batch.items():
            part = None if None in parts else part_of(day)
            found[part] = (*found.get(part, ()), *rows)[:limit]
    return found


def reasons(judged: Iterable[Verdict], parts: Sequence[Part]) -> dict[Part, str]:
    """The red parts of a load, each with the checks that are red and what they saw."""
    red: dict[Part, list[str]] = {}
    for verdict in judged:
        if verdict.blocks and verdict.partition in parts:
            told = (
                f"{verdict.check}: {verdict.detail}"
                if verdict.detail
                else (verdict.check)
            )
            red.setdefault(verdict.partition, []).append(told)
    return {part: " ".join(told) for part, told in red.items()}


def part_of(day: date | None) -> Part:
    """The key of the partition that starts on `day`."""
    return None if day is None else day.isoformat()


def days_of(parts: Iterable[str]) -> str:
    """Partition keys as a list of SQL dates."""
    return ", ".join(f"date '{date.fromisoformat(part)}'" for part in parts)


def _told(counts: GateCounts, part: Part) -> str:
    failing, rows = counts.failing.get(part, 0), counts.rows.get(part, 0)
    return f"{failing} of {rows} rows break the contract." if failing else ""
