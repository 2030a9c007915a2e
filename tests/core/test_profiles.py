"""What counts as a change between two profiles."""

from datetime import UTC, datetime

import numpy as np
import pytest

from analytics_platform.contracts.records import ColumnProfile, TableProfile
from analytics_platform.core.profiles import (
    Change,
    ChangeKind,
    before_of,
    compare,
    stability_index,
)


def column(name: str = "price", **fields: object) -> ColumnProfile:
    known = {"type": "DOUBLE", "null_share": 0.0, "distinct": 10}
    return ColumnProfile.model_validate({"name": name, **known, **fields})


def table(
    *columns: ColumnProfile, rows: int = 1_000, partitions: int = 0
) -> TableProfile:
    return TableProfile(
        asset="raw/orders",
        partitions=tuple(f"2013-{month:02d}-01" for month in range(1, partitions + 1)),
        rows=rows,
        columns=columns,
        run_id="run",
        profiled_at=datetime(2013, 1, 1, tzinfo=UTC),
    )


def histogram(values: "np.typing.NDArray[np.float64]") -> ColumnProfile:
    counts, edges = np.histogram(values, bins=20)
    return column(
        minimum=float(values.min()),
        maximum=float(values.max()),
        histogram_edges=tuple(float(edge) for edge in edges),
        histogram_counts=tuple(int(count) for count in counts),
    )


def kinds(before: ColumnProfile, after: ColumnProfile) -> list[ChangeKind]:
    return [change.kind for change in compare(table(before), table(after))]


def test_equal_profiles_have_no_changes() -> None:
    profile = table(histogram(np.linspace(0, 1, 1_000)))
    assert compare(profile, profile) == []


def test_added_and_removed_columns_are_told_with_their_types() -> None:
    changes = compare(table(column("a")), table(column("b", type="DATE")))
    assert changes == [
        Change("a", ChangeKind.REMOVED, "was DOUBLE"),
        Change("b", ChangeKind.ADDED, "is DATE"),
    ]


def test_a_changed_type_is_told() -> None:
    assert kinds(column(), column(type="VARCHAR")) == [ChangeKind.TYPE]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [(0.0, 0.049, False), (0.0, 0.05, True), (0.8, 0.7, True), (0.8, 0.76, False)],
)
def test_a_null_share_that_moved_five_points_is_told(
    before: float, after: float, *, told: bool
) -> None:
    found = kinds(column(null_share=before), column(null_share=after))
    assert found == ([ChangeKind.NULLS] if told else [])


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [(0, 110, False), (0, 111, True), (-11, 100, True), (50, 60, False)],
)
def test_a_range_that_grew_by_more_than_a_tenth_is_told(
    low: int, high: int, *, told: bool
) -> None:
    before, after = column(minimum=0, maximum=100), column(minimum=low, maximum=high)
    assert kinds(before, after) == ([ChangeKind.RANGE] if told else [])


def test_a_range_is_told_in_six_digits() -> None:
    before, after = column(minimum=0.0, maximum=0.1 / 3), column(minimum=0, maximum=1e3)
    (found,) = compare(table(before), table(after))
    assert found.change == "0 to 0.0333333 → 0 to 1000"


def test_texts_and_booleans_have_no_range_to_grow() -> None:
    assert (
        kinds(column(minimum="a", maximum="b"), column(minimum="a", maximum="z")) == []
    )
    assert kinds(column(minimum=False, maximum=False), column(maximum=True)) == []


def test_distinct_values_are_told_for_columns_with_few_of_them() -> None:
    assert kinds(column(distinct=4), column(distinct=7)) == [ChangeKind.DISTINCT]
    assert kinds(column(distinct=4), column(distinct=6)) == []
    assert kinds(column(distinct=2_000), column(distinct=9_000)) == []


def test_rows_that_halved_are_told_of_the_table() -> None:
    (change,) = compare(table(column(), rows=1_000), table(column(), rows=600))
    assert change == Change(None, ChangeKind.ROWS, "1,000 → 600")


def test_the_index_of_shifted_values_agrees_with_numpy() -> None:
    random = np.random.default_rng(1)
    before, after = random.normal(0, 1, 20_000), random.normal(1, 1, 20_000)
    profile = histogram(before)
    edges = np.array(profile.histogram_edges)
    edges[0], edges[-1] = -np.inf, np.inf
    shares = [np.histogram(v, bins=edges)[0] / len(v) for v in (before, after)]
    was, now = (np.maximum(share, 1e-4) for share in shares)
    expected = float(((now - was) * np.log(now / was)).sum())
    found = stability_index(profile, histogram(after))
    assert found == pytest.approx(expected, rel=0.05)


def test_a_shifted_distribution_is_told_and_noise_is_not() -> None:
    random = np.random.default_rng(2)
    first, again = random.uniform(0, 1, 2_000), random.uniform(0, 1, 2_000)
    skewed = np.append(random.beta(8, 2, 1_998), [0.0, 1.0])
    assert kinds(histogram(first), histogram(again)) == []
    assert kinds(histogram(first), histogram(skewed)) == [ChangeKind.DISTRIBUTION]


def test_a_distribution_of_few_rows_is_not_judged() -> None:
    random = np.random.default_rng(3)
    before = table(histogram(random.uniform(0, 1, 50)), rows=50)
    after = table(histogram(random.uniform(0, 1, 50)), rows=50)
    changes = compare(before, after)
    assert ChangeKind.DISTRIBUTION not in [change.kind for change in changes]


def test_constants_are_compared_without_dividing_by_nothing() -> None:
    constant = column(histogram_edges=(5.0, 5.0), histogram_counts=(9,))
    assert stability_index(constant, constant) == 0
    spread = histogram(np.linspace(0, 10, 1_000))
    index = stability_index(spread, constant)
    assert index is not None
    assert index > 1


def test_without_a_histogram_there_is_no_index() -> None:
    assert stability_index(column(), column()) is None


def test_an_empty_table_is_compared_by_rows_alone() -> None:
    (change,) = compare(table(column(), rows=0), table(column(null_share=1), rows=5))
    assert change.kind is ChangeKind.ROWS


def test_the_profile_before_is_the_newest_of_as_many_partitions() -> None:
    year, march, older_year = (table(partitions=n) for n in (12, 1, 12))
    assert before_of(table(partitions=12), [march, year, older_year]) is year
    assert before_of(table(partitions=2), [march, year]) is None
