"""Loads from sources: what is let in, what is held back, what stays as it was."""

import errno
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from analytics_platform.adapters.promotion import Promotion
from analytics_platform.adapters.warehouse import Warehouse
from analytics_platform.contracts.domain import Expectation, RestEndpoint, TableSpec
from analytics_platform.core.quality import Outcome
from analytics_platform.errors import DiskFull, InvalidConfiguration, Unavailable
from tests.support.http_server import Answer, Script, serving
from tests.support.ingestion import NOW, Shop, dropped, open_shop, orders

JAN, FEB, MAR = "2013-01-01", "2013-02-01", "2013-03-01"
GOOD = [
    (1, "Ann", 10.5, "2013-01-05T10:00:00Z"),
    (2, "Bob", 20.0, "2013-02-05T10:00:00Z"),
    (3, None, None, "2013-03-05T10:00:00Z"),
]


def test_rows_go_to_the_partitions_that_were_asked_for(shop: Shop) -> None:
    shop.offer(GOOD)
    result = shop.load([JAN, FEB])
    assert dict(result.rows) == {JAN: 1, FEB: 1}
    assert not result.red
    found = shop.rows("select id, amount, ordered_at, partition_date from raw.orders")
    assert sorted(found) == [
        (1, 10.5, datetime(2013, 1, 5, 10), datetime(2013, 1, 1).date()),  # noqa: DTZ001
        (2, 20.0, datetime(2013, 2, 5, 10), datetime(2013, 2, 1).date()),  # noqa: DTZ001
    ]


def test_the_stage_is_empty_after_a_load(shop: Shop) -> None:
    shop.offer(GOOD)
    shop.load([JAN])
    assert not shop.rows(
        "select table_name from information_schema.tables "
        "where table_schema like 'stage%'"
    )
    assert not (shop.home / "dlt").exists()


def test_a_load_again_changes_its_partitions_only(shop: Shop) -> None:
    shop.offer(GOOD)
    shop.load([JAN, FEB, MAR])
    shop.offer([(9, "Zoe", 1, "2013-02-09"), (8, "Zoe", 1, "2013-01-09")])
    result = shop.load([FEB])
    assert dict(result.rows) == {FEB: 1}
    assert shop.ids() == [1, 3, 9]


def test_a_month_that_is_empty_at_the_source_is_emptied(shop: Shop) -> None:
    shop.offer(GOOD)
    shop.load([JAN, FEB])
    shop.offer(GOOD[:1])
    assert dict(shop.load([FEB]).rows) == {FEB: 0}
    assert shop.ids() == [1]


def test_rows_known_later_than_the_clock_do_not_arrive(shop: Shop) -> None:
    shop.offer([(1, "Ann", 1, "2013-01-05T10:00"), (2, "Ann", 1, "2013-01-05T10:01")])
    shop.load([JAN], at=datetime(2013, 1, 5, 10, tzinfo=UTC))
    assert shop.ids() == [1]


def test_one_bad_row_holds_its_partition_back_and_no_other(shop: Shop) -> None:
    shop.offer(GOOD)
    shop.load([JAN, FEB, MAR])
    bad = (4, "Dan", "1.2.3", "2013-02-07T10:00:00Z")
    shop.offer([(1, "Ann", 99, "2013-01-05T10:00:00Z"), GOOD[1], bad, GOOD[2]])
    result = shop.load([JAN, FEB, MAR])
    assert list(result.red) == [FEB]
    assert dict(result.rows) == {JAN: 1, MAR: 1}
    assert shop.ids() == [1, 2, 3]  # February is what it was
    assert shop.rows("select amount from raw.orders where id = 1") == [(99.0,)]
    (entry,) = result.quarantined
    assert (entry.partition, entry.rows) == (FEB, 2)
    kept = pq.read_table(shop.home / entry.location).to_pylist()
    assert [row["__reason"] for row in kept] == [
        None,
        "amount: got 1.2.3, expected float",
    ]
    assert shop.ids("quarantine.orders") == [2]  # what of it is well-formed
    verdict = next(v for v in result.verdicts if v.partition == FEB)
    assert verdict.blocks
    assert (verdict.failing_rows, verdict.total_rows) == (1, 2)
    assert verdict.samples[0]["customer"] == "***"


def test_a_repaired_partition_closes_its_entries(shop: Shop) -> None:
    shop.offer([(1, "Ann", "much", "2013-01-05")])
    assert shop.load([JAN]).red
    shop.offer([(1, "Ann", 5, "2013-01-05")])
    result = shop.load([JAN])
    assert not result.red
    assert shop.ids() == [1]
    assert shop.store.quarantine.open() == []
    assert shop.ids("quarantine.orders") == []
    latest = shop.store.verdicts.latest(["raw/orders"])
    assert [verdict.passed for verdict in latest] == [True]


def test_the_same_bad_rows_are_kept_once_however_often_they_come(shop: Shop) -> None:
    shop.offer([(1, "Ann", "much", "2013-01-05")])
    for run in ("one", "two", "three"):
        shop.load([JAN], run_id=run)
    assert len(shop.store.quarantine.open()) == 1


def test_other_bad_rows_of_a_partition_take_the_place_of_those_before(
    shop: Shop,
) -> None:
    for amount in ("much", "more"):
        shop.offer([(1, "Ann", amount, "2013-01-05")])
        shop.load([JAN], run_id=amount)
    (entry,) = shop.store.quarantine.open()
    assert entry.run_id == "more"


def test_equal_keys_are_all_refused(shop: Shop) -> None:
    shop.offer([(1, "Ann", 1, "2013-01-05"), (1, "Ann", 2, "2013-01-06")])
    result = shop.load([JAN])
    assert list(result.red) == [JAN]
    assert result.verdicts[0].failing_rows == 2
    assert shop.ids() == []


def test_a_row_whose_partition_cannot_be_told_holds_none_back(shop: Shop) -> None:
    shop.offer([*GOOD[:1], (7, "Eve", 1, "soon")])
    result = shop.load([JAN])
    assert not result.red
    assert shop.ids() == [1]
    (entry,) = result.quarantined
    assert (entry.partition, entry.rows) == (None, 1)
    unplaced = next(v for v in result.verdicts if v.partition is None)
    assert unplaced.is_red
    assert not unplaced.blocks
    shop.offer(GOOD[:1])
    shop.load([JAN])
    assert shop.store.quarantine.open() == []
    assert all(v.passed for v in shop.store.verdicts.latest(["raw/orders"]))


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (("id", "customer", "price", "ordered_at"), "column amount is missing"),
        (("id", "customer", "price", "ordered_at"), "column price is unexpected"),
        (("id", "customer", "amount", "amount"), "column amount (twice) is unexpected"),
    ],
)
def test_other_columns_refuse_the_whole_load(
    shop: Shop, header: tuple[str, ...], told: str
) -> None:
    shop.offer(GOOD)
    shop.load([JAN, FEB])
    shop.offer(GOOD, header)
    result = shop.load([JAN, FEB])
    assert set(result.red) == {JAN, FEB}
    assert told in result.red[JAN]
    assert "orders" in result.red[JAN]
    assert shop.ids() == [1, 2]
    (entry,) = result.quarantined
    assert entry.rows == len(GOOD)
    assert all(verdict.blocks for verdict in result.verdicts)


def test_a_load_after_a_refused_one_makes_all_good_again(shop: Shop) -> None:
    shop.offer(GOOD, ("id", "customer", "price", "ordered_at"))
    shop.load([JAN])
    shop.offer(GOOD)
    result = shop.load([JAN])
    assert not result.red
    assert shop.store.quarantine.open() == []


def test_an_empty_file_refuses_the_load(shop: Shop) -> None:
    (shop.folder / "orders.csv").write_text("")
    result = shop.load([JAN])
    assert "it is empty" in result.red[JAN]


def test_a_table_without_partitions_is_let_in_whole_or_not_at_all(shop: Shop) -> None:
    shop = shop.declaring(orders(partition_date=None, known_at=None))
    shop.offer(GOOD)
    assert dict(shop.load().rows) == {None: 3}
    shop.offer([GOOD[0], (2, "Bob", "x", "2013-02-05")])
    result = shop.load()
    assert list(result.red) == [None]
    assert shop.ids() == [1, 2, 3]
    assert result.quarantined[0].rows == 2
    shop.offer(GOOD[:1])
    shop.load()
    assert shop.ids() == [1]


def test_a_blocking_expectation_holds_its_partition_back(shop: Shop) -> None:
    check = Expectation(name="few", type="x", description="At most one row.")
    spec = orders(expectations=(check,))
    shop = shop.declaring(spec)
    publisher = shop.ingestion.publisher("run", NOW)

    def audit(
        warehouse: Warehouse, relation: str, _: TableSpec, keys: Sequence[str] | None
    ) -> list[Outcome]:
        with warehouse.session() as session:
            found = session.rows(
                "select cast(partition_date as varchar), count(*) "
                f"from {relation} group by 1"
            )
        counts = {str(key): int(str(count)) for key, count in found}
        return [Outcome("few", key, counts.get(key, 0) < 2, 0, 0) for key in keys or ()]

    from analytics_platform.adapters.loading import Loader

    shop.offer([*GOOD, (5, "Fay", 1, "2013-02-20")])
    result = Loader(replace(publisher, audit=audit), {}).load(spec, [JAN, FEB])
    assert list(result.red) == [FEB]
    assert shop.ids() == [1]
    assert shop.ids("quarantine.orders") == [2, 5]
    (entry,) = result.quarantined
    assert (entry.partition, entry.rows) == (FEB, 2)


def test_a_new_column_of_the_contract_is_null_in_older_partitions(shop: Shop) -> None:
    from analytics_platform.contracts.domain import Column, ColumnType

    shop.offer(GOOD)
    shop.load([JAN, FEB])
    note = Column(name="note", type=ColumnType.STRING, description="A note.")
    shop = shop.declaring(orders(columns=(*orders().columns, note)))
    shop.offer(
        [(*GOOD[1], "hello")], ("id", "customer", "amount", "ordered_at", "note")
    )
    shop.load([FEB])
    assert sorted(shop.rows("select id, note from raw.orders")) == [
        (1, None),
        (2, "hello"),
    ]


def test_a_column_that_left_the_contract_is_named(shop: Shop) -> None:
    shop.offer(GOOD)
    shop.load([JAN])
    shop = shop.declaring(
        orders(columns=orders().columns[:2] + orders().columns[3:], rules=())
    )
    shop.offer([(1, "Ann", "2013-01-05")], ("id", "customer", "ordered_at"))
    result = shop.load([JAN])
    assert "columns removed: amount" in result.red[JAN]
    assert shop.ids() == [1]


def test_corrections_outlive_a_load_of_their_month(shop: Shop) -> None:
    shop = shop.declaring(orders(), dropped())
    shop.offer(GOOD)
    shop.load([JAN, FEB])
    (shop.inbox / "fix.csv").write_text(
        "id,customer,amount,ordered_at\n1,Ann,77,2013-01-05\n6,New,6,2013-01-06\n"
    )
    shop.load(table="corrections")
    for _ in range(2):
        shop.load([JAN])
        found = shop.rows("select id, amount from raw.orders order by id")
        assert found == [(1, 77.0), (2, 20.0), (6, 6.0)]


@pytest.mark.parametrize("where", ["stage", "promotion", "quarantine"])
def test_a_full_disk_stops_the_load_and_leaves_all_as_it_was(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    shop.offer(GOOD)
    shop.load([JAN, FEB])
    shop.offer([(9, "Zoe", 1, "2013-01-09"), (8, "Zoe", -1, "2013-02-09")])

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        if where == "stage":
            patched.setattr("analytics_platform.adapters.stage._load", full)
        elif where == "promotion":
            patched.setattr(Promotion, "_set_aside", full)  # after raw was changed
        else:
            patched.setattr(
                "analytics_platform.adapters.quarantine.write_atomically", full
            )
        with pytest.raises(DiskFull):
            shop.load([JAN, FEB])
    assert shop.ids() == [1, 2]
    assert dict(shop.load([JAN, FEB]).rows) == {JAN: 1}
    assert shop.ids() == [2, 9]


def test_a_rest_endpoint_is_loaded_like_any_source(tmp_path: Path) -> None:
    source = RestEndpoint(url_variable="SHOP_URL", path="orders")
    first = {"id": 1, "customer": "Ann", "amount": 1.5, "ordered_at": "2013-01-05"}
    second = {**first, "id": 2, "amount": "much", "ordered_at": "2013-02-05"}
    script = Script(
        [
            Answer(429, headers={"Retry-After": "0"}),
            Answer(body={"data": [first], "next": 2}),
            Answer(body={"data": [second], "next": None}),
        ]
    )
    with serving(script) as url:
        shop = open_shop(
            tmp_path / "home", orders(source=source), environment={"SHOP_URL": url}
        )
        result = shop.load([JAN, FEB])
        assert dict(result.rows) == {JAN: 1}
        assert list(result.red) == [FEB]
        script.answers = [Answer(body={"data": [], "next": None})]
        assert dict(shop.load([JAN, FEB]).rows) == {JAN: 0, FEB: 0}
        renamed = {**first, "client": "Ann"}
        del renamed["customer"]
        script.answers = [Answer(body={"data": [renamed], "next": None})]
        told = shop.load([JAN]).red[JAN]
    assert "column customer is missing; column client is unexpected" in told


def test_a_source_without_an_address_is_named(tmp_path: Path) -> None:
    source = RestEndpoint(url_variable="SHOP_URL", path="orders")
    shop = open_shop(tmp_path / "home", orders(source=source))
    with pytest.raises(InvalidConfiguration, match="SHOP_URL: not set"):
        shop.load([JAN])


def test_a_warehouse_that_fails_in_passing_is_unavailable(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dlt.destinations.exceptions import DatabaseTransientException
    from dlt.pipeline.exceptions import PipelineStepFailed
    from dlt.pipeline.pipeline import Pipeline

    failed = PipelineStepFailed.__new__(PipelineStepFailed)
    failed.__cause__ = DatabaseTransientException(ConnectionError("gone away"))

    def fail(*_: object, **__: object) -> None:
        raise failed

    shop.offer(GOOD)
    monkeypatch.setattr(Pipeline, "run", fail)
    with pytest.raises(Unavailable, match="gone away"):
        shop.load([JAN])
