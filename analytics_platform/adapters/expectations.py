"""Runs a domain's expectations inside the warehouse with Great Expectations."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from analytics_platform.adapters.expectation_batch import (
    SQL_EXPECTATION,
    ExpectationBatch,
    Finding,
)
from analytics_platform.adapters.expectation_scope import Scope, scope_of
from analytics_platform.adapters.failing_rows import (
    FailingRows,
    failing_rows,
    mask,
    totals,
)
from analytics_platform.adapters.relations import PARTITION, select_partitions
from analytics_platform.adapters.warehouse import Warehouse
from analytics_platform.contracts.domain import Expectation
from analytics_platform.core.quality import NOT_EVALUATED, Outcome
from analytics_platform.errors import NotFound

KNOWN_DEFECT_SAMPLES = 3  # a documented defect is known: few rows show it


def run_expectations(
    warehouse: Warehouse,
    relation: str,
    expectations: Sequence[Expectation],
    partitions: Sequence[str] | None = None,
    *,
    personal: Collection[str] = (),
) -> list[Outcome]:
    """One outcome per expectation and partition (None: the whole relation).

    `relation` is `schema.table`; `partitions` are keys found in its column
    `partition_date`. An outcome is that of its partition alone, whichever others are
    asked for with it. A query of `unexpected_rows_expectation` that returns
    `partition_date` judges rows; another one judges each partition's batch. Values of
    `personal` columns are masked.

    Raises:
        NotFound: the relation does not exist.
        InvalidUsage: an expectation is not one that Great Expectations knows.
    """
    if not expectations or (partitions is not None and not partitions):
        return []
    with warehouse.exclusive():
        with warehouse.session() as session:
            columns = tuple(session.columns(relation))
        if not columns:
            raise NotFound(
                f"The relation {relation} does not exist.", hint="Build it first."
            )
        with warehouse.reading_engine() as engine:
            audit = _Audit(engine, relation, columns, partitions, frozenset(personal))
            found = audit.outcomes(expectations)
    order = {one.name: position for position, one in enumerate(expectations)}
    return sorted(found, key=lambda one: (order[one.check], one.partition or ""))


def warm_up() -> None:
    """Import Great Expectations now (six CPU seconds), to spare the first caller."""
    import great_expectations.validator.validator  # noqa: F401


@dataclass(frozen=True)
class _Audit:
    engine: sa.Engine
    relation: str
    columns: tuple[str, ...]
    partitions: Sequence[str] | None
    personal: frozenset[str]

    def outcomes(self, expectations: Sequence[Expectation]) -> list[Outcome]:
        """Ask once over the range; look closer only where that does not answer."""
        whole = ExpectationBatch(
            self.engine, select_partitions(self.relation, self.partitions)
        )
        absent = {one.name: self._absent(one) for one in expectations}
        usable = [one for one in expectations if not absent[one.name]]
        scopes = {one.name: self._scope(whole, one) for one in usable}
        wide = [one for one in usable if scopes[one.name] is not Scope.FIGURE]
        held = whole.holds(wide)
        counts = self._totals(whole)
        outcomes, closer = [], []
        for expectation in expectations:
            finding = held.get(expectation.name)
            if absent[expectation.name]:
                finding = Finding(passed=False, error=absent[expectation.name])
            scope = scopes.get(expectation.name)
            if finding and (finding.passed or finding.error or scope is Scope.TABLE):
                outcomes += self._same(expectation, finding, counts)
            elif scope is Scope.ROW:
                outcomes += self._by_rows(whole, expectation, counts)
            else:
                closer.append(expectation)
        return outcomes + self._by_batch(closer, counts)

    def _scope(self, whole: ExpectationBatch, expectation: Expectation) -> Scope:
        """A query's own columns say whether its rows can be told by partition."""
        if expectation.type != SQL_EXPECTATION or self.partitions is None:
            return scope_of(expectation, returns_partition=True)
        empty = sa.select(sa.text("*")).select_from(whole.failing(expectation)).limit(0)
        try:
            with self.engine.connect() as connection:
                columns = set(connection.execute(empty).keys())
        except sa.exc.DBAPIError:  # a broken query: its outcome tells the error
            return Scope.ROW
        return scope_of(expectation, returns_partition=PARTITION in columns)

    def _same(
        self, expectation: Expectation, finding: Finding, counts: dict[str | None, int]
    ) -> list[Outcome]:
        return [
            self._outcome(expectation, partition, finding, counts)
            for partition in self._parts()
        ]

    def _by_rows(
        self,
        whole: ExpectationBatch,
        expectation: Expectation,
        counts: dict[str | None, int],
    ) -> list[Outcome]:
        documented = expectation.expected_failure_rate is not None
        found = failing_rows(
            self.engine,
            whole.failing(expectation),
            partition_column=None if self.partitions is None else PARTITION,
            limit=KNOWN_DEFECT_SAMPLES if documented else None,
        )
        return [
            self._outcome(
                expectation,
                partition,
                _rows_finding(found.get(partition)),
                counts,
            )
            for partition in self._parts()
        ]

    def _by_batch(
        self, expectations: Sequence[Expectation], counts: dict[str | None, int]
    ) -> list[Outcome]:
        outcomes = []
        if expectations:
            for partition in self._parts():
                query = select_partitions(
                    self.relation, None if partition is None else [partition]
                )
                found = ExpectationBatch(self.engine, query).examine(expectations)
                outcomes += [
                    self._outcome(one, partition, found[one.name], counts)
                    for one in expectations
                ]
        return outcomes

    def _outcome(
        self,
        expectation: Expectation,
        partition: str | None,
        finding: Finding,
        counts: dict[str | None, int],
    ) -> Outcome:
        total = counts.get(partition, 0)
        return Outcome(
            check=expectation.name,
            partition=partition,
            passed=finding.passed,
            failing_rows=0 if finding.passed else finding.failing_rows or 0,
            total_rows=total,
            samples=()
            if finding.passed
            else tuple(mask(row, self.personal) for row in finding.rows),
            detail=self._detail(expectation, finding, total),
        )

    def _detail(self, expectation: Expectation, finding: Finding, total: int) -> str:
        if finding.error:
            return f"{NOT_EVALUATED}: {finding.error.splitlines()[0]}"
        if finding.failing_rows:
            share = f" ({finding.failing_rows / total:.2%})" if total else ""
            return f"{finding.failing_rows} of {total} rows fail{share}."
        if finding.observed is None:
            return ""
        hidden = self.personal & _columns_of(expectation)
        return f"Observed {'***' if hidden else finding.observed}."

    def _parts(self) -> Sequence[str | None]:
        return (None,) if self.partitions is None else self.partitions

    def _absent(self, expectation: Expectation) -> str | None:
        if expectation.type == "expect_column_to_exist":
            return None
        missing = sorted(_columns_of(expectation) - set(self.columns))
        return (
            f"{self.relation} has no column {', '.join(missing)}." if missing else None
        )

    def _totals(self, whole: ExpectationBatch) -> dict[str | None, int]:
        return totals(
            self.engine,
            whole.query,
            partition_column=None if self.partitions is None else PARTITION,
        )


def _rows_finding(found: FailingRows | None) -> Finding:
    if found is None:
        return Finding(passed=True)
    return Finding(passed=False, failing_rows=found.count, rows=found.samples)


def _columns_of(expectation: Expectation) -> set[str]:
    arguments = expectation.arguments
    named = {arguments.get(name) for name in ("column", "column_A", "column_B")}
    listed = arguments.get("column_list")
    if isinstance(listed, (list, tuple)):
        named |= set(listed)
    return {str(name) for name in named if name is not None}
