"""The declarations a domain makes; everything the platform does follows from them."""

from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from analytics_platform.contracts.declaration import ColumnType as ColumnType  # noqa: PLC0414
from analytics_platform.contracts.declaration import Declaration as Declaration  # noqa: PLC0414
from analytics_platform.contracts.streams import EventStream, LivePrediction, LiveWindow


class Column(Declaration):
    """One column of a table, as it must arrive."""

    name: str
    type: ColumnType
    description: str
    unit: str | None = None
    nullable: bool = True
    personal: bool = False  # masked wherever samples are shown


class DistributionFile(Declaration):
    """A CSV file (zipped or not) inside an installed Python distribution."""

    kind: Literal["distribution"] = "distribution"
    distribution: str
    path: str
    null_text: str = ""


class PackageFile(Declaration):
    """A CSV file (zipped or not) inside an importable package, such as the domain's."""

    kind: Literal["package"] = "package"
    package: str
    path: str
    null_text: str = ""


class SqlTable(Declaration):
    """A table of a database; new and changed rows are found by an increasing cursor.

    `url_variable` names the environment variable that holds the SQLAlchemy URL.
    """

    kind: Literal["sql"] = "sql"
    url_variable: str
    table: str
    cursor: str
    page_rows: int = Field(50_000, ge=1)


class RestEndpoint(Declaration):
    """A JSON endpoint, read page by page.

    Each page is an object: rows under `rows_field`, the next page's token under
    `next_field` (null at the end), sent back as the query parameter `page_parameter`.
    """

    kind: Literal["rest"] = "rest"
    url_variable: str
    path: str
    rows_field: str = "data"
    next_field: str = "next"
    page_parameter: str = "page"
    token_variable: str | None = None
    timeout: timedelta = timedelta(seconds=10)
    attempts: int = Field(6, ge=1)


class FileInbox(Declaration):
    """Files dropped into a folder of the inbox (CSV, Parquet, JSON lines)."""

    kind: Literal["inbox"] = "inbox"
    folder: str
    null_text: str = ""
    settle: timedelta = timedelta(seconds=2)  # unchanged this long: fully written


Source = Annotated[
    DistributionFile | PackageFile | SqlTable | RestEndpoint | FileInbox,
    Field(discriminator="kind"),
]


class Severity(StrEnum):
    """What a failed check means: an error is red, a warning is not."""

    ERROR = "error"
    WARN = "warn"


class Expectation(Declaration):
    """One Great Expectations expectation, shown as one named check.

    `type` is GX's snake_case name, `arguments` its parameters. `expected_failure_rate`
    documents a known defect of the data: the share of rows (0 to 1) that fail, and
    `because` its reason; a result at that rate is "expected by the data", else "new".
    `expected_failure_rate_max` is the highest share that a single partition reaches.
    """

    name: str
    type: str
    arguments: dict[str, object] = Field({})
    severity: Severity = Severity.ERROR
    blocking: bool = True
    description: str
    expected_failure_rate: float | None = Field(None, ge=0, le=1)
    expected_failure_rate_max: float | None = Field(None, ge=0, le=1)
    because: str | None = None


class RowRule(Declaration):
    """A rule that each arriving row must keep; rows that break it are quarantined.

    `broken_when` is a DuckDB predicate over the table's columns.
    """

    name: str
    broken_when: str
    reason: str


class Partitions(Declaration):
    """The time partitions of a domain. Keys are the start dates, as `2013-01-01`."""

    grain: Literal["day", "week", "month"] = "month"
    start: date
    end: date  # exclusive


class TableSpec(Declaration):
    """A table to ingest: `raw.<name>` in the warehouse.

    `key` identifies a row. A partitioned table has `partition_date`, a DuckDB
    expression over its columns that gives the date whose partition holds the row.
    `known_at` (DuckDB expression giving a naive UTC timestamp) says when a row became
    known; a replay reveals it then. `merge`: arriving rows replace rows of equal key;
    `replace`: they replace the whole partition (or the whole table).
    `merges_into` names another table into which the rows are merged as corrections.
    """

    name: str
    description: str
    owner: str
    source: Source
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    write: Literal["merge", "replace"] = "replace"
    partition_date: str | None = None
    known_at: str | None = None
    merges_into: str | None = None
    rules: tuple[RowRule, ...] = ()
    expectations: tuple[Expectation, ...] = ()
    fresh_within: timedelta = timedelta(days=2)
    profile: bool = True


class ModelCheck(Declaration):
    """Expectations on a dbt model, beside the tests dbt itself declares."""

    model: str
    expectations: tuple[Expectation, ...]


class Aggregate(StrEnum):
    """How a feature condenses the rows of its window."""

    COUNT = "count"
    SUM = "sum"
    MEAN = "mean"
    MIN = "min"
    MAX = "max"
    LATEST = "latest"


class FeatureSpec(Declaration):
    """One feature: an aggregate of an expression over a window before the cut-off.

    The window holds the rows of the entity with event time in
    (cut-off - lag - length, cut-off - lag] whose knowledge time is <= the cut-off
    (both bounds are those of the spine row). `expression` and `filter` are in the
    allow-listed subset of core/expressions. No row in the window gives null, except
    count, which gives 0.

    Rows whose expression is null do not count, for any aggregate. `latest` is the
    value at the greatest event time; of equal ones at the greatest knowledge time, and
    of equal ones again the greatest value. `sum` and `mean` of whole numbers are exact
    up to 2^53; other numbers are added as decimals with nine places (below 1e20), so
    that the order of rows never matters.
    """

    name: str
    description: str
    aggregate: Aggregate
    expression: str
    filter: str | None = None
    length: timedelta
    lag: timedelta = timedelta(0)
    unit: str | None = None


class FeatureView(Declaration):
    """Features of one entity from one table, point-in-time correct.

    Attributes:
        entity: columns that identify the entity, named alike in `source` and spine.
        spine_entity: the spine's names for them, where they differ.
        source: dbt relation the features are computed from, such as
            `staging.stg_weather`; without a schema it is a mart.
        event_time, knowledge_time: its columns: when it happened, when it was known.
        known_after: added to `knowledge_time` where it is known only that much later.
        skew: how much further back than lag and length the partition of a needed row
            may lie, such as by time zones, events that take long, predictions ahead.
        where: rows of the source to consider, in the expression subset.
        ttl: how long a served value stays valid.
    """

    name: str
    description: str
    owner: str
    entity: tuple[str, ...]
    spine_entity: tuple[str, ...] = ()
    source: str
    event_time: str
    knowledge_time: str
    known_after: timedelta = timedelta(0)
    skew: timedelta = timedelta(days=2)
    where: str | None = None
    ttl: timedelta
    features: tuple[FeatureSpec, ...]


class Spine(Declaration):
    """The rows to predict: one per key, each with the instant of its prediction.

    `columns` are known at the cut-off and used as features as they are; of these,
    `categorical` are category codes. The prediction is made `ahead` of the instant in
    the column `cutoff`; `known_at` (where outcomes come later) is the column of the
    instant the outcome was known.
    """

    source: str
    key: tuple[str, ...]
    cutoff: str
    ahead: timedelta = timedelta(0)
    known_at: str | None = None
    partition_date: str = "partition_date"
    columns: tuple[str, ...]
    categorical: tuple[str, ...] = ()


class Slice(Declaration):
    """A column by whose values a model's quality is also judged."""

    column: str
    minimum_rows: int = 500


class ModelSpec(Declaration):
    """A model to train and promote.

    `target` is an expression over the spine's source; rows for which it is null
    (such as an order never delivered) are not trained on. `leaks` names columns known
    only after the cut-off and must never be an input. `baseline_by` are the
    spine columns of the history baseline. `worse_by` is the relative loss by which a
    slice may be worse than the champion's before the gate refuses.
    """

    name: str
    description: str
    owner: str
    task: Literal["regression", "classification"]
    target: str
    unit: str | None = None
    views: tuple[str, ...]
    leaks: tuple[str, ...]
    baseline_by: tuple[str, ...]
    slices: tuple[Slice, ...] = ()
    holdout: timedelta
    worse_by: float = Field(0.05, ge=0)
    parameters: dict[str, float | int | str] = Field({})


class ReportField(Declaration):
    """How a metric or a column is shown in a report, whichever section it is in.

    `better` says which direction is good news; without it a change is neither.
    `labels` are words for values, such as `{"1": "Mon"}`.
    """

    name: str
    title: str
    style: Literal["text", "integer", "number", "percent", "date", "instant"] = "number"
    unit: str | None = None
    decimals: int = Field(1, ge=0, le=6)
    better: Literal["lower", "higher"] | None = None
    labels: dict[str, str] = Field({})


class ReportSection(Declaration):
    """A part of a report: a chart and a table of one metric query or one relation.

    Either `metrics` with `group_by` (answered by the semantic layer) or `relation`
    (a published table, `columns` of it, ordered by `order_by`). `where` is a DuckDB
    predicate over the columns of that result. The chart puts the first grouping on
    x, the second (if any) on y for a heatmap and on colour otherwise, and draws one
    panel per value; `plotted` names the values to draw, all of them if empty.
    `smooth` adds the trailing mean of that many points to a line.
    """

    title: str
    text: str
    metrics: tuple[str, ...] = ()
    group_by: tuple[str, ...] = ()
    relation: str | None = None
    columns: tuple[str, ...] = ()
    order_by: str | None = None
    descending: bool = False
    where: str | None = None
    chart: Literal["line", "bar", "heatmap", "none"] = "line"
    plotted: tuple[str, ...] = ()
    smooth: int = Field(0, ge=0)
    limit: int = 20


class ReportSpec(Declaration):
    """A report: its title and sections; model and data quality are always added.

    `headlines` are metrics shown on top for the last `period` of data, each with its
    change from the period before. `time` is the semantic layer's day dimension.
    """

    name: str
    title: str
    description: str
    owner: str
    sections: tuple[ReportSection, ...]
    headlines: tuple[str, ...] = ()
    period: timedelta = timedelta(days=28)
    time: str = "metric_time__day"
    fields: tuple[ReportField, ...] = ()


class Replay(Declaration):
    """The replay `analytics up` starts: history before `start` is loaded at once."""

    start: date
    speed: float = 600.0


class Domain(Declaration):
    """Everything the platform knows of one domain."""

    name: str
    title: str
    description: str
    timezone: str
    partitions: Partitions
    replay: Replay
    tables: tuple[TableSpec, ...]
    model_checks: tuple[ModelCheck, ...] = ()
    published: tuple[str, ...]
    feature_views: tuple[FeatureView, ...]
    spine: Spine
    models: tuple[ModelSpec, ...]
    reports: tuple[ReportSpec, ...]
    streams: tuple[EventStream, ...] = ()
    live_windows: tuple[LiveWindow, ...] = ()
    live_predictions: tuple[LivePrediction, ...] = ()
