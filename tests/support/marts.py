"""The marts of a home, as bytes that can be compared."""

from pathlib import Path

import duckdb

from tests.support.commands import Commands

PARTITIONED = (
    "fct_flights",
    "mart_airport_daily",
    "mart_airport_hourly",
    "mart_carrier_daily",
    "mart_carrier_hourly",
)
WHOLE = ("mart_route_performance", "mart_weather_impact", "dim_airports", "dim_carriers")


def mart_bytes(home: Commands, months: list[str]) -> dict[tuple[str, str], bytes]:
    """Each mart's rows of each month in order of all columns, as a Parquet file."""
    found = {}
    target = home.folder / "compared.parquet"
    with _opened(home) as connection:
        for table in PARTITIONED:
            for month in months:
                rows = f"marts.{table} where partition_date = '{month}-01'"
                found[table, month] = _written(connection, rows, target)
        for table in WHOLE:
            found[table, ""] = _written(connection, f"marts.{table}", target)
    return found


def months_in(home: Commands, table: str) -> list[str]:
    """The months of which a mart has rows."""
    with _opened(home) as connection:
        rows = connection.execute(
            "select distinct strftime(partition_date, '%Y-%m') as month "
            f"from marts.{table} order by month"
        ).fetchall()
    return [str(month) for (month,) in rows]


def _opened(home: Commands) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(
        home.folder / "warehouse.duckdb", read_only=True, config={"threads": 1}
    )


def _written(
    connection: duckdb.DuckDBPyConnection, rows: str, target: Path
) -> bytes:
    connection.execute(f"copy (select * from {rows} order by all) to '{target}'")
    return target.read_bytes()
