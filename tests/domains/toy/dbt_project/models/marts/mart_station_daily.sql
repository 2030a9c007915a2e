{{ config(materialized='incremental', incremental_strategy='partition_range', on_schema_change='fail') }}

with rentals as (

    select * from {{ ref('fct_rentals') }}
    where {{ partition_range() }}

),

counted as (

    select
        partition_date,
        station_code,
        rental_date,
        {{ hours_in_day('rental_date') }} as hours_in_day,
        {{ measure('rentals') }} as rentals,
        {{ measure('returned_rentals') }} as returned_rentals,
        {{ measure('overdue_rentals') }} as overdue_rentals,
        {{ measure('mean_duration_minutes') }} as mean_duration_minutes
    from rentals
    group by partition_date, station_code, rental_date

)

select
    partition_date,
    station_code,
    rental_date,
    hours_in_day,
    rentals,
    returned_rentals,
    overdue_rentals,
    mean_duration_minutes,
    {{ share('rentals', 'hours_in_day') }} as rentals_per_hour,
    {{ share('overdue_rentals', 'returned_rentals') }} as overdue_share
from counted
