"""Training sets as immutable artefacts under their own hash, so that runs repeat."""

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from analytics_platform.adapters.artifacts import ArtifactStore
from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.control_store.ledger import Note
from analytics_platform.adapters.warehouse import Warehouse
from analytics_platform.contracts.domain import Domain
from analytics_platform.errors import Conflict, DamagedRecord, NotFound

if TYPE_CHECKING:  # a code location loads this module and must not pay for these
    from analytics_platform.core.training.training_set import TrainingSet

SUBJECT = PREFIX = "training"
_FILE, _MANIFEST = "rows.parquet", "manifest.json"


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

    def _write(self, data: "TrainingSet", sha256: str) -> None:
        import pyarrow.parquet as pq

        # Conflict: another run saved the same rows just now.
        with suppress(Conflict), self.artifacts.staged(PREFIX, sha256) as folder:
            pq.write_table(data.table, folder / _FILE, compression="zstd")
            manifest = {"sha256": sha256, "rows": data.rows, "file": _FILE}
            (folder / _MANIFEST).write_text(json.dumps(manifest))
