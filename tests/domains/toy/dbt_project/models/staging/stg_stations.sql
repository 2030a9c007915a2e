with stations as (

    select * from {{ source('raw', 'stations') }}

)

select
    code as station_code,
    name as station_name,
    bank as river_bank,
    cast(docks as {{ dbt.type_bigint() }}) as dock_count,
    cast(elevation as {{ dbt.type_bigint() }}) as elevation_metres,
    cast(surveyed_at as {{ dbt.type_timestamp() }}) as surveyed_at_utc
from stations
