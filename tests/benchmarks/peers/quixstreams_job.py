"""The job in Quix Streams: python quixstreams_job.py BROKER TOPIC EVENTS bare|safe.

`safe` is Quix Streams as it comes, with changelog topics; `bare` without them.
"""

import json
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from typing import Any

from quixstreams import Application
from quixstreams.dataframe.windows import Count, Sum


class Clock:
    """Begins with the first reading; stops the application after the last one."""

    def __init__(self, events: int) -> None:
        self.begun: tuple[float, float] | None = None
        self.stop: Callable[[], None] = lambda: None
        self._left = events

    def event_time(self, value: Any, *_: object) -> int:
        """When a reading was taken; is asked once for each."""
        if self.begun is None:
            self.begun = (time.monotonic(), time.process_time())
        self._left -= 1
        if not self._left:
            self.stop()
        at: int = value["at"]
        return at

    def taken(self) -> dict[str, float]:
        """Wall and processor seconds since it began."""
        wall, cpu = self.begun or (0.0, 0.0)
        return {"wall": time.monotonic() - wall, "cpu": time.process_time() - cpu}


def main(broker: str, topic: str, events: int, *, bare: bool) -> None:
    """Run it until all was read and print what it took."""
    counts, clock = {"counted": 0, "late": 0}, Clock(events)

    def add(window: dict[str, Any]) -> None:
        counts["counted"] += window["events"]

    def skip(*_: object) -> bool:
        counts["late"] += 1
        return False

    with tempfile.TemporaryDirectory() as folder:
        app = Application(
            broker,
            consumer_group=uuid.uuid4().hex,
            auto_offset_reset="earliest",
            state_dir=folder,
            use_changelog_topics=not bare,
            loglevel="ERROR",
        )
        frame = app.dataframe(
            app.topic(
                topic, value_deserializer="json", timestamp_extractor=clock.event_time
            )
        )
        windows = frame.tumbling_window(1_000, grace_ms=50, on_late=skip)
        sums = windows.agg(events=Count(), total=Sum("level"))
        sums.final(closing_strategy="partition").update(add)
        clock.stop = app.stop
        app.run()
    print(json.dumps(counts | clock.taken()))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), bare=sys.argv[4] == "bare")
