"""What a dbt invocation did: one result per node, with rows and failures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from analytics_platform.adapters.warehouse import Session, Value
from analytics_platform.contracts.records import Scalar

PARTITION = "partition_date"
_SAMPLES = 10

# Partition key -> its first day and the first day after it.
Ranges = Mapping[str, tuple[date, date]]


class Status(StrEnum):
    """How a node ended."""

    SUCCESS = "success"
    PASS = "pass"  # noqa: S105 - dbt's word for a test that holds
    WARN = "warn"
    FAIL = "fail"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class NodeResult:
    """What became of one model, snapshot, seed or test.

    `failures` counts a test's failing rows; `compiled_sql` is the query that dbt ran.
    """

    unique_id: str
    kind: str
    status: Status
    seconds: float
    failures: int | None
    message: str
    compiled_sql: str


@dataclass(frozen=True)
class DbtResult:
    """All nodes of one invocation, with the range that it built (None: everything)."""

    nodes: tuple[NodeResult, ...]
    partitions: tuple[date, date] | None
    by_id: Mapping[str, NodeResult] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_id = {node.unique_id: node for node in self.nodes}
        object.__setattr__(self, "by_id", by_id)

    def ended(self, unique_id: str, *statuses: Status) -> bool:
        """Whether the node took part and ended in one of `statuses`."""
        node = self.by_id.get(unique_id)
        return node is not None and node.status in statuses


def read_result(result: Any) -> NodeResult:  # noqa: ANN401 - dbt ships no types
    """What dbt itself says of a node."""
    status = str(result.status)
    known = {one.value for one in Status}
    return NodeResult(
        unique_id=result.node.unique_id,
        kind=str(result.node.resource_type),
        status=Status(status if status in known else "error"),
        seconds=float(result.execution_time),
        failures=result.failures,
        message=" ".join((result.message or "").split()),
        compiled_sql=getattr(result.node, "compiled_code", None) or "",
    )


def count_rows(
    session: Session, relations: Mapping[str, bool], ranges: Ranges | None
) -> dict[str, dict[str | None, int]]:
    """Rows by relation and partition; `relations` says which ones are partitioned.

    Unpartitioned relations have the only key None, and so has every relation if there
    are no `ranges`. A partition without rows has 0.
    """
    if not relations:
        return {}
    sql = " union all ".join(
        f"select '{relation}', {PARTITION if by_partition else 'null'}, count(*) "
        f"from {relation}" + (f" group by {PARTITION}" if by_partition else "")
        for relation, by_partition in _typed(relations, ranges)
    )
    counted: dict[str, dict[str | None, int]] = {
        relation: dict.fromkeys(ranges, 0) if by_partition and ranges else {}
        for relation, by_partition in _typed(relations, ranges)
    }
    for relation, partition, rows in session.rows(sql):
        key = None if partition is None else str(partition)[:10]
        found = counted[str(relation)]
        if key is None or (ranges and key in ranges):
            found[key] = int(str(rows))
    return counted


def failures_by_partition(
    session: Session, test: NodeResult, whole: tuple[date, date], ranges: Ranges
) -> dict[str, int]:
    """A test's failing rows in each partition, by its own query narrowed to it.

    The range `whole` of the invocation is written in the query as two quoted dates.
    """
    sql = " union all ".join(
        f"select '{key}', count(*) from ({_narrowed(test, whole, part)}) as failing"
        for key, part in ranges.items()
    )
    return {str(key): int(str(rows)) for key, rows in session.rows(sql)}


def sample_failures(
    session: Session,
    test: NodeResult,
    whole: tuple[date, date] | None = None,
    part: tuple[date, date] | None = None,
) -> tuple[dict[str, Scalar], ...]:
    """At most ten rows that a test returned, of one partition if `part` is given."""
    query = _narrowed(test, whole, part) if whole and part else test.compiled_sql
    table = session.arrow(f"select * from ({query}) as failing limit {_SAMPLES}")
    return tuple(
        {name: _scalar(value) for name, value in row.items()}
        for row in table.to_pylist()
    )


def _typed(
    relations: Mapping[str, bool], ranges: Ranges | None
) -> Sequence[tuple[str, bool]]:
    return [(name, flag and ranges is not None) for name, flag in relations.items()]


def _narrowed(
    test: NodeResult, whole: tuple[date, date], part: tuple[date, date]
) -> str:
    sql = test.compiled_sql
    marks = {f"'{whole[0]}'": "\0first", f"'{whole[1]}'": "\0after"}
    for quoted, mark in marks.items():
        sql = sql.replace(quoted, mark)
    return sql.replace("\0first", f"'{part[0]}'").replace("\0after", f"'{part[1]}'")


def _scalar(value: Value) -> Scalar:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)
