"""The assets from training set to release, materialized on a warehouse of orders."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from analytics_platform.adapters import training_sets
from analytics_platform.adapters.duckdb_warehouse import DuckDBWarehouse
from analytics_platform.adapters.model_registry import ModelRegistry
from analytics_platform.clock import FixedClock
from analytics_platform.contracts.domain import Domain, Severity
from analytics_platform.contracts.records import Verdict
from analytics_platform.defs import promotion, training
from analytics_platform.settings import TrainingSettings
from tests.support.model_domain import (
    DELAY,
    DOMAIN,
    fill_warehouse,
    mlflow_database,
    registry,
)

__all__ = ["mlflow_database", "registry"]

pytestmark = pytest.mark.filterwarnings(
    "ignore::dagster.BetaWarning", "ignore::dagster.PreviewWarning"
)

NOW = datetime(2020, 3, 30, 12, tzinfo=UTC)  # of 90 days, the last is yet to come
CHECKS = {"beats_mean", "beats_history", "no_leak", "plausible_inputs", "onnx_matches"}


def definitions(
    domain: Domain, registry: ModelRegistry | None = None, *, with_source: bool = False
) -> dg.Definitions:
    resources = {
        "clock": FixedClock(NOW),
        "warehouse": DuckDBWarehouse(registry.settings) if registry else None,
        "registry": registry,
    }
    return dg.Definitions.merge(
        training.build(domain),
        promotion.build(domain),
        dg.Definitions(assets=[fct_orders] if with_source else [], resources=resources),
    )


def materialize(
    registry: ModelRegistry,
    domain: Domain = DOMAIN,
    *,
    selection: tuple[str, ...] = (),
    with_source: bool = False,
) -> dg.ExecuteInProcessResult:
    defined = definitions(domain, registry, with_source=with_source)
    job = defined.resolve_implicit_global_asset_job_def()
    chosen = [dg.AssetKey.from_user_string(one) for one in selection]
    return job.execute_in_process(asset_selection=chosen or None, raise_on_error=False)


@dg.asset(
    key=["marts", "fct_orders"],
    metadata={
        "dagster/column_lineage": dg.TableColumnLineage(
            {
                "weight": [
                    dg.TableColumnDep(dg.AssetKey(["raw", "parcels"]), "gross"),
                    dg.TableColumnDep(dg.AssetKey(["raw", "parcels"]), "shipped_late"),
                ]
            }
        )
    },
)
def fct_orders() -> None:
    """A source whose weight is computed from the outcome."""


def metadata(result: dg.ExecuteInProcessResult, step: str) -> dict[str, object]:
    (event,) = result.asset_materializations_for_node(step)
    return {name: one.value for name, one in event.metadata.items()}


def test_from_rows_to_releases(registry: ModelRegistry) -> None:
    fill_warehouse(DuckDBWarehouse(registry.settings))
    result = materialize(registry)
    assert result.success
    rows = metadata(result, "models__training_set")
    # 90 days of 60 orders, less one in 50; the outcome comes three hours after due.
    assert rows["dagster/row_count"] == _known_rows(registry)
    for name in ("delay", "late"):
        model = metadata(result, f"models__{name}")
        release = metadata(result, f"releases__{name}")
        champion = registry.champion(name)
        assert champion
        assert release["released"] is True
        assert release["version"] == model["version"] == champion.version
        assert model["data_sha256"] == rows["data_sha256"]
        assert str(model["calibration"]).startswith("![calibration.svg](data:image/svg")
        run = registry.tracking._client().get_run(str(model["mlflow_run_id"]))
        assert run.data.tags["dagster_run_id"] == result.run_id
        assert run.info.run_id in str(model["mlflow"])


def test_every_check_is_shown_and_remembered(registry: ModelRegistry) -> None:
    fill_warehouse(DuckDBWarehouse(registry.settings))
    result = materialize(registry)
    shown = {
        (one.asset_key.to_user_string(), one.check_name): one.passed
        for one in result.get_asset_check_evaluations()
    }
    expected = {
        (f"models/{name}", check) for name in ("delay", "late") for check in CHECKS
    }
    assert set(shown) == expected
    kept = registry.store.verdicts.latest()
    assert {(one.asset, one.check): one.passed for one in kept} == shown
    assert {one.check for one in kept if one.blocking} == set()


def test_a_leaking_domain_is_trained_but_never_released(
    registry: ModelRegistry,
) -> None:
    fill_warehouse(DuckDBWarehouse(registry.settings))
    spine = DOMAIN.spine.model_copy(
        update={"columns": (*DOMAIN.spine.columns, "delay_minutes")}
    )
    leaking = DOMAIN.model_copy(update={"spine": spine, "models": (DELAY,)})
    result = materialize(registry, leaking)
    assert result.success
    red = [one for one in registry.store.verdicts.latest() if not one.passed]
    assert {one.check: one.detail for one in red} == {
        "no_leak": "delay_minutes (from delay_minutes)",
        "plausible_inputs": "delay_minutes (1.00)",
    }
    assert registry.challenger("delay")
    assert registry.champion("delay") is None
    refused = registry.history("delay")[-1]
    assert refused.action == "refused"
    assert refused.details["reasons"] == ["the check no_leak is red"]


def test_a_column_computed_from_a_leak_is_found_through_lineage(
    registry: ModelRegistry,
) -> None:
    fill_warehouse(DuckDBWarehouse(registry.settings))
    materialize(registry)  # without lineage nobody could know
    assert registry.champion("delay")
    # A job of the model alone knows no more than the model's own dependencies.
    alone = ("models/delay", "releases/delay")
    result = materialize(registry, selection=alone, with_source=True)
    assert metadata(result, "releases__delay")["released"] is False
    assert registry.history("delay")[-1].action == "refused"
    (red,) = [
        one
        for one in registry.store.verdicts.latest({"models/delay"})
        if one.check == "no_leak"
    ]
    assert red.detail == "weight (from shipped_late)"


def test_a_model_that_learns_nothing_is_refused_and_the_ledger_says_so(
    registry: ModelRegistry,
) -> None:
    fill_warehouse(DuckDBWarehouse(registry.settings))
    dull = DELAY.model_copy(update={"parameters": {"rounds": 1, "learning_rate": 1e-9}})
    result = materialize(registry, DOMAIN.model_copy(update={"models": (dull,)}))
    assert result.success
    assert metadata(result, "releases__delay")["released"] is False
    red = {one.check for one in registry.store.verdicts.latest() if not one.passed}
    assert red == {"beats_mean", "beats_history"}
    assert registry.history("delay")[-1].action == "refused"


def test_old_training_sets_go_when_a_new_one_comes(
    registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_sets, "_GRACE", timedelta(0))
    few = {"training": TrainingSettings(keep_sets=1)}
    thrifty = replace(registry, settings=registry.settings.model_copy(update=few))
    kept = []
    for days in (80, 85):
        fill_warehouse(DuckDBWarehouse(registry.settings), days=days)
        assert materialize(thrifty, selection=("models/training_set",)).success
        kept.append(registry.artifacts.list(training_sets.PREFIX))
    assert [len(sets) for sets in kept] == [1, 1]
    assert kept[0] != kept[1]


def test_no_history_is_a_clear_failure(registry: ModelRegistry) -> None:
    fill_warehouse(DuckDBWarehouse(registry.settings), days=10)
    result = materialize(registry)
    failures = [event for event in result.all_events if event.is_step_failure]
    messages = " ".join(str(event.step_failure_data.error) for event in failures)
    assert "No rows are left for train" in messages
    assert registry.names() == []


def test_nothing_is_trained_on_red_data(registry: ModelRegistry) -> None:
    fill_warehouse(DuckDBWarehouse(registry.settings))
    red = Verdict(
        asset="marts/fct_orders",
        partition=None,
        check="complete",
        passed=False,
        severity=Severity.ERROR,
        blocking=True,
        failing_rows=1,
        total_rows=1,
        run_id="r0",
        evaluated_at=NOW,
    )
    registry.store.verdicts.record([red])
    result = materialize(registry)
    assert not result.success
    assert registry.names() == []
    assert registry.store.releases.current("training") is None


def test_assets_are_declared_with_owner_kinds_and_dependencies() -> None:
    graph = definitions(DOMAIN).resolve_asset_graph()
    key = dg.AssetKey.from_user_string
    parents = {
        "models/training_set": {"marts/fct_orders", "features/shop_history"},
        "models/delay": {"models/training_set"},
        "releases/delay": {"models/delay"},
    }
    for name, expected in parents.items():
        node = graph.get(key(name))
        assert {one.to_user_string() for one in node.parent_keys} == expected
        assert node.owners == ["team:models"]
        assert node.group_name == "training"
        assert node.description
    assert graph.get(key("models/delay")).kinds == {"lightgbm", "mlflow", "onnx"}


def test_a_domain_without_models_has_no_training() -> None:
    bare = DOMAIN.model_copy(update={"models": ()})
    assert not list(definitions(bare).assets or ())


def _known_rows(registry: ModelRegistry) -> int:
    warehouse = DuckDBWarehouse(registry.settings)
    with warehouse.session() as session:
        (row,) = session.rows(
            "select count(*) from marts.fct_orders where delay_minutes is not null "
            "and known_utc <= timestamp '2020-03-30 12:00:00'"
        )
    assert isinstance(row[0], int)
    assert Path(registry.settings.home).exists()
    return row[0]
