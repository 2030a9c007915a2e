"""What every check said of every partition, the newest and those before."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    Connection,
    Engine,
    Select,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    true,
    update,
)

from analytics_platform.adapters.control_store.engine import reading, writing
from analytics_platform.adapters.control_store.tables import VERDICTS
from analytics_platform.contracts.records import Verdict

_KEY = (VERDICTS.c.asset, VERDICTS.c.partition, VERDICTS.c.check_name)
_LOCK = "verdicts"


@dataclass(frozen=True)
class Verdicts:
    """Outcomes of checks, by asset, partition and check."""

    engine: Engine

    def record(self, verdicts: Sequence[Verdict]) -> None:
        """Add verdicts, all or none; of equal keys the last one counts."""
        rows = list({_key(row): row for row in map(_to_row, verdicts)}.values())
        if not rows:
            return
        with writing(self.engine, _LOCK) as connection:
            _outdate(connection, rows)
            connection.execute(insert(VERDICTS), rows)

    def latest(self, assets: Collection[str] | None = None) -> list[Verdict]:
        """The newest verdict per asset, partition and check, in that order."""
        query = select(VERDICTS).where(VERDICTS.c.is_latest == true())
        return self._read(_of(query, assets))

    def previous(self, assets: Collection[str] | None = None) -> list[Verdict]:
        """The verdict before the newest, per asset, partition and check."""
        age = func.row_number().over(partition_by=_KEY, order_by=VERDICTS.c.id.desc())
        ages = _of(select(VERDICTS.c.id, age.label("age")), assets).subquery()
        second = select(ages.c.id).where(ages.c.age == 2)
        return self._read(select(VERDICTS).where(VERDICTS.c.id.in_(second)))

    def forget(self, asset: str) -> None:
        """Drop all verdicts of an asset, such as one that is no longer declared."""
        with writing(self.engine, _LOCK) as connection:
            connection.execute(delete(VERDICTS).where(VERDICTS.c.asset == asset))

    def _read(self, query: Select[tuple[object, ...]]) -> list[Verdict]:
        with reading(self.engine) as connection:
            rows = connection.execute(query.order_by(*_KEY)).mappings().all()
        return [_from_row(dict(row)) for row in rows]


def _of(
    query: Select[tuple[object, ...]], assets: Collection[str] | None
) -> Select[tuple[object, ...]]:
    return query if assets is None else query.where(VERDICTS.c.asset.in_(assets))


def _outdate(connection: Connection, rows: list[dict[str, object]]) -> None:
    """Take the mark of the newest from the verdicts that `rows` replace."""
    same = and_(
        VERDICTS.c.is_latest == true(),
        *(column == bindparam(f"_{column.name}") for column in _KEY),
    )
    connection.execute(
        update(VERDICTS).where(same).values(is_latest=False),
        [{f"_{column.name}": row[column.name] for column in _KEY} for row in rows],
    )


def _key(row: Mapping[str, object]) -> tuple[object, ...]:
    return tuple(row[column.name] for column in _KEY)


def _to_row(verdict: Verdict) -> dict[str, object]:
    row = verdict.model_dump(exclude={"check", "samples"})
    samples = verdict.model_dump(mode="json", include={"samples"})["samples"]
    return {
        **row,
        "partition": verdict.partition or "",
        "check_name": verdict.check,
        "severity": verdict.severity.value,
        "samples": samples,
        "is_latest": True,
    }


def _from_row(row: Mapping[str, object]) -> Verdict:
    fields = {name: row[name] for name in Verdict.model_fields if name in row}
    partition = row["partition"] or None
    return Verdict.model_validate(
        {**fields, "partition": partition, "check": row["check_name"]}
    )
