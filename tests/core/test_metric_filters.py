"""Structured filters: what they say to MetricFlow, and what they refuse."""

from datetime import UTC, date, datetime

import pytest

from analytics_platform.core.metric_filters import (
    FieldKind,
    Filter,
    FilterValue,
    filter_text,
    literal,
)
from analytics_platform.errors import InvalidUsage

FIELDS = {
    "store": FieldKind.ENTITY,
    "store__city": FieldKind.CATEGORICAL,
    "metric_time__month": FieldKind.TIME,
}


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (Filter("store", "=", "A"), "{{ Entity('store') }} = 'A'"),
        (
            Filter("store__city", "in", ("Lund", "L'Aquila")),
            "{{ Dimension('store__city') }} in ('Lund', 'L''Aquila')",
        ),
        (
            Filter("metric_time__month", ">=", date(2013, 2, 1)),
            "{{ TimeDimension('metric_time', 'month') }} >= '2013-02-01'",
        ),
        (Filter("store", "is null"), "{{ Entity('store') }} is null"),
        (Filter("store", "is set"), "{{ Entity('store') }} is not null"),
    ],
)
def test_a_condition_is_written_as_metricflow_reads_it(
    condition: Filter, text: str
) -> None:
    assert filter_text(condition, FIELDS) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (3, "3"),
        (-1.5, "-1.5"),
        (datetime(2013, 1, 1, 5, 30, tzinfo=UTC), "'2013-01-01 05:30:00+00:00'"),
        ("' or 1=1 --", "''' or 1=1 --'"),
    ],
)
def test_values_are_written_as_literals(value: FilterValue, text: str) -> None:
    assert literal(value) == text


@pytest.mark.parametrize(
    "value",
    ["{{ Metric('x') }}", "{% if 1 %}", "a}b", "back\\slash", "nul\0", float("nan")],
)
def test_what_a_template_could_read_is_refused(value: FilterValue) -> None:
    with pytest.raises(InvalidUsage):
        literal(value)


@pytest.mark.parametrize(
    "condition",
    [
        Filter("city", "=", "Lund"),
        Filter("store", "=", None),
        Filter("store", "=", ("A", "B")),
        Filter("store", "in", ()),
        Filter("store", "in", "A"),
        Filter("store", "is null", "A"),
        Filter("store", "like", "A%"),  # type: ignore[arg-type]
    ],
)
def test_a_condition_that_makes_no_sense_is_refused(condition: Filter) -> None:
    with pytest.raises(InvalidUsage, match="filter"):
        filter_text(condition, FIELDS)
