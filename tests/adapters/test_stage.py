"""A signal that comes while dlt loads reaches whom it was meant for."""

import os
import signal
from collections.abc import Callable, Iterator
from itertools import count
from types import FrameType

import pytest

from tests.support.ingestion import Shop

JAN = "2013-01-01"
GOOD = [(1, "Ann", 10.5, "2013-01-05T10:00:00Z")]


class Asked(Exception):
    """What the handler of these tests raises, as Dagster's does."""


@pytest.fixture(params=[signal.SIGINT, signal.SIGTERM])
def number(request: pytest.FixtureRequest) -> Iterator[signal.Signals]:
    """A signal whose handler raises `Asked`."""

    def ask(_number: int, _frame: FrameType | None) -> None:
        raise Asked

    before = signal.signal(request.param, ask)
    yield request.param
    signal.signal(request.param, before)


@pytest.mark.parametrize("pool", [0, 1], ids=["normalize", "load"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_signal_in_a_load_is_handled_by_the_handler_of_before(
    shop: Shop,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    pool: int,
    moment: str,
) -> None:
    from dlt.common.runners import pool_runner

    shop.offer(GOOD)
    signalled = _signalling(pool_runner.run_pool, number, pool, moment)
    handler = signal.getsignal(number)
    with monkeypatch.context() as patched:
        patched.setattr(pool_runner, "run_pool", signalled)
        with pytest.raises(Asked):
            shop.load([JAN])
    assert signal.getsignal(number) is handler

    assert dict(shop.load([JAN]).rows) == {JAN: 1}
    assert shop.ids() == [1]


def _signalling(
    run: Callable[..., object], number: signal.Signals, pool: int, moment: str
) -> Callable[..., object]:
    """Runs dlt's pools of work; before or after one the process is sent a signal."""
    runs = count()

    def signalled(*arguments: object, **named: object) -> object:
        chosen = next(runs) == pool
        if chosen and moment == "before":
            os.kill(os.getpid(), number)
        done = run(*arguments, **named)
        if chosen and moment == "after":
            os.kill(os.getpid(), number)
        return done

    return signalled
