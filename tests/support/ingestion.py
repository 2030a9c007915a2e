"""A small domain of orders, with sources whose content a test decides."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import MappingProxyType

from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.control_store.migrations import migrate
from analytics_platform.adapters.ingestion import Ingestion
from analytics_platform.adapters.publication import LoadResult
from analytics_platform.adapters.warehouse import Value, open_warehouse
from analytics_platform.contracts.domain import (
    Column,
    ColumnType,
    DistributionFile,
    Domain,
    FileInbox,
    Partitions,
    Replay,
    RowRule,
    Spine,
    SqlTable,
    TableSpec,
)
from analytics_platform.settings import Settings

DISTRIBUTION = "orders-data"
NOW = datetime(2014, 1, 1, tzinfo=UTC)
COLUMNS = ("id", "customer", "amount", "ordered_at")

Row = Sequence[object]


def orders(**changes: object) -> TableSpec:
    """A table replaced month by month; `changes` to its declaration."""
    spec = TableSpec(
        name="orders",
        description="One row per order.",
        owner="team:sales",
        source=DistributionFile(distribution=DISTRIBUTION, path="orders.csv"),
        columns=(
            Column(
                name="id", type=ColumnType.INTEGER, description="Id.", nullable=False
            ),
            Column(
                name="customer",
                type=ColumnType.STRING,
                description="Who ordered.",
                personal=True,
            ),
            Column(name="amount", type=ColumnType.FLOAT, description="What it cost."),
            Column(
                name="ordered_at",
                type=ColumnType.TIMESTAMP,
                description="When.",
                nullable=False,
            ),
        ),
        key=("id",),
        partition_date="ordered_at::date",
        known_at="ordered_at",
        rules=(
            RowRule(
                name="amount_is_positive",
                broken_when="amount < 0",
                reason="the amount is negative",
            ),
        ),
        profile=False,
    )
    return spec.model_copy(update=changes)


def from_sql(**changes: object) -> TableSpec:
    """Orders of a database, merged; new ones are found by `ordered_at`."""
    source = SqlTable(url_variable="ORDERS_URL", table="orders", cursor="ordered_at")
    return orders(**{"source": source, "write": "merge", **changes})


def dropped(**changes: object) -> TableSpec:
    """Corrected orders that are dropped as files and merged into `orders`."""
    standard: dict[str, object] = {
        "name": "corrections",
        "source": FileInbox(folder="corrections", settle="PT0S"),
        "write": "merge",
        "merges_into": "orders",
        "known_at": None,
    }
    return orders(**{**standard, **changes})


def domain_of(*tables: TableSpec) -> Domain:
    """A domain of these tables, with the months of 2013."""
    return Domain(
        name="shop",
        title="Shop",
        description="Orders.",
        timezone="Europe/Vienna",
        partitions=Partitions(start=date(2013, 1, 1), end=date(2014, 1, 1)),
        replay=Replay(start=date(2013, 11, 1)),
        tables=tables,
        published=(),
        feature_views=(),
        spine=Spine(source="orders", key=("id",), cutoff="ordered_at", columns=()),
        models=(),
        reports=(),
    )


@dataclass(frozen=True)
class Shop:
    """A home with warehouse, control store and the files that sources read."""

    ingestion: Ingestion
    folder: Path

    @property
    def store(self) -> ControlStore:
        return self.ingestion.store

    @property
    def home(self) -> Path:
        return self.ingestion.settings.home

    @property
    def inbox(self) -> Path:
        folder = self.ingestion.settings.inbox_path / "corrections"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def offer(self, rows: Iterable[Row], header: Sequence[str] = COLUMNS) -> None:
        """Let the distribution's file hold these rows."""
        (self.folder / "orders.csv").write_text(csv_text(rows, header))

    def load(
        self,
        keys: Sequence[str] | None = None,
        *,
        table: str = "orders",
        at: datetime = NOW,
        now: datetime | None = None,
        run_id: str = "run",
    ) -> LoadResult:
        return self.ingestion.load(
            self.spec(table),
            keys,
            run_id=run_id,
            at=at,
            now=now or datetime.now(UTC),
        )

    def release(self, id: str) -> LoadResult:
        return self.ingestion.release(id, run_id="release", at=NOW)

    def spec(self, table: str) -> TableSpec:
        return next(t for t in self.ingestion.domain.tables if t.name == table)

    def declaring(self, *tables: TableSpec) -> "Shop":
        """The same home under other declarations."""
        changed = replace(self.ingestion, domain=domain_of(*tables))
        return replace(self, ingestion=changed)

    def rows(self, sql: str) -> list[tuple[Value, ...]]:
        with self.ingestion.warehouse.session() as session:
            return session.rows(sql)

    def ids(self, relation: str = "raw.orders") -> list[object]:
        return [row[0] for row in self.rows(f"select id from {relation} order by id")]


def open_shop(
    home: Path, *tables: TableSpec, environment: dict[str, str] | None = None
) -> Shop:
    """A new home; the folder `distribution` must be on the import path."""
    settings = Settings(home=home)
    migrate(settings.control_store_url)
    ingestion = Ingestion(
        settings=settings,
        domain=domain_of(*(tables or (orders(),))),
        warehouse=open_warehouse(settings),
        store=ControlStore.open(settings.control_store_url),
        environment=MappingProxyType(environment or {}),
    )
    return Shop(ingestion, make_distribution(home.parent / "distribution"))


def make_distribution(folder: Path) -> Path:
    """An installed distribution, as far as its metadata goes."""
    metadata = folder / "orders_data-1.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True, exist_ok=True)
    metadata.write_text(f"Metadata-Version: 2.1\nName: {DISTRIBUTION}\nVersion: 1\n")
    return folder


def csv_text(rows: Iterable[Row], header: Sequence[str] = COLUMNS) -> str:
    """Rows as CSV, None as nothing."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(["" if v is None else v for v in row] for row in rows)
    return text.getvalue()
