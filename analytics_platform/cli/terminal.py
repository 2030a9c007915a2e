"""Where commands print: a terminal, or a file with room for whole lines."""

import sys

from rich.console import Console

_WIDTH_OF_A_FILE = 160


def open_console() -> Console:
    """Standard output; without a terminal, lines of up to 160 columns."""
    return Console(width=None if sys.stdout.isatty() else _WIDTH_OF_A_FILE)
