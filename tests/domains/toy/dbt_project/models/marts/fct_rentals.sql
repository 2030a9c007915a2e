{{ config(materialized='incremental', incremental_strategy='partition_range', on_schema_change='fail') }}

with rentals as (

    select * from {{ ref('stg_rentals') }}
    where {{ partition_range() }}

),

timed as (

    select
        *,
        {{ local_of_utc('rented_at_utc', "'" ~ var('local_time_zone') ~ "'") }} as rented_at_local,
        {{ minutes_between('rented_at_utc', 'returned_at_utc') }} as duration_minutes
    from rentals

),

stations as (

    select * from {{ ref('dim_stations') }}

)

select
    timed.rental_key,
    timed.partition_date,
    cast(timed.rented_at_local as date) as rental_date,
    timed.bike_code,
    timed.station_code,
    stations.river_bank,
    timed.return_station_code,
    timed.rider_kind,
    timed.rented_at_utc,
    timed.returned_at_utc,
    -- A bike that is not back after a day is lost.
    coalesce(timed.returned_at_utc, {{ add_minutes('timed.rented_at_utc', 1440) }})
        as known_at_utc,
    cast(extract(hour from timed.rented_at_local) as {{ dbt.type_bigint() }})
        as rental_hour_local,
    {{ iso_weekday('timed.rented_at_local') }} as rental_weekday,
    timed.duration_minutes,
    case
        when timed.duration_minutes is not null
            then {{ measure_expression('overdue_rentals') }} = 1
    end as is_overdue
from timed
left join stations
    on timed.station_code = stations.station_code
