with airlines as (

    select * from {{ ref('stg_airlines') }}

)

select
    carrier_code,
    carrier_name
from airlines
