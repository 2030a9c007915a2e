{{ config(materialized='incremental', incremental_strategy='partition_range', on_schema_change='fail') }}

with flights as (

    select * from {{ ref('fct_flights') }}
    where {{ partition_range() }}

)

select
    partition_date,
    carrier_code,
    scheduled_departure_hour_utc,
    {{ punctuality() }}
from flights
group by partition_date, carrier_code, scheduled_departure_hour_utc
