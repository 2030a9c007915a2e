"""The promotion gate: judges the challenger on its holdout and moves the release."""

from typing import TYPE_CHECKING

from analytics_platform.adapters.control_store.ledger import Note
from analytics_platform.adapters.model_registry import ModelRegistry, champion_subject
from analytics_platform.adapters.training_run import Occasion
from analytics_platform.adapters.training_sets import TrainingSets
from analytics_platform.contracts.domain import ModelSpec
from analytics_platform.contracts.evaluation import Decision
from analytics_platform.contracts.records import ModelManifest
from analytics_platform.errors import Conflict, NotFound
from analytics_platform.observability import get_logger

if TYPE_CHECKING:  # a code location loads this module and must not pay for these
    from analytics_platform.contracts.evaluation import Comparison, SliceVerdict

log = get_logger(__name__)

_ATTEMPTS = 3
_ACTOR = "promotion gate"


def run_gate(registry: ModelRegistry, spec: ModelSpec, occasion: Occasion) -> Decision:
    """Release the challenger if it wins, and write the decision into the ledger.

    When somebody else moves the release meanwhile, it is judged against the new
    champion.

    Raises:
        NotFound: the model was never trained.
        Conflict: the release moved during each of three attempts.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return _run_once(registry, spec, occasion)
        except Conflict:
            if attempt == _ATTEMPTS:
                raise
            log.warning("champion_changed", model=spec.name, attempt=attempt)
    raise AssertionError  # the loop returns or raises


def _run_once(registry: ModelRegistry, spec: ModelSpec, occasion: Occasion) -> Decision:
    nominated = registry.challenger(spec.name)
    if nominated is None:
        raise NotFound(
            f"The model {spec.name!r} has no challenger.",
            hint=f"Materialize models/{spec.name} first.",
        )
    released = registry.champion(spec.name)
    champion = released.version if released else None
    vetoes = _vetoes(registry, spec)
    if champion == nominated.version and not vetoes:
        return _stands(registry, spec, champion)
    decision = _judge(registry, spec, nominated.version, champion, vetoes)
    manifest = registry.model(spec.name, nominated.version).manifest
    note = _note(decision, manifest, occasion)
    if decision.released:
        registry.release(spec.name, nominated.version, expected=champion, note=note)
    else:
        registry.store.ledger.append(champion_subject(spec.name), note)
    log.info(
        "challenger_judged",
        model=spec.name,
        version=nominated.version,
        released=decision.released,
        reasons=decision.reasons,
    )
    return decision


def _stands(registry: ModelRegistry, spec: ModelSpec, version: str) -> Decision:
    """Trained again on equal data: nothing to decide, nothing for the ledger."""
    evaluation = registry.model(spec.name, version).evaluation
    registry.project(spec.name)
    return Decision(
        model=spec.name,
        challenger=version,
        champion=version,
        released=False,
        reasons=("the challenger is the champion already",),
        metric=evaluation.metric,
        comparisons=(),
        slices=(),
    )


def _vetoes(registry: ModelRegistry, spec: ModelSpec) -> tuple[str, ...]:
    """The red checks of the newest training that forbid a release."""
    from analytics_platform.core.training.checks import VETOES

    latest = registry.store.verdicts.latest({f"models/{spec.name}"})
    return tuple(one.check for one in latest if one.is_red and one.check in VETOES)


def _judge(
    registry: ModelRegistry,
    spec: ModelSpec,
    challenger: str,
    champion: str | None,
    vetoes: tuple[str, ...],
) -> Decision:
    from analytics_platform.core.promotion import Candidates, decide

    stored = registry.model(spec.name, challenger)
    rivalry = None
    if champion is not None and champion != challenger:
        rivalry = _duel(registry, spec, challenger, champion)
    candidates = Candidates(spec.name, challenger, champion)
    return decide(spec, candidates, stored.evaluation, rivalry, vetoes)


def _duel(
    registry: ModelRegistry, spec: ModelSpec, challenger: str, champion: str
) -> tuple["Comparison", tuple["SliceVerdict", ...]]:
    """Both predict the challenger's holdout; the champion has never seen it either.

    A champion's input that the rows no longer have is missing to it, as in service.
    """
    from analytics_platform.core.promotion import duel
    from analytics_platform.core.training.model_data import model_data

    models = [registry.model(spec.name, one) for one in (challenger, champion)]
    data = TrainingSets(registry.artifacts, registry.store).load(
        models[0].manifest.data_sha256
    )
    rows = model_data(spec, data)
    held_out = rows.part(rows.split.holdout)
    own, other = (model.predict(held_out) for model in models)
    seed = registry.settings.training.seed
    return duel(spec, rows, (own, other), seed=seed)


def _note(decision: Decision, manifest: ModelManifest, occasion: Occasion) -> Note:
    """Every number behind the decision, the leading ones as plain figures."""
    figures: dict[str, object] = dict(manifest.metrics)
    for one in decision.comparisons:
        figures[f"gain_over_{one.other}"] = one.gain.estimate
        figures[f"gain_over_{one.other}_low"] = one.gain.low
        figures[f"gain_over_{one.other}_high"] = one.gain.high
    return Note(
        actor=_ACTOR,
        action="released" if decision.released else "refused",
        details={
            **figures,
            **decision.model_dump(mode="json"),
            "version": decision.challenger,
            "data_sha256": manifest.data_sha256,
            "training_run_id": manifest.run_id,
            "mlflow_run_id": manifest.mlflow_run_id,
            "run_id": occasion.run_id,
        },
        at=occasion.at,
    )
