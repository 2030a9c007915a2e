"""Each metric of the reference domain as SQL over raw.flights, written by hand."""

_ARRIVED = "count(*) filter (where arr_delay is not null)"
_LATE = "count(*) filter (where arr_delay > 15)"
_CANCELLED = "count(*) filter (where dep_time is null)"
_DIVERTED = "count(*) filter (where dep_time is not null and arr_delay is null)"

ORACLES = {
    "flights": "count(*)",
    "cancelled_flights": _CANCELLED,
    "diverted_flights": _DIVERTED,
    "arrived_flights": _ARRIVED,
    "late_flights": _LATE,
    "mean_departure_delay_minutes": "avg(dep_delay)",
    "mean_arrival_delay_minutes": "avg(arr_delay)",
    "median_arrival_delay_minutes": (
        "percentile_cont(0.5) within group (order by arr_delay)"
    ),
    "p90_arrival_delay_minutes": (
        "percentile_cont(0.9) within group (order by arr_delay)"
    ),
    "worst_arrival_delay_minutes": "max(arr_delay)",
    "mean_air_time_minutes": "avg(air_time)",
    "mean_distance_miles": "avg(distance)",
    "cancelled_share": f"1.0 * {_CANCELLED} / count(*)",
    "diverted_share": f"1.0 * {_DIVERTED} / count(*)",
    "late_share": f"1.0 * {_LATE} / nullif({_ARRIVED}, 0)",
    "on_time_share": f"1 - 1.0 * {_LATE} / nullif({_ARRIVED}, 0)",
}
