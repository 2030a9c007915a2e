"""Homes in which whole commands run, on the flights of a few months."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.domains.few_flights import dataset
from tests.support.commands import ROOT, Commands

# Everything up to what is published, without the models.
PUBLISHED = '+key:"published/snapshot"'
FIRST, LAST = "2013-01", "2013-04"

NewHome = Callable[[], Commands]


@pytest.fixture(scope="session")
def new_home(tmp_path_factory: pytest.TempPathFactory) -> NewHome:
    """Makes an empty home whose sources are files of its own."""

    def make() -> Commands:
        folder = tmp_path_factory.mktemp("home")
        dataset.write(folder / "packages")
        return Commands(
            folder / "var",
            {
                "ANALYTICS_DOMAIN": "tests.domains.few_flights",
                "ANALYTICS_PORTS__DAGSTER": str(_free_port()),
                "ANALYTICS_PORTS__MLFLOW": str(_free_port()),
                "ANALYTICS_PORTS__KAFKA": str(_free_port()),
                "ANALYTICS_PORTS__SIDECAR": str(_free_port()),
                "ANALYTICS_LOGS__FORMAT": "json",
                "PYTHONPATH": f"{ROOT}:{folder / 'packages'}",
            },
        )

    return make


@pytest.fixture(scope="session")
def built(new_home: NewHome) -> Commands:
    """A home with four months up to the published snapshot; read it or copy it."""
    home = new_home()
    ended = home.run(
        "materialize", "--from", FIRST, "--to", LAST, "--select", PUBLISHED
    )
    assert ended.code == 0, ended.end
    return home


@pytest.fixture
def copy_of_built(built: Commands, tmp_path: Path) -> Commands:
    """The built home, to be changed."""
    return built.copy(tmp_path / "var")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
