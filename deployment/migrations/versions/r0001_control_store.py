"""Releases and their ledger, verdicts, profiles, quarantine, inbox, outbox."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    "releases",
    "release_history",
    "ledger",
    "ledger_head",
    "verdicts",
    "profiles",
    "quarantine",
    "inbox",
    "outbox",
)
KEY = ["asset", "partition", "check_name"]

SQLITE_GUARDS = """
create trigger ledger_no_{verb} before {verb} on ledger
begin select raise(abort, 'the ledger is append-only'); end
"""
POSTGRES_GUARD = """
create function refuse_ledger_change() returns trigger language plpgsql as
$$ begin raise exception 'the ledger is append-only'; end $$;
create trigger ledger_no_change before update or delete on ledger
    for each row execute function refuse_ledger_change();
create trigger ledger_no_truncate before truncate on ledger
    for each statement execute function refuse_ledger_change();
"""


def upgrade() -> None:
    """Make every table, the ledger's first head and its guards."""
    _create_releases()
    _create_ledger()
    _create_verdicts()
    _create_profiles()
    _create_quarantine()
    _create_inbox()
    _create_outbox()
    _guard_ledger()


def downgrade() -> None:
    """Drop every table with all it holds."""
    for table in reversed(TABLES):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("drop function refuse_ledger_change()")


def _create_releases() -> None:
    op.create_table(
        "releases",
        _text("subject"),
        _text("version"),
        _text("previous", nullable=True),
        sa.Column("generation", sa.Integer, nullable=False),
        _instant("released_at"),
        sa.PrimaryKeyConstraint("subject", name="pk_releases"),
    )
    op.create_table(
        "release_history",
        _text("subject"),
        sa.Column("generation", sa.Integer, nullable=False, autoincrement=False),
        _text("version"),
        _text("previous", nullable=True),
        _instant("released_at"),
        sa.PrimaryKeyConstraint("subject", "generation", name="pk_release_history"),
    )


def _create_ledger() -> None:
    op.create_table(
        "ledger",
        _number("sequence", autoincrement=False),
        _instant("at"),
        _text("actor"),
        _text("action"),
        _text("subject"),
        sa.Column("details", sa.JSON, nullable=False),
        _text("previous_hash"),
        _text("hash"),
        sa.PrimaryKeyConstraint("sequence", name="pk_ledger"),
    )
    op.create_index("ix_ledger_subject", "ledger", ["subject"])
    head = op.create_table(
        "ledger_head",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=False),
        _number("sequence", autoincrement=False),
        _text("hash"),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_head"),
    )
    op.bulk_insert(head, [{"id": 1, "sequence": 0, "hash": "0" * 64}])


def _guard_ledger() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(POSTGRES_GUARD)
        return
    for verb in ("update", "delete"):
        op.execute(SQLITE_GUARDS.format(verb=verb))


def _create_verdicts() -> None:
    op.create_table(
        "verdicts",
        _number("id"),
        _text("asset"),
        _text("partition"),
        _text("check_name"),
        sa.Column("is_latest", sa.Boolean, nullable=False),
        sa.Column("passed", sa.Boolean, nullable=False),
        _text("severity"),
        sa.Column("blocking", sa.Boolean, nullable=False),
        sa.Column("failing_rows", sa.BigInteger, nullable=False),
        sa.Column("total_rows", sa.BigInteger, nullable=False),
        sa.Column("known_defect", sa.Boolean, nullable=False),
        _text("detail"),
        sa.Column("samples", sa.JSON, nullable=False),
        _text("run_id"),
        _instant("evaluated_at"),
        sa.PrimaryKeyConstraint("id", name="pk_verdicts"),
    )
    op.create_index("ix_verdicts_key", "verdicts", KEY)
    op.create_index(
        "uq_verdicts_latest",
        "verdicts",
        KEY,
        unique=True,
        sqlite_where=sa.text("is_latest = 1"),
        postgresql_where=sa.text("is_latest"),
    )


def _create_profiles() -> None:
    op.create_table(
        "profiles",
        _number("id"),
        _text("asset"),
        sa.Column("partitions", sa.JSON, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("columns", sa.JSON, nullable=False),
        _text("run_id"),
        _instant("profiled_at"),
        sa.PrimaryKeyConstraint("id", name="pk_profiles"),
    )
    op.create_index("ix_profiles_asset_id", "profiles", ["asset", "id"])


def _create_quarantine() -> None:
    op.create_table(
        "quarantine",
        _text("id"),
        _text("table"),
        _text("partition", nullable=True),
        _text("origin"),
        sa.Column("rows", sa.BigInteger, nullable=False),
        _text("reason"),
        _text("location"),
        _text("run_id"),
        _instant("created_at"),
        _instant("released_at", nullable=True),
        _instant("resolved_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_quarantine"),
    )
    op.create_index("ix_quarantine_table", "quarantine", ["table"])


def _create_inbox() -> None:
    op.create_table(
        "inbox",
        _number("id"),
        _text("path"),
        sa.Column("size", sa.BigInteger, nullable=False),
        _text("sha256"),
        _text("table"),
        _text("status"),
        _text("reason"),
        sa.Column("rows", sa.BigInteger, nullable=False),
        _text("run_id"),
        _instant("handled_at"),
        sa.PrimaryKeyConstraint("id", name="pk_inbox"),
        sa.UniqueConstraint("path", "size", "sha256", name="uq_inbox_path_size_sha256"),
    )
    op.create_index("ix_inbox_sha256", "inbox", ["sha256"])


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        _number("id"),
        _text("kind"),
        _text("dedupe_key"),
        sa.Column("payload", sa.JSON, nullable=False),
        _instant("created_at"),
        _instant("delivered_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint("dedupe_key", name="uq_outbox_dedupe_key"),
    )


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=nullable)


def _instant(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _number(name: str, *, autoincrement: bool = True) -> sa.Column[int]:
    # SQLite counts up only what is declared INTEGER.
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column(name, kind, nullable=False, autoincrement=autoincrement)
