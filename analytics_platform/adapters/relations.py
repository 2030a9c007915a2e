"""Writes the part of a relation that given partitions hold, as SQL."""

from collections.abc import Sequence
from datetime import date

from analytics_platform.adapters.warehouse import Session
from analytics_platform.errors import InvalidUsage, NotFound

PARTITION = "partition_date"


def select_partitions(relation: str, partitions: Sequence[str] | None) -> str:
    """A query of all columns of `schema.table`, of all its rows or some partitions'.

    Raises:
        InvalidUsage: a partition key is not a date.
    """
    if partitions is None:
        return f"select * from {relation}"
    days = ", ".join(f"date '{_day(key)}'" for key in partitions)
    return f"select * from {relation} where {PARTITION} in ({days})"


def partitions_of(relation: str, partitions: Sequence[str] | None) -> str:
    """The same rows as something to select from."""
    if partitions is None:
        return relation
    return f"({select_partitions(relation, partitions)}) selected"


def require_relation(session: Session, relation: str) -> dict[str, str]:
    """The column names and types of `schema.table`.

    Raises:
        NotFound: the relation does not exist.
    """
    columns = session.columns(relation)
    if not columns:
        raise NotFound(
            f"The relation {relation} does not exist.", hint="Build it first."
        )
    return columns


def _day(key: str) -> str:
    try:
        return date.fromisoformat(key).isoformat()
    except ValueError as error:
        raise InvalidUsage(
            f"The partition {key!r} is not a date.", hint="Write 2013-01-01."
        ) from error
