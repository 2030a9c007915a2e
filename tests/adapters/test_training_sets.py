"""Which training sets stay."""

from datetime import UTC, datetime, timedelta

from analytics_platform.adapters.control_store.ledger import Note
from analytics_platform.adapters.model_registry import ModelRegistry
from analytics_platform.adapters.promotion_gate import run_gate
from analytics_platform.adapters.training_run import Occasion, train_candidate
from analytics_platform.adapters.training_sets import PREFIX, TrainingSets
from tests.support.model_domain import (
    DELAY,
    DOMAIN,
    mlflow_database,
    registry,
    training_set,
)

__all__ = ["mlflow_database", "registry"]

START = datetime(2020, 5, 1, tzinfo=UTC)
LATER = START + timedelta(days=30)
NOBODY: set[str] = set()


def sets_of(registry: ModelRegistry) -> TrainingSets:
    return TrainingSets(registry.artifacts, registry.store)


def save(registry: ModelRegistry, day: int, *, seed: int | None = None) -> str:
    note = Note("run r", "assembled", {}, START + timedelta(days=day))
    data = training_set(60, seed=day if seed is None else seed)
    return sets_of(registry).save(data, note)


def kept(registry: ModelRegistry) -> set[str]:
    return set(registry.artifacts.list(PREFIX))


def test_the_newest_sets_stay(registry: ModelRegistry) -> None:
    saved = [save(registry, day) for day in range(4)]
    assert len(set(saved)) == 4
    assert set(sets_of(registry).prune(LATER, keep=2, in_use=NOBODY)) == {*saved[:2]}
    assert kept(registry) == {*saved[2:]}
    assert sets_of(registry).current().sha256() == saved[3]


def test_a_set_that_became_current_again_is_new_again(registry: ModelRegistry) -> None:
    """Rows that changed back give the hash they had."""
    first, second, third = (save(registry, day) for day in range(3))
    assert save(registry, 3, seed=0) == first
    sets_of(registry).prune(LATER, keep=2, in_use=NOBODY)
    assert kept(registry) == {third, first}
    assert second not in kept(registry)


def test_a_set_in_use_stays_however_old(registry: ModelRegistry) -> None:
    first, second, third = (save(registry, day) for day in range(3))
    assert sets_of(registry).prune(LATER, keep=1, in_use={first}) == [second]
    assert kept(registry) == {first, third}


def test_a_set_replaced_just_now_stays_for_who_reads_it(
    registry: ModelRegistry,
) -> None:
    first, _ = save(registry, 0), save(registry, 1)
    replaced = START + timedelta(days=1)
    sets, half = sets_of(registry), timedelta(minutes=30)
    assert sets.prune(replaced + half, keep=1, in_use=NOBODY) == []
    assert sets.prune(replaced + 2 * half, keep=1, in_use=NOBODY) == [first]


def test_a_set_whose_run_was_killed_before_it_became_current_goes(
    registry: ModelRegistry,
) -> None:
    first = save(registry, 0)
    lost = training_set(60, seed=9)
    sets_of(registry)._write(lost, lost.sha256())
    assert sets_of(registry).prune(LATER, keep=5, in_use=NOBODY) == [lost.sha256()]
    assert kept(registry) == {first}


def test_in_use_are_the_sets_of_champion_and_challenger(
    registry: ModelRegistry,
) -> None:
    assert registry.data_in_use() == NOBODY
    hashes = []
    for day, length in ((0, 90), (1, 91)):
        note = Note("run r", "assembled", {}, START + timedelta(days=day))
        hashes.append(sets_of(registry).save(training_set(length), note))
        occasion = Occasion(f"r{day}", START)
        data = sets_of(registry).current()
        train_candidate(registry, DOMAIN, DELAY, data, occasion)
        run_gate(registry, DELAY, occasion)
    newest = save(registry, 2)
    champion = registry.champion("delay")
    assert champion
    assert registry.manifest("delay", champion.version).data_sha256 == hashes[0]
    assert registry.data_in_use() == {*hashes}
    in_use = registry.data_in_use()
    assert sets_of(registry).prune(LATER, keep=1, in_use=in_use) == []
    assert kept(registry) == {*hashes, newest}
    # So the gate can judge the challenger again, whatever came since.
    assert not run_gate(registry, DELAY, Occasion("r9", LATER)).released
