"""The workflows call the same make targets as everybody, and only pinned actions."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.repository import ROOT, files_ending, is_below, text

WORKFLOWS = [
    path for path in files_ending(".yml") if is_below(path, (".github/workflows",))
]
PULL_REQUEST = ROOT / ".github/workflows/pull-request.yml"


def _steps(path: Path) -> list[dict[str, Any]]:
    jobs = yaml.safe_load(text(path))["jobs"].values()
    return [step for job in jobs for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=str)
def test_actions_are_pinned_by_a_full_version(path: Path) -> None:
    used = [step["uses"] for step in _steps(path) if "uses" in step]
    assert [use for use in used if not re.search(r"@v\d+\.\d+\.\d+$", use)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=str)
def test_a_workflow_may_only_read(path: Path) -> None:
    workflow = yaml.safe_load(text(path))
    assert workflow["permissions"] in ({}, {"contents": "read"})
    assert all("timeout-minutes" in job for job in workflow["jobs"].values())


def test_every_supported_python_is_checked() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    matrix = workflow["jobs"]["check"]["strategy"]["matrix"]["python"]
    assert matrix == ["3.11", "3.12", "3.13"]


def test_every_scan_is_a_target() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/security.yml").read_text())
    scans = workflow["jobs"]["scan"]["strategy"]["matrix"]["scan"]
    makefile = (ROOT / "Makefile").read_text()
    assert all(re.search(f"^{scan}:", makefile, re.MULTILINE) for scan in scans)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("Closes #12", True),
        ("Adds a thing.\r\nPart of #7", True),
        ("fixes #3.", True),
        ("Closes #", False),
        ("", False),
        ("See #12", False),
        ("<!-- Closes #12 -->", False),
    ],
)
def test_a_pull_request_names_its_issue(body: str, named: bool) -> None:  # noqa: FBT001
    script = _steps(PULL_REQUEST.relative_to(ROOT))[0]["run"]
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={"BODY": body, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=False,
    )
    assert (done.returncode == 0) is named
