"""How a forked sidecar is to be started."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.sidecar_steps import Death


@dataclass(frozen=True)
class Order:
    """Environment and output file of a sidecar, and what is to happen to it.

    `death` is where it dies. Its state database, on SQLite, grows to `pages` at most,
    as on a disk that is full then. It stops reading at `most_uncommitted` events.
    """

    variables: Mapping[str, str]
    output: Path
    death: Death | None = None
    pages: int | None = None
    most_uncommitted: int | None = None
