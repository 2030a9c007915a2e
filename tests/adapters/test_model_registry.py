"""Trainings become versions, versions become releases, and MLflow only repeats."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from analytics_platform.adapters.control_store.ledger import Note
from analytics_platform.adapters.model_files import MANIFEST
from analytics_platform.adapters.model_registry import ModelRegistry
from analytics_platform.adapters.promotion_gate import run_gate
from analytics_platform.adapters.training_run import (
    Candidate,
    Occasion,
    train_candidate,
)
from analytics_platform.adapters.training_sets import TrainingSets
from analytics_platform.contracts.domain import ModelSpec, Severity
from analytics_platform.contracts.records import Release, Verdict
from analytics_platform.errors import (
    Conflict,
    DamagedRecord,
    InvalidData,
    InvalidUsage,
    NotFound,
)
from tests.support.model_domain import (
    DELAY,
    DOMAIN,
    LATE,
    mlflow_database,
    registry,
    training_set,
)

__all__ = ["mlflow_database", "registry"]

NOW = datetime(2020, 4, 1, tzinfo=UTC)
BY_HAND = Note("ann", "promoted by hand", {"reason": "test"}, NOW)


def trained(
    registry: ModelRegistry, spec: ModelSpec = DELAY, *, days: int = 90, run: str = "r1"
) -> Candidate:
    data = training_set(days)
    sets = TrainingSets(registry.artifacts, registry.store)
    sets.save(data, Note("run", "assembled", {"rows": data.rows}, NOW))
    return train_candidate(registry, DOMAIN, spec, sets.current(), Occasion(run, NOW))


def version_of(release: Release | None) -> str | None:
    return release.version if release else None


def test_the_same_data_gives_the_same_version_twice(registry: ModelRegistry) -> None:
    first, second = trained(registry), trained(registry, run="r2")
    assert first.manifest == second.manifest
    assert first.evaluation == second.evaluation
    assert registry.versions("delay") == [first.manifest.version]
    assert first.mlflow_run_id != second.mlflow_run_id
    actions = [entry.action for entry in registry.history("delay")]
    assert actions == ["trained", "trained"]


def test_an_old_training_can_be_repeated_from_its_hash(registry: ModelRegistry) -> None:
    first = trained(registry)
    trained(registry, days=95, run="r2")
    sets = TrainingSets(registry.artifacts, registry.store)
    old = sets.load(first.manifest.data_sha256)
    again = train_candidate(registry, DOMAIN, DELAY, old, Occasion("r3", NOW))
    assert again.manifest == first.manifest
    assert again.evaluation == first.evaluation


def test_a_version_holds_every_file_and_no_pickle(registry: ModelRegistry) -> None:
    candidate = trained(registry, LATE)
    stored = registry.model("late", candidate.manifest.version)
    assert sorted(path.name for path in stored.folder.iterdir()) == [
        "calibration.svg",
        "contributions.svg",
        MANIFEST,
        "metrics.json",
        "model.onnx",
        "model.txt",
        "probe.json",
    ]
    everything = registry.settings.home.rglob("*")
    assert not [one for one in everything if one.suffix in {".pkl", ".pickle"}]
    assert stored.evaluation == candidate.evaluation


def test_a_changed_file_is_noticed(registry: ModelRegistry) -> None:
    candidate = trained(registry)
    (candidate.folder / "model.txt").write_text("something else")
    with pytest.raises(DamagedRecord, match=r"model\.txt"):
        registry.model("delay", candidate.manifest.version)


def test_mlflow_knows_the_run_both_ways(registry: ModelRegistry) -> None:
    candidate = trained(registry, run="dagster-run-7")
    client = registry.tracking._client()
    run = client.get_run(candidate.mlflow_run_id)
    assert run.data.tags["dagster_run_id"] == "dagster-run-7"
    assert run.data.tags["data_sha256"] == candidate.manifest.data_sha256
    assert run.data.metrics["rmse"] == candidate.manifest.metrics["rmse"]
    assert run.data.params["seed"] == str(registry.settings.training.seed)
    assert run.info.status == "FINISHED"
    names = {one.path for one in client.list_artifacts(candidate.mlflow_run_id)}
    assert {"calibration.svg", "model.onnx", "model.txt", "model"} <= names
    artifacts = registry.settings.home / "mlflow" / "artifacts"
    (layout,) = artifacts.rglob("MLmodel")
    assert '"inputs"' in layout.read_text()  # the signature
    challenger = client.get_model_version_by_alias("delay", "challenger")
    assert challenger.tags["version"] == candidate.manifest.version
    assert challenger.run_id == candidate.mlflow_run_id


@pytest.mark.filterwarnings("ignore:.*Any type hint:UserWarning")  # MLflow's own
def test_mlflow_can_load_and_use_what_it_was_given(registry: ModelRegistry) -> None:
    import mlflow.pyfunc

    candidate = trained(registry, LATE)
    (layout,) = (registry.settings.home / "mlflow" / "artifacts").rglob("MLmodel")
    loaded = mlflow.pyfunc.load_model(str(layout.parent))
    probe = json.loads((candidate.folder / "probe.json").read_text())
    inputs = np.array(probe["inputs"], dtype=np.float32)
    found = loaded.predict({"inputs": inputs})["prediction"][:, 0]
    np.testing.assert_allclose(found, probe["predictions"], atol=probe["tolerance"])


def test_a_failed_training_leaves_a_failed_run_and_no_version(
    registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("analytics_platform.adapters.model_plots.write_plots", full)
    with pytest.raises(OSError, match="No space"):
        trained(registry)
    client = registry.tracking._client()
    experiment = client.get_experiment_by_name("delay")
    assert experiment
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FAILED"
    assert registry.versions("delay") == []
    assert registry.challenger("delay") is None


def test_useless_data_fails_before_anything_is_written(registry: ModelRegistry) -> None:
    with pytest.raises(InvalidData):
        trained(registry, days=20)
    assert registry.names() == []


def test_the_first_challenger_that_beats_the_baselines_is_released(
    registry: ModelRegistry,
) -> None:
    candidate = trained(registry)
    decision = run_gate(registry, DELAY, Occasion("r1", NOW))
    assert decision.released
    assert [one.other for one in decision.comparisons] == ["mean", "history"]
    assert version_of(registry.champion("delay")) == candidate.manifest.version
    assert registry.tracking.alias("delay", "champion") == candidate.manifest.version
    entry = registry.history("delay")[-1]
    assert (entry.action, entry.actor) == ("released", "promotion gate")
    assert entry.details["data_sha256"] == candidate.manifest.data_sha256
    assert entry.details["mlflow_run_id"] == candidate.mlflow_run_id
    assert entry.details["rmse"] == candidate.manifest.metrics["rmse"]
    assert registry.store.ledger.verify() >= 2


def test_a_challenger_that_does_not_win_is_refused_with_its_numbers(
    registry: ModelRegistry,
) -> None:
    first = trained(registry)
    run_gate(registry, DELAY, Occasion("r1", NOW))
    second = trained(registry, days=91, run="r2")
    decision = run_gate(registry, DELAY, Occasion("r2", NOW))
    assert not decision.released
    assert decision.comparisons[-1].other == "champion"
    assert "not better than champion beyond doubt" in decision.reasons[0]
    assert version_of(registry.champion("delay")) == first.manifest.version
    assert version_of(registry.challenger("delay")) == second.manifest.version
    entry = registry.history("delay")[-1]
    assert entry.action == "refused"
    assert entry.details["version"] == second.manifest.version
    assert isinstance(entry.details["gain_over_champion"], float)
    assert entry.details["slices"]
    again = run_gate(registry, DELAY, Occasion("r3", NOW))
    assert again.reasons == decision.reasons


def test_a_clearly_better_challenger_takes_over(registry: ModelRegistry) -> None:
    weak = DELAY.model_copy(update={"parameters": {"rounds": 25}})
    trained(registry, weak)
    run_gate(registry, DELAY, Occasion("r1", NOW))
    strong = trained(registry, days=91, run="r2")
    decision = run_gate(registry, DELAY, Occasion("r2", NOW))
    assert decision.released
    assert decision.comparisons[-1].gain.low > 0
    assert {one.value for one in decision.slices} == {"north", "south", "west"}
    assert version_of(registry.champion("delay")) == strong.manifest.version


def test_the_champion_itself_is_not_judged_again(registry: ModelRegistry) -> None:
    trained(registry)
    run_gate(registry, DELAY, Occasion("r1", NOW))
    rows = len(registry.history("delay"))
    decision = run_gate(registry, DELAY, Occasion("r2", NOW))
    assert decision.reasons == ("the challenger is the champion already",)
    assert len(registry.history("delay")) == rows


@pytest.mark.parametrize("check", ["no_leak", "onnx_matches"])
def test_a_red_veto_keeps_the_release_from_moving_and_is_in_the_ledger(
    registry: ModelRegistry, check: str
) -> None:
    trained(registry)
    verdict = red(check)
    registry.store.verdicts.record([verdict])
    decision = run_gate(registry, DELAY, Occasion("r1", NOW))
    assert decision.reasons == (f"the check {check} is red",)
    assert registry.champion("delay") is None
    entry = registry.history("delay")[-1]
    assert (entry.action, entry.details["reasons"]) == (
        "refused",
        [f"the check {check} is red"],
    )
    passed = verdict.model_copy(update={"passed": True})
    registry.store.verdicts.record([passed])
    assert run_gate(registry, DELAY, Occasion("r2", NOW)).released


def test_a_leak_found_in_the_champion_itself_is_in_the_ledger(
    registry: ModelRegistry,
) -> None:
    candidate = trained(registry)
    run_gate(registry, DELAY, Occasion("r1", NOW))
    registry.store.verdicts.record([red("no_leak")])
    decision = run_gate(registry, DELAY, Occasion("r2", NOW))
    assert (decision.released, decision.reasons) == (
        False,
        ("the check no_leak is red",),
    )
    entry = registry.history("delay")[-1]
    assert (entry.action, entry.details["version"]) == (
        "refused",
        candidate.manifest.version,
    )


def red(check: str) -> Verdict:
    return Verdict(
        asset="models/delay",
        partition=None,
        check=check,
        passed=False,
        severity=Severity.ERROR,
        blocking=False,
        failing_rows=1,
        total_rows=4,
        run_id="r1",
        evaluated_at=NOW,
    )


def test_without_a_challenger_the_gate_says_what_to_do(registry: ModelRegistry) -> None:
    with pytest.raises(NotFound, match="Materialize models/delay first"):
        run_gate(registry, DELAY, Occasion("r1", NOW))


def test_a_release_moved_meanwhile_is_judged_anew(
    registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    weak = DELAY.model_copy(update={"parameters": {"rounds": 3}})
    first = trained(registry, weak)
    second = trained(registry)
    honest = ModelRegistry.release
    moved: list[str] = []

    def release_after_somebody_else(
        self: ModelRegistry,
        name: str,
        version: str,
        *,
        expected: str | None,
        note: Note,
    ) -> None:
        if not moved:
            moved.append(version)
            honest(self, name, first.manifest.version, expected=None, note=BY_HAND)
        honest(self, name, version, expected=expected, note=note)

    monkeypatch.setattr(ModelRegistry, "release", release_after_somebody_else)
    decision = run_gate(registry, DELAY, Occasion("r1", NOW))
    assert decision.champion == first.manifest.version
    assert decision.released
    assert version_of(registry.champion("delay")) == second.manifest.version


def test_a_release_that_never_stands_still_is_a_clear_conflict(
    registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(registry)

    def never(*_: object, **__: object) -> None:
        raise Conflict("moved", hint="again")

    monkeypatch.setattr(ModelRegistry, "release", never)
    with pytest.raises(Conflict):
        run_gate(registry, DELAY, Occasion("r1", NOW))


def test_rolling_back_twice_goes_back_two_releases(registry: ModelRegistry) -> None:
    versions = [trained(registry, days=days).manifest.version for days in (85, 90, 95)]
    for version in versions:
        registry.promote("delay", version, BY_HAND)
    back = Note("ann", "rolled back", {}, NOW)
    assert registry.rollback("delay", back).version == versions[1]
    assert registry.tracking.alias("delay", "champion") == versions[1]
    assert registry.rollback("delay", back).version == versions[0]
    with pytest.raises(NotFound, match="no earlier release"):
        registry.rollback("delay", back)
    assert registry.promote("delay", versions[2], BY_HAND).version == versions[2]


def test_promoting_by_hand_needs_a_version_that_is_not_released(
    registry: ModelRegistry,
) -> None:
    version = trained(registry).manifest.version
    registry.promote("delay", version, BY_HAND)
    with pytest.raises(InvalidUsage, match="champion already"):
        registry.promote("delay", version, BY_HAND)
    with pytest.raises(NotFound, match="no version 'v0'"):
        registry.promote("delay", "v0", BY_HAND)
    with pytest.raises(NotFound, match="no earlier release"):
        registry.rollback("nothing", BY_HAND)
    entry = registry.history("delay")[-1]
    assert (entry.actor, entry.details["reason"]) == ("ann", "test")


def test_drifted_aliases_are_mended(registry: ModelRegistry) -> None:
    first = trained(registry).manifest
    second = trained(registry, days=91).manifest
    registry.promote("delay", first.version, BY_HAND)
    assert registry.repair() == []
    registry.tracking.set_alias(second, "champion")
    registry.tracking.drop_alias("delay", "challenger")
    assert registry.repair() == [
        f"delay: challenger was None, is {second.version}",
        f"delay: champion was {second.version}, is {first.version}",
    ]
    assert registry.tracking.alias("delay", "champion") == first.version
    assert registry.repair() == []


def test_a_lost_mlflow_registration_is_made_again(registry: ModelRegistry) -> None:
    manifest = trained(registry).manifest
    registry.tracking._client().delete_registered_model("delay")
    assert registry.repair() == [f"delay: challenger was None, is {manifest.version}"]
    assert registry.tracking.alias("delay", "challenger") == manifest.version


def test_a_damaged_training_set_is_noticed(registry: ModelRegistry) -> None:
    candidate = trained(registry)
    folder = registry.artifacts.local_path("training", candidate.manifest.data_sha256)
    assert json.loads((folder / MANIFEST).read_text())["rows"] > 0
    _overwrite(folder / "rows.parquet", training_set(days=30))
    sets = TrainingSets(registry.artifacts, registry.store)
    with pytest.raises(DamagedRecord, match="does not have the rows"):
        sets.current()


def test_without_a_training_set_training_says_what_to_do(
    registry: ModelRegistry,
) -> None:
    with pytest.raises(NotFound, match="Materialize models/training_set"):
        TrainingSets(registry.artifacts, registry.store).current()


def _overwrite(path: Path, data: object) -> None:
    import pyarrow.parquet as pq

    pq.write_table(getattr(data, "table"), path)  # noqa: B009
