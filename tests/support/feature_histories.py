"""Random histories full of ties, late knowledge, nulls and boundary instants."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random

from analytics_platform.adapters.warehouse import Session, Value
from analytics_platform.contracts.domain import (
    Aggregate,
    FeatureSpec,
    FeatureView,
    Spine,
)
from tests.support.feature_oracle import HistoryRow, OracleFeature, Read, Scalar

# Naive UTC, as the warehouse keeps it; a leap day begins ten minutes later.
START = datetime.fromisoformat("2024-02-28T23:50")
DAY = timedelta(days=1)
SPINE = Spine(
    source="marts.orders",
    key=("order_id",),
    cutoff="due_at",
    ahead=timedelta(minutes=2),
    columns=(),
)

# Few minutes and few values, so that everything coincides often.
_MINUTES = 24
_NUMBERS: tuple[tuple[str, Read], ...] = (
    ("amount", lambda row: row.amount),
    ("ratio", lambda row: row.ratio),
    ("1", lambda _: 1),
    (
        "amount / (amount - 2)",
        lambda row: (
            None if row.amount in {None, 2} else (row.amount or 0) / (row.amount - 2)  # type: ignore[operator]
        ),
    ),
    ("coalesce(-amount, 7)", lambda row: 7 if row.amount is None else -row.amount),
    ("case when flag then 1 else 0 end", lambda row: 1 if row.flag else 0),
    (
        "case when flag then 1 when not flag then ratio end",
        lambda row: None if row.flag is None else 1 if row.flag else row.ratio,
    ),
)
_ANY: tuple[tuple[str, Read], ...] = (
    *_NUMBERS,
    ("note", lambda row: row.note),
    ("flag", lambda row: row.flag),
)
_FILTERS: tuple[tuple[str | None, Read], ...] = (
    (None, lambda _: True),
    (None, lambda _: True),
    ("amount > 1", lambda row: row.amount is not None and row.amount > 1),
    ("not flag", lambda row: row.flag is False),
    ("note = 'a' or flag", lambda row: row.note == "a" or row.flag is True),
    ("amount is null", lambda row: row.amount is None),
)


@dataclass(frozen=True)
class SpineRow:
    """One row to predict for."""

    order_id: int
    entity: tuple[int, str | None]
    due_at: datetime
    partition_date: date

    @property
    def cutoff(self) -> datetime:
        """The instant of its prediction."""
        return self.due_at - SPINE.ahead


def random_view(
    random: Random, features: int = 8
) -> tuple[FeatureView, list[OracleFeature]]:
    """A view over `staging.events` with random features, and its oracle."""
    chosen = [_random_feature(random, index) for index in range(features)]
    return view_of([feature.spec for feature in chosen]), chosen


def view_of(features: Sequence[FeatureSpec]) -> FeatureView:
    """A view of the test's entity with those features."""
    return FeatureView(
        name="recent_events",
        description="What happened to the customer lately.",
        owner="team:data",
        entity=("history", "customer"),
        spine_entity=("order_history", "customer"),
        source="staging.events",
        event_time="happened_at",
        knowledge_time="known_at",
        ttl=DAY,
        features=tuple(features),
    )


def random_history(random: Random, history: int) -> list[HistoryRow]:
    """Up to 25 rows of two customers and of nobody."""
    return [_random_row(random, history) for _ in range(random.randint(0, 25))]


def random_spine(random: Random, history: int, rows: int = 6) -> list[SpineRow]:
    """Rows to predict, some at equal instants."""
    found = []
    for index in range(rows):
        due = _instant(random, -2, _MINUTES + 6)
        found.append(
            SpineRow(
                history * 100 + index, (history, _customer(random)), due, due.date()
            )
        )
    return found


def write_tables(
    session: Session, events: Sequence[HistoryRow], spine: Sequence[SpineRow]
) -> None:
    """Replace `staging.events` and `marts.orders`."""
    for schema in ("staging", "marts"):
        session.execute(f"create schema if not exists {schema}")
    session.execute("drop table if exists staging.events")
    session.execute("drop table if exists marts.orders")
    session.execute(
        "create table staging.events (history bigint, customer varchar, "
        "happened_at timestamp, known_at timestamp, amount integer, "
        "ratio double precision, flag boolean, note varchar)"
    )
    session.execute(
        "create table marts.orders (order_id bigint, order_history bigint, "
        "customer varchar, due_at timestamp, partition_date date)"
    )
    add_events(session, events)
    _insert(
        session,
        "marts.orders",
        [(r.order_id, *r.entity, r.due_at, r.partition_date) for r in spine],
    )


def add_events(session: Session, events: Sequence[HistoryRow]) -> None:
    """Insert rows into `staging.events`."""
    rows = [
        (*r.entity, r.happened, r.known, r.amount, r.ratio, r.flag, r.note)
        for r in events
    ]
    _insert(session, "staging.events", rows)


def same(got: object, wanted: Scalar) -> bool:
    """Equal; numbers to 1e-9 of their size."""
    if isinstance(wanted, bool | str) or wanted is None or got is None:
        return got == wanted
    assert isinstance(got, float | int)
    return abs(got - wanted) <= 1e-9 * max(1.0, abs(wanted))


def _insert(session: Session, table: str, rows: Sequence[tuple[Value, ...]]) -> None:
    for first in range(0, len(rows), 2000):
        lines = [
            f"({', '.join(_literal(value) for value in row)})"
            for row in rows[first : first + 2000]
        ]
        session.execute(f"insert into {table} values {', '.join(lines)}")


def _literal(value: Value) -> str:
    if value is None:
        return "null"
    if isinstance(value, str | date):
        return f"'{value}'"
    return str(value)


def _random_feature(random: Random, index: int) -> OracleFeature:
    aggregate = random.choice(list(Aggregate))
    takes_any = aggregate in {Aggregate.COUNT, Aggregate.LATEST}
    text, value = random.choice(_ANY if takes_any else _NUMBERS)
    condition, holds = random.choice(_FILTERS)
    spec = FeatureSpec(
        name=f"feature_{index}",
        description="A random feature.",
        aggregate=aggregate,
        expression=text,
        filter=condition,
        length=timedelta(minutes=random.choice([1, 3, 8, 20])),
        lag=timedelta(minutes=random.choice([0, 0, 0, 2, 5])),
    )
    return OracleFeature(spec, value, lambda row: bool(holds(row)))


def _random_row(random: Random, history: int) -> HistoryRow:
    happened = _instant(random, -10, _MINUTES)
    # Known at once, later (often after a cut-off), or before it happened.
    known = happened + timedelta(minutes=random.choice([0, 0, 1, 4, 30, -3]))
    return HistoryRow(
        entity=(history, _customer(random)),
        happened=None if random.random() < 0.05 else happened,
        known=None if random.random() < 0.05 else known,
        amount=random.choice([None, 0, 1, 2, 2, 5, -3]),
        ratio=random.choice([None, 0.1, 0.2, 1 / 3, -1e6 / 7, 12345.678]),
        flag=random.choice([None, True, False]),
        note=random.choice([None, "a", "b", "A"]),
    )


def _customer(random: Random) -> str | None:
    return random.choice(["ann", "ann", "bob", None])


def _instant(random: Random, first: int, last: int) -> datetime:
    return START + timedelta(minutes=random.randint(first, last))
