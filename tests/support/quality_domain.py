"""A small domain of orders, with a warehouse and control store to check it in."""

from datetime import date, timedelta
from pathlib import Path

from analytics_platform.adapters.duckdb_warehouse import DuckDBWarehouse
from analytics_platform.contracts.domain import (
    Column,
    ColumnType,
    DistributionFile,
    Domain,
    Expectation,
    ModelCheck,
    Partitions,
    Replay,
    Severity,
    Spine,
    TableSpec,
)
from analytics_platform.settings import Settings

MONTHS = tuple(f"2013-{month:02d}-01" for month in range(1, 13))


def expectation(
    name: str,
    type: str,
    *,
    severity: Severity = Severity.ERROR,
    blocking: bool = True,
    **arguments: object,
) -> Expectation:
    """An expectation without ceremony."""
    return Expectation(
        name=name,
        type=type,
        arguments=arguments,
        severity=severity,
        blocking=blocking,
        description=name,
    )


def not_null(
    column: str, *, severity: Severity = Severity.ERROR, blocking: bool = True
) -> Expectation:
    """Every row has the column."""
    return expectation(
        f"{column}_not_null",
        "expect_column_values_to_not_be_null",
        severity=severity,
        blocking=blocking,
        column=column,
    )


def warehouse_in(home: Path) -> DuckDBWarehouse:
    """An empty embedded warehouse with the schemas `raw` and `marts`."""
    warehouse = DuckDBWarehouse(Settings(home=home))
    with warehouse.session() as session:
        for schema in ("raw", "marts"):
            session.execute(f"create schema {schema}")
    return warehouse


def create_orders(
    warehouse: DuckDBWarehouse, relation: str = "marts.orders", per_month: int = 100
) -> None:
    """`per_month` sound orders in each month of 2013."""
    with warehouse.session() as session:
        session.execute(
            f"create or replace table {relation} as select "
            f"cast(m * {per_month} + i as bigint) as id, "
            "cast(i % 50 as double) as price, "
            "case when i % 2 = 0 then 'open' else 'paid' end as state, "
            "'customer ' || i as customer, "
            "make_date(2013, cast(m as integer), 1) as partition_date "
            f"from range(1, 13) months(m), range({per_month}) rows(i)"
        )


def orders_domain(*checks: ModelCheck) -> Domain:
    """A domain whose customers are personal data."""
    return Domain(
        name="orders",
        title="Orders",
        description="Orders of a shop.",
        timezone="UTC",
        partitions=Partitions(start=date(2013, 1, 1), end=date(2014, 1, 1)),
        replay=Replay(start=date(2013, 6, 1)),
        tables=(
            TableSpec(
                name="orders",
                description="One row per order.",
                owner="team:shop",
                source=DistributionFile(distribution="none", path="none.csv"),
                columns=(
                    Column(name="id", type=ColumnType.INTEGER, description="Id."),
                    Column(
                        name="customer",
                        type=ColumnType.STRING,
                        description="Who ordered.",
                        personal=True,
                    ),
                ),
                key=("id",),
                fresh_within=timedelta(days=1),
            ),
        ),
        model_checks=checks,
        published=(),
        feature_views=(),
        spine=Spine(source="orders", key=("id",), cutoff="at", columns=()),
        models=(),
        reports=(),
    )
