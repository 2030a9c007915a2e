"""The live page and the documented JavaScript client, in a real browser."""

import json

import pytest

from analytics_platform.core.access import Role
from analytics_platform.settings import ROOT
from streaming.hub.wire import Close
from streaming.status import STATUS, StatusReport
from tests.support.browser import open_page
from tests.support.documents import example
from tests.support.loops import in_loop, until
from tests.support.push_server import CHANNELS, Sidecar, running_sidecar

pytestmark = pytest.mark.system

HOSTILE = "<img src=x onerror=document.title='hacked'>"


def publish(sidecar: Sidecar, start: int, key: str, orders: int) -> None:
    values = {"orders": orders, "late_share": 0.25}
    window = {"start_ms": start, "end_ms": start + 60_000, "values": values}
    sidecar.hub.publish("windows.orders", window, key=key)


@in_loop
async def test_the_page_shows_windows_predictions_and_what_was_late() -> None:
    async with running_sidecar((*CHANNELS, STATUS)) as sidecar, open_page() as page:
        report = StatusReport(sidecar.hub, sidecar.metrics, name="one")
        sidecar.metrics.late_events.labels("orders", "late").inc(3)
        publish(sidecar, 0, "north", 5)
        publish(sidecar, 60_000, HOSTILE, 6)
        sidecar.hub.publish("predictions.delay", {"minutes": 12.5}, key="south")
        sidecar.hub.publish("status", {**report.now()})
        await page.open(f"{sidecar.address}/#key={sidecar.keys.make()}")
        await page.until("document.getElementById('state')?.textContent === 'Live'")
        await page.until("document.querySelectorAll('#channels tbody tr').length >= 2")
        text = str(await page.value("document.body.innerText"))
        assert "00:00:00" in text
        assert "north" in text
        assert HOSTILE in text
        sidecar.hub.publish("predictions.delay", {"minutes": 13.5}, key="south")
        await page.until("document.body.innerText.includes('13.5')")
        await page.until(
            "document.querySelector('#cards .warn')?.innerText.includes('3')"
        )
        assert await page.value("location.hash") == ""
        assert await page.value("document.title") == "Live"
        assert page.problems == []


@in_loop
async def test_the_page_comes_back_where_it_was() -> None:
    async with running_sidecar() as sidecar, open_page() as page:
        await page.open(f"{sidecar.address}/#key={sidecar.keys.make()}")
        await page.until("document.getElementById('state')?.textContent === 'Live'")
        publish(sidecar, 0, "north", 5)
        await page.until("document.body.innerText.includes('north')")
        sidecar.push.warden.end_all(Close.GOING_AWAY, "test")
        publish(sidecar, 60_000, "north", 7)
        await page.until("document.body.innerText.includes('00:01:00')")
        await page.until("document.getElementById('reconnections').innerText === '1'")
        assert await page.value(
            "document.querySelectorAll('#channels tbody tr').length"
        )


@in_loop
async def test_without_access_the_page_asks_for_a_key() -> None:
    async with running_sidecar() as sidecar, open_page() as page:
        await page.open(f"{sidecar.address}/#key=ak_a_b")
        await page.until(
            "document.getElementById('state')?.textContent === 'No access'"
        )
        assert await page.value("!document.getElementById('access').hidden")
        assert await page.value("sessionStorage.getItem('key')") is None


@in_loop
async def test_the_documented_client_misses_nothing_over_a_disconnection() -> None:
    script = example((ROOT / "docs" / "streaming.md").read_text(), "javascript")
    async with running_sidecar() as sidecar, open_page() as page:
        await page.open(f"{sidecar.address}/")
        await page.until("document.readyState === 'complete'")
        key = sidecar.keys.make(Role.VIEWER)
        call = json.dumps([sidecar.address, key, "predictions.delay"])
        await page.value(
            f"{script}; window.seen = []; "
            f"read(...{call}, (item) => seen.push(item.data.n)); 0"
        )
        await until(lambda: sidecar.hub._readers["predictions.delay"])
        sidecar.hub.publish("predictions.delay", {"n": 1})
        await page.until("seen.length === 1")
        sidecar.push.warden.end_all(Close.GOING_AWAY, "test")
        for n in (2, 3):
            sidecar.hub.publish("predictions.delay", {"n": n})
        await page.until("seen.length === 3")
        assert await page.value("seen") == [1, 2, 3]
