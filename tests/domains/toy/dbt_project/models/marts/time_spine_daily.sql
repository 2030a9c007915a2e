-- 730 days are those of 2010 and 2011.
with numbers as (

    {{ dbt.generate_series(730) }}

)

select
    cast(
        {{ dbt.dateadd('day', 'cast(generated_number as integer) - 1', "cast('2010-01-01' as date)") }}
        as date
    ) as date_day
from numbers
