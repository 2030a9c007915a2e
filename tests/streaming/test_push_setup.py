"""Pushing is put together by the settings."""

import asyncio
import time

import pytest
from pydantic import SecretStr

from analytics_platform.core.access import Role
from analytics_platform.settings import PushSettings
from streaming.app import create_app
from streaming.fanout import Fanout
from streaming.hub.hub import Hub
from streaming.metrics import StreamMetrics
from streaming.push_setup import PushSetup, set_up_push
from tests.support.loops import in_loop, until
from tests.support.push_server import CHANNELS, FakeKeys
from tests.support.redis_server import running_redis


def set_up(**settings: object) -> PushSetup:
    chosen = PushSettings.model_validate(settings)
    return set_up_push(chosen, CHANNELS, FakeKeys(), StreamMetrics(), name="one")


def test_one_process_needs_nobody() -> None:
    setup = set_up(frame_ms=50, max_clients=7, allowed_origins=("https://a.b",))
    assert isinstance(setup.publisher, Hub)
    assert setup.ready == {}
    assert setup.push.origins == {"https://a.b"}
    assert [one.name for one in setup.push.hub.channels][-1] == "status"


class WokenAt:
    """A reader that notes when it was woken."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def wake(self) -> None:
        self.times.append(time.monotonic())


@in_loop
async def test_clients_get_frames_at_the_pace_that_is_set() -> None:
    hub, reader = set_up(frame_ms=300).push.hub, WokenAt()
    hub.listen(reader, "windows.orders")
    for n in (1, 2):
        hub.publish("windows.orders", {"n": n}, key="a")
        await until(lambda n=n: len(reader.times) == n)  # type: ignore[misc]
    first, second = reader.times
    assert second - first > 0.25


def test_no_more_clients_are_let_in_than_are_set() -> None:
    warden = set_up(max_clients=2).push.warden
    with warden.connection():
        assert not warden.is_full
        with warden.connection():
            assert warden.is_full


@in_loop
async def test_the_status_is_published_every_second() -> None:
    setup = set_up()
    setup.metrics.late_events.labels("w", "late").inc(2)
    app = create_app(setup.push, setup.outlook({}, {"broker": lambda: None}))
    async with app.router.lifespan_context(app):
        ring = setup.push.hub.ring("status")
        await until(lambda: ring.last)
        (message,) = ring.latest()
        assert message.key == "one"
        assert b'"late_events":2.0' in message.data
    await setup.resources.aclose()


@pytest.mark.system
@in_loop
async def test_replicas_meet_in_redis() -> None:
    with running_redis() as server:
        one, two = (set_up(redis_url=SecretStr(server.url)) for _ in range(2))
        assert isinstance(one.publisher, Fanout)
        problem = one.ready["redis"]
        assert problem() is not None
        jobs = [asyncio.ensure_future(s.background[0]()) for s in (one, two)]
        one.publisher.publish("windows.orders", {"n": 1}, key="a")
        await until(lambda: two.push.hub.ring("windows.orders").last == 1)
        await until(lambda: problem() is None)
        credentials = one.push.credentials
        keys = credentials._keys
        assert isinstance(keys, FakeKeys)
        principal = await credentials.of_key(keys.make(Role.VIEWER))
        ticket, _ = await credentials.give_ticket(principal, None)
        assert await two.push.credentials.of_ticket(ticket, None) == principal
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
        for setup in (one, two):
            await setup.resources.aclose()
