{{ config(materialized='incremental', incremental_strategy='partition_range', on_schema_change='fail') }}

with flights as (

    select * from {{ ref('stg_flights') }}
    where {{ partition_range() }}

),

airports as (

    select * from {{ ref('dim_airports') }}

),

departures as (

    select
        flights.*,
        airports.time_zone as destination_time_zone,
        {{ add_minutes('flights.scheduled_departure_hour_utc', 'flights.scheduled_departure_minute') }}
            as scheduled_departure_utc,
        flights.departure_clock is null as is_cancelled,
        flights.departure_clock is not null and flights.arrival_delay_minutes is null as is_diverted
    from flights
    left join airports on flights.destination_code = airports.airport_code

),

local_arrivals as (

    select
        *,
        -- The scheduled arrival on the destination's clock, on the local day of departure.
        {{ add_minutes(
            'cast(cast(' ~ local_of_utc('scheduled_departure_utc', 'destination_time_zone')
            ~ ' as date) as ' ~ dbt.type_timestamp() ~ ')',
            clock_minutes('scheduled_arrival_clock')
        ) }} as same_day_arrival_local
    from departures

),

same_day_arrivals as (

    select
        *,
        {{ utc_of_local('same_day_arrival_local', 'destination_time_zone') }} as same_day_arrival_utc
    from local_arrivals

),

scheduled as (

    select
        *,
        -- No flight takes a day: the arrival is the first time after the departure at
        -- which the destination's clock shows the scheduled arrival.
        case
            when same_day_arrival_utc > scheduled_departure_utc then same_day_arrival_utc
            else {{ utc_of_local(add_minutes('same_day_arrival_local', 1440), 'destination_time_zone') }}
        end as scheduled_arrival_utc
    from same_day_arrivals

),

timed as (

    select
        *,
        {{ add_minutes('scheduled_departure_utc', 'departure_delay_minutes') }} as actual_departure_utc,
        {{ add_minutes('scheduled_arrival_utc', 'arrival_delay_minutes') }} as actual_arrival_utc
    from scheduled

)

select
    cast(flight_date as {{ dbt.type_string() }})
        || '-' || carrier_code
        || '-' || cast(flight_number as {{ dbt.type_string() }})
        || '-' || origin_code
        || '-' || cast(scheduled_departure_clock as {{ dbt.type_string() }}) as flight_key,
    partition_date,
    flight_date,
    carrier_code,
    flight_number,
    tail_number,
    origin_code,
    destination_code,
    scheduled_departure_hour_utc,
    scheduled_departure_hour_local,
    {{ iso_weekday('flight_date') }} as flight_weekday,
    scheduled_departure_utc,
    actual_departure_utc,
    scheduled_arrival_utc,
    actual_arrival_utc,
    -- A cancelled flight is surely known to be so when it should have landed; a diverted
    -- one when it should have landed, had it flown as planned after its departure.
    case
        when is_cancelled then scheduled_arrival_utc
        when is_diverted then {{ add_minutes('scheduled_arrival_utc', 'case when departure_delay_minutes > 0 then departure_delay_minutes else 0 end') }}
        else actual_arrival_utc
    end as known_at_utc,
    is_cancelled,
    is_diverted,
    departure_delay_minutes,
    arrival_delay_minutes,
    {{ minutes_between('scheduled_departure_utc', 'scheduled_arrival_utc') }} as scheduled_duration_minutes,
    air_time_minutes,
    distance_miles,
    departure_clock,
    arrival_clock,
    destination_time_zone
from timed
