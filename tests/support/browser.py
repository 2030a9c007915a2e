"""A real Chromium without a window, steered through its own debugging protocol."""

import asyncio
import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

_NAMES = ("chromium", "chromium-browser", "google-chrome")


class Page:
    """One tab."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._calls = 0
        self.problems: list[str] = []

    async def open(self, address: str) -> None:
        """Go to an address."""
        for domain in ("Runtime", "Log", "Page"):
            await self._call(f"{domain}.enable")
        await self._call("Page.navigate", url=address)

    async def value(self, expression: str) -> Any:
        """What an expression is in the page."""
        answer = await self._call(
            "Runtime.evaluate", expression=expression, returnByValue=True
        )
        return answer["result"].get("value")

    async def until(self, expression: str) -> None:
        """Wait until an expression is true in the page."""
        while not await self.value(expression):  # noqa: ASYNC110
            await asyncio.sleep(0.1)

    async def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._calls += 1
        call = {"id": self._calls, "method": method, "params": parameters}
        await self._socket.send(json.dumps(call))
        while True:
            said = json.loads(await self._socket.recv())
            if said.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
                self.problems.append(json.dumps(said["params"])[:500])
            if said.get("id") == self._calls:
                result: dict[str, Any] = said["result"]
                return result


@asynccontextmanager
async def open_page() -> AsyncIterator[Page]:
    """An empty tab of a browser of its own."""
    binary = next(filter(None, map(shutil.which, _NAMES)), None)
    if binary is None:
        raise FileNotFoundError(
            "Chromium is not installed: `apt-get install chromium` "
            "(`make test-system` does it when run as root)."
        )
    profile = Path(tempfile.mkdtemp(prefix="analytics-browser-"))
    process = await asyncio.create_subprocess_exec(
        binary,
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
        *("--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        address = await _page_address(profile)
        async with connect(address, max_size=None, proxy=None) as socket:
            yield Page(socket)
    finally:
        process.terminate()
        await process.wait()
        shutil.rmtree(profile, ignore_errors=True)


async def _page_address(profile: Path) -> str:
    note = profile / "DevToolsActivePort"
    while not (note.exists() and note.read_text().strip()):  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    port = note.read_text().split()[0]
    async with httpx.AsyncClient() as client:
        pages = (await client.get(f"http://127.0.0.1:{port}/json")).json()
    found: str = next(p["webSocketDebuggerUrl"] for p in pages if p["type"] == "page")
    return found
