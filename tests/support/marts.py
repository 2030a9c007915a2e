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
WHOLE = (
    "mart_route_performance",
    "mart_weather_impact",
    "dim_airports",
    "dim_carriers",
)


# Names a plane's version by the instant at which this home first saw it.
OF_THE_HOME = "plane_version_key"


def mart_bytes(
    home: Commands, months: list[str], *, same_home: bool = False
) -> dict[tuple[str, str], bytes]:
    """Each mart's rows of each month in order of all columns, as a Parquet file.

    Without what differs from home to home, unless they are compared with the same.
    """
    found = {}
    target = home.folder / "compared.parquet"
    with _opened(home) as connection:
        for table in PARTITIONED:
            for month in months:
                columns = "*" if same_home else _comparable(table)
                part = f"partition_date = '{month}-01'"
                rows = f"select {columns} from marts.{table} where {part}"
                found[table, month] = _written(connection, rows, target)
        for table in _built(connection) & {*WHOLE}:
            found[table, ""] = _written(
                connection, f"select * from marts.{table}", target
            )
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


def _written(connection: duckdb.DuckDBPyConnection, rows: str, target: Path) -> bytes:
    connection.execute(f"copy ({rows} order by all) to '{target}'")
    return target.read_bytes()


def _built(connection: duckdb.DuckDBPyConnection) -> set[str]:
    found = connection.execute(
        "select table_name from duckdb_tables() where schema_name = 'marts'"
    )
    return {str(name) for (name,) in found.fetchall()}


def _comparable(table: str) -> str:
    return f"* exclude ({OF_THE_HOME})" if table == "fct_flights" else "*"
