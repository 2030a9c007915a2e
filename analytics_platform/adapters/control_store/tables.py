"""The control store's tables, as the newest migration leaves them."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
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
