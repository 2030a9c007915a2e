"""The job in Pathway: python pathway_job.py BROKER TOPIC EVENTS."""

import json
import logging
import os
import sys
import threading
import time
import uuid
from typing import Any

import pathway as pw

Row = dict[str, Any]
_QUIET_SECONDS = 5.0


class Reading(pw.Schema):  # type: ignore[misc]  # it ships no types here
    """What is read of an event."""

    at: int
    sensor: str
    level: float


class Clock(logging.Handler):
    """Begins when the engine says that it is about to read, its start being over."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: tuple[float, float] | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Look at what is said."""
        if self.begun is None and "Realtime data starts" in record.getMessage():
            self.begun = (time.monotonic(), time.process_time())


class Tally:
    """What has come out so far, and when."""

    def __init__(self, clock: Clock) -> None:
        self.counted = self.read = 0
        self._clock = clock
        self._ended = (0.0, 0.0)

    def on_total(self, *, row: Row, is_addition: bool, **_: object) -> None:
        """So many events were read."""
        if is_addition:
            self.read = row["events"]
            self._ended = (time.monotonic(), time.process_time())

    def on_window(self, *, row: Row, is_addition: bool, **_: object) -> None:
        """A window was closed, or (never seen) taken back."""
        self.counted += row["events"] if is_addition else -row["events"]
        self._ended = (time.monotonic(), time.process_time())

    def tell(self, events: int) -> None:
        """Wait until everything was read, print what it took, and end the process."""
        while self.read < events or time.monotonic() - self._ended[0] < _QUIET_SECONDS:
            time.sleep(0.1)
        begun = self._clock.begun
        if begun is None:
            print("it no longer says when it begins to read", file=sys.stderr)
            os._exit(1)
        wall, cpu = (b - a for a, b in zip(begun, self._ended, strict=True))
        figures = {
            "counted": self.counted,
            "late": None,  # it drops them without a word
            "wall": wall,
            "cpu": cpu,
        }
        print(json.dumps(figures), flush=True)
        os._exit(0)  # its run has no end


def main(broker: str, topic: str, events: int) -> None:
    """Run it until all was read."""
    clock = Clock()
    logging.basicConfig(level=logging.INFO, handlers=[clock])
    tally = Tally(clock)
    readings = pw.io.kafka.read(
        {
            "bootstrap.servers": broker,
            "group.id": uuid.uuid4().hex,
            "auto.offset.reset": "earliest",
        },
        topic=topic,
        schema=Reading,
        format="json",
    )
    windows = readings.windowby(
        readings.at,
        window=pw.temporal.tumbling(duration=1_000),
        instance=readings.sensor,
        behavior=pw.temporal.exactly_once_behavior(shift=50),
    ).reduce(
        sensor=pw.this._pw_instance,
        start=pw.this._pw_window_start,
        events=pw.reducers.count(),
        total=pw.reducers.sum(pw.this.level),
    )
    total = readings.reduce(events=pw.reducers.count())

    pw.io.subscribe(windows, tally.on_window)
    pw.io.subscribe(total, tally.on_total)
    threading.Thread(target=tally.tell, args=(events,), daemon=True).start()
    pw.run(monitoring_level=pw.MonitoringLevel.NONE, default_logging=False)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
