"""System packages are installed by apt as root, and named where that cannot be."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.repository import ROOT

MISSING = "no-such-command-anywhere"


def _run(folder: Path, *names: str) -> "subprocess.CompletedProcess[str]":
    """Run the script with `folder` first in PATH, so that its commands win."""
    return subprocess.run(
        [ROOT / ".ci/system-packages", *names],
        env=os.environ | {"PATH": f"{folder}:/usr/bin:/bin"},
        capture_output=True,
        check=False,
        text=True,
    )


def _command(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/bash\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def apt_calls(tmp_path: Path) -> Path:
    """Where a stand-in for apt-get notes how it was called."""
    calls = tmp_path / "calls"
    _command(tmp_path, "apt-get", f'echo "$*" >> {calls}; [ -z "$APT_FAILS" ]')
    return calls


def test_what_is_there_is_not_installed(tmp_path: Path, apt_calls: Path) -> None:
    done = _run(tmp_path, "bash", "python-venv")
    assert done.returncode == 0
    assert not apt_calls.exists()


def test_root_installs_what_is_missing(tmp_path: Path, apt_calls: Path) -> None:
    _command(tmp_path, "id", "echo 0")
    done = _run(tmp_path, "bash", MISSING)
    assert done.returncode == 0, done.stderr
    update, install = apt_calls.read_text().splitlines()
    assert update.startswith("update")
    assert install.startswith("install")
    assert install.endswith(f" {MISSING}")


def test_without_root_the_missing_package_is_named(
    tmp_path: Path, apt_calls: Path
) -> None:
    _command(tmp_path, "id", "echo 1000")
    done = _run(tmp_path, MISSING)
    assert done.returncode == 1
    assert f"missing system package(s): {MISSING}" in done.stderr
    assert not apt_calls.exists()


def test_a_failing_apt_is_shown(
    tmp_path: Path, apt_calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APT_FAILS", "yes")
    _command(tmp_path, "id", "echo 0")
    done = _run(tmp_path, MISSING)
    assert done.returncode == 1
    assert f"apt could not install: {MISSING}" in done.stderr
    assert apt_calls.exists()
