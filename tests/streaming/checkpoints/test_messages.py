"""Output blobs: messages one by one, and lines in columns, are read as they were."""

import msgspec
import pytest

from analytics_platform.errors import DamagedRecord
from streaming.checkpoints.messages import (
    Lines,
    Message,
    decode_messages,
    decode_output,
    encode_lines,
    encode_messages,
)


def test_messages_are_read_as_they_were() -> None:
    made = [Message(b"k", b"v", (("a", b"1"), ("b", None))), Message(None, None)]
    assert decode_messages(encode_messages(made)) == made


def test_lines_are_messages_with_the_trace_of_their_run() -> None:
    made = Lines(["a", "é", "a"], [b"1", b"2", b"3"], [("t", 2), (None, 1)])
    body = encode_lines(made)
    assert decode_output(body) == made
    assert decode_messages(body) == [
        Message(b"a", b"1", (("traceparent", b"t"),)),
        Message("é".encode(), b"2", (("traceparent", b"t"),)),
        Message(b"a", b"3"),
    ]


def test_blobs_of_the_first_version_are_read() -> None:
    body = msgspec.msgpack.encode([1, [[b"k", b"v", [["h", b"x"]]], [None, b"w"]]])
    assert decode_messages(body) == [
        Message(b"k", b"v", (("h", b"x"),)),
        Message(None, b"w"),
    ]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"\xc1", "cannot be read"),
        (msgspec.msgpack.encode([1, 7]), "cannot be read"),
        (msgspec.msgpack.encode([9, []]), "version 9 instead of 2"),
    ],
)
def test_anything_else_is_said_to_be_damaged(body: bytes, problem: str) -> None:
    with pytest.raises(DamagedRecord, match=problem):
        decode_messages(body)
