"""Nothing is lost: rows that came in are promoted or kept, whatever they look like."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.ingestion import Row, Shop, dropped, open_shop, orders

KEYS = [f"2013-{month:02}-01" for month in range(1, 13)]
_ROW = st.tuples(
    st.integers(1, 12),
    st.sampled_from([None, "Ann", "Bob, or not", '"quoted"']),
    st.sampled_from([None, 1, -1, "x", "1e400"]),
    st.sampled_from(
        ["2013-01-05", "2013-06-05T10:00Z", "2013-06-31", "", "2014-01-01"]
    ),
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder / "distribution"))
        yield open_shop(folder / "home", orders(), dropped())


def kept_rows(shop: Shop, table: str) -> list[dict[str, object]]:
    rows = []
    for entry in shop.store.quarantine.open(table):
        path = Path(shop.home / entry.location)
        assert path.suffix == ".parquet"
        found = pq.read_table(path).to_pylist()
        assert len(found) == entry.rows
        rows += found
    return rows


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(_ROW, min_size=1, max_size=8))
def test_a_replaced_year_is_promoted_or_kept_row_by_row(
    shop: Shop, rows: list[Row]
) -> None:
    """Each month anew: what of the last example is left does not count."""
    shop.offer([])
    shop.offer(rows)
    shop.load(KEYS)
    promoted = shop.rows(
        "select count(*) from raw.orders where partition_date not in "
        f"({_listed(_red(shop))})"
    )[0][0]
    kept = kept_rows(shop, "orders")
    in_scope = [row for row in rows if row[3] != "2014-01-01"]
    assert int(str(promoted)) + len(kept) == len(in_scope)


@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(_ROW, min_size=1, max_size=8), st.uuids())
def test_a_dropped_file_is_promoted_or_kept_row_by_row(
    shop: Shop, rows: list[Row], name: object
) -> None:
    from tests.support.ingestion import csv_text

    shutil.rmtree(shop.inbox)
    (shop.inbox / f"{name}.csv").write_text(
        csv_text([*rows, (99, name, 1, "2013-02-01")])
    )
    known = {entry.id for entry in shop.store.quarantine.open("corrections")}
    shop.load(table="corrections", run_id=str(name))
    file = next(f for f in shop.store.inbox.all() if str(name) in f.path)
    new = [e for e in shop.store.quarantine.open("corrections") if e.id not in known]
    assert file.rows + sum(entry.rows for entry in new) == len(rows) + 1


def _red(shop: Shop) -> list[str]:
    return [
        verdict.partition
        for verdict in shop.store.verdicts.latest(["raw/orders"])
        if verdict.blocks and verdict.partition
    ] or ["1900-01-01"]


def _listed(keys: list[str]) -> str:
    return ", ".join(f"date '{key}'" for key in keys)
