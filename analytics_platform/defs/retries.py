"""Retries for transient errors only."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from analytics_platform.errors import PlatformError, Transient

_MAX_RETRIES = 3
_FIRST_WAIT_SECONDS = 2


@contextmanager
def retrying(
    context: dg.OpExecutionContext | dg.AssetExecutionContext,
) -> Iterator[None]:
    """Retry the step when its body raises Transient; fail at once on other errors.

    The wait doubles with each attempt: 2, 4, 8 seconds.
    """
    try:
        yield
    except Transient as error:
        wait = _FIRST_WAIT_SECONDS * 2**context.retry_number
        raise dg.RetryRequested(
            max_retries=_MAX_RETRIES, seconds_to_wait=wait
        ) from error
    except PlatformError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error
