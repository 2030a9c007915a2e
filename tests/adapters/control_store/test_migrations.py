"""Migrations of the control store, up and down, on both databases."""

import multiprocessing
import shutil
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from analytics_platform.adapters.control_store import migrations
from analytics_platform.adapters.control_store.engine import open_engine
from analytics_platform.adapters.control_store.facade import ControlStore
from analytics_platform.adapters.control_store.ledger import Note
from analytics_platform.adapters.control_store.tables import METADATA
from analytics_platform.errors import NotFound, Unavailable
from tests.support.instants import at

SPAWN = multiprocessing.get_context("spawn")


def tables(url: str) -> set[str]:
    engine = open_engine(url)
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def test_there_is_one_newest_revision() -> None:
    assert len(ScriptDirectory(str(migrations.MIGRATIONS)).get_heads()) == 1


def test_up_down_and_up_again(empty_url: str) -> None:
    assert migrations.revision(empty_url) is None
    migrations.migrate(empty_url)
    assert migrations.revision(empty_url) == migrations.head()
    assert tables(empty_url) == {*METADATA.tables, "alembic_version"}
    migrations.rollback(empty_url, "base")
    assert migrations.revision(empty_url) is None
    assert tables(empty_url) == {"alembic_version"}
    migrations.migrate(empty_url)
    store = ControlStore.open(empty_url)
    store.ledger.append("snapshot", Note("ada", "publish", {}, at(0)))
    assert store.ledger.verify() == 1
    store.close()


def test_every_step_down_can_be_taken_alone(url: str) -> None:
    while migrations.revision(url) is not None:
        before = migrations.revision(url)
        migrations.rollback(url, "-1")
        assert migrations.revision(url) != before


def test_migrating_twice_changes_nothing(url: str) -> None:
    store = ControlStore.open(url)
    store.ledger.append("snapshot", Note("ada", "publish", {}, at(0)))
    migrations.migrate(url)
    assert store.ledger.verify() == 1
    store.close()


def test_the_migrated_tables_are_the_declared_ones(url: str) -> None:
    engine = open_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, METADATA) == []
    engine.dispose()


def test_processes_migrating_at_once_take_turns(empty_url: str) -> None:
    workers = [
        SPAWN.Process(target=migrations.migrate, args=(empty_url,)) for _ in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 3
    assert migrations.revision(empty_url) == migrations.head()


def test_a_store_that_was_never_migrated_says_what_to_do(empty_url: str) -> None:
    store = ControlStore.open(empty_url)
    with pytest.raises(NotFound, match="make migrate-upgrade"):
        store.releases.current("snapshot")
    store.close()


def test_a_migration_that_fails_leaves_everything_as_it_was(
    empty_url: str,
) -> None:
    # A table in the way of one that is made half-way through.
    engine = open_engine(empty_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("create table verdicts (id integer)")
    with pytest.raises(Exception, match="already exists"):
        migrations.migrate(empty_url)
    assert tables(empty_url) - {"alembic_version"} == {"verdicts"}
    with engine.begin() as connection:
        connection.exec_driver_sql("drop table verdicts")
    engine.dispose()
    migrations.migrate(empty_url)
    assert migrations.revision(empty_url) == migrations.head()


def test_a_new_migration_holds_the_difference_to_the_declared_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "deployment" / "migrations"
    shutil.copytree(migrations.MIGRATIONS, copy)
    monkeypatch.setattr(migrations, "MIGRATIONS", copy)
    url = f"sqlite:///{tmp_path / 'control.sqlite'}"
    newest = migrations.head()
    migrations.migrate(url)
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("drop table profiles")
    engine.dispose()
    made = migrations.create(url, "bring profiles back")
    assert made.name == f"r{int(newest or 0) + 1:04d}_bring_profiles_back.py"
    content = made.read_text()
    assert "create_table('profiles'" in content
    assert f"down_revision = '{newest}'" in content


def test_a_server_that_is_not_there_is_unavailable() -> None:
    store = ControlStore.open("postgresql+psycopg2://nobody:secret@127.0.0.1:1/none")
    with pytest.raises(Unavailable) as caught:
        store.releases.current("snapshot")
    assert "secret" not in str(caught.value)
