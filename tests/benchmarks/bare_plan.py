"""What the bare script has to do: SQL statements and sources, taken from the domain."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb

from analytics_platform.contracts.domain import (
    DistributionFile,
    Domain,
    Expectation,
    TableSpec,
)
from analytics_platform.core.feature_sql import Period, point_in_time_sql
from analytics_platform.core.features import feature_relation, relation_of
from analytics_platform.core.training.training_query import training_query

_TYPES = {"integer": "bigint", "float": "double", "string": "varchar"}
_EVER = Period(date(1900, 1, 1), date(2999, 1, 1))


@dataclass(frozen=True)
class Source:
    """A CSV file of an installed distribution, and the table it becomes."""

    table: str
    distribution: str
    path: str
    null_text: str
    columns: dict[str, str]
    partition_date: str | None


@dataclass(frozen=True)
class Plan:
    """Everything the bare script executes, in this order."""

    sources: list[Source]
    seeds: dict[str, str]
    models: list[str]
    checks: list[str]
    features: list[str]
    training: str
    training_until: str
    profiled: list[str]
    published: list[str]


def make_plan(
    domain: Domain, manifest: dict[str, Any], warehouse: Path, profiled: Sequence[str]
) -> str:
    """The plan of the domain, as JSON.

    `warehouse` is a DuckDB file with the domain's tables, `profiled` are those with
    column profiles.
    """
    nodes = manifest["nodes"]
    models = [node for node in _ordered(nodes) if node["resource_type"] != "seed"]
    plan = Plan(
        sources=[
            _source(table)
            for table in domain.tables
            if isinstance(table.source, DistributionFile)
        ],
        seeds={
            node["relation_name"]: str(
                Path(node["root_path"]) / node["original_file_path"]
            )
            for node in nodes.values()
            if node["resource_type"] == "seed"
        },
        models=[_create(node) for node in models],
        checks=[*_expectations(domain), *_data_tests(nodes)],
        features=_features(domain, warehouse),
        training=training_query(domain, "duckdb"),
        training_until=datetime.now(UTC).replace(tzinfo=None).isoformat(),
        profiled=list(profiled),
        published=[
            node["relation_name"] for node in models if node["schema"] == "marts"
        ],
    )
    return json.dumps(asdict(plan))


def _features(domain: Domain, warehouse: Path) -> list[str]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        statements = []
        for view in domain.feature_views:
            described = connection.execute(f"describe {relation_of(view.source)}")
            types = {name: kind for name, kind, *_ in described.fetchall()}
            query = point_in_time_sql(
                view, domain.spine, types, period=_EVER, dialect="duckdb"
            )
            statements.append(f"create table {feature_relation(view)} as {query}")
        return statements


def _source(table: TableSpec) -> Source:
    source = table.source
    assert isinstance(source, DistributionFile)
    return Source(
        table=f"raw.{table.name}",
        distribution=source.distribution,
        path=source.path,
        null_text=source.null_text,
        columns={
            column.name: _TYPES.get(column.type.value, column.type.value)
            for column in table.columns
        },
        partition_date=table.partition_date,
    )


def _ordered(nodes: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Seeds, snapshots and models, each after what it reads."""
    built = {
        name: {one for one in node["depends_on"].get("nodes", ()) if one in nodes}
        for name, node in nodes.items()
        if node["resource_type"] in ("seed", "snapshot", "model")
    }
    return (nodes[name] for name in TopologicalSorter(built).static_order())


def _create(node: dict[str, Any]) -> str:
    query, relation = node["compiled_code"].rstrip().rstrip(";"), node["relation_name"]
    if node["resource_type"] == "snapshot":
        return f"create table {relation} as {_first_versions(node, query)}"
    kind = "view" if node["config"]["materialized"] == "view" else "table"
    return f"create {kind} {relation} as {query}"


def _first_versions(node: dict[str, Any], query: str) -> str:
    """The rows of a snapshot that is taken for the first time."""
    names = node["config"]["snapshot_meta_column_names"]
    key = node["config"]["unique_key"]
    return (
        f"select *, md5({key}) as {names['dbt_scd_id']}, "
        f"now()::timestamp as {names['dbt_updated_at']}, "
        f"now()::timestamp as {names['dbt_valid_from']}, "
        f"null::timestamp as {names['dbt_valid_to']} from ({query})"
    )


def _data_tests(nodes: dict[str, Any]) -> list[str]:
    return [
        f"select count(*) from ({node['compiled_code']})"
        for node in nodes.values()
        if node["resource_type"] == "test"
    ]


def _expectations(domain: Domain) -> list[str]:
    """One query per expectation, by partition where there are partitions."""
    return [
        _query(
            expectation, f"raw.{table.name}", by_partition=bool(table.partition_date)
        )
        for table in domain.tables
        if isinstance(table.source, DistributionFile)
        for expectation in table.expectations
    ] + [
        _query(expectation, f"marts.{check.model}", by_partition=True)
        for check in domain.model_checks
        for expectation in check.expectations
    ]


def _query(expectation: Expectation, relation: str, *, by_partition: bool) -> str:
    told = expectation.arguments
    if "unexpected_rows_query" in told:
        batch = str(told["unexpected_rows_query"]).replace("{batch}", relation)
        return f"select count(*) from ({batch})"
    by = "group by partition_date" if by_partition else ""
    return f"select {_measure(expectation.type, told)} from {relation} {by}"


def _measure(kind: str, told: dict[str, Any]) -> str:
    """What one query says of an expectation of Great Expectations."""
    column = f'"{told.get("column", "")}"'
    low, high = told.get("min_value"), told.get("max_value")
    rejects = {
        "expect_column_values_to_not_be_null": f"{column} is null",
        "expect_column_values_to_be_between": f"{column} not between {low} and {high}",
        "expect_column_value_lengths_to_be_between": (
            f"length({column}) not between {low} and {high}"
        ),
        "expect_column_values_to_be_in_set": (
            f"{column} not in ({_literals(told.get('value_set', ['']))})"
        ),
        "expect_column_pair_values_a_to_be_greater_than_b": (
            f"{told.get('column_A')} <= {told.get('column_B')}"
        ),
    }
    keys = ", ".join(f'"{name}"' for name in told.get("column_list", ()))
    others = {
        "expect_table_row_count_to_be_between": "count(*)",
        "expect_column_mean_to_be_between": f"avg({column})",
        "expect_column_values_to_be_unique": f"count(*) - count(distinct {column})",
        "expect_compound_columns_to_be_unique": f"count(*) - count(distinct ({keys}))",
    }
    if kind in rejects:
        return f"count(*) filter (where {rejects[kind]}), count(*)"
    return others[kind]


def _literals(values: Sequence[object]) -> str:
    return ", ".join(
        f"'{value}'" if isinstance(value, str) else str(value) for value in values
    )
