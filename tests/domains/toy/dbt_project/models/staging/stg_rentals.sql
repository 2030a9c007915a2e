with rentals as (

    select * from {{ source('raw', 'rentals') }}

)

select
    cast(partition_date as date) as partition_date,
    cast(rental_id as {{ dbt.type_bigint() }}) as rental_key,
    bike as bike_code,
    station_from as station_code,
    station_to as return_station_code,
    rider as rider_kind,
    cast(rented_at as {{ dbt.type_timestamp() }}) as rented_at_utc,
    cast(returned_at as {{ dbt.type_timestamp() }}) as returned_at_utc
from rentals
