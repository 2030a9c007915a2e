"""Small dbt manifests, as dbt would write them."""

from collections.abc import Mapping, Sequence
from typing import Any


def model_node(  # noqa: PLR0913 - a node has many parts
    name: str,
    reads: Sequence[str] = (),
    *,
    partitioned: bool = False,
    columns: Sequence[str] = ("id",),
    sql: str | None = None,
    kind: str = "model",
) -> dict[str, Any]:
    """A model in schema `marts` that reads the unique ids `reads`."""
    return {
        "unique_id": f"{kind}.shop.{name}",
        "resource_type": kind,
        "name": name,
        "alias": name,
        "schema": "marts",
        "description": f"One row per {name}.\n",
        "depends_on": {"nodes": list(reads)},
        "config": {
            "materialized": "table",
            "meta": {"partitioned": partitioned, "owner": "team:shop", "grain": ["id"]},
        },
        "columns": {
            column: {
                "name": column,
                "description": f"The {column}.",
                "config": {"meta": {"unit": "pieces"}},
            }
            for column in columns
        },
        "compiled_code": sql,
    }


def check_node(
    name: str,
    reads: Sequence[str],
    *,
    attached: str | None = None,
    severity: str = "ERROR",
    meta: Mapping[str, object] | None = None,
) -> dict[str, Any]:
    """A data test; one written as a query is attached to nothing."""
    return {
        "unique_id": f"test.shop.{name}",
        "resource_type": "test",
        "name": name,
        "schema": "marts",
        "description": "",
        "depends_on": {"nodes": list(reads)},
        "attached_node": attached,
        "column_name": None,
        "test_metadata": None if attached is None else {"name": "unique"},
        "config": {"severity": severity, "materialized": "test", "meta": meta or {}},
        "columns": {},
    }


def source_node(table: str, columns: Sequence[str] = ("id",)) -> dict[str, Any]:
    """A source table in schema `raw`."""
    return {
        "unique_id": f"source.shop.raw.{table}",
        "resource_type": "source",
        "name": table,
        "identifier": table,
        "schema": "raw",
        "description": "",
        "columns": {column: {"name": column} for column in columns},
    }


def manifest(*nodes: dict[str, Any]) -> dict[str, Any]:
    """A manifest of these nodes and sources."""
    sources = [node for node in nodes if node["resource_type"] == "source"]
    return {
        "metadata": {"adapter_type": "duckdb"},
        "nodes": {n["unique_id"]: n for n in nodes if n not in sources},
        "sources": {n["unique_id"]: n for n in sources},
    }
