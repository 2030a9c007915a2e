"""Times the sidecar on a real broker: `make bench-stream`.

Prints figures and asserts only that nothing was lost: windows and late events add up
to what was sent, and a client has every window.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

from analytics_platform.adapters.brokers import Broker
from analytics_platform.adapters.kafka_broker import KafkaBroker
from tests.benchmarks.stream.latency import measure_latency
from tests.benchmarks.stream.predictions import (
    SPEED,
    Feed,
    crowded,
    measure_predictions,
    sent_events,
    trained_home,
)
from tests.benchmarks.stream.processes import measure_processes
from tests.benchmarks.stream.throughput import FEW_RESULTS, JOBS, measure_throughput
from tests.domains import readings as domain
from tests.support.kafka_server import running_kafka
from tests.support.live_sidecar import copied_home
from tests.support.stream_homes import make_stream_home

PARTS = ("throughput", "processes", "latency", "predictions")


def main() -> None:
    """Run the parts that were asked for and print what they took."""
    given = _arguments()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        made = folder / "made"
        make_stream_home(made, domain.semantic_manifest())
        homes = (copied_home(made, folder / f"home-{n}") for n in count())
        for part in given.parts:
            if part == "predictions":
                _predictions(folder, given)
            else:
                with running_kafka() as kafka:
                    _PARTS[part](kafka, homes, given)


def _throughput(
    kafka: KafkaBroker, homes: Iterator[Path], given: argparse.Namespace
) -> None:
    for job in JOBS[: given.jobs]:
        if given.only in job.title:
            times = FEW_RESULTS if job.window == "minute" else 1
            measure_throughput(kafka, next(homes), job, given.events * times)


def _processes(
    kafka: KafkaBroker, homes: Iterator[Path], given: argparse.Namespace
) -> None:
    measure_processes(kafka, next(homes), 2 * given.events)


def _latency(
    kafka: KafkaBroker, homes: Iterator[Path], given: argparse.Namespace
) -> None:
    for rate in given.rates:
        measure_latency(kafka, next(homes), rate, given.seconds)


def _predictions(folder: Path, given: argparse.Namespace) -> None:
    """Each line on a broker of its own: the topics' names are the domain's."""
    trained, events = given.trained or trained_home(folder), sent_events()
    for rate in given.predicted:
        for name, title, chosen in (
            ("crowded", f"{SPEED} times", crowded(events, rate, SPEED, given.seconds)),
            ("fast", "as fast as it goes", events[: rate * given.seconds]),
        ):
            with running_kafka() as kafka:
                feed = Feed(Broker.configured(kafka.bootstrap), rate, chosen)
                home = folder / f"{name}-{rate}"
                measure_predictions(home, feed, trained=trained, title=title)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=PARTS)
    parser.add_argument("--events", type=int, default=1_000_000, help="of a line")
    parser.add_argument("--jobs", type=int, default=99, help="the first so many lines")
    parser.add_argument("--only", default="", help="lines whose title has this text")
    rates = [1_000, 10_000, 50_000, 100_000]
    parser.add_argument("--rates", type=int, nargs="*", default=rates)
    parser.add_argument("--seconds", type=int, default=120, help="at each rate")
    parser.add_argument("--predicted", type=int, nargs="*", default=[1_000])
    parser.add_argument("--trained", type=Path, help="a home with released models")
    return parser.parse_args()


_PARTS: dict[str, Callable[[KafkaBroker, Iterator[Path], argparse.Namespace], None]] = {
    "throughput": _throughput,
    "processes": _processes,
    "latency": _latency,
}


if __name__ == "__main__":
    main()
