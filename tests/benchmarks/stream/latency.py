"""From the send of the event that closes a window to the frame in a client."""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.queues import Queue
from pathlib import Path

from analytics_platform.adapters.brokers import Broker
from analytics_platform.adapters.kafka_broker import KafkaBroker
from analytics_platform.adapters.topic import Topics
from analytics_platform.settings import Settings
from tests.benchmarks.stream.feeds import Pace, Sent, ends_of
from tests.benchmarks.stream.jobs import (
    SPAWN,
    WINDOW,
    Committed,
    Job,
    cpu_seconds,
    load,
    scraped,
    settings_of,
    sidecar,
)
from tests.benchmarks.stream.listening import Client, Heard, Measured, told
from tests.domains import readings as domain

JOB = Job("tenth", keys=100)
_WARM_SECONDS = 2.0


@dataclass(frozen=True)
class Run:
    """A sidecar at work under an even rate, and one client."""

    kafka: KafkaBroker
    settings: Settings
    topic: str
    pace: Pace
    pid: int | None

    async def hear(self) -> tuple[Heard, Sent]:
        """Everything that the client heard, and what was sent."""
        broker = Broker.configured(self.kafka.bootstrap)
        client = await Client.open(self.settings, f"windows.{WINDOW}")
        result: Queue[Sent] = SPAWN.Queue()
        sender = SPAWN.Process(
            target=_send, args=(self.pace, broker, self.topic, result), daemon=True
        )
        sender.start()
        done = asyncio.create_task(asyncio.to_thread(result.get))
        heard = await client.listen(done.done)
        sent = await done
        sender.join()
        return heard, sent


def _send(pace: Pace, broker: Broker, topic: str, result: "Queue[Sent]") -> None:
    result.put(pace.send(broker, topic))


def measure_latency(kafka: KafkaBroker, home: Path, rate: int, seconds: int) -> None:
    """Print the latencies at a rate.

    Raises:
        AssertionError: a window is missing in the client, or an event in the windows.
    """
    broker, topic = Broker.configured(kafka.bootstrap), f"at-{secrets.token_hex(4)}"
    Topics(broker).create(topic, domain.PARTITIONS)
    settings, pace = settings_of(broker, home, topic), Pace(rate, seconds)
    with sidecar(settings, JOB.domain(topic)) as process:
        committed = Committed(settings)
        committed.wait_for_start()
        run = Run(kafka, settings, topic, pace, process.pid)
        pids = (process.pid, kafka.pid)
        before, looked = [cpu_seconds(pid) for pid in pids], scraped(settings)
        heard, sent = asyncio.run(run.hear())
        committed.wait_for(ends_of(broker, topic, at_once=False))
        after = [cpu_seconds(pid) for pid in pids]
        measured = Measured(looked, scraped(settings))
        _assert_all_is_there(committed, heard, sent)
    cores = [(b - a) / seconds for a, b in zip(before, after, strict=True)]
    slow = latencies(heard, sent.closed_at())
    print(
        f"{rate:,} events/s ({sent.events / seconds:,.0f} sent) for {seconds} s: "
        f"{told(slow)}; {len(slow):,} messages, missed {heard.said}; "
        f"{measured.pauses()}; {measured.commits()}; "
        f"cores: sidecar {cores[0]:.2f}, broker {cores[1]:.2f}, "
        f"sender {sent.cpu_seconds / seconds:.2f}; {load()}",
        flush=True,
    )


def latencies(heard: Heard, closed_at: Mapping[int, float]) -> list[float]:
    """Seconds from the closing of its window to each message's arrival.

    What closed in the first seconds is left out.
    """
    begin = min(closed_at.values()) + _WARM_SECONDS
    return [
        at - closed_at[data["end_ms"]]
        for data, at in heard.messages
        if closed_at.get(data["end_ms"], 0) >= begin
    ]


def _assert_all_is_there(committed: Committed, heard: Heard, sent: Sent) -> None:
    windows = committed.windows()
    pushed = {(d["key"], d["end_ms"]): d["count"] for d, _ in heard.messages}
    assert pushed == windows, "the client has other windows than the database"
    _, counted, late = committed.counted()
    assert counted + late == sent.events, (counted, late, sent.events)
    assert not heard.others, heard.said
