"""Structured filters of metric requests, and their text; never a caller's own text."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Literal

from analytics_platform.errors import InvalidUsage

FilterValue = str | int | float | bool | date | datetime
Operator = Literal["=", "!=", "<", "<=", ">", ">=", "in", "not in", "is null", "is set"]

_COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")
_LISTS = ("in", "not in")
_NULLS = {"is null": "is null", "is set": "is not null"}


class FieldKind(StrEnum):
    """How MetricFlow refers to something that metrics can be grouped by."""

    ENTITY = "entity"
    TIME = "time"
    CATEGORICAL = "categorical"


@dataclass(frozen=True)
class Filter:
    """A condition on one field, such as `Filter("store", "in", ("A", "B"))`.

    `value` is a tuple for `in` and `not in`, and None for `is null` and `is set`.
    """

    field: str
    operator: Operator
    value: FilterValue | tuple[FilterValue, ...] | None = None


def filter_text(condition: Filter, fields: Mapping[str, FieldKind]) -> str:
    """The condition as MetricFlow reads it; `fields` are those that may be named.

    Raises:
        InvalidUsage: unknown field or operator, or a value of the wrong kind.
    """
    if condition.field not in fields:
        raise InvalidUsage(
            f"A filter names {condition.field!r}, by which nothing can be filtered.",
            hint=f"Fields are {', '.join(sorted(fields))}.",
        )
    field = _reference(condition.field, fields[condition.field])
    operator, value = condition.operator, condition.value
    if operator in _NULLS and value is None:
        return f"{field} {_NULLS[operator]}"
    if operator in _LISTS and isinstance(value, tuple) and value:
        return f"{field} {operator} ({', '.join(literal(one) for one in value)})"
    if operator in _COMPARISONS and value is not None and not isinstance(value, tuple):
        return f"{field} {operator} {literal(value)}"
    raise InvalidUsage(
        f"The filter on {condition.field!r} makes no sense: {operator} {value!r}.",
        hint="Comparisons take one value, `in` and `not in` a tuple, "
        "`is null` and `is set` none.",
    )


def literal(value: FilterValue) -> str:
    """A value as SQL text.

    Raises:
        InvalidUsage: a text holds what a template language could read, or is no text.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return f"'{value.isoformat(sep=' ')}'"
    if isinstance(value, date):
        return f"'{value.isoformat()}'"
    if isinstance(value, int | float):
        if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124
            raise InvalidUsage(f"{value} cannot be compared.", hint="Give a number.")
        return repr(value)
    # MetricFlow renders a condition as a template before it reads it as SQL.
    if any(character in value for character in "{}\\") or not value.isprintable():
        raise InvalidUsage(
            f"A filter cannot hold the text {value!r}.",
            hint="Leave out braces, backslashes and control characters.",
        )
    return "'" + value.replace("'", "''") + "'"


def _reference(name: str, kind: FieldKind) -> str:
    if kind is FieldKind.ENTITY:
        return f"{{{{ Entity('{name}') }}}}"
    if kind is FieldKind.TIME:
        element, _, granularity = name.rpartition("__")
        return f"{{{{ TimeDimension('{element}', '{granularity}') }}}}"
    return f"{{{{ Dimension('{name}') }}}}"
