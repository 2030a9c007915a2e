{{ config(materialized='incremental', incremental_strategy='partition_range', on_schema_change='fail') }}

with flights as (

    select * from {{ ref('int_flights_timed') }}
    where {{ partition_range() }}

),

weather as (

    select * from {{ ref('int_weather_at_departure') }}
    where {{ partition_range() }}

),

plane_versions as (

    select * from {{ ref('int_plane_versions') }}

)

select
    flights.flight_key,
    flights.partition_date,
    flights.flight_date,
    flights.carrier_code,
    flights.flight_number,
    flights.tail_number,
    flights.origin_code,
    flights.destination_code,
    flights.scheduled_departure_utc,
    flights.scheduled_departure_hour_utc,
    flights.scheduled_departure_hour_local,
    flights.flight_weekday,
    flights.actual_departure_utc,
    flights.scheduled_arrival_utc,
    flights.actual_arrival_utc,
    flights.known_at_utc,
    flights.is_cancelled,
    flights.is_diverted,
    case
        when flights.arrival_delay_minutes is not null
            then {{ measure_expression('late_flights') }} = 1
    end as is_late,
    case
        when flights.departure_delay_minutes is not null
            then {{ measure_expression(
                'late_flights', {'arrival_delay_minutes': 'departure_delay_minutes'}
            ) }} = 1
    end as has_left_late,
    flights.departure_delay_minutes,
    flights.arrival_delay_minutes,
    flights.scheduled_duration_minutes,
    flights.air_time_minutes,
    flights.distance_miles,
    weather.observed_hour_utc as weather_observed_hour_utc,
    weather.known_at_utc as weather_known_at_utc,
    coalesce(weather.weather_condition, 'unknown') as weather_condition,
    weather.temperature_fahrenheit,
    weather.dew_point_fahrenheit,
    weather.relative_humidity_percent,
    weather.wind_direction_degrees,
    weather.wind_speed_mph,
    weather.wind_gust_mph,
    weather.precipitation_inches,
    weather.pressure_millibars,
    weather.visibility_miles,
    plane_versions.plane_version_key,
    plane_versions.manufacturer as plane_manufacturer,
    plane_versions.model as plane_model,
    plane_versions.manufacture_year as plane_manufacture_year,
    cast(extract(year from flights.flight_date) as {{ dbt.type_bigint() }})
        - plane_versions.manufacture_year as plane_age_years,
    plane_versions.seat_count as plane_seat_count,
    plane_versions.engine_count as plane_engine_count,
    plane_versions.engine_type as plane_engine_type
from flights
left join weather
    on flights.origin_code = weather.origin_code
    and flights.scheduled_departure_hour_utc = weather.scheduled_departure_hour_utc
left join plane_versions
    on flights.tail_number = plane_versions.tail_number
    and flights.scheduled_departure_utc >= plane_versions.applies_from_utc
    and flights.scheduled_departure_utc < plane_versions.applies_to_utc
