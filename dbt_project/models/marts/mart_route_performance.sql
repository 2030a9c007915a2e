with flights as (

    select * from {{ ref('fct_flights') }}

)

select
    origin_code,
    destination_code,
    carrier_code,
    {{ punctuality() }},
    {{ measure('mean_air_time_minutes') }} as mean_air_time_minutes,
    {{ measure('mean_distance_miles') }} as mean_distance_miles
from flights
group by origin_code, destination_code, carrier_code
