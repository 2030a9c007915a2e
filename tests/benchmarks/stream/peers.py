"""The same job on the same topic in other engines: `make bench-stream-peers`.

Tumbling windows of a second, count and sum of 1,000 keys, closed 50 ms after their end.
Each engine runs alone, in an environment of its own; what it takes to start is not
counted.
"""

import argparse
import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.stream.jobs import Job, load
from tests.benchmarks.stream.throughput import drained
from tests.domains import readings as domain
from tests.support.kafka_server import running_kafka
from tests.support.repository import ROOT
from tests.support.stream_homes import make_stream_home

JOB = Job("tumbling", 1_000, metrics=("readings", "total"))
PEERS = {
    "pathway": ("pathway",),
    "quixstreams": ("quixstreams", "safe"),
    "quixstreams, bare": ("quixstreams", "bare"),
    "bytewax": ("bytewax", "safe"),
    "bytewax, bare": ("bytewax", "bare"),
}
"""Of each line the environment and the job's arguments: `safe` keeps recovery points as
the sidecar does, `bare` does not. Pathway keeps none; it has telemetry, which is off
where no licence key and no monitoring server are named.
"""
_JOBS = Path(__file__).parents[1] / "peers"
_SECONDS = 900
# Nothing but loopback: what would phone home finds a closed door.
_CLOSED = "http://127.0.0.1:9"
_ENVIRONMENT = {
    **dict.fromkeys(("http_proxy", "https_proxy", "HTTPS_PROXY"), _CLOSED),
    "DO_NOT_TRACK": "1",
    "OTEL_SDK_DISABLED": "true",
}


@dataclass(frozen=True)
class Rate:
    """How fast an engine went, and where the events are."""

    name: str
    events: int
    counted: int
    late: int | None
    cpu: float
    wall: float

    @property
    def a_cpu_second(self) -> float:
        """Events a CPU-second."""
        return self.events / self.cpu

    @property
    def a_second(self) -> float:
        """Events a second."""
        return self.events / self.wall

    def line(self, ours: "Rate") -> str:
        """One line of the comparison."""
        late = "late not told" if self.late is None else f"{self.late:,} late"
        return (
            f"{self.name:<18} {self.a_cpu_second:10,.0f} events/CPU-s "
            f"{self.a_second:10,.0f} events/s   ours is "
            f"{ours.a_cpu_second / self.a_cpu_second:5.1f} and "
            f"{ours.a_second / self.a_second:5.1f} times that; "
            f"{self.counted:,} counted, {late}; {load()}"
        )


def main() -> None:
    """Run all and print what each took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_kafka() as kafka:
        home = Path(folder) / "home"
        make_stream_home(home, domain.semantic_manifest())
        own = drained(kafka, home, JOB, given.events)
        ours = Rate(
            "the sidecar", given.events, own.counted, own.late, own.cpu, own.wall
        )
        print(ours.line(ours), flush=True)
        for name in given.peers:
            found = _theirs(name, kafka.bootstrap, own.topic, given.events)
            print(found.line(ours), flush=True)


def _theirs(name: str, bootstrap: str, topic: str, events: int) -> Rate:
    engine, *more = PEERS[name]
    python = ROOT / "build" / "peers" / engine / "bin" / "python"
    job = _JOBS / f"{engine}_job.py"
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [python, job, bootstrap, topic, str(events + domain.PARTITIONS), *more],
            env={**os.environ, **_ENVIRONMENT},
            cwd=folder,
            stdout=subprocess.PIPE,
            timeout=_SECONDS,
            check=True,
        )
    found = json.loads(done.stdout.decode().strip().splitlines()[-1])
    late = found["late"]
    assert late is None or found["counted"] + late == events, (name, found)
    assert found["counted"] <= events, (name, found)
    return Rate(name, events, found["counted"], late, found["cpu"], found["wall"])


if __name__ == "__main__":
    main()
