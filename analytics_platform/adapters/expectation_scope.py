"""Says how far one answer of a Great Expectations expectation reaches."""

from enum import Enum, auto

from analytics_platform.adapters.expectation_batch import SQL_EXPECTATION
from analytics_platform.contracts.domain import Expectation


class Scope(Enum):
    """How far one answer of an expectation reaches."""

    ROW = auto()  # judges each row alone: failing rows can be told by partition
    KEY = auto()  # unique over the range implies unique in each partition, not back
    TABLE = auto()  # judges the table's columns: one answer for every partition
    FIGURE = auto()  # judges a figure of its batch: each partition has its own


def scope_of(expectation: Expectation, *, returns_partition: bool = False) -> Scope:
    """How far an answer reaches; `mostly` makes a figure of a row-by-row one."""
    if expectation.type == SQL_EXPECTATION:
        return Scope.ROW if returns_partition else Scope.FIGURE
    if expectation.arguments.get("mostly", 1) != 1:
        return Scope.FIGURE
    if expectation.type in _ROW:
        return Scope.ROW
    if expectation.type in _KEY:
        return Scope.KEY
    return Scope.TABLE if expectation.type in _TABLE else Scope.FIGURE


_ROW = frozenset(
    f"expect_{name}"
    for name in (
        "column_value_lengths_to_be_between",
        "column_value_lengths_to_equal",
        "column_values_to_be_between",
        "column_values_to_be_in_set",
        "column_values_to_be_null",
        "column_values_to_match_like_pattern",
        "column_values_to_match_like_pattern_list",
        "column_values_to_match_regex",
        "column_values_to_match_regex_list",
        "column_values_to_not_be_in_set",
        "column_values_to_not_be_null",
        "column_values_to_not_match_like_pattern",
        "column_values_to_not_match_like_pattern_list",
        "column_values_to_not_match_regex",
        "column_values_to_not_match_regex_list",
        "column_pair_values_a_to_be_greater_than_b",
        "column_pair_values_to_be_equal",
        "column_pair_values_to_be_in_set",
        "multicolumn_sum_to_equal",
    )
)
_KEY = frozenset({"expect_column_values_to_be_unique"}) | {
    "expect_compound_columns_to_be_unique"
}
_TABLE = frozenset(
    f"expect_{name}"
    for name in (
        "column_to_exist",
        "table_column_count_to_be_between",
        "table_column_count_to_equal",
        "table_columns_to_match_ordered_list",
        "table_columns_to_match_set",
    )
)
