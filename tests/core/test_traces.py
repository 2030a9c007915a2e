"""Only what follows W3C's format is a trace."""

import pytest

from analytics_platform.core.traces import valid_traceparent

GOOD = b"00-" + b"0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize("header", [GOOD, b"01" + GOOD[2:], b"01" + GOOD[2:] + b"-x"])
def test_a_valid_header_is_taken_as_it_is(header: bytes) -> None:
    assert valid_traceparent(header) == header.decode()


@pytest.mark.parametrize(
    "header",
    [
        None,
        b"",
        b"t",
        GOOD[:-1],
        GOOD.upper(),
        b"ff" + GOOD[2:],
        GOOD.replace(b"0af7651916cd43dd8448eb211c80319c", b"0" * 32),
        GOOD.replace(b"b7ad6b7169203331", b"0" * 16),
        b"01" + GOOD[2:] + b"-\n",
        b"01" + GOOD[2:] + b"-\xff",
        b"01" + GOOD[2:] + b"-" + b"x" * 100,
    ],
)
def test_anything_else_is_no_trace(header: bytes | None) -> None:
    assert valid_traceparent(header) is None
