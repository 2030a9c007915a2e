"""What several processes do to one control store at the same time."""

from datetime import UTC, datetime

from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.control_store.ledger import Note
from analytics_platform.contracts.domain import Severity
from analytics_platform.contracts.records import Verdict
from analytics_platform.errors import Conflict

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def race_to_generation(url: str, name: str, generations: int) -> list[int]:
    """Try each generation until somebody made it; gives those this process made."""
    store = ControlStore.open(url)
    won = []
    for generation in range(1, generations + 1):
        current = store.releases.current("race")
        if current is not None and current.generation >= generation:
            continue
        expected = current.version if current else None
        note = Note(name, "move", {}, NOW)
        try:
            to = f"{generation}-{name}"
            release = store.releases.move("race", to, expected=expected, note=note)
        except Conflict:
            continue
        won.append(release.generation)
    store.close()
    return won


def append_many(url: str, name: str, count: int) -> list[int]:
    """Append rows to the ledger; gives their sequence numbers."""
    store = ControlStore.open(url)
    made = [
        store.ledger.append(name, Note(name, "act", {"n": n}, NOW)).sequence
        for n in range(count)
    ]
    store.close()
    return made


def record_many(url: str, name: str, count: int) -> list[int]:
    """Record verdicts on the same keys as everybody else."""
    store = ControlStore.open(url)
    for number in range(count):
        store.verdicts.record(
            [
                Verdict(
                    asset="raw/a",
                    partition=f"2013-{month:02d}-01",
                    check="rows",
                    passed=True,
                    severity=Severity.ERROR,
                    blocking=True,
                    failing_rows=0,
                    total_rows=number,
                    run_id=name,
                    evaluated_at=NOW,
                )
                for month in range(1, 13)
            ]
        )
    store.close()
    return []


def add_events(url: str, _name: str, count: int) -> list[int]:
    """Add events that everybody else adds too; gives those that were new."""
    store = ControlStore.open(url)
    new = [n for n in range(count) if store.outbox.add("kind", f"key-{n}", {}, NOW)]
    store.close()
    return new
