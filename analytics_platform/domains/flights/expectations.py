"""The expectations of the reference domain: what is checked, and how strictly."""

from analytics_platform.contracts.domain import Expectation, ModelCheck
from analytics_platform.domains.flights.expectation_forms import (
    between,
    blocking,
    has_rows,
    known,
    length,
    no_rows,
    not_blocking,
    one_of,
    present,
    unique,
    warning,
)

# Blocking: without it a reader would be misled. An error that does not block is red
# beside the data; a warning is worth a look. Rates are those of 2013, as measured:
# `rate` over the year, `worst` in the worst month.


def _minutes(column: str) -> str:
    """Minutes since midnight of a time written as hhmm."""
    return f"(floor({column} / 100.0) * 60 + {column} % 100)"


FLIGHTS: tuple[Expectation, ...] = (
    has_rows(1),
    unique("year", "month", "day", "carrier", "flight", "origin", "sched_dep_time"),
    one_of("year", [2013], "The data is that of 2013."),
    between("month", 1, 12, "Months are 1 to 12."),
    between("day", 1, 31, "Days of the month are 1 to 31."),
    one_of("origin", ["EWR", "JFK", "LGA"], "Flights leave New York City."),
    length("carrier", 2, 2, "Carrier codes have two characters."),
    length("dest", 3, 3, "Airport codes have three characters."),
    between("flight", 1, 9999, "Flight numbers have one to four digits."),
    between("sched_dep_time", 0, 2359, "Scheduled departures are times of day."),
    # The longest on record are 22 hours; a whole day off means another flight.
    between("dep_delay", -120, 1439, "Delays at departure are less than a day."),
    between("arr_delay", -180, 1439, "Delays at arrival are less than a day."),
    between("air_time", 10, 1080, "Time in the air is 10 minutes to 18 hours."),
    between("distance", 10, 6000, "Distances are 10 to 6,000 miles."),
    no_rows(
        "arrival_needs_departure",
        "A flight that never departed has no delay at arrival.",
        "select f.* from {batch} f "
        "where f.dep_delay is null and f.arr_delay is not null",
    ),
    no_rows(
        "destination_is_elsewhere",
        "No flight ends where it began.",
        "select f.* from {batch} f where f.origin = f.dest",
    ),
    no_rows(
        "departure_fits_delay",
        "Actual departure is the scheduled one plus the delay, by the clock.",
        "select f.* from {batch} f where f.dep_time is not null and cast("
        f"{_minutes('f.dep_time')} - {_minutes('f.sched_dep_time')} "
        "- f.dep_delay as integer) % 1440 <> 0",
    ),
    not_blocking(
        no_rows(
            "speed_is_plausible",
            "Mean speed in the air is 60 to 720 miles per hour.",
            "select f.* from {batch} f where f.air_time > 0 "
            "and f.distance * 60.0 / f.air_time not between 60 and 720",
        )
    ),
    not_blocking(
        no_rows(
            "delay_made_up_is_plausible",
            "Between departure and arrival 2 hours are made up or 4 lost at most.",
            "select f.* from {batch} f "
            "where f.arr_delay - f.dep_delay not between -120 and 240",
        )
    ),
    warning(
        "tailnum_length",
        "expect_column_value_lengths_to_be_between",
        "Tail numbers have five or six characters.",
        column="tailnum",
        min_value=5,
        max_value=6,
    ),
    warning(
        "mean_dep_delay_in_range",
        "expect_column_mean_to_be_between",
        "The mean delay at departure is that of an ordinary month (5 to 22 in 2013).",
        column="dep_delay",
        min_value=0,
        max_value=60,
    ),
    warning(
        "daily_volume",
        "unexpected_rows_expectation",
        "Each day but the newest has at least 500 flights (2013: 634 to 1,014).",
        unexpected_rows_query="select f.partition_date, f.month, f.day, "
        "count(*) as flights from {batch} f "
        "where f.time_hour < (select max(b.time_hour) from {batch} b) "
        "- interval '24' hour "
        "group by f.partition_date, f.month, f.day having count(*) < 500",
    ),
    known(
        present("dep_delay", "Every flight has a delay at departure."),
        rate=0.0245,
        worst=0.0505,
        because="Cancelled flights never departed (February and December storms).",
    ),
    known(
        present("arr_delay", "Every flight has a delay at arrival."),
        rate=0.0280,
        worst=0.0537,
        because="Cancelled flights never arrived, diverted ones not as planned.",
    ),
    known(
        present("tailnum", "Every flight has a tail number."),
        rate=0.0075,
        worst=0.0179,
        because="Many cancelled flights were never given a plane.",
    ),
)

WEATHER: tuple[Expectation, ...] = (
    has_rows(1),
    unique("origin", "time_hour"),
    one_of("origin", ["EWR", "JFK", "LGA"], "Stations are New York City's airports."),
    between("hour", 0, 23, "Hours are 0 to 23."),
    between("temp", -30, 120, "Temperatures are those of New York City."),
    between("humid", 0, 100, "Humidity is a percentage."),
    between("wind_dir", 0, 360, "Directions are 0 to 360 degrees."),
    between("precip", 0, 6, "Less than 6 inches fall in an hour."),
    between("pressure", 940, 1060, "Pressure at sea level is that of weather."),
    between("visib", 0, 10, "Visibility is reported up to 10 miles."),
    not_blocking(
        no_rows(
            "dew_point_below_temperature",
            "The dew point is not above the temperature.",
            "select w.* from {batch} w where w.dewp > w.temp",
        )
    ),
    not_blocking(
        no_rows(
            "gusts_exceed_wind",
            "Gusts are not slower than the wind.",
            "select w.* from {batch} w where w.wind_gust < w.wind_speed",
        )
    ),
    warning(
        "hours_per_day",
        "unexpected_rows_expectation",
        "Each station reports at least 18 hours of each day but the newest.",
        unexpected_rows_query="select w.partition_date, w.origin, w.month, w.day, "
        "count(*) as hours from {batch} w "
        "where w.time_hour < (select max(b.time_hour) from {batch} b) "
        "- interval '24' hour "
        "group by w.partition_date, w.origin, w.month, w.day having count(*) < 18",
    ),
    known(
        between("wind_speed", 0, 100, "Wind is slower than 100 miles per hour."),
        rate=0.00004,
        worst=0.0005,
        because="Newark reports 1,048 miles per hour on 12 February at 03:00.",
    ),
    known(
        present("wind_gust", "Every hour has a speed of gusts."),
        rate=0.7956,
        worst=0.9003,
        because="Without gusts there is nothing to report.",
    ),
    known(
        present("wind_dir", "Every hour has a direction of the wind."),
        rate=0.0176,
        worst=0.0298,
        because="Light or variable wind has no direction.",
    ),
    known(
        present("pressure", "Every hour has a pressure."),
        rate=0.1045,
        worst=0.1502,
        because="Stations leave it out of one observation in ten.",
    ),
)

PLANES: tuple[Expectation, ...] = (
    has_rows(1),
    unique("tailnum"),
    length("tailnum", 5, 6, "Tail numbers have five or six characters."),
    between("engines", 1, 4, "Planes have one to four engines."),
    between("seats", 1, 600, "Planes have 1 to 600 seats."),
    not_blocking(
        between("year", 1945, 2013, "Planes were built after 1944, and before 2014.")
    ),
    not_blocking(
        one_of(
            "type",
            ["Fixed wing multi engine", "Fixed wing single engine", "Rotorcraft"],
            "Types are those of the register.",
        )
    ),
    known(
        present("year", "Every plane has a year of manufacture."),
        rate=0.0211,
        because="The register does not tell it for 70 planes.",
    ),
    known(
        present("speed", "Every plane has a cruising speed."),
        rate=0.9931,
        because="The register gives a speed for 23 planes only.",
    ),
)

AIRPORTS: tuple[Expectation, ...] = (
    has_rows(1),
    unique("faa"),
    length("faa", 3, 3, "Airport codes have three characters."),
    between("lat", -90, 90, "Latitudes are in degrees."),
    between("lon", -180, 180, "Longitudes are in degrees."),
    not_blocking(
        between(
            "alt",
            -1500,
            15000,
            "Airports are 1,500 feet under sea level to 15,000 above it.",
        )
    ),
    one_of("dst", ["A", "N", "U"], "Summer time is A, N or U."),
    known(
        present("tzone", "Every airport has a time zone."),
        rate=0.0021,
        because="Three airports have none in the source.",
    ),
)

AIRLINES: tuple[Expectation, ...] = (
    has_rows(1),
    unique("carrier"),
    length("carrier", 2, 2, "Carrier codes have two characters."),
    length("name", 3, 100, "Names are written out."),
)

EXPECTATIONS: dict[str, tuple[Expectation, ...]] = {
    "flights": FLIGHTS,
    "weather": WEATHER,
    "planes": PLANES,
    "airports": AIRPORTS,
    "airlines": AIRLINES,
}


def _same_count(mart: str) -> Expectation:
    return no_rows(
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
        between("cancelled_share", 0, 1, "A share is 0 to 1."),
        between("late_share", 0, 1, "A share is 0 to 1."),
    )


FACTS: tuple[Expectation, ...] = (
    no_rows(
        "keeps_every_flight",
        "The mart has as many rows as raw.flights in each partition.",
        "select m.partition_date, m.flights, r.flights as expected from ("
        "select partition_date, count(*) as flights from {batch} b "
        "group by partition_date) m left join ("
        "select partition_date, count(*) as flights from raw.flights "
        "group by partition_date) r on r.partition_date = m.partition_date "
        "where r.flights is null or r.flights <> m.flights",
    ),
    blocking(
        "arrives_after_departure",
        "expect_column_pair_values_a_to_be_greater_than_b",
        "A flight arrives after it departed, in UTC.",
        column_A="actual_arrival_utc",
        column_B="actual_departure_utc",
    ),
    known(
        no_rows(
            "plane_in_register",
            "The plane is in the register.",
            "select f.* from {batch} f where f.tail_number is not null and not exists "
            "(select 1 from raw.planes p where p.tailnum = f.tail_number)",
        ),
        rate=0.1487,
        worst=0.1602,
        because="American and Envoy report fleet numbers, not registrations.",
    ),
    known(
        no_rows(
            "destination_in_airports",
            "The destination is among the airports.",
            "select f.* from {batch} f where not exists "
            "(select 1 from raw.airports a where a.faa = f.destination_code)",
        ),
        rate=0.0226,
        worst=0.0261,
        because="The airports leave out Puerto Rico and the Virgin Islands.",
    ),
    known(
        no_rows(
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
