"""Writes the files of a snapshot: Parquet that is identical for identical data."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from analytics_platform.adapters.warehouse import Session
from analytics_platform.contracts.records import (
    PublishedTable,
    TableProfile,
    Verdict,
)
from analytics_platform.errors import NotFound

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal["mart", "source", "features", "quality", "predictions"]
_ROW_GROUP = 122_880  # DuckDB's own: it scans one with one thread


def write_relation(
    session: Session, relation: str, file: Path, *, dialect: str
) -> None:
    """Write all rows of `schema.table` to a zstd Parquet file, in a total order.

    Sorted by every column, equal rows give equal bytes whatever order they lie in.

    Raises:
        NotFound: there is no such relation.
    """
    width = len(session.columns(relation))
    if not width:
        raise NotFound(
            f"The table {relation} is not in the warehouse.",
            hint="Materialize it first.",
        )
    order = ", ".join(str(position) for position in range(1, width + 1))
    query = f"select * from {relation} order by {order}"
    file.parent.mkdir(parents=True, exist_ok=True)
    if dialect == "duckdb":
        target = str(file).replace("'", "''")
        session.execute(
            f"copy ({query}) to '{target}' "
            f"(format parquet, compression zstd, row_group_size {_ROW_GROUP})"
        )
    else:
        write_arrow(session.arrow(query), file)


def write_arrow(table: "pa.Table", file: Path) -> None:
    """Write an Arrow table to a zstd Parquet file."""
    import pyarrow.parquet as pq

    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, file, compression="zstd", row_group_size=_ROW_GROUP)


def describe(name: str, file: Path, *, root: Path, kind: Kind) -> PublishedTable:
    """What the manifest says of the Parquet file `file` under `root`."""
    import pyarrow.parquet as pq

    schema = pq.read_schema(file)
    return PublishedTable(
        name=name,
        path=file.relative_to(root).as_posix(),
        rows=pq.read_metadata(file).num_rows,
        bytes=file.stat().st_size,
        sha256=sha256(file),
        columns={field.name: str(field.type) for field in schema},
        kind=kind,
    )


def sha256(file: Path) -> str:
    """SHA-256 of a file's content, in hex."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def verdict_table(verdicts: Sequence[Verdict]) -> "pa.Table":
    """Verdicts, one per row; samples as JSON."""
    import json

    import pyarrow as pa

    schema = pa.schema(
        [
            ("asset", pa.string()),
            ("partition", pa.string()),
            ("check", pa.string()),
            ("passed", pa.bool_()),
            ("severity", pa.string()),
            ("blocking", pa.bool_()),
            ("failing_rows", pa.int64()),
            ("total_rows", pa.int64()),
            ("known_defect", pa.bool_()),
            ("detail", pa.string()),
            ("samples", pa.string()),
            ("run_id", pa.string()),
            ("evaluated_at", pa.timestamp("us", tz="UTC")),
        ]
    )
    rows = [
        {
            **verdict.model_dump(),
            "severity": verdict.severity.value,
            "samples": json.dumps(verdict.samples, default=str),
        }
        for verdict in verdicts
    ]
    return pa.Table.from_pylist(rows, schema=schema)


def profile_table(profiles: Sequence[TableProfile]) -> "pa.Table":
    """Profiles, one row per asset and column; what is nested as JSON."""
    import pyarrow as pa

    schema = pa.schema(
        [
            ("asset", pa.string()),
            ("column", pa.string()),
            ("type", pa.string()),
            ("rows", pa.int64()),
            ("null_share", pa.float64()),
            ("distinct", pa.int64()),
            ("mean", pa.float64()),
            ("profile", pa.string()),
            ("run_id", pa.string()),
            ("profiled_at", pa.timestamp("us", tz="UTC")),
        ]
    )
    rows = [
        {
            "asset": profile.asset,
            "column": column.name,
            "type": column.type,
            "rows": profile.rows,
            "null_share": column.null_share,
            "distinct": column.distinct,
            "mean": column.mean,
            "profile": column.model_dump_json(),
            "run_id": profile.run_id,
            "profiled_at": profile.profiled_at,
        }
        for profile in profiles
        for column in profile.columns
    ]
    return pa.Table.from_pylist(rows, schema=schema)
