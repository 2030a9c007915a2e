{{ config(materialized='incremental', incremental_strategy='partition_range', on_schema_change='fail') }}

with departure_hours as (

    select distinct
        partition_date,
        origin_code,
        scheduled_departure_hour_utc
    from {{ ref('int_flights_timed') }}
    where {{ partition_range() }}

),

observations as (

    select * from {{ ref('stg_weather') }}

),

-- An observation may be used in the hours that begin after it became known.
usable as (

    select
        observations.*,
        {{ add_minutes(
            'observed_hour_utc',
            var('weather_known_after_minutes') ~ ' + 60 * hours.hours_after_known'
        ) }} as usable_in_hour_utc
    from observations
    cross join (
        {%- for hour in range(var('weather_usable_hours')) %}
        select {{ hour }} as hours_after_known
        {%- if not loop.last %} union all{% endif %}
        {%- endfor %}
    ) as hours

),

ranked as (

    select
        departure_hours.partition_date,
        departure_hours.origin_code,
        departure_hours.scheduled_departure_hour_utc,
        usable.observed_hour_utc,
        usable.temperature_fahrenheit,
        usable.dew_point_fahrenheit,
        usable.relative_humidity_percent,
        usable.wind_direction_degrees,
        usable.wind_speed_mph,
        usable.wind_gust_mph,
        usable.precipitation_inches,
        usable.pressure_millibars,
        usable.visibility_miles,
        row_number() over (
            partition by departure_hours.origin_code, departure_hours.scheduled_departure_hour_utc
            order by usable.observed_hour_utc desc
        ) as recency
    from departure_hours
    inner join usable
        on departure_hours.origin_code = usable.airport_code
        and departure_hours.scheduled_departure_hour_utc = usable.usable_in_hour_utc

)

select
    partition_date,
    origin_code,
    scheduled_departure_hour_utc,
    observed_hour_utc,
    {{ add_minutes('observed_hour_utc', var('weather_known_after_minutes')) }} as known_at_utc,
    temperature_fahrenheit,
    dew_point_fahrenheit,
    relative_humidity_percent,
    wind_direction_degrees,
    wind_speed_mph,
    wind_gust_mph,
    precipitation_inches,
    pressure_millibars,
    visibility_miles,
    case
        when precipitation_inches > 0 then 'precipitation'
        -- 3 miles: below it visual flight rules do not apply (14 CFR 91.155).
        when visibility_miles < 3 then 'low visibility'
        -- 20 mph: where the National Weather Service starts to call it windy.
        when wind_speed_mph >= 20 then 'windy'
        else 'clear'
    end as weather_condition
from ranked
where recency = 1
