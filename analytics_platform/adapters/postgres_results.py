"""Reads PostgreSQL's results as Python numbers and as Arrow tables."""

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

from analytics_platform.adapters.warehouse import Value

if TYPE_CHECKING:  # a code location loads this module and must not pay for these
    import pyarrow as pa
    from psycopg2.extensions import connection as Connection  # noqa: N812
    from psycopg2.extensions import cursor as Cursor  # noqa: N812

_NUMERIC = 1700
# Object ids of PostgreSQL's types (catalog pg_type) and Arrow's names for them.
_ARROW_TYPES = {
    16: "bool",
    20: "int64",
    21: "int16",
    23: "int32",
    700: "float32",
    701: "float64",
    1082: "date32",
    _NUMERIC: "float64",
}
_TIMESTAMP, _TIMESTAMP_WITH_ZONE = 1114, 1184


def number_types(connection: "Connection") -> None:
    """Make this connection give numerics as int when whole, else as float."""
    from psycopg2.extensions import new_type, register_type

    register_type(new_type((_NUMERIC,), "number", _number), connection)


def fetch_arrow(
    cursor: "Cursor", sql: str, parameters: Mapping[str, Value] | None
) -> "pa.Table":
    """A query's result (n x k), read in one go by COPY within the open transaction."""
    import pyarrow as pa
    from pyarrow import csv

    query = cursor.mogrify(sql, parameters).decode().rstrip().rstrip(";")
    cursor.execute(f"select * from ({query}) as described limit 0")
    schema = pa.schema(
        [
            (column.name, _arrow_type(column.type_code))
            for column in cursor.description or ()
        ]
    )
    buffer = io.BytesIO()
    cursor.copy_expert(f"copy ({query}) to stdout (format csv)", buffer)
    if not buffer.tell():
        return schema.empty_table()
    buffer.seek(0)
    return csv.read_csv(
        buffer,
        read_options=csv.ReadOptions(column_names=schema.names),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types=schema,
            null_values=[""],
            # COPY writes null as nothing and an empty text as "".
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t"],
            false_values=["f"],
        ),
    )


def _arrow_type(type_code: int) -> "pa.DataType":
    import pyarrow as pa

    if type_code == _TIMESTAMP:
        return pa.timestamp("us")
    if type_code == _TIMESTAMP_WITH_ZONE:
        return pa.timestamp("us", tz="UTC")
    name = _ARROW_TYPES.get(type_code)
    return pa.type_for_alias(name) if name else pa.string()


def _number(text: str | bytes | None, _cursor: object) -> int | float | None:
    if text is None:
        return None
    digits = text.decode() if isinstance(text, bytes) else text
    return int(digits) if digits.lstrip("-").isdigit() else float(digits)
