"""The log of predictions, on PostgreSQL."""

from datetime import UTC, datetime, timedelta

import pytest

from analytics_platform.adapters.control_store.engine import open_engine
from analytics_platform.adapters.control_store.migrations import migrate
from analytics_platform.adapters.prediction_log import PredictionLog
from tests.adapters.test_prediction_log import prediction

pytestmark = pytest.mark.system

AT = datetime(2024, 3, 1, 12, tzinfo=UTC)


def test_of_more_rows_than_are_sent_at_once_the_new_ones_are_added_and_counted(
    postgres_database: str,
) -> None:
    migrate(postgres_database)
    log = PredictionLog(open_engine(postgres_database))
    assert log.append([prediction(number) for number in range(2_500)], AT) == 2_500
    later = AT + timedelta(hours=1)
    again = [prediction(number) for number in range(1_000, 4_000)]
    assert log.append(again, later) == 1_500
    assert log.count() == 4_000
    assert [one.at for one in log.of_event("event-2499")] == [AT]
    assert [one.at for one in log.of_event("event-2500")] == [later]
