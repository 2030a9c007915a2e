"""Settings come from the environment, and every problem is told at once."""

import sys
from pathlib import Path

import pytest

from analytics_platform.cli.main import main
from analytics_platform.errors import InvalidConfiguration
from analytics_platform.settings import known_names, load_settings


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in known_names():
        monkeypatch.delenv(name, raising=False)


def test_everything_written_at_run_time_is_under_the_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ANALYTICS_HOME", str(tmp_path))
    settings = load_settings(None)
    assert settings.artifacts_url == str(tmp_path / "artifacts")
    assert settings.inbox_path == tmp_path / "inbox"
    assert settings.control_store_url == f"sqlite:///{tmp_path}/control.sqlite"
    assert settings.stream_state_url == f"sqlite:///{tmp_path}/stream.sqlite"
    assert settings.duckdb_path == tmp_path / "warehouse.duckdb"
    assert settings.mlflow_tracking_uri.startswith(f"sqlite:///{tmp_path}/")


def test_the_streams_state_goes_where_the_control_store_is_unless_said_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = "postgresql+psycopg2://me@host/platform"
    monkeypatch.setenv("ANALYTICS_CONTROL_STORE", server)
    assert load_settings(None).stream_state_url == server
    monkeypatch.setenv("ANALYTICS_STREAMING__STATE", "sqlite:///elsewhere.sqlite")
    assert load_settings(None).stream_state_url == "sqlite:///elsewhere.sqlite"


def test_every_problem_is_listed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANALYTICS_WAREHOUSE__THREADS", "0")
    monkeypatch.setenv("ANALYTICS_CLOCK", "tomorrow")
    monkeypatch.setenv("ANALYTICS_HOEM", "var")
    with pytest.raises(InvalidConfiguration) as caught:
        load_settings(None)
    assert len(caught.value.problems) == 3
    text = str(caught.value)
    assert "ANALYTICS_HOEM: unknown setting" in text
    assert "ANALYTICS_WAREHOUSE__THREADS" in text
    assert "got 'tomorrow'" in text


def test_a_command_with_settings_that_cannot_be_used_ends_with_two(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ANALYTICS_HOEM", "var")
    monkeypatch.setattr(sys, "argv", ["analytics", "keys", "list"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == InvalidConfiguration.exit_code == 2
    assert "ANALYTICS_HOEM: unknown setting" in capsys.readouterr().err


def test_an_unknown_key_of_a_group_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANALYTICS_PORTS__DAGSTR", "3000")
    with pytest.raises(InvalidConfiguration, match="ANALYTICS_PORTS__DAGSTR"):
        load_settings(None)


def test_a_server_warehouse_needs_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANALYTICS_WAREHOUSE__KIND", "postgres")
    with pytest.raises(InvalidConfiguration, match=r"warehouse\.url"):
        load_settings(None)


def test_the_environment_wins_over_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / ".env"
    file.write_text(
        "DAGSTER_HOME=/somewhere\nANALYTICS_LOGS__LEVEL=ERROR\n"
        "ANALYTICS_PORTS__DAGSTER=3333\n"
    )
    monkeypatch.setenv("ANALYTICS_LOGS__LEVEL", "DEBUG")
    settings = load_settings(file)
    assert (settings.logs.level, settings.ports.dagster) == ("DEBUG", 3333)


def test_an_unknown_key_in_the_file_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("ANALYTICS_NOPE=1\n")
    with pytest.raises(InvalidConfiguration, match="ANALYTICS_NOPE"):
        load_settings(file)


def test_a_password_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANALYTICS_CONTROL_STORE", "postgresql://u:hunter2@h/d")
    settings = load_settings(None)
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in settings.model_dump_json()


def test_every_setting_has_a_description() -> None:
    assert [name for name, text in known_names().items() if len(text) < 10] == []
