"""Bounds of a log while its broker has only just started."""

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from analytics_platform.adapters import topic_reading
from analytics_platform.adapters.topic_reading import watermarks
from analytics_platform.errors import Unavailable


class Starting:
    """A consumer whose broker does not lead the partition so many times."""

    def __init__(
        self, times: int, code: int = KafkaError.NOT_LEADER_FOR_PARTITION
    ) -> None:
        self.times, self._code = times, code

    def get_watermark_offsets(self, *_: object) -> tuple[int, int]:
        """The bounds, once it leads."""
        self.times -= 1
        if self.times >= 0:
            raise KafkaException(KafkaError(self._code))
        return 3, 9


def bounds(consumer: Any) -> tuple[int, int]:
    return watermarks(consumer, "events", 0)


def test_a_partition_without_a_leader_yet_is_asked_again() -> None:
    assert bounds(Starting(2)) == (3, 9)


def test_one_that_gets_no_leader_is_unavailable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(topic_reading, "_SECONDS", 0.1)
    with pytest.raises(Unavailable, match="Nobody leads events"):
        bounds(Starting(1_000))


def test_other_errors_are_raised_at_once() -> None:
    consumer = Starting(2, KafkaError.TOPIC_AUTHORIZATION_FAILED)
    with pytest.raises(KafkaException):
        bounds(consumer)
    assert consumer.times == 1
