"""The client in docs/streaming.md does what the page says, against a real server."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from analytics_platform.settings import ROOT
from streaming.hub.channels import Policy
from streaming.hub.wire import Close
from tests.support.documents import example
from tests.support.loops import in_loop, until
from tests.support.push_server import Sidecar, running_sidecar

PAGE = (ROOT / "docs" / "streaming.md").read_text()

Read = Callable[[str, str, str, Callable[[dict[str, Any]], None]], Awaitable[None]]


def python_client() -> Read:
    space: dict[str, Any] = {}
    exec(compile(example(PAGE, "python"), "docs/streaming.md", "exec"), space)  # noqa: S102
    read: Read = space["read"]
    return read


@in_loop
async def test_the_python_client_misses_nothing_over_disconnections() -> None:
    async with running_sidecar() as sidecar:
        seen: list[float] = []
        key = sidecar.keys.make()
        address = f"ws://127.0.0.1:{sidecar.port}"

        def handle(item: dict[str, Any]) -> None:
            seen.append(item["data"]["n"])

        reader = asyncio.ensure_future(
            python_client()(address, key, "predictions.delay", handle)
        )
        await _listening(sidecar)
        for last in (20, 40, 60):
            for n in range(last - 19, last + 1):
                sidecar.hub.publish("predictions.delay", {"n": n})
            await _until_seen(seen, last)
            sidecar.push.warden.end_all(Close.GOING_AWAY, "test")
            sidecar.hub.publish("predictions.delay", {"n": last + 0.5})
            await _until_seen(seen, last + 0.5)
        assert seen == sorted([*range(1, 61), 20.5, 40.5, 60.5])
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)


@in_loop
async def test_the_python_client_gives_up_where_it_has_no_access() -> None:
    async with running_sidecar() as sidecar:
        address = f"ws://127.0.0.1:{sidecar.port}"
        for key, channel in (
            ("ak_000000000000_00", "predictions.delay"),
            (sidecar.keys.make(), "alerts"),
        ):
            with pytest.raises(ConnectionClosed):
                await python_client()(address, key, channel, print)


def test_the_javascript_client_says_what_the_protocol_says() -> None:
    script = example(PAGE, "javascript") + (ROOT / "streaming/page/live.js").read_text()
    said = set(re.findall(r'type: "(\w+)"', script))
    assert said == {"subscribe"}
    heard = set(re.findall(r'\.type === "(\w+)"', script))
    assert heard == {"message", "reset", "gap", "welcome", "frame"}
    assert [word for word in said | heard if f"`{word}`" not in _words()] == []


def test_every_close_code_and_policy_is_documented() -> None:
    assert [code for code in Close if f"| {code.value} |" not in PAGE] == []
    listed = {int(code) for code in re.findall(r"^\| (\d{4}) \|", PAGE, re.MULTILINE)}
    assert listed == set(Close) | {1009}
    assert set(Policy) == {"conflate", "gap", "disconnect"}


def _words() -> str:
    return PAGE + "`subscribe`"


async def _until_seen(seen: list[float], last: float) -> None:
    await until(lambda: seen and seen[-1] == last)


async def _listening(sidecar: Sidecar) -> None:
    await until(lambda: sidecar.hub._readers["predictions.delay"])
