"""The forms in which the reference domain writes its expectations."""

from collections.abc import Sequence

from analytics_platform.contracts.domain import Expectation, Severity


def blocking(
    name: str, type: str, description: str, **arguments: object
) -> Expectation:
    """An error that keeps back whatever reads the partition."""
    return Expectation(
        name=name, type=type, description=description, arguments=arguments
    )


def warning(name: str, type: str, description: str, **arguments: object) -> Expectation:
    """Worth a look; keeps nothing back."""
    return blocking(name, type, description, **arguments).model_copy(
        update={"severity": Severity.WARN, "blocking": False}
    )


def not_blocking(expectation: Expectation) -> Expectation:
    """The same, red beside the data that is passed on."""
    return expectation.model_copy(update={"blocking": False})


def known(
    expectation: Expectation, *, rate: float, worst: float | None = None, because: str
) -> Expectation:
    """A warning that the data explains, while it stays at its documented rate."""
    return expectation.model_copy(
        update={
            "severity": Severity.WARN,
            "blocking": False,
            "expected_failure_rate": rate,
            "expected_failure_rate_max": worst,
            "because": because,
        }
    )


def present(column: str, description: str) -> Expectation:
    """Every row has a value."""
    return blocking(
        f"{column}_not_null",
        "expect_column_values_to_not_be_null",
        description,
        column=column,
    )


def between(column: str, low: float, high: float, description: str) -> Expectation:
    """Values that are there lie in the closed range."""
    return blocking(
        f"{column}_in_range",
        "expect_column_values_to_be_between",
        description,
        column=column,
        min_value=low,
        max_value=high,
    )


def one_of(column: str, values: Sequence[object], description: str) -> Expectation:
    """Values that are there are among these."""
    return blocking(
        f"{column}_is_known",
        "expect_column_values_to_be_in_set",
        description,
        column=column,
        value_set=list(values),
    )


def length(column: str, low: int, high: int, description: str) -> Expectation:
    """Texts that are there have `low` to `high` characters."""
    return blocking(
        f"{column}_length",
        "expect_column_value_lengths_to_be_between",
        description,
        column=column,
        min_value=low,
        max_value=high,
    )


def unique(*columns: str) -> Expectation:
    """No two rows of a partition have the same values."""
    description = "No two rows have the same key."
    if len(columns) == 1:
        return blocking(
            "key_unique",
            "expect_column_values_to_be_unique",
            description,
            column=columns[0],
        )
    return blocking(
        "key_unique",
        "expect_compound_columns_to_be_unique",
        description,
        column_list=list(columns),
    )


def no_rows(name: str, description: str, query: str) -> Expectation:
    """The query finds the bad rows; with `partition_date` it tells their partition."""
    return blocking(
        name, "unexpected_rows_expectation", description, unexpected_rows_query=query
    )


def has_rows(minimum: int) -> Expectation:
    """At least so many rows."""
    return blocking(
        "has_rows",
        "expect_table_row_count_to_be_between",
        f"At least {minimum} rows arrived.",
        min_value=minimum,
    )
