with airlines as (

    select * from {{ source('raw', 'airlines') }}

)

select
    carrier as carrier_code,
    name as carrier_name
from airlines
