"""What a dbt manifest declares: models, their tests, and the order of the steps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

from analytics_platform.contracts.domain import Expectation, Severity

Manifest = Mapping[str, Any]
_BUILT = ("model", "seed", "snapshot")


@dataclass(frozen=True)
class ModelColumn:
    """A documented column; `unit` is None for one without."""

    name: str
    description: str
    unit: str | None


@dataclass(frozen=True)
class DbtTest:
    """A data test, judged like any other expectation.

    `column` is the tested one, if the test is about a single column.
    """

    unique_id: str
    expectation: Expectation
    column: str | None

    @property
    def name(self) -> str:
        """The test's name, unique in the project."""
        return self.expectation.name


@dataclass(frozen=True)
class Model:
    """A model, snapshot or seed of the project.

    `asset` and `upstream` are asset names such as `marts/fct_orders`; `reads` are the
    unique ids behind `upstream`. `grain` are the columns that identify a row.
    """

    unique_id: str
    name: str
    schema: str
    kind: str
    materialized: str
    description: str
    owner: str | None
    partitioned: bool
    grain: tuple[str, ...]
    columns: tuple[ModelColumn, ...]
    reads: tuple[str, ...]
    upstream: tuple[str, ...]
    tests: tuple[DbtTest, ...]

    @property
    def asset(self) -> str:
        """The asset's name, `schema/model`."""
        return f"{self.schema}/{self.name}"

    @property
    def relation(self) -> str:
        """The table's name in SQL, `schema.model`."""
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class Step:
    """Models that one dbt invocation builds: all partitioned, or none."""

    number: int
    partitioned: bool
    models: tuple[Model, ...]


def read_models(manifest: Manifest) -> tuple[Model, ...]:
    """All models, snapshots and seeds, each after those that it reads."""
    built = {
        unique_id: node
        for unique_id, node in manifest["nodes"].items()
        if node["resource_type"] in _BUILT and not _is_ephemeral(node)
    }
    tests = _tests_by_model(manifest)
    names = {**manifest["nodes"], **manifest["sources"]}
    models = {
        unique_id: _model(node, names, tests.get(unique_id, ()))
        for unique_id, node in built.items()
    }
    order = TopologicalSorter(
        {unique_id: model.reads for unique_id, model in sorted(models.items())}
    )
    return tuple(models[one] for one in order.static_order() if one in models)


def steps(models: Sequence[Model]) -> tuple[Step, ...]:
    """The fewest dbt invocations that keep partitioned and whole models apart.

    Whole models have even numbers, partitioned ones odd numbers; each model is in the
    first step after everything it reads, so that no two steps wait for each other.
    """
    number: dict[str, int] = {}
    for model in models:
        earliest = max((number[one] for one in model.reads if one in number), default=0)
        number[model.unique_id] = earliest + (earliest % 2 != model.partitioned)
    return tuple(
        Step(
            step,
            partitioned=bool(step % 2),
            models=tuple(one for one in models if number[one.unique_id] == step),
        )
        for step in sorted(set(number.values()))
    )


def _model(
    node: Manifest, names: Mapping[str, Manifest], tests: Sequence[DbtTest]
) -> Model:
    meta = node["config"].get("meta") or {}
    reads = tuple(sorted(set(node.get("depends_on", {}).get("nodes", ()))))
    return Model(
        unique_id=node["unique_id"],
        name=node["name"],
        schema=node["schema"],
        kind=node["resource_type"],
        materialized=node["config"]["materialized"],
        description=" ".join(node["description"].split()),
        owner=meta.get("owner"),
        partitioned=bool(meta.get("partitioned", False)),
        grain=tuple(meta.get("grain", ())),
        columns=tuple(_column(column) for column in node["columns"].values()),
        reads=reads,
        upstream=tuple(f"{names[one]['schema']}/{names[one]['name']}" for one in reads),
        tests=tuple(tests),
    )


def _column(column: Manifest) -> ModelColumn:
    meta = (column.get("config") or {}).get("meta") or {}
    return ModelColumn(column["name"], column["description"], meta.get("unit"))


def _tests_by_model(manifest: Manifest) -> dict[str, list[DbtTest]]:
    found: dict[str, list[DbtTest]] = {}
    for node in manifest["nodes"].values():
        if node["resource_type"] == "test":
            # A test written as a query is about the first model that it reads.
            tested = node.get("attached_node") or node["depends_on"]["nodes"][0]
            found.setdefault(tested, []).append(_test(node))
    return {
        model: sorted(tests, key=lambda test: test.name)
        for model, tests in found.items()
    }


def _test(node: Manifest) -> DbtTest:
    meta = node["config"].get("meta") or {}
    severity = Severity(node["config"]["severity"].lower())
    kind = (node.get("test_metadata") or {}).get("name", "query")
    return DbtTest(
        unique_id=node["unique_id"],
        column=node.get("column_name"),
        expectation=Expectation(
            name=node["name"],
            type=f"dbt_{kind}",
            severity=severity,
            blocking=severity is Severity.ERROR,
            description=node["description"] or node["name"].replace("_", " "),
            expected_failure_rate=meta.get("expected_failure_rate"),
            expected_failure_rate_max=meta.get("expected_failure_rate_max"),
            because=meta.get("because"),
        ),
    )


def _is_ephemeral(node: Manifest) -> bool:
    return bool(node["config"].get("materialized") == "ephemeral")
