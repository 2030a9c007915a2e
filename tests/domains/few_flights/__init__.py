"""The flights domain with few flights, read from files that a test may change."""

from datetime import timedelta

from analytics_platform.contracts.domain import ModelSpec, PackageFile, TableSpec
from analytics_platform.domains.flights import DOMAIN as FLIGHTS

_FILES = ("flights", "weather")


def _from_file(table: TableSpec) -> TableSpec:
    if table.name not in _FILES:
        return table
    source = PackageFile(
        package="few_flights_data", path=f"{table.name}.csv", null_text="NA"
    )
    return table.model_copy(update={"source": source})


def _quickly_trained(model: ModelSpec) -> ModelSpec:
    return model.model_copy(update={"holdout": timedelta(days=7)})


DOMAIN = FLIGHTS.model_copy(
    update={
        "tables": tuple(map(_from_file, FLIGHTS.tables)),
        "models": tuple(map(_quickly_trained, FLIGHTS.models)),
    }
)
