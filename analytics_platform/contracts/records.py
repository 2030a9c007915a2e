"""What the platform remembers and hands from one part to the next."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from analytics_platform.contracts.domain import Severity

Scalar = str | int | float | bool | None


class Record(BaseModel):
    """Base of all records: immutable, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Verdict(Record):
    """The outcome of one check on one partition of one asset.

    `partition` is None for an unpartitioned asset. `samples` are at most ten failing
    rows, personal columns masked. `known_defect`: it failed at the rate that its
    declaration documents, so it is expected by the data.
    """

    asset: str
    partition: str | None
    check: str
    passed: bool
    severity: Severity
    blocking: bool
    failing_rows: int
    total_rows: int
    known_defect: bool = False
    detail: str = ""
    samples: tuple[dict[str, Scalar], ...] = ()
    run_id: str
    evaluated_at: datetime

    @property
    def is_red(self) -> bool:
        """A failed error that the data does not explain."""
        return not self.passed and self.severity is Severity.ERROR

    @property
    def blocks(self) -> bool:
        """Whether what depends on this partition must not be built."""
        return self.is_red and self.blocking


class ColumnProfile(Record):
    """What one column holds: shares are 0 to 1, edges are bin starts and the end."""

    name: str
    type: str
    null_share: float
    distinct: int
    minimum: Scalar = None
    maximum: Scalar = None
    mean: float | None = None
    quantiles: dict[str, float] = {}
    top_values: tuple[tuple[Scalar, int], ...] = ()
    histogram_edges: tuple[float, ...] = ()
    histogram_counts: tuple[int, ...] = ()


class TableProfile(Record):
    """Column profiles of an asset (whole, or the partitions of one materialization)."""

    asset: str
    partitions: tuple[str, ...] = ()
    rows: int
    columns: tuple[ColumnProfile, ...]
    run_id: str
    profiled_at: datetime


class QuarantineEntry(Record):
    """Data kept aside: `rows` of them at `location`, with the reason why.

    `location` is a path relative to the home; `origin` the file or load they came in.
    `resolved_at`: good data took the place of the bad, or somebody discarded it (the
    ledger says who and why).
    """

    id: str
    table: str
    partition: str | None
    origin: str
    rows: int
    reason: str
    location: str
    run_id: str
    created_at: datetime
    released_at: datetime | None = None
    resolved_at: datetime | None = None


class InboxStatus(StrEnum):
    """What became of a file in the inbox."""

    LOADED = "loaded"
    SKIPPED = "skipped"
    QUARANTINED = "quarantined"


class InboxFile(Record):
    """A file of the inbox by path, size and content, and what became of it."""

    path: str
    size: int
    sha256: str
    table: str
    status: InboxStatus
    reason: str = ""
    rows: int = 0
    run_id: str
    handled_at: datetime


class Release(Record):
    """Which version of a subject is current, and which one it replaced.

    Subjects are `snapshot` and `model/<name>`; versions name immutable artefacts.
    """

    subject: str
    version: str
    previous: str | None
    generation: int
    released_at: datetime


class LedgerEntry(Record):
    """One row of the append-only ledger; `hash` covers all else, the last hash too."""

    sequence: int
    at: datetime
    actor: str
    action: str
    subject: str
    details: dict[str, object]
    previous_hash: str
    hash: str


class OutboxEvent(Record):
    """A side effect still to be done; equal `dedupe_key` is stored once."""

    id: int
    kind: str
    dedupe_key: str
    payload: dict[str, object]
    created_at: datetime
    delivered_at: datetime | None = None


class PublishedTable(Record):
    """One table of a snapshot: `path` is relative to the snapshot's folder."""

    name: str
    path: str
    rows: int
    bytes: int
    sha256: str
    columns: dict[str, str]
    kind: Literal["mart", "source", "features", "quality", "predictions"]


class SnapshotManifest(Record):
    """What a published snapshot holds; written last, so its presence is the proof."""

    version: str
    domain: str
    run_id: str
    as_of: datetime
    created_at: datetime
    status: Literal["green", "warning"]
    tables: tuple[PublishedTable, ...]
    semantic_manifest: str
    semantic_manifest_sha256: str
    feature_views: dict[str, str]


class ModelManifest(Record):
    """An immutable model artefact: its files are beside this manifest.

    `inputs` are the columns in the order of the ONNX input matrix (n x k, float32);
    `categories` give, per categorical input, the values whose index is the code.
    """

    name: str
    version: str
    task: Literal["regression", "classification"]
    inputs: tuple[str, ...]
    categories: dict[str, tuple[str, ...]]
    target: str
    unit: str | None
    data_sha256: str
    trained_through: datetime
    rows: int
    metrics: dict[str, float]
    run_id: str
    mlflow_run_id: str
    created_at: datetime
    files: dict[str, str]
