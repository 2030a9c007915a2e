"""Write, audit, publish: stages what came through the gate and lets in what is good."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import duckdb
import pyarrow as pa

from analytics_platform.adapters.contract_gate import Gated
from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.durable_files import room_for
from analytics_platform.adapters.promotion import RAW, Promotion, overlay
from analytics_platform.adapters.quarantine import Quarantine, summary
from analytics_platform.adapters.sources.arrival import Arrival
from analytics_platform.adapters.stage import staged
from analytics_platform.adapters.warehouse import Warehouse
from analytics_platform.contracts.domain import Domain, Expectation, TableSpec
from analytics_platform.contracts.records import (
    ColumnProfile,
    QuarantineEntry,
    TableProfile,
    Verdict,
)
from analytics_platform.core.exact_casts import quoted
from analytics_platform.core.ingestion import (
    Part,
    contract_check,
    contract_outcomes,
    corrections_of,
    count_parts,
    first_samples,
    isolates_bad_rows,
    merged_check,
    merged_outcomes,
    part_of,
    reasons,
    refusal,
)
from analytics_platform.core.quality import Outcome, verdicts
from analytics_platform.errors import InvalidData
from analytics_platform.observability import get_logger
from analytics_platform.settings import Settings

log = get_logger(__name__)

SAMPLES = 10  # as many as a Verdict holds

Audit = Callable[[Warehouse, str, TableSpec, Sequence[str] | None], list[Outcome]]
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
            with staged(
                self.warehouse, self.settings, spec, merged(spec, batches)
            ) as stage:
                self._overlay(stage, spec, parts)
                judged = self._judge(stage, spec, parts, batches)
                red = reasons(judged, parts)
                kept = self._keep(spec, batches, red)
                rows = self._promote(stage, spec, parts, red)
            if releasing and not red and releasing not in {one.id for one in kept}:
                self.store.quarantine.mark_released(releasing, self.at)
            if judging:
                self._remember(spec, judged, rows)
        log.info(
            "table_loaded",
            table=spec.name,
            rows=sum(rows.values()),
            partitions=len(rows),
            red=sorted(str(part) for part in red),
            quarantined=sum(entry.rows for entry in kept),
        )
        return LoadResult(spec.name, rows, red, tuple(judged), tuple(kept))

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
        outcomes = [refusal(part, error.message, count) for part in parts]
        check = contract_check(spec).model_copy(update={"blocking": True})
        judged = self._verdicts(spec, outcomes, [check])
        self.store.verdicts.record(judged)
        log.error("load_refused", table=spec.name, reason=error.message)
        red = dict.fromkeys(parts, error.message)
        return LoadResult(spec.name, {}, red, tuple(judged), (entry,) if entry else ())

    def mark_unmerged(self, name: str, days: Iterable[date]) -> None:
        """Remember that corrections of the table `name` wait in these partitions.

        A load of such a partition merges them, and takes the mark away.
        """
        outcomes = merged_outcomes([part_of(day) for day in days], merged=False)
        for spec in self.domain.tables:
            if spec.name == name:
                judged = self._verdicts(spec, outcomes, [merged_check()])
                self.store.verdicts.record(judged)

    def quarantine(self, spec: TableSpec) -> Quarantine:
        """Where this run keeps what it does not let into the table."""
        return Quarantine(self.settings.home, self.store, spec, self.run_id, self.at)

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
        counts = count_parts([(b.rows, b.failing) for b in batches], parts)
        samples = first_samples([b.samples(SAMPLES) for b in batches], parts)
        check = contract_check(spec)
        judged = self._verdicts(
            spec, contract_outcomes(counts, parts, samples), [check]
        )
        if None not in parts:
            judged += self._judge_unplaced(
                spec, contract_outcomes(counts, [None], samples)
            )
        keys = None if None in parts else [part for part in parts if part]
        if corrections_of(spec, self.domain.tables):
            merged_now = merged_outcomes(parts, merged=True)
            judged += self._verdicts(spec, merged_now, [merged_check()])
        outcomes = self.audit(self.warehouse, stage, spec, keys)
        return judged + self._verdicts(spec, outcomes, spec.expectations)

    def _judge_unplaced(
        self, spec: TableSpec, outcomes: list[Outcome]
    ) -> list[Verdict]:
        """Rows of no partition are an error, but they hold no partition back."""
        check = contract_check(spec).model_copy(update={"blocking": False})
        judged = self._verdicts(spec, outcomes, [check])
        known = {v.check: v for v in self._latest(spec) if v.partition is None}
        before = known.get(check.name)
        return [v for v in judged if not v.passed or (before and not before.passed)]

    def _latest(self, spec: TableSpec) -> list[Verdict]:
        return self.store.verdicts.latest([asset_name(spec)])

    def _verdicts(
        self,
        spec: TableSpec,
        outcomes: Iterable[Outcome],
        checks: Iterable[Expectation],
    ) -> list[Verdict]:
        return verdicts(
            outcomes,
            checks,
            asset=asset_name(spec),
            run_id=self.run_id,
            evaluated_at=self.at,
        )

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


def asset_name(spec: TableSpec) -> str:
    """How the table's asset is written."""
    return f"{RAW}/{spec.name}"


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
