with planes as (

    select * from {{ source('raw', 'planes') }}

)

select
    tailnum as tail_number,
    cast(year as {{ dbt.type_bigint() }}) as manufacture_year,
    type as plane_type,
    manufacturer,
    model,
    cast(engines as {{ dbt.type_bigint() }}) as engine_count,
    cast(seats as {{ dbt.type_bigint() }}) as seat_count,
    cast(speed as {{ dbt.type_bigint() }}) as cruising_speed_mph,
    engine as engine_type
from planes
