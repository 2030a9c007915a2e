{{ config(materialized='view') }}

with days as (

    select * from {{ ref('time_spine_daily') }}

),

hours as (

    {{ dbt.generate_series(24) }}

)

select
    {{ add_minutes('cast(days.date_day as ' ~ dbt.type_timestamp() ~ ')', '(hours.generated_number - 1) * 60') }}
        as date_hour
from days
cross join hours
