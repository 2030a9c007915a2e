"""Promotion: per model a gate that releases the challenger when it wins."""

import dagster as dg

from analytics_platform.adapters.model_registry import ModelRegistry
from analytics_platform.adapters.promotion_gate import run_gate
from analytics_platform.adapters.training_run import Occasion
from analytics_platform.clock import WallClock
from analytics_platform.contracts.domain import Domain, ModelSpec
from analytics_platform.contracts.evaluation import Decision
from analytics_platform.defs.gate import require_open
from analytics_platform.defs.retries import retrying
from analytics_platform.defs.training import GROUP, model_key


def build(domain: Domain) -> dg.Definitions:
    """One gate per model of the domain."""
    return dg.Definitions(assets=[_gate(domain, spec) for spec in domain.models])


def release_key(spec: ModelSpec) -> dg.AssetKey:
    """The asset of a model's promotion gate."""
    return dg.AssetKey(["releases", spec.name])


def _gate(domain: Domain, spec: ModelSpec) -> dg.AssetsDefinition:
    @dg.asset(
        key=release_key(spec),
        deps=[model_key(spec)],
        group_name=GROUP,
        owners=[spec.owner],
        kinds={"mlflow", "onnx"},
        tags={"domain": domain.name, "task": spec.task},
        description=f"The released version of {spec.name}: the challenger takes the "
        "champion's place when it is better beyond doubt on the same holdout and "
        f"worse by more than {spec.worse_by:.0%} on no slice.",
    )
    def release(
        context: dg.AssetExecutionContext,
        registry: dg.ResourceParam[ModelRegistry],
    ) -> dg.MaterializeResult[None]:
        require_open(context, registry.store)
        with retrying(context):
            occasion = Occasion(context.run.run_id, WallClock().now())
            decision = run_gate(registry, spec, occasion)
            current = registry.champion(spec.name)
            version = current.version if current else "none"
            return dg.MaterializeResult(metadata=_metadata(decision, version))

    return release


def _metadata(decision: Decision, current: str) -> dict[str, dg.MetadataValue]:
    value = dg.MetadataValue
    gains = {
        f"gain_over_{one.other}": value.md(
            f"{one.gain.estimate:.4f} (95 % interval {one.gain.low:.4f} to "
            f"{one.gain.high:.4f}; {one.metric} {one.loss:.4f} against "
            f"{one.other_loss:.4f})"
        )
        for one in decision.comparisons
    }
    return {
        "released": value.bool(decision.released),
        "version": value.text(current),
        "challenger": value.text(decision.challenger),
        "champion_before": value.text(decision.champion or "none"),
        "reasons": value.md("\n".join(f"- {one}" for one in decision.reasons) or "won"),
        "slices": value.json([one.model_dump() for one in decision.slices]),
        **gains,
    }
