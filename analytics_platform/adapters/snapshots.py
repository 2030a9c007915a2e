"""Published snapshots: immutable versions, one of them current."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from analytics_platform.adapters.artifact_names import MANIFEST
from analytics_platform.adapters.artifacts import ArtifactStore
from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.control_store.ledger import Note
from analytics_platform.adapters.snapshot_publication import (
    Edition,
    Publication,
    Quality,
    write_snapshot,
)
from analytics_platform.adapters.warehouse import Warehouse
from analytics_platform.contracts.records import Release, SnapshotManifest
from analytics_platform.core.snapshots import describe_stored, expired
from analytics_platform.errors import Conflict, InvalidUsage, NotFound
from analytics_platform.observability import get_logger
from analytics_platform.settings import SnapshotSettings

log = get_logger(__name__)

SUBJECT = "snapshot"
PREFIX = "snapshots"
_TIME = "%Y%m%dT%H%M%S.%f"
_VERSION = re.compile(r"\d{8}T\d{6}\.\d{6}Z-[A-Za-z0-9]{1,8}")
# A rollback must not choose what a prune going on has decided to delete.
_PRUNE_TAKES_AT_MOST = timedelta(minutes=5)


@dataclass(frozen=True)
class Snapshot:
    """A complete version, its files in a local folder that never changes."""

    manifest: SnapshotManifest
    folder: Path

    def path(self, table: str) -> Path:
        """The Parquet file of a table.

        Raises:
            NotFound: the snapshot has no such table.
        """
        for one in self.manifest.tables:
            if one.name == table:
                return self.folder / one.path
        raise NotFound(
            f"The snapshot {self.manifest.version} has no table {table!r}.",
            hint=f"It has {', '.join(one.name for one in self.manifest.tables)}.",
        )

    @property
    def semantic_manifest(self) -> Path:
        """The semantic manifest that fits the tables."""
        return self.folder / self.manifest.semantic_manifest


@dataclass(frozen=True)
class SnapshotStore:
    """Snapshots among the artefacts; which one is current, the control store says."""

    artifacts: ArtifactStore
    store: ControlStore
    retention: SnapshotSettings = field(default_factory=SnapshotSettings)

    def publish(
        self, publication: Publication, warehouse: Warehouse, *, at: datetime
    ) -> SnapshotManifest:
        """Write a version at the wall instant `at` and make it current.

        Killed or failed at any point, the one before stays current.

        Raises:
            Conflict: another version became current meanwhile.
            DiskFull: there is no room for it.
            NotFound: a relation or the semantic manifest is not there.
        """
        edition = Edition(version_name(at, publication.run_id), at)
        with warehouse.exclusive():  # publishers take turns, from data to release
            self.artifacts.clean(PREFIX, wall_now=at)
            before = self.store.releases.current(SUBJECT)
            with self.artifacts.staged(PREFIX, edition.version) as stage:
                manifest = write_snapshot(
                    stage,
                    publication,
                    self._quality(),
                    warehouse=warehouse,
                    edition=edition,
                )
            self._release(manifest, before)
        log.info("snapshot_published", version=edition.version, status=manifest.status)
        self.prune(at)
        return manifest

    def current(self) -> Snapshot | None:
        """The current snapshot, or None before the first."""
        release = self.store.releases.current(SUBJECT)
        return self.snapshot(release.version) if release else None

    def snapshot(self, version: str) -> Snapshot:
        """A version, current or not.

        Raises:
            NotFound: there is no such version.
        """
        folder = self.artifacts.local_path(PREFIX, version)
        return Snapshot(self.manifest(version), folder)

    def manifest(self, version: str) -> SnapshotManifest:
        """What a version holds.

        Raises:
            NotFound: there is no such version.
        """
        content = self.artifacts.read_bytes(f"{PREFIX}/{version}/{MANIFEST}")
        return SnapshotManifest.model_validate_json(content)

    def rollback(self, to: str, note: Note) -> Release:
        """Make an earlier version current again.

        Raises:
            NotFound: there is no such version, or it is about to be deleted.
            InvalidUsage: it is current.
        """
        going = self._expired(note.at + _PRUNE_TAKES_AT_MOST)
        if not self.artifacts.has(PREFIX, to) or to in going:
            raise NotFound(
                f"There is no snapshot {to}, or its time is over.",
                hint="See `analytics snapshots list`.",
            )
        current = self.store.releases.current(SUBJECT)
        expected = current.version if current else None
        if expected == to:
            raise InvalidUsage(f"The snapshot {to} is current.", hint="Name another.")
        return self.store.releases.move(SUBJECT, to, expected=expected, note=note)

    def prune(self, now: datetime) -> list[str]:
        """Delete the versions whose time is over at the wall instant `now`."""
        deleted = self._expired(now)
        for version in deleted:
            self.artifacts.delete(PREFIX, version)
            log.info("snapshot_deleted", version=version)
        return deleted

    def _expired(self, now: datetime) -> list[str]:
        made = {name: made_at(name) for name in self._versions()}
        stored = describe_stored(self.store.releases.history(SUBJECT), made)
        grace = timedelta(seconds=self.retention.grace_seconds)
        return expired(stored, keep=self.retention.keep, grace=grace, now=now)

    def _versions(self) -> list[str]:
        return [n for n in self.artifacts.list(PREFIX) if _VERSION.fullmatch(n)]

    def _quality(self) -> Quality:
        profiles = self.store.profiles
        newest = [profiles.latest(asset, count=1) for asset in profiles.assets()]
        return Quality(
            verdicts=self.store.verdicts.latest(),
            profiles=[profile for found in newest for profile in found],
        )

    def _release(self, manifest: SnapshotManifest, before: Release | None) -> None:
        details: dict[str, object] = {
            "run_id": manifest.run_id,
            "as_of": manifest.as_of.isoformat(),
            "status": manifest.status,
            "tables": {one.name: one.sha256 for one in manifest.tables},
        }
        note = Note(f"run {manifest.run_id}", "publish", details, manifest.created_at)
        expected = before.version if before else None
        try:
            self.store.releases.move(
                SUBJECT, manifest.version, expected=expected, note=note
            )
        except Conflict:
            self.artifacts.delete(PREFIX, manifest.version)
            raise

    def list(self) -> list[SnapshotManifest]:
        """Every complete version, oldest first."""
        return [self.manifest(name) for name in self._versions()]


def version_name(at: datetime, run_id: str) -> str:
    """A version made at `at` by a run; names sort by time."""
    run = re.sub(r"[^A-Za-z0-9]", "", run_id)[:8] or "none"
    return f"{at.astimezone(UTC):{_TIME}}Z-{run}"


def made_at(version: str) -> datetime:
    """The instant in a version's name."""
    return datetime.strptime(version.partition("-")[0], f"{_TIME}%z")
