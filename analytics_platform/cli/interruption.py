"""Lets a request to terminate end a command as Ctrl-C does: in order."""

import signal
from types import FrameType


def end_in_order_when_terminated() -> None:
    """From now on take SIGTERM for SIGINT, whoever handles that at the moment.

    A run under way is then marked by Dagster and frees its slots; left to itself
    Python ends at once.
    """
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    signal.raise_signal(signal.SIGINT)
