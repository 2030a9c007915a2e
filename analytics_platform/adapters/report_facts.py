"""Gathers what a report tells: answers, released models, quality, provenance."""

import hashlib
from dataclasses import dataclass

from analytics_platform.adapters.artifact_names import MANIFEST
from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.model_registry import ModelRegistry
from analytics_platform.adapters.report_data import open_queries
from analytics_platform.adapters.report_metrics import metric_compiler
from analytics_platform.adapters.snapshots import Snapshot, SnapshotStore
from analytics_platform.contracts.domain import Domain, ReportSpec
from analytics_platform.core.profiles import Change, before_of, compare
from analytics_platform.core.report_builder import Origin, Quality, build_report
from analytics_platform.core.report_models import ModelFacts
from analytics_platform.core.reports import Report
from analytics_platform.errors import NotFound

# Far enough to find one of as many partitions, as increments and full loads alternate.
_PROFILES_BACK = 10


@dataclass(frozen=True)
class ReportSources:
    """Where the facts of reports are kept."""

    snapshots: SnapshotStore
    registry: ModelRegistry
    store: ControlStore


def make_report(
    domain: Domain, spec: ReportSpec, sources: ReportSources, *, run_id: str
) -> Report:
    """The report on the current snapshot and the released models.

    Raises:
        NotFound: nothing is published yet, or the report reads what is not.
    """
    snapshot = sources.snapshots.current()
    if snapshot is None:
        raise NotFound(
            "There is no published snapshot to report on.",
            hint="Materialize published/snapshot first.",
        )
    with open_queries(snapshot, metric_compiler(snapshot, spec.time)) as queries:
        results = queries.results(spec)
    return build_report(
        spec,
        results,
        _quality(sources.store),
        _models(domain, sources.registry),
        Origin(snapshot.manifest, _manifest_sha256(snapshot), run_id),
    )


def _models(domain: Domain, registry: ModelRegistry) -> tuple[ModelFacts, ...]:
    facts = []
    for spec in domain.models:
        release = registry.champion(spec.name)
        if release is None:
            continue
        stored = registry.model(spec.name, release.version)
        facts.append(
            ModelFacts(
                manifest=stored.manifest,
                title=spec.name.replace("_", " ").capitalize(),
                description=spec.description,
                evaluation=stored.evaluation,
                decisions=tuple(registry.store.ledger.entries(f"model/{spec.name}")),
            )
        )
    return tuple(facts)


def _quality(store: ControlStore) -> Quality:
    return Quality(
        verdicts=store.verdicts.latest(),
        changes=_changes(store),
        quarantine=store.quarantine.open(),
    )


def _changes(store: ControlStore) -> dict[str, list[Change]]:
    changes = {}
    for asset in store.profiles.assets():
        newest, *earlier = store.profiles.latest(asset, _PROFILES_BACK)
        before = before_of(newest, earlier)
        changes[asset] = compare(before, newest) if before else []
    return changes


def _manifest_sha256(snapshot: Snapshot) -> str:
    content = (snapshot.folder / MANIFEST).read_bytes()
    return hashlib.sha256(content).hexdigest()
