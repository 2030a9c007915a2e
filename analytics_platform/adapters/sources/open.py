"""Opens the source that a table declares, whatever its kind."""

import os
from collections.abc import Mapping

from analytics_platform.adapters.sources.arrival import Arrival
from analytics_platform.adapters.sources.sql_table import Cursor
from analytics_platform.contracts.domain import (
    DistributionFile,
    PackageFile,
    RestEndpoint,
    SqlTable,
    TableSpec,
)
from analytics_platform.errors import InvalidConfiguration, InvalidUsage


def read_source(
    spec: TableSpec,
    *,
    after: Cursor | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Arrival:
    """The rows that the table's source gives now; at or `after` a cursor if it has one.

    Raises:
        InvalidConfiguration: the environment lacks the source's address.
        Unavailable: the source does not answer; the load may be tried again.
    """
    source = spec.source
    if isinstance(source, DistributionFile):
        from analytics_platform.adapters.sources.distribution import read_distribution

        return read_distribution(source)
    if isinstance(source, PackageFile):
        from analytics_platform.adapters.sources.distribution import read_package

        return read_package(source)
    if isinstance(source, SqlTable):
        from analytics_platform.adapters.sources.sql_table import read_sql_table

        url = _required(environment, source.url_variable, spec)
        return read_sql_table(source, url, after=after)
    if isinstance(source, RestEndpoint):
        from analytics_platform.adapters.sources.rest import RestReader

        url = _required(environment, source.url_variable, spec)
        token = source.token_variable and environment.get(source.token_variable)
        return RestReader(source, url, token).read()
    raise InvalidUsage(
        f"The inbox of {spec.name} is read file by file.",
        hint="Load it through adapters/inbox_loading.",
    )


def _required(environment: Mapping[str, str], name: str, spec: TableSpec) -> str:
    value = environment.get(name)
    if not value:
        raise InvalidConfiguration(
            [f"{name}: not set, but the source of {spec.name} needs its address"]
        )
    return value
