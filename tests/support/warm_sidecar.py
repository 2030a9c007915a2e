"""What forked sidecars share, loaded before the fork; and what each of them does then.

It is the `analytics sidecar` command in a process of its own. What differs from the
shipped one: its kernels are there already, and a model of the tests predicts.
"""

import os
import sys
from importlib import import_module
from typing import Any

import analytics_platform.cli.commands
import streaming.sidecar
import tests.domains.toy
from analytics_platform.adapters.control_store import migrations
from analytics_platform.cli.main import main
from streaming import assembly, driver, key_index, record_kernels
from streaming.checkpoints.database import Database
from streaming.windows.warming import warmed
from tests.support.doubling_model import PREDICTION, DoublingModel
from tests.support.orders import Order
from tests.support.stream_homes import KERNELS

_LOADED = (
    analytics_platform.cli.commands,
    migrations,
    streaming.sidecar,
    tests.domains.toy,
)
_DOMAIN = "tests.domains.readings"
_OURS = ("ANALYTICS_", "DAGSTER_", "DBT_", "TEST_")

record_kernels.compile_kernels()
key_index.compile_kernels()
_KERNELS = warmed(KERNELS)


def live(order: Order) -> None:
    """Be that sidecar."""
    opened = os.open(order.output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(opened, sys.stdout.fileno())
    os.dup2(opened, sys.stderr.fileno())
    for name in [name for name in os.environ if name.startswith(_OURS)]:
        del os.environ[name]
    os.environ.update(order.variables)
    os.chdir(order.variables["ANALYTICS_HOME"])
    _substitute()
    if order.pages is not None:
        _limit(order.pages)
    if order.most_uncommitted is not None:
        shipped: Any = driver
        shipped._MOST_UNCOMMITTED = order.most_uncommitted
    if order.death is not None:
        order.death.arrange()
    sys.argv = ["analytics", "sidecar"]
    main()


def _substitute() -> None:
    sys.modules.pop(_DOMAIN, None)  # the topic's name is in the environment
    module: Any = import_module(_DOMAIN)
    predicting = {"live_predictions": (PREDICTION,)}
    module.DOMAIN = module.DOMAIN.model_copy(update=predicting)
    shipped: Any = assembly
    shipped.warmed = lambda _: _KERNELS
    shipped.Stores.models = lambda *_: [DoublingModel()]


def _limit(pages: int) -> None:
    shipped: Any = Database
    connect = shipped._connect

    def limited(database: Database) -> Any:
        connection = connect(database)
        connection.cursor().execute(f"pragma max_page_count = {pages}")
        return connection

    shipped._connect = limited
