"""Reads a JSON endpoint page by page, patient with a busy server."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx

from analytics_platform.adapters.sources.arrival import Arrival, table_from_records
from analytics_platform.contracts.domain import RestEndpoint
from analytics_platform.core.backoff import (
    http_date,
    retry_after_seconds,
    wait_seconds,
)
from analytics_platform.errors import InvalidData, PlatformError, Unavailable
from analytics_platform.observability import get_logger

log = get_logger(__name__)

_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
# A server that asks for more is down for this run: the next run may find it up.
_LONGEST_WAIT_SECONDS = 300.0


class SourceRefused(PlatformError):
    """The server answered that it will not give this; asking again is of no use."""

    def __init__(self, address: str, status: int) -> None:
        self.address, self.status = address, status
        super().__init__(
            f"{address} answered {status}.",
            hint="Check the address, the path and the token of the declared source.",
        )


@dataclass(frozen=True)
class RestReader:
    """One endpoint; `sleep` and `jitter` are how it waits between attempts."""

    source: RestEndpoint
    url: str
    token: str | None = None
    sleep: Callable[[float], None] = time.sleep
    jitter: random.Random = field(default_factory=random.Random)

    @property
    def address(self) -> str:
        """The full address of the first page."""
        return f"{self.url.rstrip('/')}/{self.source.path.lstrip('/')}"

    def read(self) -> Arrival:
        """The rows of all pages.

        Raises:
            Unavailable: busy or silent after all attempts.
            SourceRefused: an answer that no further attempt changes, such as 404.
            InvalidData: an answer that is no page, or pages that go in a circle.
        """
        records = [record for page in self._pages() for record in page]
        return Arrival(self.address, table_from_records(records))

    def _pages(self) -> Iterator[list[dict[str, object]]]:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        timeout = httpx.Timeout(self.source.timeout.total_seconds())
        seen: set[str] = set()
        token: str | None = None
        with httpx.Client(headers=headers, timeout=timeout) as client:
            while True:
                rows, token = self._page(self._ask(client, token))
                yield rows
                if token is None:
                    return
                if token in seen:
                    raise self._no_page(f"page {token!r} follows itself")
                seen.add(token)

    def _ask(self, client: httpx.Client, token: str | None) -> httpx.Response:
        parameters = {} if token is None else {self.source.page_parameter: token}
        problem = ""
        for attempt in range(1, self.source.attempts + 1):
            asked = None
            try:
                response = client.get(self.address, params=parameters)
            except httpx.TransportError as error:
                problem = f"{type(error).__name__} {error}".strip()
            else:
                if response.status_code not in _BUSY:
                    return self._accepted(response)
                problem = f"status {response.status_code}"
                asked = retry_after_seconds(
                    response.headers.get("Retry-After"), now=_server_time(response)
                )
            if attempt == self.source.attempts or (asked or 0) > _LONGEST_WAIT_SECONDS:
                break
            wait = wait_seconds(attempt, asked=asked, jitter=self.jitter.random())
            log.info("source_busy", address=self.address, problem=problem, wait=wait)
            self.sleep(wait)
        raise Unavailable(
            f"{self.address} did not answer: {problem} (attempt {attempt} of "
            f"{self.source.attempts}).",
            hint="Try again later, or raise the declared attempts or timeout.",
        )

    def _accepted(self, response: httpx.Response) -> httpx.Response:
        if response.status_code != httpx.codes.OK:
            raise SourceRefused(self.address, response.status_code)
        return response

    def _page(
        self, response: httpx.Response
    ) -> tuple[list[dict[str, object]], str | None]:
        try:
            page = response.json()
        except ValueError as error:
            raise self._no_page(f"no JSON: {error}") from error
        if not isinstance(page, dict):
            raise self._no_page("no JSON object")
        rows = page.get(self.source.rows_field)
        if not isinstance(rows, list) or not all(isinstance(r, dict) for r in rows):
            raise self._no_page(f"no list of objects in {self.source.rows_field!r}")
        if self.source.next_field not in page:
            raise self._no_page(f"no field {self.source.next_field!r}, null at the end")
        following = page[self.source.next_field]
        return rows, None if following is None else str(following)

    def _no_page(self, why: str) -> InvalidData:
        return InvalidData(
            f"{self.address} answered with what is no page: {why}.",
            hint="Correct the declared source, or tell its owner.",
        )


def _server_time(response: httpx.Response) -> datetime:
    """The server's clock, by which it wrote the date in Retry-After."""
    return http_date(response.headers.get("Date")) or datetime.now(UTC)
