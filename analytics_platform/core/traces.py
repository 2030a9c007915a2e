"""W3C trace context: the traceparent header that ties an event to what came of it.

The format: https://www.w3.org/TR/trace-context/#traceparent-header
"""

import re

TRACEPARENT = "traceparent"

_VALID = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-")
_LENGTH = 55  # of version 00; later versions may be longer


def valid_traceparent(header: bytes | None) -> str | None:
    """The header's text if it follows the format, else None."""
    if header is None or not _LENGTH <= len(header) <= 2 * _LENGTH:
        return None
    text = header.decode("latin-1")
    is_plain = text.isascii() and text.isprintable()
    return text if is_plain and _VALID.match(text) else None
