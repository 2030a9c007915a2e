"""The live page and the documented JavaScript client, in a real browser."""

import json
import time

import pytest

from analytics_platform.core.access import Role
from analytics_platform.settings import ROOT
from streaming.hub.wire import Cause, Close
from streaming.status import STATUS, StatusReport
from tests.support.browser import open_page
from tests.support.documents import example
from tests.support.loops import in_loop, until
from tests.support.push_server import CHANNELS, Sidecar, running_sidecar

pytestmark = pytest.mark.system

OLD = Cause(sent_ms=0)
DASH, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"
HOSTILE = "<img src=x onerror=document.title='hacked'>"


IS_LIVE = "document.getElementById('state')?.textContent === 'Live'"
ROWS = "document.querySelectorAll('#channels tbody tr')"


def publish(
    sidecar: Sidecar, start: int, key: str, orders: int, *, length: int = 60_000
) -> None:
    metrics = {"orders": orders, "late_share": 0.25, "mean_delay_minutes": -orders / 4}
    window = {"start_ms": start, "end_ms": start + length, "metrics": metrics}
    sidecar.hub.publish("windows.orders", window, key=key)


def cells(row: int) -> str:
    """What the cells of one line of the first table say."""
    return f"[...{ROWS}[{row}].children].map((cell) => cell.innerText)"


@in_loop
async def test_the_page_shows_windows_predictions_and_what_was_late() -> None:
    async with running_sidecar((*CHANNELS, STATUS)) as sidecar, open_page() as page:
        report = StatusReport(sidecar.hub, sidecar.metrics, name="one")
        sidecar.metrics.late_events.labels("orders", "late").inc(3)
        publish(sidecar, 0, "north", 5)
        publish(sidecar, 60_000, HOSTILE, 6)
        sidecar.metrics.clock.set(86_400 * 3 + 3_600)
        sidecar.metrics.watermark_delay.labels("orders", "0").set(2 * 3600 + 60)
        sidecar.hub.publish("status", {**report.now()})
        await page.open(f"{sidecar.address}/#key={sidecar.keys.make()}")
        await page.until(IS_LIVE)
        await page.until(f"{ROWS}.length >= 2")
        assert await page.value(cells(0)) == [
            *(HOSTILE, f"1 Jan 00:01 {DASH} 00:02", "6", "25.0", f"{MINUS}1.5", "")
        ]
        assert await page.value(cells(1)) == [
            *("north", f"1 Jan 00:00 {DASH} 00:01", "5", "25.0", f"{MINUS}1.3", "")
        ]
        sidecar.hub.publish("predictions.delay", {"minutes": 13.5}, key="south")
        await page.until("document.body.innerText.includes('13.5')")
        await page.until(
            "document.querySelector('#cards .warn')?.innerText.includes('3')"
        )
        cards = str(await page.value("document.getElementById('cards').innerText"))
        assert "4 Jan 01:00" in cards
        assert "2 h 1 min" in cards
        assert await page.value("location.hash") == ""
        assert await page.value("document.title") == "Live results"
        assert page.problems == []


@in_loop
async def test_the_page_comes_back_where_it_was() -> None:
    async with running_sidecar() as sidecar, open_page() as page:
        await page.open(f"{sidecar.address}/#key={sidecar.keys.make()}")
        await page.until(IS_LIVE)
        publish(sidecar, 0, "north", 5)
        await page.until("document.body.innerText.includes('north')")
        sidecar.push.warden.end_all(Close.GOING_AWAY, "test")
        publish(sidecar, 60_000, "north", 7)
        await page.until(f"document.body.innerText.includes('00:01 {DASH} 00:02')")
        await page.until("document.getElementById('reconnections').innerText === '1'")
        assert await page.value(f"{ROWS}.length") == 1


@in_loop
async def test_the_page_says_that_it_is_disconnected_and_greys_what_it_shows() -> None:
    async with open_page() as page:
        async with running_sidecar() as sidecar:
            await page.open(f"{sidecar.address}/#key={sidecar.keys.make()}")
            await page.until(IS_LIVE)
            publish(sidecar, 0, "north", 5)
            await page.until(f"{ROWS}.length === 1")
        await page.until(
            "document.getElementById('state').textContent.startsWith('Disconnected')"
        )
        assert await page.value("document.body.classList.contains('stale')")
        assert await page.value(f"{ROWS}.length") == 1
        assert (
            await page.value("document.getElementById('reconnections').innerText")
            == "0"
        )


@in_loop
async def test_a_connection_on_which_nothing_comes_is_given_up() -> None:
    async with running_sidecar() as sidecar, open_page() as page:
        await page.open(f"{sidecar.address}/#key={sidecar.keys.make()}")
        await page.until(IS_LIVE)
        await page.value("known.heartbeatMs = 1")
        await page.until("document.getElementById('reconnections').innerText === '1'")
        await page.until(IS_LIVE)


@in_loop
async def test_what_was_kept_is_shown_to_who_comes_later_but_is_no_news() -> None:
    async with running_sidecar() as sidecar, open_page() as page:
        for n in range(20):
            sidecar.hub.publish("predictions.delay", {"minutes": n}, key="k", cause=OLD)
        publish(sidecar, 0, "north", 5)
        await page.open(f"{sidecar.address}/#key={sidecar.keys.make()}")
        await page.until(f"{ROWS}.length === 13")
        newest = f"[...{ROWS}].slice(1).map((row) => row.lastChild.innerText)"
        assert await page.value(newest) == [str(n) for n in range(19, 7, -1)]
        assert await page.value(
            "[known.latencies.length, known.newest, known.missed]"
        ) == [0, None, 0]
        now = Cause(int(time.time() * 1000))
        sidecar.hub.publish("predictions.delay", {"minutes": 20}, key="k", cause=now)
        await page.until("known.latencies.length === 1")


@in_loop
async def test_a_merged_session_takes_the_place_of_the_one_it_swallowed() -> None:
    async with running_sidecar() as sidecar, open_page() as page:
        await page.open(f"{sidecar.address}/#key={sidecar.keys.make()}")
        await page.until(IS_LIVE)
        publish(sidecar, 0, "north", 5)
        publish(sidecar, 120_000, "north", 7)
        await page.until(f"{ROWS}[0]?.innerText.includes('00:02 {DASH} 00:03')")
        for start in (0, 120_000):
            gone = {"kind": "retract", "start_ms": start, "end_ms": start + 60_000}
            sidecar.hub.publish("windows.orders", gone, key="north")
        await page.until(f"{ROWS}.length === 0")
        publish(sidecar, 0, "north", 13, length=180_000)
        await page.until(f"{ROWS}[0]?.innerText.includes('00:00 {DASH} 00:03')")


@in_loop
async def test_lines_that_did_not_change_stay_what_they_are() -> None:
    async with running_sidecar() as sidecar, open_page() as page:
        publish(sidecar, 0, "north", 5)
        await page.open(f"{sidecar.address}/#key={sidecar.keys.make()}")
        await page.until(f"{ROWS}.length === 1")
        await page.value(f"{ROWS}[0].id = 'kept'")
        publish(sidecar, 0, "south", 6)
        publish(sidecar, 0, "east", 6)
        await page.until(f"{ROWS}.length === 3")
        assert await page.value(f"{ROWS}[1].id") == "kept"
        publish(sidecar, 60_000, "north", 7)
        await page.until(f"{ROWS}[1].innerText.includes('00:01 {DASH} 00:02')")
        assert await page.value(
            f"[...{ROWS}].map((row) => row.firstChild.innerText)"
        ) == [*("east", "north", "south")]


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
