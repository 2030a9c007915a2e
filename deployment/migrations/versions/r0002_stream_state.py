"""What the stream keeps: clusters, ownership, state logs, results, outputs."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = (
    "stream_clusters",
    "stream_windows",
    "stream_partitions",
    "stream_jumps",
    "stream_states",
    "stream_snapshots",
    "stream_deltas",
    "stream_results",
    "stream_outputs",
)
IS_ACTIVE = sa.text("retired_ms is null")


def upgrade() -> None:
    """Make every table."""
    _create_sources()
    _create_jumps()
    _create_states()
    _create_state_log()
    _create_results()
    _create_outputs()


def downgrade() -> None:
    """Drop every table with all it holds."""
    for table in reversed(TABLES):
        op.drop_table(table)


def _create_sources() -> None:
    op.create_table(
        "stream_clusters",
        _text("id"),
        sa.Column("embedded", sa.Boolean, nullable=False),
        _big("first_seen_ms"),
        _big("last_seen_ms"),
        sa.PrimaryKeyConstraint("id", name="pk_stream_clusters"),
    )
    op.create_table(
        "stream_windows",
        _number("id"),
        *(_text(name) for name in ("cluster", "topic", "name", "fingerprint")),
        _big("declared_ms"),
        sa.PrimaryKeyConstraint("id", name="pk_stream_windows"),
        sa.UniqueConstraint(
            *("cluster", "topic", "name", "fingerprint"),
            name="uq_stream_windows_cluster_topic_name_fingerprint",
        ),
    )
    op.create_table(
        "stream_partitions",
        _number("id"),
        _text("cluster"),
        _text("topic"),
        sa.Column("partition", sa.Integer, nullable=False),
        *(_big(name) for name in ("epoch", "next_offset", "sequence")),
        _text("owner"),
        _big("claimed_ms"),
        sa.PrimaryKeyConstraint("id", name="pk_stream_partitions"),
        sa.UniqueConstraint(
            *("cluster", "topic", "partition"),
            name="uq_stream_partitions_cluster_topic_partition",
        ),
    )


def _create_jumps() -> None:
    op.create_table(
        "stream_jumps",
        _number("id"),
        _number("partition_id"),
        *(_big(name) for name in ("epoch", "from_offset", "to_offset")),
        _text("reason"),
        _big("at_ms"),
        sa.PrimaryKeyConstraint("id", name="pk_stream_jumps"),
    )
    op.create_index("ix_stream_jumps_partition_id", "stream_jumps", ["partition_id"])


def _create_states() -> None:
    op.create_table(
        "stream_states",
        _number("id"),
        _number("window_id"),
        _number("partition_id"),
        _big("from_offset"),
        _big("created_ms"),
        sa.Column("retired_ms", sa.BigInteger),
        sa.Column("retired_reason", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_stream_states"),
    )
    op.create_index("ix_stream_states_partition_id", "stream_states", ["partition_id"])
    op.create_index(
        "uq_stream_states_active",
        "stream_states",
        ["window_id", "partition_id"],
        unique=True,
        sqlite_where=IS_ACTIVE,
        postgresql_where=IS_ACTIVE,
    )


def _create_state_log() -> None:
    op.create_table(
        "stream_snapshots",
        _number("state_id", autoincrement=False),
        _big("sequence"),
        _big("bytes"),
        _body(),
        sa.PrimaryKeyConstraint("state_id", name="pk_stream_snapshots"),
    )
    op.create_table(
        "stream_deltas",
        _number("state_id", autoincrement=False),
        _big("sequence", autoincrement=False),
        _big("bytes"),
        _body(),
        sa.PrimaryKeyConstraint("state_id", "sequence", name="pk_stream_deltas"),
    )


def _create_results() -> None:
    op.create_table(
        "stream_results",
        *_position(),
        _number("window_id"),
        _text("kind"),
        *(_big(name) for name in ("rows", "first_start_ms", "last_start_ms")),
        _big("created_ms"),
        _big("bytes"),
        _body(),
        sa.PrimaryKeyConstraint(
            *("partition_id", "sequence", "ordinal"), name="pk_stream_results"
        ),
    )
    op.create_index(
        "ix_stream_results_window_id_last_start_ms",
        "stream_results",
        ["window_id", "last_start_ms"],
    )


def _create_outputs() -> None:
    op.create_table(
        "stream_outputs",
        *_position(),
        _text("kind"),
        _big("messages"),
        _big("bytes"),
        _body(),
        sa.PrimaryKeyConstraint(
            *("partition_id", "sequence", "ordinal"), name="pk_stream_outputs"
        ),
    )


def _position() -> tuple[sa.Column[int], ...]:
    return (
        _number("partition_id", autoincrement=False),
        _big("sequence", autoincrement=False),
        sa.Column("ordinal", sa.Integer, nullable=False, autoincrement=False),
    )


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _big(name: str, *, autoincrement: bool = True) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, autoincrement=autoincrement)


def _body() -> sa.Column[bytes]:
    return sa.Column("body", sa.LargeBinary, nullable=False)


def _number(name: str, *, autoincrement: bool = True) -> sa.Column[int]:
    # SQLite counts up only what is declared INTEGER.
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column(name, kind, nullable=False, autoincrement=autoincrement)
