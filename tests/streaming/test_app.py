"""Tickets, health, metrics and the page over HTTP."""

from datetime import UTC, datetime

import httpx
import pytest

from analytics_platform.core.access import Role
from analytics_platform.settings import ROOT
from streaming import app as application
from streaming.app import Outlook, create_app
from streaming.live_page import live_page
from streaming.metrics import StreamMetrics
from streaming.tickets import MemoryTickets
from tests.support.loops import in_loop, until
from tests.support.push_server import Sidecar, hear, items, running_sidecar, soon


async def get(sidecar: Sidecar, path: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.get(sidecar.address + path, headers=headers)


@in_loop
async def test_a_ticket_is_given_for_a_key_and_kept_by_nobody() -> None:
    async with running_sidecar() as sidecar:
        answer = await sidecar.post_ticket(sidecar.keys.make())
        assert answer.status_code == 201
        assert answer.json()["ticket"].startswith("tk_")
        assert answer.headers["cache-control"] == "no-store"


@in_loop
async def test_a_ticket_and_a_welcome_say_when_they_expire() -> None:
    async with running_sidecar() as sidecar:
        key = sidecar.keys.make(lifetime=soon(3_600))
        before = datetime.now(UTC)
        answer = (await sidecar.post_ticket(key)).json()
        ends = datetime.fromisoformat(answer["expires_at"])
        assert abs((ends - before).total_seconds() - 600) < 10
        async with sidecar.connect(answer["ticket"]) as client:
            welcome = await hear(client)
        (kept,) = sidecar.keys.keys.values()
        assert kept.expires_at is not None
        expected = kept.expires_at.isoformat(timespec="seconds")
        assert welcome["expires_at"] == expected


@pytest.mark.parametrize("header", [None, "nonsense", "ak_000000000000_00"])
def test_no_ticket_is_given_without_a_good_key(header: str | None) -> None:
    @in_loop
    async def scenario() -> None:
        async with running_sidecar() as sidecar:
            answer = await sidecar.post_ticket(header)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
            assert "expired" not in answer.text

    scenario()


@in_loop
async def test_another_sites_page_may_ask_if_it_is_allowed() -> None:
    here = "https://board.example"
    async with running_sidecar(origins={here}) as sidecar:
        answer = await sidecar.post_ticket(sidecar.keys.make(), origin=here)
        assert answer.headers["access-control-allow-origin"] == here
    async with running_sidecar() as sidecar:
        answer = await sidecar.post_ticket(sidecar.keys.make(), origin=here)
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers


@in_loop
async def test_tickets_without_end_are_refused_until_some_expire(
    # A store that fills up must not take all memory.
) -> None:
    async with running_sidecar() as sidecar:
        assert isinstance(sidecar.tickets, MemoryTickets)
        key = sidecar.keys.make()
        principal = await sidecar.push.credentials.of_key(key)
        for _ in range(10_000):
            await sidecar.push.credentials.give_ticket(principal, None)
        assert (await sidecar.post_ticket(key)).status_code == 503


def test_health_says_what_is_wrong() -> None:
    problems: dict[str, str | None] = {"broker": None, "state": "does not answer"}

    @in_loop
    async def scenario() -> None:
        async with running_sidecar() as sidecar:
            probes = {name: (lambda name=name: problems[name]) for name in problems}
            outlook = Outlook(StreamMetrics().text, live={}, ready=probes)
            app = create_app(sidecar.push, outlook)
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://sidecar"
            ) as client:
                assert (await client.get("/health/live")).status_code == 200
                answer = await client.get("/health/ready")
                assert answer.status_code == 503
                assert answer.json() == {
                    "status": "failing",
                    "checks": {"broker": "ok", "state": "does not answer"},
                }
                problems["state"] = None
                assert (await client.get("/health/ready")).status_code == 200

    scenario()


@in_loop
async def test_metrics_show_clients_messages_and_closings() -> None:
    async with running_sidecar() as sidecar:
        client = await sidecar.subscribed("windows.orders")
        for n in range(3):
            sidecar.hub.publish("windows.orders", {"n": n}, key="a")
        await items(client, 3)
        sidecar.metrics.events.labels("orders").inc(5)
        text = (await get(sidecar, "/metrics")).text
        assert "analytics_stream_clients 1.0" in text
        assert 'analytics_stream_messages_total{channel="windows.orders"} 3.0' in text
        assert "analytics_stream_queue_depth 0.0" in text
        assert 'analytics_stream_events_total{topic="orders"} 5.0' in text
        await client.send("nonsense")
        await until(lambda: not (sidecar.push.warden.sessions))
        text = (await get(sidecar, "/metrics")).text
        assert 'analytics_stream_closed_clients_total{code="4400"} 1.0' in text


@in_loop
async def test_every_metric_is_documented() -> None:
    page = (ROOT / "docs" / "streaming.md").read_text()
    async with running_sidecar() as sidecar:
        families = [f.name for f in sidecar.metrics.registry.collect()]
    own = [name for name in families if name.startswith("analytics_stream_")]
    assert len(own) == 21
    assert [name for name in own if f"`{name}`" not in page] == []


@in_loop
async def test_the_page_fetches_nothing_from_elsewhere() -> None:
    async with running_sidecar() as sidecar:
        answer = await get(sidecar, "/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    assert "unsafe" not in policy
    assert "http:" not in answer.text
    assert "https:" not in answer.text
    assert "src=" not in answer.text
    assert "innerHTML" not in live_page()


@in_loop
async def test_the_welcome_names_what_a_role_may_read() -> None:
    async with running_sidecar() as sidecar:
        client = await sidecar.connect(await sidecar.ticket(Role.VIEWER))
        welcome = await hear(client)
        assert welcome["heartbeat_seconds"] == 15
        assert welcome["channels"][0] == {
            "name": "windows.orders",
            "title": "Orders",
            "kind": "window",
            "policy": "conflate",
            "epoch": sidecar.hub.ring("windows.orders").epoch,
            "sequence": 0,
        }
        await client.close()


@in_loop
async def test_a_background_job_that_fails_is_taken_up_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(application, "_AGAIN_SECONDS", 0.01)
    done: list[int] = []

    async def job() -> None:
        done.append(1)
        raise ValueError("it failed")

    async with running_sidecar() as sidecar:
        outlook = Outlook(StreamMetrics().text, background=[job])
        app = create_app(sidecar.push, outlook)
        async with app.router.lifespan_context(app):
            await until(lambda: len(done) >= 3)
