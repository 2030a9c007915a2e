"""Turns requests for metrics into SQL, by the semantic manifest that dbt writes."""

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from analytics_platform.adapters.warehouse import Session
from analytics_platform.core.metric_filters import FieldKind, Filter, filter_text
from analytics_platform.errors import InvalidUsage, NotFound

if TYPE_CHECKING:  # a code location loads this module and must not pay for these
    import pyarrow as pa
    from metricflow.engine.metricflow_engine import MetricFlowEngine
    from metricflow.protocols.sql_client import SqlClient

_RENDERERS = {
    "duckdb": ("DUCKDB", "duckdb_renderer", "DuckDbSqlPlanRenderer"),
    "postgres": ("POSTGRES", "postgres", "PostgresSQLSqlPlanRenderer"),
    "redshift": ("REDSHIFT", "redshift", "RedshiftSqlPlanRenderer"),
    "snowflake": ("SNOWFLAKE", "snowflake", "SnowflakeSqlPlanRenderer"),
    "bigquery": ("BIGQUERY", "big_query", "BigQuerySqlPlanRenderer"),
}
# From fine to coarse; MetricFlow can truncate a time to each that is not finer than it.
_GRANULARITIES = ("hour", "day", "week", "month", "quarter", "year")
_KEPT = 1_000  # compiled requests; each is a few kilobytes


@dataclass(frozen=True)
class Metric:
    """What a metric means; `unit` and `owner` come from its declaration."""

    name: str
    label: str
    description: str
    unit: str | None
    owner: str | None


@dataclass(frozen=True)
class MetricRequest:
    """Metrics, by what they are grouped, and which rows count.

    `order_by` names requested metrics or groupings; a leading `-` turns the order.
    """

    metrics: tuple[str, ...]
    group_by: tuple[str, ...] = ()
    where: tuple[Filter, ...] = ()
    order_by: tuple[str, ...] = ()
    limit: int | None = None


@dataclass
class SemanticLayer:
    """The metrics of one semantic manifest, as SQL of one dialect.

    The SQL names tables as `schema.table`, so it runs in the warehouse and over any
    database with views of those names. Thread-safe; answers are kept.
    """

    manifest_path: Path
    dialect: str = "duckdb"
    _compiled: dict[MetricRequest, str] = field(default_factory=dict, repr=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    @cached_property
    def metrics(self) -> dict[str, Metric]:
        """All metrics by name.

        Raises:
            NotFound: there is no semantic manifest.
        """
        return {
            metric["name"]: Metric(
                name=metric["name"],
                label=metric.get("label") or metric["name"],
                description=metric.get("description") or "",
                unit=_meta(metric).get("unit"),
                owner=_meta(metric).get("owner"),
            )
            for metric in self._manifest["metrics"]
        }

    def fields(self, metrics: Sequence[str]) -> dict[str, FieldKind]:
        """By what all of these metrics can be grouped and filtered.

        Times are named with each granularity they can have: `metric_time__month`.

        Raises:
            NotFound: a metric does not exist; names near ones.
        """
        self._refuse_unknown("metric", metrics, self.metrics)
        with self._lock:
            found = self._engine.list_group_bys(
                list(metrics), include_derived_time_granularities=True
            )
        return {name: kind for one in found for name, kind in _fields(one)}

    def sql(self, request: MetricRequest) -> str:
        """One query with a column per grouping and metric, named as requested.

        Raises:
            NotFound: a metric or grouping does not exist; names near ones.
            InvalidUsage: nothing is requested, or a filter makes no sense.
        """
        with self._lock:
            if request not in self._compiled:
                if len(self._compiled) >= _KEPT:
                    self._compiled.clear()
                self._compiled[request] = self._compile(request)
            return self._compiled[request]

    def query(self, session: Session, request: MetricRequest) -> "pa.Table":
        """The answer to a request, from the tables that `session` sees; no decimals."""
        return _without_decimals(session.arrow(self.sql(request)))

    def _compile(self, request: MetricRequest) -> str:
        from metricflow.engine.metricflow_engine import MetricFlowQueryRequest

        if not request.metrics:
            raise InvalidUsage("No metric is requested.", hint="Name at least one.")
        fields = self.fields(request.metrics)
        self._refuse_unknown("grouping", request.group_by, fields)
        asked = {*request.metrics, *request.group_by}
        ordered = [name.removeprefix("-") for name in request.order_by]
        self._refuse_unknown("order", ordered, dict.fromkeys(asked))
        explained = self._engine.explain(
            MetricFlowQueryRequest.create(
                metric_names=request.metrics,
                group_by_names=request.group_by or None,
                where_constraints=[filter_text(one, fields) for one in request.where],
                order_by_names=request.order_by or None,
                limit=request.limit,
            )
        )
        return str(explained.sql_statement.without_descriptions.sql)

    def _refuse_unknown(
        self, what: str, names: Sequence[str], known: "dict[str, Any]"
    ) -> None:
        for name in names:
            if name not in known:
                near = get_close_matches(name, known, n=3, cutoff=0.5) or sorted(known)
                raise NotFound(
                    f"There is no {what} {name!r}.",
                    hint=f"Near it: {', '.join(near)}.",
                )

    @cached_property
    def _manifest(self) -> dict[str, Any]:
        try:
            manifest: dict[str, Any] = json.loads(self.manifest_path.read_bytes())
        except FileNotFoundError as error:
            raise NotFound(
                f"There is no semantic manifest at {self.manifest_path}.",
                hint="Compile the dbt project first.",
            ) from error
        spines = manifest["project_configuration"].get("time_spines", ())
        for holder in (*manifest["semantic_models"], *spines):
            _drop_catalog(holder["node_relation"])
        return manifest

    @cached_property
    def _engine(self) -> "MetricFlowEngine":
        from metricflow.engine.metricflow_engine import MetricFlowEngine
        from metricflow_semantics.model.dbt_manifest_parser import (
            parse_manifest_from_dbt_generated_manifest,
        )
        from metricflow_semantics.model.semantic_manifest_lookup import (
            SemanticManifestLookup,
        )

        parsed = parse_manifest_from_dbt_generated_manifest(json.dumps(self._manifest))
        renderer = cast("SqlClient", _Renderer(self.dialect))
        return MetricFlowEngine(SemanticManifestLookup(parsed), renderer)


class _Renderer:
    """What MetricFlow asks of a database when it only writes SQL."""

    def __init__(self, dialect: str) -> None:
        from importlib import import_module

        from metricflow.protocols.sql_client import SqlEngine

        if dialect not in _RENDERERS:
            raise InvalidUsage(
                f"Metrics cannot be written in the dialect {dialect!r}.",
                hint=f"Dialects are {', '.join(sorted(_RENDERERS))}.",
            )
        engine, module, renderer = _RENDERERS[dialect]
        self.sql_engine_type = SqlEngine[engine]
        rendering = import_module(f"metricflow.sql.render.{module}")
        self.sql_plan_renderer = getattr(rendering, renderer)()


def _drop_catalog(relation: dict[str, Any]) -> None:
    relation["database"] = None
    relation["relation_name"] = f"{relation['schema_name']}.{relation['alias']}"


def _meta(metric: dict[str, Any]) -> dict[str, Any]:
    return (metric.get("config") or {}).get("meta") or {}


def _fields(item: Any) -> list[tuple[str, FieldKind]]:  # noqa: ANN401
    """The names under which MetricFlow knows an entity or a dimension."""
    if not hasattr(item, "dunder_name"):
        return [(item.name, FieldKind.ENTITY)]
    name = str(item.dunder_name)
    if item.type.value != "time":
        return [(name, FieldKind.CATEGORICAL)]
    if name.rpartition("__")[2] in _GRANULARITIES:
        return [(name, FieldKind.TIME)]
    finest = item.type_params.time_granularity.value
    coarser = _GRANULARITIES[_GRANULARITIES.index(finest) :]
    return [(f"{name}__{one}", FieldKind.TIME) for one in coarser]


def _without_decimals(table: "pa.Table") -> "pa.Table":
    """DuckDB sums whole numbers as decimals of 38 digits."""
    import pyarrow as pa

    for position, column in enumerate(table.schema):
        if pa.types.is_decimal(column.type):
            plain = pa.int64() if column.type.scale == 0 else pa.float64()
            cast = table.column(position).cast(plain)
            table = table.set_column(position, column.name, cast)
    return table
