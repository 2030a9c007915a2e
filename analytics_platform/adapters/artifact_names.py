"""What artefacts may be called, so that no name leaves its place."""

import re

from analytics_platform.errors import InvalidUsage

# A version without it is not there: it is what a publisher writes last.
MANIFEST = "manifest.json"

_PART = r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}"
_VERSION = re.compile(_PART)
_PATH = re.compile(rf"{_PART}(/{_PART})*")


def checked_path(path: str) -> str:
    """`path`, if it is parts joined by `/`, none of them hidden or `..`.

    Raises:
        InvalidUsage: it is not.
    """
    if not _PATH.fullmatch(path):
        raise _unusable(path)
    return path


def checked_version(version: str) -> str:
    """`version`, if it is one such part.

    Raises:
        InvalidUsage: it is not.
    """
    if not _VERSION.fullmatch(version):
        raise _unusable(version)
    return version


def is_version(name: str) -> bool:
    """Whether a folder of this name may be a version."""
    return _VERSION.fullmatch(name) is not None


def _unusable(name: str) -> InvalidUsage:
    return InvalidUsage(
        f"{name!r} cannot name an artefact.",
        hint="Use letters, digits, '.', '_' and '-', and begin with one of the first.",
    )
