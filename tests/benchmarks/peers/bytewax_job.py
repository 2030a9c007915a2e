"""The job in bytewax: python bytewax_job.py BROKER TOPIC EVENTS bare|safe.

`safe` is bytewax as it comes, with recovery points each second; `bare` is without them
and reads larger batches. By default its event clock goes on with the wall's between
events, which makes the more of them late the slower it is; here it does not.
"""

import json
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op
import orjson
from bytewax.connectors.kafka import KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.operators import windowing as win
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import TestingSink, run_main

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BEGUN: list[tuple[float, float]] = []


def parsed(message: Any) -> tuple[str, tuple[datetime, float]]:
    """A reading by its sensor."""
    if not _BEGUN:
        _BEGUN.append((time.monotonic(), time.process_time()))
    event = orjson.loads(message.value)
    at = _EPOCH + timedelta(milliseconds=event["at"])
    return event["sensor"], (at, event["level"])


def folded(sums: tuple[int, float], one: tuple[datetime, float]) -> tuple[int, float]:
    """Count and sum with one more."""
    return sums[0] + 1, sums[1] + one[1]


def merged(some: tuple[int, float], more: tuple[int, float]) -> tuple[int, float]:
    """Count and sum of both."""
    return some[0] + more[0], some[1] + more[1]


def main(broker: str, topic: str, *, bare: bool) -> None:
    """Run it to the end of the topic and print what it took."""
    closed: list[Any] = []
    late: list[Any] = []
    flow = Dataflow("job")
    size = 10_000 if bare else 1_000  # its default
    source = KafkaSource([broker], [topic], tail=False, batch_size=size)
    keyed = op.map("parse", op.input("in", flow, source), parsed)
    clock = win.EventClock(
        ts_getter=lambda one: one[0],
        wait_for_system_duration=timedelta(milliseconds=50),
        now_getter=lambda: _EPOCH,
    )
    windower = win.TumblingWindower(length=timedelta(seconds=1), align_to=_EPOCH)
    out = win.fold_window(
        "windows", keyed, clock, windower, lambda: (0, 0.0), folded, merged
    )
    op.output("closed", out.down, TestingSink(closed))
    op.output("late", out.late, TestingSink(late))
    if bare:
        run_main(flow)
    else:
        _run_safely(flow)
    wall, cpu = time.monotonic() - _BEGUN[0][0], time.process_time() - _BEGUN[0][1]
    # At the end of its input bytewax closes the last readings' windows too.
    counted = sum(
        count for key, (_, (count, _sum)) in closed if not key.startswith("end")
    )
    figures = {"counted": counted, "late": len(late), "wall": wall, "cpu": cpu}
    print(json.dumps(figures))


def _run_safely(flow: Dataflow) -> None:
    with tempfile.TemporaryDirectory() as folder:
        init_db_dir(Path(folder), 1)
        second = timedelta(seconds=1)
        run_main(flow, epoch_interval=second, recovery_config=RecoveryConfig(folder))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], bare=sys.argv[4] == "bare")
