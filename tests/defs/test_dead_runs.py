"""Runs whose process is gone are marked failed; those that live are left alone."""

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from analytics_platform.defs.dead_runs import (
    PID_STARTED_TAG,
    mend_dead_runs,
    owner_tags,
)

WORKER = """
    import os, time
    import dagster as dg
    from analytics_platform.defs.dead_runs import owner_tags

    @dg.asset(pool="warehouse")
    def slow():
        print("running", flush=True)
        time.sleep(60)

    if __name__ == "__main__":
        with dg.DagsterInstance.get() as instance:
            dg.materialize([slow], instance=instance, tags={tags})
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "dagster.yaml").write_text(
        "telemetry: {enabled: false}\n"
        "concurrency: {pools: {default_limit: 1, granularity: op}}\n"
    )
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


def killed_run(home: Path, tags: str) -> None:
    script = home / "worker.py"
    script.write_text(textwrap.dedent(WORKER).replace("{tags}", tags))
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"running\n"
        worker.kill()


@pytest.mark.parametrize("tags", ["owner_tags(os.getpid())", "{}"])
def test_a_killed_run_is_mended_whether_it_was_tagged_or_not(
    home: Path, instance: dg.DagsterInstance, tags: str
) -> None:
    killed_run(home, tags)
    (run,) = instance.get_runs()
    assert run.status is DagsterRunStatus.STARTED
    started = time.monotonic()
    assert mend_dead_runs(instance) == [run.run_id]
    assert time.monotonic() - started < 10
    (run,) = instance.get_runs()
    assert run.status is DagsterRunStatus.FAILURE
    info = instance.event_log_storage.get_concurrency_info("warehouse")
    assert info.active_slot_count == 0
    assert mend_dead_runs(instance) == []


def test_a_living_run_is_left_alone(instance: dg.DagsterInstance) -> None:
    run = instance.create_run_for_job(_job(), tags=owner_tags(os.getpid()))
    instance.handle_new_event(_started(run))
    assert mend_dead_runs(instance) == []


def test_a_reused_process_id_does_not_keep_a_run_alive(
    instance: dg.DagsterInstance,
) -> None:
    tags = {**owner_tags(os.getpid()), PID_STARTED_TAG: "1.0"}
    run = instance.create_run_for_job(_job(), tags=tags)
    instance.handle_new_event(_started(run))
    assert mend_dead_runs(instance) == [run.run_id]


def test_a_run_that_never_began_is_dead_once_its_launcher_is(
    instance: dg.DagsterInstance,
) -> None:
    run = instance.create_run_for_job(_job(), status=DagsterRunStatus.STARTING)
    assert mend_dead_runs(instance) == []
    assert mend_dead_runs(instance, launcher_ended=True) == [run.run_id]


def test_a_run_killed_before_its_first_event_is_mended(
    instance: dg.DagsterInstance,
) -> None:
    tags = {**owner_tags(os.getpid()), PID_STARTED_TAG: "1.0"}
    run = instance.create_run_for_job(_job(), tags=tags)
    living = instance.create_run_for_job(_job(), tags=owner_tags(os.getpid()))
    unknown = instance.create_run_for_job(_job())
    assert mend_dead_runs(instance) == [run.run_id]
    assert {one.run_id for one in instance.get_runs() if not one.is_finished} == {
        living.run_id,
        unknown.run_id,
    }


def test_mending_that_is_killed_itself_is_taken_up_again(
    home: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_run(home, "owner_tags(os.getpid())")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    for target, name in (
        (dg.DagsterInstance, "report_run_failed"),
        (type(instance.event_log_storage), "free_concurrency_slots_for_run"),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(target, name, killed)
            with pytest.raises(KeyboardInterrupt):
                mend_dead_runs(instance)
    (run,) = instance.get_runs()
    assert mend_dead_runs(instance) == [run.run_id]
    info = instance.event_log_storage.get_concurrency_info("warehouse")
    assert info.active_slot_count == 0


def _job() -> dg.JobDefinition:
    @dg.job
    def empty() -> None:
        return None

    return empty


def _started(run: dg.DagsterRun) -> dg.EventLogEntry:
    event = dg.DagsterEvent("PIPELINE_START", run.job_name)
    return dg.EventLogEntry(  # type: ignore[no-untyped-call]
        error_info=None,
        user_message="",
        level="INFO",
        run_id=run.run_id,
        timestamp=time.time(),
        job_name=run.job_name,
        dagster_event=event,
    )
