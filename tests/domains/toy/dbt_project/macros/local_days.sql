{#- Hours from midnight to midnight on the local clock: 23 or 25 when it is changed. -#}
{% macro hours_in_day(day) -%}
    {%- set zone = "'" ~ var('local_time_zone') ~ "'" -%}
    {%- set following = dbt.dateadd('day', 1, day) -%}
    cast(
        {{ minutes_between(
            utc_of_local('cast(' ~ day ~ ' as ' ~ dbt.type_timestamp() ~ ')', zone),
            utc_of_local('cast(' ~ following ~ ' as ' ~ dbt.type_timestamp() ~ ')', zone)
        ) }} / 60 as {{ dbt.type_bigint() }}
    )
{%- endmacro %}
