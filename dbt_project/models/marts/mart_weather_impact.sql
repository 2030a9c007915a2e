with flights as (

    select * from {{ ref('fct_flights') }}

)

select
    weather_condition,
    origin_code,
    {{ punctuality() }}
from flights
group by weather_condition, origin_code
