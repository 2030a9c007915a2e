with airports as (

    select * from {{ source('raw', 'airports') }}

)

select
    faa as airport_code,
    name as airport_name,
    cast(lat as {{ type_double() }}) as latitude_degrees,
    cast(lon as {{ type_double() }}) as longitude_degrees,
    cast(alt as {{ dbt.type_bigint() }}) as altitude_feet,
    tzone as time_zone
from airports
