"""A broker that has only just started does not know its own topics for a moment."""

import pytest

from analytics_platform.adapters.brokers import Broker
from analytics_platform.errors import Unavailable
from streaming import assembly
from tests.domains import readings as domain


class Starting:
    """It has the topic, and does not show it."""

    def __init__(self, _: Broker) -> None:
        pass

    def partitions(self, _: str) -> None:
        return None

    def create(self, _: str, __: int) -> bool:
        return False

    def create_dead_letters(self, _: str) -> bool:
        raise AssertionError("it asks for the partitions of what is not shown")


def test_the_sidecar_waits_for_its_topics_to_be_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(assembly, "Topics", Starting)
    with pytest.raises(Unavailable, match=domain.TOPIC):
        assembly.create_topics(Broker.configured("nowhere:9092"), domain.DOMAIN, 4)
