"""SQLAlchemy engines that leave no connection open."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # a code location loads this module and must not pay for it
    from sqlalchemy import Engine


@contextmanager
def closing_engine(engine: "Engine") -> Iterator["Engine"]:
    """Lend an engine, then close every connection that it opened."""
    from sqlalchemy import event

    opened: list[Any] = []
    event.listen(engine, "connect", lambda one, _record: opened.append(one))
    try:
        yield engine
    finally:
        engine.dispose()
        # A failed statement's traceback keeps its connection out of the pool.
        for connection in opened:
            connection.close()
