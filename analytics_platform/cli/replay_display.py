"""How far a replay is: a bar in a terminal, a line now and then elsewhere."""

from datetime import UTC, datetime

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from analytics_platform.adapters.replay_sending import Progress as Sent

_LINES = 10  # without a terminal, about so many


class ReplayDisplay:
    """Shows events sent, of how many, and the time that the replay has come to."""

    def __init__(self, console: Console, events: int) -> None:
        self._console, self._events, self._printed = console, events, 0
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("replay", total=events)

    def __enter__(self) -> "ReplayDisplay":
        self._progress.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._progress.stop()

    def show(self, sent: Sent) -> None:
        """Take in how far it is."""
        at = f"{datetime.fromtimestamp(sent.sent_at_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"
        self._progress.update(self._task, completed=sent.events, description=at)
        step = max(1, self._events // _LINES)
        if not self._console.is_terminal and sent.events // step > self._printed:
            self._printed = sent.events // step
            self._console.print(f"{at}: {sent.events:,} of {self._events:,} events")
