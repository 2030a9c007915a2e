"""Locks pin everything by hash, name no index and agree with pyproject.toml."""

import re
import tomllib
from itertools import pairwise

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.support.repository import ROOT

LOCKS = {
    "batch": ["batch"],
    "api": ["api"],
    "streaming": ["streaming"],
    "serving": ["serving"],
    "platform": ["batch", "streaming"],
    "postgres": ["batch", "streaming", "postgres"],
    "snowflake": ["batch", "streaming", "snowflake"],
    "bigquery": ["batch", "streaming", "bigquery"],
    "redshift": ["batch", "streaming", "redshift"],
    "dev": ["batch", "api", "streaming", "serving", "postgres", "dev"],
}
ENTRY = re.compile(
    r"^(?P<name>[\w.-]+)==(?P<version>[^ ;]+)(?: ; (?P<marker>.+?))? \\$"
)
PYTHONS = ("3.11", "3.12", "3.13")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def _entries(lock: str) -> list[tuple[str, Version, str | None, list[str]]]:
    """(name, version, marker, hashes) of every entry of a lock."""
    found: list[tuple[str, Version, str | None, list[str]]] = []
    for line in (ROOT / "locks" / f"{lock}.txt").read_text().splitlines():
        if line.startswith("    --hash=sha256:"):
            found[-1][3].append(line.strip(" \\").removeprefix("--hash=sha256:"))
            continue
        entry = ENTRY.match(line)
        assert entry, f"{lock}: {line!r} is no pin with hashes"
        pin = (canonicalize_name(entry["name"]), Version(entry["version"]))
        found.append((*pin, entry["marker"], []))
    return found


@pytest.mark.parametrize("lock", ["bootstrap", "build", *LOCKS])
def test_every_entry_has_hashes_and_no_address(lock: str) -> None:
    entries = _entries(lock)
    assert entries
    for name, _, _, hashes in entries:
        assert hashes, name
        assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in hashes), name
    assert "://" not in (ROOT / "locks" / f"{lock}.txt").read_text()


@pytest.mark.parametrize("lock", LOCKS)
@pytest.mark.parametrize("python", PYTHONS)
def test_a_lock_holds_what_its_extras_declare(lock: str, python: str) -> None:
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.1",
        "sys_platform": "linux",
        "platform_machine": "x86_64",
    }
    pins = {
        name: version
        for name, version, marker, _ in _entries(lock)
        if marker is None or Marker(marker).evaluate(environment)
    }
    wanted = [*PYPROJECT["project"]["dependencies"]]
    for extra in LOCKS[lock]:
        wanted += PYPROJECT["project"]["optional-dependencies"][extra]
    for requirement in map(Requirement, wanted):
        name = canonicalize_name(requirement.name)
        assert name in pins, f"run make lock: {lock} lacks {name}"
        assert pins[name] in requirement.specifier, f"run make lock: {lock}, {name}"


@pytest.mark.parametrize(
    "lock", ["batch", "api", "streaming", "serving", "postgres", "redshift"]
)
def test_what_is_installed_is_what_was_tested(lock: str) -> None:
    tested = {(name, version) for name, version, _, _ in _entries("dev")}
    untested = {
        (name, version)
        for name, version, _, _ in _entries(lock)
        if name in {known for known, _ in tested} and (name, version) not in tested
    }
    assert untested == set()


def test_every_pin_gives_its_reason() -> None:
    project = (ROOT / "pyproject.toml").read_text().split("[project.scripts]")[0]
    lines = project.splitlines()
    silent = [
        line
        for above, line in pairwise(lines)
        if re.match(r'  "[\w\[\]-]+(==|.*,<)', line)
        and "#" not in line
        and not above.strip().startswith("#")
    ]
    assert silent == []
