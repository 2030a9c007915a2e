"""Every prediction that was made, once: what was said, by which version, of what."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

from sqlalchemy import Connection, Engine, delete, func, select
from sqlalchemy.dialects import postgresql

from analytics_platform.adapters.control_store.engine import reading, writing
from analytics_platform.adapters.control_store.tables import PREDICTIONS
from analytics_platform.contracts.messages import Prediction
from analytics_platform.core.exact_casts import quoted

_FIELDS = tuple(name for name in Prediction.model_fields if name != "kind")
_READ_AT_ONCE = 10_000
_values_of = attrgetter(*_FIELDS)
# The driver takes rows as they are; naming each value for SQLAlchemy takes twice as
# long as the inserts, and keeps the threads waiting that predict.
_INTO_SQLITE = (
    f"insert into predictions ({', '.join(map(quoted, (*_FIELDS, 'at')))}) "
    f"values ({', '.join('?' * (len(_FIELDS) + 1))}) on conflict do nothing"
)


@dataclass(frozen=True)
class LoggedPrediction:
    """A prediction and the wall instant at which it was logged."""

    prediction: Prediction
    at: datetime


@dataclass(frozen=True)
class PredictionLog:
    """Predictions in the control store; rows are added and never changed.

    A prediction has its id from the declaration, the model's version and the event, so
    that the same one logged again, such as after a crash, is there once.
    """

    engine: Engine

    def append(self, predictions: Sequence[Prediction], at: datetime) -> int:
        """Add those that are not there yet; gives how many they were."""
        different = {one.prediction_id: one for one in predictions}.values()
        if not different:
            return 0
        with writing(self.engine, "predictions") as connection:
            if connection.dialect.name == "postgresql":
                return _insert_into_postgres(connection, different, at)
            return _insert_into_sqlite(connection, different, at)

    def read(
        self, model: str, start: datetime, end: datetime
    ) -> Iterator[LoggedPrediction]:
        """A model's predictions logged in [start, end), in the order of logging."""
        query = (
            select(PREDICTIONS)
            .where(PREDICTIONS.c.model == model)
            .where(PREDICTIONS.c.at >= start, PREDICTIONS.c.at < end)
            .order_by(PREDICTIONS.c.at, PREDICTIONS.c.prediction_id)
        )
        with reading(self.engine) as connection:
            found = connection.execution_options(yield_per=_READ_AT_ONCE).execute(query)
            for row in found.mappings():
                fields = dict(row)
                at = fields.pop("at")
                yield LoggedPrediction(Prediction.model_validate(fields), at)

    def of_event(self, event_id: str) -> list[LoggedPrediction]:
        """Every prediction of one event, oldest first."""
        query = (
            select(PREDICTIONS)
            .where(PREDICTIONS.c.event_id == event_id)
            .order_by(PREDICTIONS.c.at, PREDICTIONS.c.prediction_id)
        )
        with reading(self.engine) as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
        return [
            LoggedPrediction(Prediction.model_validate(row), at)
            for row in rows
            for at in [row.pop("at")]
        ]

    def count(self) -> int:
        """How many predictions there are."""
        with reading(self.engine) as connection:
            query = select(func.count()).select_from(PREDICTIONS)
            return connection.execute(query).scalar_one()

    def prune(self, before: datetime) -> int:
        """Delete what was logged before an instant; gives how many they were."""
        with writing(self.engine, "predictions") as connection:
            old = delete(PREDICTIONS).where(PREDICTIONS.c.at < before)
            return connection.execute(old).rowcount


def _insert_into_sqlite(
    connection: Connection, predictions: Collection[Prediction], at: datetime
) -> int:
    dialect = connection.dialect
    written = PREDICTIONS.c.at.type.dialect_impl(dialect).bind_processor(dialect)
    instant = written(at) if written else at
    rows = [(*_values_of(one), instant) for one in predictions]
    return connection.exec_driver_sql(_INTO_SQLITE, rows).rowcount


def _insert_into_postgres(
    connection: Connection, predictions: Collection[Prediction], at: datetime
) -> int:
    rows = [
        {**dict(zip(_FIELDS, _values_of(one), strict=True)), "at": at}
        for one in predictions
    ]
    # One row's statement for all of them: it is compiled once for good. It is sent in
    # parts of many rows; the driver's count is that of the last part.
    statement = postgresql.insert(PREDICTIONS).on_conflict_do_nothing()
    added = statement.returning(PREDICTIONS.c.prediction_id)
    return len(connection.execute(added, rows).all())
