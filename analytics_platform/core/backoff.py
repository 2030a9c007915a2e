"""How long to wait before asking a busy server again."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_FIRST_SECONDS = 0.5
_LONGEST_SECONDS = 30.0


def wait_seconds(attempt: int, *, asked: float | None = None, jitter: float) -> float:
    """Seconds to wait after the failed attempt number `attempt` (1, 2, ...).

    Doubles from half a second to thirty; `jitter` in [0, 1) takes up to half of it
    away, so that many clients do not come back at once. What the server `asked` for
    (Retry-After, in seconds) is a minimum.
    """
    longest = min(_LONGEST_SECONDS, _FIRST_SECONDS * 2 ** (attempt - 1))
    wait: float = longest * (1 - jitter / 2)
    return max(wait, asked or 0.0)


def retry_after_seconds(header: str | None, *, now: datetime) -> float | None:
    """What a Retry-After header asks for: seconds, or an HTTP date (RFC 9110, 10.2.3).

    None without a header or if it cannot be read; a date in the past gives 0.
    """
    if header is None:
        return None
    text = header.strip()
    if text.isdecimal():
        return float(text)
    at = http_date(text)
    return None if at is None else max(0.0, (at - now).total_seconds())


def http_date(header: str | None) -> datetime | None:
    """The instant in a header such as Date; None without one or if it is none."""
    try:
        at = parsedate_to_datetime(header or "")
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
