"""What the settings say about the group reaches the consumer."""

from analytics_platform.adapters.brokers import Broker
from analytics_platform.settings import StreamingSettings
from streaming.assembly import consumer_options

BROKER = Broker.configured("localhost:9092")


def test_session_stall_and_member_are_those_of_the_settings() -> None:
    settings = StreamingSettings(session_seconds=2, stall_seconds=7, member="first")
    options = consumer_options(BROKER, ["topic"], settings)
    assert (options.session_ms, options.stall_seconds) == (2_000, 7)
    assert options.instance == "first"


def test_several_heartbeats_fit_into_any_session() -> None:
    settings = StreamingSettings(session_seconds=2)
    assert consumer_options(BROKER, ["topic"], settings).heartbeat_ms == 200


def test_without_a_name_it_is_no_static_member() -> None:
    assert consumer_options(BROKER, ["topic"], StreamingSettings()).instance is None
