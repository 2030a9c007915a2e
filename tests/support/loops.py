"""Runs a test that is a coroutine in a loop of its own, with a limit in time."""

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any

LIMIT_SECONDS = 60


def in_loop(
    test: Callable[..., Coroutine[Any, Any, None]],
) -> Callable[..., None]:
    """A plain test function of a coroutine; its parameters are still fixtures."""

    async def limited(*args: Any, **kwargs: Any) -> None:
        async with asyncio.timeout(LIMIT_SECONDS):
            await test(*args, **kwargs)

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(limited(*args, **kwargs))

    return run


async def until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds; the test's own limit ends a wait in vain."""
    while not condition():  # noqa: ASYNC110 - nothing would set an event
        await asyncio.sleep(0.01)
