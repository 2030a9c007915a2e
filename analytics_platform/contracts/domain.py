"""The declarations a domain makes; everything the platform does follows from them."""

from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Declaration(BaseModel):
    """Base of all declarations: immutable, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ColumnType(StrEnum):
    """Logical column types, the same in every warehouse."""

    STRING = "string"
    INTEGER = "integer"
    FLOAT = "float"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"  # an instant, stored as naive UTC


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
    DistributionFile | SqlTable | RestEndpoint | FileInbox, Field(discriminator="kind")
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
    """

    name: str
    type: str
    arguments: dict[str, object] = {}
    severity: Severity = Severity.ERROR
    blocking: bool = True
    description: str
    expected_failure_rate: float | None = Field(None, ge=0, le=1)
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
        source: dbt relation the features are computed from, such as `fct_flights`.
        event_time, knowledge_time: its columns: when it happened, when it was known.
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
    where: str | None = None
    ttl: timedelta
    features: tuple[FeatureSpec, ...]


class Spine(Declaration):
    """The rows to predict: one per key, each with the instant of its prediction.

    `columns` are known at the cut-off and used as features as they are; of these,
    `categorical` are category codes. `cutoff` is the column of the prediction instant.
    """

    source: str
    key: tuple[str, ...]
    cutoff: str
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
    (such as a cancelled flight) are not trained on. `leaks` names columns that are
    known only after the cut-off and must never be an input. `baseline_by` are the
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
    parameters: dict[str, float | int | str] = {}


class ReportSection(Declaration):
    """A part of a report: a chart and a table of one metric query or one relation.

    Either `metrics` with `group_by` (answered by the semantic layer) or `relation`
    (a published table, `columns` of it, ordered by `order_by`).
    """

    title: str
    text: str
    metrics: tuple[str, ...] = ()
    group_by: tuple[str, ...] = ()
    relation: str | None = None
    columns: tuple[str, ...] = ()
    order_by: str | None = None
    chart: Literal["line", "bar", "heatmap", "none"] = "line"
    limit: int = 20


class ReportSpec(Declaration):
    """A report: its title and sections; model and data quality are always added."""

    name: str
    title: str
    description: str
    owner: str
    sections: tuple[ReportSection, ...]


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
