"""A real Apache Kafka for tests: one node on free loopback ports, then gone."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from analytics_platform.adapters.kafka_broker import (
    QUICK_START,
    KafkaBroker,
    find_assembly,
    free_port,
)
from tests.support.repository import ROOT


@contextmanager
def running_kafka() -> Iterator[KafkaBroker]:
    """A new, empty node.

    Raises:
        NotFound: Java or the jars are missing (`make test-system` gets both).
    """
    folder = Path(tempfile.mkdtemp(prefix="analytics-kafka-"))
    broker = KafkaBroker(
        find_assembly(ROOT / ".kafka"),
        folder,
        port=free_port(),
        java_options=QUICK_START,
    )
    try:
        broker.start()
        yield broker
    finally:
        broker.kill()
        shutil.rmtree(folder, ignore_errors=True)
