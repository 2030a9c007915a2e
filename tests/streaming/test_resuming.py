"""Over random disconnections a client of the real server misses nothing unsaid."""

import asyncio
import dataclasses
import random
from typing import Any

import pytest

from streaming.hub.channels import Kind, channel
from tests.support.loops import in_loop
from tests.support.push_server import CHANNELS, Sidecar, hear, running_sidecar

ROOMY = "predictions.delay"
NARROW = dataclasses.replace(channel("events.few", "Few", Kind.EVENT), capacity=20)


async def publish(sidecar: Sidecar, name: str, count: int, seed: int) -> None:
    """Publish 1 to `count`, now slower and now faster."""
    rng = random.Random(seed)  # noqa: S311
    for n in range(1, count + 1):
        sidecar.hub.publish(name, {"n": n})
        if rng.random() < 0.3:
            await asyncio.sleep(rng.choice((0, 0.001, 0.01)))


async def follow(
    sidecar: Sidecar, name: str, last: int, seed: int
) -> list[dict[str, Any]]:
    """All that a client sees who connects again and again, until message `last`."""
    rng = random.Random(seed)  # noqa: S311
    seen: list[dict[str, Any]] = []
    request: dict[str, Any] = {"start": "start"}
    while not seen or seen[-1].get("sequence") != last:
        client = await sidecar.subscribed(name, **request)
        for _ in range(rng.randrange(1, 5)):
            said = await hear(client)
            seen += said["items"]
            if seen[-1].get("sequence") == last:
                break
        newest = seen[-1]
        place = newest.get("sequence", newest.get("last"))  # a gap ends at its last
        request = {"after": {"epoch": newest["epoch"], "sequence": place}}
        if rng.random() < 0.5:
            client.transport.abort()
        else:
            await client.close()
        await asyncio.sleep(rng.choice((0, 0.01, 0.05)))
    return seen


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_still_kept_comes_exactly_once_and_in_order(seed: int) -> None:
    @in_loop
    async def scenario() -> None:
        async with running_sidecar() as sidecar:
            publishing = asyncio.ensure_future(publish(sidecar, ROOMY, 500, seed))
            seen = await follow(sidecar, ROOMY, 500, seed)
            await publishing
        assert [item["data"]["n"] for item in seen] == list(range(1, 501))

    scenario()


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_not_kept_any_more_is_announced(seed: int) -> None:
    @in_loop
    async def scenario() -> None:
        async with running_sidecar((*CHANNELS, NARROW)) as sidecar:
            publishing = asyncio.ensure_future(
                publish(sidecar, NARROW.name, 2_000, seed)
            )
            seen = await follow(sidecar, NARROW.name, 2_000, seed)
            await publishing
        expected = None
        for item in seen:
            if item["type"] == "message":
                assert expected in (None, item["sequence"])
                expected = item["sequence"] + 1
            elif item["type"] == "gap":
                assert expected in (None, item["first"])
                expected = item["last"] + 1
            else:
                assert (item["type"], item["reason"]) == ("reset", "too_old")
                expected = item["sequence"] + 1

    scenario()
