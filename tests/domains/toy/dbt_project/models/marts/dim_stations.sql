select
    station_code,
    station_name,
    river_bank,
    dock_count,
    elevation_metres,
    surveyed_at_utc
from {{ ref('stg_stations') }}
