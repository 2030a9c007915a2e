"""An engine that was lent leaves no connection open, whatever happens meanwhile."""

from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from analytics_platform.adapters.engines import closing_engine


def test_every_connection_is_closed_after_a_failure_too() -> None:
    opened: list[Any] = []

    def fail() -> None:
        with closing_engine(create_engine("sqlite://")) as engine:
            connection = engine.connect()  # never given back
            opened.append(connection.connection.dbapi_connection)
            connection.execute(text("select nonsense"))

    with pytest.raises(OperationalError):
        fail()
    (raw,) = opened
    with pytest.raises(Exception, match="closed database"):
        raw.cursor()
