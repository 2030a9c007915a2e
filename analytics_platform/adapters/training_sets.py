"""Training sets as immutable artefacts under their own hash, so that runs repeat."""

import json
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from analytics_platform.adapters.artifacts import ArtifactStore
from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.control_store.ledger import Note
from analytics_platform.adapters.warehouse import Warehouse
from analytics_platform.contracts.domain import Domain
from analytics_platform.core.snapshots import describe_stored, expired
from analytics_platform.errors import Conflict, DamagedRecord, NotFound
from analytics_platform.observability import get_logger

if TYPE_CHECKING:  # a code location loads this module and must not pay for these
    from analytics_platform.core.training.training_set import TrainingSet

log = get_logger(__name__)

SUBJECT = PREFIX = "training"
_FILE, _MANIFEST = "rows.parquet", "manifest.json"
_NEVER_CURRENT = datetime.min.replace(tzinfo=UTC)
# A training that took a set up when it was current has read it long before.
_GRACE = timedelta(hours=1)


def assemble(domain: Domain, warehouse: Warehouse, now: datetime) -> "TrainingSet":
    """Join the warehouse's rows whose outcome is known at `now` (aware)."""
    from analytics_platform.core.training.training_query import training_query
    from analytics_platform.core.training.training_set import TrainingSet

    naive = now.replace(tzinfo=None)  # the warehouse holds naive UTC
    query = training_query(domain, warehouse.dialect)
    bound = {"latest": naive + domain.spine.ahead}
    if domain.spine.known_at:
        bound["now"] = naive
    with warehouse.session() as session:
        return TrainingSet.of(session.arrow(query, bound), domain.spine.ahead)


@dataclass(frozen=True)
class TrainingSets:
    """Kept sets, and which of them the next training uses."""

    artifacts: ArtifactStore
    store: ControlStore

    def save(self, data: "TrainingSet", note: Note) -> str:
        """Keep the set under its hash, once, and make it current; gives the hash.

        Raises:
            Conflict: another set became current at the same moment.
        """
        sha256 = data.sha256()
        if not self.artifacts.has(PREFIX, sha256):
            self._write(data, sha256)
        before = self.store.releases.current(SUBJECT)
        if before is None or before.version != sha256:
            expected = before.version if before else None
            self.store.releases.move(SUBJECT, sha256, expected=expected, note=note)
        return sha256

    def load(self, sha256: str) -> "TrainingSet":
        """The set with that hash, checked against it.

        Raises:
            NotFound: there is none.
            DamagedRecord: its rows have another hash.
        """
        import pyarrow.parquet as pq

        from analytics_platform.core.training.training_set import TrainingSet

        path = self.artifacts.local_path(PREFIX, sha256) / _FILE
        data = TrainingSet.of(pq.read_table(path, partitioning=None))
        if data.sha256() != sha256:
            raise DamagedRecord(
                f"The training set {sha256} does not have the rows it had.",
                hint="Materialize models/training_set and train again.",
            )
        return data

    def current(self) -> "TrainingSet":
        """The set that the next training uses.

        Raises:
            NotFound: none was ever assembled.
        """
        release = self.store.releases.current(SUBJECT)
        if release is None:
            raise NotFound(
                "There is no training set.", hint="Materialize models/training_set."
            )
        return self.load(release.version)

    def prune(self, now: datetime, *, keep: int, in_use: Collection[str]) -> list[str]:
        """Delete the sets whose time is over at the wall instant `now`; gives these.

        Kept are those `in_use`, the newest `keep`, and any replaced within an hour.
        Not to be called while another process saves a set.
        """
        self.artifacts.clean(PREFIX, wall_now=now)
        history = self.store.releases.history(SUBJECT)
        made = dict.fromkeys(self.artifacts.list(PREFIX), _NEVER_CURRENT)
        made |= {one.version: one.released_at for one in history if one.version in made}
        stored = describe_stored(history, made)
        going = [
            name
            for name in expired(stored, keep=keep, grace=_GRACE, now=now)
            if name not in in_use
        ]
        for name in going:
            self.artifacts.delete(PREFIX, name)
            log.info("training_set_deleted", sha256=name)
        return going

    def _write(self, data: "TrainingSet", sha256: str) -> None:
        import pyarrow.parquet as pq

        # Conflict: another run saved the same rows just now.
        with suppress(Conflict), self.artifacts.staged(PREFIX, sha256) as folder:
            pq.write_table(data.table, folder / _FILE, compression="zstd")
            manifest = {"sha256": sha256, "rows": data.rows, "file": _FILE}
            (folder / _MANIFEST).write_text(json.dumps(manifest))
