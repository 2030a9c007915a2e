-- 7670 days are those from 2010-01-01 to 2030-12-31.
with numbers as (

    {{ dbt.generate_series(7670) }}

)

select
    cast(
        {{ dbt.dateadd('day', 'cast(generated_number as integer) - 1', "cast('2010-01-01' as date)") }}
        as date
    ) as date_day
from numbers
