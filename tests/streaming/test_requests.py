"""How much a client may ask for."""

import pytest

from streaming.hub.requests import Allowance
from streaming.hub.sessions import Ended


def test_a_hundred_requests_in_ten_seconds_pass_and_one_more_does_not() -> None:
    allowance = Allowance()
    for n in range(100):
        allowance.use(1_000 + n / 100)
    with pytest.raises(Ended) as caught:
        allowance.use(1_009.9)
    assert caught.value.code == 4429


def test_ten_seconds_after_a_request_another_may_take_its_place() -> None:
    allowance = Allowance()
    for n in range(100):
        allowance.use(1_000 + n / 100)
    allowance.use(1_010)
    with pytest.raises(Ended):
        allowance.use(1_010)
    for _ in range(99):
        allowance.use(1_011)
