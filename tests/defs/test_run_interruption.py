"""A run that is interrupted ends at once, whatever was to come."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.control_store.migrations import migrate
from analytics_platform.core.gate import Part
from analytics_platform.defs.console import quiet_console
from analytics_platform.defs.runs import Builder

WHOLE: frozenset[Part] = frozenset({None})
OTHERS = [f"other_{number}" for number in range(8)]


@pytest.fixture
def store(tmp_path: Path) -> ControlStore:
    url = f"sqlite:///{tmp_path}/control.sqlite"
    migrate(url)
    return ControlStore.open(url)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def test_no_step_goes_on_after_an_interruption(
    store: ControlStore, instance: dg.DagsterInstance
) -> None:
    finished: list[str] = []
    builder = Builder(_definitions(finished), instance, store, lambda _event: None)

    with pytest.raises(KeyboardInterrupt):
        builder.build(dict.fromkeys(["a_first", *OTHERS], WHOLE))

    assert len(finished) < 2, "the one at work when the interruption was seen"
    (run,) = instance.get_runs()
    assert run.is_finished
    assert run.status is not dg.DagsterRunStatus.SUCCESS


def _definitions(finished: list[str]) -> dg.Definitions:
    @dg.asset
    def a_first() -> None:
        signal.raise_signal(signal.SIGINT)

    def other(name: str) -> dg.AssetsDefinition:
        @dg.asset(name=name)
        def asset() -> None:
            deadline = time.monotonic() + 1.0
            while time.monotonic() < deadline:
                time.sleep(0.01)
            finished.append(name)

        return asset

    return dg.Definitions(
        assets=[a_first, *map(other, OTHERS)],
        executor=dg.in_process_executor,
        loggers={"console": quiet_console},
    )
