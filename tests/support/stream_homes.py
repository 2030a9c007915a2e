"""Homes in which a sidecar can run: a snapshot of nothing but metrics is published."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from analytics_platform.adapters.artifacts import ArtifactStore
from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.control_store.ledger import Note
from analytics_platform.adapters.control_store.migrations import migrate
from analytics_platform.contracts.records import SnapshotManifest
from analytics_platform.settings import ROOT, Settings
from streaming.windows.warming import warmed

_AT = datetime(2024, 3, 1, 6, tzinfo=UTC)
_VERSION = "20240301T060000.000000Z-test"
_NAME = "semantic_manifest.json"


# Shared by all test processes and runs; `make clean` deletes it.
KERNELS = ROOT / "build" / "kernels"


def make_stream_home(folder: Path, semantics: Mapping[str, Any]) -> None:
    """A home with published metrics, and with the compiled kernels of all tests."""
    settings = Settings(home=folder)
    folder.mkdir(parents=True, exist_ok=True)
    migrate(settings.control_store_url)
    migrate(settings.stream_state_url)
    artifacts = ArtifactStore(settings.artifacts_url)
    with artifacts.staged("snapshots", _VERSION) as stage:
        _write(stage, json.dumps(semantics))
    store = ControlStore.open(settings.control_store_url)
    note = Note("run run-publish", "publish", {}, _AT)
    store.releases.move("snapshot", _VERSION, expected=None, note=note)
    store.engine.dispose()
    warmed(KERNELS)
    settings.kernels_path.symlink_to(KERNELS)


def _write(stage: Path, semantics: str) -> None:
    (stage / _NAME).write_text(semantics)
    manifest = SnapshotManifest(
        version=_VERSION,
        domain="readings",
        run_id="run-publish",
        as_of=_AT,
        created_at=_AT,
        status="green",
        tables=(),
        semantic_manifest=_NAME,
        semantic_manifest_sha256=hashlib.sha256(semantics.encode()).hexdigest(),
        feature_views={},
    )
    (stage / "manifest.json").write_text(manifest.model_dump_json())
