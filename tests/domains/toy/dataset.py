"""The toy's data, equal at every call; `python -m tests.domains.toy.dataset` writes it.

Cairo in September 2010: clocks there went forward on the 10th, at midnight, and back at
the end of the 30th, so that one day has 23 hours and another one 25.
"""

import csv
import random
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Africa/Cairo")
FIRST = datetime(2010, 9, 6, tzinfo=ZONE)
END = datetime(2010, 10, 2, tzinfo=ZONE)
DATA = Path(__file__).parent / "data"

_SEED = 20100906
_BIKES = 40
_CASUAL_SHARE, _LOST_SHARE = 0.4, 0.01
_WEEKEND = (5, 6)  # Friday and Saturday, as ISO numbers them
_AFTERNOON = range(16, 22)
# Rentals begun in an hour, by its number on the local clock.
_BUSY = {**dict.fromkeys(range(6), 1), **dict.fromkeys(range(6, 10), 5)}
_BUSY |= {**dict.fromkeys(range(10, 16), 3), **dict.fromkeys(_AFTERNOON, 6)}
_BUSY |= {22: 4, 23: 4}


@dataclass(frozen=True)
class Station:
    """A line of stations.csv."""

    code: str
    name: str
    bank: str
    docks: int
    elevation: int
    surveyed_at: str


@dataclass(frozen=True)
class Rental:
    """A line of rentals.csv; instants are local with their offset."""

    rental_id: int
    bike: str
    station_from: str
    station_to: str
    rented_at: str
    returned_at: str
    rider: str


STATIONS = (
    Station("DOK", "Dokki", "west", 24, 22, "2010-08-30T09:00:00+03:00"),
    Station("GIZ", "Giza Square", "west", 30, 26, "2010-08-30T11:00:00+03:00"),
    Station("HEL", "Heliopolis", "east", 18, 58, "2010-09-16T10:00:00+03:00"),
    Station("MAA", "Maadi", "east", 20, 31, "2010-08-31T09:00:00+03:00"),
    Station("NAS", "Nasr City", "east", 28, 70, "2010-08-31T12:00:00+03:00"),
    Station("ZAM", "Zamalek", "west", 36, 20, "2010-09-01T09:00:00+03:00"),
)


def rentals() -> Iterator[Rental]:
    """Every rental, by the instant it began."""
    chance = random.Random(_SEED)  # noqa: S311 - data, not secrets
    number = 0
    heat, day = 0.0, FIRST.date()
    for hour in _hours():
        if hour.date() != day:
            day = hour.date()
            heat = 0.7 * heat + 3 * _normal(chance)
        for started in _starts(hour, chance):
            number += 1
            yield _rental(number, started, heat, chance)


def write(folder: Path = DATA) -> None:
    """Write stations.csv and rentals.csv."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "stations.csv", STATIONS)
    _write(folder / "rentals.csv", list(rentals()))


def _hours() -> Iterator[datetime]:
    """Every hour of the period: skipped ones left out, repeated ones twice."""
    instant, end = FIRST.astimezone(UTC), END.astimezone(UTC)
    while instant < end:
        yield instant.astimezone(ZONE)
        instant += timedelta(hours=1)


def _starts(hour: datetime, chance: random.Random) -> list[datetime]:
    count = _BUSY[hour.hour] + (hour.isoweekday() in _WEEKEND)
    minutes = sorted(int(60 * chance.random()) for _ in range(count))
    return [hour.replace(minute=minute) for minute in minutes]


def _rental(
    number: int, started: datetime, heat: float, chance: random.Random
) -> Rental:
    start, end = (STATIONS[int(len(STATIONS) * chance.random())] for _ in range(2))
    casual = chance.random() < _CASUAL_SHARE
    minutes = 16 + 0.2 * start.elevation + heat + 5 * _normal(chance)
    minutes += 12 * casual
    minutes += 8 * (started.isoweekday() in _WEEKEND) + 5 * (started.hour in _AFTERNOON)
    returned = started.astimezone(UTC) + timedelta(minutes=max(3, round(minutes)))
    is_lost = chance.random() < _LOST_SHARE
    return Rental(
        rental_id=number,
        bike=f"B{1 + int(_BIKES * chance.random()):02d}",
        station_from=start.code,
        station_to="" if is_lost else end.code,
        rented_at=started.isoformat(),
        returned_at="" if is_lost else returned.astimezone(ZONE).isoformat(),
        rider="casual" if casual else "member",
    )


def _normal(chance: random.Random) -> float:
    """Nearly normal, mean 0, deviation 1: twelve uniform draws less their mean."""
    return sum(chance.random() for _ in range(12)) - 6


def _write(path: Path, rows: Sequence[Station | Rental]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(field.name for field in fields(rows[0]))
        writer.writerows(astuple(row) for row in rows)


if __name__ == "__main__":
    write()
