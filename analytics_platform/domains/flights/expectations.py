"""The expectations of the reference domain: what is checked, and how strictly."""

from collections.abc import Sequence

from analytics_platform.contracts.domain import Expectation, ModelCheck, Severity

# Blocking: without it a reader would be misled. An error that does not block is red
# beside the data; a warning is worth a look. Rates are those of 2013, as measured:
# `rate` over the year, `worst` in the worst month.


def _blocking(
    name: str, type: str, description: str, **arguments: object
) -> Expectation:
    return Expectation(
        name=name, type=type, description=description, arguments=arguments
    )


def _warning(
    name: str, type: str, description: str, **arguments: object
) -> Expectation:
    return _blocking(name, type, description, **arguments).model_copy(
        update={"severity": Severity.WARN, "blocking": False}
    )


def _not_blocking(expectation: Expectation) -> Expectation:
    return expectation.model_copy(update={"blocking": False})


def _known(
    expectation: Expectation, *, rate: float, worst: float | None = None, because: str
) -> Expectation:
    """A warning that the data explains, while it stays at its documented rate."""
    return expectation.model_copy(
        update={
            "severity": Severity.WARN,
            "blocking": False,
            "expected_failure_rate": rate,
            "expected_failure_rate_max": worst,
            "because": because,
        }
    )


def _present(column: str, description: str) -> Expectation:
    return _blocking(
        f"{column}_not_null",
        "expect_column_values_to_not_be_null",
        description,
        column=column,
    )


def _between(column: str, low: float, high: float, description: str) -> Expectation:
    return _blocking(
        f"{column}_in_range",
        "expect_column_values_to_be_between",
        description,
        column=column,
        min_value=low,
        max_value=high,
    )


def _one_of(column: str, values: Sequence[object], description: str) -> Expectation:
    return _blocking(
        f"{column}_is_known",
        "expect_column_values_to_be_in_set",
        description,
        column=column,
        value_set=list(values),
    )


def _length(column: str, low: int, high: int, description: str) -> Expectation:
    return _blocking(
        f"{column}_length",
        "expect_column_value_lengths_to_be_between",
        description,
        column=column,
        min_value=low,
        max_value=high,
    )


def _unique(*columns: str) -> Expectation:
    description = "No two rows have the same key."
    if len(columns) == 1:
        return _blocking(
            "key_unique",
            "expect_column_values_to_be_unique",
            description,
            column=columns[0],
        )
    return _blocking(
        "key_unique",
        "expect_compound_columns_to_be_unique",
        description,
        column_list=list(columns),
    )


def _no_rows(name: str, description: str, query: str) -> Expectation:
    """The query finds the bad rows; with `partition_date` it tells their partition."""
    return _blocking(
        name, "unexpected_rows_expectation", description, unexpected_rows_query=query
    )


def _has_rows(minimum: int) -> Expectation:
    return _blocking(
        "has_rows",
        "expect_table_row_count_to_be_between",
        f"At least {minimum} rows arrived.",
        min_value=minimum,
    )


def _minutes(column: str) -> str:
    """Minutes since midnight of a time written as hhmm."""
    return f"(floor({column} / 100.0) * 60 + {column} % 100)"


FLIGHTS: tuple[Expectation, ...] = (
    _has_rows(1),
    _unique("year", "month", "day", "carrier", "flight", "origin", "sched_dep_time"),
    _one_of("year", [2013], "The data is that of 2013."),
    _between("month", 1, 12, "Months are 1 to 12."),
    _between("day", 1, 31, "Days of the month are 1 to 31."),
    _one_of("origin", ["EWR", "JFK", "LGA"], "Flights leave New York City."),
    _length("carrier", 2, 2, "Carrier codes have two characters."),
    _length("dest", 3, 3, "Airport codes have three characters."),
    _between("flight", 1, 9999, "Flight numbers have one to four digits."),
    _between("sched_dep_time", 0, 2359, "Scheduled departures are times of day."),
    # The longest on record are 22 hours; a whole day off means another flight.
    _between("dep_delay", -120, 1439, "Delays at departure are less than a day."),
    _between("arr_delay", -180, 1439, "Delays at arrival are less than a day."),
    _between("air_time", 10, 1080, "Time in the air is 10 minutes to 18 hours."),
    _between("distance", 10, 6000, "Distances are 10 to 6,000 miles."),
    _no_rows(
        "arrival_needs_departure",
        "A flight that never departed has no delay at arrival.",
        "select f.* from {batch} f "
        "where f.dep_delay is null and f.arr_delay is not null",
    ),
    _no_rows(
        "destination_is_elsewhere",
        "No flight ends where it began.",
        "select f.* from {batch} f where f.origin = f.dest",
    ),
    _no_rows(
        "departure_fits_delay",
        "Actual departure is the scheduled one plus the delay, by the clock.",
        "select f.* from {batch} f where f.dep_time is not null and cast("
        f"{_minutes('f.dep_time')} - {_minutes('f.sched_dep_time')} "
        "- f.dep_delay as integer) % 1440 <> 0",
    ),
    _not_blocking(
        _no_rows(
            "speed_is_plausible",
            "Mean speed in the air is 60 to 720 miles per hour.",
            "select f.* from {batch} f where f.air_time > 0 "
            "and f.distance * 60.0 / f.air_time not between 60 and 720",
        )
    ),
    _not_blocking(
        _no_rows(
            "delay_made_up_is_plausible",
            "Between departure and arrival 2 hours are made up or 4 lost at most.",
            "select f.* from {batch} f "
            "where f.arr_delay - f.dep_delay not between -120 and 240",
        )
    ),
    _warning(
        "tailnum_length",
        "expect_column_value_lengths_to_be_between",
        "Tail numbers have five or six characters.",
        column="tailnum",
        min_value=5,
        max_value=6,
    ),
    _warning(
        "mean_dep_delay_in_range",
        "expect_column_mean_to_be_between",
        "The mean delay at departure is that of an ordinary month (5 to 22 in 2013).",
        column="dep_delay",
        min_value=0,
        max_value=60,
    ),
    _warning(
        "daily_volume",
        "unexpected_rows_expectation",
        "Each day but the newest has at least 500 flights (2013: 634 to 1,014).",
        unexpected_rows_query="select f.partition_date, f.month, f.day, "
        "count(*) as flights from {batch} f "
        "where f.time_hour < (select max(b.time_hour) from {batch} b) "
        "- interval '24' hour "
        "group by f.partition_date, f.month, f.day having count(*) < 500",
    ),
    _known(
        _present("dep_delay", "Every flight has a delay at departure."),
        rate=0.0245,
        worst=0.0506,
        because="Cancelled flights never departed (February and December storms).",
    ),
    _known(
        _present("arr_delay", "Every flight has a delay at arrival."),
        rate=0.0280,
        worst=0.0538,
        because="Cancelled flights never arrived, diverted ones not as planned.",
    ),
    _known(
        _present("tailnum", "Every flight has a tail number."),
        rate=0.0075,
        worst=0.0179,
        because="Many cancelled flights were never given a plane.",
    ),
)

WEATHER: tuple[Expectation, ...] = (
    _has_rows(1),
    _unique("origin", "time_hour"),
    _one_of("origin", ["EWR", "JFK", "LGA"], "Stations are New York City's airports."),
    _between("hour", 0, 23, "Hours are 0 to 23."),
    _between("temp", -30, 120, "Temperatures are those of New York City."),
    _between("humid", 0, 100, "Humidity is a percentage."),
    _between("wind_dir", 0, 360, "Directions are 0 to 360 degrees."),
    _between("precip", 0, 6, "Less than 6 inches fall in an hour."),
    _between("pressure", 940, 1060, "Pressure at sea level is that of weather."),
    _between("visib", 0, 10, "Visibility is reported up to 10 miles."),
    _not_blocking(
        _no_rows(
            "dew_point_below_temperature",
            "The dew point is not above the temperature.",
            "select w.* from {batch} w where w.dewp > w.temp",
        )
    ),
    _not_blocking(
        _no_rows(
            "gusts_exceed_wind",
            "Gusts are not slower than the wind.",
            "select w.* from {batch} w where w.wind_gust < w.wind_speed",
        )
    ),
    _warning(
        "hours_per_day",
        "unexpected_rows_expectation",
        "Each station reports at least 18 hours of each day but the newest.",
        unexpected_rows_query="select w.partition_date, w.origin, w.month, w.day, "
        "count(*) as hours from {batch} w "
        "where w.time_hour < (select max(b.time_hour) from {batch} b) "
        "- interval '24' hour "
        "group by w.partition_date, w.origin, w.month, w.day having count(*) < 18",
    ),
    _known(
        _between("wind_speed", 0, 100, "Wind is slower than 100 miles per hour."),
        rate=0.00004,
        worst=0.0005,
        because="Newark reports 1,048 miles per hour on 12 February at 03:00.",
    ),
    _known(
        _present("wind_gust", "Every hour has a speed of gusts."),
        rate=0.7956,
        worst=0.9003,
        because="Without gusts there is nothing to report.",
    ),
    _known(
        _present("wind_dir", "Every hour has a direction of the wind."),
        rate=0.0176,
        worst=0.0298,
        because="Light or variable wind has no direction.",
    ),
    _known(
        _present("pressure", "Every hour has a pressure."),
        rate=0.1045,
        worst=0.1502,
        because="Stations leave it out of one observation in ten.",
    ),
)

PLANES: tuple[Expectation, ...] = (
    _has_rows(1),
    _unique("tailnum"),
    _length("tailnum", 5, 6, "Tail numbers have five or six characters."),
    _between("engines", 1, 4, "Planes have one to four engines."),
    _between("seats", 1, 600, "Planes have 1 to 600 seats."),
    _not_blocking(
        _between("year", 1945, 2013, "Planes were built after 1944, and before 2014.")
    ),
    _not_blocking(
        _one_of(
            "type",
            ["Fixed wing multi engine", "Fixed wing single engine", "Rotorcraft"],
            "Types are those of the register.",
        )
    ),
    _known(
        _present("year", "Every plane has a year of manufacture."),
        rate=0.0211,
        because="The register does not tell it for 70 planes.",
    ),
    _known(
        _present("speed", "Every plane has a cruising speed."),
        rate=0.9931,
        because="The register gives a speed for 23 planes only.",
    ),
)

AIRPORTS: tuple[Expectation, ...] = (
    _has_rows(1),
    _unique("faa"),
    _length("faa", 3, 3, "Airport codes have three characters."),
    _between("lat", -90, 90, "Latitudes are in degrees."),
    _between("lon", -180, 180, "Longitudes are in degrees."),
    _not_blocking(
        _between(
            "alt",
            -1500,
            15000,
            "Airports are 1,500 feet under sea level to 15,000 above it.",
        )
    ),
    _one_of("dst", ["A", "N", "U"], "Summer time is A, N or U."),
    _known(
        _present("tzone", "Every airport has a time zone."),
        rate=0.0021,
        because="Three airports have none in the source.",
    ),
)

AIRLINES: tuple[Expectation, ...] = (
    _has_rows(1),
    _unique("carrier"),
    _length("carrier", 2, 2, "Carrier codes have two characters."),
    _length("name", 3, 100, "Names are written out."),
)

EXPECTATIONS: dict[str, tuple[Expectation, ...]] = {
    "flights": FLIGHTS,
    "weather": WEATHER,
    "planes": PLANES,
    "airports": AIRPORTS,
    "airlines": AIRLINES,
}


def _same_count(mart: str) -> Expectation:
    return _no_rows(
        "counts_every_flight",
        f"{mart} counts as many flights as fct_flights in each partition.",
        "select m.partition_date, m.flights, f.flights as expected from ("
        "select b.partition_date, sum(b.flights) as flights from {batch} b "
        "group by b.partition_date) m left join ("
        "select partition_date, count(*) as flights from marts.fct_flights "
        "group by partition_date) f on f.partition_date = m.partition_date "
        "where f.flights is null or f.flights <> m.flights",
    )


def _shares() -> tuple[Expectation, ...]:
    return (
        _between("cancelled_share", 0, 1, "A share is 0 to 1."),
        _between("late_share", 0, 1, "A share is 0 to 1."),
    )


FACTS: tuple[Expectation, ...] = (
    _no_rows(
        "keeps_every_flight",
        "The mart has as many rows as raw.flights in each partition.",
        "select m.partition_date, m.flights, r.flights as expected from ("
        "select partition_date, count(*) as flights from {batch} b "
        "group by partition_date) m left join ("
        "select partition_date, count(*) as flights from raw.flights "
        "group by partition_date) r on r.partition_date = m.partition_date "
        "where r.flights is null or r.flights <> m.flights",
    ),
    _blocking(
        "arrives_after_departure",
        "expect_column_pair_values_a_to_be_greater_than_b",
        "A flight arrives after it departed, in UTC.",
        column_A="actual_arrival_utc",
        column_B="actual_departure_utc",
    ),
    _known(
        _no_rows(
            "plane_in_register",
            "The plane is in the register.",
            "select f.* from {batch} f where f.tail_number is not null and not exists "
            "(select 1 from raw.planes p where p.tailnum = f.tail_number)",
        ),
        rate=0.1487,
        worst=0.1602,
        because="American and Envoy report fleet numbers, not registrations.",
    ),
    _known(
        _no_rows(
            "destination_in_airports",
            "The destination is among the airports.",
            "select f.* from {batch} f where not exists "
            "(select 1 from raw.airports a where a.faa = f.destination_code)",
        ),
        rate=0.0226,
        worst=0.0261,
        because="The airports leave out Puerto Rico and the Virgin Islands.",
    ),
    _known(
        _no_rows(
            "weather_of_the_hour_observed",
            "Weather was observed at the origin in the hour of departure.",
            "select f.* from {batch} f where not exists "
            "(select 1 from raw.weather w where w.origin = f.origin_code "
            "and w.time_hour = f.scheduled_departure_hour_utc)",
        ),
        rate=0.0046,
        worst=0.0332,
        because="Stations miss hours, and the data ends on 30 December.",
    ),
)

MODEL_CHECKS: tuple[ModelCheck, ...] = (
    ModelCheck(model="fct_flights", expectations=FACTS),
    ModelCheck(
        model="mart_airport_daily",
        expectations=(_same_count("mart_airport_daily"), *_shares()),
    ),
    ModelCheck(
        model="mart_carrier_daily",
        expectations=(_same_count("mart_carrier_daily"), *_shares()),
    ),
)
