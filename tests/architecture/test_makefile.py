"""Every task that the documentation names is a target, and can be planned."""

import re
import subprocess

import pytest

from tests.support.repository import ROOT, text

MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = (
    *("install", "dev-install", "up", "down", "materialize", "bench-batch"),
    *("bench-checkpoints", "bench-push"),
    *("kafka", "kafka-assemble"),
    *("test", "test-unit", "test-system", "lint", "format", "type-check", "ci"),
    *("clean", "lock", "add", "remove", "docs", "help", "installable"),
    *("migrate-create", "migrate-upgrade", "migrate-downgrade"),
)
TELEMETRY_OFF = {
    "DAGSTER_DISABLE_TELEMETRY": "yes",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "BENTOML_DO_NOT_TRACK": "True",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GX_ANALYTICS_ENABLED": "false",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
}


def _make(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["make", *arguments], cwd=ROOT, capture_output=True, check=False, text=True
    )


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_can_be_planned(target: str) -> None:
    planned = _make("-n", target, "PKG=example", "MESSAGE=example")
    assert planned.returncode == 0, planned.stderr


def test_help_lists_every_target() -> None:
    shown = _make("help").stdout
    assert [target for target in TARGETS if f"  {target} " not in shown] == []


@pytest.mark.parametrize("target", ["add", "remove", "migrate-create"])
def test_a_target_says_what_it_lacks(target: str) -> None:
    refused = _make("-n", target)
    assert refused.returncode != 0
    assert f"make {target}" in refused.stderr


@pytest.mark.parametrize("name", TELEMETRY_OFF)
def test_no_recipe_reports_its_use(name: str) -> None:
    assert f"export {name} := {TELEMETRY_OFF[name]}\n" in MAKEFILE


def test_ci_runs_every_check_and_ends_with_the_tests() -> None:
    plan = re.search(r"^ci: (.*?) ##", MAKEFILE, re.MULTILINE)
    assert plan
    checks = plan[1].split()
    assert checks[-1] == "test"
    assert {"lint", "format-check", "type-check", "import-check"} <= set(checks)
    assert "make ci" in (ROOT / ".ci/run").read_text().splitlines()[-1]


@pytest.mark.parametrize(
    "path", [".pre-commit-config.yaml", ".github/workflows/ci.yml", "README.md"]
)
def test_only_targets_that_exist_are_called(path: str) -> None:
    call = r"(?:`|^|run: |entry: )make ([a-z]+(?:-[a-z]+)*)"
    called = set(re.findall(call, text(ROOT / path), re.MULTILINE))
    defined = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    assert called
    assert called - defined == set()
