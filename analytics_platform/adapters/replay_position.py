"""Where a replay that follows the platform's clock is, kept in the home."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from analytics_platform.adapters.durable_files import write_atomically
from analytics_platform.contracts.streams import EventStream
from analytics_platform.core.pacing import Position
from analytics_platform.errors import DamagedRecord


@dataclass(frozen=True)
class PositionFile:
    """Where the replay of a stream is, kept in the home."""

    path: Path

    @classmethod
    def of(cls, home: Path, stream: EventStream) -> "PositionFile":
        """The file of a stream."""
        return cls(home / "replay" / f"{stream.name}.json")

    def read(self) -> Position | None:
        """What was kept; None before the first event.

        Raises:
            DamagedRecord: the file does not say where the replay is.
        """
        try:
            told = json.loads(self.path.read_bytes())
            return Position(int(told["sent_at_ms"]), int(told["events"]))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedRecord(
                f"The replay's position in {self.path} cannot be read: {error}.",
                hint="Remove the file to go on from where the clock is.",
            ) from error

    def keep(self, position: Position) -> None:
        """Write down that all up to this position has arrived."""
        write_atomically(self.path, json.dumps(asdict(position)).encode())
