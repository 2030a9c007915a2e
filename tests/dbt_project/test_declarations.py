"""The project's own rules: all is documented, keys are tested, tests go by range."""

import re
from pathlib import Path
from typing import Any

import pytest

from analytics_platform.adapters.dbt_project import DbtProject
from analytics_platform.adapters.semantic_layer import SemanticLayer
from analytics_platform.adapters.warehouse import open_warehouse
from analytics_platform.core.dbt_manifest import Model, read_models
from analytics_platform.settings import ROOT, Settings

FOLDER = ROOT / "dbt_project"


@pytest.fixture(scope="module")
def manifest(built_home: Path) -> dict[str, Any]:
    settings = Settings(home=built_home)
    return DbtProject(settings, open_warehouse(settings)).manifest()


@pytest.fixture(scope="module")
def models(manifest: dict[str, Any]) -> tuple[Model, ...]:
    return read_models(manifest)


def test_each_description_opens_with_the_grain(models: tuple[Model, ...]) -> None:
    assert [
        m.name for m in models if not m.description.startswith("One row per ")
    ] == []


def test_each_column_is_documented_and_each_documented_column_is_there(
    models: tuple[Model, ...], built_home: Path
) -> None:
    with open_warehouse(Settings(home=built_home)).session() as session:
        for model in models:
            documented = [column.name for column in model.columns]
            assert set(documented) == set(session.columns(model.relation)), model.name
            assert all(column.description for column in model.columns)


_UNITS = {
    "minutes": "minutes",
    "miles": "miles",
    "feet": "feet",
    "degrees": "degrees",
    "share": "share",
    "percent": "percent",
    "inches": "inches",
    "mph": "miles per hour",
    "fahrenheit": "degrees Fahrenheit",
    "millibars": "millibars",
    "flights": "flights",
}


def test_the_unit_in_a_name_is_the_unit_declared(models: tuple[Model, ...]) -> None:
    for model in models:
        for column in model.columns:
            named = _UNITS.get(column.name.rpartition("_")[2])
            if named:
                assert column.unit == named, f"{model.name}.{column.name}"


def test_the_grain_of_each_model_is_tested(models: tuple[Model, ...]) -> None:
    for model in models:
        kinds = {(test.expectation.type, test.column) for test in model.tests}
        assert model.grain, model.name
        if len(model.grain) == 1:
            (key,) = model.grain
            assert {("dbt_unique", key), ("dbt_not_null", key)} <= kinds, model.name
        else:
            assert ("dbt_grain", None) in kinds, model.name


def test_each_test_of_a_partitioned_model_looks_at_the_runs_range_only(
    manifest: dict[str, Any], models: tuple[Model, ...]
) -> None:
    predicate = re.compile(
        r"partition_date >= cast\('1900-01-01' as date\)\s+"
        r"and partition_date < cast\('2999-01-01' as date\)"
    )
    tests = [
        (model, manifest["nodes"][test.unique_id]["compiled_code"])
        for model in models
        for test in model.tests
    ]
    assert len(tests) > 40
    for model, compiled in tests:
        assert bool(predicate.search(compiled)) is model.partitioned, compiled


def test_each_partitioned_model_has_its_partition_column(
    models: tuple[Model, ...],
) -> None:
    for model in models:
        columns = {column.name for column in model.columns}
        if model.partitioned:
            assert "partition_date" in columns, model.name


def test_each_known_defect_has_a_rate_and_a_reason(models: tuple[Model, ...]) -> None:
    warned = [
        test.expectation
        for model in models
        for test in model.tests
        if test.expectation.severity == "warn"
    ]
    assert len(warned) == 8
    assert all(one.expected_failure_rate and one.because for one in warned)


def test_each_metric_has_owner_description_and_unit(built_home: Path) -> None:
    layer = SemanticLayer(built_home / "dbt/duckdb/target/semantic_manifest.json")
    for metric in layer.metrics.values():
        assert metric.owner, metric.name
        assert metric.unit, metric.name
        assert metric.description.endswith("."), metric.name


def test_no_rule_of_a_measure_is_written_twice() -> None:
    """What is late is said once, in the semantic model."""
    said = [
        path.relative_to(FOLDER).as_posix()
        for path in FOLDER.rglob("*.*")
        if path.suffix in (".sql", ".yml")
        and "target" not in path.parts
        and re.search(r"arrival_delay_minutes\s*>", path.read_text())
    ]
    assert said == ["models/semantics/flights.yml"]


def test_only_macros_know_dialects() -> None:
    words = re.compile(r"\b(epoch|isodow|timezone|make_date|percentile_cont|::)\b")
    for path in (FOLDER / "models").rglob("*.sql"):
        assert not words.search(path.read_text()), path.name
