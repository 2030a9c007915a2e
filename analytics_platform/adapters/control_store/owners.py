"""Which process works on which run, so that the dead can be cleaned up after."""

import os
import socket
from dataclasses import dataclass

import psutil
from sqlalchemy import Engine, delete, insert, select

from analytics_platform.adapters.control_store.engine import reading, writing
from analytics_platform.adapters.control_store.tables import OWNERS

# The kernel counts start times in ticks since boot; the boot time moves by up to a
# second when the wall clock is set.
_SAME_START_SECONDS = 2.0


@dataclass(frozen=True)
class Owner:
    """A process by id and start time (seconds since 1970) on a host, and its run."""

    run_id: str
    pid: int
    start_time: float
    host: str


def this_process(run_id: str) -> Owner:
    """The calling process as the owner of `run_id`."""
    start_time = psutil.Process().create_time()
    return Owner(run_id, os.getpid(), start_time, socket.gethostname())


@dataclass(frozen=True)
class Owners:
    """Owners of the runs that are going on."""

    engine: Engine

    def claim(self, run_id: str, pid: int, start_time: float, host: str) -> None:
        """Say who works on `run_id`; a later claim takes the place of an earlier."""
        with writing(self.engine, "owners") as connection:
            connection.execute(delete(OWNERS).where(OWNERS.c.run_id == run_id))
            connection.execute(
                insert(OWNERS).values(
                    run_id=run_id, pid=pid, start_time=start_time, host=host
                )
            )

    def claim_here(self, run_id: str) -> None:
        """Say that this process works on `run_id`."""
        owner = this_process(run_id)
        self.claim(run_id, owner.pid, owner.start_time, owner.host)

    def release(self, run_id: str) -> None:
        """Say that nobody works on `run_id` any more."""
        with writing(self.engine, "owners") as connection:
            connection.execute(delete(OWNERS).where(OWNERS.c.run_id == run_id))

    def all(self) -> list[Owner]:
        """Every owner, by run id."""
        with reading(self.engine) as connection:
            rows = connection.execute(select(OWNERS).order_by(OWNERS.c.run_id)).all()
        return [Owner(*row) for row in rows]

    def dead(self) -> list[Owner]:
        """Owners on this host whose process is gone, or is another one by now."""
        here = socket.gethostname()
        return [o for o in self.all() if o.host == here and not is_alive(o)]


def is_alive(owner: Owner) -> bool:
    """Whether the owner's own process still runs on this host."""
    try:
        process = psutil.Process(owner.pid)
        apart = abs(process.create_time() - owner.start_time)
        return apart <= _SAME_START_SECONDS and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
