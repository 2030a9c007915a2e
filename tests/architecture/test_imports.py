"""What importing a process brings along."""

import re
import subprocess
import sys

import pytest

from tests.support.repository import ROOT, files_ending, is_below

HEAVY = {"dbt", "dlt", "great_expectations", "lightgbm", "mlflow", "sklearn", "pandas"}


@pytest.mark.parametrize("process", ["api", "streaming", "bento_services"])
def test_a_process_leaves_dagster_out(process: str) -> None:
    assert {"dagster", *HEAVY} & _loaded_by(_modules_of(process)) == set()


def test_the_command_starts_without_heavy_libraries() -> None:
    loaded = _loaded_by(["analytics_platform.cli.commands"])
    assert {"dagster", *HEAVY} & loaded == set()


def test_definitions_wait_with_the_heaviest_libraries() -> None:
    assert _loaded_by(["analytics_platform.definitions"]) & HEAVY == set()


def _modules_of(package: str) -> list[str]:
    return [
        ".".join(path.with_suffix("").parts).removesuffix(".__init__")
        for path in files_ending(".py")
        if is_below(path, (package,))
    ]


def _loaded_by(modules: list[str]) -> set[str]:
    """Top-level modules that importing `modules` in a new process loads."""
    script = f"import importlib, sys\nfor name in {modules!r}:\n"
    script += "    importlib.import_module(name)\n"
    script += "print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


# What aiokafka keeps to itself is used: an update of it is looked through here.
KAFKA_EDGE = {"kafka.py", "coordination.py", "rebalance.py"}


def test_only_the_kafka_edge_imports_aiokafka_and_has_one_door() -> None:
    importing = re.compile(
        r"^\s*(?:from|import) (aiokafka|streaming\.(?:\w+))", re.MULTILINE
    )
    shipped = ("analytics_platform", "api", "bento_services", "streaming")
    found = {
        (path.as_posix(), module)
        for path in files_ending(".py")
        if is_below(path, shipped)
        for module in importing.findall((ROOT / path).read_text())
    }
    edge = {f"streaming/{name}" for name in KAFKA_EDGE}
    assert {path for path, module in found if module == "aiokafka"} == edge
    inner = {"streaming.coordination", "streaming.rebalance"}
    assert {path for path, module in found if module in inner} == {"streaming/kafka.py"}
