"""Loads that are killed (-9) at any point: the next one proceeds, nothing is lost."""

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from analytics_platform.settings import ROOT
from tests.support.ingestion import Row, Shop

pytestmark = pytest.mark.system

KEYS = ["2013-01-01", "2013-02-01", "2013-03-01"]
ROWS = 3_000
KILLS = 6


def version(amount: int) -> list[Row]:
    """The same orders every time, with another amount."""
    return [
        (n, "Ann", amount, f"2013-0{1 + n % 3}-{1 + n % 28:02}T10:00")
        for n in range(ROWS)
    ]


@contextmanager
def loading(shop: Shop) -> Iterator["subprocess.Popen[str]"]:
    """A process that is about to load; waited for."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.load_orders", str(shop.home), *KEYS],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        yield child


def amounts(shop: Shop) -> list[tuple[object, ...]]:
    return list(shop.rows("select amount, count(*) from raw.orders group by 1"))


def test_killed_anywhere_a_load_changes_everything_or_nothing(shop: Shop) -> None:
    shop.offer(version(0))
    shop.load(KEYS)
    with loading(shop) as child:
        ready = time.monotonic()
        assert child.wait(120) == 0
    usual = time.monotonic() - ready
    chance = random.Random(5)  # noqa: S311 - repeatable
    before = 0
    for attempt in range(1, KILLS + 1):
        shop.offer(version(attempt))
        with loading(shop) as child:
            time.sleep(chance.uniform(0, usual))
            child.kill()
        ((amount, count),) = amounts(shop)
        assert count == ROWS
        assert amount in (before, attempt)
        before = round(float(str(amount)))
    began = time.monotonic()
    result = shop.load(KEYS)
    assert time.monotonic() - began < 10 + 3 * usual
    assert sum(result.rows.values()) == ROWS
    assert amounts(shop) == [(KILLS, ROWS)]
    assert not _leftovers(shop.home)
    assert shop.store.quarantine.open() == []


def test_two_loads_at_once_take_turns(shop: Shop) -> None:
    shop.offer(version(1))
    with loading(shop) as first, loading(shop) as second:
        assert first.wait(120) == 0
        assert second.wait(120) == 0
    assert amounts(shop) == [(1, ROWS)]


def _leftovers(home: Path) -> list[Path]:
    return [path for path in home.rglob("*") if "dlt" in path.parts]
