"""What a snapshot is made of, and how its folder is filled."""

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from analytics_platform.adapters.artifact_names import MANIFEST
from analytics_platform.adapters.snapshot_files import (
    Kind,
    describe,
    profile_table,
    sha256,
    verdict_table,
    write_arrow,
    write_relation,
)
from analytics_platform.adapters.warehouse import Warehouse
from analytics_platform.contracts.records import (
    PublishedTable,
    SnapshotManifest,
    TableProfile,
    Verdict,
)
from analytics_platform.core.snapshots import status
from analytics_platform.errors import InvalidUsage, NotFound

_SEMANTIC_MANIFEST = "semantic_manifest.json"
_FOLDERS: dict[Kind, str] = {"mart": "marts", "source": "sources"}


@dataclass(frozen=True)
class Part:
    """A warehouse relation (`schema.table`) and its name in the snapshot."""

    name: str
    relation: str
    kind: Kind


@dataclass(frozen=True)
class Publication:
    """What to publish; `as_of` is the platform's time, of which the data speaks.

    `feature_views` gives the version of each published feature view's declaration.
    """

    domain: str
    run_id: str
    as_of: datetime
    parts: tuple[Part, ...]
    semantic_manifest: Path
    feature_views: dict[str, str]


@dataclass(frozen=True)
class Quality:
    """What is known of the data's quality when it is published."""

    verdicts: Sequence[Verdict]
    profiles: Sequence[TableProfile]


@dataclass(frozen=True)
class Edition:
    """The name of a version and the wall instant it is made at."""

    version: str
    at: datetime


def write_snapshot(
    stage: Path,
    what: Publication,
    quality: Quality,
    *,
    warehouse: Warehouse,
    edition: Edition,
) -> SnapshotManifest:
    """Fill the folder `stage`, the manifest last.

    Raises:
        InvalidUsage: two tables have the same name.
        NotFound: a relation or the semantic manifest is not there.
    """
    tables = (*_write_parts(stage, what, warehouse), *_write_quality(stage, quality))
    _refuse_equal_names(tables)
    manifest = SnapshotManifest(
        version=edition.version,
        domain=what.domain,
        run_id=what.run_id,
        as_of=what.as_of,
        created_at=edition.at,
        status=status(quality.verdicts),
        tables=tables,
        semantic_manifest=_SEMANTIC_MANIFEST,
        semantic_manifest_sha256=_copy_manifest(what.semantic_manifest, stage),
        feature_views=what.feature_views,
    )
    (stage / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n")
    return manifest


def _write_parts(
    stage: Path, what: Publication, warehouse: Warehouse
) -> list[PublishedTable]:
    written = []
    with warehouse.exclusive(), warehouse.session() as session:
        for part in what.parts:
            folder = stage / _FOLDERS.get(part.kind, part.kind)
            file = folder / f"{part.name}.parquet"
            write_relation(session, part.relation, file, dialect=warehouse.dialect)
            written.append(describe(part.name, file, root=stage, kind=part.kind))
    return written


def _write_quality(stage: Path, quality: Quality) -> list[PublishedTable]:
    tables = {
        "verdicts": verdict_table(quality.verdicts),
        "profiles": profile_table(quality.profiles),
    }
    written = []
    for name, table in tables.items():
        file = stage / "quality" / f"{name}.parquet"
        write_arrow(table, file)
        written.append(describe(name, file, root=stage, kind="quality"))
    return written


def _refuse_equal_names(tables: Sequence[PublishedTable]) -> None:
    counts = Counter(one.name for one in tables)
    doubled = sorted(name for name, count in counts.items() if count > 1)
    if doubled:
        raise InvalidUsage(
            f"A snapshot cannot hold two tables of one name: {', '.join(doubled)}.",
            hint="Rename the mart or the feature view.",
        )


def _copy_manifest(source: Path, stage: Path) -> str:
    if not source.is_file():
        raise NotFound(
            f"There is no semantic manifest at {source}.",
            hint="`dbt parse` in the dbt project writes it.",
        )
    copy = stage / _SEMANTIC_MANIFEST
    shutil.copyfile(source, copy)
    return sha256(copy)
