"""Everything a load needs, put together from the platform's adapters."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.warehouse import Warehouse
from analytics_platform.contracts.domain import Domain, FileInbox, TableSpec
from analytics_platform.settings import Settings

if TYPE_CHECKING:  # a code location loads this module and must not pay for these
    from analytics_platform.adapters.inbox_loading import InboxLoader
    from analytics_platform.adapters.publication import LoadResult, Publisher
    from analytics_platform.contracts.records import ColumnProfile
    from analytics_platform.core.quality import Outcome


@dataclass(frozen=True)
class Ingestion:
    """The tables of a domain, where they go, and the addresses of their sources."""

    settings: Settings
    domain: Domain
    warehouse: Warehouse
    store: ControlStore
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def load(
        self,
        spec: TableSpec,
        keys: Sequence[str] | None,
        *,
        run_id: str,
        at: datetime,
        now: datetime,
    ) -> "LoadResult":
        """Load a table from its source: partitions `keys`, or whole.

        `at` is the platform's clock, up to which rows are known; `now` is the wall's,
        by which files are seen to be whole.
        """
        if isinstance(spec.source, FileInbox):
            return self.inbox(spec, run_id=run_id, at=at).load(now)
        from analytics_platform.adapters.loading import Loader

        return Loader(self.publisher(run_id, at), self.environment).load(spec, keys)

    def inbox(self, spec: TableSpec, *, run_id: str, at: datetime) -> "InboxLoader":
        """The inbox folder of a table."""
        from analytics_platform.adapters.inbox_loading import InboxLoader

        return InboxLoader(self.publisher(run_id, at), spec)

    def release(self, id: str, *, run_id: str, at: datetime) -> "LoadResult":
        """Let in what of a quarantine entry keeps the contract by now."""
        from analytics_platform.adapters.quarantine_release import release

        return release(self.publisher(run_id, at), id)

    def publisher(self, run_id: str, at: datetime) -> "Publisher":
        """What writes, audits and publishes, for one run."""
        from analytics_platform.adapters.publication import Publisher

        return Publisher(
            settings=self.settings,
            domain=self.domain,
            warehouse=self.warehouse,
            store=self.store,
            run_id=run_id,
            at=at,
            audit=_audit,
            profile=_profile,
        )


def _audit(
    warehouse: Warehouse, relation: str, spec: TableSpec, keys: Sequence[str] | None
) -> list["Outcome"]:
    if not spec.expectations:
        return []
    from analytics_platform.adapters.expectations import run_expectations

    return run_expectations(
        warehouse, relation, spec.expectations, keys, personal=_personal(spec)
    )


def _profile(
    warehouse: Warehouse, relation: str, spec: TableSpec, keys: Sequence[str] | None
) -> tuple["ColumnProfile", ...]:
    from analytics_platform.adapters.profiler import profile

    with warehouse.session() as session:
        return profile(session, relation, keys, personal=_personal(spec))[1]


def _personal(spec: TableSpec) -> list[str]:
    return [column.name for column in spec.columns if column.personal]
