"""Names and columns of sources and raw tables as Dagster shows them."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

import dagster as dg

from analytics_platform.contracts.domain import (
    Column,
    DistributionFile,
    FileInbox,
    PackageFile,
    SqlTable,
    TableSpec,
)
from analytics_platform.core.contract_gate import PARTITION

_UNFIT = re.compile(r"[^A-Za-z0-9_]+")


def raw_key(spec: TableSpec) -> dg.AssetKey:
    """The asset of the loaded table."""
    return dg.AssetKey(["raw", spec.name])


def source_key(spec: TableSpec) -> dg.AssetKey:
    """The external node that stands for what the table is loaded from."""
    source = spec.source
    if isinstance(source, DistributionFile):
        place, name = source.distribution, _stem(source.path)
    elif isinstance(source, PackageFile):
        place, name = source.package, _stem(source.path)
    elif isinstance(source, FileInbox):
        place, name = "inbox", source.folder
    elif isinstance(source, SqlTable):
        place, name = source.url_variable.lower(), source.table
    else:
        place, name = source.url_variable.lower(), source.path
    return dg.AssetKey(["source", _fit(place), _fit(name)])


def column_schema(spec: TableSpec, *, derived: bool = True) -> dg.TableSchema:
    """The declared columns; with `derived`, those that the platform adds too."""
    columns = [_column(column, spec) for column in spec.columns]
    if derived and spec.partition_date is not None:
        columns.append(
            dg.TableColumn(
                PARTITION, "date", description="First day of the row's partition."
            )
        )
    return dg.TableSchema(
        columns=columns,
        constraints=dg.TableConstraints([f"unique ({', '.join(spec.key)})"]),
    )


def column_lineage(
    spec: TableSpec, corrections: Sequence[TableSpec]
) -> dg.TableColumnLineage:
    """Each column comes from its namesake in the source and in its corrections."""
    parents = [source_key(spec), *(raw_key(table) for table in corrections)]
    names = [column.name for column in spec.columns]
    read = {name: [name] for name in names}
    if spec.partition_date is not None:
        words = set(re.findall(r"\w+", spec.partition_date))
        read[PARTITION] = [name for name in names if name in words]
    return dg.TableColumnLineage(
        {
            name: [
                dg.TableColumnDep(asset_key=parent, column_name=column)
                for parent in parents
                for column in columns
            ]
            for name, columns in read.items()
        }
    )


def _column(column: Column, spec: TableSpec) -> dg.TableColumn:
    unit = f" Unit: {column.unit}." if column.unit else ""
    return dg.TableColumn(
        column.name,
        column.type.value,
        description=f"{column.description}{unit}",
        constraints=dg.TableColumnConstraints(
            nullable=column.nullable and column.name not in spec.key,
            unique=spec.key == (column.name,),
        ),
        tags={"personal": ""} if column.personal else None,
    )


def _stem(path: str) -> str:
    return PurePosixPath(path).name.partition(".")[0]


def _fit(name: str) -> str:
    return _UNFIT.sub("_", name).strip("_")
