"""Instants for tests, written short."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """The instant that many seconds after START."""
    return START + timedelta(seconds=seconds)
