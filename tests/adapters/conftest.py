"""Fixtures of the adapters' tests."""

from pathlib import Path

import pytest

from tests.support.ingestion import Shop, open_shop


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop whose orders come from a distribution, month by month."""
    monkeypatch.syspath_prepend(str(tmp_path / "distribution"))
    return open_shop(tmp_path / "home")
