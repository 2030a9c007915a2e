"""A report's questions are answered by the published snapshot alone."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from analytics_platform.adapters.artifacts import ArtifactStore
from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.control_store.migrations import migrate
from analytics_platform.adapters.report_data import SnapshotQueries, open_queries
from analytics_platform.contracts.domain import ReportSection
from analytics_platform.errors import NotFound
from tests.support.order_snapshot import REPORT, order_sql, publish_orders


@pytest.fixture
def queries(tmp_path: Path) -> Iterator[SnapshotQueries]:
    url = f"sqlite:///{tmp_path / 'control.sqlite'}"
    migrate(url)
    store = ControlStore.open(url)
    snapshot = publish_orders(ArtifactStore(str(tmp_path / "a")), store).current()
    assert snapshot
    with open_queries(snapshot, order_sql) as opened:
        yield opened
    store.close()


def test_headlines_cover_the_last_period_and_the_one_before(
    queries: SnapshotQueries,
) -> None:
    """28 days to 29 February: 2 to 29; before: 5 January to 1 February."""
    results = queries.results(REPORT)
    assert results.data_date == date(2024, 2, 29)
    orders = sum(range(2, 30))
    assert results.headlines.rows[0] == pytest.approx((orders, 28 / orders))
    before = sum(range(5, 32)) + 1
    assert results.headlines_before.rows[0][0] == before


def test_a_line_is_never_cut_short_and_in_order(queries: SnapshotQueries) -> None:
    over_time = queries.results(REPORT).sections[0]
    assert len(over_time.rows) == 60
    assert over_time.rows[0] == ("2024-01-01", 1.0)


def test_groups_come_in_the_declared_order(queries: SnapshotQueries) -> None:
    """South's days: 2 + 4 + ... + 30 and to 28; north's 1 + ... + 31 and to 29."""
    shops = queries.results(REPORT).sections[1]
    assert [row[:2] for row in shops.rows] == [
        ("north", 256 + 225),
        ("south", 240 + 210),
    ]


def test_a_relation_is_filtered_ordered_and_limited(queries: SnapshotQueries) -> None:
    longest = queries.results(REPORT).sections[2]
    assert longest.columns == ("shop", "wait_minutes")
    assert [row[1] for row in longest.rows] == [19.0, 19.0]


def test_every_column_traces_to_the_published_ones(queries: SnapshotQueries) -> None:
    results = queries.results(REPORT)
    assert results.sections[1].lineage == {
        "shop": ("marts/fct_orders.shop",),
        "orders": (),
        "late_share": ("marts/fct_orders.is_late",),
    }
    assert results.headlines.lineage["late_share"] == ("marts/fct_orders.is_late",)


def test_a_relation_that_is_not_published_is_named(queries: SnapshotQueries) -> None:
    section = ReportSection(title="T", text="", relation="secrets")
    with pytest.raises(NotFound, match="'secrets', which is not published"):
        queries.answer(section)
