"""Tells by a hash whether the files of a dbt project have changed."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from analytics_platform.errors import NotFound

_SOURCES = ("*.sql", "*.yml", "*.yaml", "*.csv", "*.md", "*.py")
_WRITTEN = frozenset({"target", "logs", "dbt_packages"})


def files_digest(project: Path, told: str) -> str:
    """A hash of `told` and of every file that dbt reads for the project in a folder.

    Folders outside the project that its `macro-paths` and the like name belong to it.

    Raises:
        NotFound: there is no dbt project in the folder.
    """
    if not (project / "dbt_project.yml").exists():
        raise NotFound(
            f"There is no dbt project in {project}.",
            hint="Set ANALYTICS_DBT_PROJECT to the folder of a dbt_project.yml.",
        )
    digest = hashlib.sha256(told.encode())
    for number, folder in enumerate([project, *_shared(project)]):
        for path in sorted(_files(folder)):
            name, content = path.relative_to(folder).as_posix(), path.read_bytes()
            digest.update(f"\0{number}/{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _files(folder: Path) -> set[Path]:
    return {
        path
        for pattern in _SOURCES
        for path in folder.rglob(pattern)
        if not _WRITTEN & set(path.relative_to(folder).parts)
    }


def _shared(project: Path) -> Iterator[Path]:
    """The folders outside the project that hold some of its files."""
    import yaml

    try:
        declared = yaml.safe_load((project / "dbt_project.yml").read_text()) or {}
    except yaml.YAMLError:  # dbt says what is wrong with it
        return
    for name, paths in sorted(declared.items()):
        for path in paths if name.endswith("-paths") else ():
            folder = (project / path).resolve()
            if not folder.is_relative_to(project.resolve()):
                yield folder
