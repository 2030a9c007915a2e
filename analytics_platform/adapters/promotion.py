"""Moves judged rows from the stage to `raw` and to `quarantine`, in one transaction."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from analytics_platform.adapters.contract_columns import (
    column_list,
    column_types,
    ensure_table,
)
from analytics_platform.adapters.warehouse import Session
from analytics_platform.contracts.domain import TableSpec
from analytics_platform.core.contract_gate import PARTITION, REASON
from analytics_platform.core.exact_casts import quoted
from analytics_platform.core.ingestion import Part, cursor_of, days_of, part_of

RAW = "raw"
QUARANTINE = "quarantine"


@dataclass(frozen=True)
class Promotion:
    """The tables of one contract, on one connection."""

    spec: TableSpec
    session: Session
    dialect: str

    @property
    def raw(self) -> str:
        """Where good rows go."""
        return f"{RAW}.{self.spec.name}"

    @property
    def quarantine(self) -> str:
        """Where the well-formed rows of red partitions stay, with the reason."""
        return f"{QUARANTINE}.{self.spec.name}"

    def promote(
        self, stage: str, parts: Sequence[Part], red: Mapping[Part, str]
    ) -> None:
        """Publish the good parts of the stage and set the red ones (why) aside.

        `parts` are what the load is about: partition keys, or None for all of it. A
        replaced part holds the staged rows and no others afterwards, none if none
        were staged; a merged row takes the place of the row of the same key.
        """
        self._ensure_tables()
        good = [part for part in parts if part not in red]
        if self.spec.write == "merge":
            self._merge(stage, good)
        else:
            self._replace(stage, good)
        self._set_aside(stage, parts, red)

    def rows(self, parts: Sequence[Part]) -> dict[Part, int]:
        """How many rows `raw` holds for each of these parts."""
        if not parts:
            return {}
        if None in parts:
            found = self.session.rows(f"select count(*) from {self.raw}")
            return {None: int(str(found[0][0]))}
        counts: dict[Part, int] = dict.fromkeys(parts, 0)
        for day, count in self.session.rows(
            f"select {PARTITION}, count(*) from {self.raw} "
            f"where {_inside(parts)} group by {PARTITION}"
        ):
            counts[_key(day)] = int(str(count))
        return counts

    def _ensure_tables(self) -> None:
        columns = column_types(self.spec, self.dialect)
        ensure_table(self.session, self.raw, columns, self.dialect)
        kept = {**columns, REASON: _text_type(self.dialect)}
        ensure_table(self.session, self.quarantine, kept, self.dialect)

    def _replace(self, stage: str, good: Sequence[Part]) -> None:
        if good:
            self.session.execute(f"delete from {self.raw} where {_inside(good)}")
            self._insert(self.raw, stage, good)

    def _merge(self, stage: str, good: Sequence[Part]) -> None:
        if good:
            self._drop_outdated(stage)
            self._delete_keys(self.raw, stage, good)
            self._insert(self.raw, stage, good)

    def _drop_outdated(self, stage: str) -> None:
        """A staged row gives way to a published one that is newer by the cursor."""
        cursor = cursor_of(self.spec)
        if cursor is not None:
            name = quoted(cursor)
            newer = f"source.{name} > target.{name}"
            delete_keys(
                self.session, stage, self.spec.key, f"select * from {self.raw}", newer
            )

    def _set_aside(
        self, stage: str, parts: Sequence[Part], red: Mapping[Part, str]
    ) -> None:
        """A part's rows of before are no longer held once new ones were judged."""
        if self.spec.write == "merge":
            self._delete_keys(self.quarantine, stage, parts)
        else:
            self.session.execute(
                f"delete from {self.quarantine} where {_inside(parts)}"
            )
        names = column_list(column_types(self.spec, self.dialect))
        for part, reason in red.items():
            self.session.execute(
                f"insert into {self.quarantine} ({names}, {REASON}) "
                f"select {names}, cast(:reason as {_text_type(self.dialect)}) "
                f"from {stage} where {_inside([part])}",
                {"reason": reason},
            )

    def _insert(self, target: str, stage: str, parts: Sequence[Part]) -> None:
        names = column_list(column_types(self.spec, self.dialect))
        self.session.execute(
            f"insert into {target} ({names}) select {names} from {stage} "
            f"where {_inside(parts)}"
        )

    def _delete_keys(self, target: str, stage: str, parts: Sequence[Part]) -> None:
        delete_keys(
            self.session,
            target,
            self.spec.key,
            f"select * from {stage} where {_inside(parts)}",
        )


def overlay(
    session: Session,
    stage: str,
    spec: TableSpec,
    corrections: TableSpec,
    keys: Sequence[Part],
) -> None:
    """Let corrected rows take the place of the staged ones of the same key."""
    source = f"select * from {RAW}.{corrections.name} where {_inside(keys)}"
    names = column_list({c.name: "" for c in spec.columns} | _partition_column(spec))
    delete_keys(session, stage, spec.key, source)
    session.execute(f"insert into {stage} ({names}) select {names} from ({source}) c")


def delete_keys(
    session: Session,
    target: str,
    key: Collection[str],
    source: str,
    condition: str = "true",
) -> None:
    """Delete the rows of `target` whose key occurs in the query `source`.

    `condition` compares the rows `source` and `target` beyond their keys.
    """
    same = " and ".join(f"source.{quoted(k)} = target.{quoted(k)}" for k in key)
    session.execute(
        f"delete from {target} as target where exists "
        f"(select 1 from ({source}) as source where {same} and {condition})"
    )


def _partition_column(spec: TableSpec) -> dict[str, str]:
    return {} if spec.partition_date is None else {PARTITION: ""}


def _inside(parts: Sequence[Part]) -> str:
    days = [part for part in parts if part is not None]
    if len(days) < len(parts):
        return "true"
    return f"{PARTITION} in ({days_of(days)})" if days else "false"


def _key(day: object) -> Part:
    return part_of(day if isinstance(day, date) else None)


def _text_type(dialect: str) -> str:
    return "string" if dialect == "bigquery" else "text"
