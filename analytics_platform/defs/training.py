"""Training: the training set, then one challenger per declared model."""

from datetime import datetime
from typing import TYPE_CHECKING

import dagster as dg

from analytics_platform.adapters.control_store.ledger import Note
from analytics_platform.adapters.model_plots import (
    CALIBRATION,
    CONTRIBUTIONS,
    as_markdown,
)
from analytics_platform.adapters.model_registry import ModelRegistry
from analytics_platform.adapters.training_run import (
    Candidate,
    Occasion,
    train_candidate,
)
from analytics_platform.adapters.training_sets import TrainingSets, assemble
from analytics_platform.adapters.warehouse import Warehouse
from analytics_platform.clock import Clock, WallClock
from analytics_platform.contracts.domain import Domain, ModelSpec
from analytics_platform.core.features import feature_relation, relation_of
from analytics_platform.core.training.columns import column_sources
from analytics_platform.defs.gate import require_open
from analytics_platform.defs.model_checks import check_results, check_specs, verdicts
from analytics_platform.defs.retries import retrying
from analytics_platform.defs.spine_lineage import spine_ancestors

if TYPE_CHECKING:  # a code location loads this module and must not pay for it
    from analytics_platform.core.training.training_set import TrainingSet

GROUP = "training"
TRAINING_SET = dg.AssetKey(["models", "training_set"])


def build(domain: Domain) -> dg.Definitions:
    """The training set and the models of the domain; nothing if it has no models."""
    if not domain.models:
        return dg.Definitions()
    models = [_model(domain, spec) for spec in domain.models]
    return dg.Definitions(assets=[_training_set(domain), *models])


def model_key(spec: ModelSpec) -> dg.AssetKey:
    """The asset of a model's challenger."""
    return dg.AssetKey(["models", spec.name])


def _training_set(domain: Domain) -> dg.AssetsDefinition:
    used = {name for spec in domain.models for name in spec.views}
    views = [view for view in domain.feature_views if view.name in used]
    relations = [relation_of(domain.spine.source), *map(feature_relation, views)]

    @dg.asset(
        key=TRAINING_SET,
        deps=[dg.AssetKey(relation.split(".")) for relation in relations],
        group_name=GROUP,
        owners=[domain.models[0].owner],
        kinds={"parquet"},
        tags={"domain": domain.name},
        metadata={"dagster/column_lineage": _column_lineage(domain)},
        description="One row per spine row whose outcome is known, with its features "
        "and every model's target, kept under the hash of its rows.",
        pool="warehouse",
    )
    def training_set(
        context: dg.AssetExecutionContext,
        clock: dg.ResourceParam[Clock],
        warehouse: dg.ResourceParam[Warehouse],
        registry: dg.ResourceParam[ModelRegistry],
    ) -> dg.MaterializeResult[None]:
        require_open(context, registry.store)
        with retrying(context):
            now = clock.now()
            data = assemble(domain, warehouse, now)
            actor = f"run {context.run.run_id}"
            with warehouse.exclusive():  # one saves and prunes at a time
                told = _kept(registry, data, now, actor)
            return dg.MaterializeResult(metadata=told)

    return training_set


def _kept(
    registry: ModelRegistry, data: "TrainingSet", now: datetime, actor: str
) -> dict[str, str | int | dg.TableSchema]:
    """Keep the set, not too many; gives what its materialization tells of it."""
    details: dict[str, object] = {"rows": data.rows, "as_of": now.isoformat()}
    note = Note(actor, "assembled", details, WallClock().now())
    sets = TrainingSets(registry.artifacts, registry.store)
    sha256 = sets.save(data, note)
    keep = registry.settings.training.keep_sets
    sets.prune(note.at, keep=keep, in_use=registry.data_in_use())
    return {
        "data_sha256": sha256,
        "as_of": now.isoformat(),
        "dagster/row_count": data.rows,
        "dagster/column_schema": _schema(data.column_types()),
    }


def _model(domain: Domain, spec: ModelSpec) -> dg.AssetsDefinition:
    @dg.asset(
        key=model_key(spec),
        deps=[TRAINING_SET],
        group_name=GROUP,
        owners=[spec.owner],
        kinds={"lightgbm", "mlflow", "onnx"},
        tags={"domain": domain.name, "task": spec.task},
        description=f"{spec.description} The newest challenger, trained on the oldest "
        "history and judged on the last.",
        check_specs=check_specs(model_key(spec)),
    )
    def model(
        context: dg.AssetExecutionContext,
        registry: dg.ResourceParam[ModelRegistry],
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]  # dagster knows it bare only
        require_open(context, registry.store)
        with retrying(context):
            data = TrainingSets(registry.artifacts, registry.store).current()
            ancestors = spine_ancestors(context, domain.spine)
            occasion = Occasion(context.run.run_id, WallClock().now(), ancestors)
            candidate = train_candidate(registry, domain, spec, data, occasion)
            found = verdicts(candidate, occasion)
            registry.store.verdicts.record(found)
            return dg.MaterializeResult(
                metadata=_metadata(candidate, registry),
                check_results=check_results(found),
            )

    return model


def _metadata(
    candidate: Candidate, registry: ModelRegistry
) -> dict[str, dg.MetadataValue]:
    manifest, value = candidate.manifest, dg.MetadataValue
    shares = candidate.evaluation.contributions
    plots = {
        name.removesuffix(".svg"): value.md(as_markdown(candidate.folder / name, name))
        for name in (CALIBRATION, CONTRIBUTIONS)
    }
    return {
        "version": value.text(manifest.version),
        "data_sha256": value.text(manifest.data_sha256),
        "trained_through": value.text(manifest.trained_through.isoformat()),
        "training_rows": value.int(manifest.rows),
        "holdout_rows": value.int(candidate.evaluation.rows),
        "mlflow_run_id": value.text(candidate.mlflow_run_id),
        "mlflow": value.url(registry.tracking.run_url(candidate.mlflow_run_id)),
        "artifact": value.path(str(candidate.folder)),
        "largest_contributions": value.json(
            {one.input: round(one.share, 4) for one in shares[:10]}
        ),
        **{name: value.float(number) for name, number in manifest.metrics.items()},
        **plots,
    }


def _column_lineage(domain: Domain) -> dg.TableColumnLineage:
    return dg.TableColumnLineage(
        {
            name: [
                dg.TableColumnDep(dg.AssetKey(relation.split(".")), column)
                for relation, column in found
            ]
            for name, found in column_sources(domain).items()
        }
    )


def _schema(types: dict[str, str]) -> dg.TableSchema:
    return dg.TableSchema([dg.TableColumn(name, kind) for name, kind in types.items()])
