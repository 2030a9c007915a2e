with flights as (

    select * from {{ source('raw', 'flights') }}

)

select
    cast(partition_date as date) as partition_date,
    {{ date_of_parts('year', 'month', 'day') }} as flight_date,
    carrier as carrier_code,
    cast(flight as {{ dbt.type_bigint() }}) as flight_number,
    tailnum as tail_number,
    origin as origin_code,
    dest as destination_code,
    cast(time_hour as {{ dbt.type_timestamp() }}) as scheduled_departure_hour_utc,
    cast(hour as {{ dbt.type_bigint() }}) as scheduled_departure_hour_local,
    cast(minute as {{ dbt.type_bigint() }}) as scheduled_departure_minute,
    cast(sched_dep_time as {{ dbt.type_bigint() }}) as scheduled_departure_clock,
    cast(dep_time as {{ dbt.type_bigint() }}) as departure_clock,
    cast(sched_arr_time as {{ dbt.type_bigint() }}) as scheduled_arrival_clock,
    cast(arr_time as {{ dbt.type_bigint() }}) as arrival_clock,
    cast(dep_delay as {{ dbt.type_bigint() }}) as departure_delay_minutes,
    cast(arr_delay as {{ dbt.type_bigint() }}) as arrival_delay_minutes,
    cast(air_time as {{ dbt.type_bigint() }}) as air_time_minutes,
    cast(distance as {{ dbt.type_bigint() }}) as distance_miles
from flights
