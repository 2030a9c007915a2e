"""PostgreSQL's binary rows, and the server's own word on them."""

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine

from streaming.checkpoints.copying import decode_blobs, encode_rows

ROWS = [(2**62, -3, "é", b""), (-1, 2**31 - 1, "", bytes(range(256)) * 300)]


@given(st.lists(st.binary(max_size=50)))
def test_blobs_come_back(blobs: list[bytes]) -> None:
    assert decode_blobs(encode_rows(["bytea"], [(blob,) for blob in blobs])) == blobs


@pytest.mark.system
def test_the_server_reads_and_gives_these_rows(postgres_database: str) -> None:
    engine = create_engine(postgres_database)
    connection = engine.raw_connection()
    cursor = connection.cursor()
    cursor.execute("create table t (a bigint, b integer, c text, d bytea)")
    body = encode_rows(["bigint", "integer", "text", "bytea"], ROWS)
    copied = BytesIO()
    cursor.copy_expert("copy t from stdin with (format binary)", BytesIO(body))
    cursor.copy_expert(
        "copy (select d from t order by a desc) to stdout with (format binary)", copied
    )
    cursor.execute("select * from t order by a desc")
    found = [(*row[:3], bytes(row[3])) for row in cursor.fetchall()]
    connection.close()
    engine.dispose()
    assert found == ROWS
    assert decode_blobs(copied.getvalue()) == [row[3] for row in ROWS]
