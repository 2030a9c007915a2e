"""The sidecar process: events from Kafka to windows, predictions and subscribers."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from analytics_platform.adapters.brokers import (
    Broker,
    running_broker,
    wait_until_ready,
)
from analytics_platform.adapters.clock_state import open_clock
from analytics_platform.clock import WallClock
from analytics_platform.contracts.domain import Domain
from analytics_platform.errors import Transient, Unavailable
from analytics_platform.observability import get_logger
from analytics_platform.settings import Settings
from streaming.allocation import keep_freed_memory
from streaming.app import create_app
from streaming.assembly import (
    Parts,
    Stores,
    channels_of,
    consumer_options,
    create_topics,
    open_checkpoints,
    warm_up,
)
from streaming.checkpoints.store import CheckpointStore
from streaming.checkpoints.values import Cluster
from streaming.checkpoints.writer import CheckpointWriter
from streaming.collector import GarbageCollection
from streaming.definitions import CompiledWindow
from streaming.delivery import Delivery
from streaming.driver import Driver, Handing, Situation
from streaming.fetches import Presence
from streaming.gauges import Gauges
from streaming.kafka import EventConsumer
from streaming.live_model import LiveModel
from streaming.metrics import StreamMetrics
from streaming.outgoing import Pushed
from streaming.output import Output
from streaming.push_setup import PushSetup, set_up_push
from streaming.remembered import remembered
from streaming.server import PushServer, build_server

log = get_logger(__name__)

_REFRESH_SECONDS = 1.0
_SNAPSHOT_SECONDS = 2.0
_BROKER_SECONDS = 0.5
_LEAVE_SECONDS = 10.0


def run_sidecar(settings: Settings, domain: Domain) -> None:
    """Serve until SIGTERM or Ctrl-C; raises what made it stop by itself."""
    keep_freed_memory()
    with running_broker(settings) as broker:
        log.info("broker_found", kind=broker.kind, bootstrap=broker.bootstrap)
        for limit in broker.limits:
            log.warning("broker_limit", limit=limit, advice=broker.advice)
        asyncio.run(Sidecar(settings, domain, broker).run())


class Sidecar:
    """One process of the consumer group, with a web server of its own."""

    def __init__(self, settings: Settings, domain: Domain, broker: Broker) -> None:
        self._settings, self._domain, self._broker = settings, domain, broker
        self._stores = Stores.open(settings)
        self._clock = open_clock(settings)
        self._metrics = StreamMetrics()
        self._collection = GarbageCollection(self._metrics.collector_pause)
        self._store = open_checkpoints(settings)
        self.name = settings.streaming.member or f"{socket.gethostname()}-{os.getpid()}"

    async def run(self) -> None:
        """Get ready, then work and serve until asked to stop."""
        parts = Parts(
            await self._windows(),
            await asyncio.to_thread(self._stores.models, self._domain),
            self._metrics.observe_prediction,
        )
        cluster = await self._cluster()
        writer = CheckpointWriter(self._store)
        try:
            await self._meet(writer, cluster)
            await self._serve(writer, cluster, parts)
        finally:
            await writer.close()

    async def _serve(
        self, writer: CheckpointWriter, cluster: Cluster, parts: Parts
    ) -> None:
        works = await asyncio.to_thread(
            warm_up, self._settings, self._domain, cluster.id, parts
        )
        setup = set_up_push(
            self._settings.push,
            channels_of(self._domain, parts.windows),
            self._stores.control.keys,
            self._metrics,
            name=self.name,
        )
        if self._settings.push.redis_url is None:  # Redis remembers by itself
            url, push = self._settings.stream_state_url, _pusher(setup)
            for one in remembered(url, cluster.id, parts.windows):
                push(one)
        output, gauges = Output(self._broker), Gauges(self._metrics, self._clock)
        delivery = Delivery(
            output, self._store.delivered, self._stores.predictions, WallClock()
        )
        handing = Handing(_pusher(setup), delivery.add, setup.recall, gauges.measure)
        situation = Situation(self.name, self._clock, self._settings.streaming)
        driver = Driver(works, writer, handing, situation)
        options = consumer_options(self._broker, list(works), self._settings.streaming)
        consumer = EventConsumer(options, driver)
        gauges.watch(consumer)
        server = self._server(setup, gauges, delivery, parts.models)
        self._collection.settle()
        self._collection.watch()
        try:
            await _together(driver, consumer, server)
            await _last_outputs(delivery, writer)
        finally:
            output.close()  # what was not sent is committed: the next start sends it
            await setup.resources.aclose()
            self._collection.leave()

    def _server(
        self,
        setup: PushSetup,
        gauges: Gauges,
        delivery: Delivery,
        models: Sequence[LiveModel],
    ) -> PushServer:
        outlook = setup.outlook(
            gauges.live_probes(),
            gauges.ready_probes(),
            delivery.run,
            lambda: self._follow_releases(models),
            lambda: self._collection.collect_at_rest(gauges.is_at_rest),
        )
        host, port = self._settings.push.host, self._settings.ports.sidecar
        log.info("sidecar_ready", name=self.name, address=f"http://{host}:{port}")
        app = create_app(setup.push, outlook)
        return build_server(app, setup.push, host=host, port=port)

    async def _windows(self) -> Sequence[CompiledWindow]:
        """The live windows; waits for the first published snapshot."""
        said = False
        while (found := self._stores.windows(self._domain)) is None:
            if not said:
                hint = "`analytics materialize` publishes one."
                log.warning("snapshot_awaited", hint=hint)
            said = True
            await asyncio.sleep(_SNAPSHOT_SECONDS)
        return found

    async def _cluster(self) -> Cluster:
        """The broker's cluster with all topics; waits for the broker."""
        presence, partitions = Presence(), self._settings.streaming.partitions
        while True:
            try:
                await asyncio.to_thread(wait_until_ready, self._broker, seconds=0)
                found = await asyncio.to_thread(
                    create_topics, self._broker, self._domain, partitions
                )
            except Unavailable as error:
                presence.away(error)
                await asyncio.sleep(_BROKER_SECONDS)
            else:
                presence.back()
                return found

    async def _meet(self, writer: CheckpointWriter, cluster: Cluster) -> None:
        now_ms = time.time_ns() // 1_000_000
        met = await writer.patiently(
            lambda store: store.meet_cluster(
                cluster.id, embedded=cluster.embedded, now_ms=now_ms
            )
        )
        if met.is_new:
            log.warning("state_begins_anew", reason=f"the cluster {met.id} is new")

    async def _follow_releases(self, models: Sequence[LiveModel]) -> None:
        while True:
            for model in models:
                try:
                    # What it replaces goes without the collector: no cycles in it.
                    await asyncio.to_thread(model.refresh)
                except Transient as error:
                    log.warning("release_not_read", error=str(error))
            await asyncio.sleep(_REFRESH_SECONDS)


def _pusher(setup: PushSetup) -> Callable[[Pushed], None]:
    publish = setup.publisher.publish_all

    def push(one: Pushed) -> None:
        publish(one.channel, one.batch)

    return push


async def _together(
    driver: Driver, consumer: EventConsumer, server: PushServer
) -> None:
    """Work and serve until a signal comes or one of them ends."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    working = asyncio.create_task(driver.run(consumer), name="driver")
    serving = asyncio.create_task(server._serve(), name="server")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait(
        [working, serving, stopping], return_when=asyncio.FIRST_COMPLETED
    )
    stopping.cancel()
    driver.stopping = server.should_exit = True
    # A broker or database that is away is not waited for: nothing taken is lost.
    await asyncio.wait([working], timeout=_LEAVE_SECONDS)
    if not working.done():
        log.warning("left_without_last_commit", reason="broker or database is away")
        working.cancel()
    # Whatever the driver ended with: a server that is cancelled writes a traceback.
    await asyncio.wait([working, serving], timeout=_LEAVE_SECONDS)
    with suppress(asyncio.CancelledError):
        await asyncio.gather(working, serving)


async def _last_outputs(delivery: Delivery, writer: CheckpointWriter) -> None:
    """Send what was committed last, if the broker answers, and note that it was."""
    try:
        async with asyncio.timeout(_LEAVE_SECONDS):
            await delivery.send_all()
            await writer.run(CheckpointStore.forget_delivered)
    except (TimeoutError, Transient) as error:
        log.warning("outputs_left_for_next_start", error=repr(error))
