"""Checks and profiles one built model, and keeps what was found."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.expectations import run_expectations
from analytics_platform.adapters.profiler import profile, table_profile
from analytics_platform.adapters.relations import PARTITION, require_relation
from analytics_platform.adapters.warehouse import Session, Warehouse
from analytics_platform.contracts.domain import Expectation
from analytics_platform.contracts.records import TableProfile, Verdict
from analytics_platform.core.profiles import before_of
from analytics_platform.core.quality import Outcome, not_evaluated, verdicts

_SEARCHED = 20  # profiles searched for one of as many partitions


@dataclass(frozen=True)
class ModelAudit:
    """What checks say of a model, its profile, and a like profile from before."""

    verdicts: tuple[Verdict, ...]
    profile: TableProfile
    before: TableProfile | None


@dataclass(frozen=True)
class ModelAuditor:
    """Audits models for one run."""

    warehouse: Warehouse
    store: ControlStore
    run_id: str
    at: datetime

    def audit(
        self,
        relation: str,
        expectations: Sequence[Expectation],
        wanted: Sequence[str] | None,
        *,
        personal: Collection[str] = (),
    ) -> ModelAudit:
        """Check and profile `schema.model`, and record both in the control store.

        Of a relation with a column `partition_date`, the `wanted` partitions; None: all
        that it holds. An error that ends the audit is recorded as the verdict of each
        check, so that the blocking ones keep back what reads the model.

        Raises:
            NotFound: the relation does not exist.
        """
        asset = relation.replace(".", "/")
        parts = self._judged_before(asset, wanted)
        try:
            with self.warehouse.exclusive():
                keys = self._keys(relation, wanted)
                parts = [None] if keys is None else [*keys]
                with self.warehouse.session() as session:
                    measured = profile(session, relation, keys, personal=personal)
                outcomes = run_expectations(
                    self.warehouse, relation, expectations, keys, personal=personal
                )
        except BaseException as error:
            self._judge(asset, expectations, not_evaluated(expectations, parts, error))
            raise
        judged = self._judge(asset, expectations, outcomes)
        found = table_profile(
            measured,
            asset=asset,
            partitions=keys,
            run_id=self.run_id,
            profiled_at=self.at,
        )
        return ModelAudit(tuple(judged), found, self._remember(found))

    def _keys(
        self, relation: str, wanted: Sequence[str] | None
    ) -> Sequence[str] | None:
        with self.warehouse.session() as session:
            require_relation(session, relation)
            return partitions_held(session, relation, wanted)

    def _judged_before(
        self, asset: str, wanted: Sequence[str] | None
    ) -> list[str | None]:
        """The wanted parts of which verdicts are known, when nothing else is."""
        known = {verdict.partition for verdict in self.store.verdicts.latest([asset])}
        asked = known if wanted is None else {None, *wanted}
        return sorted(known & asked, key=str)

    def _judge(
        self,
        asset: str,
        expectations: Sequence[Expectation],
        outcomes: Sequence[Outcome],
    ) -> list[Verdict]:
        """Record what the checks said."""
        judged = verdicts(
            outcomes,
            expectations,
            asset=asset,
            run_id=self.run_id,
            evaluated_at=self.at,
        )
        self.store.verdicts.record(judged)
        return judged

    def _remember(self, found: TableProfile) -> TableProfile | None:
        """Record a profile; gives the like one that was there before."""
        earlier = self.store.profiles.latest(found.asset, count=_SEARCHED)
        self.store.profiles.record(found)
        return before_of(found, earlier)


def partitions_held(
    session: Session, relation: str, wanted: Sequence[str] | None
) -> Sequence[str] | None:
    """The `wanted` partitions, else those that hold rows; None: it has none."""
    if PARTITION not in session.columns(relation):
        return None
    if wanted is not None:
        return wanted
    found = session.rows(
        f"select distinct cast({PARTITION} as date) from {relation} "
        f"where {PARTITION} is not null order by 1"
    )
    return [str(key) for (key,) in found]
