{{ config(materialized='view') }}

with versions as (

    select * from {{ ref('snap_planes') }}

),

numbered as (

    select
        *,
        row_number() over (partition by tail_number order by valid_from_utc) as version_number
    from versions

)

select
    plane_version_key,
    tail_number,
    version_number,
    manufacture_year,
    plane_type,
    manufacturer,
    model,
    engine_count,
    seat_count,
    engine_type,
    -- What a plane was before its first snapshot is not known; the first version is the
    -- best answer.
    case
        when version_number = 1 then cast('1900-01-01' as {{ dbt.type_timestamp() }})
        else valid_from_utc
    end as applies_from_utc,
    coalesce(valid_to_utc, cast('2999-01-01' as {{ dbt.type_timestamp() }})) as applies_to_utc
from numbered
