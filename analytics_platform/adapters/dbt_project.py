"""The domain's dbt project: what it declares, and building it in this process."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from analytics_platform.adapters.dbt_files import files_digest
from analytics_platform.adapters.dbt_results import DbtResult, Status, read_result
from analytics_platform.adapters.dbt_runner import DbtRunner
from analytics_platform.adapters.durable_files import flush, write_atomically
from analytics_platform.adapters.exclusive_lock import exclusive_lock
from analytics_platform.adapters.warehouse import Warehouse
from analytics_platform.core.column_lineage import Declared, manifest_lineage
from analytics_platform.observability import get_logger
from analytics_platform.settings import Settings

log = get_logger(__name__)

# Changes when this file writes something else beside the manifest.
_FORMAT = "2"
_READ = ("manifest.json", "semantic_manifest.json", "column_lineage.json")


@dataclass(frozen=True)
class DbtProject:
    """The project of `settings.dbt_project`; everything it writes is in the home.

    `raw_columns` are those of the tables it reads, where it does not document them.
    """

    settings: Settings
    warehouse: Warehouse
    raw_columns: Declared = field(default_factory=dict)
    _cache: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def target(self) -> Path:
        """Folder of dbt's artefacts."""
        return self.settings.home / "dbt" / self.warehouse.dialect / "target"

    @property
    def semantic_manifest_path(self) -> Path:
        """The semantic manifest; there after `manifest()`."""
        return self.target / "semantic_manifest.json"

    @cached_property
    def runner(self) -> DbtRunner:
        """dbt, warm after its first invocation."""
        logs = self.settings.home / "dbt" / "logs"
        return DbtRunner(self.settings.dbt_project, self.target, logs)

    def manifest(self) -> dict[str, Any]:
        """The manifest of dbt, compiled anew when the project's files have changed.

        Beside dbt's own entries it has `column_lineage` (see core/column_lineage).

        Raises:
            NotFound: there is no dbt project in the folder.
            InvalidUsage: the project cannot be parsed or compiled.
        """
        digest = self._digest()
        if self._cache.get("digest") != digest:
            with exclusive_lock(self.target.parent / "parse.lock"):
                if self._written_digest() == digest:
                    self.runner.forget()
                else:
                    self._compile(digest)
                self._cache.update(digest=digest, manifest=self._read())
        manifest: dict[str, Any] = self._cache["manifest"]
        return manifest

    def build(
        self,
        select: Sequence[str],
        partitions: tuple[date, date] | None = None,
        *,
        now: datetime | None = None,
    ) -> DbtResult:
        """Build the nodes named in `select` (models and tests), and nothing else.

        `partitions` is the range [from, to) that partitioned models build and their
        tests look at. `now` is the instant of snapshots on the platform's clock.

        Raises:
            InvalidUsage: dbt cannot parse or compile the project.
        """
        self.manifest()
        arguments = ["build", "--indirect-selection", "empty", "--select", *select]
        with self.warehouse.exclusive():
            found = self.runner.invoke(arguments, self._environment(partitions, now))
        result = DbtResult(tuple(read_result(one) for one in found), partitions)
        log.info(
            "dbt_built",
            nodes=len(result.nodes),
            red=sum(one.status in (Status.FAIL, Status.ERROR) for one in result.nodes),
            seconds=round(sum(one.seconds for one in result.nodes), 2),
        )
        return result

    def _environment(
        self, partitions: tuple[date, date] | None = None, now: datetime | None = None
    ) -> dict[str, str]:
        environment = dict(self.warehouse.dbt_environment())
        if partitions is not None:
            environment["DBT_PARTITION_FROM"] = partitions[0].isoformat()
            environment["DBT_PARTITION_TO"] = partitions[1].isoformat()
        if now is not None:
            instant = now.astimezone(UTC).replace(tzinfo=None)
            environment["DBT_SNAPSHOT_AT"] = instant.isoformat(sep=" ")
        return environment

    def _compile(self, digest: str) -> None:
        self.target.mkdir(parents=True, exist_ok=True)
        # Killed from here on, what lies there counts for no state of the project.
        self._digest_path.unlink(missing_ok=True)
        self.runner.compile(self._environment())
        manifest = json.loads((self.target / "manifest.json").read_bytes())
        lineage = manifest_lineage(
            manifest, dialect=self.warehouse.dialect, declared=self.raw_columns
        )
        (self.target / "column_lineage.json").write_text(json.dumps(lineage))
        for name in _READ:
            flush(self.target / name)
        write_atomically(self._digest_path, digest.encode())
        log.info("dbt_project_compiled", unparsed=lineage["unparsed"])

    def _read(self) -> dict[str, Any]:
        manifest: dict[str, Any] = json.loads(
            (self.target / "manifest.json").read_bytes()
        )
        lineage = json.loads((self.target / "column_lineage.json").read_bytes())
        return {**manifest, "column_lineage": lineage}

    def _written_digest(self) -> str | None:
        path = self._digest_path
        return path.read_text() if path.exists() else None

    @property
    def _digest_path(self) -> Path:
        return self.target / "project.sha256"

    def _digest(self) -> str:
        told = (_FORMAT, version("dbt-core"), self.warehouse.dialect, self.raw_columns)
        return files_digest(self.settings.dbt_project, json.dumps(told))
