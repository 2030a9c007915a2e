with weather as (

    select * from {{ source('raw', 'weather') }}

)

select
    cast(partition_date as date) as partition_date,
    origin as airport_code,
    cast(time_hour as {{ dbt.type_timestamp() }}) as observed_hour_utc,
    cast(temp as {{ type_double() }}) as temperature_fahrenheit,
    cast(dewp as {{ type_double() }}) as dew_point_fahrenheit,
    cast(humid as {{ type_double() }}) as relative_humidity_percent,
    cast(wind_dir as {{ dbt.type_bigint() }}) as wind_direction_degrees,
    cast(wind_speed as {{ type_double() }}) as wind_speed_mph,
    cast(wind_gust as {{ type_double() }}) as wind_gust_mph,
    cast(precip as {{ type_double() }}) as precipitation_inches,
    cast(pressure as {{ type_double() }}) as pressure_millibars,
    cast(visib as {{ type_double() }}) as visibility_miles
from weather
