"""The engine's kernels, interpreted and compiled."""

from pathlib import Path

import pytest

from streaming.windows.compilation import Kernels, interpreted
from streaming.windows.warming import warmed

# Shared by all test processes and runs; `make clean` deletes it.
CACHE = Path(__file__).resolve().parents[3] / "build" / "kernels"


@pytest.fixture(scope="session")
def plain() -> Kernels:
    """The kernels as Python runs them."""
    return interpreted()


@pytest.fixture(scope="session", params=["plain", "machine"])
def kernels(request: pytest.FixtureRequest) -> Kernels:
    """Both, one after the other."""
    found: Kernels = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def machine() -> Kernels:
    """The kernels as machine code."""
    return warmed(CACHE)
