"""The tables of the toy domain: stations, replaced whole, and rentals by day."""

from analytics_platform.contracts.domain import (
    Column,
    ColumnType,
    Expectation,
    PackageFile,
    RowRule,
    TableSpec,
)

OWNER = "team:bikes"
_PACKAGE = "tests.domains.toy"


def _column(
    name: str, type: ColumnType, description: str, *, nullable: bool = False
) -> Column:
    return Column(name=name, type=type, description=description, nullable=nullable)


STATIONS = TableSpec(
    name="stations",
    description="One row per station.",
    owner=OWNER,
    source=PackageFile(package=_PACKAGE, path="data/stations.csv"),
    columns=(
        _column("code", ColumnType.STRING, "Code of the station."),
        _column("name", ColumnType.STRING, "Name of the station."),
        _column("bank", ColumnType.STRING, "Bank of the Nile: east or west."),
        _column("docks", ColumnType.INTEGER, "Bikes that it holds."),
        _column("elevation", ColumnType.INTEGER, "Height above the sea in metres."),
        _column("surveyed_at", ColumnType.TIMESTAMP, "When this was measured."),
    ),
    key=("code",),
    expectations=(
        Expectation(
            name="bank_is_known",
            type="expect_column_values_to_be_in_set",
            arguments={"column": "bank", "value_set": ["east", "west"]},
            description="A station lies on one of two banks.",
        ),
    ),
)

RENTALS = TableSpec(
    name="rentals",
    description="One row per rental.",
    owner=OWNER,
    source=PackageFile(package=_PACKAGE, path="data/rentals.csv"),
    columns=(
        _column("rental_id", ColumnType.INTEGER, "Number of the rental."),
        _column("bike", ColumnType.STRING, "Code of the bike."),
        _column("station_from", ColumnType.STRING, "Station of the start."),
        _column(
            "station_to",
            ColumnType.STRING,
            "Station of the return; null for a lost bike.",
            nullable=True,
        ),
        _column("rented_at", ColumnType.TIMESTAMP, "Instant of the start."),
        _column(
            "returned_at",
            ColumnType.TIMESTAMP,
            "Instant of the return; null for a lost bike.",
            nullable=True,
        ),
        _column("rider", ColumnType.STRING, "Kind of rider: member or casual."),
    ),
    key=("rental_id",),
    partition_date="timezone('Africa/Cairo', timezone('UTC', rented_at))",
    # A bike that is not back after a day is lost.
    known_at="coalesce(returned_at, rented_at + to_days(1))",
    rules=(
        RowRule(
            name="returned_after_start",
            broken_when="returned_at < rented_at",
            reason="the bike came back before it was rented",
        ),
    ),
    expectations=(
        Expectation(
            name="shorter_than_a_day",
            type="unexpected_rows_expectation",
            arguments={
                "unexpected_rows_query": "select r.* from {batch} r "
                "where r.returned_at > r.rented_at + interval '1 day'"
            },
            description="A bike that comes back does so within a day.",
        ),
        Expectation(
            name="rider_is_known",
            type="expect_column_values_to_be_in_set",
            arguments={"column": "rider", "value_set": ["member", "casual"]},
            description="A rider is a member or not.",
        ),
    ),
)

TABLES = (STATIONS, RENTALS)
