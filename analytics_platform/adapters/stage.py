"""The audit area: dlt loads rows into `stage`, where they are judged."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from analytics_platform.adapters.contract_columns import (
    RawTable,
    column_types,
    create_table,
)
from analytics_platform.adapters.warehouse import Warehouse
from analytics_platform.contracts.domain import ColumnType
from analytics_platform.errors import Unavailable
from analytics_platform.settings import Settings

STAGE = "stage"
_DLT_TABLES = ("_dlt_loads", "_dlt_version", "_dlt_pipeline_state")


def warm_up() -> None:
    """Import dlt now (three CPU seconds), to spare the first caller."""
    import dlt.destinations.impl.duckdb.duck  # noqa: F401


@contextmanager
def staged(
    warehouse: Warehouse, settings: Settings, spec: RawTable, rows: pa.Table
) -> Iterator[str]:
    """`stage.<table>` with these rows, until left; call it inside `exclusive()`.

    Whatever a killed load left in the stage is removed first.
    """
    relation = f"{STAGE}.{spec.name}"
    _clean(warehouse, relation)
    try:
        if len(rows):
            _load(warehouse, settings, spec, rows)
        else:  # dlt makes no table for no rows
            with warehouse.session() as session:
                create_table(session, relation, column_types(spec, warehouse.dialect))
        yield relation
    finally:
        _clean(warehouse, relation)


def _load(
    warehouse: Warehouse, settings: Settings, spec: RawTable, rows: pa.Table
) -> None:
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    import dlt

    with _fresh_folder(settings.home / "dlt") as folder:
        pipeline = dlt.pipeline(
            pipeline_name=f"load_{spec.name}",
            pipelines_dir=str(folder),
            destination=warehouse.dlt_destination(),
            dataset_name=STAGE,
        )
        # What a table held before is of no interest: the stage is made anew.
        pipeline.config.restore_from_destination = False
        with _signals_passed_on(), _transient_told():
            pipeline.run(
                dlt.resource(
                    rows,
                    name=spec.name,
                    write_disposition="replace",
                    columns={
                        column.name: {"data_type": "timestamp", "timezone": False}
                        for column in spec.columns
                        if column.type is ColumnType.TIMESTAMP
                    },
                )
            )


@contextmanager
def _signals_passed_on() -> Iterator[None]:
    """Hand a signal that comes meanwhile to whom it was meant for, once dlt is done.

    dlt takes SIGINT and SIGTERM for itself: it ends in an error of its own, or, where
    it looks no more, forgets them, and Ctrl-C would be lost.
    """
    from dlt.common.exceptions import SignalReceivedException
    from dlt.common.runtime import signals

    received: BaseException | None = None
    try:
        with signals.intercepted_signals():
            try:
                yield
            finally:
                if signals.was_signal_received():
                    received = signals.exception_for_signal()
    finally:
        if isinstance(received, SignalReceivedException):
            signal.raise_signal(received.signal_code)


@contextmanager
def _transient_told() -> Iterator[None]:
    """Turn what dlt knows to be a passing failure of the warehouse into Unavailable."""
    from dlt.common.destination.exceptions import DestinationTransientException
    from dlt.pipeline.exceptions import PipelineStepFailed

    try:
        yield
    except PipelineStepFailed as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, DestinationTransientException):
                raise Unavailable(
                    f"The warehouse did not take the rows: {cause}.",
                    hint="The load is tried again.",
                ) from error
            cause = cause.__cause__
        raise


@contextmanager
def _fresh_folder(parent: Path) -> Iterator[Path]:
    """A new folder per load: a package of a killed load must never be loaded again."""
    shutil.rmtree(parent, ignore_errors=True)
    parent.mkdir(parents=True)
    folder = Path(tempfile.mkdtemp(dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(parent, ignore_errors=True)


def _clean(warehouse: Warehouse, relation: str) -> None:
    with warehouse.session() as session, session.transaction():
        session.execute(f"create schema if not exists {STAGE}")
        for table in (relation, *(f"{STAGE}.{name}" for name in _DLT_TABLES)):
            session.execute(f"drop table if exists {table}")
