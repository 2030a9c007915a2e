"""Puts pushing together by the settings: alone, or with other replicas over Redis."""

import asyncio
import time
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from analytics_platform.clock import WallClock
from analytics_platform.settings import PushSettings
from streaming.app import Job, Outlook, Probe
from streaming.credentials import Credentials, KeyStore
from streaming.fanout import Fanout, Publisher, open_redis
from streaming.hub.channels import Channel
from streaming.hub.hub import Hub, Pace
from streaming.metrics import StreamMetrics
from streaming.push import Push
from streaming.recall import Recall
from streaming.status import STATUS, StatusReport
from streaming.tickets import MemoryTickets, RedisTickets, Tickets
from streaming.warden import Patience, Warden


@dataclass(frozen=True)
class PushSetup:
    """Pushing, ready for `create_app(setup.push, setup.outlook(...))`.

    Results go to `publisher`, what a former owner left to `recall`; the status channel
    is there besides the given ones. `resources` are closed when the process ends.
    """

    push: Push
    publisher: Publisher
    recall: Recall
    metrics: StreamMetrics
    background: tuple[Job, ...]
    ready: dict[str, Probe]
    resources: AsyncExitStack

    def outlook(
        self, live: dict[str, Probe], ready: dict[str, Probe], *background: Job
    ) -> Outlook:
        """What the application shows: the caller's probes and jobs, and these."""
        return Outlook(
            metrics=self.metrics.text,
            live=live,
            ready=self.ready | ready,
            background=(*self.background, *background),
        )


def set_up_push(
    settings: PushSettings,
    channels: Iterable[Channel],
    keys: KeyStore,
    metrics: StreamMetrics,
    *,
    name: str,
) -> PushSetup:
    """Pushing for one process; `name` tells it from its replicas. Opens nothing yet."""
    hub = Hub(
        [*channels, STATUS],
        # A hub of its own numbers anew each time it starts.
        epoch=time.time_ns() // 1_000_000,
        pace=Pace(seconds=settings.frame_ms / 1000),
        on_latency=metrics.observe_latency,
    )
    publisher: Publisher = hub
    joined: asyncio.Event | None = None
    tickets: Tickets = MemoryTickets()
    jobs: list[Job] = []
    ready: dict[str, Probe] = {}
    resources = AsyncExitStack()
    if settings.redis_url is not None:
        redis = open_redis(settings.redis_url.get_secret_value())
        resources.push_async_callback(redis.aclose)
        fanout = Fanout(redis, hub)
        publisher, joined = fanout, fanout.joined
        tickets = RedisTickets(redis, fanout.prefix)
        jobs.append(fanout.run)
        ready["redis"] = lambda: fanout.problem
    push = _push(settings, hub, keys, tickets)
    metrics.watch_push(push)
    jobs.append(StatusReport(publisher, metrics, name=name).run)
    recall = Recall(hub, publisher, joined)
    return PushSetup(push, publisher, recall, metrics, tuple(jobs), ready, resources)


def _push(settings: PushSettings, hub: Hub, keys: KeyStore, tickets: Tickets) -> Push:
    credentials = Credentials(
        keys, tickets, WallClock(), ticket_seconds=settings.ticket_seconds
    )
    patience = Patience(settings.heartbeat_seconds, settings.stall_seconds)
    warden = Warden(credentials, patience, most=settings.max_clients)
    origins = frozenset(settings.allowed_origins)
    return Push(hub, credentials, warden, origins, settings.heartbeat_seconds)
