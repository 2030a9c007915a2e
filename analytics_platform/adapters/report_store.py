"""Keeps reports as immutable artefacts: the page, and the values it was made from."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from analytics_platform.adapters.artifact_names import MANIFEST
from analytics_platform.adapters.artifacts import ArtifactStore
from analytics_platform.core.reports import Report, to_plain
from analytics_platform.observability import get_logger

log = get_logger(__name__)

PREFIX = "reports"
PAGE, VALUES = "report.html", "report.json"
_KEEP = 30  # a month of daily reports; each is remade from its snapshot at will


@dataclass(frozen=True)
class StoredReport:
    """A version of a report; `page` is its file if the store is a local folder."""

    name: str
    version: str
    page: Path
    page_sha256: str


@dataclass(frozen=True)
class ReportStore:
    """Reports among the artefacts, as `reports/<name>/<version>`."""

    artifacts: ArtifactStore

    def publish(self, report: Report, page: str, *, at: datetime) -> StoredReport:
        """Keep a report and its page; at the wall instant `at`, prune older ones.

        The version is made of the report's content, so that the same report is
        stored once.
        """
        values = _values(report)
        version = version_of(report, values)
        prefix = f"{PREFIX}/{report.name}"
        self.artifacts.clean(prefix, wall_now=at)
        if not self.artifacts.has(prefix, version):
            with self.artifacts.staged(prefix, version) as stage:
                _write(stage, report, values, page.encode())
            log.info("report_published", report=report.name, version=version)
        self._prune(prefix, version)
        return self.find(report.name, version)

    def find(self, name: str, version: str) -> StoredReport:
        """A stored version.

        Raises:
            NotFound: there is no such version.
        """
        page = self.artifacts.local_path(f"{PREFIX}/{name}", version) / PAGE
        return StoredReport(name, version, page, _sha256(page.read_bytes()))

    def versions(self, name: str) -> list[str]:
        """The stored versions of a report, the oldest data first."""
        return self.artifacts.list(f"{PREFIX}/{name}")

    def values(self, name: str, version: str) -> dict[str, object]:
        """The neutral report value of a version, as JSON has it.

        Raises:
            NotFound: there is no such version.
        """
        path = f"{PREFIX}/{name}/{version}/{VALUES}"
        plain: dict[str, object] = json.loads(self.artifacts.read_bytes(path))
        return plain

    def _prune(self, prefix: str, current: str) -> None:
        for version in self.artifacts.list(prefix)[:-_KEEP]:
            if version != current:
                self.artifacts.delete(prefix, version)


def version_of(report: Report, values: bytes) -> str:
    """A name made of the data's instant and the content; names sort by the instant."""
    instant = report.as_of.astimezone(UTC)
    return f"{instant:%Y%m%dT%H%M%SZ}-{_sha256(values)[:12]}"


def _values(report: Report) -> bytes:
    return json.dumps(to_plain(report), sort_keys=True, ensure_ascii=False).encode()


def _write(stage: Path, report: Report, values: bytes, page: bytes) -> None:
    """Fill the folder, the manifest last."""
    (stage / PAGE).write_bytes(page)
    (stage / VALUES).write_bytes(values)
    manifest = {
        "name": report.name,
        "title": report.title,
        "version": version_of(report, values),
        "as_of": report.as_of.isoformat(),
        "data_date": report.data_date.isoformat() if report.data_date else None,
        "badge": report.badge.value,
        "snapshot": report.provenance.snapshot,
        "files": {PAGE: _sha256(page), VALUES: _sha256(values)},
    }
    (stage / MANIFEST).write_text(json.dumps(manifest, indent=2, sort_keys=True))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
