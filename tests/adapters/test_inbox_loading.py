"""Dropped files: each content is loaded once, broken ones are kept, none is lost."""

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analytics_platform.contracts.domain import FileInbox
from analytics_platform.contracts.records import InboxStatus
from tests.support.ingestion import (
    COLUMNS,
    Row,
    Shop,
    csv_text,
    dropped,
    open_shop,
    orders,
)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.syspath_prepend(str(tmp_path / "distribution"))
    return open_shop(tmp_path / "home", orders(), dropped())


def drop(shop: Shop, name: str, *rows: Row) -> Path:
    path = shop.inbox / name
    path.write_text(csv_text(rows))
    return path


def load(shop: Shop) -> dict[str, tuple[InboxStatus, str]]:
    """Load, and give what became of each file."""
    shop.load(table="corrections")
    return {file.path: (file.status, file.reason) for file in shop.store.inbox.all()}


def ids(shop: Shop) -> list[object]:
    return shop.ids("raw.corrections")


def test_an_empty_inbox_gives_an_empty_table(shop: Shop) -> None:
    result = shop.load(table="corrections")
    assert dict(result.rows) == {None: 0}
    assert [verdict.passed for verdict in result.verdicts] == [True]


def test_all_three_kinds_of_files_are_loaded(shop: Shop) -> None:
    drop(shop, "a.csv", (1, "Ann", 1, "2013-01-01"))
    rows = {"id": [2], "customer": ["Bob"], "amount": [2.0]}
    parquet = pa.table({**rows, "ordered_at": [datetime(2013, 2, 1, tzinfo=UTC)]})
    pq.write_table(parquet, shop.inbox / "b.parquet")
    record = dict(zip(COLUMNS, (3, "Cid", 3.5, "2013-03-01T00:00:00Z"), strict=True))
    (shop.inbox / "c.jsonl").write_text(json.dumps(record) + "\n")
    became = load(shop)
    assert {status for status, _ in became.values()} == {InboxStatus.LOADED}
    assert ids(shop) == [1, 2, 3]


def test_a_second_load_finds_nothing_to_do(shop: Shop) -> None:
    drop(shop, "a.csv", (1, "Ann", 1, "2013-01-01"))
    load(shop)
    (before,) = shop.store.inbox.all()
    shop.load(table="corrections", run_id="second")
    assert shop.store.inbox.all() == [before]
    assert ids(shop) == [1]


def test_the_same_content_again_is_skipped_with_the_reason(shop: Shop) -> None:
    drop(shop, "a.csv", (1, "Ann", 1, "2013-01-01"))
    load(shop)
    drop(shop, "b.csv", (1, "Ann", 1, "2013-01-01"))
    assert load(shop)["corrections/b.csv"] == (
        InboxStatus.SKIPPED,
        "same content as corrections/a.csv, loaded already",
    )


def test_other_content_under_the_same_name_is_loaded(shop: Shop) -> None:
    drop(shop, "a.csv", (1, "Ann", 1, "2013-01-01"))
    load(shop)
    drop(shop, "a.csv", (1, "Ann", 2, "2013-01-01"))
    load(shop)
    assert shop.rows("select id, amount from raw.corrections") == [(1, 2.0)]
    assert len(shop.store.inbox.all()) == 2


def test_of_several_files_the_latest_wins(shop: Shop) -> None:
    drop(shop, "z.csv", (1, "Ann", 1, "2013-01-01"), (2, "Bob", 1, "2013-01-01"))
    drop(shop, "a.csv", (1, "Ann", 2, "2013-01-01"))
    load(shop)
    found = shop.rows("select id, amount from raw.corrections order by id")
    assert found == [(1, 2.0), (2, 1.0)]


def test_bad_rows_are_set_aside_and_the_good_ones_go_on(shop: Shop) -> None:
    drop(
        shop,
        "a.csv",
        (1, "Ann", 1, "2013-01-01"),
        (2, "Bob", "much", "2013-01-01"),
        (3, "Cid", 3, "2031-01-01"),
    )
    result = shop.load(table="corrections")
    assert not result.red
    assert ids(shop) == [1]
    (entry,) = result.quarantined
    assert entry.rows == 2
    assert "amount: got much, expected float" in entry.reason
    assert "outside 2013-01-01 to 2014-01-01" in entry.reason
    (file,) = shop.store.inbox.all()
    assert (file.status, file.rows) == (InboxStatus.LOADED, 1)
    assert file.reason == "2 of its rows are in quarantine"


def test_a_ragged_line_is_set_aside_alone(shop: Shop) -> None:
    path = drop(shop, "a.csv", (1, "Ann", 1, "2013-01-01"))
    path.write_text(path.read_text() + "2,Bob,1\n")
    load(shop)
    assert ids(shop) == [1]
    (entry,) = shop.store.quarantine.open()
    assert "the line cannot be cut into columns" in entry.reason


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", b"", "it is empty"),
        ("a.csv", b"id,customer,price,ordered_at\n1,A,1,2013-01-01\n", "price"),
        ("a.csv", b"id,customer,amount,ordered_at\n1,\xe9,1,2013-01-01\n", "UTF-8"),
        ("a.parquet", b"PAR1", "cannot be read"),
        ("a.xlsx", b"PK", "its suffix is none of"),
        ("a.jsonl", b"{", "line 1 is no JSON"),
    ],
)
def test_a_broken_file_is_kept_whole_and_the_rest_goes_on(
    shop: Shop, name: str, content: bytes, told: str
) -> None:
    (shop.inbox / name).write_bytes(content)
    drop(shop, "good.csv", (1, "Ann", 1, "2013-01-01"))
    became = load(shop)
    status, reason = became[f"corrections/{name}"]
    assert status is InboxStatus.QUARANTINED
    assert told in reason
    assert ids(shop) == [1]
    (entry,) = shop.store.quarantine.open()
    assert entry.origin == f"corrections/{name}"
    assert (shop.home / entry.location).read_bytes() == content
    load(shop)
    assert len(shop.store.quarantine.open()) == 1


def test_a_half_written_file_waits(shop: Shop) -> None:
    source = FileInbox(folder="corrections", settle=timedelta(minutes=1))
    shop = shop.declaring(orders(), dropped(source=source))
    drop(shop, "a.csv", (1, "Ann", 1, "2013-01-01"))
    assert load(shop) == {}
    soon = datetime.now(UTC) + timedelta(minutes=2)
    shop.load(table="corrections", now=soon)
    assert ids(shop) == [1]


def test_killed_before_the_manifest_a_file_is_loaded_again_to_the_same_rows(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(shop, "a.csv", (1, "Ann", 1, "2013-01-01"))

    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(type(shop.store.inbox), "record", die)
        with pytest.raises(Killed):
            shop.load(table="corrections")
    assert ids(shop) == [1]
    assert shop.store.inbox.all() == []
    assert load(shop)["corrections/a.csv"][0] is InboxStatus.LOADED
    assert ids(shop) == [1]


def test_affected_partitions_are_told_before_the_load(shop: Shop) -> None:
    drop(
        shop,
        "a.csv",
        (1, "Ann", 1, "2013-03-09"),
        (2, "Bob", 1, "2013-01-09"),
        (3, "Cid", "x", "2013-06-09"),
    )
    (shop.inbox / "b.csv").write_text("")
    inbox = shop.ingestion.inbox(
        shop.spec("corrections"), run_id="r", at=datetime.now(UTC)
    )
    now = datetime.now(UTC) + timedelta(seconds=1)
    days = inbox.affected(inbox.folder.pending(now))
    assert [day.isoformat() for day in days] == ["2013-01-01", "2013-03-01"]


def test_a_large_parquet_in_memory_is_read_once(shop: Shop) -> None:
    buffer = io.BytesIO()
    count = 20_000
    table = pa.table(
        {
            "id": range(count),
            "customer": ["x"] * count,
            "amount": [1.0] * count,
            "ordered_at": [datetime(2013, 5, 1, tzinfo=UTC)] * count,
        }
    )
    pq.write_table(table, buffer)
    (shop.inbox / "big.parquet").write_bytes(buffer.getvalue())
    load(shop)
    assert shop.rows("select count(*) from raw.corrections") == [(count,)]
