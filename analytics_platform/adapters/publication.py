"""Write, audit, publish: stages what came through the gate and lets in what is good."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import duckdb
import pyarrow as pa

from analytics_platform.adapters.contract_gate import Gated
from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.durable_files import room_for
from analytics_platform.adapters.load_verdicts import (
    Audit,
    LoadVerdicts,
    asset_name,
)
from analytics_platform.adapters.promotion import RAW, Promotion, overlay
from analytics_platform.adapters.quarantine import Quarantine, summary
from analytics_platform.adapters.sources.arrival import Arrival
from analytics_platform.adapters.stage import staged
from analytics_platform.adapters.warehouse import Warehouse
from analytics_platform.contracts.domain import Domain, TableSpec
from analytics_platform.contracts.records import (
    ColumnProfile,
    QuarantineEntry,
    TableProfile,
    Verdict,
)
from analytics_platform.core.exact_casts import quoted
from analytics_platform.core.ingestion import (
    Part,
    corrections_of,
    isolates_bad_rows,
    reasons,
)
from analytics_platform.errors import InvalidData
from analytics_platform.observability import get_logger
from analytics_platform.settings import Settings

log = get_logger(__name__)

Profile = Callable[
    [Warehouse, str, TableSpec, Sequence[str] | None], tuple[ColumnProfile, ...]
]


@dataclass(frozen=True)
class LoadResult:
    """What a load did: rows now in `raw` by good part, the reason by red part.

    Parts are partition keys, or None for a table that is loaded whole. `quarantined`
    is everything that was not let in.
    """

    table: str
    rows: Mapping[Part, int]
    red: Mapping[Part, str]
    verdicts: tuple[Verdict, ...]
    quarantined: tuple[QuarantineEntry, ...]


@dataclass(frozen=True)
class Publisher:
    """What one run needs to publish tables, and the instant at which it does."""

    settings: Settings
    domain: Domain
    warehouse: Warehouse
    store: ControlStore
    run_id: str
    at: datetime
    audit: Audit
    profile: Profile

    def publish(
        self,
        spec: TableSpec,
        parts: Sequence[Part],
        batches: Sequence[Gated],
        *,
        judging: bool = True,
        releasing: str | None = None,
    ) -> LoadResult:
        """Publish the good parts of what came through the gate, keep all the rest.

        Of equal keys in several batches the last one's row is taken. `raw` changes in
        one transaction: killed before its end, the load has changed nothing. Without
        `judging`, the verdicts on the parts stay what they were. The quarantine entry
        `releasing` is closed if all of it was let in.

        Raises:
            DiskFull: there was no room; `raw` is as it was.
        """
        with room_for(f"{RAW}.{spec.name}"), self.warehouse.exclusive():
            rows = merged(spec, batches)
            with staged(self.warehouse, self.settings, spec, rows) as stage:
                self._overlay(stage, spec, parts)
                judged = self._judge(stage, spec, parts, batches)
                red = reasons(judged, parts)
                kept = self._keep(spec, batches, red)
                counts = self._promote(stage, spec, parts, red)
            if releasing and not red and releasing not in {one.id for one in kept}:
                self.store.quarantine.mark_released(releasing, self.at)
            if judging:
                self._remember(spec, judged, counts)
        result = LoadResult(spec.name, counts, red, tuple(judged), tuple(kept))
        _log_outcome(result)
        return result

    def refuse(
        self,
        spec: TableSpec,
        parts: Sequence[Part],
        error: InvalidData,
        *,
        arrival: Arrival | None = None,
    ) -> LoadResult:
        """Keep a load that breaks the contract as a whole; all its parts are red."""
        entry, count = None, 0
        if arrival is not None:
            count = len(arrival.rows)
            entry = self.quarantine(spec).keep_rows(
                arrival.rows, part=None, origin=arrival.origin, reason=error.message
            )
        judged = self._verdicts(spec).refused(parts, error.message, count)
        self.store.verdicts.record(judged)
        log.error("load_refused", table=spec.name, reason=error.message)
        red = dict.fromkeys(parts, error.message)
        return LoadResult(spec.name, {}, red, tuple(judged), (entry,) if entry else ())

    def mark_unmerged(self, name: str, days: Iterable[date]) -> None:
        """Remember that corrections of the table `name` wait in these partitions.

        A load of such a partition merges them, and takes the mark away.
        """
        for spec in self.domain.tables:
            if spec.name == name:
                self.store.verdicts.record(self._verdicts(spec).unmerged(days))

    def quarantine(self, spec: TableSpec) -> Quarantine:
        """Where this run keeps what it does not let into the table."""
        return Quarantine(self.settings.home, self.store, spec, self.run_id, self.at)

    def _verdicts(self, spec: TableSpec) -> LoadVerdicts:
        return LoadVerdicts(spec, self.store, self.audit, self.run_id, self.at)

    def _overlay(self, stage: str, spec: TableSpec, parts: Sequence[Part]) -> None:
        for corrections in corrections_of(spec, self.domain.tables):
            with self.warehouse.session() as session:
                if session.columns(f"{RAW}.{corrections.name}"):
                    overlay(session, stage, spec, corrections, parts)

    def _judge(
        self,
        stage: str,
        spec: TableSpec,
        parts: Sequence[Part],
        batches: Sequence[Gated],
    ) -> list[Verdict]:
        judge = self._verdicts(spec)
        judged = judge.contract(parts, batches)
        if corrections_of(spec, self.domain.tables):
            judged += judge.merged(parts)
        return judged + judge.expectations(self.warehouse, stage, parts)

    def _keep(
        self, spec: TableSpec, batches: Sequence[Gated], red: Mapping[Part, str]
    ) -> list[QuarantineEntry]:
        quarantine = self.quarantine(spec)
        kept = []
        for batch in batches:
            for part, reason in red.items():
                day = None if part is None else date.fromisoformat(part)
                kept.append(
                    quarantine.keep_rows(
                        batch.held(day), part=part, origin=batch.origin, reason=reason
                    )
                )
            if None not in red:
                alone = batch.refused(
                    but_of=[date.fromisoformat(part) for part in red if part],
                )
                kept.append(
                    quarantine.keep_rows(
                        alone, part=None, origin=batch.origin, reason=summary(alone)
                    )
                )
        return [entry for entry in kept if entry is not None]

    def _promote(
        self,
        stage: str,
        spec: TableSpec,
        parts: Sequence[Part],
        red: Mapping[Part, str],
    ) -> dict[Part, int]:
        with self.warehouse.session() as session, session.transaction():
            promotion = Promotion(spec, session, self.warehouse.dialect)
            promotion.promote(stage, parts, red)
            return promotion.rows([part for part in parts if part not in red])

    def _remember(
        self, spec: TableSpec, judged: list[Verdict], rows: Mapping[Part, int]
    ) -> None:
        self.store.verdicts.record(judged)
        mended: list[Part] = [part for part in rows if part is not None]
        whole = isolates_bad_rows(spec) or _unplaced(judged)
        self.store.quarantine.resolve(
            spec.name, mended if whole else [*mended, None], self.at
        )
        if rows and spec.profile:
            self._profile(spec, rows)

    def _profile(self, spec: TableSpec, rows: Mapping[Part, int]) -> None:
        keys = [part for part in rows if part is not None]
        columns = self.profile(self.warehouse, f"{RAW}.{spec.name}", spec, keys or None)
        self.store.profiles.record(
            TableProfile(
                asset=asset_name(spec),
                partitions=tuple(keys),
                rows=sum(rows.values()),
                columns=columns,
                run_id=self.run_id,
                profiled_at=self.at,
            )
        )


def _unplaced(judged: Sequence[Verdict]) -> bool:
    return any(verdict.partition is None and not verdict.passed for verdict in judged)


def _log_outcome(result: LoadResult) -> None:
    log.info(
        "table_loaded",
        table=result.table,
        rows=sum(result.rows.values()),
        partitions=len(result.rows),
        red=sorted(str(part) for part in result.red),
        quarantined=sum(entry.rows for entry in result.quarantined),
    )


def merged(spec: TableSpec, batches: Sequence[Gated]) -> pa.Table:
    """The good rows of all batches; of equal keys the row of the last batch."""
    if not batches:
        return pa.table({})
    if len(batches) == 1:
        return batches[0].good()
    tables = [
        batch.good().append_column("__batch", pa.repeat(number, batch.good_rows))
        for number, batch in enumerate(batches)
    ]
    key = ", ".join(quoted(name) for name in spec.key)
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.register("batches", pa.concat_tables(tables))
        return connection.execute(
            f"select * exclude (__batch) from batches qualify "
            f"row_number() over (partition by {key} order by __batch desc) = 1"
        ).to_arrow_table()
