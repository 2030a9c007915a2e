"""A small warehouse and its publisher, also as a process that tests kill."""

import sys
from datetime import UTC, datetime
from pathlib import Path

from analytics_platform.adapters.artifacts import ArtifactStore
from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.control_store.migrations import migrate
from analytics_platform.adapters.duckdb_warehouse import DuckDBWarehouse
from analytics_platform.adapters.snapshot_publication import Part, Publication
from analytics_platform.adapters.snapshots import SnapshotStore
from analytics_platform.settings import Settings, SnapshotSettings

PARTS = (
    Part("fct_trips", "marts.fct_trips", "mart"),
    Part("trip_history", "features.trip_history", "features"),
)
# Nothing lives longer than its turn: tests look at what is deleted, too.
RETENTION = SnapshotSettings(keep=2, grace_seconds=0)


def open_warehouse(home: Path) -> DuckDBWarehouse:
    """The warehouse of a home."""
    return DuckDBWarehouse(Settings(home=home))


def open_snapshots(
    home: Path, retention: SnapshotSettings = RETENTION
) -> SnapshotStore:
    """The snapshots of a home, its control store migrated."""
    url = f"sqlite:///{home / 'control.sqlite'}"
    migrate(url)
    artifacts = ArtifactStore(str(home / "artifacts"))
    return SnapshotStore(artifacts, ControlStore.open(url), retention)


def fill(home: Path, rows: int = 1000, *, order: str = "trip") -> None:
    """Make the published tables anew: `rows` trips, their rows in that order."""
    with open_warehouse(home).session() as session:
        for schema in ("marts", "features"):
            session.execute(f"create schema if not exists {schema}")
        session.execute(
            "create or replace table marts.fct_trips as "
            "select range as trip, date '2013-01-01' + (range % 365)::int as day, "
            "range * 0.5 as delay_minutes, 'line ' || range % 7 as line "
            f"from range({rows}) order by {order}"
        )
        session.execute(
            "create or replace table features.trip_history as "
            f"select trip, count(*) as trips from marts.fct_trips group by trip "
            f"order by {order}"
        )
    (home / "semantic_manifest.json").write_text('{"metrics": []}')


def publication(home: Path, run_id: str = "run-1") -> Publication:
    """Everything the small warehouse has to publish."""
    return Publication(
        domain="trips",
        run_id=run_id,
        as_of=datetime(2013, 11, 1, tzinfo=UTC),
        parts=PARTS,
        semantic_manifest=home / "semantic_manifest.json",
        feature_views={"trip_history": "1"},
    )


def publish_for_ever(home: Path) -> None:
    """Publish again and again until killed; says when it begins."""
    snapshots, warehouse = open_snapshots(home), open_warehouse(home)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        snapshots.publish(publication(home), warehouse, at=datetime.now(UTC))


if __name__ == "__main__":
    publish_for_ever(Path(sys.argv[1]))
