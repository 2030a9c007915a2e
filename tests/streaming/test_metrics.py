"""What Prometheus reads of the hub: latencies, what is kept, who is behind."""

import dataclasses

from streaming.hub.channels import Kind, channel
from streaming.metrics import StreamMetrics
from tests.support.loops import in_loop
from tests.support.push_server import running_sidecar

ORDERS = channel("windows.orders", "Orders", Kind.WINDOW)


def lines(metrics: StreamMetrics) -> list[str]:
    return metrics.text()[0].decode().splitlines()


def test_many_messages_of_one_cause_count_as_many_latencies() -> None:
    metrics = StreamMetrics()
    metrics.observe_latency(ORDERS, 0.015625, 400)
    metrics.observe_latency(ORDERS, 3, 100)
    found = lines(metrics)
    name, label = (
        "analytics_stream_end_to_end_latency_seconds",
        'channel="windows.orders"',
    )
    for bound, count in {"0.01": 0, "0.02": 400, "2.0": 400, "+Inf": 500}.items():
        assert f'{name}_bucket{{{label},le="{bound}"}} {count}.0' in found
    assert f"{name}_count{{{label}}} 500.0" in found
    assert f"{name}_sum{{{label}}} 306.25" in found


def test_a_cause_of_a_clock_that_is_ahead_has_no_latency() -> None:
    metrics = StreamMetrics()
    metrics.observe_latency(ORDERS, -5, 2)
    name = "analytics_stream_end_to_end_latency_seconds"
    assert f'{name}_sum{{channel="windows.orders"}} 0.0' in lines(metrics)


@in_loop
async def test_kept_bytes_are_those_of_the_messages_a_channel_still_has() -> None:
    few = dataclasses.replace(ORDERS, capacity=2)
    async with running_sidecar((few,)) as sidecar:
        for n in range(3):
            sidecar.hub.publish("windows.orders", {"text": "x" * 10**n}, key="a")
        texts = sidecar.hub.ring("windows.orders").texts_after(1, 10)
        kept = sum(map(len, texts))
        name = 'analytics_stream_kept_bytes{channel="windows.orders"}'
        assert len(texts) == 2
        assert f"{name} {kept}.0" in lines(sidecar.metrics)


@in_loop
async def test_the_queue_is_as_deep_as_that_of_the_client_furthest_behind() -> None:
    async with running_sidecar() as sidecar:
        clients = [
            await sidecar.subscribed(one) for one in ("windows.orders", "alerts")
        ]
        for n in range(3):
            sidecar.hub.publish("windows.orders", {"n": n}, key="a")
        sidecar.hub.publish("alerts", {"n": 1})
        assert "analytics_stream_queue_depth 3.0" in lines(sidecar.metrics)
        for client in clients:
            await client.close()
