"""The hash of a dbt project's files changes when one of them does, wherever it lies."""

from pathlib import Path

import pytest

from analytics_platform.adapters.dbt_files import files_digest
from analytics_platform.errors import NotFound


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a model and, outside of it, a macro that it shares."""
    folder = tmp_path / "projects" / "shop"
    (folder / "models").mkdir(parents=True)
    (folder / "models/orders.sql").write_text("select 1")
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/money.sql").write_text("{% macro money() %}{% endmacro %}")
    (folder / "dbt_project.yml").write_text(
        "name: shop\nmodel-paths: [models]\nmacro-paths: [macros, ../../shared]\n"
    )
    return folder


def test_equal_files_give_an_equal_hash(project: Path) -> None:
    assert files_digest(project, "dbt 1") == files_digest(project, "dbt 1")
    assert files_digest(project, "dbt 1") != files_digest(project, "dbt 2")


@pytest.mark.parametrize(
    "changed", ["models/orders.sql", "models/new.yml", "../../shared/money.sql"]
)
def test_a_changed_file_changes_the_hash(project: Path, changed: str) -> None:
    before = files_digest(project, "")
    with (project / changed).open("a") as file:
        file.write(" ")
    assert files_digest(project, "") != before


def test_what_dbt_writes_is_no_part_of_the_project(project: Path) -> None:
    before = files_digest(project, "")
    (project / "target").mkdir()
    (project / "target/compiled.sql").write_text("select 1")
    assert files_digest(project, "") == before


def test_a_project_file_that_cannot_be_read_is_left_to_dbt(project: Path) -> None:
    (project / "dbt_project.yml").write_text("name: [")
    assert files_digest(project, "")


def test_a_folder_without_a_project_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no dbt project"):
        files_digest(tmp_path, "")
