"""Owners of runs, and which of them are dead."""

import os
import subprocess
import sys

from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.control_store.owners import Owner, this_process

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def test_a_living_process_is_not_dead(store: ControlStore) -> None:
    store.owners.claim_here("run")
    assert store.owners.dead() == []
    assert [owner.pid for owner in store.owners.all()] == [os.getpid()]


def test_a_killed_process_is_dead_even_before_it_is_reaped(
    store: ControlStore,
) -> None:
    with subprocess.Popen(SLEEP) as child:
        import psutil

        started = psutil.Process(child.pid).create_time()
        host = this_process("run").host
        store.owners.claim("run", child.pid, started, host)
        assert store.owners.dead() == []
        child.kill()
        _until_zombie(child.pid)
        assert store.owners.dead() == [Owner("run", child.pid, started, host)]
    assert [owner.run_id for owner in store.owners.dead()] == ["run"]


def test_another_process_with_the_same_id_is_not_the_owner(
    store: ControlStore,
) -> None:
    me = this_process("run")
    store.owners.claim("run", me.pid, me.start_time - 60, me.host)
    assert [owner.run_id for owner in store.owners.dead()] == ["run"]


def test_owners_on_other_hosts_are_not_judged(store: ControlStore) -> None:
    store.owners.claim("run", 2**22 + 1, 0.0, "another-host")
    assert store.owners.dead() == []


def test_a_later_claim_takes_the_place_of_an_earlier(store: ControlStore) -> None:
    store.owners.claim("run", 2**22 + 1, 0.0, this_process("run").host)
    store.owners.claim_here("run")
    assert store.owners.dead() == []
    store.owners.release("run")
    assert store.owners.all() == []


def _until_zombie(pid: int) -> None:
    import time

    import psutil

    while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
