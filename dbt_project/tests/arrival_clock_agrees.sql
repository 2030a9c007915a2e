-- The clock of the destination shows the arrival that schedule, delay and time zone give:
-- an independent reading of every rule in int_flights_timed.
{{ config(
    severity='warn',
    meta={
        'expected_failure_rate': 0.000003,
        'because': 'One flight of 2013 has an arrival clock that contradicts its delay.',
    },
) }}

with flights as (

    select * from {{ ref('int_flights_timed') }}
    where {{ partition_range() }} and actual_arrival_utc is not null

),

on_the_clock as (

    select
        *,
        {{ local_of_utc('actual_arrival_utc', 'destination_time_zone') }} as actual_arrival_local
    from flights

)

select *
from on_the_clock
where
    actual_arrival_local
    <> {{ add_minutes(
        'cast(cast(actual_arrival_local as date) as ' ~ dbt.type_timestamp() ~ ')',
        'mod(' ~ clock_minutes('arrival_clock') ~ ', 1440)'
    ) }}
