with planes as (

    select * from {{ ref('snap_planes') }}

)

select
    tail_number,
    manufacture_year,
    plane_type,
    manufacturer,
    model,
    engine_count,
    seat_count,
    cruising_speed_mph,
    engine_type,
    valid_from_utc
from planes
where valid_to_utc is null
