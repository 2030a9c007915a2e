"""Judges a load: its contract, its corrections, and its expectations in the stage."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from analytics_platform.adapters.contract_gate import Gated
from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.promotion import RAW
from analytics_platform.adapters.warehouse import Warehouse
from analytics_platform.contracts.domain import Expectation, TableSpec
from analytics_platform.contracts.records import Verdict
from analytics_platform.core.ingestion import (
    CONTRACT,
    Part,
    contract_check,
    contract_outcomes,
    count_parts,
    first_samples,
    merged_check,
    merged_outcomes,
    part_of,
    refusal,
)
from analytics_platform.core.quality import Outcome, verdicts

Audit = Callable[[Warehouse, str, TableSpec, Sequence[str] | None], list[Outcome]]

_SAMPLES = 10  # as many as a Verdict holds


@dataclass(frozen=True)
class LoadVerdicts:
    """What one run says of the loads of one table; `audit` runs its expectations."""

    spec: TableSpec
    store: ControlStore
    audit: Audit
    run_id: str
    at: datetime

    def contract(
        self, parts: Sequence[Part], batches: Sequence[Gated]
    ) -> list[Verdict]:
        """Whether the rows of each part kept the contract.

        Rows whose partition cannot be told are an error that holds no partition back;
        it is told when there are some, and when there are none any more.
        """
        counts = count_parts([(b.rows, b.failing) for b in batches], parts)
        samples = first_samples([b.samples(_SAMPLES) for b in batches], parts)
        check = contract_check(self.spec)
        judged = self._judged(contract_outcomes(counts, parts, samples), check)
        if None in parts:
            return judged
        harmless = check.model_copy(update={"blocking": False})
        unplaced = self._judged(contract_outcomes(counts, [None], samples), harmless)
        return judged + [one for one in unplaced if not one.passed or self._was_red()]

    def expectations(
        self, warehouse: Warehouse, stage: str, parts: Sequence[Part]
    ) -> list[Verdict]:
        """What the declared expectations say of the staged rows."""
        keys = None if None in parts else [part for part in parts if part]
        outcomes = self.audit(warehouse, stage, self.spec, keys)
        return self._judged(outcomes, *self.spec.expectations)

    def merged(self, parts: Iterable[Part]) -> list[Verdict]:
        """That these parts hold all corrections."""
        return self._judged(merged_outcomes(parts, merged=True), merged_check())

    def unmerged(self, days: Iterable[date]) -> list[Verdict]:
        """That corrections wait in the partitions that start on these days."""
        parts = [part_of(day) for day in days]
        return self._judged(merged_outcomes(parts, merged=False), merged_check())

    def refused(self, parts: Sequence[Part], message: str, rows: int) -> list[Verdict]:
        """That nothing of the load could be let in."""
        outcomes = [refusal(part, message, rows) for part in parts]
        check = contract_check(self.spec).model_copy(update={"blocking": True})
        return self._judged(outcomes, check)

    def _was_red(self) -> bool:
        return any(
            verdict.check == CONTRACT and verdict.partition is None
            for verdict in self.store.verdicts.latest([asset_name(self.spec)])
            if not verdict.passed
        )

    def _judged(
        self, outcomes: Iterable[Outcome], *checks: Expectation
    ) -> list[Verdict]:
        return verdicts(
            outcomes,
            checks,
            asset=asset_name(self.spec),
            run_id=self.run_id,
            evaluated_at=self.at,
        )


def asset_name(spec: TableSpec) -> str:
    """How the table's asset is written."""
    return f"{RAW}/{spec.name}"
