"""The control store's tables, as the newest migration leaves them."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from analytics_platform.adapters.control_store.engine import UtcDateTime

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)

# SQLite counts up only what is declared INTEGER.
_NUMBER = BigInteger().with_variant(Integer(), "sqlite")


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


RELEASES = Table(
    "releases",
    METADATA,
    Column("subject", Text, primary_key=True),
    _text("version"),
    Column("previous", Text),
    Column("generation", Integer, nullable=False),
    Column("released_at", UtcDateTime, nullable=False),
)

RELEASE_HISTORY = Table(
    "release_history",
    METADATA,
    Column("subject", Text, primary_key=True),
    Column("generation", Integer, primary_key=True, autoincrement=False),
    _text("version"),
    Column("previous", Text),
    Column("released_at", UtcDateTime, nullable=False),
)

LEDGER = Table(
    "ledger",
    METADATA,
    Column("sequence", _NUMBER, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    _text("actor"),
    _text("action"),
    _text("subject"),
    Column("details", JSON, nullable=False),
    _text("previous_hash"),
    _text("hash"),
    Index("ix_ledger_subject", "subject"),
)

LEDGER_HEAD = Table(  # one row: without it, cutting off the newest rows would not show
    "ledger_head",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("sequence", _NUMBER, nullable=False),
    _text("hash"),
)

VERDICTS = Table(
    "verdicts",
    METADATA,
    Column("id", _NUMBER, primary_key=True),
    _text("asset"),
    _text("partition"),  # empty for an unpartitioned asset: null equals nothing
    _text("check_name"),
    Column("is_latest", Boolean, nullable=False),
    Column("passed", Boolean, nullable=False),
    _text("severity"),
    Column("blocking", Boolean, nullable=False),
    Column("failing_rows", BigInteger, nullable=False),
    Column("total_rows", BigInteger, nullable=False),
    Column("known_defect", Boolean, nullable=False),
    _text("detail"),
    Column("samples", JSON, nullable=False),
    _text("run_id"),
    Column("evaluated_at", UtcDateTime, nullable=False),
)
Index("ix_verdicts_key", *(VERDICTS.c[n] for n in ("asset", "partition", "check_name")))
Index(
    "uq_verdicts_latest",
    *(VERDICTS.c[n] for n in ("asset", "partition", "check_name")),
    unique=True,
    sqlite_where=text("is_latest = 1"),
    postgresql_where=text("is_latest"),
)

PROFILES = Table(
    "profiles",
    METADATA,
    Column("id", _NUMBER, primary_key=True),
    _text("asset"),
    Column("partitions", JSON, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("columns", JSON, nullable=False),
    _text("run_id"),
    Column("profiled_at", UtcDateTime, nullable=False),
    Index("ix_profiles_asset_id", "asset", "id"),
)

QUARANTINE = Table(
    "quarantine",
    METADATA,
    Column("id", Text, primary_key=True),
    _text("table"),
    Column("partition", Text),
    _text("origin"),
    Column("rows", BigInteger, nullable=False),
    _text("reason"),
    _text("location"),
    _text("run_id"),
    Column("created_at", UtcDateTime, nullable=False),
    Column("released_at", UtcDateTime),
    Column("resolved_at", UtcDateTime),
    Index("ix_quarantine_table", "table"),
)

INBOX = Table(
    "inbox",
    METADATA,
    Column("id", _NUMBER, primary_key=True),
    _text("path"),
    Column("size", BigInteger, nullable=False),
    _text("sha256"),
    _text("table"),
    _text("status"),
    _text("reason"),
    Column("rows", BigInteger, nullable=False),
    _text("run_id"),
    Column("handled_at", UtcDateTime, nullable=False),
    UniqueConstraint("path", "size", "sha256"),
    Index("ix_inbox_sha256", "sha256"),
)

OUTBOX = Table(
    "outbox",
    METADATA,
    Column("id", _NUMBER, primary_key=True),
    _text("kind"),
    Column("dedupe_key", Text, nullable=False, unique=True),
    Column("payload", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("delivered_at", UtcDateTime),
)

KEYS = Table(
    "keys",
    METADATA,
    Column("id", Text, primary_key=True),
    _text("owner"),
    _text("digest"),
    Column("roles", JSON, nullable=False),
    Column("channels", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
)

PREDICTIONS = Table(
    "predictions",
    METADATA,
    Column("prediction_id", Text, primary_key=True),
    _text("prediction"),
    _text("model"),
    _text("version"),
    Column("snapshot", Text),
    _text("event_id"),
    _text("key"),
    Column("event_ms", BigInteger, nullable=False),
    Column("value", Float, nullable=False),
    Column("unit", Text),
    _text("features_sha256"),
    Column("at", UtcDateTime, nullable=False),
    Index("ix_predictions_model_at", "model", "at"),
    Index("ix_predictions_event_id", "event_id"),
)

# What the stream keeps. Instants are milliseconds since 1970: these rows are written
# many times a second, by statements that know no types.

STREAM_CLUSTERS = Table(
    "stream_clusters",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("embedded", Boolean, nullable=False),
    Column("first_seen_ms", BigInteger, nullable=False),
    Column("last_seen_ms", BigInteger, nullable=False),
)

STREAM_WINDOWS = Table(
    "stream_windows",
    METADATA,
    Column("id", _NUMBER, primary_key=True),
    _text("cluster"),
    _text("topic"),
    _text("name"),
    _text("fingerprint"),
    Column("declared_ms", BigInteger, nullable=False),
    UniqueConstraint("cluster", "topic", "name", "fingerprint"),
)

STREAM_PARTITIONS = Table(
    "stream_partitions",
    METADATA,
    Column("id", _NUMBER, primary_key=True),
    _text("cluster"),
    _text("topic"),
    Column("partition", Integer, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("next_offset", BigInteger, nullable=False),  # -1: nothing read yet
    Column("sequence", BigInteger, nullable=False),  # of its last commit
    _text("owner"),
    Column("claimed_ms", BigInteger, nullable=False),
    UniqueConstraint("cluster", "topic", "partition"),
)

STREAM_JUMPS = Table(  # where reading went on elsewhere than it had stopped
    "stream_jumps",
    METADATA,
    Column("id", _NUMBER, primary_key=True),
    Column("partition_id", _NUMBER, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("from_offset", BigInteger, nullable=False),
    Column("to_offset", BigInteger, nullable=False),
    _text("reason"),
    Column("at_ms", BigInteger, nullable=False),
    Index("ix_stream_jumps_partition_id", "partition_id"),
)

STREAM_STATES = Table(  # of one window in one partition
    "stream_states",
    METADATA,
    Column("id", _NUMBER, primary_key=True),
    Column("window_id", _NUMBER, nullable=False),
    Column("partition_id", _NUMBER, nullable=False),
    Column("from_offset", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("retired_ms", BigInteger),
    Column("retired_reason", Text),
    Index("ix_stream_states_partition_id", "partition_id"),
)
Index(
    "uq_stream_states_active",
    STREAM_STATES.c.window_id,
    STREAM_STATES.c.partition_id,
    unique=True,
    sqlite_where=text("retired_ms is null"),
    postgresql_where=text("retired_ms is null"),
)

STREAM_SNAPSHOTS = Table(
    "stream_snapshots",
    METADATA,
    Column("state_id", _NUMBER, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

STREAM_DELTAS = Table(
    "stream_deltas",
    METADATA,
    Column("state_id", _NUMBER, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("bytes", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

STREAM_RESULTS = Table(  # each body holds many rows: core/live_results.py
    "stream_results",
    METADATA,
    Column("partition_id", _NUMBER, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    Column("window_id", _NUMBER, nullable=False),
    _text("kind"),
    Column("rows", BigInteger, nullable=False),
    Column("first_start_ms", BigInteger, nullable=False),
    Column("last_start_ms", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("ix_stream_results_window_id_last_start_ms", "window_id", "last_start_ms"),
)

STREAM_OUTPUTS = Table(  # committed, and still to be sent
    "stream_outputs",
    METADATA,
    Column("partition_id", _NUMBER, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    _text("kind"),
    Column("messages", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
