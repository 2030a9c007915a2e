with airports as (

    select * from {{ ref('stg_airports') }}

),

supplement as (

    select * from {{ ref('airport_supplement') }}

)

select
    airport_code,
    airport_name,
    latitude_degrees,
    longitude_degrees,
    altitude_feet,
    time_zone,
    false as is_supplement
from airports

union all

select
    airport_code,
    airport_name,
    cast(latitude_degrees as {{ type_double() }}) as latitude_degrees,
    cast(longitude_degrees as {{ type_double() }}) as longitude_degrees,
    cast(altitude_feet as {{ dbt.type_bigint() }}) as altitude_feet,
    time_zone,
    true as is_supplement
from supplement
where airport_code not in (select airport_code from airports)
