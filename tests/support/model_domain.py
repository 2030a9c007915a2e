"""A small domain of orders with two models, and history to train them on."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from analytics_platform.adapters.artifacts import ArtifactStore
from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.control_store.migrations import migrate
from analytics_platform.adapters.duckdb_warehouse import DuckDBSession
from analytics_platform.adapters.mlflow_tracking import MlflowTracking
from analytics_platform.adapters.model_registry import ModelRegistry
from analytics_platform.adapters.warehouse import Warehouse
from analytics_platform.contracts.domain import (
    Aggregate,
    Domain,
    FeatureSpec,
    FeatureView,
    ModelSpec,
    Partitions,
    Replay,
    Slice,
    Spine,
)
from analytics_platform.core.training.columns import CUTOFF, target_column
from analytics_platform.core.training.training_set import TrainingSet
from analytics_platform.settings import Settings

START = datetime(2020, 1, 1, tzinfo=UTC)
DAYS = 90
SHOPS = ("north", "south", "west")

_SHARED = {
    "owner": "team:models",
    "views": ("shop_history",),
    "leaks": ("shipped_late", "delay_minutes"),
    "baseline_by": ("shop", "hour"),
    "slices": (Slice(column="shop", minimum_rows=100),),
    "holdout": timedelta(days=20),
    "parameters": {"rounds": 60, "num_leaves": 8},
}

DELAY = ModelSpec.model_validate(
    {
        **_SHARED,
        "name": "delay",
        "description": "Minutes by which an order will be late.",
        "task": "regression",
        "target": "delay_minutes",
        "unit": "minutes",
    }
)
LATE = ModelSpec.model_validate(
    {
        **_SHARED,
        "name": "late",
        "description": "Whether an order will be late.",
        "task": "classification",
        "target": "delay_minutes > 5",
    }
)

VIEW = FeatureView(
    name="shop_history",
    description="How late a shop was of late.",
    owner="team:models",
    entity=("shop",),
    source="fct_orders",
    event_time="due_utc",
    knowledge_time="known_utc",
    ttl=timedelta(days=1),
    features=(
        FeatureSpec(
            name="mean_delay",
            description="Mean delay of the last day.",
            aggregate=Aggregate.MEAN,
            expression="delay_minutes",
            length=timedelta(days=1),
        ),
    ),
)

DOMAIN = Domain(
    name="orders",
    title="Orders",
    description="Orders of three shops.",
    timezone="UTC",
    partitions=Partitions(start=date(2020, 1, 1), end=date(2020, 7, 1)),
    replay=Replay(start=date(2020, 4, 1)),
    tables=(),
    published=(),
    feature_views=(VIEW,),
    spine=Spine(
        source="fct_orders",
        key=("order_key",),
        cutoff="due_utc",
        ahead=timedelta(hours=2),
        known_at="known_utc",
        columns=("shop", "hour", "weight"),
        categorical=("shop",),
    ),
    models=(DELAY, LATE),
    reports=(),
)


@dataclass(frozen=True)
class Orders:
    """Raw columns of synthetic orders (n each)."""

    due: "np.ndarray[tuple[int], np.dtype[np.datetime64]]"
    shop: "np.ndarray[tuple[int], np.dtype[np.str_]]"
    hour: "np.ndarray[tuple[int], np.dtype[np.int64]]"
    weight: "np.ndarray[tuple[int], np.dtype[np.float64]]"
    history: "np.ndarray[tuple[int], np.dtype[np.float64]]"
    delay: "np.ndarray[tuple[int], np.dtype[np.float64]]"


def orders(days: int = DAYS, *, per_day: int = 60, seed: int = 1) -> Orders:
    """Orders whose delay follows shop, hour and history, with noise by day and row."""
    chance = np.random.default_rng(seed)
    rows = days * per_day
    day = np.repeat(np.arange(days), per_day)
    hour = chance.integers(6, 22, rows)
    start = np.datetime64(START.replace(tzinfo=None), "us")
    due = start + day * np.timedelta64(1, "D") + hour * np.timedelta64(1, "h")
    shop = chance.choice(SHOPS, rows)
    history = chance.normal(0, 6, rows)
    weight = chance.normal(10, 3, rows)
    weight[chance.random(rows) < 0.2] = np.nan
    base = np.select([shop == "north", shop == "south"], [0.0, 8.0], -4.0)
    noise = chance.normal(0, 4, rows) + np.repeat(chance.normal(0, 1, days), per_day)
    delay = base + (hour - 14) * 0.7 + history + np.abs(history) * 0.5 + noise
    return Orders(due, shop, hour, weight, history, delay)


def training_table(data: Orders) -> pa.Table:
    """The orders as the warehouse's join would give them."""
    nothing = np.arange(len(data.delay)) % 50 == 0  # never delivered
    return pa.table(
        {
            "order_key": pa.array([f"o{i:06d}" for i in range(len(data.delay))]),
            "shop": pa.array(data.shop.tolist()),
            "hour": pa.array(data.hour),
            "weight": pa.array(data.weight, from_pandas=True),
            CUTOFF: pa.array(data.due),
            "shop_history__mean_delay": pa.array(data.history),
            target_column("delay"): pa.array(data.delay, mask=nothing),
            target_column("late"): pa.array(data.delay > 5, mask=nothing),
        }
    )


def training_set(days: int = DAYS, *, seed: int = 1) -> TrainingSet:
    """A training set of the domain."""
    return TrainingSet.of(training_table(orders(days, seed=seed)))


@pytest.fixture(scope="session")
def mlflow_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database, to copy: making one takes seconds."""
    settings = Settings(home=tmp_path_factory.mktemp("mlflow"))
    MlflowTracking(settings).alias("nothing", "champion")
    return settings.home / "mlflow" / "mlflow.sqlite"


@pytest.fixture
def registry(tmp_path: Path, mlflow_database: Path) -> Iterator[ModelRegistry]:
    """An empty registry in its own home."""
    settings = Settings(home=tmp_path)
    (tmp_path / "mlflow").mkdir()
    shutil.copy(mlflow_database, tmp_path / "mlflow")
    migrate(settings.control_store_url)
    store = ControlStore.open(settings.control_store_url)
    yield ModelRegistry(settings, ArtifactStore(settings.artifacts_url), store)
    store.close()


def fill_warehouse(warehouse: Warehouse, days: int = DAYS) -> None:
    """Create the spine's source and the feature view's table."""
    data = orders(days)
    rows = training_table(data)
    known = data.due + np.timedelta64(3, "h")
    facts = pa.table(
        {
            "order_key": rows["order_key"],
            "due_utc": rows[CUTOFF],
            "known_utc": pa.array(known),
            **{name: rows[name] for name in ("shop", "hour", "weight")},
            "delay_minutes": rows[target_column("delay")],
        }
    )
    features = pa.table(
        {
            "order_key": rows["order_key"],
            "mean_delay": rows["shop_history__mean_delay"],
        }
    )
    with warehouse.session() as session:
        assert isinstance(session, DuckDBSession)
        for schema, table, content in (
            ("marts", "fct_orders", facts),
            ("features", "shop_history", features),
        ):
            session.execute(f"create schema if not exists {schema}")
            session.connection.register("content", content)
            session.execute(
                f"create or replace table {schema}.{table} as select * from content"
            )
