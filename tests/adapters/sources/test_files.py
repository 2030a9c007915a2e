"""Files as they come: CSV, Parquet, JSON lines, and everything wrong with them."""

import io
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analytics_platform.adapters.sources.csv_files import UnreadableFile, read_csv
from analytics_platform.adapters.sources.distribution import (
    read_distribution,
    read_package,
)
from analytics_platform.adapters.sources.files import read_file
from analytics_platform.contracts.domain import DistributionFile, PackageFile
from analytics_platform.core.contract_gate import LINE
from analytics_platform.errors import NotFound
from tests.support.ingestion import DISTRIBUTION, make_distribution


def rows_of(name: str, content: bytes) -> list[dict[str, object]]:
    found: list[dict[str, object]] = read_file(
        name, content, null_text=""
    ).rows.to_pylist()
    return found


def parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def test_every_csv_value_is_text_and_the_null_text_is_null() -> None:
    table = read_csv(b"a,b\n1,NA\n01,\n", origin="f", null_text="NA")
    assert table.to_pylist() == [{"a": "1", "b": None}, {"a": "01", "b": ""}]


def test_quotes_line_ends_and_byte_order_marks_are_understood() -> None:
    content = b'\xef\xbb\xbfa,b\r\n1,"x\r\ny, ""z"""\r\n'
    assert rows_of("f.CSV", content) == [{"a": "1", "b": 'x\r\ny, "z"'}]


def test_ragged_lines_are_kept_beside_the_others() -> None:
    rows = rows_of("f.csv", b"a,b\n1,2\n3,4,5\n6\n7,8\n")
    assert [row["a"] for row in rows] == ["1", "7", None, None]
    assert [row[LINE] for row in rows] == [None, None, "3,4,5", "6"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is empty"),
        (b" \n\n", "it is empty"),
        (b"a,b\n", "it has no rows"),
        (b"a,b\n1,caf\xe9\n", "byte 9 is not UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), "byte 0 is not UTF-8"),
        (b'a,b\n1,"cut off', "a quoted value is not closed"),
    ],
)
def test_a_broken_csv_says_why(content: bytes, why: str) -> None:
    with pytest.raises(UnreadableFile, match=why):
        rows_of("f.csv", content)


def test_parquet_keeps_its_types() -> None:
    assert rows_of("f.parquet", parquet(pa.table({"a": [1], "b": ["x"]}))) == [
        {"a": 1, "b": "x"}
    ]


@pytest.mark.parametrize("keep", [0, 3, 100, -1, -9])
def test_a_truncated_parquet_is_unreadable(keep: int) -> None:
    whole = parquet(pa.table({"a": list(range(1000))}))
    with pytest.raises(UnreadableFile):
        rows_of("f.parquet", whole[:keep])


def test_json_lines_give_plain_columns() -> None:
    content = b'{"a": 1, "b": "x"}\n\n{"a": 2, "b": null}\r\n'
    assert rows_of("f.jsonl", content) == [{"a": 1, "b": "x"}, {"a": 2, "b": None}]


def test_mixed_and_nested_json_values_become_text() -> None:
    content = b'{"a": 1, "b": [1]}\n{"a": "x"}\n{"a": 1.5}\n{"a": true}\n'
    rows = rows_of("f.ndjson", content)
    assert [row["a"] for row in rows] == ["1", "x", "1.5", "true"]
    assert [row["b"] for row in rows] == ["[1]", None, None, None]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it has no rows"),
        (b'{"a": 1}\n{"a": ', "line 2 is no JSON"),
        (b"[1]\n", "line 1 is no JSON object"),
        (b'{"a": "\xff"}', "byte 7 is not UTF-8"),
    ],
)
def test_broken_json_lines_say_why(content: bytes, why: str) -> None:
    with pytest.raises(UnreadableFile, match=why):
        rows_of("f.jsonl", content)


def test_an_unknown_suffix_is_unreadable() -> None:
    with pytest.raises(UnreadableFile, match=r"its suffix is none of \.csv"):
        rows_of("f.xlsx", b"PK")


@pytest.fixture
def distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    return make_distribution(tmp_path)


def declared(path: str, name: str = DISTRIBUTION) -> DistributionFile:
    return DistributionFile(distribution=name, path=path, null_text="NA")


def test_a_zipped_file_of_a_distribution_is_read(distribution: Path) -> None:
    with zipfile.ZipFile(distribution / "x.csv.zip", "w") as archive:
        archive.writestr("x.csv", "a\n1\nNA\n")
    arrival = read_distribution(declared("x.csv.zip"))
    assert arrival.rows.to_pylist() == [{"a": "1"}, {"a": None}]
    assert arrival.origin == "orders-data/x.csv.zip"


def test_what_is_not_installed_is_named(distribution: Path) -> None:
    with pytest.raises(NotFound, match=r"has no file y\.csv"):
        read_distribution(declared("y.csv"))
    with pytest.raises(NotFound, match="distribution nobodys-data is not installed"):
        read_distribution(declared("x.csv", "nobodys-data"))
    (distribution / "x.csv.zip").write_bytes(b"no archive")
    with pytest.raises(UnreadableFile, match="not a zip file"):
        read_distribution(declared("x.csv.zip"))


def test_a_file_of_a_package_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "packed_orders" / "data").mkdir(parents=True)
    (tmp_path / "packed_orders" / "__init__.py").write_text("")
    (tmp_path / "packed_orders" / "data" / "x.csv").write_text("a\n1\nNA\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    source = PackageFile(package="packed_orders", path="data/x.csv", null_text="NA")
    arrival = read_package(source)
    assert arrival.rows.to_pylist() == [{"a": "1"}, {"a": None}]
    assert arrival.origin == "packed_orders/data/x.csv"


@pytest.mark.parametrize(
    ("package", "path"), [("tests.support", "y.csv"), ("nobodys.package", "x.csv")]
)
def test_a_package_without_the_file_is_named(package: str, path: str) -> None:
    with pytest.raises(NotFound, match=f"The package {package} has no file {path}"):
        read_package(PackageFile(package=package, path=path))
