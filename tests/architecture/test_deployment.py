"""What starts the platform, here and on servers, says the same."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from dotenv import dotenv_values

from analytics_platform.settings import load_settings
from tests.support.repository import ROOT

INSTANCES = ("dagster.yaml", "deployment/dagster.yaml")
TELEMETRY_OFF = {
    "DAGSTER_DISABLE_TELEMETRY": "yes",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "BENTOML_DO_NOT_TRACK": "True",  # "1" is ignored
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "GX_ANALYTICS_ENABLED": "false",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
}


def _yaml(path: str) -> dict[str, Any]:
    loaded = yaml.safe_load((ROOT / path).read_text())
    assert isinstance(loaded, dict)
    return loaded


@pytest.mark.parametrize("path", INSTANCES)
def test_dagster_accepts_the_instance_file(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dagster._core.instance.config import dagster_instance_config

    monkeypatch.setenv("DAGSTER_STORAGE", "storage")
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", "postgresql://localhost/dagster")
    file = ROOT / path
    config, _ = dagster_instance_config(str(file.parent), file.name)
    assert config["concurrency"]["pools"]["default_limit"] == 1
    assert config["run_monitoring"]["enabled"] is True
    assert config["python_logs"]["managed_python_loggers"] == ["analytics_platform"]
    assert config["telemetry"]["enabled"] is False
    assert config["nux"]["enabled"] is False


def test_the_instances_differ_in_storage_and_number_of_runs_only() -> None:
    local, server = map(_yaml, INSTANCES)
    for instance in (local, server):
        del instance["storage"], instance["concurrency"]["runs"]
    assert local == server


@pytest.mark.parametrize("path", INSTANCES)
def test_everything_an_instance_writes_to_disk_is_in_its_storage(path: str) -> None:
    places = [
        value
        for value in _values_of("base_dir", _yaml(path))
        if value != {"env": "DAGSTER_STORAGE"}
    ]
    assert places == []


def test_install_writes_an_environment_that_is_accepted(tmp_path: Path) -> None:
    command = ["make", "-s", "-C", str(tmp_path), "-f", str(ROOT / "Makefile"), ".env"]
    subprocess.run(command, capture_output=True, check=True)
    written = dotenv_values(tmp_path / ".env")
    assert written == TELEMETRY_OFF | {
        "ANALYTICS_HOME": f"{tmp_path}/var",
        "DAGSTER_HOME": str(tmp_path),
        "DAGSTER_STORAGE": f"{tmp_path}/var/dagster",
    }


def test_other_programs_variables_in_the_environment_file_are_no_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANALYTICS_HOME", raising=False)
    file = tmp_path / ".env"
    file.write_text(f"ANALYTICS_HOME={tmp_path}\nDAGSTER_HOME=/elsewhere\n")
    assert load_settings(file).home == tmp_path


def test_the_image_reports_its_use_to_nobody() -> None:
    image = (ROOT / "deployment/batch.Dockerfile").read_text()
    missing = [
        name for name, value in TELEMETRY_OFF.items() if f"{name}={value}" not in image
    ]
    assert missing == []


def test_the_image_runs_as_nobody_special_and_installs_by_hash() -> None:
    image = (ROOT / "deployment/batch.Dockerfile").read_text()
    assert "\nUSER platform\n" in image
    assert image.count("--require-hashes") == 2


def test_compose_has_no_default_password_and_opens_nothing_to_the_network() -> None:
    text = (ROOT / "deployment/compose.yaml").read_text()
    assert "${POSTGRES_PASSWORD:?" in text
    for service in _yaml("deployment/compose.yaml")["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_the_locations_are_the_same_code() -> None:
    local = _yaml("workspace.yaml")["load_from"][0]["python_module"]
    server = _yaml("deployment/workspace.yaml")["load_from"][0]["grpc_server"]
    image = (ROOT / "deployment/batch.Dockerfile").read_text()
    assert local["location_name"] == server["location_name"]
    assert f'"-m", "{local["module_name"]}"' in image


def _values_of(key: str, tree: object) -> list[object]:
    """Every value under `key`, however deep."""
    if isinstance(tree, list):
        return [value for item in tree for value in _values_of(key, item)]
    if not isinstance(tree, dict):
        return []
    found = [tree[key]] if key in tree else []
    return found + [v for item in tree.values() for v in _values_of(key, item)]
