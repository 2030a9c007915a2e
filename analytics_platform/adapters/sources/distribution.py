"""Reads a CSV file, zipped or not, that came with installed Python code."""

import io
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path

from analytics_platform.adapters.sources.arrival import Arrival
from analytics_platform.adapters.sources.csv_files import UnreadableFile, read_csv
from analytics_platform.contracts.domain import DistributionFile, PackageFile
from analytics_platform.errors import NotFound


def read_distribution(source: DistributionFile) -> Arrival:
    """All rows of the file, every value a text.

    Raises:
        NotFound: the distribution is not installed or has no such file.
        UnreadableFile: the file is no CSV.
    """
    path = _locate(source)
    origin = f"{source.distribution}/{path.name}"
    return _arrival(origin, path.read_bytes(), source.null_text)


def read_package(source: PackageFile) -> Arrival:
    """All rows of the file, every value a text.

    Raises:
        NotFound: the package cannot be imported or has no such file.
        UnreadableFile: the file is no CSV.
    """
    try:
        content = files(source.package).joinpath(source.path).read_bytes()
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise NotFound(
            f"The package {source.package} has no file {source.path}: {error}.",
            hint="Correct the source in the domain's declaration.",
        ) from error
    return _arrival(f"{source.package}/{source.path}", content, source.null_text)


def _arrival(origin: str, content: bytes, null_text: str) -> Arrival:
    if origin.endswith(".zip"):
        content = _only_member(content, origin)
    return Arrival(origin, read_csv(content, origin=origin, null_text=null_text))


def _locate(source: DistributionFile) -> Path:
    try:
        path = Path(str(distribution(source.distribution).locate_file(source.path)))
    except PackageNotFoundError as error:
        raise NotFound(
            f"The distribution {source.distribution} is not installed.",
            hint="Run `make install`.",
        ) from error
    if not path.is_file():
        raise NotFound(
            f"The distribution {source.distribution} has no file {source.path}.",
            hint="Correct the path in the domain's declaration.",
        )
    return path


def _only_member(content: bytes, origin: str) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
            if len(names) != 1:
                raise UnreadableFile(origin, f"it holds {len(names)} files, not one")
            return archive.read(names[0])
    except zipfile.BadZipFile as error:
        raise UnreadableFile(origin, str(error)) from error
